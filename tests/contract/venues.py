"""Venues for the contract's tests: one that only does what the test says, and one that keeps watch over quantities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import exo
from exo.dma import CancelOrder, Capabilities, NewOrder, ReplaceOrder, Request, Sink, StatusQuery
from exo.mkt import ExecType, MsgType, OrdStatus, Report
from exo.venue import PaperVenue

D = Decimal


class Wire:
    """A venue that keeps requests and tells nothing by itself; `fails` is asked before each and may raise."""

    capabilities = Capabilities()

    def __init__(self, fails: Callable[[Request], object] | None = None) -> None:
        self.fails = fails
        self.requests: list[Request] = []
        self.sink: Sink
        self.executions = 0

    def connect(self, sink: Sink) -> None:
        self.sink = sink

    async def query(self, query: StatusQuery) -> Sequence[Report]:
        return ()

    async def open_orders(self) -> Sequence[Report]:
        return ()

    async def cancel_all(self) -> None: ...

    def subscribe(self, symbol: str) -> None: ...

    def unsubscribe(self, symbol: str) -> None: ...

    def send(self, request: Request) -> None:
        if self.fails is not None:
            self.fails(request)
        self.requests.append(request)

    @property
    def news(self) -> list[NewOrder]:
        """The new orders it was sent."""
        return [request for request in self.requests if isinstance(request, NewOrder)]

    @property
    def cancels(self) -> list[CancelOrder]:
        """The cancels it was sent."""
        return [request for request in self.requests if isinstance(request, CancelOrder)]

    def tell(self, kind: ExecType, child: int = -1, **more: Any) -> Report:
        """Report on one of the new orders, the last unless told otherwise."""
        request = self.news[child]
        ids = {"order_id": request.order_id, "cl_ord_id": request.cl_ord_id, "transact_time": None}
        report = Report(**(ids | {"exec_type": kind} | more))
        self.sink.on_report(report)
        return report

    def accept(self, child: int = -1) -> Report:
        return self.tell(ExecType.NEW, child)

    def fill(self, qty: object, px: object = 10, child: int = -1, exec_id: str | None = None) -> Report:
        self.executions += 1
        exec_id = exec_id or f"E{self.executions}"
        return self.tell(ExecType.TRADE, child, last_qty=D(str(qty)), last_px=D(str(px)), exec_id=exec_id)

    def end(self, kind: ExecType = ExecType.CANCELED, child: int = -1) -> Report:
        return self.tell(kind, child)

    def refuse(self, status: OrdStatus = OrdStatus.NEW, reason: int = 0) -> Report:
        """Reject the last cancel."""
        request = self.cancels[-1]
        report = Report(
            msg_type=MsgType.CXL_REJ,
            order_id=request.order_id,
            cl_ord_id=request.cl_ord_id,
            orig_cl_ord_id=request.orig_cl_ord_id,
            ord_status=status,
            cxl_rej_reason=reason,
            transact_time=None,
        )
        self.sink.on_report(report)
        return report

    def lose(self) -> Report:
        """Answer the last cancel as if the venue had never heard of its order."""
        return self.refuse(OrdStatus.REJECTED, 1)


class Watched(PaperVenue):
    """A paper venue that adds up by itself, from requests and executions, what each order has filled and standing.

    `bounds` are the quantities as last asked for; a new order that takes its parent beyond them is a breach.
    """

    def __init__(self, bounds: dict[str, Decimal]) -> None:
        super().__init__()
        self.bounds = bounds
        self.filled: dict[str, Decimal] = {}
        self.children: dict[str, dict[str, Any]] = {}  # by every name they have or may have
        self.breaches: list[str] = []
        self.requests = 0

    def connect(self, sink: Sink) -> None:
        super().connect(self)
        self.sink = sink

    def send(self, request: Request) -> None:
        self.requests += 1
        name = request.cl_ord_id
        if isinstance(request, NewOrder):
            child = {"of": request.order_id, "totals": {name: request.order_qty}, "filled": D(0), "ended": False}
            self.children[name] = child
        elif isinstance(request, ReplaceOrder):
            self.children[name] = self.children[request.orig_cl_ord_id]
            self.children[name]["totals"][name] = request.order_qty
        self._check(request.order_id)
        super().send(request)

    def on_status(self, status: Any) -> None:
        self.sink.on_status(status)

    def on_report(self, report: Report) -> None:
        child = self.children[report.orig_cl_ord_id or report.cl_ord_id or ""]
        if report.exec_type is ExecType.TRADE:
            child["filled"] += report.last_qty
            self.filled[child["of"]] = self.filled.get(child["of"], D(0)) + report.last_qty
        elif report.exec_type is ExecType.REPLACED:
            child["totals"] = {str(report.cl_ord_id): report.order_qty}
        elif report.msg_type is MsgType.CXL_REJ:
            child["totals"].pop(report.cl_ord_id, None)
        elif report.exec_type in (ExecType.CANCELED, ExecType.REJECTED, ExecType.EXPIRED):
            child["ended"] = True
        self.sink.on_report(report)

    def _check(self, order_id: str) -> None:
        total = self.open(order_id) + self.filled.get(order_id, D(0))
        if total > self.bounds[order_id]:
            self.breaches.append(f"{order_id}: {total} of {self.bounds[order_id]}")

    def open(self, order_id: str | None = None) -> Decimal:
        """What still stands, of one order or of all; of a pending replace the larger side."""
        children = {id(child): child for child in self.children.values()}.values()
        left = (
            max(D(0), max(child["totals"].values()) - child["filled"])
            for child in children
            if order_id in (None, child["of"]) and not child["ended"]
        )
        return sum(left, D(0))

    def trade_all(self) -> None:
        """Show so good a market that whatever stands would trade."""
        for bid, ask in (("0.0001", "0.0002"), ("1e9", "1.1e9")):
            self.on_quote(exo.Quote("A", D(bid), D("1e20"), D(ask), D("1e20")))
