"""Network: the little that an adapter needs of the world outside - so little that a fake of it is easily made."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Protocol

from exo.errors import ExoError


class Kind(Enum):
    """What a message of a WebSocket is."""

    TEXT = "TEXT"
    PING = "PING"
    PONG = "PONG"


class Message(NamedTuple):
    """One whole message, as the bytes it came in."""

    kind: Kind
    data: bytes


class Answer(NamedTuple):
    """What a request over HTTP was answered; `retry_after_s` where the server said when to come again."""

    status: int
    body: bytes
    retry_after_s: float | None = None


class NetworkError(ExoError):
    """The world outside did not do what was asked: nobody's fault here, and trying again may help.

    `retry_after_s` is when, if the other side said so.
    """

    retry_after_s: float | None = None


class Unreachable(NetworkError):
    """No connection came about: no route, no such host, nobody there, no handshake."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(url, problem)
        self.url = url
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot reach {self.url}: {self.problem}"


class Refused(NetworkError):
    """The server answered a handshake with something else than a WebSocket."""

    def __init__(self, url: str, status: int, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(url, status, text, retry_after_s)
        self.url = url
        self.status = status
        self.text = text
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        wait = "" if self.retry_after_s is None else f", come again in {self.retry_after_s:g} s"
        return f"{self.url} refused a connection with status {self.status}{wait}: {self.text:.80}"


class Closed(NetworkError):
    """A connection has ended; `code` is what the other side said by RFC 6455, None if it just ended."""

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        said = "without a word" if self.code is None else f"with code {self.code}"
        return f"the connection was closed {said}{f': {self.reason:.80}' if self.reason else ''}"


class NotReady(NetworkError):
    """A connection that should have taken another's place did not get all subscriptions in time."""

    def __init__(self, within_s: float) -> None:
        super().__init__(within_s)
        self.within_s = within_s

    def __str__(self) -> str:
        return f"a successor of the connection was not ready within {self.within_s:g} s"


class Broken(NetworkError):
    """A sink raised, or the feed itself did: what is known of the market may be wrong, and it begins anew."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"the feed broke, and begins anew: {self.problem}"


class Connection(Protocol):
    """An open WebSocket. Every method raises Closed once it has ended; pings are not answered by themselves."""

    async def receive(self) -> Message:
        """The next message; it does not suspend while one is there already."""
        ...

    async def send(self, text: str) -> None:
        """Send a text message."""

    async def ping(self) -> None:
        """Ask for a pong."""

    async def pong(self, data: bytes) -> None:
        """Answer a ping."""

    async def close(self) -> None:
        """End it, without waiting for the other side; never raises."""


class Network(Protocol):
    """Where connections come from."""

    async def connect(self, url: str) -> Connection:
        """Open a WebSocket; Unreachable or Refused."""
        ...

    async def get(self, url: str) -> Answer:
        """Ask over HTTP; Unreachable."""
        ...

    async def close(self) -> None:
        """Let go of all that is open."""
