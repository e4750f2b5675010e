"""Owner: an order's own lifecycle in FIX's terms, towards whoever gave it - its children's do not show."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from exo.mkt.enums import OrdStatus
from exo.mkt.exact import ZERO, divide, subtract

if TYPE_CHECKING:
    from exo.run.outcome import End
    from exo.run.process import OrderProcess


class Stand(NamedTuple):
    """How an order stands towards its owner.

    `leaves_qty` is 0 once it has ended, and None of an order without a quantity.
    """

    ord_status: OrdStatus
    cum_qty: Decimal
    leaves_qty: Decimal | None
    avg_px: Decimal | None


def stand_of(process: OrderProcess[Any], end: End | None = None) -> Stand:
    """How an order stands now, or has ended; one that left a child behind at the venue goes on as far as is known."""
    if process.live_child is not None:
        end = None
    parent = process.parent
    cum_qty, notional = (ZERO, ZERO) if parent is None else (parent.cum_qty, parent.notional)
    order_qty: Decimal | None = getattr(process.terms, "order_qty", None)
    filled = cum_qty >= order_qty if order_qty is not None else cum_qty > ZERO and end is not None
    status = _ended(process, filled, end) if end is not None else _live(process, filled, cum_qty)
    left = None if order_qty is None else ZERO if end is not None else max(ZERO, subtract(order_qty, cum_qty))
    return Stand(status, cum_qty, left, divide(notional, cum_qty) if cum_qty else None)


def _live(process: OrderProcess[Any], filled: bool, cum_qty: Decimal) -> OrdStatus:
    """By FIX's precedence; one whose delegate has failed is being cancelled too."""
    if (process.asked_cancel and not process.ended) or process.leaving is not None:
        return OrdStatus.PENDING_CANCEL
    if filled:
        return OrdStatus.FILLED
    if process.asked_hold:
        return OrdStatus.SUSPENDED
    return OrdStatus.PARTIALLY_FILLED if cum_qty else OrdStatus.NEW


def _ended(process: OrderProcess[Any], filled: bool, end: End) -> OrdStatus:
    """FILLED also where the cancel came too late; EXPIRED if its delegate was done with some of it left."""
    if filled:
        return OrdStatus.FILLED
    if end.name == "DONE" and not process.asked_cancel:
        return OrdStatus.EXPIRED
    return OrdStatus.CANCELED
