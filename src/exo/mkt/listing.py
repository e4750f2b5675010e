"""Listing: an instrument as its venue lists it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from exo.mkt import fields
from exo.mkt.enums import Side
from exo.mkt.exact import EXACT, ZERO, add, subtract, units
from exo.mkt.order import check_symbol
from exo.mkt.value import Tag, Value

_ONE = Decimal(1)


class Listing(Value):
    """One instrument at one venue: its names, its steps and its smallest sizes.

    `security_id` is the venue's own name for `symbol`. `min_notional` is in the quote currency. `inverse` contracts
    are sized in the quote currency and settle in the base. Only where `may_trade_negative` can a price be 0 or less.
    """

    symbol: Annotated[str, Tag(55)]
    security_id: Annotated[str, Tag(48)] = ""
    venue: Annotated[str, Tag(207)] = ""
    tick: fields.MinPriceIncrement = Decimal("0.01")
    lot: fields.RoundLot = _ONE
    min_qty: fields.MinTradeVol = ZERO
    min_notional: fields.MinNotional = ZERO
    contract_multiplier: fields.ContractMultiplier = _ONE
    currency: Annotated[str, Tag(15)] = ""
    inverse: bool = False
    may_trade_negative: bool = False

    def __post_init__(self) -> None:
        """Check every field and the symbol."""
        super().__post_init__()
        check_symbol(self.symbol)

    def round_qty(self, quantity: Decimal) -> Decimal:
        """The quantity in whole lots, rounded down; 0 where that is below the minimum."""
        return units(quantity, self.lot, self.min_qty)

    def round_px(self, price: Decimal, side: Side) -> Decimal:
        """The price on a tick, rounded to the passive side: down for a buyer, up for a seller."""
        over = EXACT.remainder(price, self.tick)
        if not over:
            return price
        down = subtract(price, over if over > ZERO else add(over, self.tick))
        return down if side is Side.BUY else add(down, self.tick)

    def problem_with_px(self, price: Decimal) -> str | None:
        """Why this price cannot be quoted here, or None."""
        if price <= ZERO and not self.may_trade_negative:
            return f"{self.symbol} does not trade at {price}"
        if EXACT.remainder(price, self.tick):
            return f"{price} is not on the tick {self.tick} of {self.symbol}"
        return None
