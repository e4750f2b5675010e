"""C9: a shutdown takes the children with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import exo
from exo.run import End
from exo.venue import PaperVenue

from .helpers import D, Made, buy, settled, virtual
from .venues import Wire


def works(me: Any, update: Any) -> Any:
    """An act that has all of its order stand."""
    me.desk.work(price=D(10))


@virtual
async def test_c09_a_shutdown_cancels_every_child_and_waits_for_their_ends() -> None:
    """The order is stopped after that, with the reports of the end in its outcome."""
    wire = Wire()
    made = Made(works)
    loop = asyncio.get_running_loop()
    ends: list[Any] = []

    def end_all() -> None:
        assert len(d) == 3 and [c.orig_cl_ord_id for c in wire.cancels] == [n.cl_ord_id for n in wire.news]
        ends.extend(wire.end(child=i) for i in range(3))

    async with exo.Dispatcher(made, wire, exit_s=5) as d:
        ids = [d.submit(buy(order_qty=D(10))).order_id for _ in range(3)]
        await settled()
        assert len(wire.news) == 3
        at = loop.time()
        loop.call_later(2, end_all)
    assert loop.time() - at == pytest.approx(2)
    outcomes = [d.outcome(x) for x in ids]
    assert [(o.end, o.undelivered) for o in outcomes if o] == [(End.STOPPED, (end,)) for end in ends]
    assert [m.cleaned for m in made.all] == [1] * 3 and len(d) == 0


@virtual
async def test_c09_a_venue_that_does_not_answer_keeps_the_shutdown_no_longer_than_its_deadline() -> None:
    """The orders are stopped all the same; what is told after that is an orphan."""
    wire = Wire()
    orphans: list[Any] = []
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(Made(works), wire, exit_s=5, on_orphan=orphans.append) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        at = loop.time()
    assert 4 < loop.time() - at < 12
    outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.STOPPED and len(wire.cancels) == 1
    late = wire.end()
    assert orphans == [late]


@virtual
async def test_c09_without_children_a_shutdown_waits_for_nothing() -> None:
    """Those that have ended are no children to wait for."""
    wire = Wire()
    made = Made(lambda me, update: None if me.desk.children else works(me, update))
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made, wire, exit_s=5) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wire.end()
        at = loop.time()
    assert loop.time() == at and wire.cancels == []


@virtual
async def test_c09_a_call_that_runs_on_into_the_shutdown_leaves_no_child_behind() -> None:
    """What it asks for is sent, and cancelled when it has returned."""
    wire = Wire()

    async def act(me: Any, update: Any) -> None:
        await asyncio.sleep(1)
        me.desk.work(price=D(10))

    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(Made(act), wire, exit_s=5) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        loop.call_later(1.5, wire.end)
    assert len(wire.news) == len(wire.cancels) == 1 and loop.time() < 3


@virtual
async def test_c09_a_failed_order_that_waits_for_its_child_is_failed_after_the_shutdown() -> None:
    """Its cancel is not sent twice, and its clean-up is not called twice."""
    wire = Wire()

    def act(me: Any, update: Any) -> None:
        works(me, update)
        raise ValueError("boom")

    made = Made(act)
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        assert len(wire.cancels) == 1
    outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.FAILED and "boom" in outcome.error
    assert len(wire.cancels) == 1 and made[0].cleaned == 1


@virtual
async def test_c09_a_second_signal_does_not_wait_for_the_children() -> None:
    """Their cancels are sent; it ends at once."""
    wire = Wire()
    loop = asyncio.get_running_loop()
    made = Made(works)

    async def program() -> None:
        async with exo.Dispatcher(made, wire, exit_s=900) as d:
            d.submit(buy(order_qty=D(10)))
            await asyncio.sleep(1e6)

    task = asyncio.create_task(program())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(1)
    assert not task.done() and len(wire.cancels) == 1
    task.cancel()
    at = loop.time()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert loop.time() - at < 0.001 and made[0].cleaned == 1


@virtual
async def test_c09_on_paper_nothing_trades_after_the_shutdown() -> None:
    """Of any order, however it stood."""
    venue = PaperVenue()
    made = Made(works)
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made, venue) as d:
        for qty in range(1, 20):
            d.submit(buy(symbol="AB"[qty % 2], order_qty=D(qty)))
        await settled()
        at = loop.time()
    assert loop.time() == at
    for symbol in "AB":
        venue.on_quote(exo.Quote(symbol, D(1), D(999), D(2), D(999)))
    await settled()
    assert venue.executed == {}
    assert all(m.desk.working is None for m in made.all)
