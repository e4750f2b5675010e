"""What outsiders have broken at what owners and threads are told."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

import exo
from exo.dma import Capabilities, Replace, RiskGate
from exo.errors import DuplicateOrder, MailboxFull
from exo.mkt import OrdStatus

from .helpers import D, Made, buy, live, settled, until, virtual
from .venues import Wire


@virtual
async def test_c21_a_late_execution_of_an_older_order_is_not_counted_as_one_of_its_successors_with_the_same_id() -> (
    None
):
    """The older outcome is forgotten, so the id may be used again: the new order has executed nothing."""
    wire = Wire()

    def act(me: Any, update: Any) -> Any:
        if len(me.made.all) == 1 and not me.desk.children:
            me.desk.work(price=D(10))
        return exo.DONE if me.desk.cancelled and me.desk.working is None else None

    made = Made(act)
    async with exo.Dispatcher(made, wire, retain=0, exit_s=0, on_orphan=lambda report: None) as d:
        d.submit(buy(order_id="P1", order_qty=D(10)))
        await settled()
        wire.accept()
        wire.end()
        d.cancel("P1")
        await settled()
        assert len(d) == 0
        try:
            d.submit(buy(order_id="P1", order_qty=D(10)))
        except DuplicateOrder:
            return
        await settled()
        wire.fill(10, child=0)
        assert made[1].desk.cum_qty == 0, f"the new order of 10 has executed {made[1].desk.cum_qty}, and sent nothing"


@live
async def test_c07_a_blocking_act_may_look_at_its_children_while_reports_come() -> None:
    """`in_doubt`, `at` and `working` from its thread, while the loop applies the ends of its children."""
    wire = Wire()
    stop: list[int] = []
    looked: list[int] = []

    def act(me: Any, update: Any) -> Any:
        desk = me.desk
        if len(me.updates) > 1:
            return None
        for i in range(300):
            desk.work(price=D(10), order_qty=D(1), slot=str(i))
        looked.append(0)
        while not stop:
            desk.in_doubt  # noqa: B018
            desk.at("299")
            desk.working  # noqa: B018
            looked[0] += 1

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        made = Made(act, blocking=True)
        async with exo.Dispatcher(made, wire, exit_s=1) as d:
            x = d.submit(buy(order_qty=D(1000))).order_id
            await until(lambda: looked)
            for child in range(300):
                wire.accept(child)
                wire.end(child=child)
                await asyncio.sleep(0)
                if d.outcome(x) is not None:
                    break
            stop.append(1)
            await asyncio.sleep(0.05)
            outcome = d.outcome(x)
            assert outcome is None, outcome.error
    finally:
        stop.append(1)
        sys.setswitchinterval(interval)


@virtual
async def test_c21_an_execution_that_finds_a_full_mailbox_is_told_to_the_owner_all_the_same() -> None:
    """The events show how the order stands: it has executed 1, whatever its delegate knows."""
    wire = Wire()
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, wire, mailbox_limit=1, exit_s=0) as d:
        d.submit(buy(order_qty=D(10)))
        events: list[Any] = []

        async def read() -> None:
            async for event in d.events():
                events.append(event)

        reading = asyncio.create_task(read())
        await settled()
        wire.accept()
        with pytest.raises(MailboxFull):
            wire.fill(10)
        await settled()
        assert made[0].desk.cum_qty == 10
        assert events[-1].cum_qty == 10, events[-1]
        reading.cancel()


@virtual
async def test_c08_an_order_that_abandons_its_child_after_a_cancel_is_not_said_to_be_cancelled() -> None:
    """Nothing is on its way to cancel the child: PENDING_CANCEL would be untrue."""
    wire = Wire()

    def act(me: Any, update: Any) -> Any:
        if me.desk.cancelled:
            return exo.DONE(abandon=True)
        me.desk.work(price=D(10))
        return None

    async with exo.Dispatcher(Made(act), wire, exit_s=0) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        d.cancel(x)
        outcome = await d.ended(x)
    assert outcome.still_open and not wire.cancels
    assert outcome.ord_status is not OrdStatus.PENDING_CANCEL


@virtual
async def test_c07_a_report_is_not_lost_where_the_listing_cannot_be_looked_up() -> None:
    """The gate's look-up raises while an execution is applied: the delegate is told, the position counts it."""
    broken: list[int] = []

    def listing(symbol: str) -> Any:
        if broken:
            raise KeyError(symbol)

    gate = RiskGate(listing=listing)
    wire = Wire()
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, wire, gate=gate, exit_s=0) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wire.accept()
        broken.append(1)
        try:
            wire.fill(4)
        except KeyError:
            pass
        broken.clear()
        await settled()
        assert gate.exposure("A").position == 4
        assert "E1" in made[0].exec_ids


class WithTotal(Wire):
    capabilities = Capabilities(replace=Replace.TOTAL)


@virtual
async def test_c09_an_outcome_names_a_child_by_every_name_it_may_have_at_the_venue() -> None:
    """A replace is under way when the dispatcher ends: the venue may have the order under either name."""
    wire = WithTotal()
    made = Made()
    made.exit_policy = exo.ExitPolicy.LEAVE
    async with exo.Dispatcher(made, wire, exit_s=0) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        made[0].desk.work(price=D(10))
        wire.accept()
        replace = made[0].desk.work(price=D(11))
        assert replace is not None
    outcome = d.outcome(x)
    assert outcome is not None and replace.cl_ord_id in outcome.still_open, outcome.still_open


@virtual
async def test_c09_after_the_end_a_line_that_comes_up_again_moves_nothing() -> None:
    """Nothing is sent, and no task asks on, once `async with` is over."""
    from exo.dma.venue import Line, VenueStatus

    wire = WithTotal()
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, wire, exit_s=0.5) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wire.accept()
        d.on_status(VenueStatus(line=Line.DOWN))
    before = asyncio.all_tasks()
    sent = len(wire.requests)
    d.on_status(VenueStatus(line=Line.UP))
    await asyncio.sleep(1)
    left = [task.get_name() for task in asyncio.all_tasks() - before]
    assert len(wire.requests) == sent and left == [], (wire.requests[sent:], left)


@virtual
async def test_c09_after_the_end_no_report_begins_a_task() -> None:
    """A cancel that is rejected late puts the child in doubt; nobody asks any more."""
    wire = WithTotal()
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, wire, exit_s=0.5, on_orphan=lambda report: None) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wire.accept()
    before = asyncio.all_tasks()
    wire.refuse(OrdStatus.FILLED)
    await asyncio.sleep(1)
    left = [task.get_name() for task in asyncio.all_tasks() - before]
    assert left == [] and d, left


class Nothing(list[Any]):
    def append(self, item: Any) -> None: ...
