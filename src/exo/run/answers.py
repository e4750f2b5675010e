"""Answers: what becomes of a call of act - it returned, suspended, raised, or went to a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from inspect import isawaitable
from types import CoroutineType
from typing import Any, Final

from exo.errors import DoneTooSoon, NonsenseAnswer
from exo.run.delegate import Answer
from exo.run.process import OrderProcess
from exo.run.spare import awaited
from exo.run.stepping import SUSPENDED, Stepper
from exo.run.threads import Threads
from exo.run.update import Update

_FATAL: Final = (KeyboardInterrupt, SystemExit)

Process = OrderProcess[Any]
Ended = Callable[[Process, BaseException | None], None]


class Answers:
    """Steps awaitables, waits for threads, and ends orders: DONE as such, an error or nonsense alone (contract C7).

    `acting` is the order whose act runs on the loop's thread now, `in_hand` the update that was given last; `steps` is
    how often an awaitable was stepped, the last time that of the order `stepped`, for those who watch from other
    threads. Once `stopped`, nothing more is to be called; KeyboardInterrupt and SystemExit stop too, and pass on.
    `ended` is told of each order that ended, `owe` of each that is owed another call, but `follow` if the last ended
    in its own task.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        threads: int,
        ended: Ended,
        owe: Callable[[Process], object],
        follow: Callable[[Process, bool], Awaitable[Any] | None],
    ) -> None:
        self.acting: Process | None = None
        self.in_hand: Update[Any] | None = None
        self.steps = 0
        self.stepped: str | None = None
        self.stopped = False
        self._loop = loop
        self._context = context
        self._ended = ended
        self._owe = owe
        self._last_ended: asyncio.Future[None] | None = None
        self._to_end = 0
        self.stepper = Stepper(loop, self._enter, self._task_finished, follow)
        self._step = self.stepper.step_on
        self._threads = Threads(loop, context, threads, self._resume)

    def answered(self, process: Process, answer: Any) -> None:
        try:
            if type(answer) is CoroutineType:
                answer = self._step(process, answer)
            elif isawaitable(answer):
                answer = self._step(process, awaited(answer))
        except BaseException as error:
            self.raised(process, error)
            return
        if answer is None:
            return
        if answer is SUSPENDED:
            process.busy = True
            process.step_aside()
        else:
            self._conclude(process, answer)

    def followed(self, process: Process, answer: Any) -> Awaitable[Any] | None:
        """As `answered`, but an awaitable is handed back, to go on in the task that the order has."""
        try:
            busy = type(answer) is CoroutineType or isawaitable(answer)
        except BaseException as error:
            self.raised(process, error)
            return None
        if busy:
            process.busy = True
            return answer  # type: ignore[no-any-return]
        self.answered(process, answer)
        return None

    def _conclude(self, process: Process, answer: object) -> None:
        if type(answer) is not Answer:
            error = NonsenseAnswer(process.delegate, answer)
            if isinstance(answer, Coroutine):
                try:
                    answer.close()
                except BaseException as raised:  # it had begun, and does not let itself be ended
                    error.__cause__ = raised
            self._leave(process, error)
        elif not process.mailbox:  # else the order is owed a call, which answers anew (contract C8)
            child = None if answer is Answer.ABANDON else process.live_child
            self._leave(process, None if child is None else DoneTooSoon(process.delegate, child.cl_ord_id))

    def raised(self, process: Process, error: BaseException) -> None:
        self._leave(process, error)
        if isinstance(error, _FATAL):
            self.stopped = True
            raise error

    def _leave(self, process: Process, error: BaseException | None) -> None:
        process.end()
        self._ended(process, error)

    def _enter(self, process: Process | None) -> None:
        self.acting = process
        if process is not None:
            self.steps += 1
            self.stepped = process.order_id

    def _resume(self, process: Process, answer: object, error: BaseException | None) -> None:
        if self._finished(process, answer, error):
            self._owe(process)

    def _task_finished(self, process: Process, answer: object, error: BaseException | None) -> bool:
        """As `_finished`; what ends the program comes out of its task, but out of a thread it does not."""
        self.stopped = self.stopped or isinstance(error, _FATAL)
        return self._finished(process, answer, error)

    def _finished(self, process: Process, answer: object, error: BaseException | None) -> bool:
        """See what a call that had suspended has come to; answers whether the order is owed another."""
        process.busy = False
        if self._last_ended is not None:
            self._to_end -= 1
            if not self._to_end:
                self._last_ended.cancel()
        if process.ended:
            return False
        if error is not None:
            self._leave(process, error)
            process.board.tidy()
        elif answer is not None:
            self._conclude(process, answer)
            process.board.tidy()
        return process.step_back()

    def context_of(self, process: Process) -> Context:
        """A contextvars context for what belongs to an order but is no act; a copy, as an act may run in a thread."""
        return (process.context or self._context).copy()

    def act_in_thread(self, process: Process, act: Callable[[Update[Any]], Any], update: Update[Any]) -> object:
        """Stands for the act of a blocking delegate: has a thread call it and answers SUSPENDED."""
        self._threads.run(process, act, update)
        return SUSPENDED

    async def finish(self, within_s: float) -> None:
        """Begin no call any more; wait so long for those that run, then cancel them and wait as long again."""
        self.stopped = True
        await self._quiet(within_s)
        self.cancel()
        await self._quiet(within_s)

    async def _quiet(self, within_s: float) -> None:
        self._to_end = len(self.stepper.running) + len(self._threads.running)
        if self._to_end:
            self._last_ended = self._loop.create_future()
            await asyncio.wait([self._last_ended], timeout=within_s)

    async def hurry(self) -> None:
        """Cancel the calls that run and let them see it; a thread cannot be cancelled and is left to itself."""
        self.cancel()
        await self._quiet(0)

    def cancel(self) -> None:
        """Cancel the calls that run."""
        self.stopped = True
        for task in list(self.stepper.running.values()):
            task.cancel()

    def close(self) -> list[asyncio.Task[None]]:
        """Let go of idle threads and spare tasks; these are about to end."""
        self._threads.close()
        return self.stepper.close()
