"""Desk: a delegate's window on its own order - what stands."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from exo.dma.capabilities import Capabilities
from exo.dma.child import Child
from exo.dma.intent import Intent
from exo.dma.limits import Refusal
from exo.dma.request import Request
from exo.errors import InvalidValue, NoVenue
from exo.flow.clock import to_ns, utc
from exo.mkt.enums import ExecInst, TimeInForce
from exo.mkt.exact import ZERO, divide, subtract
from exo.mkt.listing import Listing
from exo.mkt.order import Order
from exo.mkt.status import FeedStatus

if TYPE_CHECKING:
    from exo.run.process import OrderProcess

OrderT = TypeVar("OrderT", bound=Order)

_LONGEST_S: Final = 1_000_000_000


class Desk(Generic[OrderT]):
    """What stands for one order, and where its delegate works it and asks for wake-ups.

    The terms, `cancelled` and `held` change only between two calls of `act`: they are those of the update in hand,
    whatever has been recorded since. `status`, the time, the children and their sums are as they are now.
    """

    __slots__ = ("_process",)

    def __init__(self, process: OrderProcess[OrderT]) -> None:
        self._process = process

    @property
    def order(self) -> OrderT:
        """The current terms."""
        return self._process.order

    @property
    def order_id(self) -> str:
        """The order's id."""
        return self._process.order_id

    @property
    def cancelled(self) -> bool:
        """Whether the owner has asked to cancel the order."""
        return self._process.cancelled

    @property
    def held(self) -> bool:
        """Whether the owner holds the order: facts are delivered, prices and wake-ups wait for the release."""
        return self._process.held

    @property
    def status(self) -> FeedStatus | None:
        """What the feed last said of its data; None before it said anything."""
        return self._process.board.status

    @property
    def now_ns(self) -> int:
        """The time, in nanoseconds since the epoch, on the clock that stamps receive times."""
        return self._process.delivery.clock.now_ns()

    @property
    def now(self) -> datetime.datetime:
        """The time in UTC."""
        return utc(self.now_ns)

    @property
    def children(self) -> tuple[Child, ...]:
        """The child orders with every report applied, oldest first: those that live and the last that ended."""
        parent = self._process.parent
        return () if parent is None else parent.children

    @property
    def cum_qty(self) -> Decimal:
        """How much has been executed, by the venue's reports."""
        parent = self._process.parent
        return ZERO if parent is None else parent.cum_qty

    @property
    def leaves_qty(self) -> Decimal:
        """How much of the order's quantity has not been executed, not less than 0; 0 of an order without one."""
        order_qty: Decimal | None = getattr(self.order, "order_qty", None)
        return ZERO if order_qty is None else max(ZERO, subtract(order_qty, self.cum_qty))

    @property
    def notional(self) -> Decimal:
        """Quantity times price of all executions, exactly."""
        parent = self._process.parent
        return ZERO if parent is None else parent.notional

    @property
    def avg_px(self) -> Decimal | None:
        """The average price of the executions to 60 digits; None before the first."""
        parent = self._process.parent
        return None if parent is None or not parent.cum_qty else divide(parent.notional, parent.cum_qty)

    @property
    def working(self) -> Child | None:
        """The child order that may still trade or waits for an answer, the oldest if there are several."""
        return self._process.live_child

    @property
    def in_doubt(self) -> bool:
        """Whether the fate of a request at the venue is unknown."""
        parent = self._process.parent
        return parent is not None and parent.in_doubt

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do: no child may trade any more, and the order is cancelled or all executed."""
        if self._process.live_child is not None:
            return False
        order_qty: Decimal | None = getattr(self.order, "order_qty", None)
        return self.cancelled or (order_qty is not None and self.cum_qty >= order_qty)

    def at(self, slot: str) -> Child | None:
        """The child order in this slot that may still trade, or waits for an answer."""
        parent = self._process.parent
        return None if parent is None else parent.at(slot)

    @property
    def refused(self) -> Refusal | None:
        """Why what was last asked for has not been sent, None if it was; printed, it is a sentence."""
        parent = self._process.parent
        return None if parent is None else parent.refused

    @property
    def listing(self) -> Listing | None:
        """The symbol's steps and smallest sizes, if they are known."""
        working = self._process.working
        return None if working is None else working.gate.listing(self.order.symbol)

    @property
    def capabilities(self) -> Capabilities | None:
        """What the venue can do; None without one that takes orders."""
        working = self._process.working
        return None if working is None else working.venue.capabilities

    def work(
        self,
        *,
        price: Decimal | None,
        order_qty: Decimal | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
        slot: str = "",
    ) -> Request | None:
        """Have one child order stand at the venue, so much at this price (None: a market order; no quantity: all).

        Makes the one request that brings the child nearer to that and returns it: a new order, a replace where the
        venue can do it, or the cancel of one that differs. It leaves at once or as soon as the venue's limits allow;
        until then a newer intent takes its place. Returns None when all is as wanted, an answer must be waited for, or
        the order is not admitted yet, held, being cancelled or has ended; or when the risk gate refuses, and then
        `refused` says why. What is filled and open never exceeds the order's quantity (contract C21): more is cut to
        what is left. With `slot` several children stand side by side, one in each. `post_only` never takes.
        InvalidValue for a term that cannot be; NoVenue without a venue that takes orders.
        """
        working = self._process.working
        if working is None:
            raise NoVenue(self.order_id)
        exec_inst = ExecInst.POST_ONLY if post_only else None
        intent = Intent(price=price, order_qty=order_qty, time_in_force=time_in_force, exec_inst=exec_inst, slot=slot)
        return working.work(self._process, intent)

    def cancel(self, slot: str | None = None) -> Request | None:
        """Cancel the child order in a slot, or every child; returns the first request.

        None if there is nothing to cancel, it has been asked, or what there was had not been sent yet.
        """
        working = self._process.working
        return None if working is None else working.cancel(self._process, slot)

    def wake_in(self, delay_s: float | Decimal) -> None:
        """Ask for a call of `act` after so many seconds, up to 1e9; replaces what was asked for before."""
        if not isinstance(delay_s, (int, float, Decimal)) or not 0 <= delay_s <= _LONGEST_S:
            raise InvalidValue("delay_s", f"expected seconds from 0 to {_LONGEST_S}, got {delay_s!r:.40}")
        self._process.wake_at(self.now_ns + round(delay_s * 1_000_000_000))

    def wake_at(self, time: datetime.datetime | int) -> None:
        """Ask for a call of `act` at a time, with its zone or in ns; replaces what was asked for before."""
        if isinstance(time, datetime.datetime):
            time = to_ns(time)
        if not isinstance(time, int) or isinstance(time, bool) or time - self.now_ns > _LONGEST_S * 1_000_000_000:
            raise InvalidValue("time", f"expected a datetime, or ns within {_LONGEST_S} s, got {time!r:.40}")
        self._process.wake_at(time)

    def no_wake(self) -> None:
        """Take back the wake-up that was asked for."""
        self._process.wake_at(None)
