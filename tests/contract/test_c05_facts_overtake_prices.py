"""C5: facts are drained between any two calls of act, and an Update says when its quote is older than its facts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import exo

from .helpers import D, Made, buy, now_ns, quote, report, settled, trade, virtual


async def warmed(d: exo.Dispatcher[Any], made: Made, symbols: str = "A") -> None:
    """Let sweeps go over as many orders at once as they ever will; then forget the calls."""
    act, made.act = made.act, None
    await settled()
    for i in range(20):
        for symbol in symbols:
            d.on_quote(quote(i + 1000, 2000, symbol=symbol))
        await settled()
    made.calls.clear()
    for m in made.all:
        m.updates.clear()
    made.act = act


@virtual
async def test_c05_a_report_put_in_in_mid_sweep_is_the_next_call() -> None:
    """Not the next order of the sweep: the one with the fact, with the quote in the same package."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        if update.quote and me is made[0]:
            d.on_report(report(made[4].desk.order_id, "fill"))

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for _ in range(6):
            d.submit(buy())
        await warmed(d, made)
        d.on_quote(quote())
        d.deliver()
        order = [made.all.index(made.of(x)) for x, _ in made.calls]
        assert order[0] == 0, "the sweep begins with the first order"
        assert order[1] == 4
        assert sorted(order) == list(range(6))
        fact = made.calls[1][1]
        assert [r.exec_id for r in fact.reports] == ["fill"]
        assert fact.quote == quote() and fact.span is not None and fact.span.quotes == 1


@virtual
async def test_c05_an_instruction_put_in_in_mid_sweep_is_the_next_call() -> None:
    """A cancel overtakes the prices of all others."""

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if update.quote and me is made[0]:
            d.cancel(made[7].desk.order_id)
        return exo.DONE if me.desk.cancelled else None

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for i in range(10):
            d.submit(buy(symbol="A" if i != 7 else "B"))
        await warmed(d, made, "AB")
        d.on_quote(quote())
        await settled()
        assert [made.all.index(made.of(x)) for x, _ in made.calls][:2] == [0, 7]
        assert len(d) == 9


@virtual
async def test_c05_an_order_submitted_in_mid_sweep_overtakes_the_prices() -> None:
    """NEW is a fact; its first call comes before the next price call."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        if update.quote and me is made[0] and len(made) == 4:
            d.submit(buy(order_id="late", symbol="A"))

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for i in range(4):
            d.submit(buy(order_id=f"X{i}"))
        await warmed(d, made)
        d.on_quote(quote())
        await settled()
    assert [x for x, _ in made.calls] == ["X0", "late", "X1", "X2", "X3"]
    assert made.of("late").last.quote == quote() and made.of("late").last.span is None


@virtual
async def test_c05_a_quote_put_in_in_mid_sweep_reaches_the_later_orders_of_the_sweep() -> None:
    """Never a stale price: who is called after it came sees it, and who was called before gets another call."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        if me is made[2] and update.quote == quote(1, 2):
            d.on_quote(quote(3, 4))

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for _ in range(6):
            d.submit(buy())
        await warmed(d, made)
        d.on_quote(quote(1, 2))
        await settled()
    seen = [[u.quote for x, u in made.calls if x == m.desk.order_id] for m in made.all]
    assert seen == [[quote(1, 2), quote(3, 4)]] * 3 + [[quote(3, 4)]] * 3
    assert [m.quotes for m in made.all] == [2] * 6


@virtual
async def test_c05_no_call_in_a_sweep_shows_a_quote_that_has_been_replaced() -> None:
    """With delegates that push quotes all the time, each call has the newest at its start."""
    newest = [quote(0, 1)]

    def act(me: Any, update: exo.Update[Any]) -> None:
        if update.quote:
            assert update.quote is newest[0]
        if len(made.calls) < 500 and len(made.calls) % 3 == 0:
            newest[0] = quote(len(made.calls), 999)
            d.on_quote(newest[0])
            d.on_trade(trade())

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for _ in range(7):
            d.submit(buy())
        await warmed(d, made)
        d.on_quote(newest[0])
        await asyncio.sleep(1)
        assert len(d) == 7
    assert len({m.quotes for m in made.all}) == 1
    assert all(m.last.quote is newest[0] for m in made.all)


@virtual
async def test_c05_facts_from_inside_act_for_itself_come_next() -> None:
    """Before the prices of the others, in a call of their own."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        if me is made[0] and update.quote and not update.reports:
            d.on_report(report(me.desk.order_id))

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for _ in range(3):
            d.submit(buy())
        await warmed(d, made)
        d.on_quote(quote())
        await settled()
    assert [made.all.index(made.of(x)) for x, _ in made.calls] == [0, 0, 1, 2]
    assert made.calls[1][1].span is None and made.calls[1][1].quote == quote()


@virtual
async def test_c05_facts_that_wait_before_a_turn_come_before_its_prices() -> None:
    """Whatever was recorded first."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy(symbol="AB"[i % 2])).order_id for i in range(6)]
        await warmed(d, made, "AB")
        d.on_quote(quote(symbol="A"))
        d.on_quote(quote(symbol="B"))
        d.on_report(report(ids[5]))
        d.on_report(report(ids[2]))
        d.deliver()
        assert [x for x, _ in made.calls][:2] == [ids[5], ids[2]]
        assert sorted(x for x, _ in made.calls) == sorted(ids)


@pytest.mark.parametrize(
    ("quote_at", "report_at", "older"), [(1, 2, True), (2, 1, False), (1, 1, False), (None, 1, True), (1, None, False)]
)
@virtual
async def test_c05_an_update_says_when_its_quote_is_older_than_its_facts(
    quote_at: int | None, report_at: int | None, older: bool
) -> None:
    """By the local receive times; a quote that does not tell when it came may be older."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await settled()
        start = now_ns()
        d.on_quote(quote(received_ns=None if quote_at is None else start + quote_at))
        d.on_report(report(x, received_ns=None if report_at is None else start + report_at))
        await settled()
        last = made[0].last
        assert last.reports and last.quote_before_facts is older
        d.on_quote(quote(received_ns=start + 5))
        await settled()
        assert made[0].last.facts == () and not made[0].last.quote_before_facts


@virtual
async def test_c05_a_replace_after_the_quote_marks_the_quote_older() -> None:
    """Instructions are stamped when they are recorded."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        d.on_quote(quote(received_ns=now_ns()))
        await asyncio.sleep(1)
        d.replace(buy(order_id=x, price=D(1)))
        await settled()
        assert made[0].last.quote_before_facts
        await asyncio.sleep(1)
        d.on_quote(quote(received_ns=now_ns()))
        d.on_report(report(x, received_ns=now_ns()))
        await settled()
        assert not made[0].last.quote_before_facts


@virtual
async def test_c05_a_fact_for_a_suspended_order_does_not_stop_the_sweep() -> None:
    """It waits for its own order's call; the others get their prices."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        if me is made[0]:
            await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(4)]
        await asyncio.sleep(0.5)
        d.on_quote(quote())
        d.on_report(report(ids[0]))
        await settled()
        assert [len(m.updates) for m in made.all] == [1, 2, 2, 2]
        await asyncio.sleep(1)
        assert made[0].exec_ids == ["1"] and made[0].last.quote == quote()
        assert len(made[0].updates) == 2
