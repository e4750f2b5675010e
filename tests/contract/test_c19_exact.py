"""C19: Decimal end to end; a float, NaN or Infinity at the door is an error."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import exo
from exo.errors import InvalidValue
from exo.mkt import Value, cum_qty_avg_px, decode, decode_instruction, encode, fold

from .helpers import D, Made, PegOrder, buy, quote, report, settled, trade, virtual


class Wide(exo.Order):
    """Every way in which a user may write a Decimal field."""

    price: Decimal | None = None
    my_own: Decimal = D(0)
    maybe: Decimal | None = None
    levels: tuple[Decimal, ...] = ()


BAD: list[Any] = [
    1.5, 0.0, float("nan"), float("inf"), -float("inf"), D("NaN"), D("sNaN"), D("-NaN"), D("Infinity"), D("-Infinity"),
    1, True, "1", b"1", 1j, [D(1)], object(),
]  # fmt: skip

FIELDS: list[tuple[type[Value], str, dict[str, Any]]] = [
    *(
        (Wide, name, {"side": exo.Side.BUY, "symbol": "A"})
        for name in ("price", "my_own", "maybe")
    ),
    *(
        (exo.Quote, name, {"symbol": "A", "bid_px": D(1), "bid_size": D(1), "ask_px": D(2), "ask_size": D(1)})
        for name in ("bid_px", "bid_size", "ask_px", "ask_size")
    ),
    *((exo.Trade, name, {"symbol": "A", "last_px": D(1), "last_qty": D(1)}) for name in ("last_px", "last_qty")),
    *(
        (exo.Report, name, {"order_id": "X", "transact_time": None})
        for name in ("last_qty", "last_px", "order_qty", "price", "cum_qty", "leaves_qty", "avg_px", "commission")
    ),
    *(
        (exo.Listing, name, {"symbol": "A"})
        for name in ("tick", "lot", "min_qty", "min_notional", "contract_multiplier")
    ),
]  # fmt: skip
IDS = [f"{cls.__name__}.{name}" for cls, name, _ in FIELDS]


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize(("cls", "name", "good"), FIELDS, ids=IDS)
def test_c19_what_is_no_finite_decimal_is_refused_in_every_field(cls: Any, name: str, good: Any, bad: Any) -> None:
    """With an error that names the field."""
    cls(**good)
    with pytest.raises(InvalidValue) as caught:
        cls(**(good | {name: bad}))
    head, *tail = name.split("_")
    assert caught.value.where == "$." + head + "".join("ID" if t == "id" else t.capitalize() for t in tail)


@pytest.mark.parametrize("bad", [1.5, D("NaN"), D("Infinity"), 1, "1"], ids=repr)
def test_c19_the_members_of_a_tuple_are_looked_at_too(bad: Any) -> None:
    """One float among Decimals."""
    with pytest.raises(InvalidValue, match="levels"):
        Wide(side=exo.Side.BUY, symbol="A", levels=(D(1), bad, D(2)))


@pytest.mark.parametrize("bad", ["1e60", "-1e60", "1e999999", "1" * 61, "1e-61", "0." + "1" * 61])
@pytest.mark.parametrize("make", [lambda n: quote(n, None), trade, lambda n: buy(price=D(n))])
def test_c19_a_number_too_large_or_too_fine_to_be_exact_is_refused(make: Any, bad: str) -> None:
    """Rather than rounded later."""
    with pytest.raises(InvalidValue):
        make(bad)


@pytest.mark.parametrize("good", ["0", "-1.5", "1e-60", "9" * 60, "0.1", "1E+3", "-0"])
def test_c19_numbers_within_the_bounds_are_kept_digit_by_digit(good: str) -> None:
    """Trailing zeros and exponents as they were written."""
    order = buy(price=D(good))
    assert str(order.price) == str(D(good))


@pytest.mark.parametrize("bad", [1.5, float("nan"), D("NaN"), D("Infinity"), 3], ids=repr)
def test_c19_there_is_no_way_around_the_door(bad: Any) -> None:
    """Neither by msgspec's replace and convert nor by a copy with changes."""
    order = buy(order_id="X", price=D(1))
    with pytest.raises(InvalidValue):
        msgspec.structs.replace(order, price=bad)
    with pytest.raises(InvalidValue):
        msgspec.structs.replace(quote(), bid_px=bad)
    if hasattr(copy, "replace"):
        with pytest.raises(InvalidValue):
            copy.replace(order, price=bad)
    if isinstance(bad, Decimal):
        with pytest.raises((InvalidValue, msgspec.ValidationError)):
            msgspec.convert({"side": "BUY", "symbol": "A", "price": bad}, PegOrder)
    assert pickle.loads(pickle.dumps(order)) == order


LONG = "12345678901234567890.123456789012345678901"
NUMBERS = {
    '"0.10"': "0.10", "0.10": "0.10", '"1e-7"': "1E-7", LONG: LONG,
    "0.10000000000000000000001": "0.10000000000000000000001", "-5": "-5", "1E3": "1E+3",
}  # fmt: skip


@pytest.mark.parametrize(("text", "number"), NUMBERS.items())
def test_c19_json_numbers_and_texts_are_read_exactly(text: str, number: str) -> None:
    """A JSON number goes through no float."""
    order = decode(f'{{"side":"BUY","symbol":"A","price":{text}}}', PegOrder)
    assert str(order.price) == number


@pytest.mark.parametrize(
    "text",
    [
        '"NaN"',
        '"nan"',
        "NaN",
        "Infinity",
        "-Infinity",
        '"Infinity"',
        '"inf"',
        '"1_000"',
        '" 1 "',
        '""',
        "true",
        "[1]",
        '"0x10"',
        '"1,5"',
        '"１"',
        '"1e"',
        '"+1"',
        '"1."',
        "1e400",
        '"1e400"',
        '"sNaN123"',
        "{}",
        '"\\u0031 "',
    ],
)
@pytest.mark.parametrize("where", ["price", "myOwn", "maybe"])
def test_c19_json_that_is_no_plain_number_is_refused(text: str, where: str) -> None:
    """With the place of it, as far as it is JSON at all."""
    with pytest.raises(InvalidValue):
        decode(f'{{"side":"BUY","symbol":"A","{where}":{text}}}', Wide)


@pytest.mark.parametrize("text", ['"NaN"', '"1_000"', "NaN", '" 1"', "true"])
def test_c19_json_members_of_a_list_are_looked_at_too(text: str) -> None:
    """A tuple of Decimals from JSON."""
    with pytest.raises(InvalidValue):
        decode(f'{{"side":"BUY","symbol":"A","levels":["1",{text}]}}', Wide)


@pytest.mark.parametrize("text", ['"NaN"', '"1_000"', "NaN", "true"])
def test_c19_an_instruction_from_json_is_looked_at_too(text: str) -> None:
    """Its terms stand beside it and are checked as such."""
    head = '"msgType":"NEW","side":"BUY","symbol":"A","orderID":"X"'
    assert decode_instruction(f'{{{head},"price":1.10}}', PegOrder).order.price == D("1.10")
    with pytest.raises(InvalidValue):
        decode_instruction(f'{{{head},"price":{text}}}', PegOrder)


def test_c19_json_round_trips_digit_by_digit() -> None:
    """What is written is read."""
    for px in ("0.10", "1E-60", "9" * 60, "-0.000", "1E+3"):
        order = buy(order_id="X", price=D(px))
        again = decode(encode(order), PegOrder)
        assert str(again.price) == px
        assert b'"price":"' in encode(order)


@virtual
async def test_c19_what_enters_reaches_the_delegate_digit_by_digit() -> None:
    """Terms, prices, quantities and sums."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy(price=D("0.10"))).order_id
        d.on_quote(quote("0.100", "0.1000"))
        d.on_trade(trade("0.1", "0.2"))
        d.on_trade(trade("0.1", "0.1"))
        d.on_report(report(x, last_px=D("0.1"), last_qty=D("0.30")))
        await settled()
        last = made[0].last
        assert str(made[0].desk.order.price) == "0.10"
        assert last.quote is not None and str(last.quote.bid_px) == "0.100" and str(last.quote.ask_px) == "0.1000"
        assert last.trade is not None and last.trade.volume == D("0.3") and last.trade.notional == D("0.03")
        assert str(last.reports[0].last_qty) == "0.30"


def test_c19_a_sum_that_would_have_to_be_rounded_is_an_error_or_exact() -> None:
    """The largest and the smallest together."""
    span = fold(trade(1, "9" * 60), trade(1, "1e-60"))
    assert span.trade is not None
    assert span.trade.volume == D("9" * 60 + "." + "0" * 59 + "1")


def test_c19_averages_are_rounded_where_asked_and_nowhere_else() -> None:
    """CumQty is exact, AvgPx has so many places."""
    cum, avg = D(0), D(0)
    for qty, px in (("1", "1"), ("1", "2"), ("1", "2")):
        cum, avg = cum_qty_avg_px(cum, avg, D(qty), D(px), 8)
    assert (cum, avg) == (D(3), D("1.66666667"))
    with pytest.raises(InvalidValue):
        cum_qty_avg_px(D(0), D(0), D(0), D(1), 2)


@pytest.mark.parametrize("bad", [0.5, D("NaN"), D(0), D(-1)], ids=repr)
def test_c19_an_order_for_no_quantity_is_refused(bad: Any) -> None:
    """A field named as in FIX is checked as that field, in a user's type too."""
    with pytest.raises(InvalidValue, match="orderQty"):
        buy(order_qty=bad)


def test_c19_a_decimal_of_a_subclass_is_a_decimal() -> None:
    """Taken, or refused with a clear error; never half taken."""

    class Money(Decimal):
        pass

    for make in (lambda n: quote(n, None).bid_px, lambda n: buy(price=n).price):
        try:
            value = make(Money("1.10"))
        except InvalidValue:
            continue
        assert value == D("1.10")
