"""Sweeps: how the orders of one board are called with what passed since they last looked."""

from __future__ import annotations

from collections.abc import Sized
from operator import length_hint
from typing import Any, Final

from exo.run.answers import Answers
from exo.run.board import Board
from exo.run.statistics import Statistics
from exo.run.update import Update

_NOT_A_POINT: Final = object()


class Sweeps:
    """Calls many orders in one loop, with as few updates as they can share; it is cut short when one becomes `due`."""

    def __init__(self, due: Sized, answers: Answers, statistics: Statistics) -> None:
        self._due = due
        self._answers = answers
        self._statistics = statistics

    def show(self, board: Board, now_ns: int) -> int:
        """Call all orders of a board where all stand at the head: what passed is taken off it, and nobody moves.

        Answers how many it called. It makes the very calls that `sweep` would; most turns are no more than this.
        """
        due, answers, point, standing = self._due, self._answers, board.head, board.standing
        members = calls = len(standing)
        update = answers.in_hand = Update(board.symbol, now_ns, board.quote, board.status, point.passed)
        point.passed = None
        board.unseen = 0
        try:
            for process in standing:
                answers.acting = process
                try:
                    answer = process.actor.act(update)
                except BaseException as error:
                    answers.raised(process, error)
                else:
                    if answer is not None:
                        answers.answered(process, answer)
                if due or point.passed is not None:
                    calls = standing.index(process) + 1
                    break
        except BaseException:
            acting = answers.acting
            calls = standing.index(acting) + 1 if acting in standing else 0
            raise
        finally:
            self._statistics.saw(update, calls, now_ns)
            if calls < members:
                board.split(point, update, calls, members)
                board.unseen, board.cursor = board.unseen or members - calls, calls
            if board.gone:
                board.tidy()
        return calls

    def sweep(self, board: Board, most: int, now_ns: int) -> int:
        """Call a slice, `most` of them, of the orders of a board that have not seen its head; answers how many."""
        if board.upright * 2 < len(board.standing) and not board.cursor:
            board.tidy()
        standing = board.standing
        start = board.cursor if board.cursor < len(standing) else 0
        part = standing[start : start + min(board.unseen, board.slice, most)]
        head = board.advance()
        due, answers = self._due, self._answers
        at: object = _NOT_A_POINT
        update: Update[Any] | None = None
        skipped = seen = 0
        visits = iter(part)
        try:
            for process in visits:
                point = process.at
                if point is not at:
                    if point is None or point is head:
                        skipped += 1
                        continue
                    if update is not None:
                        calls = len(part) - length_hint(visits) - 1 - skipped
                        self._statistics.saw(update, calls - seen, now_ns)
                        seen = calls
                    at, update = point, board.update_since(point, now_ns)
                    answers.in_hand = update
                process.at = head
                answers.acting = process
                try:
                    answer = process.actor.act(update)
                except BaseException as error:
                    answers.raised(process, error)
                else:
                    if answer is not None:
                        answers.answered(process, answer)
                if due or head.passed is not None:
                    break
        finally:
            visited = len(part) - length_hint(visits)
            calls = visited - skipped
            if update is not None:
                self._statistics.saw(update, calls - seen, now_ns)
            board.unseen = board.unseen - visited if head.passed is None else len(standing)
            board.level = not board.unseen
            # When all have seen it the next sweep is one slice of the list, and not its two ends.
            board.cursor = start + visited if board.unseen else 0
            if board.gone:
                board.tidy()
        return calls
