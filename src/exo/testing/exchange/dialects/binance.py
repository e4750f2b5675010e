"""Binance, spot and USD-M futures: market streams and the list of symbols.

Sources: binance-spot-api-docs/web-socket-streams.md; developers.binance.com/docs/derivatives/usds-margined-futures/
websocket-market-streams; the code and reason of a connection that sends too much are those clients report
(binance-connector-js issue 530).
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qs

from exo.flow.clock import Rng
from exo.mkt import Listing, Quote, Trade
from exo.testing.exchange.dialects import binance_wire as wire
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
)
from exo.testing.exchange.dialects.documents import binance_spot_info, binance_usdm_info
from exo.testing.exchange.dialects.numbers import MS

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_DAY_S = 86_400.0
_MOST_STREAMS = 1024
_LONGEST_ID = 36


class Binance(Dialect):
    """Binance spot; a name of a stream that there is not is acknowledged and stays silent, as there."""

    name: ClassVar[str] = "binance"
    ping_every_s = 20.0
    pong_within_s = 60.0
    lifetime_s = _DAY_S
    messages_per_s = 5
    info_path = "/api/v3/exchangeInfo"

    def __init__(self) -> None:
        super().__init__()
        self._last_u: dict[str, int] = {}
        self._last_t: dict[str, int] = {}

    def open(self, listings: dict[str, Listing], rng: Rng) -> None:
        """Begin to trade these."""
        super().open(listings, rng)
        for symbol in listings:
            self._last_u.setdefault(symbol, rng.randrange(10**8, 10**10))

    def talk(self, path: str) -> Talk | Refusal:
        """Raw at /ws and /ws/<stream>, combined at /stream."""
        place, _, query = path.partition("?")
        if place == "/stream":
            return BinanceTalk(self, combined=True, streams=parse_qs(query).get("streams", [""])[0].split("/"))
        if place == "/ws" or place.startswith("/ws/"):
            return BinanceTalk(self, combined=False, streams=place[4:].split("/"))
        return Refusal(404, b"")

    def tell(self, ticks: Sequence[Tick], now_ns: int, wanted: Container[str]) -> Iterable[Said]:
        """Frames of each tick, in order; numbers go on for those nobody hears."""
        now_ms = now_ns // MS
        for tick in ticks:
            symbol = tick.symbol
            if isinstance(tick, Quote):
                u = self._last_u[symbol] = max(self._last_u[symbol] + 1, tick.rpt_seq or 0)
                topic = f"{symbol.lower()}@bookTicker"
                if topic in wanted:
                    yield Said(topic, self._book_ticker(tick, u, now_ms))
            else:
                t = self._last_t.get(symbol)
                if t is None:
                    named = tick.trade_id is not None and tick.trade_id.isdecimal()
                    t = int(tick.trade_id or 0) - 1 if named else self.rng.randrange(10**6, 10**9)
                self._last_t[symbol] = t + 1
                topic = f"{symbol.lower()}@trade"
                if topic in wanted:
                    yield Said(topic, self._trade(tick, t + 1, now_ms))

    def _book_ticker(self, quote: Quote, u: int, now_ms: int) -> bytes:
        return wire.spot_book_ticker(quote, u=u)

    def _trade(self, trade: Trade, t: int, now_ms: int) -> bytes:
        return wire.spot_trade(trade, t=t, event_ms=now_ms, transact_ms=now_ms)

    def document(self, path: str, now_ns: int) -> bytes | None:
        """`exchangeInfo`."""
        if path.partition("?")[0] != self.info_path:
            return None
        return binance_spot_info(self.listings.values(), now_ns // MS)

    def ping_payload(self, now_ns: int) -> bytes:
        """Its pings carry the time in milliseconds."""
        return str(now_ns // MS).encode()


class BinanceUsdm(Binance):
    """Binance USD-M futures."""

    name: ClassVar[str] = "binance-usdm"
    ping_every_s = 180.0
    pong_within_s = 600.0
    messages_per_s = 10
    info_path = "/fapi/v1/exchangeInfo"

    def talk(self, path: str) -> Talk | Refusal:
        """Where spot has it, and behind /public and /market, where the venue has moved it."""
        return super().talk(path.removeprefix("/public").removeprefix("/market"))

    def _book_ticker(self, quote: Quote, u: int, now_ms: int) -> bytes:
        return wire.usdm_book_ticker(quote, self.listings[quote.symbol], u=u, transact_ms=now_ms, event_ms=now_ms)

    def _trade(self, trade: Trade, t: int, now_ms: int) -> bytes:
        listing = self.listings[trade.symbol]
        return wire.usdm_trade(trade, listing, t=t, event_ms=now_ms, transact_ms=now_ms)

    def document(self, path: str, now_ns: int) -> bytes | None:
        """`exchangeInfo`."""
        if path.partition("?")[0] != self.info_path:
            return None
        return binance_usdm_info(self.listings.values(), now_ns // MS)


class BinanceTalk(Talk):
    """One connection to the streams."""

    def __init__(self, venue: Binance, *, combined: bool, streams: Sequence[str]) -> None:
        super().__init__()
        self.combined = combined
        self.pace = Pace(venue.messages_per_s, 1.0)
        self.topics = dict.fromkeys(stream for stream in streams if stream)

    def put(self, said: Said) -> bytes:
        """Wrapped where the connection is a combined one."""
        return wire.combined(said.topic, said.frame) if self.combined else said.frame

    def control(self, now_ns: int) -> Reply:
        """Pings and pongs count as messages."""
        return self.too_many(b"") if self.pace.exceeded(now_ns) else []

    def too_many(self, data: bytes) -> Reply:
        """Who sends too much is disconnected."""
        return [End(1008, "Too many requests")]

    def maintenance(self, now_ns: int) -> tuple[list[bytes], End]:
        """`serverShutdown`, then the end."""
        event = compact({"e": "serverShutdown", "E": now_ns // MS})
        return [wire.combined("!serverShutdown", event) if self.combined else event], End(1001, "")

    def hear(self, data: bytes, now_ns: int) -> Reply:
        """Answer a request by its id."""
        if self.pace.exceeded(now_ns):
            return self.too_many(data)
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            return [problem(3, "Invalid JSON: expected value at line 1 column 1")]
        if not isinstance(message, dict):
            return [problem(2, "Invalid request: expected a map")]
        if "method" not in message:
            return [problem(2, "Invalid request: missing field `method` at line 1 column 73", message.get("id"))]
        if "id" not in message or not _good_id(message["id"]):
            return [problem(2, "Invalid request: request ID must be an unsigned integer")]
        return [self._answer(message["method"], message.get("params"), message["id"])]

    def _answer(self, method: Any, params: Any, id_: Any) -> bytes:
        if method not in _METHODS:
            names = ", ".join(f"`{name}`" for name in _METHODS)
            return problem(2, f"Invalid request: unknown variant `{method}`, expected one of {names}", id_)
        if method == "LIST_SUBSCRIPTIONS":
            return result(list(self.topics), id_)
        if not isinstance(params, list):
            return problem(2, "Invalid request: missing field `params`", id_)
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return self._property(method, params, id_)
        if not all(isinstance(name, str) for name in params):
            return problem(2, "Invalid request: invalid type: expected a string", id_)
        if method == "UNSUBSCRIBE":
            for name in params:
                self.topics.pop(name, None)
            return result(None, id_)
        wanted = self.topics | dict.fromkeys(params)
        if len(wanted) > _MOST_STREAMS:
            return problem(4, "Too many subscriptions", id_)
        self.topics.update(wanted)
        return result(None, id_)

    def _property(self, method: str, params: list[Any], id_: Any) -> bytes:
        if not params or not isinstance(params[0], str):
            return problem(2, "Invalid request: property name must be a string", id_)
        if params[0] != "combined":
            return problem(0, "Unknown property", id_)
        if method == "GET_PROPERTY":
            return result(self.combined, id_)
        if len(params) < 2 or not isinstance(params[1], bool):
            return problem(1, "Invalid value type: expected Boolean", id_)
        self.combined = params[1]
        return result(None, id_)


def _good_id(id_: Any) -> bool:
    if isinstance(id_, str):
        return len(id_) <= _LONGEST_ID
    return id_ is None or (type(id_) is int and -(2**63) <= id_ < 2**63)


def result(value: Any, id_: Any) -> bytes:
    """A request was done."""
    return compact({"result": value, "id": id_})


def problem(code: int, text: str, id_: Any = None) -> bytes:
    """A request was refused: with its id where it had one, else as the documentation prints it."""
    error = {"code": code, "msg": text}
    return compact(error if id_ is None else {"error": error, "id": id_})
