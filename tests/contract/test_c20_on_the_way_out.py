"""C20: what leaves is the newest, in the venue's limits, cancels first; what waited too long is reported back."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

import exo
from exo.dma import (
    AccountLimits,
    CancelOrder,
    Capabilities,
    Line,
    NewOrder,
    Replace,
    ReplaceOrder,
    RiskGate,
    RiskLimits,
    Rule,
    TradingState,
    VenueStatus,
)
from exo.flow import Window, current_clock
from exo.mkt import FeedState, FeedStatus, OrdStatus

from .helpers import D, Made, buy, quote, settled, virtual
from .test_c17_in_doubt import Counting, rests
from .venues import Wire

S = 1_000_000_000


def limited(*windows: Window, **more: Any) -> Wire:
    wire = Wire()
    wire.capabilities = Capabilities(windows=windows, **more)
    return wire


def pegs(me: Any, update: Any) -> Any:
    """Stand at the bid."""
    desk = me.desk
    if desk.cancelled:
        desk.cancel()
    elif update.quote:
        desk.work(price=update.quote.bid_px)
    return exo.DONE if desk.finished else None


@virtual
async def test_c20_while_requests_wait_only_the_newest_intent_of_a_child_leaves() -> None:
    """Of a hundred prices the last; the venue hears of no other."""
    wire = limited(Window(1, 1))
    made = Made(pegs)
    async with exo.Dispatcher(made, wire, exit_s=5) as d:
        d.submit(buy(symbol="B", order_qty=D(1)))
        d.submit(buy(order_qty=D(10)))
        d.on_quote(quote(1, 2, "B"))
        await settled()
        for px in range(100):
            d.on_quote(quote(10 + px, 200))
            await settled()
        assert [request.symbol for request in wire.news] == ["B"]
        assert made[1].desk.working.price == 109 and len(made[1].desk.children) == 1
        await asyncio.sleep(1)
        assert [request.price for request in wire.news] == [1, 109]


@virtual
async def test_c20_an_intent_that_is_taken_back_before_it_left_was_never_there() -> None:
    """Neither is it cancelled at the venue; the order may be done at once."""
    wire = limited(Window(1, 1))
    made = Made(pegs)
    async with exo.Dispatcher(made, wire, exit_s=5) as d:
        d.submit(buy(symbol="B", order_qty=D(1)))
        x = d.submit(buy(order_qty=D(10))).order_id
        d.on_quote(quote(1, 2, "B"))
        d.on_quote(quote())
        await settled()
        assert made[1].desk.working.order_qty == 10
        d.cancel(x)
        await settled()
        assert made[1].desk.finished and d.outcome(x) is not None
        await asyncio.sleep(3)
        assert len(wire.requests) == 1


@virtual
async def test_c20_a_ban_of_30_s_while_the_price_moves_5_percent_sends_nothing_stale() -> None:
    """Cancels leave when it ends, and then the order at the price of that moment."""
    venue = Counting(replace=Replace.NONE)
    made = Made(pegs)
    async with exo.Dispatcher(made, venue, exit_s=5, max_age_s=2) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        d.on_quote(quote(100, 101))
        await settled()
        assert len(venue.sent) == 1
        d.on_status(VenueStatus(line=Line.SILENT, until_ns=current_clock().now_ns() + 30 * S))
        for tick in range(1, 301):
            await asyncio.sleep(0.1)
            d.on_quote(quote(D(100) + D(tick) * 5 / 300, 111))
        await settled()
        assert len(venue.sent) == 3 and isinstance(venue.sent[1], CancelOrder)
        assert isinstance(venue.sent[2], NewOrder) and venue.sent[2].price == 105
        d.cancel(x)
        await d.ended(x)


@virtual
async def test_c20_what_waited_too_long_is_reported_back_and_the_delegate_decides_anew() -> None:
    """It is told which request, why, and that it is not there."""
    wire = limited()
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None if len(me.updates) < 2 else None)
    async with exo.Dispatcher(made, wire, exit_s=1, max_age_s=2) as d:
        d.on_status(VenueStatus(line=Line.SILENT, until_ns=current_clock().now_ns() + 30 * S))
        d.submit(buy(order_qty=D(10)))
        await settled()
        assert made[0].desk.working is not None
        await asyncio.sleep(2.5)
        [report] = made[0].last.reports
        assert report.ord_status is OrdStatus.REJECTED and "it has waited for 2.000 s" in str(report.text)
        assert made[0].desk.refused.rule is Rule.TOO_OLD
        assert made[0].desk.working is None and wire.requests == [] and made[0].desk.leaves_qty == 10


@pytest.mark.parametrize(
    ("what", "rule"),
    [
        ("stale", Rule.STALE),
        ("halt", Rule.HALTED),
        ("collar", Rule.COLLAR),
        ("hold", Rule.OWNER),
        ("cancel", Rule.OWNER),
    ],
)
@virtual
async def test_c20_what_was_good_when_it_was_made_is_judged_again_when_it_leaves(what: str, rule: Rule) -> None:
    """Stale data, a halt, a collar, or an owner who wants it no more."""
    wire = limited(Window(1, 1))
    gate = RiskGate(RiskLimits(collar=D("0.1")))
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None if update.quote and len(me.updates) < 3 else None)
    async with exo.Dispatcher(made, wire, gate=gate, exit_s=1) as d:
        d.submit(buy(symbol="B", order_qty=D(1)))
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote(10, 11, "B"))
        d.on_quote(quote(10, 11))
        await settled()
        assert len(wire.news) == 1 and made[1].desk.working is not None
        if what == "stale":
            d.on_status(FeedStatus(state=FeedState.GAP))
        elif what == "halt":
            gate.state = TradingState.HALTED
        elif what == "collar":
            d.on_quote(quote(8, 9))
        else:
            getattr(d, what)(x)
        await asyncio.sleep(1.5)
        assert len(wire.news) == 1 and made[1].desk.working is None
        assert made[1].desk.refused.rule is rule and made[1].last.reports[0].ord_status is OrdStatus.REJECTED


@virtual
async def test_c20_a_replace_that_may_not_leave_is_rejected_and_the_child_stands() -> None:
    """As if the venue had rejected it."""
    wire = limited(Window(2, 1), replace=Replace.TOTAL)
    gate = RiskGate()
    made = Made()
    async with exo.Dispatcher(made, wire, gate=gate, exit_s=1, reserve=0) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        wire.accept()
        first = desk.work(price=D(11))
        assert isinstance(first, ReplaceOrder) and len(wire.requests) == 2
        wire.sink.on_report(_replaced(first))
        second = desk.work(price=D(12))
        assert isinstance(second, ReplaceOrder) and len(wire.requests) == 2
        gate.state = TradingState.HALTED
        await asyncio.sleep(1.5)
        child = desk.working
        assert len(wire.requests) == 2 and child.price == 11 and not child.unanswered and child.open_qty == 10
        desk.cancel()
        wire.end()


def _replaced(request: ReplaceOrder) -> exo.Report:
    return exo.Report(
        order_id=request.order_id,
        cl_ord_id=request.cl_ord_id,
        orig_cl_ord_id=request.orig_cl_ord_id,
        exec_type=exo.ExecType.REPLACED,
        transact_time=None,
    )


@virtual
async def test_c20_what_the_gate_refuses_is_not_sent_and_the_desk_says_why() -> None:
    """The delegate goes on; what it asks for next may pass."""
    wire = Wire()
    gate = RiskGate(RiskLimits(max_qty=D(5)), account=AccountLimits(max_order_children=1))
    made = Made()
    async with exo.Dispatcher(made, wire, gate=gate, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        assert desk.work(price=D(10)) is None and "its quantity 10 is above the largest, 5" in str(desk.refused)
        assert desk.work(price=D(10), order_qty=D(5)) is not None and desk.refused is None
        assert desk.work(price=D(9), order_qty=D(5), slot="b") is None and desk.refused.rule is Rule.ORDER_CHILDREN
        assert len(wire.requests) == 1 and len(desk.children) == 1
        wire.end()


@virtual
async def test_c20_a_burst_beyond_the_venues_limits_never_meets_them() -> None:
    """A thousand orders at a venue that bans whoever asks too much: none is refused, and cancels are not held up."""
    venue = Counting(windows=(Window(50, 1), Window(300, 10)), mass_cancel=False)
    made = Made(rests)
    times: list[tuple[int, bool]] = []
    send = venue.send

    def noted(request: Any) -> None:
        times.append((current_clock().now_ns(), isinstance(request, CancelOrder)))
        send(request)

    venue.send = noted  # type: ignore[method-assign]
    async with exo.Dispatcher(made, venue, exit_s=60, max_age_s=60, reserve=0.2) as d:
        ids = [d.submit(buy(order_qty=D(1))).order_id for _ in range(1000)]
        await asyncio.sleep(5)
        assert 0 < len(venue.sent) < 1000
        for order_id in ids:
            d.cancel(order_id)
        await d.all_ended()
        for window in venue.capabilities.windows:
            for index, (at_ns, _) in enumerate(times):
                later = times[index + window.limit :][:1]
                assert not later or later[0][0] >= at_ns + window.interval_ns
        first = next(index for index, (_, is_cancel) in enumerate(times) if is_cancel)
        assert all(is_cancel for _, is_cancel in times[first:])
        assert not any(child.text == "too many requests" for one in made for child in one.desk.children)
    assert not venue._orders.open


@virtual
async def test_c20_decimal_limits_are_exact() -> None:
    """A collar of a tenth of a percent at a price with many places."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire, gate=RiskGate(RiskLimits(collar=D("0.001"))), exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        d.on_quote(exo.Quote("A", D("0.00009999"), D(1), D("0.00010000"), D(1)))
        await settled()
        desk = made[0].desk
        assert desk.work(price=D("0.0001001000000000000000000001")) is None and desk.refused.rule is Rule.COLLAR
        assert desk.work(price=Decimal("0.0001001")) is not None
        wire.end()


@virtual
async def test_c20_what_is_executed_counts_in_the_position_that_the_gate_limits() -> None:
    """Of all orders together; and a bust takes it back."""
    wire = Wire()
    gate = RiskGate(RiskLimits(max_position=D(10)))
    made = Made()
    async with exo.Dispatcher(made, wire, gate=gate, exit_s=1) as d:
        for _ in range(2):
            d.submit(buy(order_qty=D(10)))
        await settled()
        made[0].desk.work(price=D(10), order_qty=D(6))
        wire.fill(6, exec_id="E")
        assert gate.exposure("A").position == 6
        assert made[1].desk.work(price=D(10), order_qty=D(5)) is None and made[1].desk.refused.rule is Rule.POSITION
        wire.tell(exo.ExecType.TRADE_CANCEL, exec_id="B", exec_ref_id="E", ord_status=OrdStatus.CANCELED)
        assert gate.exposure("A").position == 0
        assert made[1].desk.work(price=D(10), order_qty=D(10)) is not None
        wire.end()


@virtual
async def test_c20_a_kill_reports_back_what_was_still_waiting() -> None:
    """Its delegate is told why it is not there."""
    wire = limited(Window(1, 1))
    made = Made(pegs)
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(symbol="B", order_qty=D(1)))
        d.submit(buy(order_qty=D(10)))
        d.on_quote(quote(1, 2, "B"))
        d.on_quote(quote())
        await settled()
        assert len(wire.news) == 1 and made[1].desk.working is not None
        await d.kill(within_s=0)
        await settled()
        assert made[1].desk.working is None and len(wire.news) == 1
        assert "trading is halted" in str(made[1].last.reports[0].text)


@virtual
async def test_c20_a_cancel_that_the_venue_did_not_take_is_sent_again_by_itself() -> None:
    """Whoever asked for it asks once."""
    down = [True]

    def fails(request: Any) -> None:
        if isinstance(request, CancelOrder) and down[0]:
            raise OSError("the line is down")

    wire = Wire(fails)
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        made[0].desk.work(price=D(10))
        wire.accept()
        made[0].desk.cancel()
        await asyncio.sleep(3.5)
        assert wire.cancels == []
        down[0] = False
        await asyncio.sleep(1.5)
        assert len(wire.cancels) == 1
        wire.end()


@virtual
async def test_c11_an_order_that_has_ended_leaves_nothing_with_the_gate_or_the_outbox() -> None:
    """Neither rates nor stakes nor turns."""
    venue = Counting(windows=(Window(1000, 1),))
    gate = RiskGate(account=AccountLimits(order_rate=Window(5, 1), account_rate=Window(5000, 1)))
    async with exo.Dispatcher(Made(rests), venue, gate=gate, exit_s=1) as d:
        for _ in range(50):
            x = d.submit(buy(order_qty=D(1))).order_id
            await settled()
            d.cancel(x)
            await d.ended(x)
        outbox = d._parts.working.sending.outbox
        assert not len(gate.rates) and not gate._stakes and not gate._children and not d._parts.working.roll.live
        assert len(outbox) == 0 and not outbox._since and not outbox._slots and len(outbox._others) <= 1
