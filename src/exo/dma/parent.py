"""Parent: an order's children and their sums, and what it takes to bring them nearer to what its delegate wants."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import Final

from exo.dma.child import Child
from exo.dma.request import CancelOrder, NewOrder, Request
from exo.errors import InvalidValue
from exo.mkt.enums import ExecType, TimeInForce
from exo.mkt.exact import ZERO, add, multiply, problem_with, subtract
from exo.mkt.order import Order
from exo.mkt.report import Report

_REMEMBERED: Final = 16
_IMMEDIATE: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})


class Parent:
    """One order's side towards the venue; it makes requests and applies reports, and sends nothing.

    Invariant (C21): filled + live never exceeds the order's quantity, where live is what a child that is live or in
    doubt may still execute. `cum_qty` and `notional` are of all executions, each counted once by ExecID, also of a
    child that is no longer remembered; the last 16 that ended are. ExecIDs are remembered while the order lives: to
    forget one would count its repeat. At most one child is live.
    """

    __slots__ = ("_children", "_executions", "_live", "_missing", "_requests", "_untold", "cum_qty", "notional")

    def __init__(self) -> None:
        self.cum_qty = ZERO
        self.notional = ZERO
        self._children: OrderedDict[str, Child] = OrderedDict()
        self._executions: set[tuple[str | None, str]] = set()
        self._live: str | None = None
        self._missing = ZERO  # what is executed of children that have ended, and not told yet
        self._untold: set[str | None] = set()
        self._requests = 0

    @property
    def children(self) -> tuple[Child, ...]:
        """The child orders, oldest first."""
        return tuple(self._children.values())

    @property
    def live(self) -> Child | None:
        """The child that is live or in doubt."""
        return None if self._live is None else self._children[self._live]

    @property
    def in_doubt(self) -> bool:
        """Whether the fate of a request is unknown."""
        child = self.live
        return child is not None and child.in_doubt

    def left_of(self, order: Order) -> Decimal | None:
        """What these terms leave to execute, less what is on its way; None for an order without a quantity."""
        order_qty: Decimal | None = getattr(order, "order_qty", None)
        if order_qty is None:
            return None
        return max(ZERO, subtract(subtract(order_qty, self.cum_qty), self._missing))

    def work(
        self, order: Order, order_id: str, order_qty: Decimal | None, price: Decimal | None, time_in_force: TimeInForce
    ) -> Request | None:
        """The one request that brings the child nearer to this intent, None if there is nothing to ask or to wait for.

        `order` has the terms that bound it; a quantity beyond what is left is cut to that, and None asks for all.
        """
        _check(order_qty, price, time_in_force)
        left = self.left_of(order)
        if order_qty is None and left is None:
            raise InvalidValue(
                "order_qty", f"expected a quantity: a {type(order).__name__} has no order_qty of its own"
            )
        child = self.live
        if child is not None and (child.cancel_id or child.in_doubt or child.time_in_force in _IMMEDIATE):
            return None
        wanted = left if order_qty is None else order_qty if left is None else min(order_qty, left)
        assert wanted is not None
        if child is not None:
            same = (child.price, child.time_in_force, child.leaves_qty) == (price, time_in_force, wanted)
            return None if same else self.cancel(order, order_id)
        if wanted <= ZERO:
            return None
        cl_ord_id = self._name(order_id)
        request = NewOrder(
            order_id=order_id,
            cl_ord_id=cl_ord_id,
            side=order.side,
            symbol=order.symbol,
            order_qty=wanted,
            price=price,
            time_in_force=time_in_force,
        )
        self._requests += 1
        self._children[cl_ord_id] = Child(request=request)
        self._live = cl_ord_id
        self._forget()
        return request

    def cancel(self, order: Order, order_id: str) -> CancelOrder | None:
        """The request to cancel what is live; None if nothing is, or it has been asked already."""
        child = self.live
        if child is None or child.cancel_id is not None:
            return None
        cancel_id = self._name(order_id)
        self._requests += 1
        self._children[child.cl_ord_id] = child.cancelling(cancel_id)
        return CancelOrder(
            order_id=order_id,
            cl_ord_id=cancel_id,
            orig_cl_ord_id=child.cl_ord_id,
            side=order.side,
            symbol=order.symbol,
        )

    def exceeds(self, order: Order) -> bool:
        """Whether what is open is more than these terms leave."""
        child, left = self.live, self.left_of(order)
        return child is not None and left is not None and child.leaves_qty > left

    def unsent(self, request: Request) -> None:
        """A request may or may not have left: a new order is in doubt, a cancel may be asked again."""
        child = self.live
        if child is not None:
            new = isinstance(request, NewOrder)
            self._children[child.cl_ord_id] = child.doubted() if new else child.cancelling(None)

    def apply(self, report: Report) -> bool:
        """Apply a report; answers False, and changes nothing, if it is an execution that was told before."""
        child = self._about(report)
        if report.exec_type is ExecType.TRADE:
            name = child.cl_ord_id if child is not None else report.cl_ord_id
            execution = (name, report.exec_id or "")
            if report.exec_id is not None and execution in self._executions:
                untold = report.exec_id in self._untold
                self._untold.discard(report.exec_id)
                return untold
            self._executions.add(execution)
            self.cum_qty = add(self.cum_qty, report.last_qty)
            self.notional = add(self.notional, multiply(report.last_qty, report.last_px))
        if child is not None:
            after = self._children[child.cl_ord_id] = child.after(report)
            self._missing = add(self._missing, subtract(_missing(after), _missing(child)))
            if self._live == child.cl_ord_id and not (after.live or after.in_doubt):
                self._live = None
        return True

    def untold(self, report: Report) -> None:
        """A report that has been applied could not be told to the delegate: its repeat is no news here, but there."""
        if report.exec_type is ExecType.TRADE and report.exec_id is not None:
            self._untold.add(report.exec_id)

    def _about(self, report: Report) -> Child | None:
        for name in (report.orig_cl_ord_id, report.cl_ord_id):
            if name is not None and name in self._children:
                return self._children[name]
        child = self.live
        return child if child is not None and child.cancel_id == report.cl_ord_id is not None else None

    def _name(self, order_id: str) -> str:
        """The next ClOrdID: the same run gives the same."""
        return f"{order_id}-{self._requests + 1}"

    def _forget(self) -> None:
        while len(self._children) > _REMEMBERED + 1:
            self._children.popitem(last=False)


def _missing(child: Child) -> Decimal:
    """What is still to be told of a child that has ended; of a live one it is in its leaves."""
    return ZERO if child.live else child.missing_qty


def _check(order_qty: Decimal | None, price: Decimal | None, time_in_force: TimeInForce) -> None:
    """InvalidValue for a term that cannot be, before it is compared with what stands (contract C19)."""
    for where, number in (("$.orderQty", order_qty), ("$.price", price)):
        if number is not None and (problem := problem_with(number)):
            raise InvalidValue(where, problem)
    if order_qty is not None and order_qty < ZERO:
        raise InvalidValue("$.orderQty", f"expected at least 0, got {order_qty}")
    if not isinstance(time_in_force, TimeInForce):
        raise InvalidValue("$.timeInForce", f"expected a TimeInForce, got {time_in_force!r:.40}")
