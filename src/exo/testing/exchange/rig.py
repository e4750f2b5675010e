"""ExchangeRig: exo's own adapters at the fake exchange, as a rig for venue_conformance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from msgspec.structs import replace

from exo.errors import InvalidValue
from exo.mkt import Listing, Quote, Trade
from exo.testing.exchange.dialects import Binance, BinanceUsdm, Bitmex, Coinbase
from exo.testing.exchange.dialects import Dialect as Exchanged
from exo.testing.exchange.exchange import Exchange
from exo.testing.exchange.faults import At, Fault
from exo.testing.exchange.memory import MemoryNetwork
from exo.testing.exchange.process import ServedExchange
from exo.testing.market_rig import MarketFeed
from exo.venue.binance.dialect import BinanceDialect
from exo.venue.bitmex.dialect import BitmexDialect
from exo.venue.catalogue import Listed, catalogue
from exo.venue.coinbase.dialect import CoinbaseDialect
from exo.venue.dialect import Dialect
from exo.venue.feed import LiveFeed
from exo.venue.known import known
from exo.venue.network import Network

_LATENCY_S: Final = 0.01
_SETTLE_S: Final = 0.15  # Coinbase keeps levels back for 0.05
_HOLD_S: Final = 0.3
_AT: Final = dict.fromkeys((Fault.DROP, Fault.HALF_OPEN, Fault.SLOW, Fault.MAINTENANCE), At.NOW) | {
    Fault.REFUSE: At.HANDSHAKE
}
_STEP: Final = Decimal("1E-8")


class _Venue(NamedTuple):
    exchange: Callable[[], Exchanged]
    dialect: Callable[[str, float], Dialect]
    suffix: str
    names: tuple[str, str, str]
    lot: Decimal = _STEP
    heartbeat_s: float = 0.2
    numbered: bool = True


# Binance counts pings among the few messages a second that it allows, so that a quiet heart must beat slower there.
_VENUES: Final = {
    "binance": _Venue(
        Binance,
        lambda url, heartbeat_s: BinanceDialect(url, heartbeat_s=heartbeat_s),
        "BINANCE",
        ("BTCUSDT", "ETHUSDT", "NOPEUSDT"),
        heartbeat_s=1.0,
    ),
    "binance-usdm": _Venue(
        BinanceUsdm,
        lambda url, heartbeat_s: BinanceDialect(url, "BINANCE-USDM", heartbeat_s=heartbeat_s, messages=9),
        "BINANCE-USDM",
        ("BTCUSDT", "ETHUSDT", "NOPEUSDT"),
        heartbeat_s=0.5,
    ),
    "bitmex": _Venue(
        Bitmex,
        lambda url, heartbeat_s: BitmexDialect(url, heartbeat_s=heartbeat_s),
        "BITMEX",
        ("XBTUSD", "ETHUSD", "NOPEUSD"),
        lot=Decimal(1),
        numbered=False,
    ),
    "coinbase": _Venue(
        Coinbase,
        lambda url, heartbeat_s: CoinbaseDialect(url, heartbeat_s=heartbeat_s),
        "COINBASE",
        ("BTC-USD", "ETH-USD", "NOPE-USD"),
    ),
}


class ExchangeRig:
    """A LiveFeed of one of exo's venues at a fake of that venue.

    The fake is in memory, for virtual time, or in a process of its own behind real sockets: `served`, one that
    `ExchangeRig.serve` made and that may serve one case after another. Without `listings` the feed does not know what
    the venue lists, and asks it for anything.
    """

    def __init__(self, venue: str, served: ServedExchange | None = None, *, listings: bool = True) -> None:
        self._venue = of = _venue(venue)
        self._known = known(venue)
        self._served = served
        self._exchange = Exchange(of.exchange(), (), listings=_listings(of)) if served is None else None
        self._network = self._connected()
        self._listed: dict[str, Listed] | None = {} if listings else None
        dialect = of.dialect(self._known.url if served is None else served.ws_url, of.heartbeat_s)
        self._live = LiveFeed(dialect, self._network, self._listed)
        self.feed: MarketFeed = self._live
        self.symbol, self.other, self.unlisted = (f"{name}.{of.suffix}" for name in of.names)
        self.tick, self.lot = _STEP, of.lot
        self.heartbeat_s, self.numbered = of.heartbeat_s, of.numbered

    @staticmethod
    def serve(venue: str) -> ServedExchange:
        """A venue's fake in a process of its own, listing what the cases need, for `with` or `async with`."""
        return ServedExchange(venue, (), listings=_listings(_venue(venue)))

    async def start(self) -> None:
        """Forget what earlier cases planned, and have the venue's listings."""
        url = self._known.listings_url
        if self._served is not None:
            await asyncio.to_thread(self._served.clear)
            url = self._served.http_url + urlsplit(url).path
        if self._listed is not None:
            self._listed |= await catalogue(self._network, url, self._known.read)

    async def stop(self) -> None:
        """Close everything but a process."""
        await self.feed.close()
        await self._network.close()
        if self._exchange is not None:
            self._exchange.close()

    async def tell(self, *ticks: Quote | Trade) -> None:
        """Show them, under the venue's own names."""
        named = [replace(tick, symbol=tick.symbol.removesuffix(f".{self._venue.suffix}")) for tick in ticks]
        if self._served is not None:
            await asyncio.to_thread(self._served.show, *named)
        elif self._exchange is not None:
            self._exchange.show(*named)

    async def fault(self, fault: Fault) -> None:
        """Plan it."""
        at = _AT.get(fault, At.MESSAGE)
        hold_s = _HOLD_S if at is At.NOW else 1.0
        if self._served is not None:
            await asyncio.to_thread(self._served.fault, fault, at=at, hold_s=hold_s)
        elif self._exchange is not None:
            self._exchange.fault(fault, at=at, hold_s=hold_s)

    def unreadable(self) -> int:
        """The feed's own count."""
        return self._live.counts["Bad"]

    async def settle(self) -> None:
        """Let some time pass, for nothing says that all has come."""
        await asyncio.sleep(_SETTLE_S)

    def _connected(self) -> Network:
        if self._exchange is not None:
            return MemoryNetwork(self._exchange, latency_s=_LATENCY_S)
        from exo.venue.sockets import SocketNetwork

        return SocketNetwork()


def _venue(name: str) -> _Venue:
    if name not in _VENUES:
        raise InvalidValue("venue", f"expected one of {', '.join(_VENUES)}, got {name}")
    return _VENUES[name]


def _listings(of: _Venue) -> list[Listing]:
    return [Listing(symbol=name, security_id=name, tick=_STEP, lot=of.lot) for name in of.names[:2]]
