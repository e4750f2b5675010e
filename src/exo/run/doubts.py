"""Doubts: requests without an answer - asked about, and settled only by what the venue then says.

Nothing is sent again before the old request is proved dead: not found, its time to take effect and the clocks' skew
past, and again found neither among open orders nor among fills.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from exo.dma.child import Child
from exo.dma.request import ReplaceOrder, Request, StatusQuery
from exo.dma.venue import Venue
from exo.flow.clock import Clock
from exo.mkt.report import Report
from exo.run.own import gone, not_asked, replaced
from exo.run.process import OrderProcess

_log = logging.getLogger("exo.run")

_S: Final = 1_000_000_000
_AT_ONCE: Final = 8
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0

Process = OrderProcess[Any]


class _Expected(NamedTuple):
    due_ns: int
    process: Process
    request: Request


class Doubts:
    """Waits for answers, and asks the venue about whatever has none in time.

    One timer for all: every request has the same time to be answered, so the first sent is the first due. Every
    `audit_s` the venue is asked what is open, for a report may be lost that nobody waits for. `live` are the orders
    with a child that is not finished; `report` gets what was learnt, `curb` an order whose child may need another
    cancel.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        venue: Venue,
        live: Mapping[str, Process],
        report: Callable[[Report], object],
        curb: Callable[[Process], object],
        audit_s: float,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._venue = venue
        self._live = live
        self._audit_s = audit_s
        self._lossless = venue.capabilities.lossless
        self._audit: asyncio.TimerHandle | None = None
        self._auditing: asyncio.Task[None] | None = None
        self._report = report
        self._curb = curb
        self._answer_ns = round(venue.capabilities.answer_s * _S)
        self._expiry_ns = round(venue.capabilities.expiry_s * _S)
        self._expected: deque[_Expected] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._settling: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def expect(self, process: Process, request: Request, now_ns: int) -> None:
        """A request has left: it should be answered."""
        self._expected.append(_Expected(now_ns + self._answer_ns, process, request))
        if self._timer is None:
            self._timer = self._loop.call_later(self._answer_ns / _S, self._due)
        if self._audit is None and not self._lossless:
            self._audit = self._loop.call_later(self._audit_s, self._begin_audit)

    def settle(self, process: Process, cl_ord_id: str, sent_ns: int | None = None) -> None:
        """Find out what became of a child, by any of its names; its last request left then, at the latest now."""
        parent = process.parent
        child = None if parent is None else parent.find(cl_ord_id)
        if child is None or child.finished or child.request.cl_ord_id in self._settling:
            return
        name = child.request.cl_ord_id
        sent_ns = self._clock.now_ns() if sent_ns is None else sent_ns
        task = self._settling[name] = self._loop.create_task(self._settle(process, name, sent_ns), name="exo.settle")
        task.add_done_callback(lambda _: self._settling.pop(name, None))

    def settle_all(self, processes: Iterable[Process]) -> None:
        """Find out what became of every child that is not finished."""
        for process in processes:
            if process.parent is not None:
                process.parent.doubt_all()
                for child in process.parent.unfinished:
                    self.settle(process, child.cl_ord_id)

    def close(self) -> list[asyncio.Task[None]]:
        """Ask no more; answers what is still ending."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._audit is not None:
            self._audit.cancel()
        self._expected.clear()
        tasks = [*self._settling.values(), *filter(None, [self._auditing])]
        for task in tasks:
            task.cancel()
        return tasks

    def _due(self) -> None:
        now_ns = self._clock.now_ns()
        self._timer = None
        expected = self._expected
        while expected and expected[0].due_ns <= now_ns:
            due_ns, process, request = expected.popleft()
            parent = process.parent
            assert parent is not None
            if any(child.waits_for(request.cl_ord_id) for child in parent.unfinished):
                parent.doubt(request)
                for cl_ord_id in (request.cl_ord_id, getattr(request, "orig_cl_ord_id", request.cl_ord_id)):
                    self.settle(process, cl_ord_id, due_ns - self._answer_ns)
        if expected:
            self._timer = self._loop.call_later((expected[0].due_ns - now_ns) / _S, self._due)

    def _begin_audit(self) -> None:
        self._audit = None
        if self._live:
            self._auditing = self._loop.create_task(self._check_open(), name="exo.audit")
            self._audit = self._loop.call_later(self._audit_s, self._begin_audit)

    async def _check_open(self) -> None:
        """Ask what is open: whoever is not, and has not changed meanwhile, is in doubt."""
        before = [
            (process, child)
            for process in self._live.values()
            for child in (process.parent.unfinished if process.parent is not None else ())
            if child.acknowledged and child.live and not child.unanswered
        ]
        try:
            reports = await self._venue.open_orders()
        except Exception as error:
            _log.warning("cannot ask which orders are open: %s", error)
            return
        names = {report.cl_ord_id for report in reports}
        for process, child in before:
            parent = process.parent
            if parent is not None and child.cl_ord_id not in names and parent.find(child.cl_ord_id) is child:
                parent.doubt_child(child)
                self.settle(process, child.cl_ord_id)

    async def _settle(self, process: Process, name: str, sent_ns: int) -> None:
        pause_s = _FIRST_PAUSE_S
        missed = 0
        await asyncio.sleep(0)  # a loop with eager tasks begins this before it is known to run
        while (child := self._doubtful(process, name)) is not None:
            past = self._clock.now_ns() - sent_ns >= self._expiry_ns  # before it is asked, not when it has answered
            try:
                async with self._turns:
                    reports = await self._venue.query(_query(child))
            except Exception as error:
                _log.warning("cannot ask what became of %s, again in %g s: %s", name, pause_s, error)
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
                continue
            for report in reports:
                self._report(report)
            child = self._doubtful(process, name)
            if child is None:
                return
            missed = 0 if reports else missed + past
            if missed > 1:
                self._report(gone(child, "not found at the venue, after all its time had passed", self._clock.now_ns()))
                return
            if reports and past:
                self._found(process, child, {report.cl_ord_id for report in reports})
                return
            left_s = (sent_ns + self._expiry_ns - self._clock.now_ns()) / _S
            await asyncio.sleep(max(left_s, _FIRST_PAUSE_S))

    def _found(self, process: Process, child: Child, names: set[str | None]) -> None:
        """The venue has it: a replace under whose name it stands was accepted, all else has not arrived."""
        for asked in child.unanswered:
            if asked.in_doubt:
                request, now_ns = asked.request, self._clock.now_ns()
                if isinstance(request, ReplaceOrder) and request.cl_ord_id in names:
                    self._report(replaced(request, "accepted, as a query has shown", now_ns))
                else:
                    self._report(not_asked(child, request, "did not arrive, as a query has shown", now_ns))
        self._curb(process)

    def _doubtful(self, process: Process, name: str) -> Child | None:
        child = None if process.parent is None else process.parent.find(name)
        return child if child is not None and child.in_doubt else None


def _query(child: Child) -> StatusQuery:
    request = child.request
    return StatusQuery(
        order_id=request.order_id,
        names=child.names,
        side=request.side,
        symbol=request.symbol,
        secondary_order_id=child.secondary_order_id,
    )
