"""Cases published by the Go original's tests, as neutral facts; its plumbing and enum numbers do not apply."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from market_values import HOSTILE, NOON, D

from exo.dma import CancelOrder, Intent, NewOrder, Parent, Replace, ReplaceOrder
from exo.errors import InvalidValue, NotListed
from exo.mkt import (
    Book,
    ExecType,
    Instruction,
    Listing,
    MsgType,
    Order,
    OrdStatus,
    Position,
    Quote,
    Report,
    Side,
    TimeInForce,
    Trade,
    Whitelist,
    cum_qty_avg_px,
    decode,
    decode_instruction,
    encode,
    fold,
    places,
    position_of,
    tags,
    units,
)
from exo.mkt.exact import rounded
from exo.mkt.value import camel


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[str, Any]:
    """The published cases by subject."""
    found: dict[str, Any] = json.loads((shared / "data" / "vectors" / "mkt_cases.shared.json").read_text())
    return found


def test_a_quote_knows_its_near_and_far_side_spread_and_mid(cases: dict[str, Any]) -> None:
    """Near is one's own side; spread and mid are 0 where a price is 0."""
    checked = 0
    for case in cases["quote"]:
        if "quote" not in case:
            continue
        quote = Quote("A", **{name: D(text) for name, text in case["quote"].items()})
        for asked, expected in case["cases"]:
            what, _, side = asked.partition(" ")
            found = getattr(quote, what)(Side(side)) if side else getattr(quote, what)
            assert found == (tuple(map(D, expected)) if side else D(expected)), asked
            checked += 1
    assert checked >= 8


def test_spread_and_mid_are_0_where_either_price_is_0_or_missing() -> None:
    """Of bid and ask alike."""
    for nothing in (D(0), None):
        for quote in (Quote("A", nothing, D(1), D(43), D(1)), Quote("A", D(43), D(1), nothing, D(1))):
            assert (quote.spread, quote.mid) == (0, 0)


def test_trades_aggregate(cases: dict[str, Any]) -> None:
    """Volume and average grow with each trade of the symbol; another symbol's trade changes nothing."""
    case = cases["trade_aggregate"][0]

    def trade(symbol: str, last_qty: str, last_px: str) -> Trade:
        return Trade(symbol, D(last_px), D(last_qty))

    passed = fold_of = trade(**case["base"])
    span = None
    for step in case["steps"]:
        if step["trade"]["symbol"] != case["base"]["symbol"]:
            before = repr(passed)
            with pytest.raises(InvalidValue):
                fold(passed, trade(**step["trade"]))
            assert repr(passed) == before
            continue
        passed = span = fold(span or fold_of, trade(**step["trade"]))
        aggregate = span.trade
        assert aggregate is not None
        found = {
            "last_qty": aggregate.last_qty,
            "last_px": aggregate.last_px,
            "trade_volume": aggregate.volume,
            "avg_px": rounded(aggregate.avg_px, case["precision"]),
        }
        for name, expected in step["expect"].items():
            assert found[name] == D(expected), name
    assert span is not None
    assert span.trades == 3


def test_a_run_of_trades_joins_a_lone_one_without_losing_it() -> None:
    """Where the original lost the waiting trade: a lone trade and an aggregate count both."""
    run = fold(Trade("A", D(10), D(1)), Trade("A", D(20), D(1)))
    joined = fold(Trade("A", D(30), D(2)), run).trade
    assert joined is not None
    assert (joined.volume, joined.avg_px, joined.first_px, joined.last_px) == (4, D("22.5"), 30, 20)


def test_cum_qty_and_avg_px_after_a_fill(cases: dict[str, Any]) -> None:
    """The average is rounded at the places asked for."""
    case = cases["cum_qty_avg_px"][0]
    given = {name: D(text) for name, text in case["inputs"].items() if name != "places"}
    expected = tuple(D(case["expected"][name]) for name in ("cum_qty", "avg_px"))
    assert cum_qty_avg_px(**given, decimal_places=case["inputs"]["places"]) == expected


def test_c19_an_average_over_nothing_is_an_error_not_a_crash() -> None:
    """Where the original divided by zero."""
    with pytest.raises(InvalidValue) as refused:
        cum_qty_avg_px(D(0), D(0), D(0), D(1), 8)
    assert refused.value.where == "$.lastQty"


def test_a_number_needs_so_many_places(cases: dict[str, Any]) -> None:
    """Trailing zeros need none."""
    for number, expected in [*cases["precision"], ["100", 0], ["1E+5", 0], ["0.500", 1], ["0", 0], ["1E-60", 60]]:
        assert places(D(number)) == expected, number
    for context in HOSTILE:
        with localcontext(context):
            found = places(Decimal("1.2345678"))
        assert found == 7


def test_units_round_down_and_below_the_minimum_to_0(cases: dict[str, Any]) -> None:
    """Whole units only, in any context."""
    more = [
        {"x": "0.5", "unit": "0.5", "min": "0.5", "expected": "0.5"},
        {"x": "0", "unit": "0.5", "min": "0", "expected": "0"},
        {"x": "1", "unit": "3", "min": "0", "expected": "0"},
        {"x": "10", "unit": "3", "min": "0", "expected": "9"},
        {"x": "9" * 60, "unit": "1E-60", "min": "0", "expected": "9" * 60},
        {"x": "0.3", "unit": "0.1", "min": "0", "expected": "0.3"},
    ]
    for case in [*cases["units"], *more]:
        x, unit, minimum, expected = (D(case[name]) for name in ("x", "unit", "min", "expected"))
        assert units(x, unit, minimum) == expected, case
        for context in HOSTILE:
            with localcontext(context):
                found = units(x, unit, minimum)
            assert found == expected, case


def test_a_listing_of_ones_own_is_a_listing() -> None:
    """An extended listing still is its base, and its numbers are checked."""

    class Liquid(Listing):
        median_trade_size: D

    listing = Liquid(symbol="B", median_trade_size=D(100))
    assert isinstance(listing, Listing)
    assert (listing.symbol, listing.median_trade_size) == ("B", 100)
    with pytest.raises(InvalidValue, match=r"medianTradeSize"):
        Liquid(symbol="B", median_trade_size=D("NaN"))


def test_sides(cases: dict[str, Any]) -> None:
    """Opposite, improve, within, JSON name and FIX character; None is no limit."""
    side = cases["side"]
    for this, other in side["opposite"]:
        if this:
            assert Side(this).opposite is Side(other)
    for this, price, by, expected in side["improve"]:
        assert Side(this).improve(D(price), D(by)) == D(expected)
    for this, price, limit, expected in side["within"]:
        at_most = None if limit.endswith("(no limit)") else D(limit)
        assert Side(this).within(at_most, D(price)) is expected, (this, price, limit)
    for this in ("BUY", "SELL"):
        assert Side(this).fix == side["fix"][this]
        assert json.dumps(this) in encode(Order(side=Side(this), symbol="A")).decode()


def test_no_limit_is_none_and_0_is_a_price() -> None:
    """Where the original took 0 for no limit: prices may be 0 or less."""
    for side in Side:
        assert side.within(None, D(-5))
        assert side.passive(D(-5), None) == -5
    assert not Side.BUY.within(D(0), D(1))
    assert Side.SELL.within(D(0), D(1))


def test_passive_is_the_less_aggressive_of_price_and_limit() -> None:
    """Never past the limit."""
    for price, limit, bought, sold in [("41", "42", "41", "42"), ("43", "42", "42", "43"), ("42", "42", "42", "42")]:
        assert Side.BUY.passive(D(price), D(limit)) == D(bought)
        assert Side.SELL.passive(D(price), D(limit)) == D(sold)


def test_c19_improve_is_exact_in_any_context() -> None:
    """Up for a buyer and down for a seller, every digit kept."""
    price, by = D("61837.63000001"), D("0.00000001")
    for context in HOSTILE:
        with localcontext(context):
            found = Side.BUY.improve(price, by), Side.SELL.improve(price, by)
        assert found == (D("61837.63000002"), D("61837.63000000"))


def test_an_order_in_json(cases: dict[str, Any]) -> None:
    """Byte for byte as published, and back again."""
    case = cases["order_json"]
    terms = case["order"]
    order = Order(order_id=terms["order_id"], side=Side(terms["side"]), symbol=terms["symbol"])
    instruction = Instruction(msg_type=MsgType(terms["msg_type"]), order=order)
    assert encode(instruction).decode() == case["json"]
    assert decode_instruction(case["json"], Order) == instruction


def test_a_report_in_json(cases: dict[str, Any]) -> None:
    """Some members always appear, the FIX tags are as published, `e` in ExecInst is work to target."""
    case = cases["report"]
    report = Report(order_id="abc", transact_time=NOON, exec_inst="e")
    assert decode(encode(report), Report) == report
    assert report.work_to_target
    assert Report(order_id="abc", transact_time=NOON, exec_inst="Ge").work_to_target
    assert not Report(order_id="abc", transact_time=NOON, exec_inst="E").work_to_target
    assert not Report(order_id="abc", transact_time=NOON).work_to_target
    least = json.loads(encode(Report(order_id="abc", transact_time=None)))
    assert sorted(least) == sorted(case["always_present"])
    found = {camel(name): tag for name, tag in tags(Report).items()}
    assert {name: found.get(name) for name in case["json_fields"]} == case["json_fields"]


@pytest.mark.parametrize(
    ("price", "side", "expected"),
    [
        ("1.03", Side.BUY, "1.00"),
        ("1.03", Side.SELL, "1.05"),
        ("1.05", Side.BUY, "1.05"),
        ("1.05", Side.SELL, "1.05"),
        ("-1.03", Side.BUY, "-1.05"),
        ("-1.03", Side.SELL, "-1.00"),
        ("0.01", Side.BUY, "0"),
        ("0.01", Side.SELL, "0.05"),
    ],
)
def test_a_price_is_rounded_to_the_passive_side(price: str, side: Side, expected: str) -> None:
    """On the tick: down for a buyer, up for a seller, below 0 too, in any context."""
    listing = Listing(symbol="A", tick=D("0.05"))
    number, wanted = D(price), D(expected)
    assert listing.round_px(number, side) == wanted
    for context in HOSTILE:
        with localcontext(context):
            found = listing.round_px(number, side)
        assert found == wanted


def test_a_quantity_is_rounded_to_whole_lots() -> None:
    """Down, and to 0 below the minimum."""
    listing = Listing(symbol="A", lot=D("0.5"), min_qty=D(2))
    assert [listing.round_qty(D(q)) for q in ("2.7", "2", "1.9", "0", "-3")] == [D("2.5"), 2, 0, 0, 0]


def test_a_listing_says_why_a_price_cannot_be_quoted() -> None:
    """Off the tick; 0 or less, unless the instrument may."""
    plain = Listing(symbol="A", tick=D("0.05"))
    assert plain.problem_with_px(D("1.05")) is None
    assert plain.problem_with_px(D("1.03")) == "1.03 is not on the tick 0.05 of A"
    assert plain.problem_with_px(D(0)) == "A does not trade at 0"
    assert plain.problem_with_px(D("-0.05")) == "A does not trade at -0.05"
    spread = Listing(symbol="A", tick=D("0.05"), may_trade_negative=True)
    assert spread.problem_with_px(D("-0.05")) is None
    assert spread.problem_with_px(D("-0.03")) == "-0.03 is not on the tick 0.05 of A"


def test_positions_after_a_trade(cases: dict[str, Any]) -> None:
    """Average price, quantity and what is realised; the averages have one place, as for a tick of whole numbers."""
    tried = 0
    for case in cases["position_traded"]["cases"]:
        start, trade, expected = case["start"], case["trade"], case["expected"]
        position = Position(
            symbol="A", quantity=D(start["quantity"]), avg_px=D(start["avg_px"]), realised=D(start["realised"])
        )
        position = msgspec.structs.replace(position, px_places=1)
        side = Side(trade["side"]) if trade["side"] else Side.BUY
        after = position.traded(side, D(trade["last_qty"]), D(trade["last_px"]))
        found = (after.quantity, after.avg_px, after.realised)
        assert found == (D(expected["quantity"]), D(expected["avg_px"]), D(expected["realised"])), case["desc"]
        tried += 1
    assert tried == 8


def test_a_position_counts_its_contracts_multiplier(cases: dict[str, Any]) -> None:
    """One point of oil is worth fifty."""
    case = cases["position_multiplier"]
    listing = Listing(symbol=case["symbol"], contract_multiplier=D(case["multiplier"]), tick=D(1))
    position = position_of(listing, case["symbol"])
    for side, qty, px in case["trades"]:
        position = position.traded(Side(side), D(qty), D(px))
    assert position.realised == D(case["expected_realised"]) and position.quantity == 0


def test_a_position_is_marked(cases: dict[str, Any]) -> None:
    """Flat, long and short; its valuation is signed."""
    for case in cases["position_mark"]["cases"]:
        position = Position(symbol="A", quantity=D(case["quantity"]), avg_px=D(case["avg_px"]))
        assert position.mark(D(case["mark"])) == D(case["unrealised"]), case["desc"]
        assert position.valuation(D(case["mark"])) == D(case["quantity"]) * D(case["mark"])


def test_whoever_wants_to_know_is_told_of_a_position(cases: dict[str, Any]) -> None:
    """Once for each trade."""
    case = cases["position_notification"]
    told: list[Position] = []
    side, qty, px = case["trade"]
    Book(on_position=told.append).traded("A", Side(side), D(qty), D(px))
    assert [(each.quantity, each.avg_px) for each in told] == [
        (D(case["expected_memo"]["quantity"]), D(case["expected_memo"]["avg_px"]))
    ] * case["count"]


def test_positions_of_what_is_not_listed_and_cash(cases: dict[str, Any]) -> None:
    """Eight places and a multiplier of 1; cash adds to what is realised, a reset sets it to 0."""
    assert len(cases["position_src_facts"]) == 3
    position = position_of(None, "A")
    assert (position.px_places, position.contract_multiplier) == (8, 1)
    assert position_of(Listing(symbol="A", tick=D("0.05")), "A").px_places == 3
    position = position.adjusted(D("1.5")).adjusted(D("-0.5"))
    assert position.realised == 1 and position.reset().realised == 0


def test_a_book_takes_only_what_is_on_its_whitelist(cases: dict[str, Any]) -> None:
    """Nothing is no trade, whatever its symbol."""
    symbol, side, qty, px, expected = cases["book"][0]["case"]
    book = Book(Whitelist())
    assert expected == "error"
    with pytest.raises(NotListed, match=symbol):
        book.traded(symbol, Side(side), D(qty), D(px))
    assert book.traded(symbol, Side(side), D(0), D(px)) is None and len(book) == 0


def test_a_whitelist_that_somebody_else_keeps(cases: dict[str, Any]) -> None:
    """What it finds there it has; to add to it does nothing."""
    whitelist_case = cases["whitelist"][0]["cases"]
    listing = Listing(symbol="A", tick=D(1), lot=D(1), min_qty=D(1))
    whitelist = Whitelist(lookup={"A": listing}.get)
    for symbol, found, members in whitelist_case:
        assert (symbol in whitelist) is found
        if found:
            got = whitelist.get(symbol)
            assert got is not None
            steps = (got.tick, got.lot, got.min_qty)
            assert steps == tuple(D(members[name]) for name in ("tick_increment", "round_lot", "min_trade_vol"))
    whitelist.add(Listing(symbol="B"))
    assert "B" not in whitelist


def test_times_in_force_have_their_names_and_wire_values(cases: dict[str, Any]) -> None:
    """GTC and IOC; that the unset one is AT_CROSSING was a slip of the original."""
    for name in ("GTC", "IOC"):
        assert TimeInForce[name].value == name and TimeInForce[name].fix == cases["time_in_force"]["fix"][name]


def test_the_lifecycle_of_requests(cases: dict[str, Any]) -> None:
    """Step by step, save that a cancel may be made before anything is accepted: FIX has that (S7, S30)."""
    steps = [step[0] for step in cases["request_lifecycle"][0]["steps"]]
    terms = cases["request_lifecycle"][0]["order"]
    numbers = count(1)
    parent = Parent("P", lambda order_id: f"C{next(numbers)}")

    class Wanted(Order):
        order_qty: Decimal

    order = Wanted(side=Side(terms["side"]), symbol=terms["symbol"], order_qty=D(terms["order_qty"]))
    at, moved = Intent(price=D(terms["price"])), Intent(price=D(43))

    def tell(exec_type: ExecType, name: str, **more: Any) -> None:
        ids = {"order_id": "P", "cl_ord_id": name, "transact_time": None}
        parent.apply(Report(**ids, exec_type=exec_type, **more))

    assert steps[:3] == ["make replace (no changes)", "make cancel", "make new"]
    assert parent.live is None
    new = parent.work(order, at, Replace.TOTAL)
    assert isinstance(new, NewOrder) and new.cl_ord_id and (new.order_qty, new.price) == (100, 42)
    tell(ExecType.NEW, new.cl_ord_id, secondary_order_id="X")
    child = parent.live
    assert child is not None and (child.secondary_order_id, child.cl_ord_id) == ("X", new.cl_ord_id)
    assert child.acknowledged and parent.work(order, at, Replace.TOTAL) is None
    first = parent.work(order, moved, Replace.TOTAL)
    assert isinstance(first, ReplaceOrder) and first.orig_cl_ord_id == new.cl_ord_id and first.price == 43
    assert parent.work(order, Intent(price=D(44)), Replace.TOTAL) is None  # one request at a time
    tell(ExecType.REJECTED, first.cl_ord_id)
    assert parent.live is not None and not parent.live.asked and parent.live.price == 42
    second = parent.work(order, moved, Replace.TOTAL)
    assert isinstance(second, ReplaceOrder)
    tell(ExecType.REPLACED, second.cl_ord_id, orig_cl_ord_id=new.cl_ord_id, secondary_order_id="Y")
    child = parent.live
    assert child is not None and (child.secondary_order_id, child.cl_ord_id, child.price) == ("Y", second.cl_ord_id, 43)
    tell(ExecType.REPLACED, second.cl_ord_id, orig_cl_ord_id=new.cl_ord_id)
    assert parent.live is not None and parent.live.secondary_order_id == "Y"


def test_what_a_fix_session_tells_of_an_order(cases: dict[str, Any]) -> None:
    """Every ExecutionReport of the published cases, against a child; what is marked a defect there is not one here."""
    tried = 0
    for case in cases["fix_application"]:
        rows = [step for step in case.get("steps", []) if isinstance(step[0], dict)]
        if not rows or "ExecutionReport(8)" not in {row[0]["msg"] for row in rows}:
            continue
        parent = Parent("P", lambda order_id: "unused")
        terms = case["order"]
        parent.ask(
            NewOrder(
                order_id="P",
                cl_ord_id="new",
                side=Side(terms["side"]),
                symbol=terms["symbol"],
                order_qty=D(terms["order_qty"]),
                price=D(terms["price"]),
            )
        )
        for number, (message, expected) in enumerate(rows):
            if message.get("origClOrdID") and not parent.children[0].cancelling:
                ids = {"order_id": "P", "cl_ord_id": message["clOrdID"], "orig_cl_ord_id": message["origClOrdID"]}
                parent.ask(CancelOrder(**ids, side=Side(terms["side"]), symbol=terms["symbol"]))
            parent.apply(
                Report(
                    order_id="P",
                    cl_ord_id=message["clOrdID"],
                    orig_cl_ord_id=message.get("origClOrdID"),
                    secondary_order_id=message.get("orderID"),
                    exec_type=ExecType.from_fix(message["execType"]),
                    ord_status=OrdStatus.from_fix(message["ordStatus"]),
                    exec_id=str(number),
                    last_qty=D(message.get("lastQty", 0)),
                    last_px=D(message.get("lastPx", 0)),
                    transact_time=None,
                )
            )
            child = parent.children[0]
            assert child.ord_status is OrdStatus[expected["ordStatus"]], (case["orig_test"], number)
            if "secondary" in expected:
                assert child.secondary_order_id == expected["secondary"]
            if expected.get("open_orders") == 0:
                assert child.finished and parent.live is None
            tried += 1
    assert tried >= 8
