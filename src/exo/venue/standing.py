"""Standing: an order as the paper venue has it, and the report that tells how it stands."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

from exo.dma import CancelOrder, NewOrder, ReplaceOrder
from exo.dma.transitions import CXL_UNKNOWN
from exo.flow.clock import current_clock, utc
from exo.mkt import ExecType, LastLiquidityInd, MsgType, OrdStatus, Report, Side, TimeInForce
from exo.mkt.exact import ZERO, add, divide, multiply, ratio, subtract

_TOO_LATE: Final = 0


class Traded(NamedTuple):
    """One execution, or what has taken the place of the one that `ref` names: with quantity 0, it is busted."""

    qty: Decimal
    px: Decimal
    fee: Decimal
    liquidity: LastLiquidityInd
    ref: str | None = None
    amended: bool = False


class Standing:
    """An order at the paper venue; `number` is its place in the order of arrival, `turn` in its queue.

    `terms` are those of the last request that was accepted, `asked` the replaces and cancels that are pending; `names`
    all ClOrdIDs it has had.
    `ahead` is how much of what others show at its price would trade before it; None while that cannot be known.
    `off_book` is what has left the book without being executed: reduced by the venue, or busted.
    """

    __slots__ = (
        "ahead",
        "asked",
        "cum_qty",
        "day_over",
        "ended",
        "executions",
        "names",
        "notional",
        "number",
        "off_book",
        "passive",
        "request",
        "terms",
        "turn",
        "waits",
    )

    def __init__(self, request: NewOrder, number: int) -> None:
        self.request = request
        self.terms: NewOrder | ReplaceOrder = request
        self.number = number
        self.turn = number
        self.cum_qty = ZERO
        self.notional = ZERO
        self.off_book = ZERO
        self.executions: dict[str, Traded] = {}
        self.names = [request.cl_ord_id]
        self.asked: list[ReplaceOrder | CancelOrder] = []
        self.ended: OrdStatus | None = None
        self.day_over = False
        self.passive = False
        self.waits = False
        self.ahead: Decimal | None = ZERO

    @property
    def leaves_qty(self) -> Decimal:
        """What is still to be filled."""
        if self.ended is not None:
            return ZERO
        return max(ZERO, subtract(subtract(self.terms.order_qty, self.cum_qty), self.off_book))

    @property
    def place(self) -> tuple[Decimal, int]:
        """Price before time: the better price first, then whose turn came first."""
        price = self.terms.price or ZERO
        return price.copy_negate() if self.terms.side is Side.BUY else price, self.turn

    @property
    def status(self) -> OrdStatus:
        """Its state, by FIX's precedence of states."""
        if self.ended is not None:
            return self.ended
        if any(isinstance(asked, CancelOrder) for asked in self.asked):
            return OrdStatus.PENDING_CANCEL
        if self.asked:
            return OrdStatus.PENDING_REPLACE
        if self.day_over:
            return OrdStatus.DONE_FOR_DAY
        if not self.leaves_qty:
            return OrdStatus.FILLED if self.cum_qty >= self.terms.order_qty else OrdStatus.CANCELED
        return OrdStatus.PARTIALLY_FILLED if self.cum_qty else OrdStatus.NEW

    @property
    def lasting(self) -> bool:
        """Whether it stands for longer than a day."""
        return self.terms.time_in_force in (TimeInForce.GTC, TimeInForce.GTD)

    def amend(self, exec_id: str, new_id: str, qty: Decimal, px: Decimal, fee: Decimal) -> None:
        """Let another version take the place of an execution."""
        old = self.executions[exec_id]
        self.executions[exec_id] = old._replace(amended=True)
        self.executions[new_id] = Traded(qty, px, fee, old.liquidity, ref=exec_id)
        self.cum_qty = add(self.cum_qty, subtract(qty, old.qty))
        self.notional = add(self.notional, subtract(multiply(qty, px), multiply(old.qty, old.px)))

    def report(self, exec_type: ExecType, now_ns: int, **more: Any) -> Report:
        """A report of how it stands."""
        terms = self.terms
        members: dict[str, Any] = {
            "order_id": terms.order_id,
            "cl_ord_id": terms.cl_ord_id,
            "secondary_order_id": str(self.number),
            "symbol": terms.symbol,
            "side": terms.side,
            "order_qty": terms.order_qty,
            "price": terms.price,
            "time_in_force": terms.time_in_force,
            "exec_type": exec_type,
            "ord_status": self.status,
            "cum_qty": self.cum_qty,
            "leaves_qty": self.leaves_qty,
            "avg_px": _average(self),
            "received_ns": now_ns,
        }
        return Report(**(members | more))


def _average(standing: Standing) -> Decimal:
    """The average price, to as many digits as a Report may have."""
    if not standing.cum_qty:
        return ZERO
    average = divide(standing.notional, standing.cum_qty)
    return average if average.copy_abs() >= 1 else ratio(standing.notional, standing.cum_qty, 60)


def ids_of(request: ReplaceOrder | CancelOrder) -> dict[str, Any]:
    """The ids of an answer to a request."""
    return {"cl_ord_id": request.cl_ord_id, "orig_cl_ord_id": request.orig_cl_ord_id}


def cxl_rej(request: ReplaceOrder | CancelOrder, standing: Standing | None) -> Report:
    """An OrderCancelReject: of an order that is not known, or too late, or not possible."""
    now_ns = current_clock().now_ns()
    unknown = standing is None
    return Report(
        **ids_of(request),
        msg_type=MsgType.CXL_REJ,
        order_id=request.order_id,
        symbol=request.symbol,
        side=request.side,
        ord_status=OrdStatus.REJECTED if standing is None else standing.status,
        cxl_rej_reason=CXL_UNKNOWN if unknown else _TOO_LATE,
        text="unknown order" if unknown else "too late, or not possible",
        transact_time=utc(now_ns),
        received_ns=now_ns,
    )
