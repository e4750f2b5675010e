"""Decoding: what Binance's market data frames say, spot and USD-M, wrapped in a stream's name or not.

Sources: binance-spot-api-docs, web-socket-streams; the USD-M ones have more members. A bookTicker of spot has no time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from exo.errors import InvalidValue
from exo.flow.clock import utc
from exo.mkt.enums import Side
from exo.mkt.exact import ZERO
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade
from exo.venue.frames import (
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


class _Ticker(msgspec.Struct, gc=False):
    s: str
    b: str
    B: Decimal
    a: str
    A: Decimal
    u: int
    e: str = "bookTicker"
    T: int | None = None


class _Print(msgspec.Struct, gc=False):
    e: str
    s: str
    t: int
    p: str
    q: Decimal
    T: int
    m: bool
    X: str = "MARKET"


class _WrappedTicker(msgspec.Struct, gc=False):
    stream: str
    data: _Ticker


class _WrappedPrint(msgspec.Struct, gc=False):
    stream: str
    data: _Print


_TICKERS: Final = msgspec.json.Decoder(_Ticker).decode
_PRINTS: Final = msgspec.json.Decoder(_Print).decode
_WRAPPED_TICKERS: Final = msgspec.json.Decoder(_WrappedTicker).decode
_WRAPPED_PRINTS: Final = msgspec.json.Decoder(_WrappedPrint).decode


class BinanceDecoder:
    """Makes values of `bookTicker` and `trade` frames; `names` has exo's symbol of each of Binance's."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._prices = Numbers()

    def decode(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """All that this frame says."""
        if plain(frame):
            try:
                if frame.startswith(b'{"u":') or frame.startswith(b'{"e":"bookTicker"'):
                    return (self._quote(_TICKERS(frame), received_ns),)
                if frame.startswith(b'{"e":"trade"'):
                    return (self._trade(_PRINTS(frame), received_ns),)
                if frame.startswith(b'{"stream":'):
                    head = frame[:64]
                    if b'@bookTicker"' in head:
                        return (self._quote(_WRAPPED_TICKERS(frame).data, received_ns),)
                    if b'@trade"' in head:
                        return (self._trade(_WRAPPED_PRINTS(frame).data, received_ns),)
            except (msgspec.MsgspecError, InvalidValue, KeyError, ArithmeticError, OverflowError):
                pass  # the careful way finds out what it is
        return (self._carefully(frame, received_ns),)

    def _quote(self, ticker: _Ticker, received_ns: int) -> Quote:
        prices = self._prices
        bid_px, ask_px = prices[ticker.b], prices[ticker.a]
        if ticker.e != "bookTicker" or not bid_px or not ask_px:
            raise KeyError(ticker.e)
        time = None if ticker.T is None else utc(ticker.T * _MS)
        return Quote(self._names[ticker.s], bid_px, ticker.B, ask_px, ticker.A, received_ns, ticker.u, time)

    def _trade(self, trade: _Print, received_ns: int) -> Trade:
        if trade.e != "trade" or trade.X != "MARKET":
            raise KeyError(trade.X)
        symbol, px = self._names[trade.s], self._prices[trade.p]
        side = Side.SELL if trade.m else Side.BUY
        return Trade(symbol, px, trade.q, side, received_ns, None, str(trade.t), utc(trade.T * _MS))

    def _carefully(self, frame: bytes, received_ns: int) -> Event:
        try:
            members = message(frame)
            if isinstance(members, list):
                return Other("a list")
            outer = Fields(members)
            if "data" in outer.members and "stream" in outer.members:
                if isinstance(outer.members["data"], list):
                    return Other(outer.text("stream"))
                return self._event(Fields(outer.members["data"], "$.data"), received_ns)
            return _answer(outer) or self._event(outer, received_ns)
        except (InvalidValue, ArithmeticError, OverflowError) as error:
            return bad(error, frame)

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
            if "X" in fields.members and (how := fields.text("X")) != "MARKET":
                return Other(f"trade by {how}")  # the insurance fund's, or a deleveraging: not of the market
            if qty == ZERO and px == ZERO:
                return Other("trade of nothing")  # USD-M sends such for what it keeps to itself
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
