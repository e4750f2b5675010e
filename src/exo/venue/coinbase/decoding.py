"""Decoding: what Coinbase Exchange's market data frames say.

Which channels are listened to is told once: the touch comes of `ticker`, or of the levels of `level2` and
`level2_batch`; trades of `matches` or of `ticker`. A ticker comes with matches only and repeats the id of its trade;
those before late 2022 have no sizes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec

from exo.errors import InvalidValue
from exo.mkt.enums import Side
from exo.mkt.exact import CEILING, ZERO, parse
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade
from exo.venue.coinbase.typed import MatchFrame, TickerFrame, TouchFrame, UpdateFrame
from exo.venue.frames import (
    Beat,
    Event,
    Failed,
    Fields,
    Level,
    Levels,
    Numbers,
    Other,
    Past,
    Stray,
    Taken,
    bad,
    exact,
    message,
    plain,
    side_of_book,
)

Touch: TypeAlias = Literal["level2_batch", "level2", "ticker"]
Trades: TypeAlias = Literal["matches", "ticker"]

_TOO_MANY: Final = re.compile("too many requests|rate limit", re.IGNORECASE)
# The side of a match is its maker's.
_AGGRESSORS: Final = {"buy": Side.SELL, "sell": Side.BUY}
# The side of a ticker is its taker's.
_TAKERS: Final = {"buy": Side.BUY, "sell": Side.SELL}


class CoinbaseDecoder:
    """Makes values of the frames of two channels; `names` has exo's symbol of each product."""

    def __init__(self, names: Mapping[str, str], touch: Touch = "level2_batch", trades: Trades = "matches") -> None:
        self._names = names
        self._ticks = touch == "ticker"
        self._matches = trades == "matches"
        self._prices = Numbers()
        ticker = TouchFrame if self._matches else TickerFrame
        hot: Any = ticker if self._ticks or not self._matches else UpdateFrame
        if self._matches:
            hot = hot | MatchFrame
        elif not self._ticks:
            hot = hot | UpdateFrame
        self._hot = msgspec.json.Decoder(hot).decode

    def decode(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """All that this frame says."""
        if plain(frame):
            try:
                hot = self._hot(frame)
                kind = type(hot)
                if kind is UpdateFrame:
                    return (self._of_update(hot, received_ns),)
                if kind is TouchFrame:
                    symbol, time, prices = self._names[hot.product_id], hot.time, self._prices
                    bid_px, ask_px = prices[hot.best_bid], prices[hot.best_ask]
                    bid_size, ask_size = parse(hot.best_bid_size), parse(hot.best_ask_size)
                    return (Quote(symbol, bid_px, bid_size, ask_px, ask_size, received_ns, hot.sequence, time),)
                if kind is MatchFrame:
                    return (self._of_match(hot, received_ns),)
                return self._of_ticker(hot, received_ns)
            except (msgspec.MsgspecError, InvalidValue, LookupError, ArithmeticError):
                pass  # the careful way finds out what it is
        return self._carefully(frame, received_ns)

    def _of_ticker(self, hot: TickerFrame, received_ns: int) -> Sequence[Event]:
        symbol, prices, side, time = self._names[hot.product_id], self._prices, _TAKERS[hot.side], hot.time
        px, qty = prices[hot.price], parse(hot.last_size)
        trade = Trade(symbol, px, qty, side, received_ns, hot.sequence, str(hot.trade_id), time)
        if not self._ticks:
            return (trade,)
        sizes = [None if size is None else parse(size) for size in (hot.best_bid_size, hot.best_ask_size)]
        bid_px, ask_px = prices[hot.best_bid], prices[hot.best_ask]
        return (Quote(symbol, bid_px, sizes[0], ask_px, sizes[1], received_ns, hot.sequence, time), trade)

    def _of_match(self, hot: MatchFrame, received_ns: int) -> Event:
        symbol, px, side = self._names[hot.product_id], self._prices[hot.price], _AGGRESSORS[hot.side]
        qty, time = parse(hot.size), hot.time
        return Trade(symbol, px, qty, side, received_ns, hot.sequence, str(hot.trade_id), time)

    def _of_update(self, hot: UpdateFrame, received_ns: int) -> Event:
        symbol, prices = self._names[hot.product_id], self._prices
        bids: list[Level] = []
        asks: list[Level] = []
        for side, px, size in hot.changes:
            level = Level(prices[px], parse(size))
            if not ZERO <= level.size < CEILING:
                raise KeyError(size)
            if side == "buy":
                bids.append(level)
            elif side == "sell":
                asks.append(level)
            else:
                raise KeyError(side)
        return Levels(symbol, tuple(bids), tuple(asks), False, received_ns, _zoned(hot.time))

    def _carefully(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        fields: Fields | None = None
        try:
            fields = Fields(message(frame))
            if "type" not in fields.members and "channel" in fields.members:
                return (Other(str(fields.members["channel"])),)  # of Advanced Trade, the venue's other feed
            kind = fields.text("type")
            read = _READERS.get(kind)
            if read is None and not _OF_A_BOOK.isdisjoint(fields.members):
                raise InvalidValue("$.type", f"expected snapshot or l2update, got {kind!r:.40}")
            return (Other(kind),) if read is None else read(self, fields, received_ns, frame)
        except (InvalidValue, ArithmeticError) as error:
            members = {} if fields is None else fields.members
            kind = str(members.get("type"))
            aside = kind in _ASIDE or kind in (_BOOK if self._ticks else _TICKER)
            return (bad(error, frame, members.get("product_id"), not aside),)

    def _ticker(self, fields: Fields, received_ns: int, frame: bytes) -> Sequence[Event]:
        name, sequence, time = fields.text("product_id"), fields.whole("sequence"), fields.time_or_none("time")
        events: list[Event] = []
        symbol = self._names.get(name)
        if self._ticks:
            bid = side_of_book(_px(fields, "best_bid"), fields.number_or_none("best_bid_size"))
            ask = side_of_book(_px(fields, "best_ask"), fields.number_or_none("best_ask_size"))
            if symbol is not None:
                events.append(Quote(symbol, *bid, *ask, received_ns, sequence, time))
        # The first ticker of a product that has never traded has no trade.
        if not self._matches and fields.members.get("trade_id") is not None:
            px, qty, side = fields.number("price"), fields.number("last_size"), _side(fields, _TAKERS)
            trade_id = str(fields.whole("trade_id"))
            if symbol is not None:
                events.append(Trade(symbol, px, qty, side, received_ns, sequence, trade_id, time))
        if symbol is None:
            return (Stray(name),)
        return events or (Other("ticker"),)

    def _match(self, fields: Fields, received_ns: int, frame: bytes) -> Sequence[Event]:
        kind = fields.text("type")
        if not self._matches:
            return (Other(kind),)
        name, sequence, time = fields.text("product_id"), fields.whole("sequence"), fields.time("time")
        px, qty, side = fields.number("price"), fields.number("size"), _side(fields, _AGGRESSORS)
        trade_id = str(fields.whole("trade_id"))
        symbol = self._names.get(name)
        if symbol is None:
            return (Stray(name),)
        trade = Trade(symbol, px, qty, side, received_ns, sequence, trade_id, time)
        return (trade if kind == "match" else Past(trade),)

    def _snapshot(self, fields: Fields, received_ns: int, frame: bytes) -> Sequence[Event]:
        if self._ticks:
            return (Other("snapshot"),)
        problems: list[Event] = []
        name = fields.text("product_id")
        sides = [_levels(fields.rows(side), f"$.{side}", problems, frame, name) for side in ("bids", "asks")]
        if name not in self._names:
            return (Stray(name), *problems)
        return (Levels(self._names[name], sides[0], sides[1], True, received_ns, None), *problems)

    def _update(self, fields: Fields, received_ns: int, frame: bytes) -> Sequence[Event]:
        if self._ticks:
            return (Other("l2update"),)
        problems: list[Event] = []
        name, changes = fields.text("product_id"), fields.rows("changes")
        of_side: dict[str, list[Any]] = {"buy": [], "sell": []}
        for index, change in enumerate(changes):
            if isinstance(change, list) and len(change) == 3 and change[0] in ("buy", "sell"):
                of_side[change[0]].append(change[1:])
            else:
                problem = InvalidValue(f"$.changes[{index}]", f"expected side, price and size, got {change!r:.40}")
                problems.append(bad(problem, frame, name))
        sides = [_levels(of_side[side], f"$.changes.{side}", problems, frame, name) for side in ("buy", "sell")]
        time = fields.time_or_none("time")
        if name not in self._names:
            return (Stray(name), *problems)
        return (Levels(self._names[name], sides[0], sides[1], False, received_ns, time), *problems)

    def _heartbeat(self, fields: Fields, received_ns: int, frame: bytes) -> Sequence[Event]:
        name, trade_id = fields.text("product_id"), fields.whole("last_trade_id")
        return (Beat(self._names[name], trade_id) if name in self._names else Stray(name),)

    def _subscriptions(self, fields: Fields, received_ns: int, frame: bytes) -> Sequence[Event]:
        """All that is subscribed now, as channel:product."""
        names: list[str] = []
        for index, channel in enumerate(fields.rows("channels")):
            of = Fields(channel, f"$.channels[{index}]")
            names += [f"{of.text('name')}:{product}" for product in of.rows("product_ids")]
        return (Taken("subscriptions", tuple(names)),)

    def _error(self, fields: Fields, received_ns: int, frame: bytes) -> Sequence[Event]:
        text = str(fields.members.get("message", "an error"))
        reason = fields.members.get("reason")
        name = reason.partition(" is not a valid product")[0] if isinstance(reason, str) else None
        what = name if name in self._names else None
        said = text if reason is None else f"{text}: {reason}"
        return (Failed(said, what, 1.0 if _TOO_MANY.search(said) else None),)


_ASIDE: Final = frozenset({"match", "last_match", "heartbeat", "subscriptions", "error"})  # of no touch
_BOOK, _TICKER = frozenset({"snapshot", "l2update"}), frozenset({"ticker"})  # either is
_OF_A_BOOK: Final = frozenset({"changes", "bids", "asks"})
_READERS: Final = {
    "ticker": CoinbaseDecoder._ticker,
    "match": CoinbaseDecoder._match,
    "last_match": CoinbaseDecoder._match,
    "snapshot": CoinbaseDecoder._snapshot,
    "l2update": CoinbaseDecoder._update,
    "heartbeat": CoinbaseDecoder._heartbeat,
    "subscriptions": CoinbaseDecoder._subscriptions,
    "error": CoinbaseDecoder._error,
}


def _levels(rows: Sequence[Any], place: str, problems: list[Event], frame: bytes, name: str) -> tuple[Level, ...]:
    """The levels that can be read; of each other one a word (one with the size `0.-10000` was seen)."""
    levels = []
    for index, row in enumerate(rows):
        try:
            if not isinstance(row, list) or len(row) != 2:
                raise InvalidValue(f"{place}[{index}]", f"expected price and size, got {row!r:.40}")
            px, size = (exact(number, f"{place}[{index}]") for number in row)
            if size.is_signed():
                raise InvalidValue(f"{place}[{index}]", f"expected a size of at least 0, got {size}")
            levels.append(Level(px, size))
        except (InvalidValue, ArithmeticError) as error:
            problems.append(bad(error, frame, name))
    return tuple(levels)


def _px(fields: Fields, name: str) -> Decimal | None:
    """A price, None where there is none: no member, null, or an empty text."""
    return None if fields.members.get(name) == "" else fields.number_or_none(name)


def _side(fields: Fields, sides: Mapping[str, Side]) -> Side:
    side = sides.get(fields.text("side"))
    if side is None:
        raise InvalidValue("$.side", f"expected buy or sell, got {fields.text('side')!r:.40}")
    return side


def _zoned(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise KeyError("time")
    return time
