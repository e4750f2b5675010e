"""Stepping: how an awaitable is run inline as far as it goes, and only then becomes a Task.

Making a Task per call would cost more than all the rest of a delivery. So an `async def act` is stepped right where it
was called, but under the identity of a *spare* Task that has been made before and waits: `_enter_task`/`_leave_task`,
which asyncio documents for task implementations of third parties, make it the current one, so `current_task()`,
`asyncio.timeout()`, task groups and anyio find what they need. An act that returns without suspending leaves the spare
as it was. When it suspends, the spare adopts it:

    act ──send──▶ yields a future ──▶ the spare wakes, yields the same future to its Task, which waits for it
                                      and from then on steps the act like any coroutine

An order whose act has suspended keeps its spare, as the task of all its later acts; the others share one. Every step
runs in the order's own contextvars context, so no act sees the feed's or another's.

Races: a cancel can reach the spare while its act runs inline (an act cancelling itself) or between the first suspension
and the adoption (a timeout). The future the spare waits for then refuses to be cancelled, so the Task remembers the
cancel and throws it in at its next step, where `throw` passes it on to what the act waits for. If the act has returned
by then, the cancel was meant for nobody: the spare ends and a new one is made. A cancel that comes later, from whoever
kept the task beyond its act, ends an idle spare or hits a later act of the same order - of another order only if the
act it was kept by has never suspended.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import FrameType

    from exo.run.process import OrderProcess

    Finished = Callable[[OrderProcess[Any], Any, BaseException | None], None]
    Entered = Callable[[OrderProcess[Any] | None], None]

SUSPENDED: Final = object()
_NOTHING: Final = object()


class Stepper:
    """Steps the awaitables of all orders of one dispatcher; `finished` hears of those that suspended and then ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, entered: Entered, finished: Finished) -> None:
        self._loop = loop
        self._base = contextvars.copy_context()
        self._shared: Spare | None = None
        self.entered = entered
        self.finished = finished
        self.running: dict[OrderProcess[Any], asyncio.Task[None]] = {}
        self.spares: set[Spare] = set()

    def step(self, process: OrderProcess[Any], awaitable: Awaitable[Any]) -> Any:
        """Run an awaitable as far as it goes: its result, or SUSPENDED; what it raises passes through.

        There must be no current task.
        """
        loop = self._loop
        coro: Any = awaitable
        if type(coro) is not CoroutineType and not isinstance(coro, Coroutine):
            coro = _awaited(awaitable)
        context = process.context
        if context is None:
            context = process.context = self._base.copy()
        spare = process.spare
        if spare is None:
            spare = self._shared
            if spare is None or not spare.idle:
                spare = self._shared = Spare(self, loop)
        elif not spare.idle:
            spare = Spare(self, loop)
        task = spare.task
        _enter_task(loop, task)
        spare.idle = False
        try:
            waits_for = context.run(coro.send, None)
        except StopIteration as stop:
            if spare.parked:
                spare.idle = True
            else:
                spare.give_back()
            return stop.value
        except BaseException:
            spare.give_back()
            raise
        finally:
            _leave_task(loop, task)
        if self._shared is spare:
            self._shared = None
        process.spare = spare
        self.running[process] = task
        spare.adopt(process, coro, waits_for)
        return SUSPENDED

    def close(self) -> list[asyncio.Task[None]]:
        """Let the idle spares end; these are their tasks."""
        for spare in self.spares:
            if spare.idle:
                spare.end()
        return [spare.task for spare in self.spares if not spare.busy]


class _Park(asyncio.Future[None]):
    """What a spare waits for; a cancel wakes it only while it is idle, not while it lends itself to an act."""

    def __init__(self, spare: Spare, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._spare = spare

    def cancel(self, msg: Any | None = None) -> bool:
        idle, self._spare.idle = self._spare.idle, False
        self._spare.parked = False
        return idle and super().cancel(msg)


class Spare(Coroutine[Any, Any, None]):
    """The coroutine of a spare Task: first it waits in its park, then it is the act it adopted, then it waits again.

    `idle` while it waits for an act; one that is not, and has none, has ended. `parked` while its Task waits in the
    park, where every cancel shows, and none has come.
    """

    __slots__ = ("_coro", "_first", "_park", "_process", "_stepper", "idle", "parked", "task")

    def __init__(self, stepper: Stepper, loop: asyncio.AbstractEventLoop) -> None:
        self._stepper = stepper
        self._process: OrderProcess[Any] | None = None
        self._coro: Coroutine[Any, Any, Any] | None = None
        self._first: Any = _NOTHING
        self._park = _Park(self, loop)
        self.idle = True
        self.parked = False
        self.task = loop.create_task(self, name="exo.act", context=contextvars.Context())
        stepper.spares.add(self)

    @property
    def busy(self) -> bool:
        """Whether it has adopted an act that has not ended."""
        return self._coro is not None

    def give_back(self) -> None:
        """Wait for the next act, unless a cancel sticks to the task, which `uncancel` alone does not undo."""
        task: Any = self.task
        if task.cancelling() or task._must_cancel:
            self.end()
        else:
            self.idle = True

    def end(self) -> None:
        """Let the task end."""
        self.idle = False
        self._park.set_result(None)

    def adopt(self, process: OrderProcess[Any], coro: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        """Go on with an act that has suspended on `waits_for`."""
        self._process, self._coro, self._first = process, coro, waits_for
        self.parked = False
        self._park.set_result(None)

    def send(self, value: Any) -> Any:
        """One step of the Task: park, hand on what the act first waited for, or step the act."""
        if self._coro is None:
            return self._end_or_park()
        if self._first is not _NOTHING:
            first, self._first = self._first, _NOTHING
            return first
        return self._step(self._coro.send, value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        """One step of the Task that throws, a cancel as a rule."""
        error = typ if isinstance(typ, BaseException) else val if val is not None else typ()
        if self._coro is None:
            self._gone()
            raise error
        first, self._first = self._first, _NOTHING
        if isinstance(first, asyncio.Future):
            if isinstance(error, asyncio.CancelledError) and first.cancel(*error.args[:1]):
                return first
            first._asyncio_future_blocking = False
        return self._step(self._coro.throw, error)

    def close(self) -> None:
        """Close the act too."""
        if self._coro is not None:
            self._coro.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise TypeError("only a Task runs this")

    @property
    def cr_frame(self) -> FrameType | None:
        """Where the act is, for whoever prints the Task's stack."""
        return getattr(self._coro, "cr_frame", None)

    def _end_or_park(self) -> Any:
        if self._park.done():
            self._gone()
            raise StopIteration
        self._park._asyncio_future_blocking = True
        self.parked = True
        return self._park

    def _gone(self) -> None:
        self.idle = False
        self._stepper.spares.discard(self)

    def _step(self, step: Callable[[Any], Any], value: Any) -> Any:
        process = self._process
        assert process is not None and process.context is not None
        stepper = self._stepper
        result, error = None, None
        stepper.entered(process)
        try:
            waits_for = process.context.run(step, value)
            stepper.entered(None)
            return waits_for
        except StopIteration as stop:
            result = stop.value
        except BaseException as raised:
            error = raised
        stepper.entered(None)
        self._process = self._coro = None
        del stepper.running[process]
        self._park = _Park(self, self.task.get_loop())
        self.give_back()
        stepper.finished(process, result, error)
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            self._gone()
            self.task.add_done_callback(asyncio.Task.exception)  # it is raised, and so need not be told of again
            raise error
        return self._end_or_park()


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
