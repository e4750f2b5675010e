"""Decoding: from a venue's frame to a Quote, beside the standard library's json and Decimal doing the same."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import exo
from benchmarks.rows import Row, compared, interleaved
from exo.flow import seeded
from exo.venue.binance.decoding import BinanceDecoder
from exo.venue.bitmex.decoding import BitmexDecoder
from exo.venue.coinbase.decoding import CoinbaseDecoder

TARGETS = {"binance": 0.40, "coinbase": 0.35, "bitmex": 0.40}
SYMBOL = "BTC.VENUE"
NAMES = {"BTCUSDT": SYMBOL, "BTC-USD": SYMBOL, "XBTUSD": SYMBOL}

Quotes = Callable[[bytes], Any]


def frames(venue: str, count: int) -> list[bytes]:
    """So many frames of a market that walks in cents: sizes are mostly new, prices seldom."""
    rng = seeded(venue)
    bid, made = 6_183_763, []
    for number in range(count):
        bid += rng.choice((-1, 0, 0, 0, 0, 0, 0, 1))
        ask = bid + rng.randint(1, 3)
        px = [f"{cents // 100}.{cents % 100:02}" for cents in (bid, ask)]
        sizes = [f"{rng.randint(1, 400_000_000) / 1e8:.8f}" for _ in px]
        made.append(SHAPES[venue](number, px, sizes, rng.randint(1, 5)))
    return made


def binance_frame(number: int, px: list[str], sizes: list[str], rows: int) -> bytes:
    """A bookTicker of spot, as /ws sends it."""
    (b, a), (bs, bz) = px, sizes
    number += 50_093_239_212
    return f'{{"u":{number},"s":"BTCUSDT","b":"{b}000000","B":"{bs}","a":"{a}000000","A":"{bz}"}}'.encode()


def coinbase_frame(number: int, px: list[str], sizes: list[str], rows: int) -> bytes:
    """A ticker."""
    members = {
        "type": "ticker",
        "sequence": 77_240_199_610 + number,
        "product_id": "BTC-USD",
        "price": px[0],
        "open_24h": "65957.46",
        "volume_24h": "14538.28486134",
        "low_24h": "64500",
        "high_24h": "66944.06",
        "volume_30d": "649666.78865346",
        "best_bid": px[0],
        "best_bid_size": sizes[0],
        "best_ask": px[1],
        "best_ask_size": sizes[1],
        "side": "sell",
        "time": f"2024-04-03T19:{number // 60_000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}757Z",
        "trade_id": 626_114_466 + number,
        "last_size": "0.00565955",
    }
    return json.dumps(members, separators=(",", ":")).encode()


def bitmex_frame(number: int, px: list[str], sizes: list[str], rows: int) -> bytes:
    """An insert of one to five quotes."""
    row = (
        f'{{"timestamp":"2021-07-22T22:36:{number // 1000 % 60:02}.{number % 1000:03}Z","symbol":"XBTUSD",'
        f'"bidSize":{1000 + number},"bidPrice":{px[0]},"askPrice":{px[1]},"askSize":{2000 + number}}}'
    )
    return f'{{"table":"quote","action":"insert","data":[{",".join([row] * rows)}]}}'.encode()


SHAPES = {"binance": binance_frame, "coinbase": coinbase_frame, "bitmex": bitmex_frame}


def exo_decoder(venue: str) -> Quotes:
    """A new one, that has seen no price yet."""
    decoder: Any = {
        "binance": lambda: BinanceDecoder(NAMES),
        "coinbase": lambda: CoinbaseDecoder(NAMES, "ticker", "matches"),
        "bitmex": lambda: BitmexDecoder(NAMES),
    }[venue]()
    return lambda frame: decoder.decode(frame, 1)


def plain_binance(frame: bytes) -> Any:
    """With json and Decimal, to the same Quote."""
    m = json.loads(frame)
    px = Decimal(m["b"]), Decimal(m["B"]), Decimal(m["a"]), Decimal(m["A"])
    return (exo.Quote(NAMES[m["s"]], *px, 1, m["u"]),)


def plain_coinbase(frame: bytes) -> Any:
    """Likewise."""
    m = json.loads(frame)
    px = Decimal(m["best_bid"]), Decimal(m["best_bid_size"]), Decimal(m["best_ask"]), Decimal(m["best_ask_size"])
    return (exo.Quote(NAMES[m["product_id"]], *px, 1, m["sequence"], datetime.fromisoformat(m["time"])),)


def plain_bitmex(frame: bytes) -> Any:
    """Likewise; its numbers are bare."""
    rows = json.loads(frame, parse_float=Decimal, parse_int=Decimal)["data"]
    return [
        exo.Quote(
            NAMES[row["symbol"]],
            row["bidPrice"],
            row["bidSize"],
            row["askPrice"],
            row["askSize"],
            1,
            None,
            datetime.fromisoformat(row["timestamp"]),
        )
        for row in rows
    ]


PLAIN = {"binance": plain_binance, "coinbase": plain_coinbase, "bitmex": plain_bitmex}


def measure(venue: str, plain: bool, count: int) -> float:
    """Nanoseconds a frame."""
    made = frames(venue, count)
    decode = PLAIN[venue] if plain else exo_decoder(venue)
    assert [repr(q) for f in made[:50] for q in decode(f)] == [repr(q) for f in made[:50] for q in PLAIN[venue](f)]
    decode = PLAIN[venue] if plain else exo_decoder(venue)
    start = time.perf_counter_ns()
    for frame in made:
        decode(frame)
    return (time.perf_counter_ns() - start) / count


def rows(quick: bool) -> Iterator[Row]:
    """Each venue's quotes."""
    for venue, target in TARGETS.items():
        count = 5_000 if quick else 50_000
        names = {"json + Decimal": True, "exo": False}
        variants = {name: partial(measure, venue, plain, count) for name, plain in names.items()}
        found = interleaved(variants, 3 if quick else 11)
        yield from compared(f"decode {venue}", "ns/frame", found, "json + Decimal", {"exo": target})
