"""Children: an order's child orders, their sums, and what requests and reports make of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from exo.dma.child import Child, child_of
from exo.dma.executions import NO_CHANGE, Executions
from exo.dma.reported import is_late, reported
from exo.dma.request import CancelOrder, NewOrder, ReplaceOrder, Request, new_of
from exo.dma.transitions import is_execution
from exo.mkt.exact import ZERO, add, subtract
from exo.mkt.report import Report

_REMEMBERED: Final = 16


class Children:
    """The children of one order, each in a slot.

    `cum_qty` and `notional` are of all of them, each execution counted once, also of those that are no longer
    remembered: the last 16 that finished are, and whoever has a hole in its executions. `open_qty` is the most that
    those which are not finished may still execute: in doubt in full, of a pending replace the larger side. Names and
    ExecIDs are kept while the order lives: to forget one would count its repeat. `watch` is told of every child, before
    (None: it is new) and after (None: it was never sent).
    """

    __slots__ = (
        "_children",
        "_executions",
        "_filled",
        "_finished",
        "_names",
        "_slots",
        "_unfinished",
        "_untold",
        "_watch",
        "cum_qty",
        "notional",
        "open_qty",
    )

    def __init__(self, watch: Callable[[Child | None, Child | None], object] | None = None) -> None:
        self.cum_qty = ZERO
        self.notional = ZERO
        self.open_qty = ZERO
        self._watch = watch
        self._children: dict[str, Child] = {}  # by the name they were made with, oldest first
        self._unfinished: OrderedDict[str, None] = OrderedDict()  # whose first is found at once, however many went
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._filled: dict[str, tuple[Child, str]] = {}  # and forgotten; with their slots
        self._slots: dict[str, str] = {}
        self._names: dict[str, str] = {}  # of every request, and the venue's own, to the child's first
        self._executions = Executions()
        self._untold: set[str] = set()

    @property
    def children(self) -> tuple[Child, ...]:
        """The child orders that are remembered, oldest first."""
        return tuple(self._children.copy().values())

    @property
    def unfinished(self) -> tuple[Child, ...]:
        """The children that are live, in doubt, or wait for an answer, oldest first."""
        return tuple(self._some(tuple(self._unfinished)))

    @property
    def live(self) -> Child | None:
        """The oldest child that is not finished."""
        while self._unfinished:
            try:
                return self._children.get(next(iter(self._unfinished)))
            except (RuntimeError, StopIteration):
                pass  # race: an act in a thread asks, and a report has come meanwhile
        return None

    @property
    def in_doubt(self) -> bool:
        """Whether the fate of a request is unknown."""
        return any(child.in_doubt for child in self.unfinished)

    def at(self, slot: str) -> Child | None:
        """The newest child in this slot that is not finished."""
        for name in reversed(tuple(self._unfinished)):
            if self._slots.get(name) == slot:
                return self._children.get(name)
        return None

    def all_at(self, slot: str) -> tuple[Child, ...]:
        """All children in this slot that are not finished."""
        return tuple(self._some(name for name in tuple(self._unfinished) if self._slots.get(name) == slot))

    def _some(self, names: Iterable[str]) -> Iterator[Child]:
        """Those of these names; an act in a thread may ask while a report makes one go."""
        return (child for child in map(self._children.get, names) if child is not None)

    def find(self, cl_ord_id: str) -> Child | None:
        """The child that one of its requests named so."""
        return self._children.get(self._names.get(cl_ord_id, ""))

    def about(self, report: Report) -> Child | None:
        """The child that a report is about, if it is remembered."""
        return self._children.get(self._about(report) or "")

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

    def apply(self, report: Report) -> bool:
        """Apply a report; answers False, and changes nothing, if it is an execution that was told before."""
        name = self._about(report)
        change = NO_CHANGE
        if is_execution(report):
            child = self._recalled(name)
            late = child is not None and is_late(report, child.time_in_force)
            told = self._executions.apply(name or report.cl_ord_id or "", report, late)
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
        after = reported(child, report, change)
        if after.secondary_order_id is not None and after.secondary_order_id != child.secondary_order_id:
            self._names.setdefault(f"venue {after.secondary_order_id}", name)
        self._put(name, after)
        return True

    def untold(self, report: Report) -> None:
        """A report that has been applied could not be told to the delegate: its repeat is no news here, but there."""
        if is_execution(report) and report.exec_id is not None:
            self._untold.add(report.exec_id)

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
                child = self._children[name]
                if not child.inferred_qty:
                    del self._finished[name], self._children[name]
                    slot = self._slots.pop(name)
                    if not child.phase.over:
                        self._filled[name] = child, slot
                    return

    def _recalled(self, name: str | None) -> Child | None:
        """The child of this name, also one that was filled and forgotten: a bust may put it back on the book."""
        if name is None:
            return None
        forgotten = self._filled.pop(name, None)
        if forgotten is not None:
            self._children[name], self._slots[name] = forgotten
            self._finished[name] = None
            self._forget()
        return self._children.get(name)

    def _about(self, report: Report) -> str | None:
        """The first name of the child that a report is about."""
        for name in (report.orig_cl_ord_id, report.cl_ord_id):
            if name is not None and name in self._names:
                return self._names[name]
        return self._names.get(f"venue {report.secondary_order_id}")
