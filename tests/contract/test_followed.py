"""A call that ends in a task of its own and has news waiting is followed by the next one there and then."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import exo

from .helpers import Made, buy, in_turn, quote, report, settled, virtual


def suspending_first(then: Any = None) -> Any:
    """An act whose first call for a price waits for `delegate.go`; later ones do as told."""

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if update.quote is None:
            return None
        if not hasattr(me, "go"):
            me.go = asyncio.get_running_loop().create_future()
            return wait(me.go)
        return None if then is None else then(me, update)

    async def wait(future: asyncio.Future[None]) -> None:
        await future

    return act


@virtual
async def test_c03_the_next_call_comes_at_once_and_in_the_same_task() -> None:
    """It gets all that passed meanwhile, before the loop does anything else."""
    tasks: list[Any] = []

    async def act(me: Any, update: exo.Update[Any]) -> None:
        tasks.append(asyncio.current_task())
        if update.quote is not None and update.quote.bid_px == 1:
            await first
            asyncio.get_running_loop().call_soon(tasks.append, "the loop")

    first = asyncio.get_running_loop().create_future()
    made = Made(act)
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        d.on_quote(quote(1))
        await settled()
        del tasks[:-1]
        for bid in (2, 3, 4):
            d.on_quote(quote(bid))
        first.set_result(None)
        await settled()
        assert len(tasks) == 3 and tasks[0] is tasks[1] and tasks[2] == "the loop"
        span = made[0].last.span
        assert span is not None and (span.quotes, span.bid_low, span.bid_high) == (3, 2, 4)


@virtual
async def test_c05_a_fact_of_another_order_comes_before_the_call_that_would_follow() -> None:
    """Prices wait for facts, also those that would be next."""
    made = Made(suspending_first())
    async with exo.Dispatcher(made) as d:
        d.submit(buy(order_id="A"))
        d.submit(buy(order_id="B", symbol="B"))
        d.on_quote(quote(1))
        await settled()
        d.on_quote(quote(2))
        made.calls.clear()
        made.of("A").go.set_result(None)
        d.on_report(report("B"))
        await settled()
        assert [order_id for order_id, _ in made.calls] == ["B", "A"]


@virtual
async def test_c06_an_order_that_feeds_itself_lets_the_loop_work_in_between() -> None:
    """One call follows another that has suspended, not one that has followed itself."""
    order: list[str] = []

    def then(me: Any, update: exo.Update[Any]) -> Any:
        order.append("act")
        if len(order) < 40:
            d.on_quote(quote(len(order)))
        return nothing()

    async def nothing() -> None: ...

    made = Made(suspending_first(then))
    async with exo.Dispatcher(made, turn_calls=5) as d:
        d.submit(buy())
        d.on_quote(quote(1))
        await settled()
        d.on_quote(quote(2))
        made[0].go.set_result(None)
        asyncio.get_running_loop().call_soon(order.append, "loop")
        await settled()
        assert len(order) >= 40
        assert "loop" in order[:8], order


@virtual
async def test_c07_what_a_following_call_raises_fails_its_order_only() -> None:
    """Raised by a def, by a coroutine, or answered as nonsense."""

    def boom(me: Any, update: exo.Update[Any]) -> Any:
        raise ValueError("boom")

    async def later(me: Any, update: exo.Update[Any]) -> Any:
        raise ValueError("boom")

    def nonsense(me: Any, update: exo.Update[Any]) -> Any:
        return 42

    mades = [Made(suspending_first(then)) for then in (boom, later, nonsense, None)]
    async with exo.Dispatcher(in_turn(*mades)) as d:
        ids = [d.submit(buy(symbol=f"S{n}")).order_id for n in range(4)]
        for bid in (1, 2):
            for n in range(4):
                d.on_quote(quote(bid, symbol=f"S{n}"))
            await settled()
        for made in mades:
            made[0].go.set_result(None)
        await settled()
        ends = [None if (outcome := d.outcome(order_id)) is None else outcome.end.name for order_id in ids]
        assert ends == ["FAILED", "FAILED", "FAILED", None]
        d.on_quote(quote(3, symbol="S3"))
        await settled()
        assert mades[3][0].last.quote == quote(3, symbol="S3")


@virtual
async def test_c07_an_answer_that_cannot_even_be_looked_at_fails_its_order_only() -> None:
    """Also that of a call that follows another."""

    class Weird:
        @property
        def __class__(self) -> Any:
            raise ValueError("boom")

    async def wait() -> None:
        await go

    class Answers:
        def __init__(self, desk: exo.Desk[Any]) -> None:
            self.calls = 0

        def act(self, update: exo.Update[Any]) -> Any:
            self.calls += 1
            return wait() if self.calls == 1 else Weird()

        def clean_up(self) -> None: ...

    go = asyncio.get_running_loop().create_future()
    async with exo.Dispatcher(Answers) as d:
        order_id = d.submit(buy()).order_id
        await settled()
        d.on_quote(quote(1))
        go.set_result(None)
        outcome = await d.ended(order_id)
        assert outcome.end is exo.run.End.FAILED
        assert "ValueError: boom" in str(outcome.traceback)


@virtual
async def test_c08_a_following_call_may_be_done() -> None:
    """And is cleaned up after, once."""
    made = Made(suspending_first(lambda me, update: exo.DONE))
    async with exo.Dispatcher(made) as d:
        order_id = d.submit(buy()).order_id
        d.on_quote(quote(1))
        await settled()
        d.on_quote(quote(2))
        made[0].go.set_result(None)
        outcome = await d.ended(order_id)
        assert outcome.end is exo.run.End.DONE
        assert (made[0].cleaned, made[0].late, made[0].overlaps) == (1, 0, 0)


@virtual
async def test_c07_a_def_act_that_follows_sees_the_dispatchers_context() -> None:
    """As it does in a turn; what the order's coroutines have set stays with these."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody")
    seen: list[str] = []

    async def first(future: asyncio.Future[None]) -> None:
        variable.set("the coroutine")
        await future

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if update.quote is None:
            return None
        seen.append(variable.get())
        return first(go) if len(seen) == 1 else None

    go = asyncio.get_running_loop().create_future()
    variable.set("the owner")
    async with exo.Dispatcher(Made(act)) as d:
        variable.set("the feed")
        d.submit(buy())
        for bid in (1, 2):
            d.on_quote(quote(bid))
            await settled()
        go.set_result(None)
        await settled()
        assert seen == ["the owner", "the owner"]


@virtual
async def test_c07_a_def_act_that_cancels_the_task_it_finds_harms_nobody() -> None:
    """In a turn it finds none, or the one that coroutines were stepped in before it; never the feed's."""

    async def step(me: Any, update: exo.Update[Any]) -> None: ...

    def cancel(me: Any, update: exo.Update[Any]) -> None:
        found = asyncio.current_task()
        if found is not None:
            assert found is not feed
            found.cancel()

    feed = asyncio.current_task()
    made = [Made(step), Made(cancel), Made(step), Made(cancel), Made(step)]
    async with exo.Dispatcher(in_turn(*made)) as d:
        for _ in made:
            d.submit(buy())
        await settled()
        for bid in range(1, 20):
            d.on_ticks([quote(bid, 99)])
            await asyncio.sleep(0.001 * (bid % 2))
        assert len(d) == 5
        assert [len(m[0].updates) for m in made] == [20] * 5


@virtual
async def test_c11_a_sweep_does_not_walk_the_orders_that_are_busy() -> None:
    """However many hang on the symbol; and they get everything when their calls end."""
    made = Made(suspending_first())
    async with exo.Dispatcher(in_turn(Made(), made)) as d:
        for _ in range(200):
            d.submit(buy())
        await settled()
        d.on_quote(quote(1))
        await settled()
        for bid in range(2, 50):
            d.on_ticks([quote(bid, 99)])
        board = d._market.boards["A"]
        assert board.live == 200
        assert len(board.standing) <= 3
        for delegate in made.all:
            delegate.go.set_result(None)
        await settled()
        assert [delegate.last.span.quotes for delegate in made.all if delegate.last.span] == [48] * 199
        d.on_ticks([quote(60, 99)])
        assert {len(delegate.updates) for delegate in made.all} == {4}
