"""Stock asyncio programs in virtual time."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exo.flow import VIRTUAL_START_NS, NothingDue, current_clock, run_virtually

S = 1_000_000_000


def elapsed_ns() -> int:
    return current_clock().now_ns() - VIRTUAL_START_NS


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_an_hour_takes_milliseconds():
    """Time jumps from timer to timer."""

    async def program() -> str:
        await asyncio.sleep(3600)
        return f"{now_s()}"

    started_s = time.monotonic()
    assert run_virtually(program()) == "3600.0"
    assert time.monotonic() - started_s < 5


def test_ten_days_are_no_longer_than_a_second():
    """A stock loop waits a day at a time at most."""

    async def program() -> int:
        await asyncio.sleep(864_000)
        return elapsed_ns()

    assert run_virtually(program()) == 864_000 * S


def test_time_starts_at_zero_and_where_told():
    """The loop counts from the start, the clock from the epoch."""

    async def program() -> tuple[float, int]:
        return now_s(), current_clock().now_ns()

    assert run_virtually(program()) == (0.0, VIRTUAL_START_NS)
    assert run_virtually(program(), start_ns=42) == (0.0, 42)


def test_many_sleeps_do_not_drift():
    """0.1 has no exact float, yet a thousand of them are 100 s to the nanosecond."""

    async def program() -> int:
        for _ in range(1000):
            await asyncio.sleep(0.1)
        return elapsed_ns()

    assert run_virtually(program()) == 100 * S


@given(st.lists(st.floats(0, 1e6), max_size=8), st.floats(0, 1e10))
@settings(max_examples=60, deadline=None)
def test_a_timer_fires_at_its_nanosecond_and_in_order(delays_s: list[float], start_s: float):
    """However far from the start and however floats round: none is lost, early beyond rounding, or out of order."""

    async def program() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(start_s)
        fired: list[tuple[float, float]] = []
        asked_s = [loop.time() + delay_s for delay_s in delays_s]
        timers = [loop.call_at(when, lambda when=when: fired.append((loop.time(), when))) for when in asked_s]
        await asyncio.sleep(max(delays_s, default=0))
        await asyncio.sleep(1e-6)
        assert sorted(when for _, when in fired) == sorted(asked_s)
        assert fired == sorted(fired, key=lambda pair: pair[0])
        for timer, when in zip(timers, asked_s, strict=True):
            assert -3 * math.ulp(when) <= timer.when() - when <= 1e-9 + math.ulp(when)
        for time_s, when in fired:
            assert -3 * math.ulp(when) <= time_s - when <= 1e-9 + math.ulp(when)

    run_virtually(program())


def test_timers_that_fall_due_together_fire_in_the_order_they_were_set():
    """A heap alone would shuffle them."""

    async def program() -> list[int]:
        fired: list[int] = []
        for number in range(50):
            asyncio.get_running_loop().call_later(1, fired.append, number)
        await asyncio.sleep(1)
        await asyncio.sleep(0)
        return fired

    assert run_virtually(program()) == list(range(50))


def test_waiting_for_less_than_a_nanosecond_moves_time_on():
    """A loop that waits for the rest of its time ends."""

    async def program() -> float:
        deadline_s = 0.1 + 0.2
        await asyncio.sleep(0.3)
        while (rest_s := deadline_s - now_s()) > 0:
            await asyncio.sleep(rest_s)
        return now_s()

    assert run_virtually(program()) == pytest.approx(0.3, abs=2e-9)


def test_a_cancelled_timer_does_not_move_time():
    """Time goes to the next that stands."""

    async def program() -> float:
        asyncio.get_running_loop().call_later(5, print).cancel()
        await asyncio.sleep(7)
        return now_s()

    assert run_virtually(program()) == 7


def test_a_program_may_advance_the_clock_itself():
    """What falls due by that fires next, in order."""

    async def program() -> list[str]:
        loop = asyncio.get_running_loop()
        fired: list[str] = []
        loop.call_later(2, lambda: fired.append(f"late at {loop.time()}"))
        loop.call_later(1, lambda: fired.append(f"early at {loop.time()}"))
        loop.call_later(3, lambda: fired.append(f"next at {loop.time()}"))
        current_clock().advance_to(VIRTUAL_START_NS + 2 * S)  # type: ignore[attr-defined]
        await asyncio.sleep(1)
        await asyncio.sleep(0)
        return fired

    assert run_virtually(program()) == ["early at 2.0", "late at 2.0", "next at 3.0"]


def test_timeouts_groups_and_queues_work():
    """The program is stock asyncio and times itself exactly."""

    async def program() -> list[str]:
        seen: list[str] = []
        queue: asyncio.Queue[int] = asyncio.Queue(maxsize=1)

        async def produce() -> None:
            for item in range(3):
                await asyncio.sleep(10)
                await queue.put(item)

        async def consume() -> None:
            try:
                async with asyncio.timeout(25):
                    while True:
                        seen.append(f"{await queue.get()} at {now_s()}")
            except TimeoutError:
                seen.append(f"enough at {now_s()}")

        async with asyncio.TaskGroup() as group:
            group.create_task(produce())
            group.create_task(consume())
        return seen

    assert run_virtually(program()) == ["0 at 10.0", "1 at 20.0", "enough at 25.0"]


def test_an_exception_ends_the_program():
    """And cleans up after it, as asyncio.run does."""
    ended: list[str] = []

    async def background() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("background")

    async def program() -> None:
        task = asyncio.create_task(background())
        await asyncio.sleep(1)
        raise KeyError(task.get_name())

    with pytest.raises(KeyError, match="Task-2"):
        run_virtually(program())
    assert ended == ["background"]


def test_at_its_end_a_program_is_cancelled_and_cleans_up():
    """Its clean-up may take time; the result is None."""
    seen: list[float] = []

    async def program() -> int:
        try:
            while True:
                seen.append(now_s())
                await asyncio.sleep(4)
        finally:
            await asyncio.sleep(100)
            seen.append(now_s())

    assert run_virtually(program(), until_s=10) is None
    assert seen == [0, 4, 8, 110]


def test_a_program_that_ends_in_time_has_its_result():
    """Its own cancellation and timeout are its own too."""

    async def program(problem: type[BaseException] | None) -> int:
        await asyncio.sleep(4)
        if problem:
            raise problem
        return 7

    assert run_virtually(program(None), until_s=10) == 7
    for problem in (asyncio.CancelledError, TimeoutError):
        with pytest.raises(problem):
            run_virtually(program(problem), until_s=10)


def test_a_program_that_swallows_its_end_has_no_result():
    """None always means that it was cut off."""

    async def program() -> int:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return 7
        return 8

    assert run_virtually(program(), until_s=10) is None


async def stuck() -> None:
    await asyncio.Event().wait()  # here it waits


def test_a_program_that_can_never_go_on_is_told_where_it_waits():
    """Each task has its name and line, in the order of creation, and is cancelled."""
    ended: list[str] = []

    async def named() -> None:
        try:
            await stuck()
        finally:
            ended.append("named")

    async def program() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(named(), name="feed")
            group.create_task(asyncio.Queue[int]().get())

    with pytest.raises(NothingDue) as caught:
        run_virtually(program())
    lines = Path(__file__).read_text().splitlines()
    here = next(number for number, line in enumerate(lines, 1) if line.endswith("# here it waits"))
    (main, _), (feed, place), (third, library) = caught.value.waiting
    assert (main, feed, third) == ("Task-1", "feed", "Task-3")
    assert place == f"{__file__}:{here}"
    assert Path(library.rpartition(":")[0]).name == "queues.py"
    assert f"feed at {place}; Task-3 at " in str(caught.value)
    assert ended == ["named"]


def test_a_sleep_for_ever_is_never_due():
    """So nothing is."""
    with pytest.raises(NothingDue):
        run_virtually(asyncio.sleep(math.inf))


def test_a_long_list_of_the_waiting_is_cut():
    """The error has them all, its sentence ten."""
    error = NothingDue(tuple((f"Task-{number}", "x.py:1") for number in range(25)))
    assert str(error).endswith("Task-9 at x.py:1; and 15 more")


def test_what_falls_due_later_is_waited_for_when_others_wait_for_ever():
    """Until the end, if there is one."""

    async def program() -> None:
        await stuck()

    assert run_virtually(program(), until_s=1e6) is None


def test_time_stands_still_while_a_job_runs_in_a_thread():
    """The loop waits for it in real time, though a timer is due at once."""

    async def program() -> tuple[str, float]:
        timer = asyncio.create_task(asyncio.sleep(1e-9))
        result = await asyncio.to_thread(lambda: time.sleep(0.005) or "done")
        assert not timer.done()
        await timer
        return result, now_s()

    assert run_virtually(program()) == ("done", 1e-9)


@pytest.mark.parametrize("own", [False, True], ids=["default executor", "own executor"])
def test_a_job_may_call_into_the_loop(own: bool):
    """Its calls arrive at the time it was started, cancelled or not."""

    async def program() -> list[float]:
        loop = asyncio.get_running_loop()
        seen: list[float] = []
        begun = threading.Event()

        def job() -> None:
            begun.set()
            time.sleep(0.005)
            loop.call_soon_threadsafe(lambda: seen.append(loop.time()))

        with ThreadPoolExecutor() as threads:
            await asyncio.sleep(1)
            await loop.run_in_executor(threads if own else None, job)
            begun.clear()
            forgotten = loop.run_in_executor(threads if own else None, job)
            begun.wait(5)  # a job that has not begun is cancelled for good
            forgotten.cancel()
            await asyncio.sleep(1)
        return seen

    assert run_virtually(program()) == [1.0, 1.0]


def test_a_job_that_fails_fails_its_caller():
    """And time goes on."""

    async def program() -> float:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        await asyncio.sleep(1)
        return now_s()

    assert run_virtually(program()) == 1


def test_a_job_still_running_at_the_end_is_waited_for():
    """As asyncio.run does."""
    ended = threading.Event()

    async def program() -> None:
        asyncio.get_running_loop().run_in_executor(None, lambda: time.sleep(0.005) or ended.set())

    run_virtually(program())
    assert ended.is_set()


def test_inside_a_running_loop_it_is_refused():
    """With asyncio's usual error, and no warning about a coroutine never awaited."""

    async def program() -> None:
        run_virtually(stuck())

    with pytest.raises(RuntimeError, match="cannot be called from a running event loop"):
        asyncio.run(program())


def test_what_is_no_coroutine_is_refused():
    """With asyncio's usual error."""
    with pytest.raises(ValueError, match="a coroutine was expected, got 3"):
        run_virtually(3)  # type: ignore[arg-type]


def test_a_closed_loop_takes_no_timer():
    """With asyncio's usual error."""

    async def program() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    with pytest.raises(RuntimeError, match="Event loop is closed"):
        run_virtually(program()).call_later(1, print)


def test_an_interrupt_cancels_the_program():
    """Even while the loop waits for a thread in real time."""
    ended: list[str] = []

    async def program() -> None:
        try:
            await asyncio.to_thread(lambda: time.sleep(0.005) or os.kill(os.getpid(), 2) or time.sleep(0.005))
        finally:
            ended.append("program")

    with pytest.raises(KeyboardInterrupt):
        run_virtually(program())
    assert ended == ["program"]


SCRIPT = """
import asyncio
from exo.flow import NothingDue, current_clock, run_virtually, seeded

random = seeded("tape")

async def work(name):
    try:
        while True:
            await asyncio.sleep(random.random())
            print(name, current_clock().now_ns())
            if random.random() < 0.02:
                raise KeyError(name)
    finally:
        print("end of", name)

async def program():
    stray = [asyncio.create_task(work(f"stray {number}")) for number in range(20)]
    try:
        async with asyncio.TaskGroup() as group:
            for name in {"a", "b", "c"} | set("defgh"):
                group.create_task(asyncio.sleep(1000))
            for number in range(40):
                group.create_task(work(number))
    except* KeyError as failed:
        print([error.args for error in failed.exceptions])
    await asyncio.gather(*stray[:2], asyncio.Event().wait(), return_exceptions=True)

try:
    run_virtually(program(), until_s=10)
    run_virtually(asyncio.Event().wait())
except NothingDue as error:
    print(error)
"""


def test_c15_the_same_program_runs_the_same_in_another_process():
    """Byte for byte, with another hash seed and other addresses, though tasks are cancelled out of sets."""
    outputs = {
        subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            check=True,
            timeout=30,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
    assert b"end of 39" in outputs.pop()


def test_tasks_are_numbered_from_one_in_each_run():
    """A second run in the same process has the same names."""

    async def program() -> list[str]:
        sleeper: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)  # noqa: E731
        tasks = [asyncio.create_task(sleeper()), asyncio.create_task(sleeper(), name="b")]  # type: ignore[arg-type]
        await asyncio.gather(*tasks)
        return [task.get_name() for task in tasks]

    assert run_virtually(program()) == run_virtually(program()) == ["Task-2", "b"]


def test_a_task_factory_is_respected():
    """As in a stock loop."""

    async def program() -> str:
        made: list[str] = []

        def factory(loop: asyncio.AbstractEventLoop, coro: object, **options: object) -> asyncio.Task[object]:
            made.append("task")
            return asyncio.Task(coro, loop=loop, **options)  # type: ignore[arg-type]

        asyncio.get_running_loop().set_task_factory(factory)  # type: ignore[arg-type]
        await asyncio.create_task(asyncio.sleep(1))
        return made[0]

    assert run_virtually(program()) == "task"


@pytest.mark.parametrize("wait_ns", [1, 3, 7, 100, 999_999_999])
def test_a_wait_moves_time_on_after_years_too(wait_ns: int) -> None:
    """A float of so many seconds has no room for single nanoseconds: who waits for some is a little late, and once."""

    async def program() -> int:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(3 * 365 * 86_400)
        due_ns = current_clock().now_ns() + wait_ns
        done = loop.create_future()
        turns = 0

        def look() -> None:
            nonlocal turns
            turns += 1
            left_ns = due_ns - current_clock().now_ns()
            if left_ns > 0 and turns < 10:
                loop.call_later(left_ns / S, look)
            else:
                done.set_result(left_ns)

        look()
        return await done

    assert -32 <= run_virtually(program()) <= 0
