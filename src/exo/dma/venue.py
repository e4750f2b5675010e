"""Venue: a place where orders are worked and market data comes from, behind one small protocol."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from exo.dma.request import Request
from exo.mkt.quote import Quote
from exo.mkt.report import Report
from exo.mkt.status import FeedStatus
from exo.mkt.trade import Trade


class Feed(Protocol):
    """Where market data comes from: told which symbols are wanted. Either method may be `async def`."""

    def subscribe(self, symbol: str, /) -> object:
        """Start sending this symbol's quotes, trades and statuses."""

    def unsubscribe(self, symbol: str, /) -> object:
        """Stop sending them."""


class Sink(Protocol):
    """Where a venue puts what it has to tell; a Dispatcher is one."""

    def on_quote(self, quote: Quote, /) -> object:
        """Take in a quote."""

    def on_trade(self, trade: Trade, /) -> object:
        """Take in a trade."""

    def on_status(self, status: FeedStatus, /) -> object:
        """Take in what a feed says of its data."""

    def on_report(self, report: Report, /) -> object:
        """Take in what became of a request or a child order."""


@runtime_checkable
class Venue(Feed, Protocol):
    """A feed that takes orders too.

    `send` hands a request over and returns at once; what becomes of it, a refusal included, comes back as reports that
    carry the request's `order_id`, and never from within `send`. If it raises, nobody knows whether the request is on
    its way: the child is in doubt.
    """

    def connect(self, sink: Sink, /) -> object:
        """Tell everything to this sink from now on."""

    def send(self, request: Request, /) -> object:
        """Take a request on its way."""
