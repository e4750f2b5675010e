"""C7: what belongs to one order stays with it; timeouts, task groups, aiohttp and anyio work inside act."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from typing import Any

import anyio
import pytest
from aiohttp import ClientSession, web

import exo
from exo.run import End

from .helpers import Made, buy, live, quote, report, settled, virtual

VAR: contextvars.ContextVar[str] = contextvars.ContextVar("VAR", default="nothing")


@virtual
async def test_c07_asyncio_timeout_fires_inside_act() -> None:
    """After a suspension of the act and before one; the act goes on behind it."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        loop = asyncio.get_running_loop()
        for first_s in (0, 0.5):
            await asyncio.sleep(first_s)
            start = loop.time()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.sleep(100)
            assert loop.time() - start == pytest.approx(1)
        async with asyncio.timeout(1):
            await asyncio.sleep(0.5)
        return exo.DONE

    async with exo.Dispatcher(Made(act)) as d:
        outcome = await d.ended(d.submit(buy()).order_id)
    assert outcome.error == "" and outcome.ended_ns - outcome.submitted_ns == 3_000_000_000


@virtual
async def test_c07_a_timeout_as_the_first_thing_in_act_fires() -> None:
    """It asks for the current task before act has ever been suspended."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        async with asyncio.timeout(1):
            await asyncio.Event().wait()

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        outcome = await d.ended(d.submit(buy()).order_id)
    assert outcome.end is End.FAILED and "TimeoutError" in outcome.error


@virtual
async def test_c07_wait_for_and_shield_work_inside_act() -> None:
    """The old tools too."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 1)
        assert await asyncio.wait_for(asyncio.sleep(0.1, 7), 1) == 7
        assert await asyncio.shield(asyncio.sleep(0.1, 8)) == 8
        assert await asyncio.gather(asyncio.sleep(0.1, 1), asyncio.sleep(0.2, 2)) == [1, 2]
        return exo.DONE

    async with exo.Dispatcher(Made(act)) as d:
        outcome = await d.ended(d.submit(buy()).order_id)
    assert outcome.error == ""


@virtual
async def test_c07_act_never_runs_in_the_feeds_task() -> None:
    """Its current task is the same before and after a suspension, and not that of whoever delivers or submits."""
    tasks: dict[Any, set[Any]] = {}

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        mine = asyncio.current_task()
        assert mine is not None and mine is not feed
        await asyncio.sleep(len(me.updates) % 2 / 100)
        assert asyncio.current_task() is mine
        await asyncio.sleep(0)
        assert asyncio.current_task() is mine
        tasks.setdefault(me, set()).add(mine)

    feed = asyncio.current_task()
    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(5)]
        d.deliver()
        assert asyncio.current_task() is feed
        for i in range(20):
            d.on_quote(quote(i, 99))
            d.on_report(report(ids[i % 5]))
            d.deliver()
            assert asyncio.current_task() is feed
            await asyncio.sleep(0.05)
        assert len(d) == 5, [o.traceback for o in map(d.outcome, ids) if o]


@virtual
async def test_c07_two_suspended_acts_never_share_a_task() -> None:
    """So that cancelling or timing out one cannot hit the other."""
    running: dict[Any, Any] = {}

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        mine = asyncio.current_task()
        assert mine not in running.values()
        running[me] = mine
        try:
            await asyncio.sleep(0.1)
        finally:
            del running[me]

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for i in range(10):
            d.submit(buy(symbol=f"S{i % 3}"))
        for i in range(10):
            for s in range(3):
                d.on_quote(quote(i, 99, symbol=f"S{s}"))
            d.deliver()
            await asyncio.sleep(0.03)
        await asyncio.sleep(1)
        assert len(d) == 10


@virtual
async def test_c07_cancelling_a_delegates_task_from_outside_fails_its_order_only() -> None:
    """Somebody who found the task, a library say."""
    tasks: list[Any] = []

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        outcome = await d.ended(ids[1])
        await asyncio.sleep(1)
        d.on_quote(quote())
        await asyncio.sleep(5)
        assert [m.quotes for m in made.all] == [1, 0, 1]
    assert outcome.end is End.FAILED


@pytest.mark.parametrize("first_s", [None, 0, 1])
@virtual
async def test_c07_an_act_that_cancels_itself_fails_its_order_only(first_s: float | None) -> None:
    """Before its first suspension and after it."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if first_s is not None:
            await asyncio.sleep(first_s)
        if me is made[1] and update.quote:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(100)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        await asyncio.sleep(2)
        d.on_quote(quote())
        assert (await d.ended(ids[1])).end is End.FAILED
        await asyncio.sleep(3)
        for i in range(5):
            d.on_quote(quote(i, 9))
            await asyncio.sleep(3)
        assert [m.quotes for m in made.all] == [6, 1, 6]
        assert len(d) == 2


@pytest.mark.parametrize("first_s", [None, 0, 1])
@virtual
async def test_c07_a_cancel_that_an_act_asks_for_and_never_meets_hits_nobody_else(first_s: float | None) -> None:
    """It cancels itself and returns without awaiting again; no later act may get that cancel."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if first_s is not None:
            await asyncio.sleep(first_s)
        if me is made[0] and update.quote:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        elif update.quote:
            await asyncio.sleep(0)
            await asyncio.sleep(0.1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(4)]
        await asyncio.sleep(2)
        for i in range(5):
            d.on_quote(quote(i, 9))
            await asyncio.sleep(3)
        assert all(d.outcome(x) is None for x in ids[1:])
        assert [m.quotes for m in made.all[1:]] == [5, 5, 5]


@virtual
async def test_c07_a_cancel_swallowed_with_uncancel_lets_the_act_go_on() -> None:
    """As in any task."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(1)
        task.uncancel()
        assert task.cancelling() == 0
        await asyncio.sleep(1)
        return exo.DONE if update.quote else None

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await asyncio.sleep(5)
        d.on_quote(quote())
        assert (await d.ended(x)).error == ""


@pytest.mark.parametrize("first", [True, False])
@virtual
async def test_c07_a_task_group_with_a_failing_child_fails_its_own_order_only(first: bool) -> None:
    """The group cancels its other children and the act gets the group's error."""
    ends: list[str] = []

    async def child(fails: bool) -> None:
        try:
            await asyncio.sleep(0.1 if fails else 100)
            raise ValueError("child")
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if not first:
            await asyncio.sleep(0.1)
        if me is made[0]:
            async with asyncio.TaskGroup() as group:
                group.create_task(child(True))
                group.create_task(child(False))

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(2)]
        outcome = await d.ended(ids[0])
        d.on_quote(quote())
        await asyncio.sleep(1)
        assert made[1].quotes == 1
    assert outcome.end is End.FAILED and "ExceptionGroup" in outcome.error and "child" in outcome.traceback
    assert ends == ["cancelled"]


@pytest.mark.parametrize("first", [True, False])
@virtual
async def test_c07_a_task_group_that_succeeds_gives_its_results(first: bool) -> None:
    """And an error that the act catches is nobody else's business."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if not first:
            await asyncio.sleep(0.1)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asyncio.sleep(i / 10, i)) for i in range(3)]
        assert [t.result() for t in tasks] == [0, 1, 2]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(100))
                await asyncio.sleep(0.1)
                raise ValueError("body")
        except* ValueError:
            caught.append(me)
        return exo.DONE

    caught: list[Any] = []
    async with exo.Dispatcher(Made(act)) as d:
        outcomes = [await d.ended(x) for x in [d.submit(buy()).order_id for _ in range(3)]]
    assert [o.error for o in outcomes] == [""] * 3 and len(caught) == 3


@virtual
async def test_c07_anyio_works_inside_act() -> None:
    """Cancel scopes, move_on_after as the first thing, task groups, fail_after, events."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        with anyio.move_on_after(1) as scope:
            await anyio.sleep(100)
        assert scope.cancelled_caught
        results: list[int] = []

        async def child(i: int) -> None:
            await anyio.sleep(i / 10)
            results.append(i)

        async with anyio.create_task_group() as group:
            for i in range(3):
                group.start_soon(child, i)
        assert results == [0, 1, 2]
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 100)
            await anyio.sleep(0.1)
            group.cancel_scope.cancel()
        with pytest.raises(TimeoutError), anyio.fail_after(0.1):
            await anyio.Event().wait()
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.1)
        return exo.DONE if len(me.updates) == 3 else None

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        for _ in range(2):
            await asyncio.sleep(5)
            d.on_quote(quote())
        outcomes = [await d.ended(x) for x in ids]
    assert [o.error for o in outcomes] == [""] * 3


@virtual
async def test_c07_a_failing_anyio_child_fails_its_own_order_only() -> None:
    """As with asyncio's own group."""

    async def fails() -> None:
        await anyio.sleep(0.1)
        raise ValueError("child")

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if me is made[0]:
            async with anyio.create_task_group() as group:
                group.start_soon(fails)
                await anyio.sleep_forever()

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(2)]
        assert "child" in (await d.ended(ids[0])).traceback
        assert len(d) == 1


@live
async def test_c07_aiohttp_works_inside_act() -> None:
    """A client session made in act, its timeout, and a server on the loopback that each act asks."""

    async def answer(request: web.Request) -> web.Response:
        if "slow" in request.query:
            await asyncio.sleep(0.5)
        return web.json_response({"n": int(request.query["n"])})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    answers: list[int] = []

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        async with ClientSession(f"http://127.0.0.1:{port}") as session:
            async with session.get("/", params={"n": str(made.all.index(me))}) as response:
                answers.append((await response.json())["n"])
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    async with session.get("/", params={"n": "0", "slow": "1"}) as response:
                        await response.json()
        return exo.DONE

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        outcomes = [await d.ended(x) for x in [d.submit(buy()).order_id for _ in range(5)]]
    await runner.cleanup()
    assert [o.error for o in outcomes] == [""] * 5, outcomes[0].traceback
    assert sorted(answers) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("first_s", [None, 0, 1])
@virtual
async def test_c07_context_variables_set_in_act_are_the_orders_own(first_s: float | None) -> None:
    """Neither another order nor the feed sees them, whether set before or after a suspension."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        mine = me.desk.order_id
        if first_s is not None:
            await asyncio.sleep(first_s)
        assert VAR.get() in ("feed", mine)
        VAR.set(mine)
        await asyncio.sleep(0 if first_s is None else first_s)
        assert VAR.get() == mine
        if first_s is None:
            VAR.set(mine)

    VAR.set("feed")
    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(4)]
        for i in range(5):
            d.on_quote(quote(i, 9))
            d.deliver()
            assert VAR.get() == "feed"
            await asyncio.sleep(3)
            assert VAR.get() == "feed"
        assert len(d) == 4, [o.traceback for o in map(d.outcome, ids) if o]


@virtual
async def test_c07_context_variables_last_from_one_call_to_the_next() -> None:
    """Each order has one context, so what an act set, its next call finds; suspended or not."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        assert VAR.get() == ("feed" if len(me.updates) == 1 else f"{me.desk.order_id}-{len(me.updates) - 1}")
        VAR.set(f"{me.desk.order_id}-{len(me.updates)}")
        if len(me.updates) % 2:
            await asyncio.sleep(0.1)

    VAR.set("feed")
    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        for i in range(6):
            await asyncio.sleep(1)
            d.on_quote(quote(i, 9))
        await asyncio.sleep(1)
        assert len(d) == 3, [o.traceback for o in map(d.outcome, ids) if o]


@virtual
async def test_c07_a_task_started_in_act_outlives_the_call_and_may_bring_facts() -> None:
    """It is an ordinary asyncio task."""

    async def later(x: str) -> None:
        await asyncio.sleep(1)
        d.on_report(report(x, "from a task"))

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if update.reports:
            return exo.DONE
        tasks.append(asyncio.create_task(later(me.desk.order_id)))
        return None

    tasks: list[Any] = []
    made = Made(act)
    async with exo.Dispatcher(made) as d:
        assert (await d.ended(d.submit(buy()).order_id)).error == ""
    assert made[0].exec_ids == ["from a task"]


@virtual
async def test_c07_an_act_may_wait_for_another_orders_end() -> None:
    """A parent of parents: submit, then await its end."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if me is made[0]:
            ack = d.submit(buy(symbol="B"))
            outcome = await d.ended(ack.order_id)
            assert outcome.end is End.DONE
            return exo.DONE
        await asyncio.sleep(1)
        return exo.DONE

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        assert (await d.ended(d.submit(buy()).order_id)).error == ""
        assert len(made) == 2


@live
async def test_c07_blocking_delegates_run_in_threads_side_by_side() -> None:
    """None holds up the loop or the others; each sees the loop's facts afterwards."""
    together = threading.Barrier(4, timeout=2)

    def act(me: Any, update: exo.Update[Any]) -> Any:
        assert threading.get_ident() != loop_thread
        together.wait()
        return exo.DONE

    loop_thread = threading.get_ident()
    async with exo.Dispatcher(Made(act, blocking=True)) as d:
        outcomes = [await d.ended(x) for x in [d.submit(buy()).order_id for _ in range(4)]]
    assert [o.error for o in outcomes] == [""] * 4


@virtual
async def test_c07_suspended_acts_leave_no_task_or_coroutine_behind() -> None:
    """After the block nothing of the container runs; nothing was never awaited."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(made.all.index(me))

    made = Made(act)
    before = asyncio.all_tasks()
    async with exo.Dispatcher(made, exit_s=2) as d:
        for _ in range(6):
            d.submit(buy())
        await settled()
    await settled()
    assert asyncio.all_tasks() == before
    gc.collect()
