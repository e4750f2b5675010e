"""Report: what a venue tells about an order."""

from __future__ import annotations

import datetime
from typing import Annotated

import msgspec

from exo.mkt import fields
from exo.mkt.enums import ExecType, LastLiquidityInd, MsgType, OrdStatus, Side, TimeInForce
from exo.mkt.exact import ZERO
from exo.mkt.value import Tag, Value, vocabulary


def _zero() -> fields.LastQty:
    return ZERO


@vocabulary
class Report(Value):
    """An ExecutionReport (8) or OrderCancelReject (9); `order_id` is exo's own order, the parent.

    `secondary_order_id` is the venue's id of the child. What the venue does not say is None. `transact_time` is the
    venue's; `received_ns` the local receive time. `order_id`, `last_qty` and `last_px` always appear in JSON.
    """

    order_id: Annotated[str, Tag(37)]
    last_qty: fields.LastQty = msgspec.field(default_factory=_zero)
    last_px: fields.LastPx = msgspec.field(default_factory=_zero)
    transact_time: Annotated[datetime.datetime | None, Tag(60)]
    msg_type: Annotated[MsgType, Tag(35)] = MsgType.REPORT
    symbol: Annotated[str | None, Tag(55)] = None
    side: Annotated[Side | None, Tag(54)] = None
    cl_ord_id: Annotated[str | None, Tag(11)] = None
    orig_cl_ord_id: Annotated[str | None, Tag(41)] = None
    secondary_order_id: Annotated[str | None, Tag(198)] = None
    exec_id: Annotated[str | None, Tag(17)] = None
    exec_ref_id: Annotated[str | None, Tag(19)] = None
    exec_type: Annotated[ExecType | None, Tag(150)] = None
    ord_status: Annotated[OrdStatus | None, Tag(39)] = None
    order_qty: fields.OrderQty | None = None
    price: fields.Price | None = None
    cum_qty: fields.CumQty | None = None
    leaves_qty: fields.LeavesQty | None = None
    avg_px: fields.AvgPx | None = None
    commission: fields.Commission | None = None
    comm_currency: Annotated[str | None, Tag(479)] = None
    last_liquidity_ind: Annotated[LastLiquidityInd | None, Tag(851)] = None
    ord_rej_reason: Annotated[int | None, Tag(103)] = None
    cxl_rej_reason: Annotated[int | None, Tag(102)] = None
    exec_restatement_reason: Annotated[int | None, Tag(378)] = None
    account: Annotated[str | None, Tag(1)] = None
    time_in_force: Annotated[TimeInForce | None, Tag(59)] = None
    exec_inst: Annotated[str | None, Tag(18)] = None
    text: Annotated[str | None, Tag(58)] = None
    received_ns: int | None = None

    @property
    def work_to_target(self) -> bool:
        """Whether ExecInst holds `e`."""
        return "e" in (self.exec_inst or "")
