"""C11: memory follows symbols, live orders, undelivered facts and retained outcomes; not ticks, not time."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import exo
from exo.errors import InvalidValue, MailboxFull, NotRunning, UnknownOrder
from exo.run.events import FellBehind

from .helpers import (
    D,
    Made,
    buy,
    done,
    done_when_cancelled,
    in_turn,
    live,
    quote,
    report,
    settled,
    trade,
    until,
    virtual,
)


class Lean:
    """A delegate that keeps nothing."""

    def __init__(self, desk: exo.Desk[Any]) -> None:
        self.desk = desk

    def act(self, update: exo.Update[Any]) -> Any:
        """Done when cancelled."""
        return exo.DONE if self.desk.cancelled else None

    def clean_up(self) -> None:
        """Nothing to let go of."""


class Busy(Lean):
    """One that is suspended from its first quote until the test sets its event."""

    go: asyncio.Event

    async def act(self, update: exo.Update[Any]) -> Any:
        """Wait."""
        if update.quote:
            await self.go.wait()
        return exo.DONE if self.desk.cancelled else None


def blocks() -> int:
    """How many blocks of memory Python holds, garbage aside."""
    gc.collect()
    return sys.getallocatedblocks()


async def grows(step: Callable[[int], Any], times: int) -> int:
    """By how many blocks memory grows over so many steps, after a tenth as many to warm up."""
    for i in range(times // 10):
        if (waits := step(i)) is not None:
            await waits
    before = blocks()
    for i in range(times // 10, times + times // 10):
        if (waits := step(i)) is not None:
            await waits
    return blocks() - before


def ticks(d: exo.Dispatcher[Any], symbol: str = "A") -> Callable[[int], Any]:
    """A step that brings a quote, sometimes a trade, and delivers."""

    def step(i: int) -> Any:
        d.on_quote(quote(i % 100, 200, symbol=symbol, rpt_seq=i))
        if i % 5 == 0:
            d.on_trade(trade(i % 7 + 1, symbol=symbol))
        d.deliver()
        return asyncio.sleep(0) if i % 50 == 0 else None

    return step


@virtual
async def test_c11_a_busy_order_accumulates_nothing_while_its_neighbours_look() -> None:
    """One suspended for 50,000 ticks, one held, others at every tick: what the busy one missed is one span."""
    Busy.go = asyncio.Event()
    async with exo.Dispatcher(in_turn(Busy, Lean)) as d:
        ids = [d.submit(buy()).order_id for _ in range(4)]
        d.hold(ids[1])
        await settled()
        assert await grows(ticks(d), 50_000) < 2000
        Busy.go.set()
        for x in ids:
            d.cancel(x)
        await d.all_ended()


@virtual
async def test_c11_orders_that_look_at_different_paces_accumulate_nothing() -> None:
    """Twenty delegates that are busy for different times: points follow orders, not ticks."""

    class Slow(Lean):
        async def act(self, update: exo.Update[Any]) -> Any:
            for _ in range(int(self.desk.order_id) * 7 % 64):
                await asyncio.sleep(0)

    async with exo.Dispatcher(Slow) as d:
        for i in range(20):
            d.submit(buy(order_id=str(i)))

        def step(i: int) -> Any:
            d.on_quote(quote(i % 100, 200))
            return asyncio.sleep(0)

        assert await grows(step, 6000) < 3000


@virtual
async def test_c11_ticks_nobody_looks_at_accumulate_nothing() -> None:
    """All delegates busy, or the dispatcher never gets its turn."""
    Busy.go = asyncio.Event()
    async with exo.Dispatcher(Busy) as d:
        d.submit(buy())
        d.submit(buy())
        d.on_quote(quote())
        await settled()

        def step(i: int) -> None:
            d.on_quote(quote(i % 100, 200))
            d.on_trade(trade())
            d.on_status(exo.FeedStatus(state=exo.FeedState.LIVE))

        assert await grows(step, 20_000) < 1000
        Busy.go.set()


@virtual
async def test_c11_ticks_of_unknown_symbols_accumulate_nothing() -> None:
    """However many symbols there are."""
    async with exo.Dispatcher(Lean, on_orphan=lambda r: None) as d:

        def step(i: int) -> None:
            d.on_quote(quote(symbol=f"S{i}"))
            d.on_report(report(f"X{i}"))

        assert await grows(step, 8000) < 20_000, "some caches of symbols may fill up, to a bound"
        assert await grows(step, 8000) < 1000


@virtual
async def test_c11_orders_and_symbols_that_come_and_go_leave_only_their_outcomes() -> None:
    """And of those only as many as are retained; no wake-up that one asked for keeps it."""

    class Waker(Lean):
        def act(self, update: exo.Update[Any]) -> Any:
            self.desk.wake_in(3600)
            return super().act(update)

    async with exo.Dispatcher(Waker, retain=10) as d:

        def step(i: int) -> Any:
            x = d.submit(buy(symbol=f"S{i % 97}", order_id=f"X{i}")).order_id
            d.on_quote(quote(symbol=f"S{i % 97}"))
            d.on_report(report(x))
            d.cancel(x)
            return d.ended(x)

        assert await grows(step, 3000) < 1500


@virtual
async def test_c11_delegates_of_ended_orders_are_let_go() -> None:
    """The container holds no reference to them, their updates or their tasks."""
    gone: list[weakref.ref[Any]] = []

    class Seen(Lean):
        def __init__(self, desk: Any) -> None:
            super().__init__(desk)
            gone.append(weakref.ref(self))

        async def act(self, update: exo.Update[Any]) -> Any:
            await asyncio.sleep(0.01)
            return exo.DONE

    async with exo.Dispatcher(Seen) as d:
        for i in range(50):
            d.submit(buy(symbol=f"S{i % 3}"))
        await d.all_ended()
        await asyncio.sleep(1)
        gc.collect()
        assert [r() for r in gone] == [None] * 50


@virtual
async def test_c11_replaced_wake_ups_accumulate_nothing() -> None:
    """A delegate that asks at every tick for a wake-up in an hour."""

    class Waker(Lean):
        def act(self, update: exo.Update[Any]) -> Any:
            self.desk.wake_in(3600 - len(str(update.now_ns)) / 1000)

    async with exo.Dispatcher(Waker) as d:
        d.submit(buy())
        await settled()

        def step(i: int) -> Any:
            d.on_quote(quote(i % 100, 200))
            d.deliver()
            return asyncio.sleep(1e-6) if i % 20 == 0 else None

        assert await grows(step, 20_000) < 1500


@pytest.mark.parametrize("kind", ["report", "replace", "mixed"])
@virtual
async def test_c11_facts_beyond_the_mailbox_limit_are_refused(kind: str) -> None:
    """With an error that names the order; nothing else changes; what was taken is delivered; then there is room."""
    Busy.go = asyncio.Event()
    made = Made(lambda me, update: Busy.go.wait() if len(me.updates) == 1 else done_when_cancelled(me, update))

    def put(i: int) -> None:
        if kind == "report" or (kind == "mixed" and i % 2):
            d.on_report(report(x, i))
        else:
            d.replace(buy(order_id=x, price=D(i)))

    async def ready(me: Any, update: exo.Update[Any]) -> Any:
        if len(me.updates) == 1:
            await Busy.go.wait()
        return done_when_cancelled(me, update)

    made.act = ready
    async with exo.Dispatcher(made, mailbox_limit=10) as d:
        x = d.submit(buy(price=D(77))).order_id
        await settled()
        for i in range(10):
            put(i)
        for i in range(10, 13):
            with pytest.raises(MailboxFull, match=x):
                put(i)
        y = d.submit(buy()).order_id
        d.on_report(report(y))
        Busy.go.set()
        await settled()
        assert made.of(y).exec_ids == ["1"]
        assert len(made[0].updates) == 2 and len(made[0].last.facts) == 10
        assert made[0].desk.order.price == D({"report": 77, "replace": 9, "mixed": 8}[kind])
        put(14)
        await settled()
        assert len(made[0].updates) == 3 and len(made[0].last.facts) == 1


@virtual
async def test_c11_a_cancel_is_taken_by_a_full_mailbox() -> None:
    """An owner can always end an order that does not keep up."""
    Busy.go = asyncio.Event()

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if len(me.updates) == 1:
            await Busy.go.wait()
        return done_when_cancelled(me, update)

    made = Made(act)
    async with exo.Dispatcher(made, mailbox_limit=3) as d:
        x = d.submit(buy()).order_id
        await settled()
        for i in range(3):
            d.on_report(report(x, i))
        d.cancel(x)
        with pytest.raises(MailboxFull):
            d.on_report(report(x, 4))
        Busy.go.set()
        assert (await d.ended(x)).cancelled
    assert made[0].exec_ids == ["0", "1", "2"]


@live
async def test_c11_reports_from_a_thread_beyond_the_limit_are_refused_to_it() -> None:
    """While the loop is busy the door is bounded too, and every report is either refused or delivered."""
    made = Made()
    async with exo.Dispatcher(made, mailbox_limit=50) as d:
        x = d.submit(buy()).order_id
        await settled()
        refused: list[int] = []

        def feed() -> None:
            for i in range(200):
                try:
                    d.on_report(report(x, i))
                except MailboxFull:
                    refused.append(i)

        thread = threading.Thread(target=feed)
        thread.start()
        thread.join()
        await until(lambda: len(made[0].exec_ids) + len(refused) == 200)
    assert len(refused) == 150 and made[0].exec_ids == [str(i) for i in range(50)]


@live
async def test_c11_ticks_from_a_thread_conflate_while_the_loop_is_busy() -> None:
    """What waits at the door is one span for each symbol."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()

        def feed() -> None:
            for i in range(3000):
                d.on_quote(quote(i, 99999))

        thread = threading.Thread(target=feed)
        before = blocks()
        thread.start()
        thread.join()
        assert blocks() - before < 1000
        await until(lambda: made[0].quotes == 3000)
    assert len(made[0].updates) < 10


@pytest.mark.parametrize("retain", [0, 1, 3])
@virtual
async def test_c11_only_so_many_outcomes_are_retained(retain: int) -> None:
    """The latest; the others are unknown, and their ids are free again."""
    async with exo.Dispatcher(Made(done), retain=retain) as d:
        ids = [f"X{i}" for i in range(6)]
        for x in ids:
            d.submit(buy(order_id=x))
            await d.all_ended()
        known = []
        for x in ids:
            try:
                assert d.outcome(x) is not None
                known.append(x)
            except UnknownOrder:
                pass
        assert known == ids[6 - retain :]
        d.submit(buy(order_id="X0"))
        with pytest.raises(UnknownOrder):
            d.outcome("X1")


@virtual
async def test_c11_who_waits_for_an_end_is_told_even_if_nothing_is_retained() -> None:
    """The waiter is not a matter of retention."""
    async with exo.Dispatcher(Made(done), retain=0) as d:
        assert (await d.ended(d.submit(buy()).order_id)).end.value == "DONE"
        for _ in range(5):
            assert (await d.ended(d.submit(buy()).order_id)).end.value == "DONE"


async def slow_reader(d: exo.Dispatcher[Any]) -> AsyncIterator[exo.Event]:
    """A reader of events that has begun to read and then does something else."""
    stream = d.events()
    d.submit(buy(order_id="first"))
    await anext(stream)
    return stream


@virtual
async def test_c11_a_slow_reader_of_events_gets_the_latest_of_each_order() -> None:
    """A thousand changes of three orders are three events."""
    async with exo.Dispatcher(Made()) as d:
        stream = await slow_reader(d)
        for i in range(1000):
            if i < 3:
                d.submit(buy(order_id=f"X{i}"))
            else:
                d.replace(buy(order_id=f"X{i % 3}", price=D(i)))
            await settled()
        events = [await anext(stream) for _ in range(3)]
    assert sorted((e.order_id, e.order.price) for e in events) == [("X0", 999), ("X1", 997), ("X2", 998)]  # type: ignore[attr-defined]


@virtual
async def test_c11_a_slow_reader_does_not_hold_every_order_that_ever_was() -> None:
    """Orders come and go for a day while a view hangs: what waits for it is bounded by live orders and retention."""
    async with exo.Dispatcher(Lean, retain=10) as d:
        stream = await slow_reader(d)

        def step(i: int) -> Any:
            x = d.submit(buy()).order_id
            d.cancel(x)
            return d.ended(x)

        assert await grows(step, 3000) < 3000
        with pytest.raises(FellBehind):
            await anext(stream)
        assert (await anext(d.events())).order_id == "first"


@virtual
async def test_c11_a_reader_loses_nothing_between_asking_and_reading() -> None:
    """What happened after `events()` was called, and before the first read, is told."""
    async with exo.Dispatcher(Made(done_when_cancelled)) as d:
        d.submit(buy(order_id="before"))
        stream = d.events()
        d.submit(buy(order_id="between"))
        await settled()
        seen = [(await asyncio.wait_for(anext(stream), 1)).order_id for _ in range(2)]
        assert sorted(seen) == ["before", "between"]


@virtual
async def test_c11_a_reader_that_begins_after_the_end_ends() -> None:
    """It does not wait for ever."""
    async with exo.Dispatcher(Made()) as d:
        d.submit(buy(order_id="X"))
        stream = d.events()
    async with asyncio.timeout(5):
        last = [e.stage.value async for e in stream]
        assert last[-1:] in ([], ["STOPPED"])
        with pytest.raises(NotRunning):
            d.events()


@virtual
async def test_c11_a_reader_that_was_never_read_holds_nothing() -> None:
    """A view that asked and went away."""
    async with exo.Dispatcher(Lean) as d:
        for i in range(20):
            d.submit(buy(order_id=f"X{i}"))

        def step(i: int) -> None:
            d.events()
            d.replace(buy(order_id=f"X{i % 20}", price=D(i)))
            d.deliver()

        assert await grows(step, 300) < 1500


@live
async def test_c11_blocking_delegates_use_at_most_so_many_threads() -> None:
    """The others wait their turn; all are called."""
    running: list[int] = []
    most = [0]
    lock = threading.Lock()

    def act(me: Any, update: exo.Update[Any]) -> Any:
        with lock:
            running.append(1)
            most[0] = max(most[0], len(running))
        time.sleep(0.002)
        with lock:
            running.pop()
        return exo.DONE

    before = threading.active_count()
    async with exo.Dispatcher(Made(act, blocking=True), threads=3, hog_s=None) as d:
        for _ in range(30):
            d.submit(buy())
        await d.all_ended()
        assert threading.active_count() - before <= 3
    assert most[0] <= 3


@virtual
async def test_c11_tasks_follow_live_orders_and_not_calls() -> None:
    """A thousand calls suspended at once, then many more, then the orders end: what is kept spare is bounded."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(1)
        return done_when_cancelled(me, update)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy(symbol=f"S{i % 10}")).order_id for i in range(1000)]
        await asyncio.sleep(5)
        assert len(asyncio.all_tasks()) <= 1010
        for i in range(20):
            d.on_quote(quote(i, 99, symbol="S1"))
            await asyncio.sleep(2)
        assert len(asyncio.all_tasks()) <= 1010
        for x in ids:
            d.cancel(x)
        await d.all_ended()
        await asyncio.sleep(1)
        assert len(asyncio.all_tasks()) <= 300
    await settled()
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("number", [-1, float("nan"), float("inf"), 0])
@pytest.mark.parametrize("name", ["turn_calls", "turn_s", "hog_s", "mailbox_limit", "threads", "exit_s", "retain"])
def test_c11_a_limit_that_makes_no_sense_is_refused(name: str, number: float) -> None:
    """At once and by name; 0 is a limit where nothing may be waited for or kept."""
    if number == 0 and name in {"exit_s", "retain"}:
        exo.Dispatcher(Lean, **{name: number})
        return
    with pytest.raises(InvalidValue, match=name):
        exo.Dispatcher(Lean, **{name: number})
