"""Door: where a feed on another thread hands its news over to the loop.

Ticks conflate here too, by symbol, while the loop is busy, so what waits is bounded by symbols (contract C11); facts
wait in order, up to a limit. The loop is woken once for all that waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from exo.dma.venue import VenueStatus
from exo.errors import MailboxFull
from exo.flow.queue import ConflatingQueue
from exo.mkt.quote import Quote
from exo.mkt.report import Report
from exo.mkt.span import Passed, fold
from exo.mkt.status import FeedStatus
from exo.mkt.trade import Trade
from exo.mkt.value import Frozen


class Crossing(Frozen, kw_only=False):
    """What crosses for one symbol: the latest quote, and all that passed."""

    symbol: str
    passed: Passed
    quote: Quote | None
    ticks: int = 1
    odd: int = 0


class Door:
    """Takes ticks and facts from any thread, and hands them over on the loop's, facts first."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        cross: Callable[[Crossing], object],
        take: Callable[[Report | FeedStatus | VenueStatus], object],
        limit: int,
    ) -> None:
        self._loop = loop
        self._cross = cross
        self._take = take
        self._limit = limit
        self._ticks: ConflatingQueue[str, Crossing] = ConflatingQueue(key=_symbol, conflate=_conflate)
        self._facts: deque[Report | FeedStatus | VenueStatus] = deque()
        self._lock = threading.Lock()
        self._called = False
        self._closed = False

    def tick(self, tick: Quote | Trade) -> None:
        """Hand over a quote or a trade."""
        if isinstance(tick, Quote):
            self._ticks.push(Crossing(tick.symbol, tick, tick, odd=tick.odd))
        else:
            self._ticks.push(Crossing(tick.symbol, tick, None))
        self._call()

    def fact(self, fact: Report | FeedStatus | VenueStatus) -> None:
        """Hand over a report or a status; MailboxFull if too many wait. After the end it is given away at once."""
        with self._lock:
            closed = self._closed
            if not closed:
                if len(self._facts) >= self._limit:
                    raise MailboxFull(getattr(fact, "order_id", "*"), self._limit)
                self._facts.append(fact)
        if closed:
            self._take(fact)
        else:
            self._call()

    def close(self) -> None:
        """Wake the loop no more, and hand over the facts that still wait."""
        with self._lock:
            self._called = self._closed = True
        while self._facts:
            self._take(self._facts.popleft())

    def _call(self) -> None:
        with self._lock:
            if self._called:
                return
            self._called = True
        self._loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        with self._lock:
            self._called = False
        for _ in range(len(self._facts)):
            self._take(self._facts.popleft())
        for crossing in self._ticks.drain():
            self._cross(crossing)


def _symbol(crossing: Crossing) -> str:
    return crossing.symbol


def _conflate(a: Crossing, b: Crossing) -> Crossing:
    passed = fold(a.passed, b.passed)
    return Crossing(a.symbol, passed, b.quote or a.quote, a.ticks + b.ticks, a.odd + b.odd)
