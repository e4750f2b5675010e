"""A network of which the test plays the other side, and a sink that keeps what it is told."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

from exo.flow import current_clock
from exo.mkt import FeedState, FeedStatus, Quote, Trade
from exo.venue.network import Answer, Closed, Connection, Kind, Message, Unreachable


class Scripted:
    """One connection: what was sent is kept, what the test tells is received."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.pings = 0
        self.pongs: list[bytes] = []
        self.closed = False
        self.deaf = False  # pings are not answered
        self._told: deque[Message | Closed] = deque()
        self._news = asyncio.Event()

    def tell(self, *messages: object) -> None:
        """Have these arrive in one read: objects as JSON, bytes as they are."""
        for message in messages:
            data = message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()
            self._told.append(Message(Kind.TEXT, data))
        self._news.set()

    def end(self, code: int | None = None, reason: str = "") -> None:
        """End it from the other side."""
        self._told.append(Closed(code, reason))
        self._news.set()

    async def receive(self) -> Message:
        while not self._told:
            self._news.clear()
            await self._news.wait()
        message = self._told.popleft()
        if isinstance(message, Closed):
            self.closed = True
            raise message
        return message

    async def send(self, text: str) -> None:
        if self.closed:
            raise Closed
        self.sent.append(json.loads(text))

    async def ping(self) -> None:
        self.pings += 1
        if not self.deaf:
            self._told.append(Message(Kind.PONG, b""))
            self._news.set()

    async def pong(self, data: bytes) -> None:
        self.pongs.append(data)

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.end()


class ScriptedNetwork:
    """Gives out connections, or the errors that the test has put in line."""

    def __init__(self) -> None:
        self.connections: list[Scripted] = []
        self.errors: deque[Exception] = deque()
        self.tried_ns: list[int] = []

    async def connect(self, url: str) -> Connection:
        self.tried_ns.append(current_clock().now_ns())
        if self.errors:
            raise self.errors.popleft()
        self.connections.append(Scripted())
        return self.connections[-1]

    async def get(self, url: str) -> Answer:
        raise Unreachable(url, "there is none")

    async def close(self) -> None: ...

    @property
    def last(self) -> Scripted:
        """The connection that was opened last."""
        return self.connections[-1]


class Told:
    """A sink that keeps everything, in order; `deliver` is kept as None."""

    def __init__(self) -> None:
        self.all: list[Quote | Trade | FeedStatus | None] = []

    def on_quote(self, quote: Quote) -> None:
        self.all.append(quote)

    def on_trade(self, trade: Trade) -> None:
        self.all.append(trade)

    def on_status(self, status: Any) -> None:
        self.all.append(status)

    def on_report(self, report: Any) -> None:
        raise AssertionError

    def deliver(self) -> None:
        self.all.append(None)

    @property
    def quotes(self) -> list[Quote]:
        return [each for each in self.all if isinstance(each, Quote)]

    @property
    def trades(self) -> list[str | None]:
        """The ids of the trades."""
        return [each.trade_id for each in self.all if isinstance(each, Trade)]

    def states(self, symbol: str) -> list[FeedState]:
        """What was said of a symbol's data, in order."""
        return [each.state for each in self.all if isinstance(each, FeedStatus) and each.symbol == symbol]

    def text(self, symbol: str) -> str:
        """The last word on a symbol's data."""
        return [each.text for each in self.all if isinstance(each, FeedStatus) and each.symbol == symbol][-1]
