"""Twap: an order in equal slices over time."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from exo.errors import InvalidValue
from exo.mkt import Order, Quote, Tag, TimeInForce
from exo.mkt.exact import ZERO, add, divide, multiply, subtract, units
from exo.run import DONE, Desk, Next, Update

_NS: Final = 1_000_000_000
_LONGEST_S: Final = Decimal(86_400 * 7)


class TwapOrder(Order):
    """So much over `duration_s` seconds, in `slices` of equal size in whole `lot`s, at no worse than `price`.

    What could not be had in its time is caught up with, but never more than `catch_up` slices, rounded up to a lot,
    within the time of one.
    """

    order_qty: Decimal
    price: Decimal | None = None
    duration_s: Annotated[Decimal, Tag(0, ZERO, not_zero=True)] = Decimal(60)
    slices: int = 12
    lot: Annotated[Decimal, Tag(0, ZERO, not_zero=True)] = Decimal("1E-8")
    catch_up: int = 3

    def __post_init__(self) -> None:
        """Check every field, and that there are slices and a week at most."""
        super().__post_init__()
        if not 1 <= self.slices <= 1_000_000:
            raise InvalidValue("$.slices", f"expected from 1 to 1000000, got {self.slices}")
        if self.catch_up < 1:
            raise InvalidValue("$.catchUp", f"expected at least 1, got {self.catch_up}")
        if self.duration_s > _LONGEST_S:
            raise InvalidValue("$.durationS", f"expected at most {_LONGEST_S}, got {self.duration_s}")


class Twap:
    """Takes of the far side what is due by now, up to what is displayed there; ends with the order's duration.

    The first slice is due when the order arrives, the others evenly after it; what could not be had of one is due with
    the next, as far as its order lets it catch up. It never takes more than is due, so never more than its quantity.
    Nothing is taken of an unknown size, on stale data, or while the order is held. When the time is up it is done,
    whatever is left.
    """

    def __init__(self, desk: Desk[TwapOrder]) -> None:
        self._desk = desk
        self._began_ns = desk.now_ns
        self._taken: Quote | None = None
        self._due = ZERO
        self._next_ns = 0
        self._slice = 0
        self._most = ZERO

    def act(self, update: Update[TwapOrder]) -> Next:
        """Take what is due and may be taken; ask to be woken for the next slice."""
        desk = self._desk
        if update.facts or update.now_ns >= self._next_ns:
            if desk.cancelled:
                desk.cancel()
            if desk.finished or (self._schedule(desk.order, update.now_ns) and desk.working is None):
                return DONE
        quote = update.quote
        if quote is not None and quote is not self._taken and self._due > desk.cum_qty and not update.stale:
            self._take(quote)
        return None

    def clean_up(self) -> None:
        """Nothing is held."""

    def _take(self, quote: Quote) -> None:
        order = self._desk.order
        px, size = quote.far(order.side)
        if px is not None and size and order.side.within(order.price, px):
            due = subtract(self._due, self._desk.cum_qty)
            qty = due if due <= size else units(size, order.lot)  # the rest of the last slice may be no whole lot
            if qty and self._desk.work(price=px, order_qty=qty, time_in_force=TimeInForce.IOC):
                self._taken = quote

    def _schedule(self, order: TwapOrder, now_ns: int) -> bool:
        """Find out what is due by now and when more is; answers whether the time is up."""
        duration_ns = int(multiply(order.duration_s, Decimal(_NS)))
        passed_ns = now_ns - self._began_ns
        if passed_ns >= duration_ns:
            self._due = ZERO
            return True
        reached = passed_ns * order.slices // duration_ns + 1
        if reached != self._slice:
            self._slice = reached
            slices_qty = divide(multiply(order.order_qty, Decimal(order.catch_up)), Decimal(order.slices))
            lots = units(slices_qty, order.lot)
            self._most = add(self._desk.cum_qty, lots if lots == slices_qty else add(lots, order.lot))
        self._due = order.order_qty
        if reached < order.slices:
            part = divide(multiply(order.order_qty, Decimal(reached)), Decimal(order.slices))
            self._due = units(part, order.lot)
        self._due = min(self._due, self._most)
        self._next_ns = self._began_ns - (-reached * duration_ns // order.slices)
        self._desk.wake_at(self._next_ns)
        return False
