"""A loop whose tasks begin inside `create_task` (`asyncio.eager_task_factory`) changes nothing of what comes out."""

from __future__ import annotations

import asyncio
import sys
from asyncio.tasks import _enter_task, _leave_task
from typing import Any

import pytest

import exo
from exo.dma import Capabilities
from exo.run import End
from exo.venue import Fault, Faults, PaperVenue
from tests.contract.helpers import D, Made, buy, done, done_when_cancelled, quote, settled, virtual
from tests.contract.venues import Wire


def _eager(loop: Any, coro: Any, **options: Any) -> asyncio.Task[Any]:
    """A task whose first step is made here and now, as Python before 3.12 can do it: its first call runs at once."""
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
    if not loop.is_running():  # it is closing: the real one is not eager then either
        return task
    first = loop._ready.pop()
    outer = asyncio.current_task()
    if outer is not None:
        _leave_task(loop, outer)
    try:
        first._run()
    finally:
        if outer is not None:
            _enter_task(loop, outer)
    return task


FACTORIES = [_eager, *([asyncio.eager_task_factory] if sys.version_info >= (3, 12) else [])]


@pytest.fixture(params=FACTORIES, ids=lambda factory: factory.__name__.strip("_"))
def eager(request: pytest.FixtureRequest) -> Any:
    """Called in a test, it makes the tasks of the running loop eager."""
    return lambda: asyncio.get_running_loop().set_task_factory(request.param)


@virtual
async def test_subscriptions_go_on_after_the_first(eager: Any) -> None:
    """The feed is told of every symbol, off the dispatch path, and of its end."""
    told: list[str] = []
    eager()

    class Feed:
        def subscribe(self, symbol: str) -> None:
            told.append(f"+{symbol}")

        def unsubscribe(self, symbol: str) -> None:
            told.append(f"-{symbol}")

    async with exo.Dispatcher(Made(done_when_cancelled), Feed()) as d:
        for symbol in "ABC":
            x = d.submit(buy(symbol)).order_id
            assert f"+{symbol}" not in told
            await settled()
            assert told[-1] == f"+{symbol}"
            d.cancel(x)
            await settled()
            assert told[-1] == f"-{symbol}"
    assert len(told) == 6


@virtual
async def test_acts_and_clean_ups_that_suspend_end_as_they_should(eager: Any) -> None:
    """Whether they suspend before they return, or only say they might."""
    eager()
    cleaned: list[str] = []

    async def act(me: Any, update: Any) -> Any:
        await asyncio.sleep(len(me.updates) % 2)
        return exo.DONE if len(me.updates) == 3 else None

    async def clean_up(me: Any) -> None:
        await asyncio.sleep(1)
        cleaned.append(me.desk.order_id)

    async with exo.Dispatcher(Made(act, clean_up)) as d:
        ids = [d.submit(buy()).order_id for _ in range(20)]
        for _ in range(3):
            d.on_quote(quote())
            await asyncio.sleep(2)
        assert [d.outcome(x).end for x in ids] == [End.DONE] * 20  # type: ignore[union-attr]
    assert cleaned == ids


@virtual
async def test_a_child_in_doubt_is_asked_about_until_it_is_settled(eager: Any) -> None:
    """Also by a venue that answers a query without waiting."""
    eager()
    faults = Faults(for_s=1.0)
    venue = PaperVenue(faults=faults, answer_s=0.5, expiry_s=3.0)

    def act(me: Any, update: Any) -> Any:
        if me.desk.cancelled:
            me.desk.cancel()
        else:
            me.desk.work(price=D(10))
        return exo.DONE if me.desk.finished else None

    made = Made(act)
    async with exo.Dispatcher(made, venue) as d:
        for fault in (Fault.LOSE_ANSWER, Fault.FORGET):
            faults.force(fault)
        x = d.submit(buy(order_qty=D(10))).order_id
        await asyncio.sleep(6)
        assert not made[0].desk.in_doubt and len(await venue.open_orders()) == 1
        faults.force(Fault.LOSE_REQUEST)
        d.cancel(x)
        assert (await d.ended(x)).end is End.DONE


@virtual
async def test_a_kill_verifies_and_a_shutdown_ends(eager: Any) -> None:
    """Nothing waits for a task that has ended before it was known."""
    eager()
    venue = PaperVenue()
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, venue) as d:
        for _ in range(10):
            d.submit(buy(order_qty=D(10)))
        await settled()
        killed = await d.kill()
        assert killed.verified and killed.children == 10
    async with exo.Dispatcher(Made(done), PaperVenue()) as d:
        await d.ended(d.submit(buy()).order_id)


@virtual
async def test_a_query_that_waits_for_nothing_is_asked_once_at_a_time(eager: Any) -> None:
    """What it brings leaves the doubt as it is: the next question comes after a pause, not inside the answer."""
    eager()

    class Stubborn(Wire):
        capabilities = Capabilities(answer_s=0.5, expiry_s=3.0)
        asked = inside = most = 0

        async def query(self, query: Any) -> Any:
            self.asked += 1
            self.inside += 1
            self.most = max(self.most, self.inside)
            asyncio.get_running_loop().call_soon(self.leave)
            return (self.accept(),)

        def leave(self) -> None:
            self.inside -= 1

    wire = Stubborn()

    def act(me: Any, update: Any) -> Any:
        if me.desk.cancelled:
            me.desk.cancel()
        else:
            me.desk.work(price=D(10))

    async with exo.Dispatcher(Made(act), wire, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        d.cancel(x)
        await asyncio.sleep(2)
    assert 0 < wire.asked < 6 and wire.most == 1
