"""Heard: what one connection has told of one instrument, which ends with the connection."""

from __future__ import annotations

from exo.mkt.quote import Quote
from exo.venue.levels import Depth, Pools


class Heard:
    """The book, the pools and the last trade of one instrument on one connection.

    `trade` is the number of that, `beat` what the last heartbeat knew of it. `latest` is its last quote while that does
    not count, because another connection's do.
    """

    __slots__ = ("beat", "depth", "latest", "pools", "trade")

    def __init__(self) -> None:
        self.depth: Depth | None = None
        self.pools = Pools()
        self.trade: int | None = None
        self.beat: int | None = None
        self.latest: Quote | None = None


class Hearsay(dict[str, Heard]):
    """What a connection has told of each instrument, by the venue's name."""

    def __missing__(self, name: str) -> Heard:
        heard = self[name] = Heard()
        return heard
