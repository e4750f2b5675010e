"""Sweep: takes the far side of the market, up to its limit and up to what is displayed there."""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter, gt, lt

from exo.mkt import Order, Quote, Side, TimeInForce
from exo.run import DONE, Desk, Next, Update


class SweepOrder(Order):
    """So much, at no worse than `price`; without one, at any price."""

    order_qty: Decimal
    price: Decimal | None = None


class Sweep:
    """Sends an immediate-or-cancel child for what is displayed at the far side, whenever that is within the limit.

    Each quote is taken once: what was not got of it has gone to others. Nothing is taken of an unknown size, on stale
    data, or while the order is held. Done when all is filled, or cancelled and nothing is at the venue any more.
    """

    def __init__(self, desk: Desk[SweepOrder]) -> None:
        self._desk = desk
        self._taken: Quote | None = None
        buying = desk.order.side is Side.BUY
        self._far_px = attrgetter("ask_px" if buying else "bid_px")
        self._beyond = gt if buying else lt
        self._limit = desk.order.price

    def act(self, update: Update[SweepOrder]) -> Next:
        """Take what may be taken."""
        if update.facts:  # only these change the terms, and whether it is finished
            self._limit = self._desk.order.price
            if self._desk.cancelled:
                self._desk.cancel()
            if self._desk.finished:
                return DONE
        quote, limit = update.quote, self._limit
        if quote is None:
            return None
        px = self._far_px(quote)
        if px is None or (limit is not None and self._beyond(px, limit)):
            return None  # as far as most calls come, so all that is above is quick
        _, size = quote.far(self._desk.order.side)
        if size and quote is not self._taken and not update.stale:
            if self._desk.work(price=px, order_qty=size, time_in_force=TimeInForce.IOC):
                self._taken = quote
        return None

    def clean_up(self) -> None:
        """Nothing is held."""
