"""Position: what is held of one symbol, at which average price, and what it has brought and cost."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from exo.errors import InvalidValue
from exo.mkt.enums import Side
from exo.mkt.exact import ZERO, add, divide, multiply, places, problem_with, ratio, subtract
from exo.mkt.execution import Execution
from exo.mkt.listing import Listing
from exo.mkt.value import Frozen

_UNLISTED_PLACES: Final = 8
_ONE: Final = Decimal(1)


class Position(Frozen):
    """A holding after every execution so far; the next execution makes a new one.

    `quantity` is signed, less than 0 where short. `avg_px` is at what it was opened; 0 where flat. `realised` is the
    profit of what was closed, in the currency of profits: the quote currency, of an `inverse` contract the base.

    A fee in the `base` asset of a spot symbol is taken out of `quantity`, and what was taken is a loss in `realised`,
    valued at the price of its execution; such a rebate adds and is a gain. A fee in the currency of profits adds to
    `fees`, which `realised` does not contain; so does one whose currency was not told, and each other one where
    `currency`, that of profits, is not known. All others stand in `other_fees` by currency: their worth is not known.

    **Rounding.** One execution alone has its own price. The average of several is the exact one rounded once to
    `px_places`, halves away from zero; what the rounding leaves out is kept in `residue` and goes into the next
    average, and in proportion into what is realised. So nothing is lost: realised and unrealised profit are together
    exactly the cash that flowed and what is held is worth. Only the worth of an inverse contract, size over price, is
    a quotient: that of each execution is rounded to 60 digits.
    """

    symbol: str
    quantity: Decimal = ZERO
    avg_px: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    other_fees: tuple[tuple[str, Decimal], ...] = ()
    contract_multiplier: Decimal = _ONE
    inverse: bool = False
    base: str = ""
    currency: str = ""
    px_places: int = _UNLISTED_PLACES
    residue: Decimal = ZERO

    def traded(
        self,
        side: Side,
        last_qty: Decimal,
        last_px: Decimal,
        commission: Decimal = ZERO,
        comm_currency: str | None = None,
    ) -> Position:
        """The position after one more execution; a quantity of 0 changes nothing but fees."""
        return self.after(
            Execution(side=side, last_qty=last_qty, last_px=last_px, commission=commission, comm_currency=comm_currency)
        )

    def after(self, *executions: Execution) -> Position:
        """The position after these executions, in this order: from a flat one, what they alone have made."""
        position = self
        for execution in executions:
            position = position._moved(execution.signed_qty, execution.last_px)._charged(execution)
        return position

    def mark(self, px: Decimal) -> Decimal:
        """The profit that would be realised by closing it at this price."""
        _check("$.px", px)
        return self._gain(self.quantity, px, self.residue) if self.quantity else ZERO

    def valuation(self, px: Decimal) -> Decimal:
        """What it is worth at this price, less than 0 where short; of an inverse contract, in the base currency."""
        _check("$.px", px)
        worth = multiply(self.contract_multiplier, self._worth(self.quantity, px))
        return worth.copy_negate() if self.inverse else worth

    def adjusted(self, cash: Decimal) -> Position:
        """The same with cash added to what is realised: funding, settlement."""
        _check("$.cash", cash)
        return msgspec.structs.replace(self, realised=add(self.realised, cash))

    def reset(self) -> Position:
        """The same with nothing realised and no fees: a new period begins."""
        return msgspec.structs.replace(self, realised=ZERO, fees=ZERO, other_fees=())

    def _moved(self, signed_qty: Decimal, px: Decimal) -> Position:
        """The position after a quantity came (or, less than 0, went) at a price."""
        held = self.quantity
        total = add(held, signed_qty)
        if not signed_qty:
            return self
        if not held:
            self._worth(total, px)  # a price that an inverse contract cannot have is refused here
            return msgspec.structs.replace(self, quantity=total, avg_px=px)
        if (held > ZERO) == (signed_qty > ZERO):
            worth = add(add(self._worth(held, self.avg_px), self.residue), self._worth(signed_qty, px))
            dividend, divisor = (total.copy_negate(), worth) if self.inverse else (worth, total)
            avg_px = ratio(dividend, divisor, self.px_places)
            residue = subtract(worth, self._worth(total, avg_px))
            return msgspec.structs.replace(self, quantity=total, avg_px=avg_px, residue=residue)
        if total and (total > ZERO) == (held > ZERO):
            closed, avg_px = signed_qty.copy_negate(), self.avg_px
            residue = ratio(multiply(self.residue, total), held, places(self.residue))
        else:  # all of it is closed, and what is left was opened by this execution
            closed, avg_px, residue = held, px if total else ZERO, ZERO
        realised = add(self.realised, self._gain(closed, px, subtract(self.residue, residue)))
        return msgspec.structs.replace(self, quantity=total, avg_px=avg_px, realised=realised, residue=residue)

    def _charged(self, execution: Execution) -> Position:
        """The position after the fee of an execution that it contains."""
        fee, currency = execution.commission, execution.comm_currency
        if not fee:
            return self
        if self.base and currency == self.base and not self.inverse:
            px = execution.last_px
            loss = multiply(self.contract_multiplier, multiply(fee, px))
            return self._moved(fee.copy_negate(), px).adjusted(loss.copy_negate())
        if not currency or not self.currency or currency == self.currency:
            return msgspec.structs.replace(self, fees=add(self.fees, fee))
        return msgspec.structs.replace(self, other_fees=amounts((*self.other_fees, (currency, fee))))

    def _gain(self, quantity: Decimal, px: Decimal, residue: Decimal) -> Decimal:
        """What it brings to close so much of it, and so much of the residue, at a price."""
        opened = add(self._worth(quantity, self.avg_px), residue)
        return multiply(self.contract_multiplier, subtract(self._worth(quantity, px), opened))

    def _worth(self, quantity: Decimal, px: Decimal) -> Decimal:
        """The number that grows with the price as the profit does: of an inverse contract, less than 0 where long."""
        if not self.inverse:
            return multiply(quantity, px)
        if px <= ZERO:
            raise InvalidValue("$.px", f"{self.symbol} is an inverse contract and has no worth at {px}")
        return divide(quantity.copy_negate(), px)


def position_of(listing: Listing | None, symbol: str, base: str = "") -> Position:
    """A flat position; averages have a place more than the tick, and without a listing 8 and a multiplier of 1.

    `base` names the asset that a spot symbol is an amount of, or in which an inverse contract settles.
    """
    if listing is None:
        return Position(symbol=symbol, base=base)
    return Position(
        symbol=symbol,
        contract_multiplier=listing.contract_multiplier,
        inverse=listing.inverse,
        base=base,
        currency=base if listing.inverse else listing.currency,
        px_places=places(listing.tick) + 1,
    )


def amounts(pairs: Iterable[tuple[str, Decimal]]) -> tuple[tuple[str, Decimal], ...]:
    """The sum of each currency, in alphabetical order, without those that are 0."""
    sums: dict[str, Decimal] = {}
    for currency, amount in pairs:
        sums[currency] = add(sums.get(currency, ZERO), amount)
    return tuple((currency, amount) for currency, amount in sorted(sums.items()) if amount)


def _check(where: str, number: Decimal) -> None:
    problem = problem_with(number)
    if problem:
        raise InvalidValue(where, problem)
