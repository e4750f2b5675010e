"""Delivery: brings updates to delegates - boards in turn, facts before prices, one call at a time per order."""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections import deque
from collections.abc import Awaitable
from contextvars import copy_context
from threading import get_ident
from typing import Any, Final

from exo.flow.clock import Clock
from exo.run.alarms import Alarms
from exo.run.answers import Answers, Ended, Process
from exo.run.board import Board
from exo.run.process import Owed
from exo.run.statistics import Statistics
from exo.run.sweeps import Sweeps

_FEW: Final = 4


class Delivery:
    """Everything between recorded news and the calls of `act`.

    A turn runs to completion on the loop's thread. Again and again it calls the orders that are *due* a call of their
    own, for facts or a wake-up; then one that is *late*, having missed prices while it was busy; then a slice of the
    orders of one board that have not seen its head, with the update they share; the boards that have news take turns.
    A slice is cut short as soon as an order is due, so facts overtake prices (contract C5), or newer prices come. The
    turn ends when nothing is left, when `turn_s` has passed, or after `turn_calls` calls - the clock stands still
    within a turn of virtual time - and the next goes on when the loop has seen to its other work (contract C6).
    While it is `promised` that `deliver` will be called at once, news schedules no turn.
    """

    def __init__(
        self, clock: Clock, statistics: Statistics, ended: Ended, *, turn_s: float, turn_calls: int, threads: int
    ) -> None:
        self.clock = clock
        self.statistics = statistics
        self.thread = get_ident()
        self._loop = asyncio.get_running_loop()
        self._turn_ns = round(turn_s * 1e9)
        self._slow_ns = self._turn_ns // 8  # of a slice
        self._turn_calls = turn_calls
        self._calls = 0
        self._round = 0
        self._context = copy_context()
        self._boards: deque[Board] = deque()
        self._due: deque[Process] = deque()
        self._late: deque[Process] = deque()
        self._most_late = _FEW
        self._turning = False
        self._lately = False  # the last turn ended before a board had its turn after one who was late
        self._rounding = False  # no prices since the round of facts began, it may be turns ago
        self._scheduled = False
        self.promised = False
        self.answers = Answers(self._loop, self._context, threads, ended, self.owe, self._follow)
        self._sweeps = Sweeps(self._due, self.answers, statistics)
        self.alarms = Alarms(self._loop, self._context, clock, self.owe)

    def news(self, board: Board) -> None:
        """A board has ticks that some of its orders have not seen."""
        board.queued = True
        self._boards.append(board)
        if not self.promised:
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
            if len(self._late) > self._most_late:
                self._tidy_late()
        self._schedule()

    def _tidy_late(self) -> None:
        """Forget who was called for facts before it came to the call that it was late for (contract C11)."""
        late = self._late
        still = list(dict.fromkeys(process for process in late if process.owed is Owed.LATE))
        late.clear()
        late.extend(still)
        self._most_late = max(_FEW, 2 * len(still))

    def _schedule(self) -> None:
        if not (self._scheduled or self.promised or self._turning or self.answers.stopped):
            self._scheduled = True
            self._loop.call_soon(self._scheduled_turn, context=self._context)

    def _scheduled_turn(self) -> None:
        """Run a turn as `deliver` does; the loop has seen to it that there is no task, and to the contextvars."""
        self._scheduled = False
        if self._turning or self.answers.acting is not None or self.answers.stopped:
            self._schedule()
        elif self._boards or self._due or self._late:
            self._turn()

    def deliver(self) -> bool:
        """Run a turn; answers whether something is left. Within an act nothing is delivered (contract C4).

        Whoever calls, the delegates see neither its task nor its contextvars.
        """
        if not (self._boards or self._due or self._late):
            return False
        if self._turning or self.answers.acting is not None or self.answers.stopped:
            self._schedule()
            return True
        outer = asyncio.current_task(self._loop)
        if outer is None:
            return self._context.run(self._turn)
        _leave_task(self._loop, outer)
        try:
            return self._context.run(self._turn)
        finally:
            _enter_task(self._loop, outer)

    def _turn(self) -> bool:
        """Run a turn; answers whether something is left."""
        boards, due, late, answers = self._boards, self._due, self._late, self.answers
        self.statistics.turns += 1
        self._calls = 0
        self._turning = True
        now_ns = self.clock.now_ns()
        until_ns = now_ns + self._turn_ns
        drained, lately = False, self._lately
        try:
            while now_ns < until_ns and self._calls < self._turn_calls:
                if due and not drained:
                    self._drain(until_ns)
                    drained = True
                elif late and not (lately and boards):
                    self._serve(late.popleft(), Owed.LATE, now_ns)
                    drained, lately, self._rounding = False, True, False
                elif boards:
                    board = boards[0]
                    self._rounding = False
                    orders = len(board.processes)
                    few = orders == board.upright <= board.slice and self._calls + orders <= self._turn_calls
                    if few and board.level and not due:
                        self._calls += self._sweeps.show(board, now_ns)
                    else:
                        self._calls += self._sweeps.sweep(board, self._turn_calls - self._calls, now_ns)
                    if board.unseen:
                        boards.rotate(-1)
                    else:
                        boards.popleft()
                        board.queued = False
                        if orders < 2 and not (boards or due or late):
                            return False  # there is no pace to take, and so no time to ask for
                    drained = lately = False
                    began_ns, now_ns = now_ns, self.clock.now_ns()
                    slow = now_ns - began_ns > self._slow_ns
                    if slow or board.slice < orders:
                        board.pace(slow)
                    continue
                elif due:
                    drained = self._rounding = False
                else:
                    return False
                now_ns = self.clock.now_ns()
            return bool(boards or due or late)
        finally:
            if answers.stepper.inside is not None:
                answers.stepper.leave()
            answers.acting = None
            self._turning = False
            self._rounding = self._rounding and bool(boards)
            self._lately = lately and bool(boards)
            if boards or due or late:
                self._schedule()

    def _drain(self, until_ns: int) -> None:
        """Call the orders that are due, also those that become so meanwhile, but each once: then prices get a call.

        A turn may be over before all had theirs; the next goes on, so facts without end do not starve prices (C6).
        """
        due = self._due
        if not self._rounding:
            self._round += 1
            self._rounding = True
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
            answers = self.answers
            self._calls += 1
            self.statistics.saw(update, 1, now_ns)
            answers.acting, answers.in_hand = process, update
            try:
                answer = process.actor.act(update)
            except BaseException as error:
                answers.raised(process, error)
            else:
                if answer is not None:
                    answers.answered(process, answer)
        if process.ended:
            process.board.tidy()
        elif process.step_back():
            self.owe(process)
        return update is not None

    def _follow(self, process: Process, at_once: bool) -> Awaitable[Any] | None:
        """Call an order whose call has just ended in a task of its own, if nobody else is owed one; or owe it the call.

        Answers what it is to go on with in that task.
        """
        answers = self.answers
        if not at_once or self._due or self._late or self._turning or answers.stopped:
            self.owe(process)
            return None
        self._rounding = False
        now_ns = self.clock.now_ns()
        update = process.look(now_ns)
        following = None
        if update is not None:
            self.statistics.saw(update, 1, now_ns)
            answers.acting, answers.in_hand = process, update
            try:
                answer = self._context.run(process.actor.act, update)
            except BaseException as error:
                answers.raised(process, error)
            else:
                following = answers.followed(process, answer)
            finally:
                answers.acting = None
        if process.ended:
            process.board.tidy()
        elif process.step_back():
            self.owe(process)
        return following
