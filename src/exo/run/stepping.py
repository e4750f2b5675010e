"""Stepping: how an awaitable is run inline as far as it goes, and only then becomes a Task.

Making a Task per call would cost more than all the rest of a delivery. So an `async def act` is stepped right where it
was called, but under the identity of a *spare* Task that has been made before and waits: `_enter_task`/`_leave_task`,
which asyncio documents for task implementations of third parties, make it the current one, so `current_task()`,
`asyncio.timeout()`, task groups and anyio find what they need. Each spare has a driver, a generator that awaits one act
after another: an act that returns without suspending costs no Task, no Future and not even a StopIteration. When it
suspends, the spare adopts it:

    act ──yields──▶ driver ──▶ what it waits for ◀── the park stands for it: when it is done, the spare's Task wakes
                                                     and from then on steps the act like any coroutine

The *park* is what a spare's Task waits for. It is no asyncio.Future, only what asyncio takes for one, and so it can be
waited for again and again, and can pass a wait on to another future although the Task cannot be told so.

An order whose act has suspended keeps its spare, as the task of all its later acts; the others share one. Every step
runs in the order's own contextvars context, so no act sees the feed's or another's.

Races: a cancel can reach the spare while its act runs inline (an act cancelling itself). The park then refuses to be
cancelled, so the Task remembers the cancel and throws it in at its next step; the spare then hands its Task what the
act waits for, and `throw` passes the cancel on to that. If the act has returned by then, the cancel was meant for
nobody: the spare ends and a new one is made. A cancel that comes later, from whoever kept the task beyond its act, ends
an idle spare or hits a later act of the same order - of another order only if the act it was kept by has never
suspended.
"""

from __future__ import annotations

import asyncio
import contextvars
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Awaitable, Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from exo.run.spare import RETURNED, Answered, Spare, awaited

if TYPE_CHECKING:
    from exo.run.process import OrderProcess

    Finished = Callable[[OrderProcess[Any], Any, BaseException | None], object]
    Follow = Callable[[OrderProcess[Any], bool], Awaitable[Any] | None]
    Entered = Callable[[OrderProcess[Any] | None], None]

SUSPENDED: Final = object()


class Stepper:
    """Steps the awaitables of all orders of one dispatcher; `finished` hears of those that suspended and then ended.

    If that answers that the order is owed another call, `follow` is asked for it; what it answers goes on at once in
    the same task. The second argument is false where that is not possible, or has just been done: the loop's other work
    has its turn in between.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, entered: Entered, finished: Finished, follow: Follow | None = None
    ) -> None:
        self._loop = loop
        self._base = contextvars.copy_context()
        self._shared: Spare | None = None
        self.inside: Spare | None = None
        self.spares: dict[Spare, None] = {}  # in order: a set would go by addresses (C15)
        self.entered = entered
        self.finished = finished
        self.follow = follow

    def step(self, process: OrderProcess[Any], awaitable: Awaitable[Any]) -> Any:
        """Run an awaitable as far as it goes: its result, or SUSPENDED; what it raises passes through.

        There must be no current task.
        """
        try:
            return self.step_on(process, awaitable if type(awaitable) is CoroutineType else awaited(awaitable))
        finally:
            self.leave()

    def step_on(self, process: OrderProcess[Any], coro: Coroutine[Any, Any, Any]) -> Any:
        """As `step`, but stay the current task if nothing suspends, for the next of many; `leave` ends that."""
        context = process.context
        if context is None:
            context = process.context = self._base.copy()
        spare = process.spare
        if spare is None or not spare.idle:
            spare = self._shared
            if spare is None or not spare.idle:
                spare = self._shared = Spare(self, self._loop)
        if spare is not self.inside:
            if self.inside is not None:
                self.leave()
            _enter_task(self._loop, spare.task)
            self.inside = spare
        spare.idle = False
        try:
            out = context.run(spare.drive, coro)
        except BaseException:
            self.leave()
            spare.renew()
            spare.give_back()
            raise
        if out is RETURNED and spare.parked:
            spare.idle = True
            return None
        self.leave()
        if out is RETURNED or type(out) is Answered:
            spare.give_back()
            return out.value if type(out) is Answered else None
        if process.spare is not spare:
            process.spare = spare
            if self._shared is spare:
                self._shared = None
        spare.adopt(process, coro, out)
        return SUSPENDED

    def leave(self) -> None:
        """Be no current task any more."""
        spare, self.inside = self.inside, None
        if spare is not None:
            _leave_task(self._loop, spare.task)

    @property
    def running(self) -> dict[OrderProcess[Any], asyncio.Task[None]]:
        """The orders whose acts have suspended and not ended yet, and the tasks that run these."""
        return {spare.process: spare.task for spare in self.spares if spare.process is not None}

    def close(self) -> list[asyncio.Task[None]]:
        """Let the idle spares end; these are their tasks."""
        for spare in self.spares:
            if spare.idle:
                spare.end()
        return [spare.task for spare in self.spares if spare.process is None]
