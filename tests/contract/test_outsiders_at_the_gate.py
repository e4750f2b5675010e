"""What outsiders have broken at the gate, the outbox, leaving and owner."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

import exo
from exo.dma import (
    CancelOrder,
    Capabilities,
    Line,
    Replace,
    ReplaceOrder,
    RiskGate,
    RiskLimits,
    TradingState,
    VenueStatus,
)
from exo.dma.limits import AccountLimits
from exo.flow import Window, current_clock
from exo.mkt import Side, TimeInForce
from exo.run import End

from .helpers import D, Made, PegOrder, buy, quote, settled, virtual
from .venues import Wire


def sell(symbol: str = "A", **terms: Any) -> PegOrder:
    return PegOrder(**({"side": Side.SELL, "symbol": symbol} | terms))


class Total(Wire):
    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.capabilities = Capabilities(**({"replace": Replace.TOTAL} | more))


@pytest.mark.parametrize(("side", "at", "to"), [(Side.BUY, 90, 99), (Side.SELL, 120, 101)])
@virtual
async def test_c20_in_reducing_nothing_is_brought_nearer_to_a_trade_that_makes_the_position_larger(
    side: Side, at: int, to: int
) -> None:
    """A child that rests far away may not be repriced to the touch: that takes the position away from 0."""
    gate = RiskGate()
    venue = Total()
    made = Made()
    async with exo.Dispatcher(made, venue, gate=gate, exit_s=0.1) as d:
        d.on_quote(quote(99, 101))
        d.submit(PegOrder(side=side, symbol="A", order_qty=D(10)))
        await settled()
        d.on_quote(quote(99, 101))
        desk = made[0].desk
        assert desk.work(price=D(at)) is not None
        venue.accept()
        gate.state = TradingState.REDUCING
        asked = desk.work(price=D(to))
        assert asked is None and desk.refused is not None, f"{asked} left in REDUCING, the position is 0"


@virtual
async def test_c20_what_is_immediate_and_may_still_arrive_counts_against_a_self_cross() -> None:
    """An IOC to buy at 11 has no answer; to sell at 10 beside it could trade with it."""
    venue = Total()
    made = Made()
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        d.submit(buy(order_qty=D(10)))
        d.submit(sell(order_qty=D(10)))
        await settled()
        assert made[0].desk.work(price=D(11), time_in_force=TimeInForce.IOC) is not None
        await asyncio.sleep(6)
        assert made[0].desk.in_doubt
        assert made[1].desk.work(price=D(10)) is None


class LeavesAll:
    exit_policy = exo.ExitPolicy.LEAVE

    def __init__(self, desk: Any) -> None:
        self.desk = desk

    async def act(self, update: Any) -> Any:
        self.desk.work(price=D(10))
        await asyncio.sleep(1e6)

    def clean_up(self) -> None: ...


@virtual
async def test_c09_a_call_that_is_cut_off_by_the_shutdown_still_leaves_what_its_policy_leaves() -> None:
    """LEAVE is LEAVE, also where the act was waiting for something when its time was up."""
    venue = Wire()
    async with exo.Dispatcher(LeavesAll, venue, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        venue.accept()
    outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.STOPPED and len(outcome.still_open) == 1
    assert venue.cancels == []


@virtual
async def test_c07_a_listing_that_cannot_be_looked_up_leaves_no_child_in_limbo() -> None:
    """The gate's look-up raises: the symbol counts as one that is not listed."""

    def listing(symbol: str) -> Any:
        if broken:
            raise KeyError(symbol)

    broken: list[int] = []
    venue = Total()
    made = Made()
    async with exo.Dispatcher(made, venue, gate=RiskGate(listing=listing), exit_s=0.1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        broken.append(1)
        assert desk.work(price=D(10)) is not None and len(venue.requests) == len(desk.children) == 1


@virtual
async def test_c07_a_look_up_that_raises_when_a_request_leaves_loses_no_request() -> None:
    """It waited for the venue's limits; nobody may count it as sent, and the others leave all the same."""
    broken: list[int] = []

    def listing(symbol: str) -> Any:
        if broken and symbol == "A":
            raise KeyError(symbol)

    venue = Total(windows=(Window(1, 1),), answer_s=1, expiry_s=1)
    made = Made()
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made, venue, gate=RiskGate(listing=listing), exit_s=0.1, max_age_s=10) as d:
        for symbol in "BABC":
            d.submit(buy(symbol, order_qty=D(10)))
        await settled()
        loop.set_exception_handler(lambda loop, context: None)
        for one in made.all:
            one.desk.work(price=D(10))
        broken.append(1)
        await asyncio.sleep(8)
        broken.clear()
        await asyncio.sleep(100)
        assert not made[1].desk.children or made[1].desk.children[0].finished, made[1].desk.children


@virtual
async def test_c20_an_intent_whose_child_ends_while_its_replace_waits_is_not_lost_in_silence() -> None:
    """The venue cancels the child unasked; the delegate wants the same again: something leaves, or it is told."""
    venue = Total(windows=(Window(1, 1),))

    def act(me: Any, update: Any) -> Any:
        if wanted:
            me.desk.work(price=wanted[0])

    wanted: list[Any] = []
    made = Made(act)
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wanted.append(D(10))
        d.on_quote(quote())
        await settled()
        venue.accept()
        wanted[0] = D(11)
        d.on_quote(quote())
        await settled()  # the replace waits for the window
        venue.end()
        await settled()  # told of the end: wants 11 still, which "waits already"
        looks = len(made[0].updates)
        await asyncio.sleep(600)
        assert len(venue.news) == 2 or len(made[0].updates) > looks, (
            f"nothing stands, nothing waits, nobody was told: {[type(r).__name__ for r in venue.requests]}"
        )


@virtual
async def test_c20_a_replace_of_a_child_that_has_ended_does_not_leave() -> None:
    """Another child of the order lives on; the replace of the dead one must not take the venue's room."""
    venue = Total(windows=(Window(2, 1),))
    made = Made()
    async with exo.Dispatcher(made, venue, exit_s=0.1, reserve=0) as d:
        d.submit(buy(order_qty=D(20)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(9), order_qty=D(10), slot="b")
        desk.work(price=D(10), order_qty=D(10))
        venue.accept(0)
        venue.accept(1)
        assert isinstance(desk.work(price=D(11), order_qty=D(10)), ReplaceOrder)  # waits for the window
        venue.end()
        desk.work(price=D(11), order_qty=D(10))
        await asyncio.sleep(1.5)
        assert [type(r).__name__ for r in venue.requests] == ["NewOrder"] * 3


@virtual
async def test_c08_a_child_that_is_abandoned_is_not_cancelled_by_an_older_wish() -> None:
    """Its cancel could not be sent; then its delegate leaves it: a second later it still stands."""
    venue = Total()
    told: list[int] = []

    def fails(request: Any) -> None:
        if isinstance(request, CancelOrder):
            told.append(1)
            if len(told) == 1:
                raise ConnectionError

    venue.fails = fails

    def act(me: Any, update: Any) -> Any:
        if update.quote:
            return exo.DONE(abandon=True)
        return None

    made = Made(act)
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        made[0].desk.work(price=D(10))
        venue.accept()
        made[0].desk.cancel()
        d.on_quote(quote())
        await d.ended(x)
        await asyncio.sleep(5)
        assert venue.cancels == []


@virtual
async def test_c09_a_shutdown_cancels_a_child_whose_cancel_was_rejected_a_moment_ago() -> None:
    """There may be no second in which to wait: it is asked again before the end."""
    venue = Total()
    made = Made()
    async with exo.Dispatcher(made, venue, exit_s=0.5) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        made[0].desk.work(price=D(10))
        venue.accept()
        made[0].desk.cancel()
        venue.refuse()
    assert len(venue.cancels) == 2


@virtual
async def test_c17_a_kill_cancels_at_once_a_child_whose_cancel_was_rejected_a_moment_ago() -> None:
    """A kill of half a second must have sent its cancels."""
    venue = Total()
    made = Made()
    async with exo.Dispatcher(made, venue, exit_s=0) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        made[0].desk.work(price=D(10))
        venue.accept()
        made[0].desk.cancel()
        venue.refuse()
        await d.kill(within_s=0.5)
        assert len(venue.cancels) == 2


def test_orders_page_an_outcome_has_leaves_qty() -> None:
    """docs/orders.md: Event and Outcome have ord_status, cum_qty, leaves_qty and avg_px."""
    from exo.run import Event, Outcome

    for kind in (Event, Outcome):
        for name in ("ord_status", "cum_qty", "leaves_qty", "avg_px"):
            assert hasattr(kind, name), (kind, name)


@virtual
async def test_c20_a_late_execution_counts_in_the_position_however_many_orders_have_ended_since() -> None:
    """A sweep of thousands ends within a second; the first one's fill is told after that."""
    gate = RiskGate(RiskLimits(max_position=D(10)))
    venue = Total()

    def act(me: Any, update: Any) -> Any:
        if me.desk.cancelled:
            return exo.DONE if me.desk.working is None else None
        me.desk.work(price=D(10))
        return None

    async with exo.Dispatcher(Made(act), venue, gate=gate, exit_s=0, on_orphan=lambda report: None) as d:
        for i in range(1002):
            d.submit(buy(order_id=f"P{i}", order_qty=D(10)))
            await settled()
            venue.accept()
            venue.end()
            d.cancel(f"P{i}")
            await settled()
        assert len(d) == 0
        venue.fill(10, child=0)
        assert gate.exposure("A").position == 10


@virtual
async def test_c20_a_window_of_two_keeps_room_for_a_cancel_too() -> None:
    """Two in 10 s: with one kept for cancels, the second new order waits and the cancel leaves at once."""
    venue = Total(windows=(Window(2, 10.0),))
    made = Made()
    async with exo.Dispatcher(made, venue, exit_s=0) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        made[0].desk.work(price=D(10), order_qty=D(1), slot="a")
        made[0].desk.work(price=D(10), order_qty=D(1), slot="b")
        venue.accept(0)
        made[0].desk.cancel("a")
        assert len(venue.cancels) == 1, [type(r).__name__ for r in venue.requests]


@virtual
async def test_c20_the_rate_of_an_order_holds_for_what_leaves_also_after_a_silence() -> None:
    """One in a second may leave: three that waited do not leave in one instant."""
    gate = RiskGate(account=AccountLimits(order_rate=Window(1, 1.0)))
    venue = Total()
    made = Made()
    at: list[float] = []
    venue.fails = lambda request: at.append(asyncio.get_running_loop().time())
    async with exo.Dispatcher(made, venue, gate=gate, exit_s=0.1, max_age_s=10) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        d.on_status(VenueStatus(line=Line.SILENT, until_ns=current_clock().now_ns() + 5_000_000_000))
        for slot in "abc":
            assert made[0].desk.work(price=D(10), order_qty=D(1), slot=slot) is not None
            await asyncio.sleep(1.1)
        await asyncio.sleep(5)
        assert all(b - a >= 1 for a, b in pairwise(at)), at
