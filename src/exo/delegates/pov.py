"""Pov: an order that takes its share of what the market trades."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from exo.errors import InvalidValue
from exo.mkt import Order, Quote, Tag, TimeInForce
from exo.mkt.exact import ZERO, add, divide, multiply, subtract, units
from exo.run import DONE, Desk, Next, Update

_ONE = Decimal(1)
_TENTH = Decimal("0.1")


class PovOrder(Order):
    """So much at `rate` of the volume, in whole `lot`s and at no worse than `price`.

    Of the volume that it makes together with the others, it has that rate: 0.1 is one in ten, of which nine are theirs.
    It never asks for more than `clip` at a time, so it catches up in steps: a tenth of its quantity and at least a lot
    unless told; 0 is no bound.
    """

    order_qty: Decimal
    price: Decimal | None = None
    rate: Annotated[Decimal, Tag(0, ZERO, not_zero=True)] = Decimal("0.1")
    lot: Annotated[Decimal, Tag(0, ZERO, not_zero=True)] = Decimal("1E-8")
    clip: Annotated[Decimal, Tag(0, ZERO)] | None = None

    def __post_init__(self) -> None:
        """Check every field, and that something is left to others."""
        super().__post_init__()
        if self.rate >= _ONE:
            raise InvalidValue("$.rate", f"expected less than 1, got {self.rate}")


class Pov:
    """Takes of the far side what its share of the trades since it arrived amounts to, up to what is displayed there.

    Its own prints are no volume: where the venue's trades show them, they are taken out. Each quote is taken of once.
    Nothing is taken of an unknown size, on stale data, or while the order is held. Done when no whole lot is
    left, or cancelled and nothing is at the venue any more; without trades it waits.
    """

    def __init__(self, desk: Desk[PovOrder]) -> None:
        self._desk = desk
        self._volume = ZERO
        self._taken: Quote | None = None

    def act(self, update: Update[PovOrder]) -> Next:
        """Count what was traded, and take what is due of it."""
        desk = self._desk
        if update.trade is not None:
            self._volume = add(self._volume, update.trade.volume)
        if update.facts:
            if desk.cancelled:
                desk.cancel()
            if desk.finished or (desk.working is None and desk.leaves_qty < desk.order.lot):
                return DONE
        quote = update.quote
        if quote is not None and quote is not self._taken and not update.stale:
            self._take(quote)
        return None

    def clean_up(self) -> None:
        """Nothing is held."""

    def _take(self, quote: Quote) -> None:
        desk, order = self._desk, self._desk.order
        px, size = quote.far(order.side)
        due = self._due(order)
        if px is None or not size or due <= ZERO or not order.side.within(order.price, px):
            return
        qty = units(min(due, size, _clip(order) or due), order.lot)
        if qty and desk.work(price=px, order_qty=qty, time_in_force=TimeInForce.IOC):
            self._taken = quote

    def _due(self, order: PovOrder) -> Decimal:
        """What it may have by now and has not: rate / (1 - rate) of what the others have traded."""
        desk = self._desk
        others = self._volume
        if desk.capabilities is not None and desk.capabilities.prints_own:
            others = max(ZERO, subtract(others, desk.cum_qty))
        share = divide(multiply(others, order.rate), subtract(_ONE, order.rate))
        return units(subtract(min(share, order.order_qty), desk.cum_qty), order.lot)


def _clip(order: PovOrder) -> Decimal:
    """The most it may ask for at a time, 0 where nothing bounds it."""
    return max(order.lot, units(multiply(order.order_qty, _TENTH), order.lot)) if order.clip is None else order.clip
