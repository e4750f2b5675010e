"""Own: reports that exo makes itself, of requests that did not leave or proved not to have arrived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exo.dma.child import Child
from exo.dma.parent import Parent
from exo.dma.request import CancelOrder, NewOrder, ReplaceOrder
from exo.flow.clock import utc
from exo.mkt.enums import ExecType, MsgType, OrdStatus
from exo.mkt.report import Report

_OTHER = 99


def refusals(
    parent: Parent, request: NewOrder | ReplaceOrder | CancelOrder, text: str, now_ns: int
) -> Iterator[Report]:
    """What tells that a request has had no effect: a reject of the new order or of the replace."""
    if isinstance(request, NewOrder):
        yield rejected(request, text, now_ns)
        return
    child = parent.find(request.orig_cl_ord_id)
    if child is not None:
        yield not_asked(child, request, text, now_ns)
    made = parent.find(request.cl_ord_id)
    if made is not None and made.request.cl_ord_id == request.cl_ord_id:
        yield rejected(made.request, text, now_ns)  # it would have made a child of its own


def rejected(request: NewOrder | ReplaceOrder, text: str, now_ns: int) -> Report:
    """The order is not there."""
    return _report(
        request,
        now_ns,
        text,
        exec_type=ExecType.REJECTED,
        ord_status=OrdStatus.REJECTED,
        ord_rej_reason=_OTHER,
    )


def not_asked(child: Child, request: ReplaceOrder | CancelOrder, text: str, now_ns: int) -> Report:
    """The replace or cancel has had no effect; the child stands as it stood."""
    return _report(
        request,
        now_ns,
        text,
        msg_type=MsgType.CXL_REJ,
        orig_cl_ord_id=request.orig_cl_ord_id,
        ord_status=child.ord_status,
        cxl_rej_reason=_OTHER,
    )


def replaced(request: ReplaceOrder, text: str, now_ns: int) -> Report:
    """The replace was accepted."""
    return _report(
        request,
        now_ns,
        text,
        orig_cl_ord_id=request.orig_cl_ord_id,
        exec_type=ExecType.REPLACED,
        order_qty=request.order_qty,
        price=request.price,
    )


def gone(child: Child, text: str, now_ns: int) -> Report:
    """The order is not at the venue: it never was, or it is not any more."""
    if not child.acknowledged:
        return rejected(child.request, text, now_ns)
    return _report(child.terms, now_ns, text, exec_type=ExecType.CANCELED, ord_status=OrdStatus.CANCELED)


def _report(request: NewOrder | ReplaceOrder | CancelOrder, now_ns: int, text: str, **members: Any) -> Report:
    return Report(
        order_id=request.order_id,
        cl_ord_id=request.cl_ord_id,
        symbol=request.symbol,
        side=request.side,
        text=f"exo: {text}",
        transact_time=utc(now_ns),
        received_ns=now_ns,
        **members,
    )
