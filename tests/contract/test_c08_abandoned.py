"""C8, C9: an order may leave its children at the venue, if its delegate says so; nothing of them is forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import exo
from exo.dma import Capabilities, RiskGate
from exo.errors import DuplicateOrder, FactoryFailed
from exo.flow import Window
from exo.mkt import ExecType, OrdStatus
from exo.run import End

from .helpers import D, Made, buy, quote, settled, virtual
from .venues import Wire


def abandons(me: Any, update: Any) -> Any:
    """Has all of its order stand, and with the first quote leaves it there."""
    if update.quote:
        return exo.DONE(abandon=True)
    me.desk.work(price=D(10))
    return None


def works(me: Any, update: Any) -> Any:
    """Has all of its order stand."""
    me.desk.work(price=D(10))


@virtual
async def test_c08_an_abandoned_child_stays_and_its_order_leaves_at_once() -> None:
    """The outcome names it and says how far it has come; nothing is cancelled."""
    wire = Wire()
    made = Made(abandons)
    async with exo.Dispatcher(made, wire, on_orphan=lambda report: None) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        wire.fill(4)
        d.on_quote(quote())
        outcome = await d.ended(x)
        assert len(d) == 0 and made[0].cleaned == 1
    assert outcome.end is End.DONE and outcome.error == "" and outcome.still_open == (wire.news[0].cl_ord_id,)
    assert (outcome.ord_status, outcome.cum_qty) == (OrdStatus.PARTIALLY_FILLED, 4)
    assert wire.cancels == []


@virtual
async def test_c08_without_a_child_to_abandon_done_is_done() -> None:
    """There is nothing to name."""
    async with exo.Dispatcher(Made(lambda me, update: exo.DONE(abandon=True)), Wire()) as d:
        outcome = await d.ended(d.submit(buy(order_qty=D(10))).order_id)
    assert (outcome.end, outcome.ord_status, outcome.still_open) == (End.DONE, OrdStatus.EXPIRED, ())


@virtual
async def test_c08_facts_that_came_during_the_act_come_before_it_is_abandoned() -> None:
    """As with every DONE."""
    wire = Wire()

    def act(me: Any, update: Any) -> Any:
        if not me.desk.children:
            me.desk.work(price=D(10))
            wire.accept()
        return exo.DONE(abandon=True)

    made = Made(act)
    async with exo.Dispatcher(made, wire) as d:
        await d.ended(d.submit(buy(order_qty=D(10))).order_id)
    assert len(made[0].updates) == 2 and len(made[0].last.reports) == 1


@virtual
async def test_c08_what_an_abandoned_child_does_later_is_an_orphan_and_still_counts() -> None:
    """Its open quantity and its fills are part of the account's exposure; its id is not given again meanwhile."""
    wire, orphans = Wire(), []
    gate = RiskGate()
    async with exo.Dispatcher(Made(abandons), wire, gate=gate, on_orphan=orphans.append, retain=0) as d:
        d.submit(buy(order_qty=D(10), order_id="x"))
        await settled()
        wire.accept()
        d.on_quote(quote())
        await settled()
        assert len(d) == 0
        assert gate.exposure("A").worst(exo.Side.BUY) == 10
        with pytest.raises(DuplicateOrder):
            d.submit(buy(order_qty=D(10), order_id="x"))
        told = [wire.fill(4), wire.fill(6)]
        assert wire.cancels == [] and orphans == told and gate.exposure("A").position == 10
        with pytest.raises(DuplicateOrder):  # a late report would be taken for one of the new order's
            d.submit(buy(order_qty=D(1), order_id="x"))


@virtual
async def test_c08_what_has_not_left_yet_is_not_abandoned_but_dropped() -> None:
    """Nothing leaves for an order that nobody answers for any more."""

    class Slow(Wire):
        capabilities = Capabilities(windows=(Window(1, 60.0),))

    wire = Slow()

    def act(me: Any, update: Any) -> Any:
        me.desk.work(price=D(10), order_qty=D(1), slot="a")
        me.desk.work(price=D(10), order_qty=D(1), slot="b")
        return exo.DONE(abandon=True)

    async with exo.Dispatcher(Made(act), wire, reserve=0) as d:
        outcome = await d.ended(d.submit(buy(order_qty=D(10))).order_id)
        assert outcome.still_open == (wire.news[0].cl_ord_id,)
        await asyncio.sleep(300)
        assert len(wire.requests) == 1


@virtual
async def test_c08_a_kill_takes_what_was_abandoned_too() -> None:
    """Whoever left it."""
    wire = Wire()
    async with exo.Dispatcher(Made(abandons), wire, on_orphan=lambda report: None) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        d.on_quote(quote())
        await d.ended(x)
        killing = asyncio.ensure_future(d.kill(within_s=5))
        await settled()
        assert [cancel.orig_cl_ord_id for cancel in wire.cancels] == [wire.news[0].cl_ord_id]
        wire.end()
        assert (await killing).verified


@virtual
async def test_c08_an_order_of_a_failed_delegate_is_never_abandoned() -> None:
    """Its child is cancelled, whatever it said of a shutdown."""
    wire = Wire()

    def act(me: Any, update: Any) -> Any:
        me.desk.work(price=D(10))
        raise ValueError("boom")

    made = Made(act)
    made.exit_policy = exo.ExitPolicy.LEAVE
    async with exo.Dispatcher(made, wire, exit_s=5) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        assert len(wire.cancels) == 1
        at = asyncio.get_running_loop().time()
        asyncio.get_running_loop().call_later(2, wire.end)
    assert asyncio.get_running_loop().time() - at == pytest.approx(2)
    outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.FAILED and outcome.still_open == ()


@pytest.mark.parametrize("policy", exo.ExitPolicy)
@virtual
async def test_c09_the_exit_policy_says_what_a_shutdown_does_to_children(policy: exo.ExitPolicy) -> None:
    """LEAVE leaves them, waits for nothing and names them; CANCEL cancels them and waits."""
    wire = Wire()
    made = Made(works)
    made.exit_policy = policy
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made, wire, exit_s=5) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        await settled()
        at = loop.time()
        if policy is exo.ExitPolicy.CANCEL:
            loop.call_later(2, wire.end)
    outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.STOPPED
    if policy is exo.ExitPolicy.LEAVE:
        assert loop.time() == at and wire.cancels == [] and outcome.still_open == (wire.news[0].cl_ord_id,)
        assert outcome.ord_status is OrdStatus.NEW
    else:
        assert loop.time() - at == pytest.approx(2) and len(wire.cancels) == 1 and outcome.still_open == ()
        assert outcome.ord_status is OrdStatus.CANCELED


@virtual
async def test_c09_an_order_whose_owner_cancelled_it_is_not_left() -> None:
    """The owner's word counts for more than the delegate's policy."""
    wire = Wire()
    made = Made(works)
    made.exit_policy = exo.ExitPolicy.LEAVE
    async with exo.Dispatcher(made, wire, exit_s=5) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        d.cancel(x)
        await settled()
    assert len(wire.cancels) == 1


@virtual
async def test_c09_a_child_that_outlives_the_shutdown_is_named_and_not_called_cancelled() -> None:
    """Its cancel was not answered in time: it is pending, and may still trade."""
    wire = Wire()
    async with exo.Dispatcher(Made(works), wire, exit_s=5) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
    outcome = d.outcome(x)
    assert outcome is not None and outcome.still_open == (wire.news[0].cl_ord_id,)
    assert outcome.ord_status is OrdStatus.PENDING_CANCEL


@virtual
async def test_c09_a_policy_that_is_none_is_refused_when_the_order_is_admitted() -> None:
    """A misspelt one must not be found out at the shutdown."""
    made = Made(works)
    made.exit_policy = "LEAVE"
    async with exo.Dispatcher(made, Wire()) as d:
        with pytest.raises(FactoryFailed, match=r"exit_policy is no exo.ExitPolicy: 'LEAVE'"):
            d.submit(buy())
        assert len(d) == 0


@virtual
async def test_c08_a_late_report_that_brings_a_child_back_to_life_has_it_cancelled() -> None:
    """Nothing of an order that has left stands at the venue without anybody to look after it."""
    wire = Wire()

    def act(me: Any, update: Any) -> Any:
        if not me.desk.children:
            me.desk.work(price=D(10))
        return exo.DONE if me.desk.finished else None

    async with exo.Dispatcher(Made(act), wire, on_orphan=lambda report: None) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        fill = wire.fill(10)
        await d.ended(x)
        wire.tell(
            ExecType.TRADE_CANCEL,
            exec_id="B1",
            exec_ref_id=fill.exec_id,
            ord_status=OrdStatus.NEW,
            last_qty=D(10),
            last_px=D(10),
            cum_qty=D(0),
            leaves_qty=D(10),
        )
        await settled()
        assert len(wire.cancels) == 1
        killing = asyncio.ensure_future(d.kill(within_s=5))
        await settled()
        wire.end()
        assert (await killing).children == 1


@virtual
async def test_c09_an_abandoned_child_that_has_ended_takes_nobodys_place() -> None:
    """The shutdown waits for the other order's child all the same."""
    wire = Wire()
    made = Made(abandons)
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made, wire, exit_s=5, on_orphan=lambda report: None) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wire.accept()
        d.on_quote(quote())
        await settled()
        wire.end()
        made.act = works
        d.submit(buy(order_qty=D(10)))
        await settled()
        assert len(wire.news) == 2
        at = loop.time()
        loop.call_later(2, wire.end)
    assert loop.time() - at == pytest.approx(2)


@virtual
async def test_c08_an_abandoned_child_is_known_however_many_orders_end_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is kept for as long as it may trade, not only among the last that ended."""
    monkeypatch.setattr("exo.run.roll._KEPT", 1)
    wire, gate = Wire(), RiskGate()
    made = Made(abandons)
    async with exo.Dispatcher(made, wire, gate=gate, on_orphan=lambda report: None) as d:
        for _ in range(3):
            d.submit(buy(order_qty=D(10)))
        await settled()
        d.on_quote(quote())
        await settled()
        assert len(d) == 0
        for child in range(3):
            wire.fill(10, child=child)
        assert gate.exposure("A").position == 30
