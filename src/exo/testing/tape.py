"""Tape: a market and its orders' owner, as a script."""

from __future__ import annotations

import asyncio
import math
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

import msgspec

from exo.errors import UserError
from exo.flow import current_clock
from exo.mkt import FeedStatus, Order, Quote, Report, Trade
from exo.run import Dispatcher
from exo.testing.asking import Ask
from exo.venue import PaperVenue

Event: TypeAlias = Quote | Trade | FeedStatus | Report | Ask


class Step(NamedTuple):
    """What happens, and how many seconds after the tape starts."""

    at_s: float
    event: Event


class BadTape(UserError):
    """A tape that cannot be played; `step` counts from 1 in the order they were given."""

    def __init__(self, step: int, problem: str) -> None:
        super().__init__(step, problem)
        self.step = step
        self.problem = problem

    def __str__(self) -> str:
        return f"step {self.step} of the tape: {self.problem}"


class Tape:
    """A script of (seconds, event) pairs, sorted by time; those of the same time keep their order.

    Events are quotes, trades, feed statuses, reports, and what `submit`, `replace`, `cancel`, `hold` and `release`
    make. Those of one time are put in together and then delivered, as if one read of a feed had brought them: an order
    sees them conflated. Tapes add up: `quiet + crash`.
    """

    def __init__(self, *steps: tuple[float, Event]) -> None:
        for number, step in enumerate(steps, 1):
            if not isinstance(step, tuple) or len(step) != 2:
                raise BadTape(number, f"expected (seconds, event), got {step!r:.60}")
            at_s, event = step
            if not isinstance(at_s, int | float) or not 0 <= at_s < math.inf:
                raise BadTape(number, f"expected seconds from 0 up, got {at_s!r:.60}")
            if not isinstance(event, Event):
                raise BadTape(number, f"expected an event, got {type(event).__name__} {event!r:.60}")
        self.steps = tuple(sorted((Step(*step) for step in steps), key=attrgetter("at_s")))

    def __add__(self, other: Tape) -> Tape:
        return Tape(*self.steps, *other.steps)

    @property
    def end_s(self) -> float:
        """When its last event is; 0 of an empty tape."""
        return self.steps[-1].at_s if self.steps else 0.0

    async def play(
        self, dispatcher: Dispatcher[Any], order: Order | None = None, venue: PaperVenue | None = None
    ) -> None:
        """Put every event into a dispatcher at its time, counted from now on the current clock.

        A paper venue is shown each quote and trade before.

        `order`, which is there already, is the one that reports and instructions without an order id are about. What
        has no receive time is received when it is played. An instruction that is refused ends the play with that error.
        """
        clock = current_clock()
        start_ns = clock.now_ns()
        about = "" if order is None else str(order.order_id)
        stands = {} if order is None else {about: order}
        for at_s, steps in groupby(self.steps, attrgetter("at_s")):
            wait_ns = start_ns + round(at_s * 1e9) - clock.now_ns()
            if wait_ns > 0:
                await asyncio.sleep(wait_ns / 1e9)
            for step in steps:
                try:
                    _put(step.event, dispatcher, venue, about, stands, clock.now_ns())
                except UserError as error:
                    error.add_note(f"{at_s} s into the tape, at {step.event!r:.200}")
                    raise
            dispatcher.deliver()


def _put(
    event: Event,
    dispatcher: Dispatcher[Any],
    venue: PaperVenue | None,
    about: str,
    stands: dict[str, Order],
    now_ns: int,
) -> None:
    if isinstance(event, Ask):
        event(dispatcher, about, stands)
        return
    if event.received_ns is None:
        event = msgspec.structs.replace(event, received_ns=now_ns)
    match event:
        case Quote():
            if venue is not None:
                venue.on_quote(event)
            dispatcher.on_quote(event)
        case Trade():
            if venue is not None:
                venue.on_trade(event)
            dispatcher.on_trade(event)
        case FeedStatus():
            dispatcher.on_status(event)
        case Report():
            dispatcher.on_report(event if event.order_id else msgspec.structs.replace(event, order_id=about))
