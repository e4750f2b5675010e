"""Delivery: brings updates to delegates - boards in turn, facts before prices, one call at a time per order."""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from inspect import isawaitable
from threading import get_ident
from types import CoroutineType
from typing import Any, Final

from exo.errors import NonsenseAnswer
from exo.flow.clock import Clock
from exo.run.alarms import Alarms
from exo.run.board import Board
from exo.run.delegate import DONE
from exo.run.process import OrderProcess, Owed
from exo.run.statistics import Statistics
from exo.run.stepping import SUSPENDED, Stepper
from exo.run.threads import Threads
from exo.run.update import Update

_SLICE: Final = 128
_FATAL: Final = (KeyboardInterrupt, SystemExit)
_NOT_A_POINT: Final = object()

Process = OrderProcess[Any]
Ended = Callable[[Process, BaseException | None], None]


class Delivery:
    """Everything between recorded news and the calls of `act`.

    A turn runs to completion on the loop's thread. Again and again it calls the orders that are *due* a call of their
    own, for facts or a wake-up; then one that is *late*, having missed prices while it was busy; then a slice of the
    orders of one board that have not seen its head, with the update they share; the boards that have news take turns.
    A slice is cut short as soon as an order is due, so facts overtake prices (contract C5), or newer prices come. The
    turn ends when nothing is left, when `turn_s` has passed, or after `turn_calls` calls - the clock stands still
    within a turn of virtual time - and the next goes on when the loop has seen to its other work (contract C6).
    """

    def __init__(
        self, clock: Clock, statistics: Statistics, ended: Ended, *, turn_s: float, turn_calls: int, threads: int
    ) -> None:
        self.clock = clock
        self.statistics = statistics
        self.thread = get_ident()
        self.acting: Process | None = None
        self.mark = 0
        self.stopped = False
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._turn_ns = round(turn_s * 1e9)
        self._turn_calls = turn_calls
        self._calls = 0
        self._round = 0
        self._context = copy_context()
        self._boards: deque[Board] = deque()
        self._due: deque[Process] = deque()
        self._late: deque[Process] = deque()
        self._turning = False
        self._sweeping = False
        self._scheduled = False
        self._last_ended: asyncio.Future[None] | None = None
        self._stepper = Stepper(self._loop, self._enter, self._resume)
        self._threads = Threads(self._loop, self._context, threads, self._resume)
        self.alarms = Alarms(self._loop, self._context, clock, self.owe)

    def news(self, board: Board) -> None:
        """A board has ticks that some of its orders have not seen."""
        board.queued = True
        self._boards.append(board)
        self._schedule()

    def owe(self, process: Process) -> None:
        """An order is owed a call of its own; while it is busy that waits until its call ends."""
        process.step_aside()
        if process.busy or process.ended:
            return
        if process.mailbox or process.woken:
            if process.owed is not Owed.DUE:
                process.owed = Owed.DUE
                self._due.append(process)
        elif process.owed is None:
            process.owed = Owed.LATE
            self._late.append(process)
        self._schedule()

    def _schedule(self) -> None:
        if not (self._scheduled or self._turning or self.stopped):
            self._scheduled = True
            self._loop.call_soon(self._scheduled_turn)

    def _scheduled_turn(self) -> None:
        self._scheduled = False
        self.deliver()

    def deliver(self) -> bool:
        """Run a turn; answers whether something is left. Within an act nothing is delivered (contract C4).

        Whoever calls, the delegates see neither its task nor its contextvars.
        """
        if self._turning or self.acting is not None or self.stopped or not self.pending:
            return self.pending
        outer = asyncio.current_task(self._loop)
        if outer is not None:
            _leave_task(self._loop, outer)
        try:
            self._context.run(self._turn)
        finally:
            if outer is not None:
                _enter_task(self._loop, outer)
        return self.pending

    @property
    def pending(self) -> bool:
        """Whether a turn would find something to do."""
        return bool(self._boards or self._due or self._late)

    def _turn(self) -> None:
        boards, due, late = self._boards, self._due, self._late
        self._turning = True
        self.mark += 1
        self.statistics.turns += 1
        self._calls = 0
        now_ns = self.clock.now_ns()
        until_ns = now_ns + self._turn_ns
        try:
            drained, lately = False, False
            while now_ns < until_ns and self._calls < self._turn_calls:
                if due and not drained:
                    self._drain(until_ns)
                    drained = True
                elif late and not (lately and boards):
                    self._serve(late.popleft(), Owed.LATE, now_ns)
                    drained, lately = False, True
                elif boards:
                    self._slice(boards, now_ns)
                    drained, lately = False, False
                elif due:
                    drained = False
                else:
                    break
                now_ns = self.clock.now_ns()
        finally:
            self.acting = None
            self._turning = False
            if boards or due or late:
                self._schedule()

    def _drain(self, until_ns: int) -> None:
        """Call the orders that are due, also those that become so meanwhile, but each once: then prices get a call."""
        due = self._due
        self._round += 1
        again: list[Process] = []
        now_ns = self.clock.now_ns()
        try:
            while due and now_ns < until_ns and self._calls < self._turn_calls:
                process = due.popleft()
                if process.round == self._round and process.owed is Owed.DUE:
                    again.append(process)
                    continue
                if self._serve(process, Owed.DUE, now_ns):
                    process.round = self._round
                now_ns = self.clock.now_ns()
        finally:
            due.extend(again)

    def _serve(self, process: Process, owed: Owed, now_ns: int) -> bool:
        """Call an order if it is still owed this and has news; answers whether it was called."""
        if process.owed is not owed:
            return False
        process.owed = None
        if process.busy or process.ended:
            return False
        update = process.look(now_ns)
        if update is not None:
            self._calls += 1
            self.statistics.saw(update, 1, now_ns)
            self.acting = process
            try:
                answer = process.act(update)
            except BaseException as error:
                self._raised(process, error)
            else:
                if answer is not None:
                    self._answered(process, answer)
        if process.step_back():
            self.owe(process)
        return update is not None

    def _slice(self, boards: deque[Board], now_ns: int) -> None:
        """Sweep a slice of the first board; the next is half of it if this one was slow, else twice."""
        board = boards[0]
        self._sweep(board, now_ns)
        boards.popleft()
        if board.unseen:
            boards.append(board)
        else:
            board.queued = False
        slow = self.clock.now_ns() - now_ns > self._turn_ns // 8
        board.slice = max(1, board.slice // 2) if slow else min(_SLICE, board.slice * 2)

    def _sweep(self, board: Board, now_ns: int) -> None:
        processes = board.processes
        start = board.cursor if board.cursor < len(processes) else 0
        stop = start + min(board.unseen, board.slice, self._turn_calls - self._calls)
        head = board.advance()
        due = self._due
        at: object = _NOT_A_POINT
        update: Update[Any] | None = None
        visited = calls = before = 0
        self._sweeping = True
        try:
            for process in processes[start:stop]:
                visited += 1
                point = process.at
                if point is not at:
                    if point is None or point is head:
                        continue
                    if update is not None:
                        self.statistics.saw(update, calls - before, now_ns)
                        before = calls
                    at, update = point, board.update_since(point, now_ns)
                process.at = head
                self.acting = process
                calls += 1
                try:
                    answer = process.act(update)
                except BaseException as error:
                    self._raised(process, error)
                else:
                    if answer is not None:
                        self._answered(process, answer)
                if due or head.passed is not None:
                    break
        finally:
            self._sweeping = False
            board.cursor = start + visited
            board.unseen = board.unseen - visited if head.passed is None else len(processes)
            if board.gone:
                board.tidy()
            if update is not None:
                self.statistics.saw(update, calls - before, now_ns)
            self._calls += calls

    def _answered(self, process: Process, answer: Any) -> None:
        try:
            if type(answer) is CoroutineType or isawaitable(answer):
                answer = self._stepper.step(process, answer)
        except BaseException as error:
            self._raised(process, error)
            return
        if answer is SUSPENDED:
            process.busy = True
            process.step_aside()
        elif answer is not None:
            self._conclude(process, answer)

    def _conclude(self, process: Process, answer: object) -> None:
        if answer is not DONE:
            if isinstance(answer, Coroutine):
                answer.close()
            self._leave(process, NonsenseAnswer(process.delegate, answer))
        elif not process.mailbox:  # else the order is owed a call, which answers anew (contract C8)
            self._leave(process, None)

    def _raised(self, process: Process, error: BaseException) -> None:
        self._leave(process, error)
        if isinstance(error, _FATAL):
            self.stopped = True
            raise error

    def _leave(self, process: Process, error: BaseException | None) -> None:
        process.end()
        if not self._sweeping:
            process.board.tidy()
        self._ended(process, error)

    def _enter(self, process: Process | None) -> None:
        self.acting = process
        self.mark += 1

    def _resume(self, process: Process, answer: object, error: BaseException | None) -> None:
        process.busy = False
        if self._last_ended is not None and not (self._stepper.running or self._threads.running):
            self._last_ended.cancel()
        if process.ended:
            return
        if error is not None:
            self.stopped = self.stopped or isinstance(error, _FATAL)
            self._leave(process, error)
        elif answer is not None:
            self._conclude(process, answer)
        if process.step_back():
            self.owe(process)

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
        if self._stepper.running or self._threads.running:
            self._last_ended = self._loop.create_future()
            await asyncio.wait([self._last_ended], timeout=within_s)

    async def hurry(self) -> None:
        """Cancel the calls that run and let them see it; a thread cannot be cancelled and is left to itself."""
        self.cancel()
        await self._quiet(0)

    def cancel(self) -> None:
        """Cancel the calls that run."""
        self.stopped = True
        for task in list(self._stepper.running.values()):
            task.cancel()

    def close(self) -> list[asyncio.Task[None]]:
        """Let go of idle threads and spare tasks; these are about to end."""
        self._threads.close()
        return self._stepper.close()
