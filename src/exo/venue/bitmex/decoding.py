"""Decoding: what BitMEX's market data frames say: tables of rows, numbers bare.

A `partial` of `quote` is the quote as it stands; of `trade` it is a trade from before the subscription. Since 2026 a
quote says which `pool` it is of: each has a book of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from exo.errors import InvalidValue
from exo.mkt.enums import Side
from exo.mkt.exact import parse
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade
from exo.venue.frames import (
    BareNumbers,
    Beat,
    Event,
    Failed,
    Fields,
    Other,
    Past,
    Pooled,
    Stray,
    Taken,
    bad,
    message,
    plain,
    side_of_book,
)

_SIDES: Final = {"Buy": Side.BUY, "Sell": Side.SELL, "buy": Side.BUY, "sell": Side.SELL}
_NO_IDS: Final = frozenset({"00000000-0000-0000-0000-000000000000", ""})  # of a row that stands for several matches
_TOO_MANY: Final = 429
_LONGEST_S: Final = 3600
_ALREADY: Final = "You are already subscribed to this topic: "
_NEWS: Final = frozenset({"partial", "insert"})


class _QuoteRow(msgspec.Struct, gc=False):
    timestamp: datetime
    symbol: str
    bidSize: int
    bidPrice: msgspec.Raw
    askPrice: msgspec.Raw
    askSize: int
    pool: str | None = None


class _TradeRow(msgspec.Struct, gc=False):
    timestamp: datetime
    symbol: str
    side: str
    size: msgspec.Raw
    price: msgspec.Raw
    trdMatchID: str


class _Quotes(msgspec.Struct, gc=False, tag_field="table", tag="quote"):
    action: str
    data: list[_QuoteRow]


class _Trades(msgspec.Struct, gc=False, tag_field="table", tag="trade"):
    action: str
    data: list[_TradeRow]


_HOT: Final = msgspec.json.Decoder(_Quotes | _Trades).decode


class BitmexDecoder:
    """Makes values of the tables `quote` and `trade`; `names` has exo's symbol of each of BitMEX's."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._prices = BareNumbers()

    def decode(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """All that this frame says."""
        if frame == b"pong":
            return (Beat(),)
        if plain(frame):
            try:
                hot = _HOT(frame)
                if hot.action == "insert":
                    return (
                        self._of_quotes(hot, received_ns) if type(hot) is _Quotes else self._of_trades(hot, received_ns)
                    )
            except (msgspec.MsgspecError, InvalidValue, KeyError, ArithmeticError):
                pass  # the careful way finds out what it is
        return self._carefully(frame, received_ns)

    def _of_quotes(self, hot: _Quotes, received_ns: int) -> Sequence[Event]:
        names, prices = self._names, self._prices
        quotes: list[Event] = []
        for row in hot.data:
            bid_px, ask_px = prices[bytes(row.bidPrice)], prices[bytes(row.askPrice)]
            bid_size, ask_size = Decimal(row.bidSize), Decimal(row.askSize)
            quote = Quote(names[row.symbol], bid_px, bid_size, ask_px, ask_size, received_ns, None, row.timestamp)
            quotes.append(quote if row.pool is None else Pooled(row.pool, quote))
        return quotes

    def _of_trades(self, hot: _Trades, received_ns: int) -> Sequence[Event]:
        names, prices, trades = self._names, self._prices, []
        for row in hot.data:
            side, symbol = _SIDES[row.side], names[row.symbol]
            if row.trdMatchID in _NO_IDS:
                raise KeyError(row.trdMatchID)
            px, qty = prices[bytes(row.price)], parse(bytes(row.size).decode())
            trades.append(Trade(symbol, px, qty, side, received_ns, None, row.trdMatchID, row.timestamp))
        return trades

    def _carefully(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        members: Mapping[str, object] = {}
        try:
            fields = Fields(message(frame))
            members = fields.members
            if "table" in members:
                return self._table(fields, received_ns, frame)
            if "error" in members:
                return (_failed(members),)
            if members.get("success") is True:
                topic = fields.text("subscribe" if "subscribe" in members else "unsubscribe")
                return (Taken(topic if "subscribe" in members else f"-{topic}"),)
            return (Other("info" if "info" in members else "unknown"),)
        except (InvalidValue, ArithmeticError) as error:
            return (bad(error, frame, touch=members.get("table", "quote") == "quote"),)

    def _table(self, fields: Fields, received_ns: int, frame: bytes) -> Sequence[Event]:
        table, action = fields.text("table"), fields.text("action")
        if table not in ("quote", "trade") or action not in _NEWS:
            return (Other(f"{action} of {table}"),)
        events: list[Event] = []
        for index, row in enumerate(fields.rows("data")):
            try:
                of = Fields(row, f"$.data[{index}]")
                if table == "quote":
                    events.append(self._quote(of, received_ns))
                else:
                    event = self._trade(of, received_ns)
                    events.append(Past(event) if action == "partial" and isinstance(event, Trade) else event)
            except (InvalidValue, ArithmeticError) as error:
                name = row.get("symbol") if isinstance(row, dict) else None
                events.append(bad(error, frame, name, table == "quote"))
        return events

    def _quote(self, row: Fields, received_ns: int) -> Event:
        name, time = row.text("symbol"), row.time("timestamp")
        bid = side_of_book(row.number_or_none("bidPrice"), row.number_or_none("bidSize"))
        ask = side_of_book(row.number_or_none("askPrice"), row.number_or_none("askSize"))
        pool = None if row.members.get("pool") is None else row.text("pool")
        symbol = self._names.get(name)
        if symbol is None:
            return Stray(name)
        quote = Quote(symbol, *bid, *ask, received_ns, None, time)
        return quote if pool is None else Pooled(pool, quote)

    def _trade(self, row: Fields, received_ns: int) -> Event:
        name, time, px = row.text("symbol"), row.time("timestamp"), row.number("price")
        qty = row.number_or_none("size")
        if not qty:
            return Other("print of an index")  # a value, nothing was traded
        side = None if row.members.get("side") in (None, "") else _SIDES.get(row.text("side"))
        trade_id = None if row.members.get("trdMatchID") in (None, *_NO_IDS) else row.text("trdMatchID")
        symbol = self._names.get(name)
        return Stray(name) if symbol is None else Trade(symbol, px, qty, side, received_ns, None, trade_id, time)


def _failed(members: Mapping[str, object]) -> Failed | Taken:
    """An error says what it was asked, if at all, as the request itself: its first topic stands for it.

    What was subscribed already has been taken, if not by this request.
    """
    error, request = members["error"], members.get("request")
    text = error.get("message") if isinstance(error, dict) else error
    topics = request.get("args") if isinstance(request, dict) else None
    if isinstance(text, str) and text.startswith(_ALREADY):
        return Taken(text.removeprefix(_ALREADY).partition(",")[0].rstrip("."))
    what = topics[0] if isinstance(topics, list) and topics and isinstance(topics[0], str) else None
    status = members.get("status")
    after_s = None
    if status == _TOO_MANY:
        meta = members.get("meta")
        after = meta.get("retryAfter") if isinstance(meta, dict) else None
        after_s = float(after) if isinstance(after, int) and 0 < after < _LONGEST_S else 1.0
    return Failed(str(text) if status is None else f"{text} (status {status})", what, after_s)
