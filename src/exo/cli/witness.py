"""Witness: what a live market says, noted on its way to whoever works in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from exo.dma import Sink, VenueStatus
from exo.mkt import FeedState, FeedStatus, Quote, Report, Trade
from exo.replay.course import Course
from exo.replay.survey import Extent, Head, Survey
from exo.venue.feed import LiveFeed


class Witness:
    """A feed that is subscribed from the start and notes what passes; `courses` sample the quotes every `every_ns`.

    To who subscribes later it tells again what stands. Of the ticks it keeps counts, sums and these samples.
    """

    def __init__(self, feed: LiveFeed, every_ns: int) -> None:
        self.feed = feed
        self.courses: dict[str, Course] = {}
        self.statuses: dict[str, FeedStatus] = {}
        self.ticks = 0
        self._every_ns = every_ns
        self._extent = Extent()
        self._read: list[Head] = []
        self._last_ns = 0
        self._sink: Sink

    def connect(self, sink: Sink) -> None:
        """Tell everything to this sink from now on."""
        self._sink = sink
        self._deliver: Any = getattr(sink, "deliver", None)
        self.feed.connect(self)

    def begin(self, symbols: Iterable[str]) -> None:
        """Subscribe to all there will be orders of."""
        for symbol in symbols:
            self.feed.subscribe(symbol)

    def subscribe(self, symbol: str) -> None:
        """Tell again what stands."""
        status, quote = self.statuses.get(symbol), self.course(symbol).quote
        if status is not None:
            self._sink.on_status(status)
        if quote is not None:
            self._sink.on_quote(quote)

    def unsubscribe(self, symbol: str) -> None:
        """Nothing: another order may come."""

    def course(self, symbol: str) -> Course:
        """What a symbol's market did."""
        course = self.courses.get(symbol)
        if course is None:
            course = self.courses[symbol] = Course(self._every_ns)
        return course

    @property
    def quoted(self) -> list[str]:
        """The symbols that have a quote, in the order of their first."""
        return [symbol for symbol, course in self.courses.items() if course.quote is not None]

    @property
    def stale(self) -> list[FeedStatus]:
        """What is said of the symbols whose data is not LIVE."""
        return [status for status in self.statuses.values() if status.state is not FeedState.LIVE]

    def survey(self) -> Survey:
        """The extent of all ticks so far; NoQuotes if there are none."""
        self._note()
        return self._extent.survey()

    def on_quote(self, quote: Quote) -> None:
        """Note it, and pass it on."""
        self._head(quote, True)
        self.course(quote.symbol).on_quote(quote)
        self._sink.on_quote(quote)

    def on_trade(self, trade: Trade) -> None:
        """Likewise."""
        self._head(trade, False)
        self.course(trade.symbol).on_trade(trade)
        self._sink.on_trade(trade)

    def on_status(self, status: FeedStatus | VenueStatus) -> None:
        """Likewise."""
        if isinstance(status, FeedStatus) and status.symbol is not None:
            self.statuses[status.symbol] = status
        self._sink.on_status(status)

    def on_report(self, report: Report) -> None:
        """Pass it on; a feed has none."""
        self._sink.on_report(report)

    def deliver(self) -> None:
        """A read is in: the sink may act on it."""
        if self._deliver is not None:
            self._deliver()
        self._note()

    def _head(self, tick: Quote | Trade, is_quote: bool) -> None:
        # During a rollover two connections may be read by turns, each at its own time.
        self._last_ns = max(self._last_ns, tick.received_ns or 0)
        self.ticks += 1
        self._read.append((self._last_ns, tick.symbol, is_quote))

    def _note(self) -> None:
        if self._read:
            self._extent.add_heads(self._read)
            self._read.clear()
