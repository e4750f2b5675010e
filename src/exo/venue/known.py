"""Known: the venues that exo speaks to, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from exo.errors import UserError
from exo.venue.binance import dialect as binance
from exo.venue.binance import listings as binance_listings
from exo.venue.bitmex import dialect as bitmex
from exo.venue.bitmex import listings as bitmex_listings
from exo.venue.catalogue import Read
from exo.venue.coinbase import dialect as coinbase
from exo.venue.coinbase import listings as coinbase_listings
from exo.venue.dialect import Dialect


class Known(NamedTuple):
    """A venue: how it is spoken to at a WebSocket's address, and where its instruments are listed."""

    dialect: Callable[[str], Dialect]
    url: str
    listings_url: str
    read: Read


VENUES: Final[Mapping[str, Known]] = {
    "binance": Known(binance.BinanceDialect, binance.SPOT, binance_listings.SPOT, binance_listings.read),
    "binance-usdm": Known(binance.usd_m, binance.USD_M, binance_listings.USD_M, binance_listings.read_usd_m),
    "bitmex": Known(bitmex.BitmexDialect, bitmex.URL, bitmex_listings.URL, bitmex_listings.read),
    "coinbase": Known(coinbase.CoinbaseDialect, coinbase.URL, coinbase_listings.URL, coinbase_listings.read),
}


class NoSuchVenue(UserError):
    """A venue that exo does not speak to."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"there is no venue {self.name}: there are {', '.join(VENUES)}"


def known(name: str) -> Known:
    """A venue by its name; NoSuchVenue."""
    venue = VENUES.get(name)
    if venue is None:
        raise NoSuchVenue(name)
    return venue
