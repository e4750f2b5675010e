"""Parent: what it takes to bring an order's children nearer to what its delegate wants, and no further."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from exo.dma.capabilities import Replace
from exo.dma.child import Child
from exo.dma.children import Children
from exo.dma.intent import Intent
from exo.dma.limits import Refusal
from exo.dma.request import CancelOrder, NewOrder, ReplaceOrder, Request
from exo.errors import InvalidValue
from exo.mkt.exact import ZERO, add, subtract
from exo.mkt.order import Order


class Parent(Children):
    """One order's side towards the venue; it makes requests and applies reports, and sends nothing.

    Invariant (C21): filled + open never exceeds the order's quantity, by the terms that each call is given. `refused`
    is why the last intent was not sent, None if it was.
    """

    __slots__ = ("_give", "order_id", "refused")

    def __init__(
        self,
        order_id: str,
        give: Callable[[str], str],
        watch: Callable[[Child | None, Child | None], object] | None = None,
    ) -> None:
        super().__init__(watch)
        self.order_id = order_id
        self.refused: Refusal | None = None
        self._give = give

    def left_of(self, order: Order) -> Decimal | None:
        """What these terms leave to execute; None for an order without a quantity."""
        order_qty: Decimal | None = getattr(order, "order_qty", None)
        return None if order_qty is None else max(ZERO, subtract(order_qty, self.cum_qty))

    def work(self, order: Order, intent: Intent, replace: Replace) -> Request | None:
        """The one request that brings the child nearer to this intent, None if there is nothing to ask or to wait for.

        `order` has the terms that bound it; a quantity beyond what is left is cut to that. `replace` is what the venue
        makes of one.
        """
        intent.check()
        child = self.at(intent.slot)
        wanted = self._wanted(order, intent, child)
        if child is None:
            return None if wanted <= ZERO else self.ask(self._new(order, intent, wanted), intent.slot)
        if not child.live or child.unanswered or child.in_doubt or child.terms.immediate or not child.acknowledged:
            return None
        terms = child.terms
        alike = (terms.time_in_force, terms.exec_inst) == (intent.time_in_force, intent.exec_inst)
        if alike and (child.price, child.leaves_qty) == (intent.price, wanted):
            return None
        if wanted > ZERO and alike and child.price is not None and intent.price is not None:
            reduces = child.price == intent.price and wanted < child.leaves_qty
            if replace is Replace.TOTAL or (replace is Replace.REDUCE and reduces):
                total = add(child.cum_qty, wanted)
                return self.ask(self._replace(order, intent, total, child))
        if wanted > ZERO and replace is Replace.CANCEL_NEW and self._fits_beside(order, wanted):
            return self.ask(self._replace(order, intent, wanted, child), intent.slot)
        return self.cancel(order, child)

    def wants(self, order: Order, intent: Intent, request: NewOrder | ReplaceOrder) -> bool:
        """Whether a request of this intent's slot asks for just what the intent wants."""
        child = self.find(request.cl_ord_id)
        terms = (request.price, request.time_in_force, request.exec_inst)
        if child is None or terms != (intent.price, intent.time_in_force, intent.exec_inst):
            return False
        wanted = self._wanted(order, intent, child)
        return request.order_qty == add(child.cum_qty, wanted)

    def cancel(self, order: Order, child: Child) -> CancelOrder | None:
        """The request to cancel this child; None if it cannot trade any more, or is asked already."""
        if child.phase.over or child.cancelling or not child.open_qty:
            return None
        request = CancelOrder(
            order_id=self.order_id,
            cl_ord_id=self._give(self.order_id),
            orig_cl_ord_id=_last_name(child),
            side=order.side,
            symbol=order.symbol,
        )
        self.ask(request)
        return request

    def too_much(self, order: Order) -> Iterator[Child]:
        """The children that must go because more is open than these terms leave, newest first."""
        left = self.left_of(order)
        if left is None:
            return
        over = subtract(self.open_qty, left)
        for child in reversed(self.unfinished) if over > ZERO else ():
            if over <= ZERO:
                return
            over = subtract(over, child.open_qty)
            yield child

    def _wanted(self, order: Order, intent: Intent, child: Child | None) -> Decimal:
        """How much may stand in this slot of what the intent wants: what is left beside the other children."""
        left = self.left_of(order)
        if left is not None:
            beside = self.open_qty if child is None else subtract(self.open_qty, child.open_qty)
            left = max(ZERO, subtract(left, beside))
        if intent.order_qty is not None:
            return intent.order_qty if left is None else min(intent.order_qty, left)
        if left is None:
            problem = f"expected a quantity: a {type(order).__name__} has no order_qty of its own"
            raise InvalidValue("order_qty", problem)
        return left

    def _fits_beside(self, order: Order, wanted: Decimal) -> bool:
        left = self.left_of(order)
        return left is None or add(self.open_qty, wanted) <= left

    def _new(self, order: Order, intent: Intent, order_qty: Decimal) -> NewOrder:
        return NewOrder(
            order_id=self.order_id,
            cl_ord_id=self._give(self.order_id),
            side=order.side,
            symbol=order.symbol,
            order_qty=order_qty,
            price=intent.price,
            time_in_force=intent.time_in_force,
            exec_inst=intent.exec_inst,
        )

    def _replace(self, order: Order, intent: Intent, order_qty: Decimal, child: Child) -> ReplaceOrder:
        return ReplaceOrder(
            order_id=self.order_id,
            cl_ord_id=self._give(self.order_id),
            orig_cl_ord_id=_last_name(child),
            side=order.side,
            symbol=order.symbol,
            order_qty=order_qty,
            price=intent.price,
            time_in_force=intent.time_in_force,
            exec_inst=intent.exec_inst,
        )


def _last_name(child: Child) -> str:
    """The name a request must refer to: the last in the chain that was not rejected."""
    for asked in reversed(child.unanswered):
        if isinstance(asked.request, ReplaceOrder):
            return asked.request.cl_ord_id
    return child.cl_ord_id
