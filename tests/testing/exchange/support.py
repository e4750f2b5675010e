"""What the tests of the fake exchange share."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from exo.flow import VIRTUAL_START_NS, run_virtually
from exo.flow.clock import to_ns
from exo.mkt import Listing, Quote, Side, Trade
from exo.testing.exchange.memory import MemoryConnection
from exo.venue.network import Closed, Kind

S = 1_000_000_000
DEADLINE_S = 600.0


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test in virtual time; one that waits for more than ten minutes of it has failed."""
    done = False

    async def whole() -> None:
        nonlocal done
        await test()
        done = True

    run_virtually(whole(), until_s=DEADLINE_S)
    assert done, "it still waits"


def frames_of(path: Path) -> list[bytes]:
    """The recorded frames of a file, one a line."""
    return path.read_bytes().splitlines()


def number(text: str | int | Decimal) -> Decimal:
    """The number without the zeros it was written with, so that the dialect has to know them."""
    return Decimal(text).normalize()


def moment(text: str) -> int:
    """A recorded moment in nanoseconds."""
    return to_ns(datetime.fromisoformat(text))


def quote(symbol: str, bid: str | None, ask: str | None, at_s: float = 0.0, size: str = "1") -> Quote:
    """A quote, received so many seconds after the start."""
    bid_px, ask_px = (None if px is None else Decimal(px) for px in (bid, ask))
    sizes = [None if px is None else Decimal(size) for px in (bid_px, ask_px)]
    return Quote(symbol, bid_px, sizes[0], ask_px, sizes[1], VIRTUAL_START_NS + int(at_s * S))


def trade(symbol: str, px: str, qty: str = "1", at_s: float = 0.0, aggressor: Side = Side.BUY) -> Trade:
    """A trade, received so many seconds after the start."""
    return Trade(symbol, Decimal(px), Decimal(qty), aggressor, VIRTUAL_START_NS + int(at_s * S))


def steady(symbol: str, count: int = 100, every_s: float = 0.1) -> list[Quote]:
    """Quotes that differ, one every so often."""
    return [quote(symbol, f"{100 + n}.00", f"{101 + n}.00", n * every_s) for n in range(count)]


def listing(symbol: str, tick: str = "0.01", lot: str = "0.001", **options: Any) -> Listing:
    """A listing."""
    return Listing(symbol=symbol, security_id=symbol, tick=Decimal(tick), lot=Decimal(lot), **options)


async def say(connection: MemoryConnection, message: Any) -> None:
    """Send JSON."""
    await connection.send(json.dumps(message))


async def next_text(connection: MemoryConnection) -> bytes:
    """The next text's bytes; pings are answered meanwhile."""
    while True:
        message = await connection.receive()
        if message.kind is Kind.TEXT:
            return message.data
        if message.kind is Kind.PING:
            await connection.pong(message.data)


async def next_json(connection: MemoryConnection) -> Any:
    """The next text's JSON."""
    return json.loads(await next_text(connection))


async def until_closed(connection: MemoryConnection) -> tuple[list[bytes], Closed]:
    """All texts up to the end, and how it ended."""
    texts: list[bytes] = []
    while True:
        try:
            texts.append(await next_text(connection))
        except Closed as closed:
            return texts, closed
