"""Transitions: what each thing a venue tells makes of an order's life (FIX 4.4 volume 7, Order State Change Matrices).

The life at the venue is a Phase; quantities and unanswered requests are told apart from it, by the Child. The table has
every cell, the ones of the real world too: a fill before the acknowledgement, an acknowledgement after the end, a
second end. It is made so that the same events in any order lead to the same phase, as far as they are of one day: ends
only give way to ends that FIX ranks higher, and nothing else that is told revives an order.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from exo.mkt.enums import ExecType, OrdStatus, TimeInForce
from exo.mkt.exact import ZERO
from exo.mkt.report import Report

DUPLICATE_ORDER: Final = 6  # OrdRejReason
UNKNOWN_ORDER: Final = 5  # OrdRejReason
CXL_UNKNOWN: Final = 1  # CxlRejReason


class Phase(Enum):
    """Where an order is in its life at the venue; `ord_status` is what FIX calls that when nothing is filled."""

    SENT = "SENT", OrdStatus.PENDING_NEW
    WORKING = "WORKING", OrdStatus.NEW
    STOPPED = "STOPPED", OrdStatus.STOPPED
    SUSPENDED = "SUSPENDED", OrdStatus.SUSPENDED
    RESTING = "RESTING", OrdStatus.DONE_FOR_DAY  # good till cancel, until the next day
    REJECTED = "REJECTED", OrdStatus.REJECTED
    EXPIRED = "EXPIRED", OrdStatus.EXPIRED
    CANCELED = "CANCELED", OrdStatus.CANCELED
    CALCULATED = "CALCULATED", OrdStatus.CALCULATED
    DONE_FOR_DAY = "DONE_FOR_DAY", OrdStatus.DONE_FOR_DAY

    ord_status: OrdStatus

    def __new__(cls, value: str, ord_status: OrdStatus) -> Phase:
        """Keep the status beside the name."""
        member = object.__new__(cls)
        member._value_ = value
        member.ord_status = ord_status
        return member

    @property
    def over(self) -> bool:
        """Whether the venue has said that this is the end."""
        return self in _OVER


_OVER: Final = frozenset({Phase.REJECTED, Phase.EXPIRED, Phase.CANCELED, Phase.CALCULATED, Phase.DONE_FOR_DAY})


class Event(Enum):
    """What a report tells of an order's life.

    HEARD: the venue has received it. KNOWN: it has accepted it. WORKS: it works again. DOUBTED: the venue says that it
    does not know it, or knows another of its name; alone that proves nothing.
    """

    HEARD = "HEARD"
    KNOWN = "KNOWN"
    WORKS = "WORKS"
    TRADED = "TRADED"
    STOPPED = "STOPPED"
    SUSPENDED = "SUSPENDED"
    RESTS = "RESTS"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"
    CALCULATED = "CALCULATED"
    ENDED_DAY = "ENDED_DAY"
    DOUBTED = "DOUBTED"


# One row for each phase, one column for each event; a dot stays. "!" marks what only the real world does: FIX has no
# such row, and a venue that tells it is taken at its word.
_TABLE: Final = """
             HEARD KNOWN   WORKS    TRADED   STOPPED  SUSPENDED RESTS    REJECTED  EXPIRED  CANCELED  CALCULATED  ENDED_DAY     DOUBTED
SENT         .     WORKING WORKING  WORKING  STOPPED! SUSPENDED RESTING! REJECTED  EXPIRED  CANCELED  CALCULATED! DONE_FOR_DAY! .
WORKING      .     .       .        .        STOPPED  SUSPENDED RESTING  REJECTED  EXPIRED  CANCELED  CALCULATED  DONE_FOR_DAY  .
STOPPED      .     .       WORKING  .        .        SUSPENDED RESTING  REJECTED! EXPIRED  CANCELED  CALCULATED  DONE_FOR_DAY  .
SUSPENDED    .     .       WORKING  WORKING! STOPPED  .         RESTING  REJECTED! EXPIRED  CANCELED  CALCULATED  DONE_FOR_DAY  .
RESTING      .     .       WORKING  WORKING! STOPPED  SUSPENDED .        REJECTED! EXPIRED  CANCELED  CALCULATED  DONE_FOR_DAY  .
REJECTED     .     .!      .!       .!       .!       .!        .!       .         EXPIRED! CANCELED! CALCULATED! DONE_FOR_DAY! .
EXPIRED      .     .!      .!       .!       .!       .!        .!       .!        .        CANCELED! CALCULATED  DONE_FOR_DAY! .
CANCELED     .     .!      .!       .!       .!       .!        .!       .!        .!       .         CALCULATED  DONE_FOR_DAY! .
CALCULATED   .     .!      .!       .!       .!       .!        .!       .!        .!       .!        .           DONE_FOR_DAY  .
DONE_FOR_DAY .     .!      .!       .!       .!       .!        .!       .!        .!       .!        .           .             .
"""  # noqa: E501 - a table


def _read(table: str) -> dict[tuple[Phase, Event], Phase]:
    head, *rows = (line.split() for line in table.strip().splitlines())
    cells = {}
    for name, *row in rows:
        phase = Phase[name]
        for event, cell in zip(head, row, strict=True):
            to = cell.rstrip("!")
            cells[phase, Event[event]] = phase if to == "." else Phase[to]
    return cells


TRANSITIONS: Final = _read(_TABLE)

_TOLD: Final = {
    ExecType.PENDING_NEW: Event.HEARD,
    ExecType.NEW: Event.KNOWN,
    ExecType.PENDING_CANCEL: Event.KNOWN,
    ExecType.PENDING_REPLACE: Event.KNOWN,
    ExecType.REPLACED: Event.KNOWN,
    ExecType.TRADE: Event.TRADED,
    ExecType.RESTATED: Event.WORKS,
    ExecType.TRIGGERED: Event.WORKS,
    ExecType.STOPPED: Event.STOPPED,
    ExecType.SUSPENDED: Event.SUSPENDED,
    ExecType.REJECTED: Event.REJECTED,
    ExecType.EXPIRED: Event.EXPIRED,
    ExecType.CANCELED: Event.CANCELED,
    ExecType.CALCULATED: Event.CALCULATED,
    ExecType.DONE_FOR_DAY: Event.ENDED_DAY,
}
# A status only moves forward: that it works or is filled in part is no news of one that is suspended or over.
_STANDS: Final = {
    OrdStatus.PENDING_NEW: Event.HEARD,
    OrdStatus.STOPPED: Event.KNOWN,
    OrdStatus.SUSPENDED: Event.KNOWN,
    OrdStatus.REJECTED: Event.REJECTED,
    OrdStatus.EXPIRED: Event.EXPIRED,
    OrdStatus.CANCELED: Event.CANCELED,
    OrdStatus.CALCULATED: Event.CALCULATED,
    OrdStatus.DONE_FOR_DAY: Event.ENDED_DAY,
}
_LASTING: Final = frozenset({TimeInForce.GTC, TimeInForce.GTD})


def event_of(report: Report, time_in_force: TimeInForce) -> Event | None:
    """What an ExecutionReport tells of an order with this time in force; None if nothing.

    The end of the day ends a day order; one that is good till cancel keeps its leaves and only rests (S28), and what
    the venue says of them is the fact.
    """
    kind = report.exec_type
    if kind is ExecType.ORDER_STATUS or kind is None:
        event = status_event(report.ord_status)
        if event is Event.REJECTED and report.ord_rej_reason == UNKNOWN_ORDER:
            return Event.DOUBTED
    elif kind is ExecType.TRADE_CORRECT or kind is ExecType.TRADE_CANCEL:
        event = status_event(report.ord_status) or Event.KNOWN  # an exchange does not put back what is busted
    elif kind is ExecType.REJECTED and report.ord_rej_reason == DUPLICATE_ORDER:
        return Event.DOUBTED  # of the copy, or of an older order of this name: ours may be there (S23)
    else:
        event = _TOLD.get(kind)
    return _or_rests(event, report, time_in_force)


def cxl_rej_event(report: Report, time_in_force: TimeInForce) -> Event | None:
    """What an OrderCancelReject tells of the order: the status after the reject, or that it is not known (S8, S30)."""
    if report.ord_status is OrdStatus.REJECTED or report.cxl_rej_reason == CXL_UNKNOWN:
        return Event.DOUBTED
    return _or_rests(status_event(report.ord_status), report, time_in_force)


def _or_rests(event: Event | None, report: Report, time_in_force: TimeInForce) -> Event | None:
    if event is Event.ENDED_DAY:
        leaves_qty = report.leaves_qty
        if leaves_qty if leaves_qty is not None else time_in_force in _LASTING:
            return Event.RESTS
    return event


def status_event(ord_status: OrdStatus | None) -> Event | None:
    """What a status tells that may be old."""
    return None if ord_status is None else _STANDS.get(ord_status, Event.KNOWN)


def is_execution(report: Report) -> bool:
    """Whether it changes what has been executed: a trade, a correction or a bust, and nothing else (an allow-list)."""
    kind = report.exec_type
    if kind is ExecType.TRADE:
        return report.last_qty > ZERO
    return kind is ExecType.TRADE_CORRECT or kind is ExecType.TRADE_CANCEL
