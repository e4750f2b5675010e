"""Dialect: what a venue says and understands; it holds the venue's state and does no I/O."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Container, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

from exo.flow import seeded
from exo.flow.clock import Rng
from exo.mkt import Listing, Quote, Trade

Tick: TypeAlias = Quote | Trade


class End(NamedTuple):
    """The venue closes a connection; the code is one of RFC 6455."""

    code: int
    reason: str = ""


class Said(NamedTuple):
    """A frame and the topic whose subscribers get it; `data` is False for what says only that the venue lives."""

    topic: str
    frame: bytes
    data: bool = True


class Refusal(NamedTuple):
    """An answer over HTTP that is no WebSocket."""

    status: int
    body: bytes
    content_type: str = "application/json"
    retry_after_s: float | None = None


Reply: TypeAlias = list[bytes | End]


def compact(value: Any) -> bytes:
    """JSON without a space, as venues send it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def heard(data: bytes) -> Any:
    """What a client said, or None where that is no JSON object."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class Pace:
    """How many messages a client may send within a time."""

    def __init__(self, messages: int, within_s: float) -> None:
        self.messages = messages
        self.within_ns = int(within_s * 1e9)
        self._sent: deque[int] = deque()

    def exceeded(self, now_ns: int) -> bool:
        """Count one more message; whether that is one too many."""
        while self._sent and self._sent[0] <= now_ns - self.within_ns:
            self._sent.popleft()
        self._sent.append(now_ns)
        return len(self._sent) > self.messages


class Talk(ABC):
    """A venue's side of one connection."""

    def __init__(self) -> None:
        self.topics: dict[str, None] = {}  # in the order they were subscribed to

    def greet(self, now_ns: int) -> Reply:
        """What the venue says first."""
        return []

    @abstractmethod
    def hear(self, data: bytes, now_ns: int) -> Reply:
        """Answer a client's text."""

    def control(self, now_ns: int) -> Reply:
        """Count a client's ping or pong, where the venue does."""
        return []

    def put(self, said: Said) -> bytes:
        """The frame as this connection wants it."""
        return said.frame

    @abstractmethod
    def too_many(self, data: bytes) -> Reply:
        """Refuse a client's text because there were too many."""

    @abstractmethod
    def maintenance(self, now_ns: int) -> tuple[list[bytes], End]:
        """What is said before the venue goes down, and how it then closes."""


class Dialect(ABC):
    """A venue: makes frames of ticks, and a Talk for each connection.

    Serves one exchange. Topics are the venue's names of what can be subscribed to. Ticks and listings go by the venue's
    own symbols. `ping_every_s` and `pong_within_s` are the venue's pings of its clients, None where it sends none.
    """

    name: ClassVar[str]
    ping_every_s: float | None = None
    pong_within_s: float | None = None
    lifetime_s: float | None = None
    beat_every_s: float | None = None
    hold_s: float | None = None  # what `held` says is due is flushed after this time

    def __init__(self) -> None:
        self.listings: dict[str, Listing] = {}
        self.rng: Rng = seeded(0)

    def open(self, listings: dict[str, Listing], rng: Rng) -> None:
        """Begin to trade these."""
        self.listings = listings
        self.rng = rng

    @abstractmethod
    def talk(self, path: str) -> Talk | Refusal:
        """A connection to a path, with its query, is asked for."""

    @abstractmethod
    def tell(self, ticks: Sequence[Tick], now_ns: int, wanted: Container[str]) -> Iterable[Said]:
        """The frames of ticks that share a moment; only those of `wanted` topics are made."""

    def beat(self, now_ns: int, wanted: Container[str]) -> Iterable[Said]:
        """What is said every `beat_every_s`."""
        return ()

    @property
    def held(self) -> bool:
        """Whether something waits to be flushed."""
        return False

    def flush(self, now_ns: int, wanted: Container[str]) -> Iterable[Said]:
        """The frames that waited."""
        return ()

    @abstractmethod
    def document(self, path: str, now_ns: int) -> bytes | None:
        """What the venue's REST interface answers, None for what it does not know."""

    def ping_payload(self, now_ns: int) -> bytes:
        """What the venue's pings carry."""
        return b""
