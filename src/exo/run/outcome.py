"""Outcome: how an order ended; and Outcomes, which keeps the last of them."""

from __future__ import annotations

import asyncio
import traceback
from collections import OrderedDict
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from exo.mkt.enums import OrdStatus
from exo.mkt.exact import ZERO
from exo.mkt.order import Instruction, Order
from exo.mkt.report import Report
from exo.mkt.value import Frozen
from exo.run.owner import stand_of

if TYPE_CHECKING:
    from exo.run.process import OrderProcess


class End(Enum):
    """The ways an order can end."""

    DONE = "DONE"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


class Outcome(Frozen):
    """How an order ended, with its last terms.

    DONE: its delegate said so. FAILED: its delegate raised or answered nonsense; `error` is the sentence, `traceback`
    the whole story. STOPPED: the dispatcher shut down first. `undelivered` are the facts its delegate never saw, in
    order: there are none when it is DONE. `still_open` are the ClOrdIDs that children which may still trade have or
    may have: those abandoned, or left by a shutdown. Times are in ns since the epoch.
    """

    order: Order
    end: End
    submitted_ns: int
    ended_ns: int
    cancelled: bool = False
    error: str = ""
    traceback: str = ""
    ord_status: OrdStatus = OrdStatus.CANCELED
    cum_qty: Decimal = ZERO
    leaves_qty: Decimal | None = None
    avg_px: Decimal | None = None
    undelivered: tuple[Instruction[Any] | Report, ...] = ()
    still_open: tuple[str, ...] = ()

    @property
    def order_id(self) -> str:
        """The order's id."""
        return str(self.order.order_id)


def outcome_of(process: OrderProcess[Any], end: End, error: BaseException | None, now_ns: int) -> Outcome:
    """The outcome of an order that ended in this way, now."""
    stand = stand_of(process, end)
    return Outcome(
        order=process.terms,
        end=end,
        submitted_ns=process.submitted_ns,
        ended_ns=now_ns,
        cancelled=process.asked_cancel,
        error="" if error is None else sentence(error),
        traceback="" if error is None else story(error),
        ord_status=stand.ord_status,
        cum_qty=stand.cum_qty,
        leaves_qty=stand.leaves_qty,
        avg_px=stand.avg_px,
        undelivered=tuple(process.mailbox or ()),
        still_open=()
        if process.parent is None
        else tuple(name for child in process.parent.unfinished for name in child.names),
    )


def sentence(error: BaseException) -> str:
    """An exception in one line, even one whose own text raises."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def story(error: BaseException) -> str:
    """An exception with its traceback, as far as it lets itself be told."""
    try:
        return "".join(traceback.format_exception(error))
    except Exception:
        return sentence(error)


class Outcomes:
    """The outcomes of the orders that ended last, at most `retain` of them, and who waits for one (contract C11)."""

    def __init__(self, retain: int) -> None:
        self._retain = retain
        self._kept: OrderedDict[str, Outcome] = OrderedDict()
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._kept

    def get(self, order_id: str) -> Outcome | None:
        """The outcome, None if the order has not ended or ended too long ago."""
        return self._kept.get(order_id)

    def add(self, outcome: Outcome) -> None:
        """Keep an outcome, forget the oldest, tell who waits."""
        order_id = outcome.order_id
        if self._retain:
            self._kept[order_id] = outcome
        if len(self._kept) > self._retain:
            self._kept.popitem(last=False)
        waiting = self._waiting.pop(order_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)

    async def wait(self, order_id: str) -> Outcome:
        """The outcome of a live order, once it has ended."""
        waiting = self._waiting.get(order_id)
        if waiting is None:
            waiting = self._waiting[order_id] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(waiting)
