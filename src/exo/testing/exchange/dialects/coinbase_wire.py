"""Frames of Coinbase Exchange, member by member in the order of the recorded ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from exo.mkt import Listing, Quote, Side, Trade
from exo.mkt.exact import EXACT
from exo.testing.exchange.dialects.numbers import micros, padded, places, trimmed

_VOLUME_DIGITS = 8
_SIZE_DIGITS = 8  # of best_bid_size and best_ask_size, whatever the product's step
_NONE = Decimal(0)


class Day(NamedTuple):
    """A product's last day, as its ticker tells it."""

    open_24h: Decimal
    volume_24h: Decimal
    low_24h: Decimal
    high_24h: Decimal
    volume_30d: Decimal

    def after(self, trade: Trade) -> Day:
        """The day with one trade more."""
        return Day(
            self.open_24h,
            EXACT.add(self.volume_24h, trade.last_qty),
            min(self.low_24h, trade.last_px),
            max(self.high_24h, trade.last_px),
            EXACT.add(self.volume_30d, trade.last_qty),
        )

    @classmethod
    def opening(cls, trade: Trade) -> Day:
        """The day of which this is the first trade."""
        return cls(trade.last_px, trade.last_qty, trade.last_px, trade.last_px, trade.last_qty)


def ticker(
    quote: Quote, trade: Trade, day: Day, listing: Listing, *, sequence: int, trade_id: int, at_ns: int
) -> bytes:
    """A `ticker`: the last trade and the touch; sizes are told only where both are known."""
    digits = places(listing.tick)
    bid, ask = padded(quote.bid_px or _NONE, digits), padded(quote.ask_px or _NONE, digits)
    if quote.bid_size is None or quote.ask_size is None:
        touch = f'"best_bid":"{bid}","best_ask":"{ask}"'
    else:
        touch = (
            f'"best_bid":"{bid}","best_bid_size":"{padded(quote.bid_size, _SIZE_DIGITS)}",'
            f'"best_ask":"{ask}","best_ask_size":"{padded(quote.ask_size, _SIZE_DIGITS)}"'
        )
    return (
        f'{{"type":"ticker","sequence":{sequence},"product_id":"{trade.symbol}","price":"{trimmed(trade.last_px)}",'
        f'"open_24h":"{trimmed(day.open_24h)}","volume_24h":"{padded(day.volume_24h, _VOLUME_DIGITS)}",'
        f'"low_24h":"{trimmed(day.low_24h)}","high_24h":"{trimmed(day.high_24h)}",'
        f'"volume_30d":"{padded(day.volume_30d, _VOLUME_DIGITS)}",{touch},"side":"{taker(trade)}",'
        f'"time":"{micros(at_ns)}","trade_id":{trade_id},"last_size":"{trimmed(trade.last_qty)}"}}'
    ).encode()


def match(
    trade: Trade,
    *,
    kind: str = "match",
    sequence: int,
    trade_id: int,
    maker_order_id: str,
    taker_order_id: str,
    at_ns: int,
) -> bytes:
    """A `match` or `last_match`; its side is the maker's, so the other than a ticker's."""
    side = "sell" if taker(trade) == "buy" else "buy"
    return (
        f'{{"type":"{kind}","trade_id":{trade_id},"maker_order_id":"{maker_order_id}",'
        f'"taker_order_id":"{taker_order_id}","side":"{side}","size":"{trimmed(trade.last_qty)}",'
        f'"price":"{trimmed(trade.last_px)}","product_id":"{trade.symbol}","sequence":{sequence},'
        f'"time":"{micros(at_ns)}"}}'
    ).encode()


def taker(trade: Trade) -> str:
    """The side of the taker; the venue always says one, so a trade of neither counts as bought."""
    return "sell" if trade.aggressor is Side.SELL else "buy"


def l2update(changes: Iterable[tuple[Side, Decimal, Decimal]], listing: Listing, symbol: str, at_ns: int) -> bytes:
    """An `l2update`; a level that has gone has a size of 0, written to the product's step as all sizes are."""
    px, qty = places(listing.tick), places(listing.lot)
    text = ",".join(f'["{side.value.lower()}","{padded(p, px)}","{padded(q, qty)}"]' for side, p, q in changes)
    return f'{{"type":"l2update","product_id":"{symbol}","changes":[{text}],"time":"{micros(at_ns)}"}}'.encode()


def snapshot(
    bids: Sequence[tuple[Decimal, Decimal]], asks: Sequence[tuple[Decimal, Decimal]], listing: Listing, symbol: str
) -> bytes:
    """A `snapshot`, best levels first."""
    px, qty = places(listing.tick), places(listing.lot)
    told = [",".join(f'["{padded(p, px)}","{padded(q, qty)}"]' for p, q in levels) for levels in (asks, bids)]
    return f'{{"type":"snapshot","product_id":"{symbol}","asks":[{told[0]}],"bids":[{told[1]}]}}'.encode()


def heartbeat(symbol: str, *, sequence: int, last_trade_id: int, at_ns: int) -> bytes:
    """A `heartbeat` of a product."""
    return (
        f'{{"type":"heartbeat","last_trade_id":{last_trade_id},"product_id":"{symbol}","sequence":{sequence},'
        f'"time":"{micros(at_ns)}"}}'
    ).encode()
