"""What an outsider has broken once on the way to the venue (C7, C8, C17, C20, C21)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

import exo
from exo.dma import (
    Capabilities,
    Line,
    NewOrder,
    Replace,
    ReplaceOrder,
    RiskGate,
    RiskLimits,
    StatusQuery,
    VenueStatus,
)
from exo.flow import Window
from exo.mkt import ExecType, FeedState, FeedStatus, OrdStatus, Report

from .helpers import D, Made, buy, quote, settled, virtual
from .venues import Wire

S = 1_000_000_000


class Known(Wire):
    """A venue that answers queries with the statuses that a test has put there, by name."""

    def __init__(self, **more: Any) -> None:
        super().__init__()
        self.capabilities = Capabilities(**more)
        self.known: dict[str, Report] = {}

    async def query(self, query: StatusQuery) -> Sequence[Report]:
        return [self.known[name] for name in query.names if name in self.known][:1]

    async def open_orders(self) -> Sequence[Report]:
        return list(self.known.values())

    def stands(self, request: Any, status: OrdStatus = OrdStatus.NEW) -> None:
        self.known[request.cl_ord_id] = Report(
            order_id=request.order_id,
            cl_ord_id=request.cl_ord_id,
            symbol=request.symbol,
            side=request.side,
            exec_type=ExecType.ORDER_STATUS,
            ord_status=status,
            transact_time=None,
        )


async def one_stands(d: Any, wire: Known, made: Made, **terms: Any) -> Any:
    """An order of ten with one child that the venue has accepted; its desk."""
    d.submit(buy(order_qty=D(10)))
    await settled()
    desk = made[0].desk
    desk.work(**terms)
    await settled()
    wire.accept()
    wire.stands(wire.news[0])
    return desk


async def two_behind_one(d: Any, wire: Known, made: Made) -> None:
    """A child that stands, and a cancel-and-new of it that waits for room in the outbox."""
    d.submit(buy(order_qty=D(10)))
    await settled()
    desk = made[0].desk
    desk.work(price=D(10), order_qty=D(4))
    await settled()
    wire.accept()
    await settled()
    assert isinstance(desk.work(price=D(9), order_qty=D(4)), ReplaceOrder)
    await settled()
    assert len(wire.requests) == 1  # the replace waits


@pytest.mark.parametrize("slot", [None, ""])
@virtual
async def test_c20_a_cancel_is_not_dropped_where_a_cancel_and_new_waits_in_the_outbox(slot: str | None) -> None:
    """The waiting request is taken back, and what it would have cancelled is cancelled all the same."""
    wire = Known(replace=Replace.CANCEL_NEW, windows=(Window(1, 1),))
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        await two_behind_one(d, wire, made)
        made[0].desk.cancel(slot)
        await asyncio.sleep(1.5)
        assert [cancel.orig_cl_ord_id for cancel in wire.cancels] == [wire.news[0].cl_ord_id]


@virtual
async def test_c7_a_failed_order_cancels_its_child_though_a_cancel_and_new_of_it_waits() -> None:
    """Otherwise the child stands at the venue for ever, and the order never ends."""
    wire = Known(replace=Replace.CANCEL_NEW, windows=(Window(1, 1),))

    def act(me: Any, update: Any) -> Any:
        if update.quote and update.quote.bid_px == 5:
            raise ValueError("on purpose")

    made = Made(act)
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        await two_behind_one(d, wire, made)
        d.on_quote(quote(5, 20))
        await asyncio.sleep(60)
        assert [cancel.orig_cl_ord_id for cancel in wire.cancels] == [wire.news[0].cl_ord_id]


@virtual
async def test_c17_what_is_in_doubt_is_settled_when_the_venue_asks_for_silence_before_it_is_up() -> None:
    """DOWN, SILENT (a Retry-After on reconnecting), UP: the child must not stay in doubt for ever."""
    wire = Known(replace=Replace.TOTAL)
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        desk = await one_stands(d, wire, made, price=D(10))
        d.on_status(VenueStatus(line=Line.DOWN))
        d.on_status(VenueStatus(line=Line.SILENT, until_ns=exo.flow.current_clock().now_ns() + S))
        d.on_status(VenueStatus(line=Line.UP))
        assert desk.in_doubt
        await asyncio.sleep(300)
        assert not desk.in_doubt


@virtual
async def test_c20_nothing_is_sent_on_a_line_that_is_down_because_the_venue_asks_for_silence() -> None:
    """SILENT says nothing of a line that is down: what waits, waits until it is UP."""
    wire = Known(replace=Replace.TOTAL)
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0, max_age_s=60) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        d.on_status(VenueStatus(line=Line.DOWN))
        d.on_status(VenueStatus(line=Line.SILENT, until_ns=exo.flow.current_clock().now_ns() + S))
        made[0].desk.work(price=D(10))
        await asyncio.sleep(5)
        assert wire.requests == []


async def affirms(desk: Any, times: int, **terms: Any) -> None:
    for _ in range(times):
        desk.work(**terms)
        await asyncio.sleep(1)


@virtual
async def test_c21_a_new_order_that_was_declared_dead_while_it_waited_never_leaves() -> None:
    """It waits out a ban in the outbox, is put in doubt by a lost line, and found nowhere: then it must not be sent."""
    wire = Known(replace=Replace.TOTAL)
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        desk = await one_stands(d, wire, made, price=D(8), order_qty=D(3), slot="b")
        d.on_status(VenueStatus(line=Line.SILENT, until_ns=exo.flow.current_clock().now_ns() + 30 * S))
        desk.work(price=D(10), order_qty=D(7))
        d.on_status(VenueStatus(line=Line.DOWN))
        d.on_status(VenueStatus(line=Line.UP))
        await affirms(desk, 35, price=D(10), order_qty=D(7))
        for child in range(1, len(wire.news)):
            wire.accept(child)
        names = {child.request.cl_ord_id for child in desk.children if child.live}
        assert {request.cl_ord_id for request in wire.news} <= names


@virtual
async def test_c21_a_replace_that_was_declared_dead_while_it_waited_never_leaves() -> None:
    """Otherwise the venue takes up a quantity that nobody here counts."""
    wire = Known(replace=Replace.TOTAL)
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        desk = await one_stands(d, wire, made, price=D(10), order_qty=D(3))
        d.on_status(VenueStatus(line=Line.SILENT, until_ns=exo.flow.current_clock().now_ns() + 30 * S))
        desk.work(price=D(10), order_qty=D(10))
        d.on_status(VenueStatus(line=Line.DOWN))
        d.on_status(VenueStatus(line=Line.UP))
        await affirms(desk, 35, price=D(10), order_qty=D(10))
        sent = [request for request in wire.requests if isinstance(request, ReplaceOrder)]
        [child] = desk.children
        known = {child.terms.cl_ord_id, *(asked.request.cl_ord_id for asked in child.asked)}
        assert {request.cl_ord_id for request in sent} <= known


@virtual
async def test_c20_a_cancel_that_the_venue_did_not_take_is_asked_again_after_the_line_was_down() -> None:
    """The send raises, a moment later the line is told to be down: when it is up, the cancel still has to go."""
    wire = Known(replace=Replace.TOTAL)
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        desk = await one_stands(d, wire, made, price=D(10))

        def breaks(request: Any) -> None:
            raise ConnectionError("broken pipe")

        wire.fails = breaks
        assert desk.cancel() is not None
        wire.fails = None
        d.on_status(VenueStatus(line=Line.DOWN))
        await asyncio.sleep(2)
        d.on_status(VenueStatus(line=Line.UP))
        await asyncio.sleep(60)
        assert wire.cancels


@virtual
async def test_c17_a_kill_goes_on_by_single_cancels_and_verifies_where_the_mass_cancel_fails() -> None:
    """An endpoint that answers with errors must keep nobody from cancelling again, or from asking what is open."""

    class NoMass(Known):
        asked = 0

        async def open_orders(self) -> Sequence[Report]:
            self.asked += 1
            return list(self.known.values())

        async def cancel_all(self) -> None:
            raise ConnectionError("403")

        def send(self, request: Any) -> None:
            super().send(request)
            if isinstance(request, exo.dma.CancelOrder) and len(self.cancels) > 1:  # the first is lost
                self.known.clear()
                asyncio.get_running_loop().call_soon(self.end)

    wire = NoMass(mass_cancel=True)
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        await one_stands(d, wire, made, price=D(10))
        killed = await d.kill(within_s=60)
        assert len(wire.cancels) > 1 and killed.verified


@virtual
async def test_c17_a_kill_that_cannot_ask_the_venue_names_what_it_knows_to_be_open() -> None:
    """Not 'NOT killed: 0 are or may be open'."""

    class Mute(Known):
        async def open_orders(self) -> Sequence[Report]:
            raise ConnectionError("503")

    wire = Mute()
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        made[0].desk.work(price=D(10))
        await settled()
        wire.accept()
        killed = await d.kill(within_s=5)
        assert not killed.verified and killed.still_open == (wire.news[0].cl_ord_id,)


@virtual
async def test_c20_what_goes_wrong_after_an_unverified_kill_is_still_cancelled() -> None:
    """The switch stays thrown: a child that shows itself to be live later must go (FIX S30)."""
    wire = Known()
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        made[0].desk.work(price=D(10))
        await settled()
        killed = await d.kill(within_s=0.5)
        assert not killed.verified
        wire.lose()
        wire.accept()
        wire.stands(wire.news[0])
        await asyncio.sleep(60)
        assert len(wire.cancels) > 1


@virtual
async def test_c21_a_fill_of_an_order_that_has_ended_counts_in_the_position() -> None:
    """It is an orphan to its delegate, but it was executed: the position limit must know of it."""
    gate = RiskGate(RiskLimits(max_position=D(10)))
    wire = Known()
    made = Made(lambda me, update: exo.DONE if me.desk.cancelled and me.desk.working is None else None)
    async with exo.Dispatcher(made, wire, gate=gate, exit_s=0, on_orphan=lambda report: None) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        made[0].desk.work(price=D(10))
        await settled()
        wire.accept()
        d.cancel(x)
        wire.end()
        await settled()
        assert made[0].cleaned
        wire.fill(10)
        assert gate.exposure("A").position == 10


@virtual
async def test_c20_an_intent_that_is_affirmed_is_judged_before_it_leaves() -> None:
    """It was made on a fresh market, and wanted again at the very time at which it may leave, the data being stale."""
    wire = Known(windows=(Window(1, 1),))
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        d.submit(buy(symbol="B", order_qty=D(1)))
        d.submit(buy(order_qty=D(10)))
        d.on_quote(quote())
        await settled()
        start_ns = exo.flow.current_clock().now_ns()
        made[0].desk.work(price=D(1))
        made[1].desk.work(price=D(10))
        await settled()
        assert len(wire.news) == 1
        await asyncio.sleep(0.5)
        d.on_status(FeedStatus(symbol="A", state=FeedState.GAP))
        await settled()

        def again() -> None:
            made[1].desk.work(price=D(10))
            made[0].desk.work(price=D(2))  # any other request lets the outbox look

        asyncio.get_running_loop().call_later(0.5 - (exo.flow.current_clock().now_ns() - start_ns - S // 2) / S, again)
        await asyncio.sleep(3)
        assert [request.symbol for request in wire.news if isinstance(request, NewOrder)] == ["B"]
