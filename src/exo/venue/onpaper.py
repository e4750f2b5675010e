"""OnPaper: a live market with fills on paper - no key, no order that leaves the machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from exo.dma import Feed, Request, Sink, StatusQuery, VenueStatus
from exo.mkt import FeedStatus, Quote, Report, Trade
from exo.venue.paper import PaperVenue


class Source(Feed, Protocol):
    """A feed that is told where to put its news."""

    def connect(self, sink: Sink, /) -> object:
        """Tell everything to this sink from now on."""


class OnPaper:
    """A venue of a live feed and a paper venue: each tick is shown to the paper venue first, then to the sink.

    So an order is filled by what its delegate has not seen yet, as it would be at the venue.
    """

    def __init__(self, feed: Source, paper: PaperVenue) -> None:
        self.feed = feed
        self.paper = paper
        self.capabilities = paper.capabilities
        self._sink: Sink

    def connect(self, sink: Sink) -> None:
        """Tell everything to this sink from now on."""
        self._sink = sink
        self._deliver: Any = getattr(sink, "deliver", None)
        self.paper.connect(sink)
        self.feed.connect(self)

    def subscribe(self, symbol: str) -> object:
        """Start sending this symbol's data."""
        return self.feed.subscribe(symbol)

    def unsubscribe(self, symbol: str) -> object:
        """Stop sending it."""
        return self.feed.unsubscribe(symbol)

    def send(self, request: Request) -> None:
        """Take a request on its way, on paper."""
        self.paper.send(request)

    async def query(self, query: StatusQuery) -> Sequence[Report]:
        """All the paper venue knows of one child."""
        return await self.paper.query(query)

    async def open_orders(self) -> Sequence[Report]:
        """The status of every order that is open, on paper."""
        return await self.paper.open_orders()

    async def cancel_all(self) -> None:
        """Have the paper venue cancel all that is open."""
        await self.paper.cancel_all()

    def on_quote(self, quote: Quote) -> None:
        """Show it to the paper venue, then to the sink."""
        self.paper.on_quote(quote)
        self._sink.on_quote(quote)

    def on_trade(self, trade: Trade) -> None:
        """Likewise."""
        self.paper.on_trade(trade)
        self._sink.on_trade(trade)

    def on_status(self, status: FeedStatus | VenueStatus) -> None:
        """Pass it on."""
        self._sink.on_status(status)

    def on_report(self, report: Report) -> None:
        """Pass it on; a feed has none."""
        self._sink.on_report(report)

    def deliver(self) -> None:
        """A read is in: the sink may act on it."""
        if self._deliver is not None:
            self._deliver()
