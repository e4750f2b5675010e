"""Books: the positions of an account, what they add up to, and executions that are taken back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exo.errors import InvalidValue, NotListed, UnknownExecution
from exo.mkt import Book, ExecType, Execution, Listing, Position, Report, Side, Whitelist, position_of

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LISTING = Listing(symbol="BTCUSDT", tick=D(1), currency="USDT")

prices = st.decimals(D("0.5"), D(500), places=2)
executions = st.builds(
    Execution,
    side=st.sampled_from(Side),
    last_qty=st.integers(1, 50).map(Decimal),
    last_px=prices,
    commission=st.decimals(D(-2), D(2), places=3),
    comm_currency=st.sampled_from(["USDT", "BTC", "BNB"]),
)
histories = st.lists(executions, min_size=1, max_size=15)


def report(kind: ExecType, **more: Any) -> Report:
    return Report(**({"order_id": "P", "symbol": "BTCUSDT", "side": BUY, "transact_time": None} | more), exec_type=kind)


def book_of(fills: list[Execution], **how: Any) -> Book:
    """A book in which each execution is called by its number."""
    book = Book(Whitelist([LISTING]), base_of=lambda symbol: symbol[:3], **how)
    for number, fill in enumerate(fills):
        tell(book, fill, str(number))
    return book


def position_after(fills: list[Execution]) -> Position:
    """What a book of these should hold."""
    return position_of(LISTING, "BTCUSDT", "BTC").after(*fills)


def tell(book: Book, fill: Execution, exec_id: str) -> None:
    told = {name: getattr(fill, name) for name in ("side", "last_qty", "last_px", "commission", "comm_currency")}
    book.traded("BTCUSDT", **told, exec_id=exec_id)


def test_a_book_adds_up_its_positions() -> None:
    """Realised, unrealised at their marks, fees, and all of that."""
    book = Book()
    book.traded("A", BUY, D(10), D(5), D("0.5"))
    book.traded("A", SELL, D(4), D(6), D("0.1"))
    book.traded("B", SELL, D(2), D(100))
    assert (book.realised, book.unrealised, book.fees) == (4, 0, D("0.6"))
    book.mark("A", D(7))
    book.mark("B", D(90))
    book.mark("C", D(1))
    assert book.unrealised == 6 * 2 + 2 * 10 and book.profit == D("35.4")
    book.adjust("A", D("-0.4"))
    assert book.realised == D("3.6")
    book.reset()
    assert (book.realised, book.fees, len(book)) == (0, 0, 2)
    assert {position.symbol for position in book} == {"A", "B"} and book.get("C") is None


def test_a_book_takes_executions_as_reports() -> None:
    """And nothing else."""
    book = Book(base_of=lambda symbol: symbol[:3])

    assert book.on_report(report(ExecType.NEW)) is None and len(book) == 0
    fill = {"last_qty": D(2), "last_px": D(10), "commission": D("0.002"), "comm_currency": "BTC"}
    position = book.on_report(report(ExecType.TRADE, **fill))
    assert position is not None and position.quantity == D("1.998") and position.fees == 0


def test_what_is_not_listed_is_refused_with_a_sentence() -> None:
    """And no position is made."""
    book = Book(Whitelist([Listing(symbol="A")]))
    with pytest.raises(NotListed, match="B is not listed: add its Listing"):
        book.traded("B", BUY, D(1), D(1))
    assert len(book) == 0 and book.traded("A", BUY, D(1), D(1)) is not None


@given(histories, st.data())
def test_a_busted_execution_leaves_the_position_as_if_it_had_never_been(
    fills: list[Execution], data: st.DataObject
) -> None:
    """In every field, its fee included."""
    out = data.draw(st.integers(0, len(fills) - 1))
    book = book_of(fills)
    told = book.busted("BTCUSDT", str(out))
    assert told == book.get("BTCUSDT") == position_after(fills[:out] + fills[out + 1 :])


@given(histories, executions, st.data())
def test_a_corrected_execution_counts_where_the_wrong_one_stood(
    fills: list[Execution], right: Execution, data: st.DataObject
) -> None:
    """With its new quantity and price and the old fee; it can be taken back under its new name only."""
    at = data.draw(st.integers(0, len(fills) - 1))
    book, wanted = book_of(fills), list(fills)
    told = book.corrected("BTCUSDT", str(at), right.last_qty, right.last_px, exec_id="new")
    old = fills[at]
    wanted[at] = Execution(
        side=old.side,
        last_qty=right.last_qty,
        last_px=right.last_px,
        commission=old.commission,
        comm_currency=old.comm_currency,
    )
    assert told == position_after(wanted)
    with pytest.raises(UnknownExecution):
        book.busted("BTCUSDT", str(at))
    assert book.busted("BTCUSDT", "new") == position_after(fills[:at] + fills[at + 1 :])


@given(histories, histories, prices)
def test_what_is_taken_back_after_a_reset_falls_into_the_new_period(
    fills: list[Execution], more: list[Execution], px: Decimal
) -> None:
    """What the old period reported and the new one's profit are together what they would have been without it."""

    def profit(book: Book) -> Decimal:
        book.mark("BTCUSDT", px)
        return book.profit

    book = book_of(fills)
    book.adjust("BTCUSDT", D("1.5"))
    reported, fees = book.realised, book.fees
    book.reset()
    for number, fill in enumerate(more):
        tell(book, fill, f"more {number}")
    book.busted("BTCUSDT", "0")
    without = book_of(fills[1:] + more)
    without.adjust("BTCUSDT", D("1.5"))
    assert reported - fees + profit(book) == profit(without)


@given(histories, st.integers(0, 5))
def test_c11_a_book_keeps_the_newest_executions_and_no_more(fills: list[Execution], keep: int) -> None:
    """The position is the same however many; an older one is refused and nothing is changed."""
    book = book_of(fills, keep=keep)
    before = position_after(fills)
    assert book.get("BTCUSDT") == before
    for number in range(len(fills) - keep):
        with pytest.raises(UnknownExecution, match=f"execution {number} of BTCUSDT is not here"):
            book.busted("BTCUSDT", str(number))
    assert book.get("BTCUSDT") == before
    for number in range(max(0, len(fills) - keep), len(fills)):
        book.busted("BTCUSDT", str(number))
    assert book.get("BTCUSDT") == position_after(fills[: max(0, len(fills) - keep)])


def test_orders_may_call_their_executions_by_the_same_name() -> None:
    """Whoever tells the order takes back that one's, whoever does not the newest."""
    book = Book()
    for order_id, qty in (("P", 1), ("Q", 2), ("R", 4)):
        book.traded("A", BUY, D(qty), D(10), exec_id="1", order_id=order_id)
    assert book.busted("A", "1", order_id="P").quantity == 6
    assert book.busted("A", "1").quantity == 2


def test_a_book_takes_busts_and_corrections_as_reports() -> None:
    """They name the execution; whoever wants to know is told of each."""
    told: list[Position] = []
    book = Book(on_position=told.append)
    book.on_report(report(ExecType.TRADE, exec_id="1", last_qty=D(2), last_px=D(10), commission=D("0.5")))
    new = {"exec_id": "2", "exec_ref_id": "1", "last_qty": D(1), "last_px": D(11)}
    book.on_report(report(ExecType.TRADE_CORRECT, **new))
    assert (told[-1].quantity, told[-1].avg_px, told[-1].fees) == (1, 11, D("0.5"))
    book.on_report(report(ExecType.TRADE_CANCEL, exec_id="3", exec_ref_id="2"))
    assert told[-1] == position_of(None, "BTCUSDT") and len(told) == 3


@pytest.mark.parametrize(
    ("kind", "without", "where"),
    [
        (ExecType.TRADE, {"symbol": None}, "symbol"),
        (ExecType.TRADE, {"side": None}, "side"),
        (ExecType.TRADE_CANCEL, {}, "execRefID"),
        (ExecType.TRADE_CORRECT, {}, "execRefID"),
    ],
)
def test_an_execution_that_does_not_say_of_what_is_refused(kind: ExecType, without: Any, where: str) -> None:
    """It is not passed over in silence."""
    with pytest.raises(InvalidValue, match=where):
        Book().on_report(report(kind, **({"last_qty": D(1), "last_px": D(1)} | without)))


def test_c19_no_bad_correction_or_mark_enters_a_book() -> None:
    """And what was there stays."""
    book = Book()
    before = book.traded("A", BUY, D(1), D(10), exec_id="1")
    for qty in (D(-1), D("NaN"), 1.5):
        with pytest.raises(InvalidValue, match="lastQty"):
            book.corrected("A", "1", qty, D(1))  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="px"):
        book.mark("A", D("NaN"))
    with pytest.raises(UnknownExecution, match="1 of B"):
        book.busted("B", "1")
    assert book.get("A") == before and book.unmarked == ["A"]


def test_a_book_names_what_it_holds_without_a_mark() -> None:
    """What that would bring is not known; what is flat needs no mark."""
    book = Book()
    book.traded("A", BUY, D(1), D(10))
    book.traded("B", BUY, D(1), D(10))
    book.traded("C", BUY, D(1), D(10))
    book.traded("C", SELL, D(1), D(10))
    book.mark("B", D(11))
    assert book.unmarked == ["A"] and book.unrealised == 1


def test_a_trade_of_nothing_is_passed_over_whether_listed_or_not() -> None:
    """No error, no position, nobody told."""
    told: list[Position] = []
    book = Book(Whitelist(), on_position=told.append)
    assert book.traded("A", BUY, D(0), D(1)) is None
    assert (len(book), told) == (0, [])
