"""JSON both ways: exact, camelCase, and nothing but InvalidValue for what is wrong."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from market_values import (
    EXAMPLES,
    HOSTILE,
    D,
    PegOrder,
    instructions,
    listings,
    name_of,
    numbers,
    orders,
    peg_orders,
    quotes,
    reports,
    statuses,
    symbols,
    trades,
)

from exo.errors import InvalidValue
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
    decode,
    decode_instruction,
    encode,
)

flat_values = st.one_of(quotes(), trades(), statuses(st.none() | symbols), orders, peg_orders, listings, reports)
GOOD = {"side": "BUY", "symbol": "A", "orderQty": "100", "price": 0.10}


class Leg(Value):
    """A value in a user's order."""

    ratio: D
    note: str = ""
    legs: tuple[Leg, ...] = ()


class Spread(Order):
    """A user's order of several legs."""

    legs: tuple[Leg, ...] = ()
    first: Leg | None = None
    weights: dict[str, D] = msgspec.field(default_factory=dict)
    pair: tuple[str, D] | None = None
    prices: tuple[D, ...] = ()


def text_of(**members: str) -> str:
    """A PegOrder in JSON with these members' raw text in place of the good ones, left out where it is empty."""
    raw = {name: json.dumps(member) for name, member in GOOD.items()} | members
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in raw.items() if text) + "}"


def refused(data: bytes | str, cls: type[Value] = PegOrder) -> InvalidValue:
    """The error that decoding ends in."""
    with pytest.raises(InvalidValue) as caught:
        decode(data, cls)
    return caught.value


@given(value=flat_values, context=st.sampled_from([None, *HOSTILE]))
def test_every_value_comes_back_as_it_was(value: Value, context: Any) -> None:
    """Equal, of its type, every Decimal with its own zeros; the user's decimal context does not matter."""
    with localcontext(context):
        back = decode(encode(value), type(value))
    assert back == value
    assert repr(back) == repr(value)
    assert decode(encode(value).decode(), type(value)) == value


@given(instruction=instructions)
def test_c13_an_instruction_with_a_users_order_comes_back_as_it_was(instruction: Instruction[PegOrder]) -> None:
    """Its order too is of the user's type; the terms stand beside `msgType`."""
    data = encode(instruction)
    back = decode_instruction(data, PegOrder)
    assert repr(back) == repr(instruction)
    assert type(back.order) is PegOrder
    members = json.loads(data)
    assert "order" not in members
    assert (members["msgType"], members["symbol"]) == (instruction.msg_type.value, instruction.order.symbol)


def read(data: bytes, like: Value) -> Value:
    """A value of the same type as another."""
    return decode_instruction(data, PegOrder) if isinstance(like, Instruction) else decode(data, type(like))


@pytest.mark.parametrize("value", EXAMPLES, ids=name_of)
def test_the_examples_come_back_with_every_member(value: Value) -> None:
    """No field is left out of JSON or lost on the way."""
    data = encode(value)
    if isinstance(value, Instruction):
        assert decode_instruction(data, PegOrder) == value
        return
    assert decode(data, type(value)) == value
    assert len(json.loads(data)) == len(value.__struct_fields__)


def test_json_names_are_camel_case() -> None:
    """The FIX names, ID in capitals."""
    report = next(value for value in EXAMPLES if isinstance(value, Report))
    names = set(json.loads(encode(report)))
    assert names == {
        "orderID", "lastQty", "lastPx", "transactTime", "msgType", "symbol", "side", "clOrdID", "origClOrdID",
        "secondaryOrderID", "execID", "execRefID", "execType", "ordStatus", "orderQty", "price", "cumQty", "leavesQty",
        "avgPx", "commission", "commCurrency", "lastLiquidityInd", "ordRejReason", "cxlRejReason",
        "execRestatementReason", "account", "timeInForce", "execInst", "text", "receivedNs",
    }  # fmt: skip
    quote = next(value for value in EXAMPLES if isinstance(value, Quote))
    assert set(json.loads(encode(quote))) == {
        "symbol", "bidPx", "bidSize", "askPx", "askSize", "receivedNs", "rptSeq", "transactTime",
    }  # fmt: skip


def test_what_is_at_its_default_is_left_out() -> None:
    """JSON is short: only what was said."""
    order = Order(side=Side.BUY, symbol="A")
    assert encode(order) == b'{"side":"BUY","symbol":"A"}'
    assert encode(Quote("A", None, None, D("1.0"), None)) == (
        b'{"symbol":"A","bidPx":null,"bidSize":null,"askPx":"1.0","askSize":null}'
    )
    assert encode(FeedStatus(state=FeedState.LIVE)) == b'{"state":"LIVE"}'


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ('"0.10"', "0.10"),
        ("0.10", "0.10"),
        ("0.1", "0.1"),
        ("0.10000000000000000000001", "0.10000000000000000000001"),
        ('"0.10000000000000000000001"', "0.10000000000000000000001"),
        ("1e-8", "1E-8"),
        ('"1E+5"', "1E+5"),
        ("-0.5", "-0.5"),
        ("9" * 60, "9" * 60),
        (f'"{"9" * 30}.{"9" * 30}"', f"{'9' * 30}.{'9' * 30}"),
        (f"0.{'0' * 59}1", "1E-60"),
        (" \t0.10\n", "0.10"),
    ],
)
def test_c19_numbers_are_read_exactly_as_text_or_number(text: str, number: str) -> None:
    """Every digit and every zero, in any decimal context."""
    for context in [None, *HOSTILE]:
        with localcontext(context):
            price = decode(text_of(price=text), PegOrder).price
            nothing_else = decode_instruction(text_of(price=text, msgType='"NEW"'), PegOrder).order.price
        assert str(price) == str(nothing_else) == number


@given(number=numbers())
def test_c19_any_number_is_read_the_same_with_and_without_quotes(number: Decimal) -> None:
    """Up to 60 digits and 60 places."""
    for text in (f"{number:f}", f"{number:e}"):
        assert decode(text_of(price=text), PegOrder).price == number
        assert decode(text_of(price=f'"{text}"'), PegOrder).price == number


NO_NUMBERS = [
    '"NaN"', '"nan"', '"sNaN"', '"-NaN"', '"Infinity"', '"-Infinity"', '"inf"', '"1_000"', '" 1 "', '" 1"', '"1 "',
    '""', '"."', '"1."', '".5"', '"+1"', '"1e"', '"0x1"', '"1,5"', '"\\u0031"', '"１"', '"٣"', '"1\\n"', "true",
    "false", "[]", "[1]", "{}", '{"a":1}', "null",
]  # fmt: skip
NOT_IN_RANGE = [
    "1e60", "-1e60", "1e-61", "1e999999999", '"1e-999999999"', "1e99999999999999999999", "0e99999", "9" * 61,
    "1" * 10_000, f"1.{'0' * 59}1", "0." + "1" * 61,
]  # fmt: skip


@pytest.mark.parametrize("text", [*NO_NUMBERS, *NOT_IN_RANGE], ids=lambda text: text[:24])
@pytest.mark.parametrize("member", ["orderQty", "price", "offset", "stopPx"])
def test_c19_what_is_no_exact_number_is_refused_at_its_place(text: str, member: str) -> None:
    """In required and optional members, of the vocabulary and of the user, in orders and instructions."""
    if text == "null" and member == "stopPx":
        assert decode(text_of(stopPx="null"), PegOrder).stop_px is None
        return
    error = refused(text_of(**{member: text}))
    assert error.where == f"$.{member}"
    assert str(error).endswith(f" at $.{member}")
    assert len(str(error)) < 200
    with pytest.raises(InvalidValue) as caught:
        decode_instruction(text_of(msgType='"NEW"', **{member: text}), PegOrder)
    assert caught.value.where == f"$.{member}"


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1_000", "+1", "01", ".5", "1.", "-", "1e", "0x1", "'1'"]
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """Python's and JavaScript's own numbers are no JSON."""
    assert refused(text_of(price=text)).where == "$"


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"side": '"buy"'}, "$.side"),
        ({"side": '"1"'}, "$.side"),
        ({"side": "1"}, "$.side"),
        ({"side": "null"}, "$.side"),
        ({"side": '"X - at `$.price`"'}, "$.side"),
        ({"side": ""}, "$.side"),
        ({"symbol": ""}, "$.symbol"),
        ({"orderQty": ""}, "$.orderQty"),
        ({"price": ""}, "$.price"),
        ({"symbol": "5"}, "$.symbol"),
        ({"symbol": '""'}, "$.symbol"),
        ({"symbol": '"A B"'}, "$.symbol"),
        ({"orderID": '"no blanks"'}, "$.orderID"),
        ({"orderID": f'"{"x" * 21}"'}, "$.orderID"),
        ({"orderID": "7"}, "$.orderID"),
        ({"ordType": '"LIMITED"'}, "$.ordType"),
        ({"orderQty": "0"}, "$.orderQty"),
        ({"orderQty": '"-1"'}, "$.orderQty"),
        ({"note": "1.5"}, "$.note"),
        ({"levels": '["1", "NaN"]'}, "$.levels[1]"),
        ({"levels": "1"}, "$.levels"),
        ({"order_qty": "1"}, "$.order_qty"),
        ({"orderId": '"a"'}, "$.orderId"),
        ({"unknown": "1"}, "$.unknown"),
        ({"of many-words ": "1"}, "$.of many-words "),
        ({"msgType": '"NEW"'}, "$.msgType"),
    ],
)
def test_an_error_names_its_place(members: dict[str, str], where: str) -> None:
    """Missing, unknown, of the wrong type, no member of the enumeration, out of range."""
    error = refused(text_of(**members))
    assert error.where == where
    assert str(error) == f"{error.problem} at {where}"


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({}, "$.msgType"),
        ({"msgType": '"new"'}, "$.msgType"),
        ({"msgType": '"NEW"', "execInst": '"STOP"'}, "$.execInst"),
        ({"msgType": '"NEW"', "receivedNs": "1.5"}, "$.receivedNs"),
        ({"msgType": '"NEW"', "receivedNs": "true"}, "$.receivedNs"),
        ({"msgType": '"NEW"', "side": ""}, "$.side"),
        ({"msgType": '"NEW"', "order": "{}"}, "$.order"),
    ],
)
def test_an_instructions_error_names_its_place(members: dict[str, str], where: str) -> None:
    """In the head as in the terms."""
    with pytest.raises(InvalidValue) as caught:
        decode_instruction(text_of(**members), PegOrder)
    assert caught.value.where == where


def test_the_place_of_an_error_within_a_member_is_whole() -> None:
    """A value in a value: the path goes through both."""
    good = '{"side":"BUY","symbol":"A","legs":[{"ratio":"1"},{"ratio":%s}]}'
    assert decode(good % '"2"', Spread).legs[1].ratio == 2
    assert refused(good % '"NaN"', Spread).where == "$.legs[1].ratio"
    assert refused(good % "[]", Spread).where == "$.legs[1].ratio"
    assert refused('{"side":"BUY","symbol":"A","legs":[{"ratioo":1}]}', Spread).where == "$.legs[0].ratioo"


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ('"legs":[{"ratio":"1"},{"ratio":%s}]', "$.legs[1].ratio"),
        ('"legs":[{"ratio":1,"legs":[{"ratio":%s}]}]', "$.legs[0].legs[0].ratio"),
        ('"first":{"ratio":%s}', "$.first.ratio"),
        ('"weights":{"a":1,"b":%s}', "$.weights.b"),
        ('"pair":["a",%s]', "$.pair[1]"),
        ('"prices":[1,%s]', "$.prices[1]"),
    ],
)
@pytest.mark.parametrize("number", ['"NaN"', '"1_000"', '" 1 "', '"Infinity"', '"x"'])
def test_c19_a_number_within_a_member_is_looked_at_too(members: str, where: str, number: str) -> None:
    """In tuples, mappings and values in values."""
    data = '{"side":"BUY","symbol":"A",' + members + "}"
    for context in [None, *HOSTILE]:
        with localcontext(context):
            error = refused(data % number, Spread)
            assert decode(data % '"2.50"', Spread) == decode(data % "2.50", Spread)
        assert error.where == where


@pytest.mark.parametrize("text", ["NaN", "INF", "1_000", " 1 ", "hello", ""])
def test_a_text_within_a_member_may_look_like_a_number(text: str) -> None:
    """A note is a note, in any decimal context."""
    order = Spread(
        side=Side.BUY, symbol="A", legs=(Leg(ratio=D(1), note=text),), first=Leg(ratio=D(2)), pair=(text, D(1))
    )
    for context in [None, *HOSTILE]:
        with localcontext(context):
            back = decode(encode(order), Spread)
        assert back == order


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ('{"side":"BUY","symbol":"A","orderQty":1,"price":1,"price":2}', "$.price"),
        ('{"side":"BUY","symbol":"A","orderQty":1,"price":1,"price":1}', "$.price"),
        ('{"side":"BUY","side":"SELL","symbol":"A","orderQty":1,"price":1}', "$.side"),
        ('{"side":"BUY","symbol":"A","orderQty":1,"price":1,"pr\\u0069ce":2}', "$.price"),
    ],
)
def test_a_member_that_appears_twice_is_refused(data: str, where: str) -> None:
    """Which of the two was meant, nobody knows; so a person or a program decides by error."""
    assert refused(data).where == where
    with pytest.raises(InvalidValue) as caught:
        decode_instruction(data.replace("{", '{"msgType":"NEW",', 1), PegOrder)
    assert caught.value.where == where


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"null", b"[]", b"1", b'"x"', b"{", b"}", b"{}}", b"\x00", b"\xef\xbb\xbf{}", b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"side":"BUY","symbol":"\xff","orderQty":1,"price":1}',
        b'{"side":"BUY","symb\xffol":"A","orderQty":1,"price":1}',
        b'{"side":"BUY","symbol":"\xed\xa0\x80","orderQty":1,"price":1}',
        '{"side":"BUY","symbol":"A","orderQty":1,"price":1}'.encode("utf-16"),
        "\ud800", '{"side":"BUY","symbol":"\ud800","orderQty":1,"price":1}',
    ],
    ids=range(19),
)  # fmt: skip
def test_what_is_no_object_or_not_utf_8_is_refused_as_a_whole(data: bytes | str) -> None:
    """Empty, of another kind, nested too deep, in another encoding, half a character."""
    assert refused(data).where == "$"
    if isinstance(data, bytes):
        with pytest.raises(InvalidValue) as caught:
            decode_instruction(data.replace(b'{"side"', b'{"msgType":"NEW","side"'), PegOrder)
        assert caught.value.where == "$"


@pytest.mark.parametrize("depth", [2, 500, 5_000, 100_000])
def test_nesting_of_any_depth_is_refused(depth: int) -> None:
    """Too deep to read, or just wrong there: how deep a Python reads differs from version to version."""
    assert refused(text_of(levels="[" * depth + "]" * depth)).where in ("$", "$.levels[0]")
    assert refused(text_of(unknown="[" * depth + "]" * depth)).where in ("$", "$.unknown")
    assert refused(text_of(price='{"a":' * depth + "1" + "}" * depth)).where in ("$", "$.price")


def test_every_truncation_is_refused() -> None:
    """Whatever is cut off the end."""
    for value in EXAMPLES:
        if not isinstance(value, Instruction):
            data = encode(value)
            for end in range(len(data)):
                assert refused(data[:end], type(value)).where == "$"


@given(data=st.binary(max_size=60) | st.text(max_size=60))
@example(data=b'{"side":"BUY"')
def test_random_bytes_end_in_invalid_value(data: bytes | str) -> None:
    """And in nothing else."""
    for cls in (PegOrder, Quote, Report):
        refused(data, cls)


TOKENS = [
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"1", b"-", b"e", b".", b"\\", b"\\u", b"null", b"true", b"NaN",
    b'"NaN"', b'" 1 "', b"1e999999999", b"\xff", b"\xed\xa0\x80", b"\x00", b" ", b"0.1", b'"a":', b"9" * 50,
]  # fmt: skip


@given(data=st.data(), value=st.sampled_from(EXAMPLES))
def test_mutated_json_is_refused_or_means_a_good_value(data: st.DataObject, value: Value) -> None:
    """Only InvalidValue escapes, and what is taken can be written and read again."""
    mutant = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutant)))
        mutant[at : at + data.draw(st.integers(0, 6))] = data.draw(st.sampled_from(TOKENS) | st.binary(max_size=4))
    try:
        taken = read(bytes(mutant), value)
    except InvalidValue:
        return
    assert repr(read(encode(taken), value)) == repr(taken)


def test_c16_a_time_without_a_zone_is_refused() -> None:
    """It names no instant."""
    data = '{"orderID":"a","transactTime":"2024-08-08T12:00:00%s"}'
    assert decode(data % "Z", Report).transact_time == datetime(2024, 8, 8, 12, tzinfo=UTC)
    assert decode(data % "+05:30", Report).transact_time == datetime(2024, 8, 8, 6, 30, tzinfo=UTC)
    assert refused(data % "", Report).where == "$.transactTime"
    quote = (
        '{"symbol":"A","bidPx":null,"bidSize":null,"askPx":null,"askSize":null,"transactTime":"2024-08-08T12:00:00%s"}'
    )
    assert decode(quote % "Z", Quote).transact_time == datetime(2024, 8, 8, 12, tzinfo=UTC)
    assert refused(quote % "", Quote).where == "$.transactTime"


def test_a_quote_says_of_each_side_what_it_knows() -> None:
    """Empty and unknown are null, never left out."""
    assert refused('{"symbol":"A","bidPx":null,"bidSize":null,"askPx":null}', Quote).where == "$.askSize"
    assert refused('{"symbol":"A","lastPx":"1"}', Trade).where == "$.lastQty"
    assert refused('{"symbol":"A","lastPx":"1","lastQty":"0"}', Trade).where == "$.lastQty"
    assert refused('{"symbol":"A","tick":"0"}', Listing).where == "$.tick"


def test_an_order_can_be_read_as_its_base_only_without_the_users_members() -> None:
    """What a type does not know is an error, not ignored."""
    assert refused(text_of(), Order).where == "$.orderQty"
    assert decode('{"side":"BUY","symbol":"A"}', Order) == Order(side=Side.BUY, symbol="A")
    assert MsgType.NEW.value == "NEW"
