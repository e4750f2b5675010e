"""BitMEX: its realtime interface and its list of instruments.

Sources: www.bitmex.com/app/wsAPI (rate limits, ping and pong, error frames), recorded frames. Its words for broken
JSON, missing args and an unknown op are made up: only their shape is documented.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import parse_qs

from exo.mkt import Quote, Trade
from exo.testing.exchange.dialects import bitmex_wire as wire
from exo.testing.exchange.dialects.dialect import (
    Dialect,
    End,
    Pace,
    Refusal,
    Reply,
    Said,
    Talk,
    Tick,
    compact,
    heard,
)
from exo.testing.exchange.dialects.documents import bitmex_instruments
from exo.testing.exchange.dialects.numbers import guid, millis

TABLES = ("quote", "trade")
_REQUESTS, _WITHIN_S = 30, 60.0  # of who is not logged in; a request of several subscriptions counts once here
_DOCS = "https://www.bitmex.com/app/wsAPI"


class Bitmex(Dialect):
    """BitMEX.

    With `pools` its frames name a pool and its welcome is that of 2026, without they are those of 2021. Rows of quotes
    are held back for `bundle_s` and come in one frame, as the venue does for up to a second; trades are not.
    """

    name: ClassVar[str] = "bitmex"

    def __init__(self, *, pools: bool = True, bundle_s: float = 0.0) -> None:
        super().__init__()
        self.pools = pools
        self.hold_s = bundle_s or None
        self._bundled: dict[str, list[str]] = {}
        self._last: dict[str, str] = {}  # the last row of each topic
        self._last_px: dict[str, Decimal] = {}
        self._direction: dict[str, str] = {}

    def talk(self, path: str) -> Talk | Refusal:
        """`/realtime`, with subscriptions in the query or without."""
        place, _, query = path.partition("?")
        if place not in ("/realtime", "/realtime/"):
            return Refusal(404, b'{"error":{"message":"Not Found","name":"HTTPError"}}')
        asked = parse_qs(query).get("subscribe", [""])[0].split(",")
        return BitmexTalk(self, [topic for topic in asked if topic])

    def tell(self, ticks: Sequence[Tick], now_ns: int, wanted: Container[str]) -> Iterable[Said]:
        """One frame for each table and symbol, of as many rows as the moment has."""
        rows: dict[str, list[str]] = {}
        for tick in ticks:
            table = "quote" if isinstance(tick, Quote) else "trade"
            row = self._quote_row(tick, now_ns) if isinstance(tick, Quote) else self._trade_row(tick, now_ns)
            topic = f"{table}:{tick.symbol}"
            self._last[topic] = row
            into = self._bundled if table == "quote" and self.hold_s is not None else rows
            into.setdefault(topic, []).append(row)
        yield from _inserts(rows, wanted)

    @property
    def held(self) -> bool:
        """Whether quotes are held back."""
        return bool(self._bundled)

    def flush(self, now_ns: int, wanted: Container[str]) -> Iterable[Said]:
        """The quotes that were held back."""
        rows, self._bundled = self._bundled, {}
        return _inserts(rows, wanted)

    def _quote_row(self, quote: Quote, now_ns: int) -> str:
        return wire.quote_row(quote, at_ns=now_ns, pool="Primary" if self.pools else None)

    def _trade_row(self, trade: Trade, now_ns: int) -> str:
        symbol = trade.symbol
        direction = tick_direction(trade.last_px, self._last_px.get(symbol), self._direction.get(symbol))
        self._last_px[symbol], self._direction[symbol] = trade.last_px, direction
        match_id = trade.trade_id or guid(self.rng)
        value = wire.worth(trade, self.listings[symbol])
        pool = "Primary" if self.pools else None
        return wire.trade_row(trade, value, direction=direction, match_id=match_id, at_ns=now_ns, pool=pool)

    def partial(self, topic: str) -> bytes:
        """The image a subscription begins with: the last row of each symbol."""
        table, _, symbol = topic.partition(":")
        if symbol:
            rows = [self._last[topic]] if topic in self._last else []
        else:
            rows = [row for name, row in self._last.items() if name.startswith(f"{table}:")]
        return wire.partial(table, rows, symbol or None, pool=self.pools)

    def document(self, path: str, now_ns: int) -> bytes | None:
        """`/api/v1/instrument/active`."""
        known = path.partition("?")[0] == "/api/v1/instrument/active"
        return bitmex_instruments(self.listings.values()) if known else None


def _inserts(rows: dict[str, list[str]], wanted: Container[str]) -> Iterator[Said]:
    """A frame for each topic, told also to who wants the whole table."""
    for topic, told in rows.items():
        table = topic.partition(":")[0]
        if topic in wanted or table in wanted:
            frame = wire.insert(table, told)
            yield Said(topic, frame)
            yield Said(table, frame)


class BitmexTalk(Talk):
    """One connection to the realtime interface."""

    def __init__(self, venue: Bitmex, asked: Sequence[str]) -> None:
        super().__init__()
        self.venue = venue
        self.asked = asked
        self.pace = Pace(_REQUESTS, _WITHIN_S)

    def greet(self, now_ns: int) -> Reply:
        """A welcome, and what the query subscribes to."""
        request = {"op": "subscribe", "args": list(self.asked)}
        subscribed = self._subscribe(self.asked, request) if self.asked else []
        return [welcome(now_ns, pools=self.venue.pools), *subscribed]

    def hear(self, data: bytes, now_ns: int) -> Reply:
        """Answer `ping`, subscribe and unsubscribe."""
        if data == b"ping":
            return [b"pong"]
        if self.pace.exceeded(now_ns):
            return self.too_many(data)
        message = heard(data)
        if message is None:
            return [error(400, f"Unexpected token in JSON: {data[:40].decode(errors='replace')}", None)]
        args = message.get("args")
        topics = [args] if isinstance(args, str) else args
        if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
            return [error(400, "Invalid or missing args.", message)]
        if message.get("op") == "subscribe":
            return self._subscribe(topics, message)
        if message.get("op") == "unsubscribe":
            return self._unsubscribe(topics, message)
        return [error(400, f"Unknown operation: {message.get('op')}", message)]

    def too_many(self, data: bytes) -> Reply:
        """Refused, with the time after which to try again."""
        return [error(429, "Rate limit exceeded, retry in 1 seconds.", heard(data), {"retryAfter": 1})]

    def maintenance(self, now_ns: int) -> tuple[list[bytes], End]:
        """The interface just closes."""
        return [], End(1012, "Service Restart")

    def _subscribe(self, topics: Sequence[str], request: Any) -> Reply:
        acks: list[bytes] = []
        images: list[bytes] = []
        for topic in topics:
            problem = self._problem(topic)
            if problem is not None:
                acks.append(error(400, problem, request))
                continue
            self.topics[topic] = None
            acks.append(acknowledged("subscribe", topic, request, pools=self.venue.pools))
            images.append(self.venue.partial(topic))
        return [*acks, *images]

    def _problem(self, topic: str) -> str | None:
        table, _, symbol = topic.partition(":")
        if table not in TABLES:
            return f"Unknown table: {table}"
        if symbol and symbol not in self.venue.listings:
            return "Unknown or expired symbol."
        if topic in self.topics:
            return f"You are already subscribed to this topic: {topic}"
        return None

    def _unsubscribe(self, topics: Sequence[str], request: Any) -> Reply:
        replies: list[bytes] = []
        for topic in topics:
            if topic in self.topics:
                del self.topics[topic]
                replies.append(acknowledged("unsubscribe", topic, request, pools=False))
            else:
                replies.append(error(400, f"Not subscribed to topic {topic}.", request))
        return list(replies)


def tick_direction(px: Decimal, last_px: Decimal | None, last: str | None) -> str:
    """How a price stands to the one before."""
    if last_px is None or px == last_px:
        return "ZeroMinusTick" if last in ("MinusTick", "ZeroMinusTick") else "ZeroPlusTick"
    return "PlusTick" if px > last_px else "MinusTick"


def welcome(now_ns: int, *, pools: bool, version: str = "2021-01-01T00:00:00.000Z") -> bytes:
    """The first frame; before there were pools its version was a moment."""
    info = "Welcome to the BitMEX Realtime API."
    if pools:
        rest = {"version": "2.0.0", "timestamp": millis(now_ns), "docs": _DOCS, "heartbeatEnabled": False}
        return compact({"info": info, **rest, "appName": "ws-feedhandler"})
    rest = {"version": version, "timestamp": millis(now_ns), "docs": _DOCS}
    return compact({"info": info, **rest, "limit": {"remaining": 39}})


def acknowledged(op: str, topic: str, request: Any, *, pools: bool) -> bytes:
    """A subscription was taken or ended."""
    pool = {"pool": "Aggregated"} if pools else {}
    return compact({"success": True, op: topic, **pool, "request": request})


def error(status: int, text: str, request: Any, meta: dict[str, Any] | None = None) -> bytes:
    """A request was refused."""
    return compact({"status": status, "error": text, "meta": meta or {}, "request": request or {}})
