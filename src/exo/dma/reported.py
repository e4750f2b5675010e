"""Reported: what a report makes of a child (FIX 4.4 volume 7, Order State Change Matrices)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from exo.dma.asked import Asked
from exo.dma.child import Child
from exo.dma.executions import NO_CHANGE, Change
from exo.dma.request import CancelOrder, ReplaceOrder
from exo.dma.transitions import TRANSITIONS, Event, Phase, cxl_rej_event, event_of
from exo.mkt.enums import ExecType, MsgType, OrdStatus, TimeInForce
from exo.mkt.exact import ZERO, add, subtract
from exo.mkt.report import Report

_PENDING: Final = {OrdStatus.PENDING_CANCEL: CancelOrder, OrdStatus.PENDING_REPLACE: ReplaceOrder}
_ENDS: Final = frozenset({Event.CANCELED, Event.EXPIRED, Event.REJECTED, Event.CALCULATED, Event.ENDED_DAY})
_AMENDS: Final = frozenset({ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL})
_SHOWS_TERMS: Final = frozenset({ExecType.REPLACED, ExecType.ORDER_STATUS, ExecType.TRADE})
_REFUSED: Final = 4
_STATES: Final = _AMENDS | {ExecType.ORDER_STATUS}
_UNCERTAIN: Final = frozenset({None, Event.HEARD, Event.DOUBTED})


def reported(child: Child, report: Report, change: Change) -> Child:
    """The child after this report, which is about it; `change` is what Executions make of it, NO_CHANGE if none."""
    about = _asked(child, report)
    new: dict[str, Any]
    if report.msg_type is MsgType.CXL_REJ:
        if about is None:
            return child  # of a request that was answered before, or was none of ours
        event = cxl_rej_event(report, child.time_in_force)
        new = {"asked": _without(child, about)}
        if isinstance(about.request, ReplaceOrder):
            new["refused"] = (*child.refused, about)[-_REFUSED:]
        if report.ord_status is OrdStatus.FILLED or (event is not None and TRANSITIONS[child.phase, event].over):
            # The end is told without CumQty: what has been executed is on its way, was lost, or is nothing.
            event = None
            new["unsure"] = not (child.filled or child.phase.over)
        return child.changed(**(_told(child, report, event) | new))
    event = event_of(report, child.time_in_force)
    kind = report.exec_type
    new = {}
    if about is not None:
        if event is Event.REJECTED or event is Event.DOUBTED:  # of the request alone
            event = None if report.ord_status is OrdStatus.REJECTED else Event.KNOWN
            new["asked"] = _without(child, about)
        elif kind is ExecType.REPLACED and isinstance(about.request, ReplaceOrder):
            new["asked"] = _without(child, about)
            if about.number > child.accepted:
                reduced_qty = dict(child.reductions).get(about.request.cl_ord_id, ZERO)
                new |= {"terms": about.request, "accepted": about.number, "reduced_qty": reduced_qty}
        elif kind is ExecType.CANCELED and isinstance(about.request, CancelOrder):
            new["asked"] = _without(child, about)
    elif (late := _revived(child, report)) is not None and late.number > child.accepted:
        reduced_qty = dict(child.reductions).get(late.request.cl_ord_id, ZERO)
        new |= {"terms": late.request, "accepted": late.number, "reduced_qty": reduced_qty}
        child = child.changed(terms=late.request)
    if report.ord_status in _PENDING:
        new["asked"] = _pending(new.get("asked", child.asked), report)
    if kind is ExecType.RESTATED:
        if about is not None and isinstance(about.request, ReplaceOrder):
            took = (about.request.cl_ord_id, _taken(child, report, about.request.order_qty))
            new["reductions"] = (*child.reductions, took)
        else:
            new["reduced_qty"] = max(child.reduced_qty, _reduction(child, report))
    elif report.ord_status is OrdStatus.FILLED and report.leaves_qty == ZERO and kind in _STATES:
        new["reduced_qty"] = max(child.reduced_qty, _reduction(child, report))  # corrected, and not put back
    if kind is ExecType.ORDER_STATUS and report.ord_status is OrdStatus.FILLED and report.cum_qty is None:
        new["told_qty"] = child.order_qty
    if change is not NO_CHANGE:
        new["executed_qty"] = add(child.executed_qty, change.qty)
        new["executed_notional"] = add(child.executed_notional, change.notional)
        new["explained_qty"] = add(child.explained_qty, change.explained_qty)
        new["untold"] = child.untold + change.open
        new["late_qty"] = add(child.late_qty, change.late_qty)
    return child.changed(**(_told(child, report, event) | new))


def _asked(child: Child, report: Report) -> Asked | None:
    """The request that a report answers: the one it names, or without a name the last."""
    for asked in child.asked:
        if asked.request.cl_ord_id == report.cl_ord_id:
            return asked
    nameless = report.cl_ord_id is None and report.msg_type is MsgType.CXL_REJ
    return child.asked[-1] if nameless and child.asked else None


def _revived(child: Child, report: Report) -> Asked | None:
    """The replace that was rejected or held for dead, and under whose name the venue now tells of the order."""
    if report.exec_type not in _SHOWS_TERMS or report.ord_status in _PENDING:
        return None
    return next((asked for asked in child.refused if asked.request.cl_ord_id == report.cl_ord_id), None)


def _told(child: Child, report: Report, event: Event | None) -> dict[str, Any]:
    """What any report may tell."""
    new: dict[str, Any] = {}
    if event is not None:
        new["phase"] = TRANSITIONS[child.phase, event]
        if event in _ENDS and report.cum_qty is not None:
            if report.exec_type in _AMENDS:
                new["late_cum"] = report.cum_qty if child.late_cum is None else min(child.late_cum, report.cum_qty)
            else:
                new["end_qty"] = max(child.end_qty, report.cum_qty)
    if event is Event.DOUBTED:
        new["unsure"] = child.unsure or child.phase is Phase.SENT
    elif event not in _UNCERTAIN:
        new["unsure"] = False
    if report.cum_qty is not None and report.cum_qty >= child.told_qty:
        new["told_qty"] = report.cum_qty
        if report.avg_px is not None:
            new["told_px"] = report.avg_px
    if report.text:
        new["text"] = report.text
    if report.secondary_order_id:
        new["secondary_order_id"] = report.secondary_order_id
    return new


def _pending(asked: tuple[Asked, ...], report: Report) -> tuple[Asked, ...]:
    """Those asked that a pending status speaks of: the one it names, else all of its kind."""
    assert report.ord_status is not None
    kind = _PENDING[report.ord_status]
    return tuple(
        msgspec.structs.replace(each, told=True) if not each.told and isinstance(each.request, kind) else each
        for each in asked
    )


def _reduction(child: Child, report: Report) -> Decimal:
    """What a venue has taken away unasked, by self-trade prevention or so: then its LeavesQty is the fact."""
    if report.leaves_qty is None or report.cl_ord_id not in (None, child.cl_ord_id):
        return ZERO  # of older terms, it has been taken into account
    return _taken(child, report, child.order_qty)


def _taken(child: Child, report: Report, order_qty: Decimal) -> Decimal:
    cum_qty = child.cum_qty if report.cum_qty is None else report.cum_qty
    return ZERO if report.leaves_qty is None else max(ZERO, subtract(order_qty, add(cum_qty, report.leaves_qty)))


def is_late(report: Report, time_in_force: TimeInForce) -> bool:
    """Whether a correction or bust says itself that it comes after the order's end."""
    return report.exec_type in _AMENDS and event_of(report, time_in_force) in _ENDS


def _without(child: Child, about: Asked) -> tuple[Asked, ...]:
    return tuple(asked for asked in child.asked if asked is not about)
