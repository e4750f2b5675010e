"""Positions: what is held, at which price, and what it has brought; books and whitelists."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exo.errors import NotListed
from exo.mkt import Book, ExecType, Listing, Position, Report, Side, Whitelist, position_of

D = Decimal
BUY, SELL = Side.BUY, Side.SELL

prices = st.decimals(D("0.5"), D(500), places=2)
sizes = st.integers(1, 50).map(Decimal)
trades = st.lists(st.tuples(st.sampled_from(Side), sizes, prices), max_size=30)


def after(position: Position, executions: list[tuple[Side, Decimal, Decimal]]) -> Position:
    for side, qty, px in executions:
        position = position.traded(side, qty, px)
    return position


@given(trades, prices)
def test_realised_and_unrealised_are_the_cash_that_flowed(
    executions: list[tuple[Side, Decimal, Decimal]], px: Decimal
) -> None:
    """Within the rounding of the averages: half a unit of the last place for each share ever held."""
    listing = Listing(symbol="A", contract_multiplier=D(5))
    position = after(position_of(listing, "A"), executions)
    signed = [Fraction(qty if side is BUY else -qty) for side, qty, _ in executions]
    held = sum(signed, Fraction(0))
    cash = -sum((qty * Fraction(at) for qty, (_, _, at) in zip(signed, executions, strict=True)), Fraction(0))
    assert position.quantity == held
    exact = 5 * (cash + held * Fraction(px))
    slack = 5 * Fraction(1, 2) / 1000 * sum(map(abs, signed)) * max(1, len(executions))
    assert abs(Fraction(position.realised + position.mark(px)) - exact) <= slack


@given(trades)
def test_a_flat_position_has_no_price_and_every_other_lies_between_its_trades(
    executions: list[tuple[Side, Decimal, Decimal]],
) -> None:
    """Whatever was traded before."""
    position = position_of(None, "A")
    for side, qty, px in executions:
        position = position.traded(side, qty, px)
        if not position.quantity:
            assert position.avg_px == 0
        else:
            assert min(px for _, _, px in executions) <= position.avg_px <= max(px for _, _, px in executions)


@given(st.lists(st.tuples(sizes, prices), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_trades_of_one_side_may_come_in_any_order(fills: list[tuple[Decimal, Decimal]], rng: object) -> None:
    """The quantity is the same, the average within its rounding."""
    forwards = after(position_of(None, "A"), [(BUY, *fill) for fill in fills])
    backwards = after(position_of(None, "A"), [(BUY, *fill) for fill in reversed(fills)])
    assert forwards.quantity == backwards.quantity
    assert abs(forwards.avg_px - backwards.avg_px) <= len(fills) * D("1E-8")


def test_an_inverse_contract_is_sized_in_the_quote_currency_and_brings_the_base() -> None:
    """100,000 dollars of it from 50,000 to 60,000: 2 coins less 1.666..."""
    listing = Listing(symbol="XBTUSD", tick=D("0.5"), inverse=True)
    position = position_of(listing, "XBTUSD").traded(BUY, D(100_000), D(50_000))
    assert position.mark(D(62_500)) == D("0.4") and position.valuation(D(50_000)) == 2
    closed = position.traded(SELL, D(100_000), D(62_500))
    assert closed.realised == D("0.4") and closed.quantity == 0
    short = position_of(listing, "XBTUSD").traded(SELL, D(100_000), D(62_500))
    assert short.mark(D(50_000)) == D("0.4")


def test_the_average_of_an_inverse_contract_is_the_harmonic_one() -> None:
    """As many coins as were bought, not as many dollars."""
    position = position_of(Listing(symbol="I", tick=D("0.01"), inverse=True), "I")
    position = position.traded(BUY, D(100), D(50)).traded(BUY, D(100), D(100))
    assert position.avg_px == D("66.667")


@pytest.mark.parametrize(
    ("currency", "quantity", "fees"),
    [("USDT", 10, "0.01"), ("BTC", "9.99", 0), (None, 10, "0.01"), ("BNB", 10, "0.01")],
)
def test_a_fee_in_the_base_asset_reduces_what_is_held(currency: str | None, quantity: object, fees: object) -> None:
    """Any other is a cost."""
    position = position_of(None, "BTCUSDT", "BTC").traded(BUY, D(10), D(100), D("0.01"), currency)
    assert (position.quantity, position.fees, position.avg_px) == (D(str(quantity)), D(str(fees)), 100)


def test_a_rebate_is_a_fee_that_is_earned() -> None:
    """Less than 0."""
    assert position_of(None, "A").traded(BUY, D(1), D(100), D("-0.02")).fees == D("-0.02")


def test_a_position_is_a_value() -> None:
    """The old one is as it was."""
    before = position_of(None, "A")
    before.traded(BUY, D(1), D(1))
    assert before == position_of(None, "A")


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

    def report(kind: ExecType, **more: object) -> Report:
        ids = {"order_id": "P", "symbol": "BTCUSDT", "side": BUY, "transact_time": None}
        return Report(**ids, exec_type=kind, **more)  # type: ignore[arg-type]

    assert book.on_report(report(ExecType.NEW)) is None and len(book) == 0
    fill = {"last_qty": D(2), "last_px": D(10), "commission": D("0.002"), "comm_currency": "BTC"}
    position = book.on_report(report(ExecType.TRADE, **fill))
    assert position is not None and position.quantity == D("1.998") and position.fees == 0


def test_a_whitelist_finds_adds_and_changes() -> None:
    """A symbol has one listing."""
    whitelist = Whitelist([Listing(symbol="A")])
    assert "A" in whitelist and "B" not in whitelist and 5 not in whitelist and len(whitelist) == 1
    whitelist.add(Listing(symbol="B", tick=D(1)))
    whitelist.add(Listing(symbol="A", tick=D(5)))
    assert [listing.tick for listing in whitelist] == [5, 1]


def test_what_a_lookup_does_not_find_is_asked_for_again() -> None:
    """It may be listed by then; what was found is kept."""
    asked: list[str] = []
    found = {"A": Listing(symbol="A")}

    def lookup(symbol: str) -> Listing | None:
        asked.append(symbol)
        return found.get(symbol)

    whitelist = Whitelist(lookup=lookup)
    for symbol in ("A", "A", "B"):
        whitelist.get(symbol)
    found["B"] = Listing(symbol="B")
    assert "B" in whitelist and asked == ["A", "B", "B"]


def test_what_is_not_listed_is_refused_with_a_sentence() -> None:
    """And no position is made."""
    book = Book(Whitelist([Listing(symbol="A")]))
    with pytest.raises(NotListed, match="B is not listed: add its Listing"):
        book.traded("B", BUY, D(1), D(1))
    assert len(book) == 0 and book.traded("A", BUY, D(1), D(1)) is not None
