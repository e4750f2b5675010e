"""A stream of which the test plays the connection."""

from __future__ import annotations

import asyncio
from typing import Any

from exo import run_virtually
from exo.mkt import Trade
from exo.venue.binance.dialect import BinanceDialect
from exo.venue.network import Closed, Kind, Message
from exo.venue.stream import Stream
from tests.venue.wire.scripted import Scripted

FRAME = b'{"e":"trade","E":1,"s":"A","t":%d,"p":"1.0","q":"2.0","T":1672515782136,"m":true,"M":true}'


class Flood(Scripted):
    """A connection whose next message is always there already."""

    left = 10_000

    async def receive(self) -> Message:
        self.left -= 1
        if not self.left:
            raise Closed
        return Message(Kind.TEXT, FRAME % (10_000 - self.left))


class Ticking:
    """A clock that goes on with each look at it."""

    def __init__(self) -> None:
        self._now_ns = 0

    def now_ns(self) -> int:
        self._now_ns += 1
        return self._now_ns


def test_frames_without_a_pause_are_stamped_anew_at_each_breath() -> None:
    """Else a feed that is slower than its socket would have its quotes grow old without end, and call it silent."""
    stamps: dict[int | None, int] = {}

    def take(_: Stream, event: Any) -> None:
        assert isinstance(event, Trade)
        stamps[event.received_ns] = stamps.get(event.received_ns, 0) + 1

    def nothing(*_: object) -> None: ...

    async def program() -> None:
        dialect = BinanceDialect("ws://nowhere")
        stream = Stream(1, Flood(), dialect, {"A": "A.BINANCE"}, Ticking(), take, nothing, nothing, nothing, None)
        stream.start()
        async with asyncio.timeout(10):
            try:
                await stream.reading
            except Closed:
                await stream.end()

    run_virtually(program())
    assert sum(stamps.values()) == 9_999
    assert list(stamps) == sorted(stamps, key=lambda ns: ns or 0) and max(stamps.values()) == 1024
