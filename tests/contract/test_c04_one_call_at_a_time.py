"""C4: one call at a time per order; everything gathers for the next; without news there is no call."""

from __future__ import annotations

import asyncio
import datetime
import threading
import time
from typing import Any

import pytest

import exo
from exo.errors import UserError, WrongThread
from exo.mkt import ExecInst

from .helpers import D, Made, buy, done_when_cancelled, live, now_ns, quote, report, settled, trade, until, virtual


async def _storm(d: exo.Dispatcher[Any], x: str, made: Made, pause: Any) -> None:
    for i in range(100):
        d.on_quote(quote(i, 200))
        d.on_trade(trade())
        d.on_report(report(x, i))
        if i % 3 == 0:
            d.replace(buy(order_id=x, price=D(i)))
        d.deliver()
        d.deliver()
        made[0].desk.wake_in(i % 5 / 1000)
        await pause(i)


@pytest.mark.parametrize("slow_s", [0, 0.0005, 0.01])
@virtual
async def test_c04_calls_never_overlap_in_an_async_delegate(slow_s: float) -> None:
    """Under ticks, facts, wake-ups and deliver() at all moments."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        me.desk.wake_in(0.0003)
        await asyncio.sleep(slow_s)
        return done_when_cancelled(me, update)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await _storm(d, x, made, lambda i: asyncio.sleep(i % 3 / 1000))
        d.cancel(x)
        await d.ended(x)
    assert len(made[0].updates) > 10
    assert made[0].overlaps == made[0].late == 0
    assert made[0].exec_ids == [str(i) for i in range(100)]


@live
async def test_c04_calls_never_overlap_in_a_thread() -> None:
    """A blocking delegate, and ticks from yet another thread."""

    def act(me: Any, update: exo.Update[Any]) -> Any:
        time.sleep(0.001)
        return done_when_cancelled(me, update)

    made = Made(act, blocking=True)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        feed = threading.Thread(target=lambda: [d.on_quote(quote(i, 999)) for i in range(500)])
        feed.start()
        await _storm(d, x, made, lambda i: asyncio.sleep(0))
        feed.join()
        await until(lambda: made[0].quotes == 600)
        d.cancel(x)
        await d.ended(x)
    assert made[0].overlaps == made[0].late == 0
    assert made[0].exec_ids == [str(i) for i in range(100)]


@virtual
async def test_c04_deliver_from_inside_act_does_not_nest() -> None:
    """Whatever is put in from inside is recorded only: the outermost turn delivers it."""
    depth: list[int] = []

    def act(me: Any, update: exo.Update[Any]) -> None:
        depth.append(len(depth))
        assert len(depth) == 1
        if len(made.calls) < 6:
            d.on_quote(quote(len(made.calls), 99))
            d.on_report(report(me.desk.order_id, len(made.calls)))
            d.deliver()
            d.deliver()
        depth.pop()

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        d.submit(buy())
        d.deliver()
        await settled()
        outcomes = [d.outcome(m.desk.order_id) for m in made.all]
        assert outcomes == [None, None]
    assert [m.overlaps for m in made.all] == [0, 0]
    assert {m.quotes for m in made.all} == {5}


@virtual
async def test_c04_without_news_there_is_no_call() -> None:
    """Turns, time, other symbols and other orders' facts are no news."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        y = d.submit(buy(symbol="B")).order_id
        z = d.submit(buy()).order_id
        await settled()
        for i in range(50):
            d.deliver()
            d.on_quote(quote(symbol="B"))
            d.on_quote(quote(symbol="C"))
            d.on_report(report(z, i))
            d.on_report(report(y, i))
            await asyncio.sleep(1)
    assert len(made.of(x).updates) == 1
    assert len(made.of(z).updates) == 51


@virtual
async def test_c04_a_suspended_act_without_news_meanwhile_is_not_called_again() -> None:
    """The end of a call is no news either."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await asyncio.sleep(10)
        d.on_quote(quote())
        await asyncio.sleep(10)
    assert len(made[0].updates) == 2


@virtual
async def test_c04_no_update_is_empty() -> None:
    """Every call has ticks, facts or a wake-up to tell of."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        me.desk.wake_in(0.02)
        await asyncio.sleep(len(made.calls) % 3 / 100)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        d.submit(buy())
        for i in range(100):
            d.on_quote(quote(i, 200))
            if i % 4 == 0:
                d.on_report(report(x, i))
            await asyncio.sleep(i % 5 / 100)
    assert len(made.calls) > 100
    assert all(u.passed is not None or u.facts or u.woken for _, u in made.calls)


@virtual
async def test_c04_a_feeds_word_about_its_data_is_news() -> None:
    """A status makes a call though no price came."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        d.on_status(exo.FeedStatus(state=exo.FeedState.DOWN, symbol="A"))
        await settled()
        d.on_status(exo.FeedStatus(state=exo.FeedState.LIVE))
        await settled()
    assert [u.status.state.value for u in made[0].updates[1:] if u.status] == ["DOWN", "LIVE"]


@virtual
async def test_c04_a_wake_up_is_called_once_at_its_time() -> None:
    """Asked for in seconds, as a time with a zone, or in nanoseconds."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        woken.append((loop.time(), update.woken))
        match len(woken):
            case 1:
                me.desk.wake_in(1.5)
            case 2:
                me.desk.wake_at(me.desk.now + datetime.timedelta(seconds=2))
            case 3:
                me.desk.wake_at(me.desk.now_ns + 3_000_000_000)

    loop = asyncio.get_running_loop()
    woken: list[tuple[float, bool]] = []
    async with exo.Dispatcher(Made(act)) as d:
        d.submit(buy())
        await asyncio.sleep(100)
    assert woken == [(0.0, False), (1.5, True), (3.5, True), (6.5, True)]


@pytest.mark.parametrize(("asked", "at"), [([5, 1], 1), ([1, 5], 5), ([1, 2, 3, 2], 2), ([3, 0], 0)])
@virtual
async def test_c04_the_latest_wake_up_replaces_the_earlier_one(asked: list[float], at: float) -> None:
    """Whether it is sooner or later: one call, not two."""
    made = Made()
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        start = now_ns()
        for delay_s in asked:
            made[0].desk.wake_in(delay_s)
        await asyncio.sleep(100)
    assert [(u.woken, (u.now_ns - start) / 1e9) for u in made[0].updates[1:]] == [(True, at)]
    assert loop.time() > 100


@virtual
async def test_c04_a_wake_up_can_be_taken_back() -> None:
    """Then there is no call."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        made[0].desk.wake_in(1)
        made[0].desk.no_wake()
        await asyncio.sleep(5)
        assert len(made[0].updates) == 1
        made[0].desk.wake_in(0)
        made[0].desk.no_wake()
        await asyncio.sleep(5)
        assert len(made[0].updates) == 1


@virtual
async def test_c04_a_wake_up_in_the_past_is_due_now() -> None:
    """It wakes once, and soon."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await asyncio.sleep(5)
        made[0].desk.wake_at(1)
        await settled()
        assert [u.woken for u in made[0].updates] == [False, True]
        await asyncio.sleep(50)
    assert len(made[0].updates) == 2


@virtual
async def test_c04_other_news_does_not_use_up_a_wake_up() -> None:
    """A quote before its time makes a call that is not woken; the wake-up still comes."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        made[0].desk.wake_in(10)
        await asyncio.sleep(1)
        d.on_quote(quote())
        await asyncio.sleep(20)
    assert [u.woken for u in made[0].updates] == [False, False, True]


@virtual
async def test_c04_a_wake_up_due_during_a_suspended_act_comes_in_the_next_call() -> None:
    """Together with what else gathered, in one package."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        if len(me.updates) == 1:
            me.desk.wake_in(1)
            await asyncio.sleep(5)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await asyncio.sleep(3)
        d.on_quote(quote())
        d.on_report(report(x))
        await asyncio.sleep(10)
    assert len(made[0].updates) == 2
    last = made[0].last
    assert last.woken and last.quote == quote() and len(last.reports) == 1


@virtual
async def test_c04_an_ended_order_is_not_woken() -> None:
    """Nor does asking at the desk afterwards disturb anything."""
    made = Made(lambda me, update: (me.desk.wake_in(1), exo.DONE)[1])
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await d.ended(x)
        made[0].desk.wake_in(1)
        await asyncio.sleep(10)
    assert len(made[0].updates) == 1


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), "1", None, -0.001])
@virtual
async def test_c04_a_senseless_delay_is_refused(bad: Any) -> None:
    """With a clear error; the wake-up asked for before stands."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        made[0].desk.wake_in(1)
        with pytest.raises((UserError, TypeError)):
            made[0].desk.wake_in(bad)
        await asyncio.sleep(5)
    assert [u.woken for u in made[0].updates] == [False, True]


@pytest.mark.parametrize("bad", [datetime.datetime(2024, 1, 1), "now", None, 1.5])
@virtual
async def test_c04_a_senseless_time_is_refused(bad: Any) -> None:
    """A time without a zone names no instant."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        made[0].desk.wake_in(1)
        with pytest.raises((UserError, TypeError, AttributeError)):
            made[0].desk.wake_at(bad)
        await asyncio.sleep(5)
    assert [u.woken for u in made[0].updates] == [False, True]


@virtual
async def test_c04_a_held_order_hears_facts_and_no_prices() -> None:
    """It is told of the hold, then prices and wake-ups wait for the release and come in one package."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await settled()
        d.hold(x)
        await settled()
        me = made[0]
        assert me.desk.held and [i.exec_inst for i in me.last.instructions] == [ExecInst.HOLD]
        me.desk.wake_in(1)
        for i in range(10):
            d.on_quote(quote(i, 20))
            await asyncio.sleep(1)
        assert len(me.updates) == 2
        d.on_report(report(x))
        await settled()
        assert len(me.updates) == 3 and me.exec_ids == ["1"]
        for i in range(10, 20):
            d.on_quote(quote(i, 20))
        await settled()
        assert len(me.updates) == 3
        d.release(x)
        await settled()
        await asyncio.sleep(10)
    assert len(me.updates) == 4
    assert not me.desk.held
    assert me.last.woken and me.last.quote == quote(19, 20)
    assert [i.exec_inst for i in me.last.instructions] == [ExecInst.RELEASE]
    assert me.quotes == 20


@virtual
async def test_c04_a_held_order_can_be_cancelled_and_replaced() -> None:
    """Those are facts."""
    made = Made(done_when_cancelled)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        d.hold(x)
        d.replace(buy(order_id=x, price=D(3)))
        await settled()
        assert made[0].desk.order.price == D(3)
        d.cancel(x)
        outcome = await d.ended(x)
    assert outcome.cancelled and outcome.end.value == "DONE"


@virtual
async def test_c04_a_held_order_does_not_hold_up_its_neighbours() -> None:
    """Others of its symbol see every tick."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        d.hold(ids[1])
        await settled()
        for i in range(10):
            d.on_quote(quote(i, 20))
            await settled()
    assert [len(m.updates) for m in made.all] == [11, 1, 11]


@virtual
async def test_c04_the_desk_changes_only_between_calls() -> None:
    """A suspended act sees the terms of its update, whatever is recorded meanwhile."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        before = (me.desk.order, me.desk.cancelled, me.desk.held)
        await asyncio.sleep(1)
        assert (me.desk.order, me.desk.cancelled, me.desk.held) == before
        seen.append((me.desk.order.price, me.desk.cancelled, me.desk.held))
        return done_when_cancelled(me, update)

    seen: list[Any] = []
    async with exo.Dispatcher(Made(act)) as d:
        x = d.submit(buy(price=D(1))).order_id
        await asyncio.sleep(0.5)
        d.replace(buy(order_id=x, price=D(2)))
        d.hold(x)
        await asyncio.sleep(1)
        d.cancel(x)
        assert (await d.ended(x)).end.value == "DONE"
    assert seen == [(D(1), False, False), (D(2), False, True), (D(2), True, False)]


@live
async def test_c04_a_blocking_delegate_asks_for_wake_ups_and_brings_news_from_its_thread() -> None:
    """The desk and the feed's entrances may be used from there; instructions are refused with a clear error."""

    def act(me: Any, update: exo.Update[Any]) -> Any:
        match len(me.updates):
            case 1:
                me.desk.wake_in(0.01)
            case 2:
                assert update.woken
                with pytest.raises(WrongThread):
                    d.cancel(me.desk.order_id)
                with pytest.raises(WrongThread):
                    d.submit(buy())
                with pytest.raises(WrongThread):
                    d.deliver()
                d.on_report(report(me.desk.order_id, "from the thread"))
                d.on_quote(quote())
        return exo.DONE if me.exec_ids else None

    made = Made(act, blocking=True)
    async with exo.Dispatcher(made) as d:
        outcome = await d.ended(d.submit(buy()).order_id)
    assert outcome.error == "", outcome.traceback
    assert made[0].exec_ids == ["from the thread"]
