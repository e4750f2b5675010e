"""Position: what is held of one symbol, at which average price, and what it has brought and cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from exo.mkt.enums import Side
from exo.mkt.exact import ZERO, add, divide, multiply, places, ratio, rounded, subtract
from exo.mkt.listing import Listing
from exo.mkt.value import Frozen

_UNLISTED_PLACES: Final = 8
_ONE: Final = Decimal(1)


class Position(Frozen):
    """A holding after every execution so far; the next execution makes a new one.

    `quantity` is signed, less than 0 where short. `avg_px` is at what it was opened, with `px_places` decimal places;
    0 where flat. `realised` is the profit of what was closed, without fees, in the quote currency; of an `inverse`
    contract in the base currency. `fees` are all that were paid in the currency of profits, less than 0 if they were
    earned; one that was paid in the base asset of a spot symbol reduces the quantity instead, as the venue takes it out
    of what was bought.

    An average is rounded where it is made, halves away from zero, so realised and unrealised profit together may differ
    from the cash that flowed by that rounding times quantity and multiplier; all else is exact.
    """

    symbol: str
    quantity: Decimal = ZERO
    avg_px: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    multiplier: Decimal = _ONE
    inverse: bool = False
    base: str = ""
    px_places: int = _UNLISTED_PLACES

    def traded(
        self,
        side: Side,
        last_qty: Decimal,
        last_px: Decimal,
        commission: Decimal = ZERO,
        comm_currency: str | None = None,
    ) -> Position:
        """The position after an execution; a quantity of 0 changes nothing but fees."""
        signed = last_qty if side is Side.BUY else last_qty.copy_negate()
        quantity, avg_px, realised = self.quantity, self.avg_px, self.realised
        if signed:
            total = add(quantity, signed)
            if not quantity or (quantity > ZERO) == (signed > ZERO):
                avg_px = self._average(quantity, signed, last_px)
            else:
                closed = min(quantity.copy_abs(), signed.copy_abs()).copy_sign(quantity)
                realised = add(realised, self._profit(closed, avg_px, last_px))
                if not total:
                    avg_px = ZERO
                elif (total > ZERO) != (quantity > ZERO):
                    avg_px = last_px  # it was turned: what is held now was opened by this execution
            quantity = total
        fees = self.fees
        if self.base and comm_currency == self.base and not self.inverse:
            quantity = subtract(quantity, commission)
            avg_px = avg_px if quantity else ZERO
        else:
            fees = add(fees, commission)
        return msgspec.structs.replace(self, quantity=quantity, avg_px=avg_px, realised=realised, fees=fees)

    def mark(self, px: Decimal) -> Decimal:
        """The profit that would be realised by closing it at this price."""
        return self._profit(self.quantity, self.avg_px, px) if self.quantity else ZERO

    def valuation(self, px: Decimal) -> Decimal:
        """What it is worth at this price, less than 0 where short; of an inverse contract, in the base currency."""
        size = multiply(self.quantity, self.multiplier)
        return divide(size, px) if self.inverse else multiply(size, px)

    def adjusted(self, cash: Decimal) -> Position:
        """The same with cash added to what is realised: funding, settlement, a correction."""
        return msgspec.structs.replace(self, realised=add(self.realised, cash))

    def reset(self) -> Position:
        """The same with nothing realised and no fees: a new period begins."""
        return msgspec.structs.replace(self, realised=ZERO, fees=ZERO)

    def _average(self, quantity: Decimal, more: Decimal, px: Decimal) -> Decimal:
        """The average price of both; of an inverse contract the harmonic one, for its worth is size over price."""
        if not quantity:
            return px
        total = add(quantity, more)
        if self.inverse:
            worth = add(divide(quantity, self.avg_px), divide(more, px))
            return rounded(divide(total, worth), self.px_places)
        return ratio(add(multiply(quantity, self.avg_px), multiply(more, px)), total, self.px_places)

    def _profit(self, quantity: Decimal, opened_px: Decimal, closed_px: Decimal) -> Decimal:
        """What this signed quantity brings between two prices."""
        size = multiply(quantity, self.multiplier)
        if self.inverse:
            return subtract(divide(size, opened_px), divide(size, closed_px))
        return multiply(size, subtract(closed_px, opened_px))


def position_of(listing: Listing | None, symbol: str, base: str = "") -> Position:
    """A flat position; without a listing with a multiplier of 1 and averages of 8 places.

    `base` names the asset that a spot symbol is an amount of.
    """
    if listing is None:
        return Position(symbol=symbol, base=base)
    return Position(
        symbol=symbol,
        multiplier=listing.contract_multiplier,
        inverse=listing.inverse,
        base=base,
        px_places=places(listing.tick) + 1,
    )
