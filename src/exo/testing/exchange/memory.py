"""MemoryNetwork: an exchange reached without a socket, for virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from exo.testing.exchange.dialects import Refusal
from exo.testing.exchange.exchange import Exchange
from exo.testing.exchange.faults import Fault
from exo.testing.exchange.link import Link
from exo.venue.network import Answer, Closed, Kind, Message, Refused, Unreachable


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


class MemoryNetwork:
    """A Network in memory, all of whose URLs lead to one exchange.

    Every message takes `latency_s` either way; who gets no answer has waited for `patience_s` when told so.
    """

    def __init__(self, exchange: Exchange, *, latency_s: float = 0.0, patience_s: float = 10.0) -> None:
        self.exchange = exchange
        self.latency_s = latency_s
        self.patience_s = patience_s
        self.connections: dict[MemoryConnection, None] = {}
        self._closed = False

    async def connect(self, url: str) -> MemoryConnection:
        """Open a WebSocket; Unreachable or Refused."""
        await asyncio.sleep(self.latency_s)
        if self._closed:
            raise Unreachable(url, "the network is closed")
        admitted = self.exchange.admit(_path(url))
        if isinstance(admitted, Fault):
            raise await self._unanswered(admitted, url)
        if isinstance(admitted, Refusal):
            await asyncio.sleep(self.latency_s)
            raise Refused(url, admitted.status, admitted.body.decode(errors="replace"), admitted.retry_after_s)
        line = MemoryLine(self)
        self.connections[line.connection] = None
        line.link = self.exchange.connect(admitted, line)
        await asyncio.sleep(self.latency_s)
        return line.connection

    async def get(self, url: str) -> Answer:
        """Ask for a document; Unreachable."""
        await asyncio.sleep(self.latency_s)
        if self._closed:
            raise Unreachable(url, "the network is closed")
        answer = self.exchange.request(_path(url))
        if isinstance(answer, Fault):
            raise await self._unanswered(answer, url)
        await asyncio.sleep(self.latency_s)
        return Answer(answer.status, answer.body, answer.retry_after_s)

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        for connection in list(self.connections):
            await connection.close()

    async def _unanswered(self, fault: Fault, url: str) -> Unreachable:
        if fault is not Fault.HALF_OPEN:
            return Unreachable(url, "the connection was reset")
        await asyncio.sleep(self.patience_s)
        return Unreachable(url, f"no answer within {self.patience_s:g} s")


class MemoryConnection:
    """The client's end of a connection."""

    def __init__(self, network: MemoryNetwork, line: MemoryLine) -> None:
        self._network = network
        self._line = line
        self._messages: deque[Message] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._over: Closed | None = None  # why, once it is known here

    async def receive(self) -> Message:
        """The next message; Closed once all that came has been received."""
        while not self._messages:
            self._check()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._messages.popleft()

    async def send(self, text: str) -> None:
        """Send a text; Closed."""
        self._check()
        data = text.encode()
        self._line.up(lambda link: link.hear(data))

    async def ping(self) -> None:
        """Ask for a pong; Closed."""
        self._check()
        self._line.up(lambda link: link.hear_ping(b""))

    async def pong(self, data: bytes) -> None:
        """Answer a ping; Closed."""
        self._check()
        self._line.up(lambda link: link.hear_pong(data))

    async def close(self) -> None:
        """End it; never raises."""
        if self._over is None:
            self._line.up(Link.gone)
            self.ended(Closed())
        self._messages.clear()

    def arrive(self, message: Message) -> None:
        """A message has come."""
        if self._over is None:
            self._messages.append(message)
            self._wake()

    def ended(self, why: Closed) -> None:
        """The connection is over; what came before can still be received."""
        if self._over is None:
            self._over = why
            self._network.connections.pop(self, None)
            self._wake()

    def _check(self) -> None:
        if self._over is not None:
            raise Closed(self._over.code, self._over.reason)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class MemoryLine:
    """The exchange's end of a connection."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.connection = MemoryConnection(network, self)
        self.link: Link | None = None
        self._there = Pipe(network.latency_s)
        self._back = Pipe(network.latency_s)

    def up(self, act: Callable[[Link], None]) -> None:
        """The client does something to the link."""
        self._there.put(lambda: act(self.link) if self.link is not None else None)

    def text(self, data: bytes) -> None:
        """Send a text message, whatever its bytes."""
        self._down(Kind.TEXT, data)

    def ping(self, data: bytes) -> None:
        """Send a ping."""
        self._down(Kind.PING, data)

    def pong(self, data: bytes) -> None:
        """Send a pong."""
        self._down(Kind.PONG, data)

    def close(self, code: int, reason: str) -> None:
        """Close, as RFC 6455 says."""
        self._back.put(lambda: self.connection.ended(Closed(code, reason)))

    def abort(self) -> None:
        """End at once, without a word."""
        self._back.put(lambda: self.connection.ended(Closed()))

    def freeze(self) -> None:
        """Nothing to do: a link that is half open sends and hears nothing."""

    def _down(self, kind: Kind, data: bytes) -> None:
        self._back.put(lambda: self.connection.arrive(Message(kind, data)))


class Pipe:
    """One direction: what is put in happens after the latency, in order."""

    def __init__(self, latency_s: float) -> None:
        self._latency_s = latency_s
        self._acts: deque[Callable[[], None]] = deque()

    def put(self, act: Callable[[], None]) -> None:
        """Have it happen."""
        if not self._latency_s:
            act()
            return
        self._acts.append(act)  # timers that are due together may fire in any order: each takes what is next
        asyncio.get_running_loop().call_later(self._latency_s, self._act)

    def _act(self) -> None:
        self._acts.popleft()()
