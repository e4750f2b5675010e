"""Working: the way from a desk to the venue, where the parent is safe whatever its delegate does (contract C21)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from decimal import Decimal
from threading import get_ident
from typing import Any, TypeVar

from exo.dma.parent import Parent
from exo.dma.request import Request
from exo.dma.venue import Venue
from exo.mkt.enums import MsgType, TimeInForce
from exo.mkt.report import Report
from exo.run.process import OrderProcess

T = TypeVar("T")

_log = logging.getLogger("exo.run")

Process = OrderProcess[Any]


class Working:
    """Makes the requests of one dispatcher's orders, hands them to the venue, and applies its reports.

    What must go is cancelled here, and again when a report shows that it still stands: a cancel may have been lost, or
    have overtaken the new order (FIX scenario S30).

    Reports are applied when they come, before the delegate is told: what a desk shows is never behind. A quantity is
    bounded by the terms as last asked for, even before the delegate knows them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, venue: Venue) -> None:
        self._loop = loop
        self._venue = venue
        self._thread = get_ident()
        self._live: dict[str, Process] = {}
        self._none_live: asyncio.Future[None] | None = None
        self._withdrawing = False

    def work(
        self, process: Process, order_qty: Decimal | None, price: Decimal | None, time_in_force: TimeInForce
    ) -> Request | None:
        """Bring the child nearer to this intent; nothing once the order is held, being cancelled, or has ended."""
        return self._on_loop(self._work, process, order_qty, price, time_in_force)

    def cancel(self, process: Process) -> Request | None:
        """Cancel the child."""
        return self._on_loop(self._cancel, process)

    def curb(self, process: Process) -> None:
        """Cancel a child that must not stand: more than the terms leave, or of an order that is leaving."""
        parent = process.parent
        if parent is None or parent.live is None:
            return
        if self._withdrawing or process.leaving is not None or parent.exceeds(process.terms):
            try:
                self._cancel(process)
            except Exception:
                _log.exception("cannot cancel the child of order %s", process.order_id)

    def apply(self, process: Process, report: Report) -> bool:
        """Apply a report; answers False if it is an execution that was applied before."""
        if process.parent is None:
            process.parent = Parent()
        new = process.parent.apply(report)
        if report.msg_type is not MsgType.CXL_REJ:  # to ask again at once might go on for ever
            self.curb(process)
        if process.parent.live is None:
            self._live.pop(process.order_id, None)
            if not self._live and self._none_live is not None and not self._none_live.done():
                self._none_live.set_result(None)
        return new

    def withdraw(self) -> None:
        """Cancel every child; nothing new is sent any more."""
        self._withdrawing = True
        for process in list(self._live.values()):
            self.curb(process)

    async def none_live(self, within_s: float) -> None:
        """Wait so long until no child may trade any more."""
        if self._live:
            self._none_live = self._loop.create_future()
            await asyncio.wait([self._none_live], timeout=within_s)

    def _work(
        self, process: Process, order_qty: Decimal | None, price: Decimal | None, time_in_force: TimeInForce
    ) -> Request | None:
        if process.asked_cancel or process.asked_hold or process.ended or self._withdrawing:
            return None
        if process.submitted_ns < 0:
            return None  # the order is not here yet, and may never be
        parent = process.parent
        if parent is None:
            parent = process.parent = Parent()
        return self._send(process, parent.work(process.terms, process.order_id, order_qty, price, time_in_force))

    def _cancel(self, process: Process) -> Request | None:
        if process.parent is None:
            return None
        return self._send(process, process.parent.cancel(process.terms, process.order_id))

    def _send(self, process: Process, request: Request | None) -> Request | None:
        if request is not None:
            assert process.parent is not None
            self._live[process.order_id] = process
            try:
                self._venue.send(request)
            except BaseException:
                process.parent.unsent(request)
                raise
        return request

    def _on_loop(self, call: Callable[..., T], *args: Any) -> T:
        """Call on the loop's thread; a blocking delegate waits for it in its own."""
        if get_ident() == self._thread:
            return call(*args)
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(call(*args))
            except BaseException as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result()
