"""Decoding: what Binance's market data frames say, spot and USD-M, wrapped in a stream's name or not.

Sources: binance-spot-api-docs, web-socket-streams; the USD-M ones have more members. A bookTicker of spot has no time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from exo.errors import InvalidValue
from exo.flow.clock import utc
from exo.mkt.enums import Side
from exo.mkt.exact import ZERO, parse
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade
from exo.venue.frames import (
    Aside,
    Ending,
    Event,
    Failed,
    Fields,
    Numbers,
    Other,
    Stray,
    Taken,
    bad,
    message,
    plain,
    side_of_book,
)

_MS: Final = 1_000_000
_TICKER: Final = frozenset("usbBaA")


class _Ticker(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str


class _TimedTicker(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    e: Literal["bookTicker"]
    u: int
    s: str
    b: str
    B: str
    a: str
    A: str
    T: int
    E: int = 0


class _Print(msgspec.Struct, gc=False):
    e: Literal["trade"]
    s: str
    t: int
    p: str
    q: str
    T: int
    m: bool
    X: Literal["MARKET"] = "MARKET"


class _WrappedTicker(msgspec.Struct, gc=False):
    stream: str
    data: _Ticker


class _WrappedTimedTicker(msgspec.Struct, gc=False):
    stream: str
    data: _TimedTicker


class _WrappedPrint(msgspec.Struct, gc=False):
    stream: str
    data: _Print


_TICKERS: Final = msgspec.json.Decoder(_Ticker).decode
_TIMED_TICKERS: Final = msgspec.json.Decoder(_TimedTicker).decode
_PRINTS: Final = msgspec.json.Decoder(_Print).decode
_WRAPPED_TICKERS: Final = msgspec.json.Decoder(_WrappedTicker).decode
_WRAPPED_TIMED_TICKERS: Final = msgspec.json.Decoder(_WrappedTimedTicker).decode
_WRAPPED_PRINTS: Final = msgspec.json.Decoder(_WrappedPrint).decode

_U: Final = ord("u")


class BinanceDecoder:
    """Makes values of `bookTicker` and `trade` frames; `names` has exo's symbol of each of Binance's."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._prices = Numbers()

    def decode(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """All that this frame says."""
        if plain(frame):
            try:
                if frame[2] == _U:  # most frames: of spot, raw; all in one place, for a call costs time
                    spot, prices = _TICKERS(frame), self._prices
                    bid_px, ask_px, symbol = prices[spot.b], prices[spot.a], self._names[spot.s]
                    return (Quote(symbol, bid_px, parse(spot.B), ask_px, parse(spot.A), received_ns, spot.u),)
                if frame.startswith(b'{"e":"trade"'):
                    return (self._trade(_PRINTS(frame), received_ns),)
                if frame.startswith(b'{"e":"bookTicker"'):
                    timed = _TIMED_TICKERS(frame)
                    return (self._quote(timed, received_ns, utc(timed.T * _MS)),)
                if frame.startswith(b'{"stream":'):
                    head = frame[:96]
                    if b'@trade"' in head:
                        return (self._trade(_WRAPPED_PRINTS(frame).data, received_ns),)
                    if b'@bookTicker","data":{"u"' in head:
                        return (self._quote(_WRAPPED_TICKERS(frame).data, received_ns, None),)
                    if b'@bookTicker"' in head:
                        timed = _WRAPPED_TIMED_TICKERS(frame).data
                        return (self._quote(timed, received_ns, utc(timed.T * _MS)),)
            except (msgspec.MsgspecError, InvalidValue, LookupError, ArithmeticError):
                pass  # the careful way finds out what it is
        return (self._carefully(frame, received_ns),)

    def _quote(self, ticker: _Ticker | _TimedTicker, received_ns: int, time: datetime | None) -> Quote:
        prices = self._prices
        bid_px, ask_px = prices[ticker.b], prices[ticker.a]
        symbol, bid_size, ask_size = self._names[ticker.s], parse(ticker.B), parse(ticker.A)
        return Quote(symbol, bid_px, bid_size, ask_px, ask_size, received_ns, ticker.u, time)

    def _trade(self, trade: _Print, received_ns: int) -> Trade:
        symbol, px, qty = self._names[trade.s], self._prices[trade.p], parse(trade.q)
        side = Side.SELL if trade.m else Side.BUY
        return Trade(symbol, px, qty, side, received_ns, None, str(trade.t), utc(trade.T * _MS))

    def _carefully(self, frame: bytes, received_ns: int) -> Event:
        fields: Fields | None = None
        try:
            members = message(frame)
            if isinstance(members, list):
                return Other("a list")
            outer = Fields(members)
            if "data" in outer.members and "stream" in outer.members:
                if isinstance(outer.members["data"], list):
                    return Other(outer.text("stream"))
                fields = Fields(outer.members["data"], "$.data")
                return self._event(fields, received_ns)
            fields = outer
            return _answer(outer) or self._event(outer, received_ns)
        except (InvalidValue, ArithmeticError, OverflowError) as error:
            members = {} if fields is None else fields.members
            return bad(error, frame, members.get("s"), members.get("e") != "trade")

    def _event(self, fields: Fields, received_ns: int) -> Event:
        kind = fields.text("e") if "e" in fields.members else None
        if kind == "bookTicker" or (kind is None and fields.members.keys() >= _TICKER):
            symbol = self._symbol(fields)
            bid = side_of_book(fields.number("b"), fields.number("B"))
            ask = side_of_book(fields.number("a"), fields.number("A"))
            time = _time(fields) if "T" in fields.members else None
            return symbol or Quote(self._names[fields.text("s")], *bid, *ask, received_ns, fields.whole("u"), time)
        if kind == "trade":
            symbol = self._symbol(fields)
            px, qty, time, sells = fields.number("p"), fields.number("q"), _time(fields), fields.flag("m")
            trade_id = str(fields.whole("t"))
            kind = fields.text("X") if "X" in fields.members else "MARKET"
            # The insurance fund's, or a deleveraging; and USD-M sends one of nothing for what it keeps to itself.
            if kind != "MARKET" or (qty == ZERO and px == ZERO):
                return symbol or Aside(self._names[fields.text("s")], fields.whole("t"), kind, received_ns)
            side = Side.SELL if sells else Side.BUY
            return symbol or Trade(self._names[fields.text("s")], px, qty, side, received_ns, None, trade_id, time)
        if kind == "serverShutdown":
            return Ending("the server shuts down")
        return Other(kind or "unknown")

    def _symbol(self, fields: Fields) -> Stray | None:
        name = fields.text("s")
        return None if name in self._names else Stray(name)


def _answer(fields: Fields) -> Event | None:
    """What an answer to a request says, None if it is none."""
    members: Mapping[str, Any] = fields.members
    error = members.get("error") if isinstance(members.get("error"), dict) else members
    assert error is not None
    if "code" in error and "msg" in error:
        request = members.get("id", error.get("id"))
        return Failed(f"{error['msg']} (code {error['code']})", None if request is None else str(request))
    if "result" in members and "id" in members:
        return Taken(str(members["id"]))
    return None


def _time(fields: Fields) -> datetime:
    return utc(fields.whole("T") * _MS)
