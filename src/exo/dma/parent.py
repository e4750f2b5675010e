"""Parent: an order's children and their sums, and what it takes to bring them nearer to what its delegate wants."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from exo.dma.capabilities import Replace
from exo.dma.child import Child, child_of
from exo.dma.executions import NO_CHANGE, Executions
from exo.dma.request import CancelOrder, NewOrder, ReplaceOrder, Request, new_of
from exo.dma.risk import Refusal
from exo.dma.transitions import is_execution
from exo.errors import InvalidValue
from exo.mkt.enums import ExecInst, TimeInForce
from exo.mkt.exact import ZERO, add, problem_with, subtract
from exo.mkt.order import Order
from exo.mkt.report import Report
from exo.mkt.value import Frozen

_REMEMBERED: Final = 16


class Intent(Frozen):
    """What a delegate wants to stand at the venue: so much of the order still to execute, at this price.

    `order_qty` None is all that is left, `price` None a market order. `slot` tells apart the children of one order
    where several shall stand: an intent is about the one in its slot.
    """

    price: Decimal | None
    order_qty: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    exec_inst: ExecInst | None = None
    slot: str = ""

    def check(self) -> None:
        """InvalidValue for a term that cannot be, before it is compared with what stands (contract C19)."""
        for where, number in (("$.orderQty", self.order_qty), ("$.price", self.price)):
            if number is not None and (problem := problem_with(number)):
                raise InvalidValue(where, problem)
        if self.order_qty is not None and self.order_qty < ZERO:
            raise InvalidValue("$.orderQty", f"expected at least 0, got {self.order_qty}")
        if not isinstance(self.time_in_force, TimeInForce):
            raise InvalidValue("$.timeInForce", f"expected a TimeInForce, got {self.time_in_force!r:.40}")
        if not isinstance(self.slot, str):
            raise InvalidValue("slot", f"expected a text, got {self.slot!r:.40}")


class Parent:
    """One order's side towards the venue; it makes requests and applies reports, and sends nothing.

    Invariant (C21): filled + open never exceeds the order's quantity, where open is the most that children which are
    not finished may still execute: in doubt in full, of a pending replace the larger side. `cum_qty` and `notional` are
    of all children, each execution counted once, also of those that are no longer remembered; the last 16 that finished
    are, and whoever has a hole in its executions. Names and ExecIDs are kept while the order lives: to forget one would
    count its repeat. `refused` is why the last intent was not sent, None if it was. `watch` is told of
    every child, before (None: it is new) and after (None: it was never sent).
    """

    __slots__ = (
        "_children",
        "_executions",
        "_finished",
        "_give",
        "_names",
        "_slots",
        "_unfinished",
        "_untold",
        "_watch",
        "cum_qty",
        "notional",
        "open_qty",
        "order_id",
        "refused",
    )

    def __init__(
        self,
        order_id: str,
        give: Callable[[str], str],
        watch: Callable[[Child | None, Child | None], object] | None = None,
    ) -> None:
        self.order_id = order_id
        self.cum_qty = ZERO
        self.notional = ZERO
        self.open_qty = ZERO
        self.refused: Refusal | None = None
        self._give = give
        self._watch = watch
        self._children: dict[str, Child] = {}  # by the name they were made with, oldest first
        self._unfinished: dict[str, None] = {}
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._slots: dict[str, str] = {}
        self._names: dict[str, str] = {}  # of every request, and the venue's own, to the child's first
        self._executions = Executions()
        self._untold: set[str] = set()

    @property
    def children(self) -> tuple[Child, ...]:
        """The child orders that are remembered, oldest first."""
        return tuple(self._children.values())

    @property
    def unfinished(self) -> tuple[Child, ...]:
        """The children that are live, in doubt, or wait for an answer, oldest first."""
        return tuple(self._children[name] for name in self._unfinished)

    @property
    def live(self) -> Child | None:
        """The oldest child that is not finished."""
        return next((self._children[name] for name in self._unfinished), None)

    @property
    def in_doubt(self) -> bool:
        """Whether the fate of a request is unknown."""
        return any(child.in_doubt for child in self.unfinished)

    def at(self, slot: str) -> Child | None:
        """The newest child in this slot that is not finished."""
        for name in reversed(self._unfinished):
            if self._slots[name] == slot:
                return self._children[name]
        return None

    def find(self, cl_ord_id: str) -> Child | None:
        """The child that one of its requests named so."""
        return self._children.get(self._names.get(cl_ord_id, ""))

    def about(self, report: Report) -> Child | None:
        """The child that a report is about, if it is remembered."""
        return self._children.get(self._about(report) or "")

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
                total = add(add(child.cum_qty, child.reduced_qty), wanted)
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
        return request.order_qty == add(add(child.cum_qty, child.reduced_qty), wanted)

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
        for child in reversed(self.unfinished):
            if over <= ZERO:
                return
            over = subtract(over, child.open_qty)
            yield child

    def unsend(self, request: Request) -> None:
        """A request has never left: it is as if it had not been made, and its name goes with it."""
        name = self._names.pop(request.cl_ord_id)
        if not isinstance(request, NewOrder):
            old = self._names[request.orig_cl_ord_id]
            self._put(old, self._children[old].unasked(request.cl_ord_id))
        if name == request.cl_ord_id and not isinstance(request, CancelOrder):
            child = self._children.pop(name)
            self.open_qty = subtract(self.open_qty, child.open_qty)
            del self._unfinished[name], self._slots[name]
            if self._watch is not None:
                self._watch(child, None)

    def unask(self, request: CancelOrder) -> None:
        """A cancel may not have left: it may be asked again, and an answer to it is still understood."""
        name = self._names[request.orig_cl_ord_id]
        if name in self._children:
            self._put(name, self._children[name].unasked(request.cl_ord_id))

    def doubt(self, request: Request) -> None:
        """A request may or may not have left, or was not answered in time."""
        for cl_ord_id in (request.cl_ord_id, getattr(request, "orig_cl_ord_id", "")):
            name = self._names.get(cl_ord_id, "")
            child = self._children.get(name)
            if child is not None and child.waits_for(request.cl_ord_id):
                self._put(name, child.doubted(request.cl_ord_id))

    def doubt_all(self) -> None:
        """Nobody knows any more what became of any child."""
        for name in list(self._unfinished):
            self.doubt_child(self._children[name])

    def doubt_child(self, child: Child) -> None:
        """Nobody knows any more what became of this child."""
        self._put(child.request.cl_ord_id, child.doubted())

    def apply(self, report: Report) -> bool:
        """Apply a report; answers False, and changes nothing, if it is an execution that was told before."""
        name = self._about(report)
        change = NO_CHANGE
        if is_execution(report):
            told = self._executions.apply(name or report.cl_ord_id or "", report)
            if told is None:
                untold = report.exec_id in self._untold
                self._untold.discard(report.exec_id or "")
                return untold
            change = told
        child = self._children.get(name or "")
        if child is None or name is None:
            self.cum_qty = add(self.cum_qty, change.qty)
            self.notional = add(self.notional, change.notional)
            return True
        after = child.after(report, change)
        if after.secondary_order_id is not None and after.secondary_order_id != child.secondary_order_id:
            self._names.setdefault(f"venue {after.secondary_order_id}", name)
        self._put(name, after)
        return True

    def untold(self, report: Report) -> None:
        """A report that has been applied could not be told to the delegate: its repeat is no news here, but there."""
        if is_execution(report) and report.exec_id is not None:
            self._untold.add(report.exec_id)

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

    def ask(self, request: Request, slot: str | None = None) -> Request:
        """Keep a request as one that is on its way; with a slot it makes a child there."""
        if isinstance(request, NewOrder):
            self._made(request, slot or "")
            return request
        name = self._names[request.orig_cl_ord_id]
        if isinstance(request, ReplaceOrder) and slot is not None:
            self._made(new_of(request), slot)
            cancel = CancelOrder(
                order_id=request.order_id,
                cl_ord_id=request.cl_ord_id,
                orig_cl_ord_id=request.orig_cl_ord_id,
                side=request.side,
                symbol=request.symbol,
            )
            self._put(name, self._children[name].asking(cancel))
        else:
            self._names[request.cl_ord_id] = name
            self._put(name, self._children[name].asking(request))
        return request

    def _made(self, request: NewOrder, slot: str) -> None:
        name = request.cl_ord_id
        self._names[name] = name
        self._slots[name] = slot
        self._put(name, child_of(request))

    def _put(self, name: str, child: Child) -> None:
        """Take a child's new state into the sums."""
        before = self._children.get(name)
        self._children[name] = child
        if before is None:
            self.open_qty = add(self.open_qty, child.open_qty)
        else:
            self.cum_qty = add(self.cum_qty, subtract(child.cum_qty, before.cum_qty))
            self.notional = add(self.notional, subtract(child.notional, before.notional))
            self.open_qty = add(self.open_qty, subtract(child.open_qty, before.open_qty))
        if not child.finished:
            self._unfinished[name] = None
            self._finished.pop(name, None)
        elif name not in self._finished:
            self._unfinished.pop(name, None)
            self._finished[name] = None
            self._forget()
        if self._watch is not None:
            self._watch(before, child)

    def _forget(self) -> None:
        if len(self._finished) > _REMEMBERED:
            for name in self._finished:
                if not self._children[name].inferred_qty:
                    del self._finished[name], self._children[name], self._slots[name]
                    return

    def _about(self, report: Report) -> str | None:
        """The first name of the child that a report is about."""
        for name in (report.orig_cl_ord_id, report.cl_ord_id):
            if name is not None and name in self._names:
                return self._names[name]
        return self._names.get(f"venue {report.secondary_order_id}")


def _last_name(child: Child) -> str:
    """The name a request must refer to: the last in the chain that was not rejected."""
    for asked in reversed(child.unanswered):
        if isinstance(asked.request, ReplaceOrder):
            return asked.request.cl_ord_id
    return child.cl_ord_id
