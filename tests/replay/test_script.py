"""Scripts: orders and what is asked of them later, from a file; what is wrong is named by line and member."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import exo
from exo.delegates import SweepOrder
from exo.mkt import ExecInst, MsgType
from exo.replay import BadScript, Script, survey

BUY = '{"orderID": "x", "side": "BUY", "symbol": "A", "orderQty": "10", "price": 42.10, "receivedNs": 5}'
SELL = '{"msgType": "NEW", "side": "SELL", "symbol": "B", "orderQty": 3}'
REPLACE = '{"msgType": "RPL", "orderID": "x", "side": "BUY", "symbol": "A", "orderQty": "12", "receivedNs": 6}'
CANCEL = '{"msgType": "CXL", "orderID": "x", "receivedNs": 9}'
HOLD = '{"msgType": "RPL", "execInst": "HOLD", "orderID": "x", "receivedNs": 7}'
RELEASE = '{"msgType": "RPL", "execInst": "RELEASE", "orderID": "x", "receivedNs": 8}'
ALL = [BUY, SELL, REPLACE, CANCEL, HOLD, RELEASE]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orders.json"


def script(path: Path, text: str | bytes) -> Script:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Script(path, SweepOrder)


def problem_of(path: Path, text: str | bytes) -> str:
    with pytest.raises(BadScript) as caught:
        script(path, text)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def told(found: Script) -> list[tuple[object, ...]]:
    return [(asked.at_ns, asked.msg_type, asked.exec_inst, asked.order_id, asked.order) for asked in found.asked]


def test_instructions_are_read_in_order_of_time(path):
    """What has no time comes first; msgType is NEW unless told."""
    found = script(path, "\n".join(ALL))
    assert [(asked.at_ns, asked.msg_type, asked.exec_inst, asked.order_id) for asked in found.asked] == [
        (None, MsgType.NEW, None, None),
        (5, MsgType.NEW, None, "x"),
        (6, MsgType.RPL, None, "x"),
        (7, MsgType.RPL, ExecInst.HOLD, "x"),
        (8, MsgType.RPL, ExecInst.RELEASE, "x"),
        (9, MsgType.CXL, None, "x"),
    ]
    orders = [asked.order for asked in found.asked]
    assert orders[0] == SweepOrder(side=exo.Side.SELL, symbol="B", order_qty=Decimal(3))
    assert orders[1] == SweepOrder(
        order_id="x", side=exo.Side.BUY, symbol="A", order_qty=Decimal(10), price=Decimal("42.10")
    )
    assert str(orders[1].price) == "42.10"
    assert orders[2].order_qty == 12 and orders[2].price is None
    assert orders[3:] == [None, None, None]


def test_those_of_one_time_keep_their_order(path):
    """A cancel that follows its order in the file follows it."""
    same = [text.replace('"receivedNs": 6', '"receivedNs": 5') for text in (BUY, REPLACE)]
    assert [asked.msg_type for asked in script(path, "\n".join(same)).asked] == [MsgType.NEW, MsgType.RPL]


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(ALL) + "\n",
        "\r\n".join(ALL) + "\r\n",
        "\ufeff" + "\n".join(ALL),
        "\n\n  \n" + "\n\n".join(f"  {line}\t" for line in ALL),
        "[" + ",".join(ALL) + "]",
        "\ufeff[\r\n" + ",\r\n".join(ALL) + "\r\n]\r\n",
        "\n [" + ",".join(ALL) + "]",
    ],
    ids=[
        "lines",
        "Windows line ends",
        "byte order mark",
        "blanks",
        "an array",
        "an array from Windows",
        "blanks first",
    ],
)
def test_the_same_instructions_may_be_written_in_other_ways(path, tmp_path, text):
    """As other programs write them."""
    assert told(script(path, text)) == told(script(tmp_path / "plain.json", "\n".join(ALL)))


def test_a_place_is_told_by_file_and_line_or_place_in_the_array(path):
    """For what goes wrong later."""
    assert [asked.place for asked in script(path, f"{SELL}\n\n{BUY}").asked] == ["orders.json:1", "orders.json:3"]
    assert [asked.place for asked in script(path, f"[{SELL},{BUY}]").asked] == ["orders.json[0]", "orders.json[1]"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (BUY.replace('"10"', '"ten"'), 'expected a number, got "ten" at $.orderQty'),
        (BUY.replace('"10"', '"NaN"'), 'expected a number, got "NaN" at $.orderQty'),
        (BUY.replace('"10"', "0"), "expected more than 0, got 0 at $.orderQty"),
        (BUY.replace('"10"', "true"), "expected a number, got true at $.orderQty"),
        (BUY.replace("42.10", '"1_0"'), 'expected a number, got "1_0" at $.price'),
        (BUY.replace("orderQty", "orderQuantity"), "at $.orderQuantity"),
        (SELL.replace('"orderQty": 3', '"text": ""'), "at $."),
        (BUY.replace('"BUY"', '"buy"'), "at $.side"),
        (BUY.replace('"A"', '"A B"'), "expected a symbol without blanks, got 'A B' at $.symbol"),
        (BUY.replace('"x"', '"x y"'), "expected up to 20 of 0-9A-Za-z-, got 'x y' at $.orderID"),
        (BUY.replace("5}", '"soon"}'), "at $.receivedNs"),
        (BUY.replace("5}", "1.5}"), "at $.receivedNs"),
        (BUY.replace('{"o', '{"price": 1, "o'), "expected it once, got it 2 times at $.price"),
        (BUY.replace('{"o', '{"msgType": "EXEC", "o'), "at $.msgType"),
        (BUY.replace('{"o', '{"msgType": null, "o'), "at $.msgType"),
        (BUY.replace('{"o', '{"execInst": "HOLD", "o'), "a new order cannot hold at $.execInst"),
        (CANCEL.replace('"orderID": "x", ', ""), "at $.orderID"),
        (CANCEL.replace("}", ', "price": 1}'), "at $.price"),
        (CANCEL.replace('"x"', "7"), "at $.orderID"),
        (HOLD.replace("HOLD", "PAUSE"), "at $.execInst"),
        (HOLD.replace("7}", '7, "side": "BUY"}'), "at $.side"),
        ("{", "at $"),
        ("17", "at $"),
        ("null", "at $"),
        ('"text"', "at $"),
        ("{} {}", "at $"),
        ("{}", "at $.side"),
    ],
)
def test_a_wrong_line_is_named_with_its_member(path, line, problem):
    """By file, line and path."""
    found = problem_of(path, f"{SELL}\n\n{line}\n{SELL}\n")
    assert found.startswith(f"{path}:3: ")
    assert found.endswith(problem) or (problem == "at $." and "at $." in found)


def test_a_wrong_entry_of_an_array_is_named_with_its_place(path):
    """Places count from 0, as paths do."""
    bad = BUY.replace('"10"', '"ten"')
    assert problem_of(path, f"[{SELL},{SELL},{bad}]") == f'{path}: expected a number, got "ten" at $[2].orderQty'
    assert problem_of(path, f"[{SELL},17]").endswith("at $[1]")


@pytest.mark.parametrize("text", ["[", "[{}", "[{},]", f"[{BUY}] {SELL}", f"[{BUY}", "[1 2]"])
def test_an_array_that_is_no_json_is_refused(path, text):
    """By its file."""
    assert problem_of(path, text).startswith(f"{path}: ")


def test_an_order_id_may_be_new_once(path):
    """The other place is named."""
    assert problem_of(path, f"{BUY}\n{SELL}\n{BUY}") == f"{path}:3: x is already that of orders.json:1 at $.orderID"
    assert problem_of(path, f"[{BUY},{BUY}]") == f"{path}: x is already that of orders.json[0] at $[1].orderID"


@pytest.mark.parametrize("text", ["", "\n\r\n \n", "\ufeff", "[]", " [ ] ", CANCEL, f"[{HOLD}]"])
def test_a_file_without_an_order_is_refused(path, text):
    """There would be nothing to replay."""
    assert problem_of(path, text) == f"{path}: there is no order in it"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """With the system's own reason."""
    with pytest.raises(BadScript, match="No such file or directory"):
        Script(tmp_path / "none.json", SweepOrder)
    with pytest.raises(BadScript, match="Is a directory"):
        Script(str(tmp_path), SweepOrder)


def quote(at_ns: int, symbol: str) -> exo.Quote:
    return exo.Quote(symbol, Decimal(1), None, Decimal(2), None, received_ns=at_ns)


def test_a_symbol_without_quotes_is_refused(path):
    """Before anything is played; a symbol that only trades has none."""
    ticks = [quote(5, "A"), quote(9, "A"), exo.Trade("B", Decimal(1), Decimal(1), received_ns=9)]
    found = script(path, f"{BUY}\n{SELL}")
    with pytest.raises(BadScript) as caught:
        found.check(survey(ticks))
    assert str(caught.value) == f"{path}:2: there are no quotes of B at $.symbol"
    with pytest.raises(BadScript) as caught:
        script(path, f"[{BUY},{SELL}]").check(survey(ticks))
    assert str(caught.value) == f"{path}: there are no quotes of B at $[1].symbol"
    found.check(survey([*ticks, quote(10, "B")]))


def test_what_comes_after_the_last_tick_is_refused(path):
    """At the last tick is in time."""
    ticks = [quote(1, "A"), quote(1, "B")]
    found = script(path, "\n".join(ALL))
    with pytest.raises(BadScript) as caught:
        found.check(survey([*ticks, quote(8, "A")]))
    expected = f"{path}:4: 9 is later than the last tick, 8, at $.receivedNs"
    assert str(caught.value) == expected
    found.check(survey([*ticks, quote(9, "A")]))


GOOD = ("\n".join(ALL)).encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(st.binary(max_size=60))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"[" + b"[" * 5_000 + b"]" * 5_000 + b"]")
@example(b'{"side":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
@example(b"\xff\xfe{\x00}\x00")
@example(b'{"msgType"\x00: 1}')
def test_no_bytes_raise_anything_but_bad_script(tmp_path, data):
    """However little they look like orders."""
    try:
        script(tmp_path / "orders.json", data)
    except BadScript as error:
        assert len(str(error).splitlines()) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(at=st.integers(0, len(GOOD)), cut=st.integers(0, 12), text=st.binary(max_size=8), array=st.booleans())
def test_no_damage_raises_anything_but_bad_script(tmp_path, at, cut, text, array):
    """The error is one line and names the file."""
    data = GOOD[:at] + text + GOOD[at + cut :]
    if array:
        data = b"[" + data.replace(b"\n", b",") + b"]"
    path = tmp_path / "orders.json"
    try:
        found = script(path, data)
    except BadScript as error:
        assert str(error).startswith(str(path)) and len(str(error).splitlines()) == 1
    else:
        assert found.asked
