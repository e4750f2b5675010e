"""Frames of Binance spot and USD-M futures, member by member in the order of the recorded ones."""

from __future__ import annotations

from decimal import Decimal

from exo.mkt import Listing, Quote, Side, Trade
from exo.testing.exchange.dialects.numbers import padded, places

_SPOT_DIGITS = 8
_NONE = Decimal(0)


def spot_book_ticker(quote: Quote, *, u: int) -> bytes:
    """A `bookTicker` of spot: no type, no time."""
    return f'{{"u":{u},"s":"{quote.symbol}",{_touch(quote, _SPOT_DIGITS, _SPOT_DIGITS)}}}'.encode()


def usdm_book_ticker(quote: Quote, listing: Listing, *, u: int, transact_ms: int, event_ms: int) -> bytes:
    """A `bookTicker` of USD-M futures, written to the listing's digits."""
    touch = _touch(quote, places(listing.tick), places(listing.lot))
    return (f'{{"e":"bookTicker","u":{u},"s":"{quote.symbol}",{touch},"T":{transact_ms},"E":{event_ms}}}').encode()


def _touch(quote: Quote, px_digits: int, qty_digits: int) -> str:
    bid_px, bid_size = padded(quote.bid_px or _NONE, px_digits), padded(quote.bid_size or _NONE, qty_digits)
    ask_px, ask_size = padded(quote.ask_px or _NONE, px_digits), padded(quote.ask_size or _NONE, qty_digits)
    return f'"b":"{bid_px}","B":"{bid_size}","a":"{ask_px}","A":"{ask_size}"'


def spot_trade(trade: Trade, *, t: int, event_ms: int, transact_ms: int) -> bytes:
    """A `trade` of spot; `m` says whether the buyer was the maker."""
    px, qty = padded(trade.last_px, _SPOT_DIGITS), padded(trade.last_qty, _SPOT_DIGITS)
    return (
        f'{{"e":"trade","E":{event_ms},"s":"{trade.symbol}","t":{t},"p":"{px}","q":"{qty}",'
        f'"T":{transact_ms},"m":{_maker_bought(trade)},"M":true}}'
    ).encode()


def usdm_trade(
    trade: Trade, listing: Listing, *, t: int, event_ms: int, transact_ms: int, kind: str = "MARKET"
) -> bytes:
    """A `trade` of USD-M futures; `kind` is X, and what is not MARKET is no trade of the market."""
    px, qty = padded(trade.last_px, places(listing.tick)), padded(trade.last_qty, places(listing.lot))
    return (
        f'{{"e":"trade","E":{event_ms},"T":{transact_ms},"s":"{trade.symbol}","t":{t},"p":"{px}","q":"{qty}",'
        f'"X":"{kind}","m":{_maker_bought(trade)}}}'
    ).encode()


def _maker_bought(trade: Trade) -> str:
    return "true" if trade.aggressor is Side.SELL else "false"


def combined(stream: str, frame: bytes) -> bytes:
    """A frame as the combined endpoint wraps it."""
    return b'{"stream":"%b","data":%b}' % (stream.encode(), frame)
