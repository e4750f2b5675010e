"""`python -m exo.testing.exchange --venue binance`: an exchange in a process of its own.

It says `{"port": ...}` on standard output and ends when its standard input does, so that it never outlives who started
it. Lines on its standard input, up to an empty one, are ticks as JSON, {"quote": ...} or {"trade": ...}, and listings;
without any tick it plays a random walk, or nothing if --still. On a terminal it plays at once, until Ctrl-D or Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import threading
from itertools import takewhile

from exo.mkt import Listing
from exo.testing.exchange import jsonl
from exo.testing.exchange.dialects import Binance, BinanceUsdm, Bitmex, Coinbase, Dialect, Tick
from exo.testing.exchange.exchange import Exchange
from exo.testing.exchange.server import ExchangeServer
from exo.testing.walk import RandomWalk

VENUES = ("coinbase", "binance", "binance-usdm", "bitmex")
_SYMBOLS = {"coinbase": "BTC-USD", "bitmex": "XBTUSD"}


def main() -> None:
    """Run one until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m exo.testing.exchange", description=__doc__)
    parser.add_argument("--venue", choices=VENUES, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--symbols", default="", help="of the random walk, with commas between")
    parser.add_argument("--seconds", type=float, default=3600.0, help="of the random walk")
    parser.add_argument("--rate", type=float, default=100.0, help="ticks a second of the random walk")
    parser.add_argument("--storm", type=float, nargs=2, default=None, help="of the random walk, seconds from and until")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--lifetime", type=float, default=None, help="seconds a connection lives")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--older", action="store_true", help="Coinbase's and BitMEX's frames as they were in 2021")
    parser.add_argument("--locked", action="store_true", help="Coinbase refuses level2")
    parser.add_argument("--bundle", type=float, default=0.0, help="seconds BitMEX holds quotes back")
    parser.add_argument("--loop", action="store_true", help="begin again at the end")
    parser.add_argument("--still", action="store_true", help="play nothing but the ticks there are")
    args = parser.parse_args()
    ticks, listings = read()
    symbols = [name for name in args.symbols.split(",") if name] or [_SYMBOLS.get(args.venue, "BTCUSDT")]
    walk = RandomWalk(symbols, seconds=args.seconds, rate=args.rate, seed=args.seed, storm=args.storm)
    exchange = Exchange(
        dialect(args),
        ticks if ticks or args.still else walk,
        speed=args.speed,
        loop=args.loop,
        lifetime_s=args.lifetime,
        seed=args.seed,
        listings=listings or None,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(exchange, args.port))


def dialect(args: argparse.Namespace) -> Dialect:
    """The venue that was asked for."""
    if args.venue == "coinbase":
        return Coinbase(modern=not args.older, locked=args.locked)
    if args.venue == "bitmex":
        return Bitmex(pools=not args.older, bundle_s=args.bundle)
    return Binance() if args.venue == "binance" else BinanceUsdm()


def read() -> tuple[list[Tick], list[Listing]]:
    """Ticks and listings from standard input, up to an empty line."""
    given = () if sys.stdin.isatty() else iter(sys.stdin.buffer.readline, b"")
    return jsonl.read(takewhile(bytes.strip, given))


async def run(exchange: Exchange, port: int) -> None:
    """Serve, say where, and watch standard input from a thread, for the loop cannot watch every kind of it."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        loop.call_soon_threadsafe(over.set)

    threading.Thread(target=watch, daemon=True).start()
    async with ExchangeServer(exchange, port) as server:
        with contextlib.suppress(BrokenPipeError):  # whoever started it has left, and `over` is about to be set
            os.write(sys.stdout.fileno(), json.dumps({"port": server.port}).encode() + b"\n")
        await over.wait()


if __name__ == "__main__":
    main()
