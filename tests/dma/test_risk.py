"""The risk gate: every rule refuses what it should, says why in a sentence, and lets the rest pass."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

import pytest

import exo
from exo.dma import AccountLimits, Intent, Market, Parent, Refusal, Replace, RiskGate, RiskLimits, Rule, TradingState
from exo.flow import Window
from exo.mkt import ExecType, FeedState, FeedStatus, Listing, Quote, Report, Side

D = Decimal
S = 1_000_000_000
BUY, SELL = Side.BUY, Side.SELL
QUOTE = Quote("A", D(99), D(5), D(101), D(5))
LISTING = Listing(symbol="A", tick=D("0.5"), lot=D("0.1"), min_qty=D("0.2"), min_notional=D(50))


class Wanted(exo.Order):
    order_qty: Decimal = D(1000)


class Desk:
    """Orders over one gate, as the container drives it; every order has a parent of its own."""

    def __init__(self, gate: RiskGate, replace: Replace = Replace.TOTAL) -> None:
        self.gate = gate
        self.replace = replace
        self.parents: dict[tuple[str, Side], Parent] = {}
        self.numbers = count(1)
        self.market = Market(QUOTE, None)
        self.now_ns = 0

    def parent(self, order_id: str, side: Side = BUY) -> Parent:
        key = (order_id, side)
        if key not in self.parents:
            self.parents[key] = Parent(order_id, lambda of: f"{of}-{next(self.numbers)}", self.gate.note)
        return self.parents[key]

    def work(
        self,
        qty: object = 1,
        price: object = 100,
        side: Side = BUY,
        order_id: str = "P",
        symbol: str = "A",
        slot: str = "",
    ) -> Refusal | None:
        parent = self.parent(order_id, side)
        order = Wanted(side=side, symbol=symbol, order_id=order_id)
        px = None if price is None else D(str(price))
        if px is None:
            self.gate.mark(symbol, D(100))
        request = parent.work(order, Intent(price=px, order_qty=D(str(qty)), slot=slot), self.replace)
        assert request is not None
        child = parent.find(request.cl_ord_id)
        assert child is not None
        refusal = self.gate.judge(request, child, self.market, self.now_ns)  # type: ignore[arg-type]
        if refusal is not None:
            parent.unsend(request)
        return refusal

    def tell(self, kind: ExecType, child: str, side: Side = BUY, order_id: str = "P", **more: Any) -> None:
        parent = self.parent(order_id, side)
        before = parent.cum_qty
        parent.apply(Report(order_id=order_id, cl_ord_id=child, exec_type=kind, transact_time=None, **more))
        self.gate.traded("A", side, parent.cum_qty - before)

    def fill(self, qty: object, child: str, side: Side = BUY, order_id: str = "P", exec_id: str = "1") -> None:
        more = {"last_qty": D(str(qty)), "last_px": D(100), "exec_id": exec_id}
        self.tell(ExecType.TRADE, child, side, order_id, **more)


def rule(refusal: Refusal | None) -> Rule | None:
    return None if refusal is None else refusal.rule


@pytest.mark.parametrize(
    ("qty", "price", "expected"),
    [
        (1, 100, None),
        (1, "100.2", Rule.TICK),
        (1, 0, Rule.PRICE),
        (1, -5, Rule.PRICE),
        ("1.05", 100, Rule.LOT),
        ("0.1", 1000, Rule.MIN_QTY),
        ("0.2", 100, Rule.MIN_NOTIONAL),
        ("0.5", 100, None),
        (1, None, None),
    ],
)
def test_a_listing_filters_prices_and_quantities(qty: object, price: object, expected: Rule | None) -> None:
    """Tick, lot, smallest quantity and notional; a price of 0 only where that can be."""
    assert rule(Desk(RiskGate(listing={"A": LISTING}.get)).work(qty, price)) is expected


def test_a_contract_that_may_trade_below_zero_may() -> None:
    """As oil and spreads do."""
    listing = Listing(symbol="A", may_trade_negative=True)
    assert Desk(RiskGate(listing={"A": listing}.get)).work(1, -5) is None


def test_what_is_not_listed_is_refused_where_only_what_is_may_be_traded() -> None:
    """Else it passes."""
    assert rule(Desk(RiskGate(listing={}.get, listed_only=True)).work()) is Rule.NOT_LISTED
    assert Desk(RiskGate(listing={}.get)).work() is None


@pytest.mark.parametrize(
    ("limits", "qty", "price", "expected"),
    [
        (RiskLimits(max_qty=D(5)), 5, 100, None),
        (RiskLimits(max_qty=D(5)), "5.01", 100, Rule.MAX_QTY),
        (RiskLimits(max_notional=D(500)), 5, 100, None),
        (RiskLimits(max_notional=D(500)), 5, "100.01", Rule.MAX_NOTIONAL),
        (RiskLimits(max_notional=D(500)), 5, None, Rule.MAX_NOTIONAL),  # at the market: 101
        (RiskLimits(collar=D("0.01")), 1, "102.01", None),
        (RiskLimits(collar=D("0.01")), 1, "102.02", Rule.COLLAR),
        (RiskLimits(collar=D("0.01")), 1, 1, None),
    ],
)
def test_the_size_and_the_price_of_a_request_have_limits(
    limits: RiskLimits, qty: object, price: object, expected: Rule | None
) -> None:
    """A collar is about the price that the order would trade at; to bid far below hurts nobody."""
    assert rule(Desk(RiskGate(limits)).work(qty, price)) is expected


def test_a_sellers_collar_lies_below_the_market() -> None:
    """By the other side's price."""
    desk = Desk(RiskGate(RiskLimits(collar=D("0.01"))))
    assert desk.work(1, "98.01", SELL) is None
    assert rule(desk.work(1, "98.00", SELL, "Q")) is Rule.COLLAR


def test_without_a_price_to_compare_with_nothing_passes_a_collar() -> None:
    """Nor a notional without a price."""
    desk = Desk(RiskGate(RiskLimits(collar=D("0.01"))))
    desk.market = Market(None, None)
    assert rule(desk.work()) is Rule.NO_PRICE
    desk = Desk(RiskGate(RiskLimits(max_notional=D(1))))
    desk.market = Market(None, None)
    assert rule(desk.work(1, None)) is Rule.NO_PRICE


@pytest.mark.parametrize("state", FeedState)
def test_on_data_that_is_not_live_nothing_leaves(state: FeedState) -> None:
    """Gap, silence, disconnect, and a halt."""
    desk = Desk(RiskGate())
    desk.market = Market(QUOTE, FeedStatus(state=state))
    refused = desk.work()
    assert rule(refused) is (None if state is FeedState.LIVE else Rule.STALE)
    assert refused is None or state.value in str(refused)


def test_children_are_counted_by_account_and_by_order() -> None:
    """One that has ended makes room."""
    desk = Desk(RiskGate(account=AccountLimits(max_children=3, max_order_children=2)))
    assert [rule(desk.work(slot=slot)) for slot in "abc"] == [None, None, Rule.ORDER_CHILDREN]
    assert [rule(desk.work(order_id=order_id)) for order_id in "QR"] == [None, Rule.CHILDREN]
    desk.tell(ExecType.CANCELED, "P-1")
    assert desk.work(order_id="R") is None


def test_rates_are_counted_by_order_and_by_account() -> None:
    """In a window that slides; what is refused is not counted, and an order that has ended is forgotten."""
    gate = RiskGate(account=AccountLimits(order_rate=Window(2, 1), account_rate=Window(3, 1)))
    desk = Desk(gate)
    assert [rule(desk.work(slot=slot)) for slot in "abc"] == [None, None, Rule.ORDER_RATE]
    assert [rule(desk.work(order_id="Q", slot=slot)) for slot in "ab"] == [None, Rule.ACCOUNT_RATE]
    desk.now_ns = S
    assert desk.work(slot="c") is None
    gate.forget("P")
    assert [rule(desk.work(slot=slot)) for slot in "def"] == [None, None, Rule.ORDER_RATE]


def test_a_position_counts_what_is_open_in_full_whether_in_doubt_or_not() -> None:
    """Bought, open and in doubt; what others sell does not make room before it is executed."""
    desk = Desk(RiskGate(RiskLimits(max_position=D(10))))
    assert desk.work(6) is None
    desk.fill(6, "P-1")
    assert desk.work(3, order_id="Q") is None
    desk.parent("Q").doubt_all()
    assert desk.work(5, 105, SELL, "R") is None
    refused = desk.work(2, order_id="S")
    assert rule(refused) is Rule.POSITION and "11" in str(refused) and "10" in str(refused)
    assert desk.work(1, order_id="S") is None
    desk.fill(5, "R-3", SELL, "R", "2")
    assert desk.work(5, order_id="T") is None


def test_a_position_held_before_counts() -> None:
    """Short ones on the other side."""
    desk = Desk(RiskGate(RiskLimits(max_position=D(10)), positions={"A": D(-8)}))
    assert rule(desk.work(3, 105, SELL)) is Rule.POSITION
    assert desk.work(2, 105, SELL) is None and desk.work(18, order_id="Q") is None


def test_a_bust_takes_a_position_back() -> None:
    """Executions count as they stand."""
    desk = Desk(RiskGate(RiskLimits(max_position=D(10))))
    assert desk.work(10) is None
    desk.fill(10, "P-1")
    desk.tell(ExecType.TRADE_CANCEL, "P-1", exec_id="2", exec_ref_id="1")
    desk.tell(ExecType.CANCELED, "P-1")
    assert desk.gate.exposure("A").position == 0 and desk.work(10, order_id="Q") is None


def test_open_notional_is_limited_by_symbol_and_for_all() -> None:
    """A contract's multiplier counts, an inverse one is worth its size."""
    inverse = Listing(symbol="I", inverse=True, tick=D(1))
    times_ten = Listing(symbol="A", contract_multiplier=D(10), tick=D(1))
    gate = RiskGate(
        RiskLimits(max_open_notional=D(5000)),
        account=AccountLimits(max_open_notional=D(5999)),
        listing={"A": times_ten, "I": inverse}.get,
    )
    desk = Desk(gate)
    assert rule(desk.work(6, 100)) is Rule.OPEN_NOTIONAL
    assert desk.work(5, 100) is None and gate.open_notional == 5000
    assert rule(desk.work(1000, 9, order_id="Q", symbol="I")) is Rule.ACCOUNT_NOTIONAL
    assert desk.work(999, 9, order_id="R", symbol="I") is None


def test_of_a_replace_that_is_pending_the_larger_and_the_bolder_side_counts() -> None:
    """Until it is answered; one that makes nothing larger is not refused for what others have open."""
    desk = Desk(RiskGate(RiskLimits(max_position=D(10), max_open_notional=D(1100))))
    assert desk.work(5, 100) is None
    desk.tell(ExecType.NEW, "P-1")
    assert rule(desk.work(11, 100)) is Rule.POSITION
    assert desk.work(10, 110) is None
    assert desk.gate.exposure("A").open_qty[BUY] == 10 and desk.gate.exposure("A").notional == 1100
    desk.tell(ExecType.REPLACED, "P-3", orig_cl_ord_id="P-1")
    assert desk.work(2, 110) is None
    assert desk.gate.exposure("A").open_qty[BUY] == 10
    desk.tell(ExecType.REPLACED, "P-4", orig_cl_ord_id="P-3")
    assert desk.gate.exposure("A").open_qty[BUY] == 2


def test_an_order_that_could_meet_an_own_one_is_refused() -> None:
    """At the same price or through it; a market order meets whatever rests."""
    desk = Desk(RiskGate())
    assert desk.work(1, 101, SELL, "S") is None
    refused = desk.work(1, 101)
    assert rule(refused) is Rule.SELF_CROSS and "101" in str(refused)
    assert rule(desk.work(1, 102)) is Rule.SELF_CROSS and rule(desk.work(1, None)) is Rule.SELF_CROSS
    assert desk.work(1, "100.99") is None
    assert desk.gate.exposure("A").would_meet(SELL, D("100.99")) == D("100.99")
    desk.tell(ExecType.CANCELED, "S-1", SELL, "S")
    assert desk.work(1, 102, order_id="Q") is None


def test_what_never_rests_can_be_met_by_nobody() -> None:
    """A market order and an immediate one take what rests, and are gone."""
    desk = Desk(RiskGate())
    assert desk.work(1, None) is None and desk.work(1, 90, SELL, "S") is None


def test_reducing_lets_pass_only_what_brings_a_position_nearer_to_0() -> None:
    """And not through it; halted nothing at all."""
    gate = RiskGate(positions={"A": D(5)})
    gate.state = TradingState.REDUCING
    desk = Desk(gate)
    assert rule(desk.work(1)) is Rule.REDUCING
    assert desk.work(3, 105, SELL) is None and rule(desk.work(3, 105, SELL, "Q")) is Rule.REDUCING
    assert desk.work(2, 105, SELL, "R") is None
    gate.state = TradingState.HALTED
    assert rule(desk.work(1, 105, SELL, "T")) is Rule.HALTED


def test_a_refusal_is_a_sentence_with_the_figures_in_it() -> None:
    """It names the order and what may be."""
    refusal = Desk(RiskGate(RiskLimits(max_qty=D(5)))).work(7)
    assert str(refusal) == "not sent for order P: its quantity 7 is above the largest, 5"
    for each in Rule:
        assert "{" not in str(Refusal(rule=each, order_id="P", symbol="A", is_="1", limit="2"))


def test_what_was_never_sent_leaves_no_trace() -> None:
    """Neither in the sums nor among the children."""
    gate = RiskGate(RiskLimits(max_position=D(1)), account=AccountLimits(max_children=5))
    desk = Desk(gate)
    for _ in range(10):
        assert rule(desk.work(2)) is Rule.POSITION
    exposure = gate.exposure("A")
    assert (exposure.open_qty[BUY], exposure.notional, gate.open_notional) == (0, 0, 0)
    assert desk.parent("P").children == () and desk.parent("P").open_qty == 0
    assert desk.work(1) is None


def test_a_gate_for_a_symbol_has_limits_of_its_own() -> None:
    """Others have the general ones."""
    desk = Desk(RiskGate(RiskLimits(max_qty=D(1)), symbols={"A": RiskLimits(max_qty=D(9))}))
    assert desk.work(9) is None and rule(desk.work(2, symbol="B", order_id="Q")) is Rule.MAX_QTY
