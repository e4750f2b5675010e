"""Listings of what an exchange trades: given, or made up for the symbols of its ticks."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from exo.mkt import Listing, Quote
from exo.testing.exchange.dialects import Tick
from exo.testing.exchange.dialects.documents import currencies, name_of
from exo.testing.walk import RandomWalk


def listings_of(ticks: Iterable[Tick], given: Iterable[Listing] | None, *, bitmex: bool) -> dict[str, Listing]:
    """Listings by the venue's name: those given, or one for each symbol with the finest steps its ticks show."""
    if given is not None:
        return {name_of(listing): listing for listing in given}
    if isinstance(ticks, RandomWalk):  # its steps are known, and to look at an hour of it would take seconds
        return {symbol: _made_up(symbol, -2, 0, bitmex=bitmex) for symbol in ticks.symbols}
    steps: dict[str, tuple[int, int]] = {}
    for tick in ticks:
        px, qty = steps.get(tick.symbol, (0, 0))
        if isinstance(tick, Quote):
            px, qty = _finest(px, tick.bid_px, tick.ask_px), _finest(qty, tick.bid_size, tick.ask_size)
        else:
            px, qty = _finest(px, tick.last_px), _finest(qty, tick.last_qty)
        steps[tick.symbol] = px, qty
    return {symbol: _made_up(symbol, px, qty, bitmex=bitmex) for symbol, (px, qty) in steps.items()}


def _finest(exponent: int, *values: Decimal | None) -> int:
    for value in values:
        if value is not None:
            own = value.as_tuple().exponent
            if isinstance(own, int):
                exponent = min(exponent, own)
    return exponent


def _made_up(symbol: str, px: int, qty: int, *, bitmex: bool) -> Listing:
    base, quote = currencies(symbol, "")
    return Listing(
        symbol=symbol,
        security_id=symbol,
        tick=Decimal((0, (1,), px)),
        lot=Decimal((0, (1,), qty)),
        currency=quote,
        inverse=bitmex and base == "XBT" and quote == "USD",
    )
