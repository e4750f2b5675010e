"""Doubts: requests without an answer - asked about, and settled only by what the venue then says.

Nothing is sent again before the old request is proved dead: not found, its own time to take effect and the clocks' skew
past, and again found neither among open orders nor among fills. Only an answer to a question that was asked after that
time counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from exo.dma.child import Child
from exo.dma.outbox import Outbox
from exo.dma.request import ReplaceOrder, Request, StatusQuery
from exo.dma.venue import Venue
from exo.flow.clock import Clock
from exo.mkt.report import Report
from exo.run.asking import answer_of
from exo.run.own import gone, not_asked, replaced
from exo.run.process import OrderProcess

_log = logging.getLogger("exo.run")

_S: Final = 1_000_000_000
_AT_ONCE: Final = 8
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_QUESTION_S: Final = 10.0

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
    cancel. While the venue wants silence it is not asked either.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        venue: Venue,
        outbox: Outbox,
        live: Mapping[str, Process],
        report: Callable[[Report], object],
        curb: Callable[[Process], object],
        audit_s: float,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._venue = venue
        self._outbox = outbox
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
        self._sent_ns: dict[str, int] = {}  # of each request that waits for an answer
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._settling: dict[str, asyncio.Task[None]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    def expect(self, process: Process, request: Request, now_ns: int) -> None:
        """A request has left: it should be answered."""
        self._sent_ns[request.cl_ord_id] = now_ns
        self._expected.append(_Expected(now_ns + self._answer_ns, process, request))
        if self._timer is None:
            self._timer = self._loop.call_later(self._answer_ns / _S, self._due)
        if self._audit is None and not self._lossless:
            self._audit = self._loop.call_later(self._audit_s, self._begin_audit)

    def settle(self, process: Process, cl_ord_id: str) -> None:
        """Find out what became of a child, by any of its names."""
        parent = process.parent
        child = None if parent is None else parent.find(cl_ord_id)
        if self._closed or child is None or child.finished or child.request.cl_ord_id in self._settling:
            return
        name = child.request.cl_ord_id
        task = self._settling[name] = self._loop.create_task(self._settle(process, name), name="exo.settle")
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
        self._closed = True
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
            _, process, request = expected.popleft()
            parent = process.parent
            assert parent is not None
            names = {request.cl_ord_id: None, getattr(request, "orig_cl_ord_id", request.cl_ord_id): None}
            if any(child is not None and child.waits_for(request.cl_ord_id) for child in map(parent.find, names)):
                parent.doubt(request)
                for cl_ord_id in names:
                    self.settle(process, cl_ord_id)
            else:
                self._sent_ns.pop(request.cl_ord_id, None)
        if expected:
            self._timer = self._loop.call_later((expected[0].due_ns - now_ns) / _S, self._due)

    def _begin_audit(self) -> None:
        self._audit = None
        if self._live and not self._silent_s and (self._auditing is None or self._auditing.done()):
            self._auditing = self._loop.create_task(self._check_open(), name="exo.audit")
        if self._live:
            self._audit = self._loop.call_later(self._audit_s, self._begin_audit)

    @property
    def _silent_s(self) -> float:
        """How long the venue still wants to hear nothing."""
        return max(0, self._outbox.silent_until_ns - self._clock.now_ns()) / _S

    async def _check_open(self) -> None:
        """Ask what is open: whoever is not, and has not changed meanwhile, is in doubt."""
        before = [
            (process, child)
            for process in self._live.values()
            for child in (process.parent.unfinished if process.parent is not None else ())
            if child.acknowledged and child.live and not child.unanswered
        ]
        try:
            reports = await answer_of(self._venue.open_orders(), _QUESTION_S)
        except Exception as error:
            _log.warning("cannot ask which orders are open: %s", error)
            return
        names = {report.cl_ord_id for report in reports}
        for process, child in before:
            parent = process.parent
            if parent is not None and child.cl_ord_id not in names and parent.find(child.cl_ord_id) is child:
                parent.doubt_child(child)
                self.settle(process, child.cl_ord_id)

    async def _settle(self, process: Process, name: str) -> None:
        pause_s = _FIRST_PAUSE_S
        before: tuple[str, ...] = ()  # what was in question at the last miss, if its time had passed
        names: dict[str, None] = {}
        await asyncio.sleep(0)  # a loop with eager tasks begins this before it is known to run
        while (child := self._doubtful(process, name)) is not None:
            if self._silent_s:
                await asyncio.sleep(self._silent_s)
                continue
            try:
                async with self._turns:
                    asked_ns = self._clock.now_ns()
                    names |= dict.fromkeys(_requests(child))
                    dead = self._past(child, asked_ns)  # before it is asked, not when it has answered
                    reports = await answer_of(self._venue.query(_query(child)), _QUESTION_S)
            except Exception as error:
                _log.warning("cannot ask what became of %s, again in %g s: %s", name, pause_s, error)
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
                continue
            for report in reports:
                self._report(report)
            child = self._doubtful(process, name)
            if child is None:
                break
            in_question = _in_question(child)
            if not reports and in_question == before:
                text = "not found at the venue, after all its time had passed"
                self._report(gone(child, text, self._clock.now_ns()))
                break
            before = in_question if not reports and dead.issuperset(in_question) else ()
            if reports:
                self._found(process, child, {report.cl_ord_id for report in reports}, dead)
            await asyncio.sleep(max(self._left_s(child), _FIRST_PAUSE_S))
        child = None if process.parent is None else process.parent.find(name)
        for cl_ord_id in names:
            if child is None or not child.waits_for(cl_ord_id):
                self._sent_ns.pop(cl_ord_id, None)

    def _past(self, child: Child, now_ns: int) -> set[str]:
        """The requests about a child that can take no effect any more; one that left nobody knows when, left now."""
        sent_ns = {name: self._sent_ns.setdefault(name, now_ns) for name in _requests(child)}
        return {name for name, ns in sent_ns.items() if now_ns - ns >= self._expiry_ns}

    def _left_s(self, child: Child) -> float:
        """Until the next of its requests can take no effect any more."""
        now_ns = self._clock.now_ns()
        left = [self._sent_ns.get(name, now_ns) + self._expiry_ns - now_ns for name in _requests(child)]
        return min([ns for ns in left if ns > 0], default=0) / _S

    def _found(self, process: Process, child: Child, names: set[str | None], dead: set[str]) -> None:
        """The venue has it: a replace under whose name it stands was accepted, all else has not arrived."""
        for asked in child.unanswered:
            if asked.in_doubt and asked.request.cl_ord_id in dead:
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


def _requests(child: Child) -> tuple[str, ...]:
    """The requests of which a doubt may be: that which made it, and those without an answer."""
    return (child.request.cl_ord_id, *(asked.request.cl_ord_id for asked in child.unanswered))


def _in_question(child: Child) -> tuple[str, ...]:
    """Those whose time must have passed before a child that is not found is not there: no cancel makes one."""
    replaces = [asked.request.cl_ord_id for asked in child.unanswered if isinstance(asked.request, ReplaceOrder)]
    return (child.request.cl_ord_id, *replaces)
