"""Tags and wire values against the FIX 4.4 data dictionary; what other versions have is named here."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from market_values import EXAMPLES, PegOrder, name_of

from exo.errors import InvalidValue
from exo.mkt import (
    ExecInst,
    ExecType,
    LastLiquidityInd,
    MsgType,
    Order,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
    Value,
    tags,
)
from exo.mkt.enums import FixEnum

ENUMS: list[type[FixEnum]] = [Side, MsgType, ExecInst, OrdStatus, ExecType, OrdType, TimeInForce, LastLiquidityInd]
NO_FIX = {"received_ns", "state", "order", "offset", "levels", "note", "min_notional", "inverse", "may_trade_negative"}
FIX_5 = {"tick": 969, "trade_id": 1003, "aggressor": 2446}
RENAMED = {
    "ask_px": "OfferPx",
    "ask_size": "OfferSize",
    "venue": "SecurityExchange",
    "lot": "RoundLot",
    "min_qty": "MinTradeVol",
}
DESCRIBED = {
    (MsgType, "NEW"): "NEW_ORDER_SINGLE",
    (MsgType, "RPL"): "ORDER_CANCEL_REPLACE_REQUEST",
    (MsgType, "CXL"): "ORDER_CANCEL_REQUEST",
    (MsgType, "REPORT"): "EXECUTION_REPORT",
    (MsgType, "CXL_REJ"): "ORDER_CANCEL_REJECT",
    (ExecInst, "HOLD"): "SUSPEND",
    (ExecInst, "POST_ONLY"): "PARTICIPATE_DO_NOT_INITIATE",
    (TimeInForce, "GTC"): "GOOD_TILL_CANCEL",
    (TimeInForce, "OPG"): "AT_THE_OPENING",
    (TimeInForce, "IOC"): "IMMEDIATE_OR_CANCEL",
    (TimeInForce, "FOK"): "FILL_OR_KILL",
    (TimeInForce, "GTX"): "GOOD_TILL_CROSSING",
    (TimeInForce, "GTD"): "GOOD_TILL_DATE",
    (TimeInForce, "CLS"): "AT_THE_CLOSE",
    (LastLiquidityInd, "ADDED"): "ADDED_LIQUIDITY",
    (LastLiquidityInd, "REMOVED"): "REMOVED_LIQUIDITY",
    (LastLiquidityInd, "ROUTED_OUT"): "LIQUIDITY_ROUTED_OUT",
}
OTHER_VERSIONS = {
    (OrdStatus, "REPLACED"): "5",  # 4.2
    (ExecInst, "RELEASE"): "q",
    (ExecType, "TRIGGERED"): "L",
    (LastLiquidityInd, "AUCTION"): "4",
}


@pytest.fixture(scope="module")
def dictionary(shared: Path) -> dict[str, ElementTree.Element]:
    """The fields of FIX 4.4 by name."""
    root = ElementTree.parse(shared / "data" / "fix" / "FIX44.xml").getroot()
    fields = root.find("fields")
    assert fields is not None
    return {field.attrib["name"]: field for field in fields}


@pytest.mark.parametrize("value", EXAMPLES, ids=name_of)
def test_every_field_has_its_fix_tag(value: Value, dictionary: dict[str, ElementTree.Element]) -> None:
    """The number in the dictionary under the field's FIX name, for each field that is one, and for no other."""
    expected = {}
    for name in value.__struct_fields__:
        if name in NO_FIX:
            continue
        fix = RENAMED.get(name) or "".join("ID" if part == "id" else part.capitalize() for part in name.split("_"))
        expected[name] = FIX_5.get(name) or int(dictionary[fix].attrib["number"])
    assert tags(type(value)) == expected


def test_c13_a_users_fields_have_the_tags_of_their_names() -> None:
    """Inherited, known by name in any form, or none."""

    class Own(PegOrder):
        time_in_force: str = "DAY"
        account: str | None = None
        cl_ord_id: str = ""
        max_floor: Decimal | None = None

    found = tags(Own)
    expected = dict(side=54, order_qty=38, stop_px=99, time_in_force=59, account=1, cl_ord_id=11)
    assert {name: found.get(name) for name in expected} == expected
    assert "max_floor" not in found
    assert tags(Order) == {"order_id": 37, "side": 54, "symbol": 55}


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_every_member_has_its_wire_value(enum: type[FixEnum], dictionary: dict[str, ElementTree.Element]) -> None:
    """The character in the dictionary under the member's name, and back; other versions' are as written here."""
    described = {value.attrib["description"]: value.attrib["enum"] for value in dictionary[enum.__name__]}
    for member in enum:
        other = OTHER_VERSIONS.get((enum, member.name))
        if other:
            assert other not in described.values()
        expected = other or described[DESCRIBED.get((enum, member.name), member.name)]
        assert member.fix == expected, member
        assert enum.from_fix(member.fix) is member
        assert member.value == member.name
    assert len({member.fix for member in enum}) == len(enum)


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
@pytest.mark.parametrize("fix", ["", "?", "BUY", "NEW", "00", " 1"])
def test_an_unknown_wire_value_is_an_error_that_names_it(enum: type[FixEnum], fix: str) -> None:
    """And the enumeration."""
    with pytest.raises(InvalidValue, match=enum.__name__) as caught:
        enum.from_fix(fix)
    assert repr(fix) in caught.value.problem


def test_fix_42_writes_a_trade_as_partial_fill_or_fill() -> None:
    """Both are trades; as an order's status they are what they say."""
    assert ExecType.from_fix("1") is ExecType.from_fix("2") is ExecType.from_fix("F") is ExecType.TRADE
    assert (OrdStatus.from_fix("1"), OrdStatus.from_fix("2")) == (OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED)


def test_a_member_shows_itself_shortly() -> None:
    """As one would write it."""
    assert repr(Side.BUY) == "Side.BUY"
    assert repr(ExecType.TRADE) == "ExecType.TRADE"
