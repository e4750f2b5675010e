"""Frames of BitMEX, member by member in the order of the recorded ones; its numbers are bare."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

from exo.mkt import Listing, Quote, Side, Trade
from exo.mkt.exact import EXACT
from exo.testing.exchange.dialects.numbers import bare, millis

_SATOSHI = Decimal(100_000_000)
_HUNDREDTH = Decimal("0.01")
_ROUND = Context(prec=60, rounding=ROUND_HALF_UP, traps=[])

_QUOTE_TYPES = (
    '"timestamp":"timestamp","symbol":"symbol","bidSize":"long","bidPrice":"float","askPrice":"float","askSize":"long"'
)
_TRADE_TYPES = (
    '"timestamp":"timestamp","symbol":"symbol","side":"symbol","size":"long","price":"float","tickDirection":"symbol",'
    '"trdMatchID":"guid","grossValue":"long","homeNotional":"float","foreignNotional":"float"'
)


class Worth(NamedTuple):
    """What a trade was worth: in satoshis, in the base and in the quote currency."""

    gross_value: Decimal
    home_notional: Decimal
    foreign_notional: Decimal


def worth(trade: Trade, listing: Listing) -> Worth:
    """A trade's worth: an inverse contract's is told per contract, to a hundredth of a satoshi."""
    size, price = trade.last_qty, trade.last_px
    if listing.inverse and price:
        each = _ROUND.quantize(_ROUND.divide(_SATOSHI, price), _HUNDREDTH)
        gross = _ROUND.quantize(_ROUND.multiply(each, size), Decimal(1))
        return Worth(gross, EXACT.scaleb(gross, -8), size)
    foreign = EXACT.multiply(EXACT.multiply(size, price), listing.contract_multiplier)
    satoshis = EXACT.multiply(foreign, _SATOSHI)
    return Worth(satoshis.to_integral_value(), size, foreign)


def quote_row(quote: Quote, *, at_ns: int, pool: str | None = None) -> str:
    """A row of `quote`; what is not known is null."""
    rest = "" if pool is None else f',"pool":"{pool}"'
    return (
        f'{{"timestamp":"{millis(at_ns)}","symbol":"{quote.symbol}","bidSize":{_known(quote.bid_size)},'
        f'"bidPrice":{_known(quote.bid_px)},"askPrice":{_known(quote.ask_px)},"askSize":{_known(quote.ask_size)}{rest}}}'
    )


def trade_row(trade: Trade, value: Worth, *, direction: str, match_id: str, at_ns: int, pool: str | None = None) -> str:
    """A row of `trade`."""
    rest = "" if pool is None else f',"trdType":"Regular","pool":"{pool}"'
    return (
        f'{{"timestamp":"{millis(at_ns)}","symbol":"{trade.symbol}",'
        f'"side":"{"Sell" if trade.aggressor is Side.SELL else "Buy"}","size":{bare(trade.last_qty)},'
        f'"price":{bare(trade.last_px)},"tickDirection":"{direction}","trdMatchID":"{match_id}",'
        f'"grossValue":{bare(value.gross_value)},"homeNotional":{bare(value.home_notional)},'
        f'"foreignNotional":{bare(value.foreign_notional)}{rest}}}'
    )


def _known(value: Decimal | None) -> str:
    return "null" if value is None else bare(value)


def insert(table: str, rows: Sequence[str]) -> bytes:
    """An `insert` of rows."""
    return f'{{"table":"{table}","action":"insert","data":[{",".join(rows)}]}}'.encode()


def partial(table: str, rows: Sequence[str], symbol: str | None, *, pool: bool = False) -> bytes:
    """A `partial`: the image a subscription begins with; `symbol` is the filter, None where there is none."""
    quotes = table == "quote"
    types = (_QUOTE_TYPES if quotes else _TRADE_TYPES) + (',"pool":"symbol"' if pool else "")
    keys = '{"symbol":"instrument"}' if quotes else '{"symbol":"instrument","side":"side"}'
    chosen = "{}" if symbol is None else f'{{"symbol":"{symbol}"}}'
    return (
        f'{{"table":"{table}","action":"partial","keys":[],"types":{{{types}}},"foreignKeys":{keys},'
        f'"attributes":{{"timestamp":"sorted","symbol":"grouped"}},"filter":{chosen},"data":[{",".join(rows)}]}}'
    ).encode()
