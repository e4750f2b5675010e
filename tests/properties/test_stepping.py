"""The piece that steps awaitables inline, alone: an act must behave as the same coroutine does in a Task of its own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import types
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exo
from exo.flow import seeded
from exo.run.stepping import SUSPENDED, Stepper

from .support import Wanted, live, steady, virtually, wanted

Program = Callable[[], Awaitable[Any]]


class Process:
    """All that the Stepper knows of an order."""

    def __init__(self) -> None:
        self.context: contextvars.Context | None = None
        self.spare: Any = None


class Steps:
    """A Stepper and what it told."""

    def __init__(self) -> None:
        self.ended: dict[Process, asyncio.Future[tuple[Any, BaseException | None]]] = {}
        self.inside: list[Process | None] = []
        self.stepper = Stepper(asyncio.get_running_loop(), self.inside.append, self.finished)  # type: ignore[arg-type]

    def finished(self, process: Any, result: Any, error: BaseException | None) -> None:
        self.ended[process].set_result((result, error))

    def step(self, process: Process, awaitable: Awaitable[Any]) -> Any:
        """Step as the dispatcher does: while no task is the current one."""
        loop, outer = asyncio.get_running_loop(), asyncio.current_task()
        assert outer is not None
        _leave_task(loop, outer)
        try:
            return self.stepper.step(process, awaitable)  # type: ignore[arg-type]
        finally:
            _enter_task(loop, outer)

    async def run(self, awaitable: Awaitable[Any], process: Process | None = None) -> tuple[Any, BaseException | None]:
        """What an act comes to, whether it suspends or not."""
        process = process or Process()
        self.ended[process] = asyncio.get_running_loop().create_future()
        try:
            result = self.step(process, awaitable)
        except BaseException as error:
            return None, error
        if result is not SUSPENDED:
            return result, None
        assert process in self.stepper.running
        async with asyncio.timeout(100):
            ended = await self.ended[process]
        assert process not in self.stepper.running
        return ended

    async def close(self) -> None:
        if spares := self.stepper.close():
            await asyncio.wait(spares)


@contextlib.asynccontextmanager
async def steps() -> AsyncIterator[Steps]:
    """A Stepper that leaves no task behind."""
    made = Steps()
    try:
        yield made
    finally:
        await made.close()
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left


Ending = tuple[Any, str, str]


def ending(result: Any, error: BaseException | None) -> Ending:
    """How a program ended, in words that can be compared."""
    return result, type(error).__name__, str(error)


async def in_a_task(program: Program) -> Ending:
    """What a program comes to in an ordinary Task: what its coroutine returned or raised."""
    ended: list[Ending] = []

    async def watched() -> None:
        try:
            ended.append(ending(await program(), None))
        except BaseException as error:
            ended.append(ending(None, error))

    task = asyncio.get_running_loop().create_task(watched())
    await asyncio.wait([task])
    return ended[0]


async def both(program: Program) -> tuple[Ending, Ending]:
    """What a program comes to stepped - in a fresh spare, and in one that has been used - and in an ordinary Task."""
    async with steps() as made:
        stepped = []
        order = Process()
        for process in (order, order, order, None):
            stepped.append(ending(*await made.run(program(), process)))
            await asyncio.sleep(0.01)  # a cancel that comes late is for nobody
        assert stepped == [stepped[0]] * 4
    return stepped[0], await in_a_task(program)


def same(program: Program) -> tuple[Any, ...]:
    """The outcome of a program, which must be the same stepped and in a Task."""
    stepped, ordinary = virtually(both(program))
    assert stepped == ordinary
    return stepped


def me() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


@types.coroutine
def generator_based(times: int) -> Generator[None, None, str]:
    for _ in range(times):
        yield
    return "generated"


class Custom:
    """An awaitable that yields bare a few times and then waits for a future."""

    def __init__(self, bare: int, future: bool) -> None:
        self._bare = bare
        self._future = future

    def __await__(self) -> Generator[Any, Any, str]:
        for _ in range(self._bare):
            yield
        if self._future:
            loop = asyncio.get_running_loop()
            waits = loop.create_future()
            loop.call_later(0.001, waits.set_result, "from a future")
            return (yield from waits.__await__())
        return "custom"


def test_an_act_that_does_not_suspend_answers_at_once():
    """No task runs and nothing is heard of it later."""

    async def program() -> None:
        async with steps() as made:

            async def act() -> int:
                return 7

            assert made.step(Process(), act()) == 7
            assert not made.ended and not made.stepper.running

    virtually(program())


@pytest.mark.parametrize("pauses", [0, 1, 3])
def test_the_current_task_is_one_and_the_same_all_along(pauses: int):
    """It is a Task before, between and after suspensions, and not the caller's."""

    async def program() -> None:
        outer = me()
        async with steps() as made:

            async def act() -> set[asyncio.Task[Any]]:
                found = {me()}
                for _ in range(pauses):
                    await asyncio.sleep(0.001)
                    found.add(me())
                return found

            found, error = await made.run(act())
            assert error is None
            assert len(found) == 1
            assert outer not in found
            assert me() is outer

    virtually(program())


def test_the_caller_may_be_a_callback_without_a_task():
    """A turn that the loop calls has no current task; the act has one all the same, and none remains."""

    async def program() -> None:
        async with steps() as made:
            heard = asyncio.get_running_loop().create_future()

            async def act() -> bool:
                return isinstance(me(), asyncio.Task)

            def callback() -> None:
                before = asyncio.current_task()
                answer = made.stepper.step(Process(), act())  # type: ignore[arg-type]
                heard.set_result((before, answer, asyncio.current_task()))

            asyncio.get_running_loop().call_soon(callback)
            assert await heard == (None, True, None)

    virtually(program())


# Programs that must come to the same as in a Task of their own.


async def _timeout_before_adoption() -> str:
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(10)
    except TimeoutError:
        return f"timed out, {me().cancelling()}"
    return "no timeout"


async def _timeout_later() -> str:
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(10)
    except TimeoutError:
        return f"timed out, {me().cancelling()}"
    return "no timeout"


async def _timeouts_nested() -> str:
    try:
        async with asyncio.timeout(0.02):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await asyncio.sleep(10)
            await asyncio.sleep(10)
    except TimeoutError:
        return f"both, {me().cancelling()}"
    return "no"


async def _wait_for() -> str:
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.01)
    except TimeoutError:
        return await asyncio.wait_for(asyncio.sleep(0.001, "second"), 1)
    return "no"


async def _cancels_itself_and_waits() -> None:
    me().cancel("mine")
    await asyncio.sleep(1)


async def _cancels_itself_after_a_wait() -> None:
    await asyncio.sleep(0.001)
    me().cancel("mine")
    await asyncio.sleep(1)


async def _cancels_itself_and_catches() -> str:
    me().cancel()
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        me().uncancel()
    await asyncio.sleep(0.01)
    return f"went on, {me().cancelling()}"


async def _swallows_a_cancel() -> str:
    me().cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(1)
    await asyncio.sleep(0.001)
    return f"swallowed, {me().cancelling()}"


async def _cancelled_from_a_callback_before_adoption() -> None:
    asyncio.get_running_loop().call_soon(me().cancel, "early")
    await asyncio.sleep(1)


async def _cancelled_while_the_future_is_done() -> str:
    loop = asyncio.get_running_loop()
    waits = loop.create_future()
    loop.call_soon(waits.set_result, 1)
    loop.call_soon(me().cancel, "after")
    try:
        await waits
    except asyncio.CancelledError as error:
        return f"cancelled {error} {waits.cancelled()}"
    return "got it"


async def _cancelled_in_a_bare_yield() -> str:
    asyncio.get_running_loop().call_soon(me().cancel, "bare")
    try:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        return "in a bare yield"
    return "went on"


async def _raises_at_once() -> None:
    raise LookupError("at once")


async def _raises_after_a_wait() -> None:
    await asyncio.sleep(0.001)
    raise LookupError("later")


async def _raises_stop_iteration() -> None:
    raise StopIteration("not allowed")


async def _raises_stop_iteration_later() -> None:
    await asyncio.sleep(0)
    raise StopIteration("not allowed")


async def _raises_stop_async_iteration() -> None:
    await asyncio.sleep(0)
    raise StopAsyncIteration("not allowed")


async def _raises_generator_exit() -> None:
    raise GeneratorExit("odd")


async def _raises_generator_exit_later() -> None:
    await asyncio.sleep(0)
    raise GeneratorExit("odd")


async def _raises_cancelled() -> None:
    raise asyncio.CancelledError("by hand")


async def _raises_cancelled_later() -> None:
    await asyncio.sleep(0)
    raise asyncio.CancelledError("by hand")


async def _yields_nonsense() -> None:
    class Nonsense:
        def __await__(self) -> Generator[Any, Any, Any]:
            yield 5

    await Nonsense()


async def _awaits_itself() -> str:
    try:
        await me()
    except RuntimeError:
        return "refused"
    return "no"


async def _awaits_a_failed_future() -> None:
    waits = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(waits.set_exception, LookupError("future"))
    await waits


async def _awaits_a_cancelled_future() -> None:
    waits = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(waits.cancel, "the future")
    await waits


async def _awaits_a_done_future() -> str:
    waits = asyncio.get_running_loop().create_future()
    waits.set_result("done already")
    return await waits


async def _generators() -> str:
    return await generator_based(3)


async def _customs() -> list[str]:
    return [await Custom(2, True), await Custom(0, True), await Custom(1, False)]


async def _async_generators() -> list[int]:
    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(4):
                await asyncio.sleep(0)
                yield number
        finally:
            await asyncio.sleep(0.001)

    found = []
    async with contextlib.aclosing(numbers()) as given_:  # type: ignore[type-var]
        async for number in given_:
            found.append(number)
            if number == 2:
                break
    return found


async def _gather() -> list[int]:
    return await asyncio.gather(asyncio.sleep(0.002, 1), asyncio.sleep(0.001, 2), asyncio.sleep(0, 3))


async def _task_group() -> str:
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(asyncio.sleep(0.001, "a"))
        second = tasks.create_task(asyncio.sleep(0, "b"))
    return first.result() + second.result()


async def _task_group_fails() -> str:
    async def bad() -> None:
        await asyncio.sleep(0.001)
        raise LookupError("child")

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bad())
            tasks.create_task(asyncio.sleep(10))
            await asyncio.sleep(10)
    except ExceptionGroup as group:
        return f"{len(group.exceptions)}, {me().cancelling()}"
    return "no"


async def _task_group_fails_at_once() -> str:
    async def bad() -> None:
        raise LookupError("child")

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bad())
    except ExceptionGroup as group:
        return f"{len(group.exceptions)}, {me().cancelling()}"
    return "no"


async def _shield() -> str:
    inner = asyncio.ensure_future(asyncio.sleep(0.01, "inner"))
    asyncio.get_running_loop().call_later(0.001, me().cancel)
    try:
        await asyncio.shield(inner)
    except asyncio.CancelledError:
        me().uncancel()
    return await inner


async def _locks_and_events() -> str:
    lock, event = asyncio.Lock(), asyncio.Event()
    async with lock:
        asyncio.get_running_loop().call_later(0.001, event.set)
        await event.wait()
    return "both"


async def _awaits_a_future_of_another_loop() -> str:
    other = asyncio.new_event_loop()
    try:
        await other.create_future()
    except RuntimeError as error:
        return str(error).partition("attached")[1]
    finally:
        other.close()
    return "no"


async def _awaits_its_own_task() -> str:
    try:
        await me()
    except RuntimeError:
        return "refused"
    return "no"


class _Yields:
    """An awaitable that yields a future as it is, not from its `__await__`."""

    def __await__(self) -> Generator[Any, Any, str]:
        try:
            yield asyncio.get_running_loop().create_future()
        except RuntimeError as error:
            return str(error).partition(" in ")[0]
        return "no"


async def _yields_a_future_where_it_should_yield_from_it() -> str:
    return await _Yields()


async def _cancels_itself_before_a_long_wait() -> str:
    loop = asyncio.get_running_loop()
    start = loop.time()
    me().cancel()
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        me().uncancel()
        await asyncio.sleep(0.001)
        return "late" if loop.time() - start > 1 else "at once"
    return "no"


async def _executor() -> str:
    return await asyncio.to_thread(lambda: "thread")


PROGRAMS = [
    value for name, value in list(globals().items()) if name.startswith("_") and asyncio.iscoroutinefunction(value)
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__.strip("_"))
def test_a_program_comes_to_the_same_as_in_a_task(program: Program):
    """Result or exception, its message, and the count of cancellations agree; in fresh and in used spares."""
    same(program)


@pytest.mark.parametrize("delay", [None, 0, 0.0005, 0.001, 0.0015, 0.002, 0.004])
@pytest.mark.parametrize("catches", [False, True])
def test_a_cancel_reaches_an_act_wherever_it_waits(delay: float | None, catches: bool):
    """Between the first suspension and the adoption, and at every wait after it, as it reaches a Task."""

    async def program() -> Any:
        loop, log = asyncio.get_running_loop(), []
        if delay is None:
            loop.call_soon(me().cancel, "now")
        else:
            loop.call_later(delay, me().cancel, "later")
        for pause in (0.001, 0, 0.001, 0, 0, 0.001):
            try:
                await asyncio.sleep(pause)
                log.append("waited")
            except asyncio.CancelledError as error:
                log.append(f"cancelled {error}")
                if not catches:
                    raise
                me().uncancel()
        return [*log, me().cancelling()]

    outcome = same(program)
    if catches:
        assert "cancelled" in str(outcome) or delay == 0.004


def test_a_cancel_meant_for_one_act_never_reaches_the_next():
    """An act cancels its task, even takes it back, and returns; the next acts wait undisturbed."""

    async def cancels() -> None:
        me().cancel()

    async def takes_back() -> None:
        me().cancel()
        me().uncancel()

    async def late() -> None:
        await asyncio.sleep(0.001)
        me().cancel()

    async def late_and_back() -> None:
        await asyncio.sleep(0.001)
        me().cancel()
        me().uncancel()

    async def timed_out_of_reach() -> None:
        async with asyncio.timeout(0):
            pass

    async def patient() -> str:
        assert me().cancelling() == 0
        await asyncio.sleep(0.001)
        await asyncio.sleep(0)
        return "undisturbed"

    async def program() -> None:
        async with steps() as made:
            for _ in range(3):
                for disturb in (cancels, takes_back, late, late_and_back, timed_out_of_reach):
                    assert (await made.run(disturb()))[1] is None
                    assert await made.run(patient()) == ("undisturbed", None), disturb.__name__
                    await asyncio.sleep(0.01)
                    assert await made.run(patient()) == ("undisturbed", None), disturb.__name__

    virtually(program())


def test_a_cancel_that_comes_after_an_act_ended_hits_no_other_order():
    """Whoever keeps the task of an act that suspended, and cancels it afterwards, cannot hit another order with it."""

    async def leaves_a_cancel() -> None:
        await asyncio.sleep(0.001)
        asyncio.get_running_loop().call_later(0.001, me().cancel)

    async def patient() -> str:
        await asyncio.sleep(0.005)
        return "undisturbed"

    async def program() -> None:
        async with steps() as made:
            orders = [Process() for _ in range(3)]
            for order in orders:
                assert await made.run(leaves_a_cancel(), order) == (None, None)
                for other in [Process(), *(each for each in orders if each is not order)]:
                    assert ending(*await made.run(patient(), other)) == ("undisturbed", "NoneType", "None")
                assert ending(*await made.run(patient(), order)) == ("undisturbed", "NoneType", "None")

    virtually(program())


def test_each_order_has_contextvars_of_its_own():
    """What one act sets, the order's later acts see, before and after waits; no other order and no caller does."""
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")

    async def act(value: str | None) -> list[str]:
        found = [name.get()]
        if value:
            name.set(value)
        await asyncio.sleep(0.001)
        found.append(name.get())

        async def child() -> str:
            return name.get()

        found.append(await asyncio.create_task(child()))
        return found

    async def quick(value: str) -> str:
        before = name.get()
        name.set(value)
        return before

    async def program() -> None:
        async with steps() as made:
            name.set("the feed")
            first, second = Process(), Process()
            a, b = await asyncio.gather(made.run(act("first"), first), made.run(act("second"), second))
            assert (a, b) == ((["nobody", "first", "first"], None), (["nobody", "second", "second"], None))
            assert await made.run(act(None), first) == (["first", "first", "first"], None)
            assert await made.run(quick("quick"), second) == ("second", None)
            assert await made.run(act(None), second) == (["quick", "quick", "quick"], None)
            assert name.get() == "the feed"

    virtually(program())


def test_an_act_may_be_any_awaitable():
    """Futures, tasks, generator-based coroutines and custom awaitables are stepped as coroutines are."""

    async def program() -> None:
        async with steps() as made:
            loop = asyncio.get_running_loop()
            waits = loop.create_future()
            loop.call_later(0.001, waits.set_result, "future")
            assert await made.run(waits) == ("future", None)
            assert await made.run(waits) == ("future", None)
            assert await made.run(asyncio.create_task(asyncio.sleep(0.001, "task"))) == ("task", None)
            assert await made.run(generator_based(0)) == ("generated", None)
            assert await made.run(generator_based(2)) == ("generated", None)
            assert await made.run(Custom(0, False)) == ("custom", None)
            assert await made.run(Custom(3, True)) == ("from a future", None)
            failed = loop.create_future()
            failed.set_exception(LookupError("failed"))
            _, error = await made.run(failed)
            assert isinstance(error, LookupError)

    virtually(program())


def test_a_hundred_acts_suspended_at_once_do_not_mix():
    """Each gets its own result, whatever the order in which they wait."""

    async def act(number: int) -> int:
        for pause in range(number % 4):
            await asyncio.sleep((number * 7 % 5) * 0.001 * pause)
        return number

    async def program() -> None:
        async with steps() as made:
            for _ in range(4):
                ended = await asyncio.gather(*(made.run(act(number)) for number in range(300)))
                assert ended == [(number, None) for number in range(300)]

    virtually(program())


def test_the_stepper_tells_who_is_inside():
    """Every step after the first is announced with its order and followed by None."""

    async def program() -> None:
        async with steps() as made:

            async def act() -> None:
                for _ in range(3):
                    assert made.inside[-1:] in ([], [process])
                    await asyncio.sleep(0.001)

            process = Process()
            assert await made.run(act(), process) == (None, None)
            assert made.inside == [process, None] * 3

    virtually(program())


# Drawn programs.


class Move(NamedTuple):
    """One thing a drawn program does."""

    name: str
    delay: float = 0.0


MOVES = [
    *(Move("sleep", delay) for delay in (0, 0.001, 0.003)),
    Move("bare"),
    Move("future", 0.001),
    Move("done_future"),
    Move("task", 0.001),
    Move("cancel_self"),
    Move("cancel_self_back"),
    *(Move("cancel_in", delay) for delay in (0.001, 0.002)),
    Move("cancel_soon"),
    *(Move("timeout", delay) for delay in (0, 0.001, 0.005)),
    Move("group", 0.001),
    Move("group_fails", 0.001),
    Move("swallow"),
    Move("uncancel"),
    Move("raise"),
    Move("generator"),
    Move("custom"),
]


async def drawn(moves: tuple[Move, ...], log: list[Any]) -> str:
    """A program of moves; what it sees goes to the log."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    swallowing = False
    for move in moves:
        try:
            log.append((move.name, round((loop.time() - start) * 1e6), me().cancelling()))
            match move.name:
                case "sleep":
                    await asyncio.sleep(move.delay)
                case "bare":
                    await asyncio.sleep(0)
                case "future":
                    waits = loop.create_future()
                    loop.call_later(move.delay, lambda w=waits: w.done() or w.set_result(None))
                    await waits
                case "done_future":
                    waits = loop.create_future()
                    waits.set_result(None)
                    await waits
                case "task":
                    await asyncio.create_task(asyncio.sleep(move.delay))
                case "cancel_self":
                    me().cancel("self")
                case "cancel_self_back":
                    me().cancel("back")
                    me().uncancel()
                case "cancel_in":
                    loop.call_later(move.delay, me().cancel, f"in {move.delay}")
                case "cancel_soon":
                    loop.call_soon(me().cancel, "soon")
                case "timeout":
                    async with asyncio.timeout(move.delay):
                        await asyncio.sleep(0.003)
                case "group":
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(asyncio.sleep(move.delay))
                case "group_fails":
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(failing(move.delay))
                        await asyncio.sleep(0.002)
                case "swallow":
                    swallowing = True
                case "uncancel":
                    me().uncancel()
                case "raise":
                    raise LookupError("drawn")
                case "generator":
                    await generator_based(2)
                case "custom":
                    await Custom(1, True)
        except asyncio.CancelledError as error:
            log.append(("cancelled", str(error), me().cancelling()))
            if not swallowing:
                raise
        except (TimeoutError, ExceptionGroup) as error:
            log.append((type(error).__name__, me().cancelling()))
    return f"end, {me().cancelling()}"


async def failing(delay: float) -> None:
    await asyncio.sleep(delay)
    raise LookupError("child")


async def compared(moves: tuple[Move, ...], used: bool) -> None:
    """Run it stepped, in a fresh spare or the order's own, and as a Task: what each sees must agree."""
    async with steps() as made:
        order = Process()
        if used:
            assert await made.run(asyncio.sleep(0.001), order) == (None, None)
            assert await made.run(asyncio.sleep(0), Process()) == (None, None)
        stepped_log: list[Any] = []
        result, error = await made.run(drawn(moves, stepped_log), order)
        await asyncio.sleep(0.01)  # cancels that come too late are for nobody

        async def patient() -> str:
            await asyncio.sleep(0.01)
            return "undisturbed"

        assert await made.run(patient(), order) == ("undisturbed", None)
        assert await made.run(patient()) == ("undisturbed", None)
    task_log: list[Any] = []
    expected = await in_a_task(lambda: drawn(moves, task_log))
    await asyncio.sleep(0.01)
    # Adoption takes one pass of the loop. Of several cancels within it a Task may tell another, or one more, apart.
    cancels = sum(move.name.startswith("cancel") or move == Move("timeout", 0) for move in moves)
    if cancels <= 1:
        assert ending(result, error) == expected
        assert stepped_log == task_log


programs = st.lists(st.sampled_from(MOVES), max_size=8).map(tuple)


@settings(steady, max_examples=500)
@given(programs, st.booleans())
def test_a_drawn_program_comes_to_the_same_as_in_a_task(moves: tuple[Move, ...], used: bool):
    """Small programs of waits, cancels, timeouts and groups: same sights, same end."""
    virtually(compared(moves, used))


@pytest.mark.parametrize("seed", range(4))
def test_longer_drawn_programs_come_to_the_same_as_in_a_task(seed: int):
    """Longer ones, without shrinking."""
    chance = seeded(seed)
    for _ in range(150):
        moves = tuple(chance.choice(MOVES) for _ in range(chance.randrange(5, 25)))
        virtually(compared(moves, chance.random() < 0.5))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(20))
def test_longer_drawn_programs_come_to_the_same_at_length(seed: int):
    """The same, many times over."""
    chance = seeded(f"nightly {seed}")
    for _ in range(1000):
        moves = tuple(chance.choice(MOVES) for _ in range(chance.randrange(5, 25)))
        virtually(compared(moves, chance.random() < 0.5))


# Libraries that look at the current task, in acts of a whole dispatcher.


def worked(act: Callable[[exo.Update[Any]], Coroutine[Any, Any, Any]], runs: Callable[..., Any]) -> list[exo.Outcome]:
    """Three orders with this act; DONE after it, or FAILED by it."""

    class Delegate:
        def __init__(self, desk: exo.Desk[Wanted]) -> None: ...

        async def act(self, update: exo.Update[Wanted]) -> exo.Next:
            await act(update)
            return exo.DONE

        def clean_up(self) -> None: ...

    async def program() -> list[exo.Outcome]:
        async with exo.Dispatcher(Delegate, hog_s=None) as d:
            for number in range(3):
                d.submit(wanted(f"o{number}"))
            await d.all_ended()
            return [o for number in range(3) if (o := d.outcome(f"o{number}"))]

    outcomes: list[exo.Outcome] = runs(program())
    assert [outcome.error for outcome in outcomes] == [""] * 3, outcomes[0].traceback
    return outcomes


def test_anyio_scopes_and_groups_work_in_acts():
    """Cancel scopes - also one that is cancelled at once - time limits and task groups."""
    anyio = pytest.importorskip("anyio")

    async def act(update: exo.Update[Any]) -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.sleep(10)
        assert scope.cancelled_caught
        with anyio.move_on_after(0) as scope:
            await anyio.sleep(10)
        assert scope.cancelled_caught
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep(10)
        assert scope.cancelled_caught
        with pytest.raises(TimeoutError), anyio.fail_after(0.001):
            await anyio.sleep_forever()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0.001)
            tasks.start_soon(anyio.sleep, 0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            tasks.cancel_scope.cancel()
        await anyio.lowlevel.checkpoint()
        assert anyio.get_current_task().id == id(me())
        me_before = me()
        assert await anyio.to_thread.run_sync(lambda: 5) == 5
        assert me() is me_before

    worked(act, live)


def test_anyio_scopes_work_in_acts_in_virtual_time():
    """The same without threads, where every order of events is the same every time."""
    anyio = pytest.importorskip("anyio")

    async def act(update: exo.Update[Any]) -> None:
        for _ in range(3):
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anyio.sleep(10)
            assert scope.cancelled_caught
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(anyio.sleep, 0.001)

    worked(act, virtually)


def test_aiohttp_works_in_acts():
    """A client session and its timeouts, against a server on this machine."""
    aiohttp = pytest.importorskip("aiohttp")
    from aiohttp import web

    async def program() -> list[exo.Outcome | None]:
        async def hello(request: web.Request) -> web.Response:
            if "slow" in request.query:
                await asyncio.sleep(5)
            return web.Response(text="hello")

        app = web.Application()
        app.router.add_get("/", hello)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]

        class Asking:
            def __init__(self, desk: exo.Desk[Wanted]) -> None:
                self.session: Any = None

            async def act(self, update: exo.Update[Wanted]) -> exo.Next:
                self.session = self.session or aiohttp.ClientSession()
                async with self.session.get(f"http://127.0.0.1:{port}/") as response:
                    assert await response.text() == "hello"
                with pytest.raises(asyncio.TimeoutError):
                    limit = aiohttp.ClientTimeout(total=0.02)
                    async with self.session.get(f"http://127.0.0.1:{port}/?slow=1", timeout=limit) as response:
                        await response.text()
                async with asyncio.timeout(5), self.session.get(f"http://127.0.0.1:{port}/") as response:
                    assert response.status == 200
                return exo.DONE

            async def clean_up(self) -> None:
                await self.session.close()

        try:
            async with exo.Dispatcher(Asking, hog_s=None) as d:
                for number in range(5):
                    d.submit(wanted(f"o{number}"))
                await d.all_ended()
                outcomes = [d.outcome(f"o{number}") for number in range(5)]
        finally:
            await runner.cleanup()
        return outcomes

    outcomes = live(program())
    assert [outcome and outcome.error for outcome in outcomes] == [""] * 5


def test_an_act_after_a_cancel_that_came_for_nobody_runs_to_its_end():
    """Whoever kept the task of an ended act cancels it: the next act of the order, in the same pass, has another."""

    async def program() -> None:
        async with steps() as made:
            kept: list[asyncio.Task[Any]] = []
            order = Process()

            async def act() -> str:
                kept.append(me())
                await asyncio.sleep(0.01)
                return "whole"

            assert await made.run(act(), order) == ("whole", None)
            await asyncio.sleep(0)
            kept[0].cancel()
            assert await made.run(act(), order) == ("whole", None)
            assert kept[0] is not kept[1]
            assert kept[0].cancelled()

    virtually(program())


def test_an_act_that_suspends_costs_no_step_of_its_task_before_it_goes_on():
    """What it waits for wakes the task itself; a bare yield goes on in the loop's next pass, as in any task."""

    async def program() -> None:
        async with steps() as made:
            loop = asyncio.get_running_loop()
            order, log = Process(), []

            async def act() -> None:
                await asyncio.sleep(0)
                log.append("act")

            await made.run(act(), order)  # from now on it has a task, which waits
            log.clear()
            made.ended[order] = loop.create_future()
            made.step(order, act())
            for number in range(2):
                loop.call_soon(log.append, number)
                await asyncio.sleep(0)
            assert log == ["act", 0, 1]

    virtually(program())


@pytest.mark.parametrize("on", [virtually, live])
@pytest.mark.parametrize("program", [_awaits_its_own_task, _cancels_itself_before_a_long_wait])
def test_a_task_that_other_acts_have_waited_in_treats_the_next_as_a_fresh_one_would(program: Program, on: Any):
    """Its park has stood for a future before, and waits again; on a loop whose tasks are asyncio's own, too."""

    async def run() -> Ending:
        async with steps() as made:
            order, loop = Process(), asyncio.get_running_loop()

            async def act() -> None:
                future = loop.create_future()
                loop.call_soon(future.set_result, None)
                await future

            for _ in range(3):
                await made.run(act(), order)
                await asyncio.sleep(0)
            return ending(*await made.run(program(), order))

    assert on(run()) == on(in_a_task(program))
