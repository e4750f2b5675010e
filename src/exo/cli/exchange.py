"""Exchange: a fake exchange for users - recorded ticks, or a random walk, behind a venue's own protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import msgspec

from exo.cli.running import run
from exo.errors import UserError
from exo.mkt import Quote, Trade
from exo.testing import RandomWalk
from exo.testing.exchange import Binance, BinanceUsdm, Bitmex, Coinbase, Dialect, Exchange
from exo.testing.exchange.server import ExchangeServer
from exo.venue.known import known

_DIALECTS: Final[dict[str, tuple[type[Dialect], str, str]]] = {
    "binance": (Binance, "/ws", "BTCUSDT"),
    "binance-usdm": (BinanceUsdm, "/ws", "BTCUSDT"),
    "bitmex": (Bitmex, "/realtime", "XBTUSD"),
    "coinbase": (Coinbase, "/", "BTC-USD"),
}


class NoSuchExchange(UserError):
    """A venue of which there is no fake."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"there is no exchange {self.name}: there are {', '.join(_DIALECTS)}"


class Bare:
    """Ticks by the venue's own names: what was recorded there is played without its suffix."""

    def __init__(self, ticks: Iterable[Quote | Trade], suffix: str) -> None:
        self._ticks = ticks
        self._suffix = suffix

    def __iter__(self) -> Iterator[Quote | Trade]:
        for tick in self._ticks:
            name = tick.symbol.removesuffix(self._suffix)
            yield tick if name == tick.symbol else msgspec.structs.replace(tick, symbol=name)


def exchange(
    venue: str,
    ticks: Iterable[Quote | Trade] | None,
    symbols: Sequence[str],
    *,
    rate: float,
    speed: float,
    seed: int,
    port: int,
    say: Callable[[str], object],
) -> None:
    """Serve on loopback until it is interrupted; NoSuchExchange, or OSError for a port that cannot be had."""
    if venue not in _DIALECTS:
        raise NoSuchExchange(venue)
    dialect, path, symbol = _DIALECTS[venue]
    played: Iterable[Quote | Trade]
    if ticks is None:
        played = RandomWalk(symbols or [symbol], seconds=86_400.0, rate=rate, seed=seed)
    else:
        played = Bare(ticks, f".{known(venue).dialect('').venue}")
    run(_serve(Exchange(dialect(), played, speed=speed, loop=ticks is not None), path, port, say))


async def _serve(made: Exchange, path: str, port: int, say: Callable[[str], object]) -> None:
    async with ExchangeServer(made, port) as server:
        say(f"market data at {server.ws_url}{path}, documents at {server.http_url}: Ctrl-C ends it")
        await asyncio.Event().wait()
