"""Leaving: how an order goes - at once, or, with a child at the venue, when that has ended (contracts C7, C8)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from exo.flow.clock import Clock
from exo.run.orders import Orders
from exo.run.outcome import End, Outcome, Outcomes, outcome_of, sentence
from exo.run.process import OrderProcess
from exo.run.statistics import Statistics

_log = logging.getLogger("exo.run")

Process = OrderProcess[Any]


class Leaving:
    """Gives every order its outcome, once.

    An order whose delegate failed while a child may still trade stays until the venue has reported the child's end:
    the child is cancelled, reports are applied, and nobody is called any more. One that is DONE goes at once, and
    abandons what still stands. `stopping` once the dispatcher shuts down.
    """

    def __init__(
        self,
        orders: Orders[Any],
        outcomes: Outcomes,
        statistics: Statistics,
        clock: Clock,
        publish: Callable[[Process, Outcome | None], object],
        clean_up: Callable[[Process], object],
    ) -> None:
        self.stopping = False
        self._orders = orders
        self._outcomes = outcomes
        self._statistics = statistics
        self._clock = clock
        self._publish = publish
        self._clean_up = clean_up

    def left(self, process: Process, error: BaseException | None) -> None:
        """An order's delegate is done, or failed with this error."""
        stopped = isinstance(error, asyncio.CancelledError) and self.stopping
        end = End.DONE if error is None else End.STOPPED if stopped else End.FAILED
        try:
            if error is not None and end is End.FAILED:
                _log.error("order %s failed: %s", process.order_id, sentence(error), exc_info=error)
        finally:
            self._leave(process, end, error)

    def stop(self, process: Process) -> None:
        """End an order because the dispatcher shuts down, whatever its child does."""
        if self._orders.live.get(process.order_id) is not process:
            return  # another's clean-up has led to its end
        if process.leaving is None:
            process.end()
            process.leaving = (End.STOPPED, None)
        self._conclude(process)

    def reported(self, process: Process) -> None:
        """A report has been applied: an order that waited only for its child may go."""
        if process.leaving is not None and process.live_child is None:
            self._conclude(process)

    def _leave(self, process: Process, end: End, error: BaseException | None) -> None:
        process.leaving = (end, error)
        if end is End.DONE or process.live_child is None:
            self._conclude(process)
            return
        assert process.working is not None
        if end is End.FAILED:
            process.working.roll.left.pop(process.order_id, None)
        self._publish(process, None)
        process.working.curb(process)
        if process.leaving is None:
            return  # the venue has told its child's end at once
        if process.live_child is None:
            self._conclude(process)  # its child had not been sent yet
        else:
            self._clean_up(process)

    def _conclude(self, process: Process) -> None:
        assert process.leaving is not None
        end, error = process.leaving
        working = process.working
        if working is not None:
            if end is End.DONE and process.live_child is not None:
                working.abandon(process)
            if process.order_id in working.roll.left:
                process.leaving = None  # nothing of it is being cancelled
            working.ended(process)
        outcome = outcome_of(process, end, error, self._clock.now_ns())
        process.leaving = None
        self._statistics.ended += 1
        self._statistics.failed += end is End.FAILED
        self._orders.remove(process)
        self._outcomes.add(outcome)
        self._publish(process, outcome)
        self._clean_up(process)
