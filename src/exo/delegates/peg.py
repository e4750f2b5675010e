"""Peg: an order that follows the near touch, never past its limit, and never takes."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from exo.mkt import MsgType, Order, OrdStatus, Quote, Report, Tag
from exo.mkt.exact import ZERO
from exo.run import DONE, Desk, Next, Update


class PegOrder(Order):
    """So much at the best price of its own side, and no worse than `price`; `show` at a time, 0 for all of it."""

    order_qty: Decimal
    price: Decimal | None = None
    show: Annotated[Decimal, Tag(0, ZERO)] = ZERO


class Peg:
    """Keeps one post-only child at the near touch, replaced when the touch moves or what it shows has been filled.

    It waits for every answer before it asks for more, and after a reject for another quote. On stale data, or where its
    side of the market is empty, it stays where it is; a touch beyond the limit has it rest at the limit. Its own price
    is part of the touch it sees, so alone at the best price it stays there. Done when all is filled, or cancelled and
    nothing is at the venue any more; by itself it never gives up.
    """

    def __init__(self, desk: Desk[PegOrder]) -> None:
        self._desk = desk
        self._rejected: Quote | None = None

    def act(self, update: Update[PegOrder]) -> Next:
        """Stand where the touch is."""
        desk, order, quote = self._desk, self._desk.order, update.quote
        if any(map(_rejects, update.reports)):
            self._rejected = quote
        if desk.cancelled:
            desk.cancel()
        elif quote is not None and quote is not self._rejected and not update.stale:
            touch, _ = quote.near(order.side)
            if touch is not None:
                px, child = order.side.passive(touch, order.price), desk.working
                # What is shown is filled before more is: to be replaced would cost it its place in the queue.
                if not (order.show and child is not None and child.live and child.price == px):
                    desk.work(price=px, order_qty=order.show or None, post_only=True)
        return DONE if desk.finished else None

    def clean_up(self) -> None:
        """Nothing is held."""


def _rejects(report: Report) -> bool:
    return report.ord_status is OrdStatus.REJECTED or report.msg_type is MsgType.CXL_REJ
