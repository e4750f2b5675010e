"""C3: per symbol while the dispatcher is busy, per order while its delegate is busy."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import exo

from .helpers import Made, buy, quote, report, settled, trade, virtual


@virtual
async def test_c03_what_comes_while_the_dispatcher_is_busy_conflates_by_symbol() -> None:
    """Many ticks of two symbols before the turn: one call per order, each with all of its own symbol."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        a, b = d.submit(buy(symbol="A")).order_id, d.submit(buy(symbol="B")).order_id
        await settled()
        for i in range(100):
            d.on_quote(quote(i, 200, symbol="A"))
            if i % 2:
                d.on_quote(quote(1000 + i, 2000, symbol="B"))
        assert not d.deliver()
    assert [(len(made.of(x).updates), made.of(x).quotes) for x in (a, b)] == [(2, 100), (2, 50)]
    assert made.of(a).last.symbol == "A" and made.of(b).last.symbol == "B"
    assert made.of(a).last.quote == quote(99, 200, symbol="A")
    assert made.of(b).last.quote == quote(1099, 2000, symbol="B")


@pytest.mark.parametrize("deliver", [True, False])
@virtual
async def test_c03_with_time_between_them_every_tick_gets_a_call_of_its_own(deliver: bool) -> None:
    """Nothing conflates that need not: by deliver() at once, or soon after by itself."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        for i in range(10):
            d.on_quote(quote(i, 20))
            if deliver:
                d.deliver()
                assert len(made[0].updates) == 2 + i
            else:
                await settled()
    assert [u.span.quotes for u in made[0].updates[1:] if u.span] == [1] * 10


@virtual
async def test_c03_what_comes_while_a_delegate_is_busy_conflates_for_it_alone() -> None:
    """Its quick neighbours on the same symbol see every tick."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        if me is made[0]:
            await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        d.submit(buy())
        await asyncio.sleep(0.01)
        for i in range(90):
            d.on_quote(quote(i, 200))
            await asyncio.sleep(0.01)
        await asyncio.sleep(5)
    slow, quick = made.all
    assert [u.span.quotes for u in quick.updates[1:] if u.span] == [1] * 90
    assert [u.span.quotes for u in slow.updates[1:] if u.span] == [90]
    assert slow.last.quote == quick.last.quote == quote(89, 200)


@virtual
async def test_c03_both_steps_together_lose_nothing() -> None:
    """Bursts on a busy dispatcher, delegates of five speeds: each sees all quotes and the volume exactly."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(made.all.index(me) * 0.013)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for _ in range(5):
            d.submit(buy())
        await settled()
        for i in range(200):
            for j in range(i % 4):
                d.on_quote(quote(i, 300 + j))
                d.on_trade(trade(1, 2))
            await asyncio.sleep(0.005)
        await asyncio.sleep(1)
    burst = sum(i % 4 for i in range(200))
    calls = [len(m.updates) for m in made.all]
    assert calls == sorted(calls, reverse=True) and calls[0] > 2 * calls[-1]
    for me in made.all:
        assert me.quotes == burst
        assert sum(u.trade.trades for u in me.updates if u.trade) == burst
        assert me.last.quote == made[0].last.quote


@virtual
async def test_c03_a_busy_delegates_facts_wait_with_its_prices() -> None:
    """One package with all of them, when it is ready and not before."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await asyncio.sleep(0.1)
        for i in range(5):
            d.on_quote(quote(i, 9))
            d.on_report(report(x, i))
            await asyncio.sleep(0.1)
        assert len(made[0].updates) == 1
        await asyncio.sleep(1)
        assert len(made[0].updates) == 2
    assert made[0].quotes == 5
    assert made[0].exec_ids == list("01234")


@virtual
async def test_c03_totals_count_what_conflated() -> None:
    """Ten ticks in one call are nine that folded into a later one."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        d.submit(buy())
        await settled()
        before = d.totals
        for i in range(10):
            d.on_quote(quote(i, 20))
        d.on_quote(quote(1, 2, symbol="elsewhere"))
        await settled()
        after = d.totals
    assert (after.ticks - before.ticks, after.unwatched, after.updates - before.updates) == (11, 1, 2)
    assert after.conflated - before.conflated == 18
