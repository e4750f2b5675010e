"""TakeFar: takes the far side of the market, on paper."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from exo.mkt.exact import ZERO, add, subtract
from exo.mkt.order import Order
from exo.mkt.quote import Quote
from exo.run import DONE, Desk, Next, Update


class FarOrder(Order):
    """An order to take the far side: so much of it, at no worse than `price`; without one, at any price."""

    order_qty: Decimal
    price: Decimal | None = None


class Fill(NamedTuple):
    """One fill on paper."""

    qty: Decimal
    px: Decimal


class TakeFar:
    """Fills its order in its own head, at the far price and up to the size displayed there.

    Nothing is sent anywhere. Each quote is taken once, by each order for itself: two orders may both take the whole of
    it. An unknown size fills nothing, nor does stale data or a held order. `fills` is what it took, in order.
    """

    def __init__(self, desk: Desk[FarOrder]) -> None:
        self.desk = desk
        self.fills: list[Fill] = []
        self.cum_qty = ZERO
        self._taken: Quote | None = None

    def act(self, update: Update[FarOrder]) -> Next:
        """Take what may be taken; done once the order is filled or cancelled."""
        desk, quote = self.desk, update.quote
        order = desk.order
        if desk.cancelled or self.cum_qty >= order.order_qty:
            return DONE
        if quote is not None and quote is not self._taken:
            px, size = quote.far(order.side)
            if px is not None and size and order.side.within(order.price, px) and not (update.stale or desk.held):
                self._taken = quote
                return self._fill(min(size, subtract(order.order_qty, self.cum_qty)), px)
        return None

    def clean_up(self) -> None:
        """Nothing is held."""

    def _fill(self, qty: Decimal, px: Decimal) -> Next:
        self.fills.append(Fill(qty, px))
        self.cum_qty = add(self.cum_qty, qty)
        return DONE if self.cum_qty == self.desk.order.order_qty else None
