"""Virtual time: stock asyncio programs, run as fast as they compute and the same way every time.

Time stands still while anything is ready to run. When everything waits it jumps to the next timer. Timers that fall
due together fire in the order they were set, and tasks hash by number, so that the sets asyncio keeps of them have
the same order in every process.

What virtual time can wait for are timers and jobs in executors (`asyncio.to_thread`, `loop.run_in_executor`): while a
job is outstanding the loop waits for it in real time. It cannot wait for sockets, subprocesses, or a thread of one's
own that calls `loop.call_soon_threadsafe`: nothing tells the loop that they will come. A job must not itself wait for
virtual time to pass, and what several jobs report at once arrives in the order their threads happen to finish.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import os
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from functools import partial
from types import CoroutineType, FrameType
from typing import Any, Final, TypeVar, TypeVarTuple, overload

from exo.errors import ExoError
from exo.flow.clock import VIRTUAL_START_NS, VirtualClock, running_loop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_S = 1_000_000_000
_PLUMBING = tuple(os.path.dirname(file) + os.sep for file in (asyncio.__file__, __file__))


class NothingDue(ExoError):
    """Everything waits and nothing will come: in real time this program would hang.

    `waiting` has the name of each task and the place (`file:line`) where it waits, in the order they were created.
    """

    def __init__(self, waiting: tuple[tuple[str, str], ...]) -> None:
        super().__init__(waiting)
        self.waiting = waiting

    def __str__(self) -> str:
        named = "; ".join(f"{name} at {where}" for name, where in self.waiting[:10])
        more = f"; and {len(self.waiting) - 10} more" if len(self.waiting) > 10 else ""
        return f"everything waits and no timer or job is outstanding, so nothing can happen any more: {named}{more}"


@overload
def run_virtually(coro: Coroutine[Any, Any, T], *, until_s: None = None, start_ns: int = VIRTUAL_START_NS) -> T: ...
@overload
def run_virtually(
    coro: Coroutine[Any, Any, T], *, until_s: float | None, start_ns: int = VIRTUAL_START_NS
) -> T | None: ...
def run_virtually(
    coro: Coroutine[Any, Any, T], *, until_s: float | None = None, start_ns: int = VIRTUAL_START_NS
) -> T | None:
    """Run a program as `asyncio.run` does, but in virtual time.

    `until_s` after its start the program is cancelled, cleans up, and the result is None. `start_ns` is the time at
    its start, in nanoseconds since the Unix epoch. Raises `NothingDue` when the program can never go on.
    """
    if not asyncio.iscoroutine(coro):
        raise ValueError(f"a coroutine was expected, got {coro!r}")
    try:
        if running_loop() is not None:
            raise RuntimeError("run_virtually() cannot be called from a running event loop")
        with asyncio.Runner(loop_factory=partial(VirtualLoop, start_ns)) as runner:
            return runner.run(coro if until_s is None else _until(coro, until_s))
    finally:
        coro.close()  # it may never have begun


async def _until(coro: Coroutine[Any, Any, T], until_s: float) -> T | None:
    program = asyncio.current_task()
    assert program is not None
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True
        program.cancel()

    timer = asyncio.get_running_loop().call_at(until_s, end)
    try:
        result = await coro
    except asyncio.CancelledError:
        if not ended:
            raise
    finally:
        timer.cancel()
    return None if ended else result


_EXACT_NS: Final = 24 * 86_400 * _S


def _whole_ns(seconds: float) -> float:
    """So many seconds in whole nanoseconds, up; infinity as it is.

    Two floats added are up to two steps too high: without these 0.1 s after 0.2 s is a nanosecond late.
    """
    return math.ceil((seconds - 2 * math.ulp(seconds)) * _S) if math.isfinite(seconds) else math.inf


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is its `clock`, which moves on when nothing else is to be done.

    The clock's whole nanoseconds are the truth: `time()` is their number since the start as seconds, from 0.0, and a
    timer falls due at a whole nanosecond. Floats hold that exactly for the first 24 days; later timers are as exact
    as a float is, some nanoseconds late and never early. A program may advance the clock itself; what falls due by that
    fires next.
    """

    # BaseEventLoop's own: what is to be called now, the heap of timers, how far ahead of time() it fires them, and
    # where jobs run.
    _ready: deque[asyncio.Handle]
    _scheduled: list[_Timer]
    _clock_resolution: float
    _default_executor: ThreadPoolExecutor | None

    def __init__(self, start_ns: int = VIRTUAL_START_NS) -> None:
        super().__init__(_Selector(self))
        self.clock = VirtualClock(start_ns)
        self._start_ns = start_ns
        self._timer_serials = itertools.count(1)
        self._task_serials = itertools.count(1)
        self._jobs = 0

    def time(self) -> float:
        """Virtual seconds since the start."""
        return (self.clock.now_ns() - self._start_ns) / _S

    @property
    def ready(self) -> bool:
        """Whether anything else is to be done now, before time may pass."""
        return bool(self._ready)

    def skip_to(self, ns: int) -> bool:
        """Make it `ns` now if nothing can happen until then; answers whether it did, else whoever asks must wait.

        A program that plays a long tape saves a timer for each of its events by this.
        """
        if (
            ns < self.clock.now_ns()
            or self._ready
            or self._jobs
            or (self._scheduled and self._scheduled[0].due_ns <= ns - self._start_ns)
        ):
            return False
        self.clock.advance_to(ns)
        return True

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back at `when`, or at the next nanosecond if that is now but for the rounding; at infinity, never."""
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        due_ns = _whole_ns(when)
        if math.isfinite(when) and when > self.time():  # a wait must move time on: programs wait in loops
            due_ns = max(due_ns, self.clock.now_ns() - self._start_ns + 1)
        return self._set(due_ns, callback, args, context)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back after `delay`, from the clock's own nanoseconds: in years the loop's float has no room for them."""
        if delay is None:
            raise TypeError("delay must not be None")
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        wait_ns = _whole_ns(delay)
        passed_ns = self.clock.now_ns() - self._start_ns
        return self._set(passed_ns + (max(wait_ns, 1) if delay > 0 else wait_ns), callback, args, context)

    def _set(
        self, due_ns: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> asyncio.TimerHandle:
        passed_ns = self.clock.now_ns() - self._start_ns
        if passed_ns > _EXACT_NS and due_ns > passed_ns:
            # The loop compares floats: one that is the same as now would fire now, and whoever sets it anew would spin.
            due_ns = max(due_ns, math.ceil(math.nextafter(self.time(), math.inf) * _S))
        timer = _Timer(due_ns, next(self._timer_serials), callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def create_task(
        self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], *, name: object = None, **options: Any
    ) -> asyncio.Task[T]:
        """Start a task; without a name it is called after its number, which counts from 1 in each loop."""
        if self.get_task_factory() is not None:
            return super().create_task(coro, name=name, **options)
        serial = next(self._task_serials)
        return _Task(coro, serial, loop=self, name=f"Task-{serial}" if name is None else str(name), **options)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run a job in a thread or process; virtual time stands still until it has ended, cancelled or not."""
        if executor is None and self._default_executor is None:
            self.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))
        where = executor or self._default_executor
        assert where is not None
        job = where.submit(func, *args)
        future = asyncio.wrap_future(job, loop=self)
        self._jobs += 1
        # After wrap_future's own callback, so that the result is in before time may move.
        job.add_done_callback(self._job_ended)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Wait for the threads to end; virtual time stands still meanwhile, so no `timeout` can pass."""
        self._jobs += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._jobs -= 1

    def _job_ended(self, _: Future[Any]) -> None:
        with suppress(RuntimeError):  # in the job's thread: the loop may have been closed
            self.call_soon_threadsafe(self._count_down)

    def _count_down(self) -> None:
        self._jobs -= 1

    def _jump(self) -> None:
        if not self._scheduled or math.isinf(due_ns := self._scheduled[0].due_ns):
            tasks = sorted(asyncio.all_tasks(self), key=hash)
            raise NothingDue(tuple((task.get_name(), _place(task)) for task in tasks))
        self.clock.advance_to(self._start_ns + int(due_ns))


class _Selector(selectors.DefaultSelector):
    """A selector that moves virtual time on where it would block."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        events = super().select(0)
        if not events and (timeout is None or timeout > 0):
            if loop._jobs:
                events = super().select(None)
            else:
                loop._jump()
        # The loop fires timers before time() + resolution: one step of the float makes that all up to time().
        loop._clock_resolution = math.ulp(loop.time())
        return events


class _Timer(asyncio.TimerHandle):
    """A timer that is due at a whole nanosecond since the start, before others that were set later."""

    __slots__ = ("due_ns", "serial")
    _scheduled: bool

    def __init__(
        self,
        due_ns: float,
        serial: int,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        super().__init__(due_ns / _S, callback, args, loop, context)
        self.due_ns = due_ns
        self.serial = serial

    def __lt__(self, other: object) -> bool:
        assert isinstance(other, _Timer)
        return (self.due_ns, self.serial) < (other.due_ns, other.serial)


class _Task(asyncio.Task[T]):
    """A task that hashes by number: asyncio keeps tasks in sets and cancels them in the sets' order."""

    def __init__(self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], serial: int, **options: Any) -> None:
        self._serial = serial  # first: the constructor puts the task in a set
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._serial


def _place(task: asyncio.Task[Any]) -> str:
    """Where a task waits: its innermost line outside asyncio and this package."""
    frames: list[FrameType] = []
    waiting: object = task.get_coro()
    while isinstance(waiting, CoroutineType):
        if waiting.cr_frame is not None:
            frames.append(waiting.cr_frame)
        waiting = waiting.cr_await
    frames.reverse()
    own = (frame for frame in frames if not frame.f_code.co_filename.startswith(_PLUMBING))
    frame = next(own, frames[0] if frames else None)
    return "an unknown place" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
