"""Heard: what one connection has told of one instrument, which ends with the connection."""

from __future__ import annotations

from exo.mkt.quote import Quote
from exo.venue.levels import Depth, Pools
from exo.venue.numbering import Counter


class Heard:
    """The book, the pools and the numbers of one instrument on one connection.

    `latest` is its last quote while that does not count, because another connection's do.
    """

    __slots__ = ("beat", "depth", "latest", "pools", "quotes", "trades")

    def __init__(self) -> None:
        self.depth: Depth | None = None
        self.pools = Pools()
        self.quotes = Counter()
        self.trades = Counter()
        self.latest: Quote | None = None
        self.beat: int | None = None  # the last trade, as the last heartbeat knew it


class Hearsay(dict[str, Heard]):
    """What a connection has told of each instrument, by the venue's name."""

    def __missing__(self, name: str) -> Heard:
        heard = self[name] = Heard()
        return heard
