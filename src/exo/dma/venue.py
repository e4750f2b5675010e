"""Venue: a place where orders are worked and market data comes from, behind one small protocol."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Protocol, runtime_checkable

from exo.dma.capabilities import Capabilities
from exo.dma.request import Request, StatusQuery
from exo.mkt.quote import Quote
from exo.mkt.report import Report
from exo.mkt.status import FeedStatus
from exo.mkt.trade import Trade
from exo.mkt.value import Tag, Value


class Line(Enum):
    """The line by which requests go to a venue: UP; SILENT, it asks for none for a while; DOWN."""

    UP = "UP"
    SILENT = "SILENT"
    DOWN = "DOWN"


class VenueStatus(Value):
    """A change in the line to a venue.

    SILENT lasts until `until_ns`, as the venue's Retry-After or ban says. After DOWN nobody knows what became of what
    was on its way, and all of it is asked for once the line is UP.
    """

    line: Line
    until_ns: int | None = None
    text: Annotated[str, Tag(58)] = ""
    received_ns: int | None = None


class Feed(Protocol):
    """Where market data comes from: told which symbols are wanted. Either method may be `async def`.

    One that has a `connect(sink)`, as a Venue has, is told where to put its news.
    """

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

    def on_status(self, status: FeedStatus | VenueStatus, /) -> object:
        """Take in what a feed says of its data, or a venue of the line for requests."""

    def on_report(self, report: Report, /) -> object:
        """Take in what became of a request or a child order."""


@runtime_checkable
class Venue(Feed, Protocol):
    """A feed that takes orders too.

    `send` hands a request over and returns at once; what becomes of it, a refusal included, comes back as reports that
    carry the request's `order_id`, and never from within `send`. If it raises, nobody knows whether the request is on
    its way: the child is in doubt.
    """

    capabilities: Capabilities

    def connect(self, sink: Sink, /) -> object:
        """Tell everything to this sink from now on."""

    def send(self, request: Request, /) -> object:
        """Take a request on its way."""

    async def query(self, query: StatusQuery, /) -> Sequence[Report]:
        """All the venue knows of one child: its status (ORDER_STATUS) and its executions; nothing if it is not found.

        It looks among open orders, and among fills and ended ones as far as the venue keeps them. Raises if it cannot
        be asked.
        """
        ...

    async def open_orders(self) -> Sequence[Report]:
        """The status (ORDER_STATUS) of every order of the account that is open, whoever sent it; raises as `query`."""
        ...

    async def cancel_all(self) -> object:
        """Have the venue cancel all that is open; only asked of one whose capabilities say `mass_cancel`."""
