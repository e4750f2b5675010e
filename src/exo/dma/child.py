"""Child: an order at a venue as its reports make it (FIX 4.4 volume 7, Order State Change Matrices)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from exo.dma.request import NewOrder
from exo.mkt.enums import ExecType, MsgType, OrdStatus, TimeInForce
from exo.mkt.exact import ZERO, add, divide, multiply, subtract
from exo.mkt.report import Report
from exo.mkt.value import Frozen

_TERMINAL: Final = frozenset(
    {
        OrdStatus.FILLED,
        OrdStatus.CANCELED,
        OrdStatus.EXPIRED,
        OrdStatus.REJECTED,
        OrdStatus.CALCULATED,
        OrdStatus.DONE_FOR_DAY,
    }
)
_DUPLICATE: Final = 6
_ENDS: Final = {
    ExecType.CANCELED: OrdStatus.CANCELED,
    ExecType.EXPIRED: OrdStatus.EXPIRED,
    ExecType.REJECTED: OrdStatus.REJECTED,
    ExecType.CALCULATED: OrdStatus.CALCULATED,
    ExecType.DONE_FOR_DAY: OrdStatus.DONE_FOR_DAY,
}


class Child(Frozen):
    """An order at a venue, with every report so far applied; the next report makes a new one.

    `cum_qty` and `notional` come from executions only; `told_qty` is the highest CumQty that a report told, so what it
    has more is an execution on its way. `cancel_id` is the ClOrdID of a cancel that has not been
    answered. `in_doubt`: a request about it may or may not have left, so it counts in full until a report tells.
    `text` is what the venue said when it refused or ended it.
    """

    request: NewOrder
    ord_status: OrdStatus = OrdStatus.PENDING_NEW
    cum_qty: Decimal = ZERO
    notional: Decimal = ZERO
    told_qty: Decimal = ZERO
    cancel_id: str | None = None
    in_doubt: bool = False
    text: str = ""

    @property
    def cl_ord_id(self) -> str:
        """Its name at the venue."""
        return self.request.cl_ord_id

    @property
    def order_qty(self) -> Decimal:
        """How much was asked for."""
        return self.request.order_qty

    @property
    def price(self) -> Decimal | None:
        """Its limit; None for a market order."""
        return self.request.price

    @property
    def time_in_force(self) -> TimeInForce:
        """How long it stands."""
        return self.request.time_in_force

    @property
    def live(self) -> bool:
        """Whether it may still trade, as far as is known."""
        return self.ord_status not in _TERMINAL

    @property
    def leaves_qty(self) -> Decimal:
        """What may still be executed: 0 once it has ended (FIX: LeavesQty = OrderQty - CumQty while live)."""
        return max(ZERO, subtract(self.order_qty, self.cum_qty)) if self.live else ZERO

    @property
    def avg_px(self) -> Decimal | None:
        """The average price of its executions, None before the first."""
        return divide(self.notional, self.cum_qty) if self.cum_qty else None

    @property
    def missing_qty(self) -> Decimal:
        """What the venue says is executed and no execution has told."""
        return subtract(self.told_qty, self.cum_qty) if self.told_qty > self.cum_qty else ZERO

    def cancelling(self, cancel_id: str | None) -> Child:
        """The same with a cancel on its way, or with None, none."""
        return msgspec.structs.replace(self, cancel_id=cancel_id)

    def doubted(self) -> Child:
        """The same with a request of unknown fate."""
        return msgspec.structs.replace(self, in_doubt=True)

    def after(self, report: Report) -> Child:
        """The child after this report, which is about it; an execution must not be applied twice.

        A report never makes an order live that has ended, but a late execution still counts. A cancel is answered by
        its own reject only.
        """
        if report.msg_type is MsgType.CXL_REJ:
            if report.cl_ord_id is not None and report.cl_ord_id != self.cancel_id:
                return self
            # "Unknown order" says nothing of one whose New was not answered: the cancel may have overtaken it (S30).
            unknown = report.ord_status is OrdStatus.REJECTED and self.ord_status is OrdStatus.PENDING_NEW
            return msgspec.structs.replace(self, cancel_id=None, in_doubt=unknown)
        kind = report.exec_type
        if kind is ExecType.TRADE:
            cum_qty = add(self.cum_qty, report.last_qty)
            notional = add(self.notional, multiply(report.last_qty, report.last_px))
            status = self.ord_status if not self.live else OrdStatus.PARTIALLY_FILLED
            if cum_qty >= self.order_qty and status is not OrdStatus.REJECTED:
                status = OrdStatus.FILLED  # also where the cancel was told first: FILLED takes precedence
            return self._now(status, report, cum_qty, notional)
        if not self.live or kind is None:
            return self
        if kind is ExecType.REJECTED and report.ord_rej_reason == _DUPLICATE and self._known:
            status = OrdStatus.NEW if self.ord_status is OrdStatus.PENDING_NEW else self.ord_status
            return self._now(status, report, self.cum_qty, self.notional)  # of the copy: ours is there (S23)
        if kind in _ENDS:
            return self._now(_ENDS[kind], report, self.cum_qty, self.notional)
        if kind is ExecType.NEW:
            status = OrdStatus.PARTIALLY_FILLED if self.cum_qty else OrdStatus.NEW
            return self._now(status, report, self.cum_qty, self.notional)
        return self

    @property
    def _known(self) -> bool:
        """Whether the venue has, or may have, had it before."""
        return self.in_doubt or self.ord_status is not OrdStatus.PENDING_NEW

    def _now(self, status: OrdStatus, report: Report, cum_qty: Decimal, notional: Decimal) -> Child:
        return msgspec.structs.replace(
            self,
            ord_status=status,
            cum_qty=cum_qty,
            notional=notional,
            told_qty=max(self.told_qty, report.cum_qty or ZERO),
            cancel_id=None if status in _TERMINAL else self.cancel_id,
            in_doubt=False,
            text=report.text or self.text,
        )
