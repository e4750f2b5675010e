"""Values are frozen, keyword-only, hashable, and checked however they are made."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_values import EXAMPLES, HOSTILE, NOON, D, PegOrder, name_of

from exo.errors import InvalidValue, UserError
from exo.mkt import (
    FeedState,
    FeedStatus,
    Instruction,
    Listing,
    MsgType,
    Order,
    Quote,
    Report,
    Side,
    Trade,
    Value,
    span_of,
)
from exo.mkt.value import camel

each_value = pytest.mark.parametrize("value", EXAMPLES, ids=name_of)
DECIMALS = [
    (value, name) for value in EXAMPLES for name in value.__struct_fields__ if isinstance(getattr(value, name), Decimal)
]
each_decimal = pytest.mark.parametrize(
    ("value", "name"), DECIMALS, ids=[f"{name_of(value)}.{name}" for value, name in DECIMALS]
)


class Iceberg(PegOrder):
    """A user's order made from a user's order."""

    show: Decimal
    account: str | None = None


def with_(value: Value, **changed: Any) -> Value:
    """The value made anew with some fields changed, as a caller makes it."""
    return type(value)(**(msgspec.structs.asdict(value) | changed))


def refused(value: Value, **changed: Any) -> InvalidValue:
    """The error of making such a value."""
    with pytest.raises(InvalidValue) as caught:
        with_(value, **changed)
    return caught.value


def iceberg(**changed: Any) -> Iceberg:
    """One that is right but for what is changed."""
    good: dict[str, Any] = dict(side=Side.BUY, symbol="A", order_qty=D(1), price=D(2), show=D(1))
    return Iceberg(**good | changed)


@each_value
def test_c12_values_are_frozen(value: Value) -> None:
    """Assignment and deletion are refused, for every field."""
    before = repr(value)
    for name in value.__struct_fields__:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(value, name, getattr(value, name))
        with pytest.raises(AttributeError, match="immutable"):
            delattr(value, name)
    with pytest.raises(AttributeError):
        value.something_new = 1  # type: ignore[attr-defined]
    assert repr(value) == before


def test_c12_a_users_order_is_frozen_without_a_word() -> None:
    """Frozen and keyword-only are inherited, twice over."""
    order = iceberg()
    with pytest.raises(AttributeError, match="immutable"):
        order.show = D(5)  # type: ignore[misc]
    with pytest.raises(TypeError):
        Iceberg(D(1), D(2), D(1))  # type: ignore[misc, call-arg]
    assert hash(order) == hash(iceberg())
    assert {order: 1}[iceberg(show=D("1.0"))] == 1


@each_value
def test_equal_values_have_equal_hashes(value: Value) -> None:
    """So they may be members of sets; a copied and a pickled value is equal too."""
    same = with_(value)
    assert same is not value
    assert same == value
    assert hash(same) == hash(value)
    assert len({value, same, copy.deepcopy(value), pickle.loads(pickle.dumps(value))}) == 1


def test_a_different_value_is_not_equal() -> None:
    """In one field or in its type."""
    order = iceberg()
    assert order != iceberg(price=D(3))
    assert order != PegOrder(side=Side.BUY, symbol="A", order_qty=D(1), price=D(2))
    assert Order(side=Side.BUY, symbol="A") != Order(side=Side.SELL, symbol="A")


def test_a_span_is_hashable_too() -> None:
    """Spans of equal ticks are one member of a set."""
    spans = {span_of(Trade("A", D(1), D(2))), span_of(Trade("A", D("1.0"), D("2.0")))}
    assert len(spans) == 1


@pytest.mark.parametrize("cls", [Order, Report, Listing, FeedStatus, Instruction, PegOrder])
def test_values_are_made_by_keyword(cls: type[Value]) -> None:
    """Nobody counts positions, and a field that is not there is an error."""
    with pytest.raises(TypeError, match="positional"):
        cls("A")
    with pytest.raises(TypeError, match="nonsense"):
        cls(nonsense=1)
    with pytest.raises(TypeError, match="required"):
        cls()


def test_ticks_alone_are_made_by_position() -> None:
    """Feed handlers make millions of them; their order is the one in which they are read."""
    quote = Quote("A", D(1), D(2), D(3), D(4), 5, 6, NOON)
    assert quote == Quote(
        symbol="A", bid_px=D(1), bid_size=D(2), ask_px=D(3), ask_size=D(4), received_ns=5, rpt_seq=6, transact_time=NOON
    )
    trade = Trade("A", D(1), D(2), Side.BUY, 3, 4, "5", NOON)
    assert trade == Trade(
        symbol="A", last_px=D(1), last_qty=D(2), aggressor=Side.BUY, received_ns=3, rpt_seq=4, trade_id="5",
        transact_time=NOON,
    )  # fmt: skip


@each_decimal
@pytest.mark.parametrize("bad", [1.5, 0.0, float("nan"), 1, 0, True, "1", b"1", [], (1,), object()], ids=repr)
def test_c19_a_float_at_the_door_is_an_error(value: Value, name: str, bad: object) -> None:
    """Every number is a Decimal, and nothing that merely looks like one; the error says where and what to write."""
    error = refused(value, **{name: bad})
    assert error.where == f"$.{camel(name)}"
    assert f"got {type(bad).__name__}" in error.problem
    if type(bad) in (int, float):
        assert error.problem.endswith(f"write Decimal('{bad}')")


@each_decimal
@pytest.mark.parametrize("bad", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"])
def test_c19_nan_and_infinity_at_the_door_are_an_error(value: Value, name: str, bad: str) -> None:
    """In any decimal context: with traps on nothing else is raised, with traps off nothing gets through."""
    number = D(bad)
    for context in [None, *HOSTILE]:
        with localcontext(context):
            error = refused(value, **{name: number})
        assert error.where == f"$.{camel(name)}"
        assert "expected a finite number" in error.problem


@each_decimal
@pytest.mark.parametrize(
    "bad", ["1E60", "-1E60", "5E60", "1E-61", "1E-1000", "1E999999", "1." + "0" * 59 + "1", "9" * 61]
)
def test_c19_a_number_that_sums_cannot_hold_is_an_error(value: Value, name: str, bad: str) -> None:
    """Below 1E60, with at most 60 digits and 60 places: within that, sums and products are exact."""
    number = D(bad)
    for context in [None, *HOSTILE]:
        with localcontext(context):
            error = refused(value, **{name: number})
        assert error.where == f"$.{camel(name)}"
        assert "60" in error.problem or "at least" in error.problem
        assert len(str(error)) < 160


@each_decimal
@pytest.mark.parametrize(
    "good", ["9" * 60, "1E59", "1E-60", f"{'9' * 30}.{'9' * 30}", "0." + "9" * 60, "1." + "0" * 80]
)
def test_c19_the_edges_are_taken_as_they_are(value: Value, name: str, good: str) -> None:
    """Not a digit is lost, in any decimal context."""
    number = D(good)
    for context in [None, *HOSTILE]:
        with localcontext(context):
            made = with_(value, **{name: number})
        assert getattr(made, name) is number


@pytest.mark.parametrize(
    ("value", "name", "zero", "negative"),
    [
        (value, name, zero, negative)
        for value, name, zero, negative in [
            (EXAMPLES[0], "bid_px", True, True),
            (EXAMPLES[0], "ask_px", True, True),
            (EXAMPLES[0], "bid_size", True, False),
            (EXAMPLES[0], "ask_size", True, False),
            (EXAMPLES[1], "last_px", True, True),
            (EXAMPLES[1], "last_qty", False, False),
            (EXAMPLES[4], "order_qty", False, False),
            (EXAMPLES[4], "price", True, True),
            (EXAMPLES[4], "stop_px", True, True),
            (EXAMPLES[4], "offset", True, True),
            (EXAMPLES[6], "tick", False, False),
            (EXAMPLES[6], "lot", False, False),
            (EXAMPLES[6], "min_qty", True, False),
            (EXAMPLES[6], "min_notional", True, False),
            (EXAMPLES[6], "contract_multiplier", False, False),
            (EXAMPLES[7], "last_qty", True, False),
            (EXAMPLES[7], "last_px", True, True),
            (EXAMPLES[7], "order_qty", False, False),
            (EXAMPLES[7], "cum_qty", True, False),
            (EXAMPLES[7], "leaves_qty", True, False),
            (EXAMPLES[7], "avg_px", True, True),
            (EXAMPLES[7], "commission", True, True),
        ]
    ],
)
def test_quantities_are_not_negative_and_what_must_be_is_more_than_0(
    value: Value, name: str, zero: bool, negative: bool
) -> None:
    """Prices may be 0 or less, and so may a commission."""
    for number, allowed in ((D(0), zero), (D("-0"), zero), (D("-1"), negative), (D("-1E-60"), negative)):
        if allowed:
            assert getattr(with_(value, **{name: number}), name) == number
        else:
            assert refused(value, **{name: number}).where == f"$.{camel(name)}"


@pytest.mark.parametrize(
    ("value", "name", "bad"),
    [
        (EXAMPLES[0], "symbol", 5),
        (EXAMPLES[0], "received_ns", 1.5),
        (EXAMPLES[0], "received_ns", True),
        (EXAMPLES[0], "rpt_seq", "7"),
        (EXAMPLES[0], "transact_time", 1_700_000_000),
        (EXAMPLES[0], "transact_time", datetime(2024, 8, 8)),
        (EXAMPLES[1], "symbol", 5),
        (EXAMPLES[1], "aggressor", "BUY"),
        (EXAMPLES[1], "received_ns", 1.5),
        (EXAMPLES[1], "rpt_seq", 7.0),
        (EXAMPLES[1], "trade_id", 7),
        (EXAMPLES[1], "transact_time", datetime(2024, 8, 8)),
        (EXAMPLES[2], "state", "LIVE"),
        (EXAMPLES[2], "symbol", 5),
        (EXAMPLES[2], "symbol", ""),
        (EXAMPLES[2], "text", None),
        (EXAMPLES[2], "received_ns", 1.5),
        (EXAMPLES[3], "side", "BUY"),
        (EXAMPLES[3], "side", None),
        (EXAMPLES[3], "side", MsgType.NEW),
        (EXAMPLES[3], "symbol", None),
        (EXAMPLES[4], "ord_type", "LIMIT"),
        (EXAMPLES[4], "levels", (D(1), 1.5)),
        (EXAMPLES[4], "levels", (D("NaN"),)),
        (EXAMPLES[4], "levels", [D(1)]),
        (EXAMPLES[4], "note", 5),
        (EXAMPLES[5], "msg_type", "NEW"),
        (EXAMPLES[5], "order", "an order"),
        (EXAMPLES[5], "order", None),
        (EXAMPLES[5], "exec_inst", "HOLD"),
        (EXAMPLES[6], "symbol", ""),
        (EXAMPLES[6], "venue", None),
        (EXAMPLES[6], "inverse", 1),
        (EXAMPLES[7], "order_id", None),
        (EXAMPLES[7], "transact_time", datetime(2024, 8, 8)),
        (EXAMPLES[7], "ord_status", "FILLED"),
        (EXAMPLES[7], "ord_rej_reason", True),
        (EXAMPLES[7], "exec_inst", 5),
        (EXAMPLES[7], "received_ns", 1.5),
    ],
)
def test_a_value_of_the_wrong_type_does_not_exist(value: Value, name: str, bad: object) -> None:
    """Not only Decimals: what a hint says holds when the value is made in Python, too."""
    assert refused(value, **{name: bad}).where == f"$.{camel(name)}"


@pytest.mark.parametrize(
    "name", ["bid_px", "bid_size", "ask_px", "ask_size", "received_ns", "rpt_seq", "transact_time"]
)
def test_c16_what_is_unknown_of_a_quote_is_none(name: str) -> None:
    """An empty side, an unknown size, no time: None, and 0 stays 0."""
    assert getattr(with_(EXAMPLES[0], **{name: None}), name) is None


def test_c16_locked_and_crossed_are_states() -> None:
    """No error, and neither where a side is empty."""
    for bid, ask, locked, crossed in [("1", "2", 0, 0), ("2", "2.0", 1, 0), ("3", "2", 0, 1), ("0", "0", 1, 0)]:
        quote = Quote("A", D(bid), None, D(ask), None)
        assert (quote.locked, quote.crossed) == (locked, crossed)
    for quote in (
        Quote("A", None, None, None, None),
        Quote("A", D(1), None, None, None),
        Quote("A", None, None, D(1), None),
    ):
        assert not quote.locked
        assert not quote.crossed


def test_c16_only_live_data_is_not_stale() -> None:
    """Gap, silence and disconnect are; and a halted market must not be traded on either."""
    stale = {state: FeedStatus(state=state).stale for state in FeedState}
    assert stale == {state: state is not FeedState.LIVE for state in FeedState} and len(stale) == 5


def test_a_users_order_keeps_the_checks_of_its_base() -> None:
    """Its own Decimals, those of the vocabulary by name, and the identity."""
    assert iceberg().show == 1
    for changed, where in [
        (dict(show=1.5), "$.show"),
        (dict(show=D("NaN")), "$.show"),
        (dict(order_qty=D(0)), "$.orderQty"),
        (dict(price=1.5), "$.price"),
        (dict(account=5), "$.account"),
        (dict(order_id="x" * 21), "$.orderID"),
        (dict(symbol=""), "$.symbol"),
        (dict(side="BUY"), "$.side"),
    ]:
        with pytest.raises(InvalidValue) as caught:
            iceberg(**changed)
        assert caught.value.where == where
        assert isinstance(caught.value, UserError)
        assert isinstance(caught.value, ValueError)


def test_a_replaced_value_is_checked_as_a_new_one() -> None:
    """There is no way round."""
    order = iceberg()
    assert msgspec.structs.replace(order, price=D(3)).price == 3
    with pytest.raises(InvalidValue):
        msgspec.structs.replace(order, price=1.5)
    with pytest.raises(InvalidValue):
        copy.replace(order, price=1.5) if hasattr(copy, "replace") else order.__replace__(price=1.5)  # type: ignore[attr-defined]


ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-"


@given(order_id=st.text(max_size=22) | st.text(ALPHABET, max_size=22) | st.text(ALPHABET + "\n_ é", max_size=4))
def test_c01_an_order_id_is_up_to_20_of_its_alphabet(order_id: str) -> None:
    """And nothing else, in an order and in a user's."""
    if 1 <= len(order_id) <= 20 and set(order_id) <= set(ALPHABET):
        assert Order(order_id=order_id, side=Side.BUY, symbol="A").order_id == order_id
        assert iceberg(order_id=order_id).order_id == order_id
        return
    for make in (lambda: Order(order_id=order_id, side=Side.BUY, symbol="A"), lambda: iceberg(order_id=order_id)):
        with pytest.raises(InvalidValue) as caught:
            make()
        assert caught.value.where == "$.orderID"


@pytest.mark.parametrize("symbol", ["BTCUSDT.BINANCE", "XRP-USD", "BRK/B", "ES_Z4", "6E", "µ", "日経"])
def test_c01_a_symbol_is_any_text_without_blanks(symbol: str) -> None:
    """Venues have many tastes."""
    for made in symbolic(symbol):
        assert made.symbol == symbol  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "symbol", ["", " ", "A B", " A", "A ", "A\n", "\tA", "A\u00a0B", "A\u2003", "A\x00", 5, None, b"A"]
)
def test_c01_a_symbol_with_blanks_or_none_is_refused(symbol: Any) -> None:
    """Everywhere alike: order, quote, trade, listing and status."""
    refusals = 0
    for cls in (Order, Quote, Trade, Listing, FeedStatus):
        if cls is FeedStatus and symbol is None:
            continue
        with pytest.raises(InvalidValue) as caught:
            next(made for made in symbolic(symbol, cls))
        assert caught.value.where == "$.symbol"
        refusals += 1
    assert refusals >= 4


def symbolic(symbol: Any, *classes: type) -> Any:
    """A value of each type that has a symbol."""
    makers = {
        Order: lambda: Order(side=Side.BUY, symbol=symbol),
        Quote: lambda: Quote(symbol, D(1), D(1), D(2), D(1)),
        Trade: lambda: Trade(symbol, D(1), D(1)),
        Listing: lambda: Listing(symbol=symbol),
        FeedStatus: lambda: FeedStatus(state=FeedState.LIVE, symbol=symbol),
    }
    for cls in classes or makers:
        yield makers[cls]()  # type: ignore[index, no-untyped-call]


def test_a_number_or_text_of_a_subclass_is_as_good() -> None:
    """A feed library's own Decimal or str."""

    class Px(Decimal):
        pass

    class Name(str):
        __slots__ = ()

    quote = Quote(Name("A"), Px("1"), D(1), Px("2"), D(1))
    assert (quote.symbol, quote.spread, quote.mid) == ("A", 1, D("1.5"))
    assert Trade(Name("A"), Px("1"), Px("2")).last_qty == 2
    with pytest.raises(InvalidValue):
        Trade("A", Px("NaN"), D(1))
