"""Stepping: how an awaitable is run inline as far as it goes, and only then becomes a Task.

Making a Task per call would cost more than all the rest of a delivery. So an `async def act` is stepped right where it
was called, but under the identity of a *spare* Task that has been made before and waits: `_enter_task`/`_leave_task`,
which asyncio documents for task implementations of third parties, make it the current one, so `current_task()`,
`asyncio.timeout()`, task groups and anyio find what they need. An act that returns without suspending leaves the spare
as it was. When it suspends, the spare adopts it:

    act ──send──▶ yields a future ──▶ the spare wakes, yields the same future to its Task, which waits for it
                                      and from then on steps the act like any coroutine

Every step runs in the order's own contextvars context, so no act sees the feed's or another's.

Races: a cancel can reach the spare while its act runs inline (an act cancelling itself) or between the first suspension
and the adoption (a timeout). The future the spare waits for then refuses to be cancelled, so the Task remembers the
cancel and throws it in at its next step, where `throw` passes it on to what the act waits for. If the act has returned
by then, the cancel was meant for nobody: the spare ends and a new one is made.
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
_POOL_SIZE: Final = 256


class Stepper:
    """Steps the awaitables of all orders of one dispatcher; `finished` hears of those that suspended and then ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, entered: Entered, finished: Finished) -> None:
        self._loop = loop
        self._base = contextvars.copy_context()
        self._pool: list[_Spare] = []
        self.entered = entered
        self.finished = finished
        self.running: dict[OrderProcess[Any], asyncio.Task[None]] = {}

    def step(self, process: OrderProcess[Any], awaitable: Awaitable[Any]) -> Any:
        """Run an awaitable as far as it goes: its result, or SUSPENDED; what it raises passes through."""
        loop = self._loop
        coro: Any = awaitable
        if type(coro) is not CoroutineType and not isinstance(coro, Coroutine):
            coro = _awaited(awaitable)
        context = process.context
        if context is None:
            context = process.context = self._base.copy()
        spare = self._pool.pop() if self._pool else _Spare(self, loop)
        task = spare.task
        outer = asyncio.current_task(loop)
        if outer is not None:
            _leave_task(loop, outer)
        _enter_task(loop, task)
        try:
            waits_for = context.run(coro.send, None)
        except StopIteration as stop:
            self.give_back(spare)
            return stop.value
        except BaseException:
            self.give_back(spare)
            raise
        finally:
            _leave_task(loop, task)
            if outer is not None:
                _enter_task(loop, outer)
        self.running[process] = task
        spare.adopt(process, coro, waits_for)
        return SUSPENDED

    def give_back(self, spare: _Spare) -> None:
        """Keep a spare for the next act unless a cancel sticks to it, which `uncancel` alone does not undo."""
        task: Any = spare.task
        if len(self._pool) < _POOL_SIZE and not (task.cancelling() or task._must_cancel):
            self._pool.append(spare)
        else:
            spare.park.set_result(None)

    def forget(self, spare: _Spare) -> bool:
        """Take a spare out of those that wait for an act; answers whether it was one."""
        if spare not in self._pool:
            return False
        self._pool.remove(spare)
        return True

    def close(self) -> None:
        """Let the spares end."""
        spares, self._pool = self._pool, []
        for spare in spares:
            spare.park.set_result(None)


class _Park(asyncio.Future[None]):
    """What a spare waits for; a cancel wakes it only while it waits for an act, not while it lends itself to one."""

    def __init__(self, spare: _Spare, stepper: Stepper, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._spare = spare
        self._stepper = stepper

    def cancel(self, msg: Any | None = None) -> bool:
        return self._stepper.forget(self._spare) and super().cancel(msg)


class _Spare(Coroutine[Any, Any, None]):
    """The coroutine of a spare Task: first it waits in its park, then it is the act it adopted."""

    __slots__ = ("_coro", "_first", "_process", "_stepper", "park", "task")

    def __init__(self, stepper: Stepper, loop: asyncio.AbstractEventLoop) -> None:
        self._stepper = stepper
        self._process: OrderProcess[Any] | None = None
        self._coro: Coroutine[Any, Any, Any] | None = None
        self._first: Any = _NOTHING
        self.park = _Park(self, stepper, loop)
        self.task = loop.create_task(self, name="exo.act", context=contextvars.Context())

    def adopt(self, process: OrderProcess[Any], coro: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        """Go on with an act that has suspended on `waits_for`."""
        self._process, self._coro, self._first = process, coro, waits_for
        self.park.set_result(None)

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
            self._stepper.forget(self)
            raise error
        first, self._first = self._first, _NOTHING
        if isinstance(first, asyncio.Future) and isinstance(error, asyncio.CancelledError) and first.cancel():
            return first
        if isinstance(first, asyncio.Future):
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
        if self.park.done():
            raise StopIteration
        self.park._asyncio_future_blocking = True
        return self.park

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
        stepper.finished(process, result, error)
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
        self.park = _Park(self, stepper, self.task.get_loop())
        stepper.give_back(self)
        return self._end_or_park()


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
