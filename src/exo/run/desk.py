"""Desk: a delegate's window on its own order - what stands."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from exo.errors import InvalidValue
from exo.flow.clock import to_ns, utc
from exo.mkt.order import Order
from exo.mkt.status import FeedStatus

if TYPE_CHECKING:
    from exo.run.process import OrderProcess

OrderT = TypeVar("OrderT", bound=Order)

_LONGEST_S: Final = 1_000_000_000


class Desk(Generic[OrderT]):
    """What stands for one order, and where its delegate asks for wake-ups.

    The terms, `cancelled` and `held` change only between two calls of `act`: they are those of the update in hand,
    whatever has been recorded since. `status` and the time are as they are now.
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
