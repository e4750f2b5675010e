"""Reports: bring what venues tell to the orders it is about, or to whoever looks after orphans (contract C8)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from exo.errors import MailboxFull
from exo.mkt.order import Order
from exo.mkt.report import Report
from exo.run.leaving import Leaving
from exo.run.orders import Orders
from exo.run.process import OrderProcess
from exo.run.statistics import Statistics

OrderT = TypeVar("OrderT", bound=Order)

_log = logging.getLogger("exo.run")


class Reports(Generic[OrderT]):
    """Posts reports to live orders; those for others go to `on_orphan`, and are logged without one."""

    def __init__(
        self,
        orders: Orders[OrderT],
        leaving: Leaving,
        statistics: Statistics,
        on_orphan: Callable[[Report], object] | None,
        recorded: Callable[[OrderProcess[Any]], object],
        mailbox_limit: int,
        late: Callable[[Report], object] | None = None,
    ) -> None:
        self._live = orders.live
        self._leaving = leaving
        self._statistics = statistics
        self._on_orphan = on_orphan
        self._recorded = recorded
        self._limit = mailbox_limit
        self._late = late

    def post(self, report: Report) -> None:
        """Apply a report and post it; MailboxFull if its order has too many undelivered facts (contract C11)."""
        process = self._live.get(report.order_id)
        if process is None:
            if self._late is not None:
                self._late(report)
            self._orphan(report)
            return
        if process.working is not None and not process.working.apply(process, report):
            self._statistics.repeated += 1
            return
        try:
            process.post(report, self._limit)
        except MailboxFull:
            if process.parent is not None:
                process.parent.untold(report)
            raise
        finally:
            self._recorded(process)
            self._leaving.reported(process)

    def post_late(self, report: Report) -> None:
        """Post a report that nobody waits to see refused: one too many is an orphan too."""
        try:
            self.post(report)
        except MailboxFull as error:
            _log.error("%s", error)
            self._orphan(report)

    def _orphan(self, report: Report) -> None:
        self._statistics.orphans += 1
        try:
            if self._on_orphan is not None:
                self._on_orphan(report)
            else:
                _log.warning("a report for order %s, which is not here: %s", report.order_id, report)
        except (Exception, asyncio.CancelledError):
            _log.exception("on_orphan raised")
