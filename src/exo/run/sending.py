"""Sending: the way of a request from the outbox to the venue, past the risk gate once more (contract C20)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from exo.dma.limits import Refusal, Rule
from exo.dma.outbox import Outbox, Waiting
from exo.dma.parent import Parent
from exo.dma.request import CancelOrder, NewOrder, ReplaceOrder, Request
from exo.dma.risk import Market, RiskGate
from exo.dma.venue import Line, Venue, VenueStatus
from exo.flow.clock import Clock
from exo.mkt.report import Report
from exo.run.own import refusals
from exo.run.process import OrderProcess

_log = logging.getLogger("exo.run")

_S: Final = 1_000_000_000

Process = OrderProcess[Any]


class Sending:
    """Hands requests to the venue as its limits allow, and reports those back that must not leave any more.

    `sent` is told of each request that has left, `failed` of one that the venue did not take; `report` gets what exo
    itself has to tell of one that has not left. `of` finds the order of a request.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        venue: Venue,
        gate: RiskGate,
        outbox: Outbox,
        of: Callable[[str], Process | None],
        sent: Callable[[Process, Request, int], object],
        failed: Callable[[Process, Request], object],
        report: Callable[[Report], object],
    ) -> None:
        self.outbox = outbox
        self._loop = loop
        self._clock = clock
        self._venue = venue
        self._gate = gate
        self._of = of
        self._sent = sent
        self._failed = failed
        self._report = report
        self._timer: asyncio.TimerHandle | None = None
        self._pumping = False
        self._closed = False
        self._fresh = ""  # the request that has just been judged

    def put(self, request: Request, slot: str = "") -> None:
        """Send a request, now or as soon as it may be."""
        self.outbox.put(request, self._clock.now_ns(), slot)
        self._fresh = request.cl_ord_id
        self.pump()
        self._fresh = ""

    def drop(self, rule: Rule) -> None:
        """Take back what waits and is no cancel, and report it back by this rule."""
        for waiting in self.outbox.drop():
            self._back(waiting.request, _refusal(waiting.request, rule))

    def on_line(self, status: VenueStatus) -> None:
        """The line to the venue has changed."""
        if self._closed:
            return
        if status.line is not Line.SILENT:
            self.outbox.closed = status.line is Line.DOWN
        elif status.until_ns is not None:
            self.outbox.silent_until_ns = max(self.outbox.silent_until_ns, status.until_ns)
        self.pump()

    def pump(self) -> None:
        """Let everything leave that may, and come again when more may."""
        if self._pumping or self._closed:
            return  # a report of what did not leave has led here
        self._pumping = True
        try:
            now_ns = self._clock.now_ns()
            for waiting in self.outbox.too_old(now_ns):
                self._grew_old(waiting, now_ns)
            while (next_ := self.outbox.next(now_ns)) is not None:
                self._leave(next_, now_ns)
        finally:
            self._pumping = False
            self._set_timer()

    def close(self) -> None:
        """Send nothing more, whatever comes."""
        self._closed = True
        self.outbox.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self, request: Request, now_ns: int) -> None:
        process = self._of(request.order_id)
        if process is None or process.parent is None:
            self._leave_stray(request)
            return
        if not isinstance(request, CancelOrder) and request.cl_ord_id != self._fresh:
            refusal = self._judge_again(process, process.parent, request, now_ns)
            if refusal is not None:
                self._back(request, refusal)
                return
        if not isinstance(request, CancelOrder):
            self._gate.left(request, now_ns)
        self._sent(process, request, now_ns)
        try:
            self._venue.send(request)
        except Exception:
            _log.exception("the venue did not take %s: what became of it is in doubt", request)
            self._failed(process, request)

    def _leave_stray(self, request: Request) -> None:
        """Send the cancel of what no order here knows of; anything else has lost its order meanwhile."""
        if isinstance(request, CancelOrder):
            try:
                self._venue.send(request)
            except Exception:
                _log.exception("the venue did not take %s", request)

    def _judge_again(
        self, process: Process, parent: Parent, request: NewOrder | ReplaceOrder, now_ns: int
    ) -> Refusal | None:
        """Why a request that has waited may not leave any more: by the gate, or because its owner wants it no more."""
        if process.asked_cancel or process.asked_hold or process.leaving is not None:
            is_ = "cancelled" if process.asked_cancel else "held" if process.asked_hold else "lost"
            return _refusal(request, Rule.OWNER, is_)
        child = parent.find(request.cl_ord_id)
        assert child is not None
        if isinstance(request, ReplaceOrder) and _over(parent, request):
            return _refusal(request, Rule.ENDED)
        market = Market(process.board.quote, process.board.status)
        return self._gate.judge(request, child, market, now_ns, first=False)

    def _grew_old(self, waiting: Waiting, now_ns: int) -> None:
        age_s = (now_ns - waiting.since_ns) / _S
        refusal = _refusal(waiting.request, Rule.TOO_OLD, f"{age_s:.3f}", f"{self.outbox.max_age_s:g}")
        self._back(waiting.request, refusal)

    def back(self, request: NewOrder | ReplaceOrder, rule: Rule) -> None:
        """Take back what waits and report it back by this rule."""
        self.outbox.take_back(request)
        self._back(request, _refusal(request, rule))

    def _back(self, request: NewOrder | ReplaceOrder, refusal: Refusal) -> None:
        """Report a request back that was not sent."""
        process = self._of(request.order_id)
        if process is not None and process.parent is not None:
            process.parent.refused = refusal
            for report in refusals(process.parent, request, str(refusal), self._clock.now_ns()):
                self._report(report)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now_ns = self._clock.now_ns()
        due_ns = self.outbox.due_ns(now_ns)
        if due_ns is not None:
            self._timer = self._loop.call_later(max(0, due_ns - now_ns) / _S, self.pump)


def _refusal(request: NewOrder | ReplaceOrder, rule: Rule, is_: object = None, limit: object = None) -> Refusal:
    return Refusal(rule=rule, order_id=request.order_id, symbol=request.symbol, is_=is_, limit=limit)


def _over(parent: Parent, request: ReplaceOrder) -> bool:
    """Whether what a request replaces has ended."""
    child = parent.find(request.orig_cl_ord_id)
    return child is None or child.phase.over
