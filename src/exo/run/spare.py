"""Spare: a Task that waits to be what an act runs as, and what it waits in."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import FrameType

    from exo.run.process import OrderProcess
    from exo.run.stepping import Stepper

RETURNED: Final = object()
_NOTHING: Final = object()
_PLAIN: Final = (asyncio.Future, asyncio.Task)


class Answered:
    """What an act returned, if not None; no act can yield one."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


@coroutine
def _driving() -> Generator[Any, Any, None]:
    """Await the acts that are sent in, one after another: out comes what each waits for, and then what it returned."""
    out: object = None
    while True:
        answer = yield from (yield out)
        out = RETURNED if answer is None else Answered(answer)


class Park:
    """What the Task of an idle spare waits for; when the spare adopts an act, it stands for what that act waits for."""

    __slots__ = ("_asyncio_future_blocking", "_context", "_loop", "_spare", "_wake", "cancelled_with", "waits_for")

    def __init__(self, spare: Spare, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._spare = spare
        self._loop = loop
        self._wake: Callable[[Any], object] | None = None
        self._context: contextvars.Context | None = None
        self.waits_for: asyncio.Future[Any] | None = None
        self.cancelled_with: asyncio.CancelledError | None = None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """For the Task, which waits for nothing of another loop."""
        return self._loop

    def add_done_callback(self, wake: Callable[[Any], object], *, context: contextvars.Context) -> None:
        """For the Task: this is how it wants to be woken."""
        self._wake, self._context = wake, context
        self._spare.parked = True

    def wake(self) -> None:
        """Wake the Task; one that has not come here yet makes its first step by itself."""
        if self._wake is not None:
            self._loop.call_soon(self._wake, self, context=self._context)
            self._wake = None

    def stand_for(self, future: asyncio.Future[Any]) -> None:
        """Let the Task wait for this."""
        assert self._wake is not None
        future._asyncio_future_blocking = False
        future.add_done_callback(self._wake, context=self._context)
        self.waits_for = future
        self._wake = None

    def result(self) -> None:
        """For the Task that was woken."""
        if self.cancelled_with is not None:
            raise self.cancelled_with

    def cancel(self, msg: Any | None = None) -> bool:
        """For the Task that is being cancelled: wake it if it is idle, and pass it on if an act waits."""
        spare = self._spare
        if spare.idle:
            spare.idle = spare.parked = False
            self.cancelled_with = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
            self.wake()
            return True
        if self.waits_for is not None:
            return self.waits_for.cancel(msg)
        spare.parked = False
        return False


class Spare(Coroutine[Any, Any, None]):
    """The coroutine of a spare Task: it waits in its park, then it is the act it adopted, then it waits again.

    `idle` while it waits for an act; one that is not, and has none, has ended. `parked` while its Task waits in the
    park, where every cancel shows, and none has come. `process` is the order whose act it has adopted, until that ends;
    `drive` sends an act to its driver.
    """

    __slots__ = (
        "_context",
        "_coro",
        "_driver",
        "_first",
        "_park",
        "_stepper",
        "drive",
        "idle",
        "parked",
        "process",
        "task",
    )

    def __init__(self, stepper: Stepper, loop: asyncio.AbstractEventLoop) -> None:
        self._stepper = stepper
        self.process: OrderProcess[Any] | None = None
        self._coro: Coroutine[Any, Any, Any] | None = None
        self._first: Any = _NOTHING
        self._context: contextvars.Context | None = None
        self._park = Park(self, loop)
        self.idle = True
        self.parked = False
        self.renew()
        self.task = loop.create_task(self, name="exo.act", context=contextvars.Context())
        stepper.spares[self] = None

    def renew(self) -> None:
        """Have a new driver; what an act raises ends the one it was driven by."""
        self._driver: Any = _driving()
        self.drive: Callable[[Any], Any] = self._driver.send
        self.drive(None)

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
        self._park.wake()

    def adopt(self, process: OrderProcess[Any], coro: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        """Go on with an act that has suspended on `waits_for`; a Task that cannot take that elsewhere is handed it."""
        self.process, self._coro, self._context = process, coro, process.context
        parked, self.parked = self.parked, False
        if parked and waits_for is None:
            self._park.wake()
        elif (
            parked
            and type(waits_for) in _PLAIN
            and waits_for is not self.task
            and waits_for._asyncio_future_blocking
            and waits_for.get_loop() is self._park.get_loop()
        ):
            self._park.stand_for(waits_for)
        else:
            self._first = waits_for
            self._park.wake()

    def send(self, value: Any) -> Any:
        """One step of the Task: park, hand on what the act first waited for, or step the act."""
        if self.process is None:
            return self._end_or_park()
        if self._first is not _NOTHING:
            first, self._first = self._first, _NOTHING
            return first
        return self._step(self.drive, value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        """One step of the Task that throws, a cancel as a rule."""
        error = typ if isinstance(typ, BaseException) else val if val is not None else typ()
        if self.process is None:
            self._gone()
            raise error
        first, self._first = self._first, _NOTHING
        if isinstance(first, asyncio.Future):
            if isinstance(error, asyncio.CancelledError) and first.cancel(*error.args[:1]):
                return first
            first._asyncio_future_blocking = False
        return self._step(self._driver.throw, error)

    def close(self) -> None:
        """Close the act too."""
        self._driver.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise TypeError("only a Task runs this")

    @property
    def cr_frame(self) -> FrameType | None:
        """Where the act is, for whoever prints the Task's stack."""
        return getattr(self._coro, "cr_frame", None)

    def _end_or_park(self) -> Any:
        if not self.idle:
            self._gone()
            raise StopIteration
        self._park._asyncio_future_blocking = True
        return self._park

    def _gone(self) -> None:
        self.idle = False
        self._driver.close()
        self._stepper.spares.pop(self, None)

    def _step(self, step: Callable[[Any], Any], value: Any) -> Any:
        process, context, stepper = self.process, self._context, self._stepper
        assert process is not None and context is not None
        self._park.waits_for = None
        followed = False
        while True:
            answer, error = None, None
            stepper.entered(process)
            try:
                out = context.run(step, value)
            except BaseException as raised:
                error = raised
                self.renew()
            else:
                if type(out) is Answered:
                    answer = out.value
                elif out is not RETURNED:
                    return out
            finally:
                stepper.entered(None)
            self.process = self._coro = following = None
            self.give_back()
            try:
                if stepper.finished(process, answer, error) and stepper.follow is not None:
                    following = stepper.follow(process, self.idle and not followed)
                if error is not None and isinstance(error, (KeyboardInterrupt, SystemExit)):
                    raise error
            except BaseException:
                self._gone()
                self.task.add_done_callback(asyncio.Task.exception)  # it is raised, and so need not be told of again
                raise
            if following is None:
                return self._end_or_park()
            self.idle = False
            self.process, followed = process, True
            coro = following if type(following) is CoroutineType else awaited(following)
            step, value, self._coro = self.drive, coro, coro


async def awaited(awaitable: Awaitable[Any]) -> Any:
    """The coroutine that awaits this and no more: a driver takes nothing else."""
    return await awaitable
