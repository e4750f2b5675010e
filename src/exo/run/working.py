"""Working: the way from a desk to the venue, where the parent is safe whatever its delegate does (contract C21)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import get_ident
from typing import Any, Final

from exo.dma.child import Child
from exo.dma.ids import Ids
from exo.dma.intent import Intent
from exo.dma.limits import Rule, TradingState
from exo.dma.outbox import Outbox
from exo.dma.parent import Parent
from exo.dma.request import CancelOrder, Request
from exo.dma.risk import Market, RiskGate, mark_of
from exo.dma.venue import Line, Venue, VenueStatus
from exo.flow.clock import Clock
from exo.mkt.enums import MsgType
from exo.mkt.exact import subtract
from exo.mkt.report import Report
from exo.run.delegate import leaves_children
from exo.run.doubts import Doubts
from exo.run.holds import Holds
from exo.run.process import OrderProcess
from exo.run.roll import Roll
from exo.run.sending import Sending
from exo.run.threads import on_loop

_log = logging.getLogger("exo.run")

_AGAIN_S: Final = 1.0

Process = OrderProcess[Any]


class Working:
    """Makes the requests of one dispatcher's orders, past the risk gate into the outbox, and applies reports.

    What must go is cancelled here, and again when a report shows that it still stands: a cancel may have been lost, or
    have overtaken the new order (FIX scenario S30).

    Reports are applied when they come, before the delegate is told: what a desk shows is never behind. A quantity is
    bounded by the terms as last asked for, even before the delegate knows them.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        venue: Venue,
        gate: RiskGate,
        outbox: Outbox,
        ids: Ids,
        report: Callable[[Report], object],
        audit_s: float,
    ) -> None:
        self.gate = gate
        self.ids = ids
        self.venue = venue
        self.roll = Roll(loop)
        live = self.roll.live
        self.doubts = Doubts(loop, clock, venue, outbox, live, report, self.curb, audit_s)
        self.sending = Sending(loop, clock, venue, gate, outbox, live.get, self.doubts.expect, self._failed, report)
        self._loop = loop
        self._clock = clock
        self._replace = venue.capabilities.replace
        self._thread = get_ident()
        self._withdrawing = self._halted = False
        self.holds = Holds(loop, self._held_no_more)

    def work(self, process: Process, intent: Intent) -> Request | None:
        """Bring a child nearer to this intent; nothing once the order is held, being cancelled, or has ended."""
        return on_loop(self._loop, self._thread, self._work, process, intent)

    def cancel(self, process: Process, slot: str | None) -> Request | None:
        """Cancel the child in this slot, or with None every child; answers the first request."""
        return on_loop(self._loop, self._thread, self._cancel, process, slot)

    def curb(self, process: Process) -> None:
        """Cancel what must not stand: more than the terms leave, or of an order that is leaving."""
        parent = process.parent
        if parent is not None and parent.live is not None:
            for child in list(parent.unfinished if self._going(process) else parent.too_much(process.terms)):
                self._cancel_child(process, parent, child)

    def _going(self, process: Process) -> bool:
        """Whether an order's children must go."""
        return self._killed or (process.order_id not in self.roll.left and (self._withdrawing or process.ended))

    def apply(self, process: Process, report: Report) -> bool:
        """Apply a report; answers False if it is an execution that was applied before."""
        parent = self._parent_of(process)
        before, as_it_was = parent.cum_qty, parent.about(report)
        new = parent.apply(report)
        if parent.cum_qty != before:
            self.gate.traded(process.order.symbol, process.order.side, subtract(parent.cum_qty, before))
        child = parent.about(report)
        if report.msg_type is MsgType.CXL_REJ:
            if child is not None and not child.finished:
                self.holds.begin(process, child)
        else:
            if as_it_was is not None and child is not None and as_it_was.phase is not child.phase:
                self.holds.end(process, child.request.cl_ord_id)
            if child is None or not self._going(process):
                self.curb(process)
            elif not child.finished:
                self._cancel_child(process, parent, child)  # all others have been seen to
        if child is not None and child.phase.over:
            self._give_up(child)
        if child is not None and child.in_doubt:
            self.doubts.settle(process, child.cl_ord_id)  # what it says does not agree with what is known
        self.roll.review(process)
        return new

    def adopt(self, process: Process, request: Request) -> None:
        """Take up a request of a run before this one, of which nobody knows whether it arrived."""
        parent = self._parent_of(process)
        parent.ask(request, "")
        parent.doubt_all()
        self.roll.enter(process)
        self.doubts.settle(process, request.cl_ord_id)

    def withdraw(self) -> None:
        """Cancel every child but those that are to be left; nothing new is sent any more."""
        self._withdrawing = True
        self.mark_left()
        self._clear()

    def mark_left(self) -> None:
        """Find out which orders are to leave their children at the venue."""
        for process in self.roll.live.values():
            if leaves_children(process.delegate) and not (process.asked_cancel or self._killed):
                self.roll.left[process.order_id] = process

    def halt(self) -> None:
        """Let the gate pass nothing any more, and cancel every child."""
        self.gate.state = TradingState.HALTED
        self._halted = True
        self.roll.left.clear()
        self._clear()

    def _clear(self) -> None:
        self.sending.drop(Rule.HALTED)
        self.holds.clear()
        for process in list(self.roll.live.values()):
            if process.order_id not in self.roll.left:
                self._cancel(process, None)

    def on_line(self, status: VenueStatus) -> None:
        """The line to the venue has changed; once it is up again, all that is not finished is asked for."""
        was_down = self.sending.outbox.closed
        if status.line is Line.DOWN or (status.line is Line.UP and was_down):
            self.sending.drop(Rule.DOWN)  # what has never left must not be asked about, and then leave after all
        self.sending.on_line(status)
        if status.line is Line.DOWN:
            for process in self.roll.live.values():
                assert process.parent is not None
                process.parent.doubt_all()
        elif status.line is Line.UP and was_down:
            self.settle_all()

    def settle_all(self) -> None:
        """Ask what became of every child that is not finished."""
        self.doubts.settle_all(list(self.roll.live.values()))

    def abandon(self, process: Process) -> None:
        """Leave an order's children at the venue; what has not been sent there is not."""
        parent = process.parent
        assert parent is not None
        for child in list(parent.unfinished):
            self._unsend(parent, child)
        if not self._killed:
            self.roll.left[process.order_id] = process
        self.roll.review(process)

    def ended(self, process: Process) -> None:
        """An order is not here any more, whatever its children do."""
        self.gate.forget(process.order_id)
        self.roll.ended(process)

    def late(self, report: Report) -> None:
        """A report of an order that has ended: what was executed was executed, whoever hears of it."""
        process = self.roll.find(report.order_id)
        if process is not None:
            self.apply(process, report)

    def close(self) -> list[asyncio.Task[None]]:
        """Send and ask nothing more; answers what is still ending."""
        self.sending.close()
        return self.doubts.close()

    def _work(self, process: Process, intent: Intent) -> Request | None:
        if process.asked_cancel or process.asked_hold or process.ended or self._withdrawing:
            return None
        if process.submitted_ns < 0 or process.leaving is not None:
            return None  # the order is not here yet, and may never be
        intent.check()
        parent, outbox, terms = self._parent_of(process), self.sending.outbox, process.terms
        waiting = outbox.waiting(process.order_id, intent.slot)
        if waiting is not None:
            if parent.wants(terms, intent, waiting):
                outbox.affirm(process.order_id, intent.slot, self._clock.now_ns())
                return None
            outbox.take_back(waiting)
            parent.unsend(waiting)
        market = Market(process.board.quote, process.board.status)
        self.gate.mark(terms.symbol, mark_of(market.quote, terms.side))
        request = parent.work(terms, intent, self._replace)
        parent.refused = None
        if request is None:
            self.roll.review(process)
            return None
        if not isinstance(request, CancelOrder):
            child = parent.find(request.cl_ord_id)
            assert child is not None
            parent.refused = self.gate.judge(request, child, market, self._clock.now_ns())
            if parent.refused is not None:
                parent.unsend(request)
                self.roll.review(process)
                return None
        self.roll.enter(process)
        self.sending.put(request, intent.slot)
        return request

    def _cancel(self, process: Process, slot: str | None) -> Request | None:
        parent = process.parent
        if parent is None:
            return None
        first: Request | None = None
        for child in parent.unfinished if slot is None else parent.all_at(slot):
            request = self._cancel_child(process, parent, child)
            first = first or request
        return first

    def _cancel_child(self, process: Process, parent: Parent, child: Child) -> Request | None:
        """Cancel a child, what waits to be sent of it first; one that was never sent is simply not there any more."""
        self._unsend(parent, child)
        if parent.find(child.request.cl_ord_id) is None:
            self.roll.review(process)
            return None
        if self.holds.keeps(child):
            return None
        try:
            request = parent.cancel(process.terms, parent.find(child.request.cl_ord_id) or child)
        except Exception:
            _log.exception("cannot cancel child %s of order %s", child.cl_ord_id, process.order_id)
            return None
        if request is not None:
            self.sending.put(request)
        return request

    @property
    def _killed(self) -> bool:
        return self._halted and self.gate.state is TradingState.HALTED

    def _give_up(self, child: Child) -> None:
        """What waits to be sent of a child that has ended is reported back."""
        for asked in child.asked:
            waiting = self.sending.outbox.named(asked.request.cl_ord_id)
            if waiting is not None:
                self.sending.back(waiting, Rule.ENDED)

    def _held_no_more(self, process: Process, name: str, wanted: bool) -> None:
        self.curb(process)
        if wanted:
            self._recancel(process, name)

    def _unsend(self, parent: Parent, child: Child) -> None:
        """Take back what waits to be sent of a child, but for a cancel."""
        outbox = self.sending.outbox
        for name in (*child.names, *(asked.request.cl_ord_id for asked in child.asked)):
            waiting = outbox.named(name)
            if waiting is not None:
                outbox.take_back(waiting)
                parent.unsend(waiting)

    def _failed(self, process: Process, request: Request) -> None:
        """The venue did not take a request; a cancel is asked again, all else is asked about."""
        parent = process.parent
        assert parent is not None
        if isinstance(request, CancelOrder):
            parent.unask(request)
            self._loop.call_later(_AGAIN_S, self._recancel, process, request.orig_cl_ord_id)
        else:
            parent.doubt(request)
            self.doubts.settle(process, request.cl_ord_id)

    def _recancel(self, process: Process, cl_ord_id: str) -> None:
        parent = self._parent_of(process)
        child = parent.find(cl_ord_id)
        if child is not None and not child.finished and process.order_id not in self.roll.left:
            self._cancel_child(process, parent, child)

    def _parent_of(self, process: Process) -> Parent:
        if process.parent is None:
            process.parent = Parent(process.order_id, self.ids.give, self.gate.note)
        return process.parent
