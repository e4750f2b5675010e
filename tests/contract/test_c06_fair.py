"""C6: no symbol or order starves another."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest

import exo
from exo.flow import current_clock

from .helpers import D, Made, buy, live, now_ns, quote, report, settled, trade, virtual


class Flood:
    """A factory whose first delegate puts in something at each of its calls, for ever, until a quiet one was called."""

    def __init__(self, put: Any, calls: int = 50_000) -> None:
        self.put = put
        self.left = calls
        self.made = Made(self.act)
        self.stop = False

    def act(self, me: Any, update: exo.Update[Any]) -> None:
        if me is self.made[0] and not self.stop and self.left > 0:
            self.left -= 1
            self.put(me)


@pytest.mark.parametrize("what", ["quote", "trade", "report", "replace", "wake", "status", "all", "deliver"])
@pytest.mark.parametrize("where", ["A", "B"])
@virtual
async def test_c06_an_order_that_floods_itself_does_not_starve_another(what: str, where: str) -> None:
    """Neither a neighbour on its symbol nor one on another, nor the loop's other tasks."""

    def put(me: Any) -> None:
        i = flood.left
        if what in ("quote", "all", "deliver"):
            d.on_quote(quote(i, 10**6, symbol="A"))
        if what in ("trade", "all"):
            d.on_trade(trade(symbol="A"))
        if what in ("report", "all", "deliver"):
            d.on_report(report(me.desk.order_id, i))
        if what in ("replace", "all"):
            d.replace(buy(order_id=me.desk.order_id, price=D(i)))
        if what in ("wake", "all"):
            me.desk.wake_in(0)
        if what == "status":
            d.on_status(exo.FeedStatus(state=exo.FeedState.LIVE))
        if what == "deliver":
            d.deliver()

    flood = Flood(put)
    async with exo.Dispatcher(flood.made, turn_calls=50) as d:
        d.submit(buy(symbol="A"))
        y = d.submit(buy(symbol=where)).order_id
        d.submit(buy(symbol=where))  # hears of prices only
        for _ in range(10):
            await asyncio.sleep(0)
        assert flood.left > 0
        for i in range(8):
            d.on_quote(quote(i, 777, symbol=where))
            d.on_report(report(y, f"y{i}"))
            before, at = flood.left, now_ns()
            for _ in range(10):
                await asyncio.sleep(0)
                d.deliver()
            assert f"y{i}" in flood.made[1].exec_ids
            assert flood.made[1].quotes > i and flood.made[2].quotes > i
            assert before - flood.left < 5000 and now_ns() - at < 1_000_000_000
        assert flood.left > 0, "the flood must outlast the test"
        flood.stop = True


@virtual
async def test_c06_two_flooding_symbols_get_equal_shares() -> None:
    """Ten orders or one on the symbol: each order's calls are as many as the other's, give or take."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        if update.quote and running:
            d.on_quote(quote(len(made.calls), 10**9, symbol=me.desk.order.symbol))

    running = [1]
    made = Made(act)
    async with exo.Dispatcher(made, turn_calls=64) as d:
        for i in range(11):
            d.submit(buy(symbol="A" if i < 10 else "B"))
        await settled()
        d.on_quote(quote(symbol="A"))
        d.on_quote(quote(symbol="B"))
        for _ in range(60):
            await asyncio.sleep(0)
        calls = [len(m.updates) for m in made.all]
        running.clear()
        await settled()
    assert sum(calls) > 1000
    assert min(calls[:10]) * 2 > max(calls[:10]), "orders of one symbol share alike"
    assert calls[10] >= min(calls[:10]), "a symbol with one order is not behind one with ten"
    assert sum(calls[:10]) > calls[10] / 4, "nor far ahead of it"


@virtual
async def test_c06_in_virtual_time_a_turn_ends_by_number_of_deliveries() -> None:
    """deliver() says that something is left, the loop runs others, and the rest follows by itself."""
    made = Made()
    async with exo.Dispatcher(made, turn_calls=100) as d:
        for _ in range(1000):
            d.submit(buy())
        calls = []
        while d.deliver():
            calls.append(len(made.calls))
        assert len(made.calls) == 1000
        assert len(calls) >= 8 and max(b - a for a, b in itertools.pairwise(calls)) <= 200
        made.calls.clear()
        d.on_quote(quote())
        assert d.deliver()
        assert len(made.calls) < 1000
        await settled()
        assert len(made.calls) == 1000
        assert all(m.quotes == 1 for m in made.all)


@virtual
async def test_c06_a_turn_cut_short_goes_on_where_it_stopped() -> None:
    """New quotes of the same symbol do not send it back to the first order."""
    made = Made()
    async with exo.Dispatcher(made, turn_calls=10) as d:
        for _ in range(100):
            d.submit(buy())
        await settled()
        made.calls.clear()
        for i in range(10):
            d.on_quote(quote(i, 99))
            assert d.deliver()
        called = {x for x, _ in made.calls}
        assert len(called) > 80, "ten turns of ten calls reach nearly all of the hundred orders"
        await settled()
    assert all(m.quotes == 10 for m in made.all)
    assert all(m.last.quote == quote(9, 99) for m in made.all)


@live
async def test_c06_live_a_turn_ends_when_its_time_is_up() -> None:
    """Slow delegates: the loop's other tasks come in between."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        time.sleep(0.001)

    made = Made(act)
    gaps: list[int] = []
    async with exo.Dispatcher(made, turn_s=0.004) as d:
        for _ in range(100):
            d.submit(buy())

        async def other() -> None:
            while len(made.calls) < 100:
                before = len(made.calls)
                await asyncio.sleep(0)
                gaps.append(len(made.calls) - before)

        await other()
    assert max(gaps) <= 30, "some four calls fit into a turn; a slow machine fits fewer"
    assert len(gaps) > 5


@virtual
async def test_c06_async_delegates_that_never_suspend_do_not_hold_the_loop() -> None:
    """Stepped inline they count as any other."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        if not stop and len(made.calls) < 100_000:
            d.on_report(report(me.desk.order_id, len(made.calls)))

    stop: list[int] = []
    made = Made(act)
    async with exo.Dispatcher(made, turn_calls=100) as d:
        d.submit(buy())
        d.submit(buy(symbol="B"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(made.calls) < 20_000
        assert abs(len(made[0].updates) - len(made[1].updates)) < 200
        stop.append(1)


@virtual
async def test_c06_a_delegate_that_yields_and_floods_does_not_stop_time_for_others() -> None:
    """`await asyncio.sleep(0)` in act and a report to itself each time: timers of others still fall due."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        if me is made[0]:
            await asyncio.sleep(0.0001)
            if not stop:
                d.on_report(report(me.desk.order_id, len(made.calls)))
        else:
            me.desk.wake_in(0.01)

    stop: list[int] = []
    made = Made(act)
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        d.submit(buy())
        await asyncio.sleep(0.5)
        stop.append(1)
        assert 45 <= len(made[1].updates) <= 51
        assert len(made[0].updates) > 4000
        await settled()


@virtual
async def test_c06_many_wake_ups_due_at_once_are_all_called() -> None:
    """Also when they do not fit into one turn, and each wakes itself again at once for a while."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        if len(me.updates) < 20:
            me.desk.wake_in(0)

    made = Made(act)
    async with exo.Dispatcher(made, turn_calls=7) as d:
        for i in range(50):
            d.submit(buy(symbol=f"S{i % 5}"))
        await asyncio.sleep(1)
    assert [len(m.updates) for m in made.all] == [20] * 50


@virtual
async def test_c06_calls_for_one_symbol_alone_count_towards_the_turn_too() -> None:
    """Which every fourth of them prolongs."""
    price = itertools.count(1)
    calls = 0
    flooding = False

    def act(me: Any, update: exo.Update[Any]) -> None:
        nonlocal calls
        calls += 1
        if flooding and calls % 4 == 0:
            dispatcher.on_quote(quote(next(price), 10**9))

    async with exo.Dispatcher(Made(act), turn_calls=6) as dispatcher:
        for _ in range(4):
            dispatcher.submit(buy())
        await settled()
        flooding, turns = True, []
        for _ in range(20):
            before = calls
            assert dispatcher.on_ticks([quote(next(price), 10**9)])
            turns.append(calls - before)
        assert turns == [6] * 20
        flooding = False


@virtual
async def test_c06_a_symbol_alone_whose_delegates_become_slow_is_not_swept_in_one_go_any_more() -> None:
    """When a millisecond each takes too long, the loop gets its turn in between."""
    clock: Any = current_clock()
    slow = False

    def act(me: Any, update: exo.Update[Any]) -> None:
        if slow:
            clock.advance_to(clock.now_ns() + 1_000_000)

    made = Made(act)
    async with exo.Dispatcher(made) as dispatcher:
        for _ in range(32):
            dispatcher.submit(buy())
        await settled()
        for px in range(1, 9):
            assert not dispatcher.on_ticks([quote(px, 100)])
        slow, calls = True, []
        for px in range(11, 19):
            before = len(made.calls)
            dispatcher.on_ticks([quote(px, 100)])
            calls.append(len(made.calls) - before)
        assert calls[0] == 32
        assert max(calls[2:]) <= 8, calls
