"""Events: the one source of every view. A view is a replica fed by events, never a reader of live state."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from exo.errors import ExoError
from exo.flow.queue import ConflatingQueue, QueueClosed
from exo.mkt.enums import OrdStatus
from exo.mkt.exact import ZERO
from exo.mkt.order import Order
from exo.mkt.value import Frozen
from exo.run.outcome import End, Outcome
from exo.run.owner import stand_of

if TYPE_CHECKING:
    from exo.run.process import OrderProcess


class Stage(Enum):
    """Where an order is in its life here."""

    WORKING = "WORKING"
    HELD = "HELD"
    CANCELLING = "CANCELLING"
    DONE = "DONE"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


class Event(Frozen):
    """What became of one order; the latest stands for all before it, so a slow reader loses nothing that stands.

    `ord_status`, `cum_qty`, `leaves_qty` and `avg_px` are the order's own, towards its owner. `facts` counts the
    instructions and reports recorded for the order since it was submitted. FAILED without an outcome: the order still
    waits for its child at the venue to end.
    """

    order_id: str
    order: Order
    stage: Stage
    facts: int
    time_ns: int
    ord_status: OrdStatus = OrdStatus.NEW
    cum_qty: Decimal = ZERO
    leaves_qty: Decimal | None = None
    avg_px: Decimal | None = None
    outcome: Outcome | None = None


class FellBehind(ExoError):
    """A reader of events left too many unread; it lost its place and must start over with `events()`."""

    def __init__(self, unread: int) -> None:
        super().__init__(unread)
        self.unread = unread

    def __str__(self) -> str:
        return f"this reader left the events of {self.unread} orders unread: read faster, and start over with events()"


class Reader:
    """An iterator over events, with a queue that conflates by order while its owner is busy (C11)."""

    def __init__(self, first: list[Event]) -> None:
        self._queue: ConflatingQueue[str, Event] = ConflatingQueue(key=_order_id)
        self._lost: FellBehind | None = None
        self._most_live = len(first)
        for event in first:
            self._queue.push(event)

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> Event:
        """The next event; ends when the dispatcher has, and raises FellBehind if too many were left unread."""
        if self._lost is not None:
            raise self._lost
        self._most_live = 0
        try:
            return await self._queue.get()
        except QueueClosed:
            raise self._lost or StopAsyncIteration from None

    async def aclose(self) -> None:
        """Read no more."""
        self._queue.drain()
        self._queue.close()

    def push(self, event: Event, live: int, retain: int) -> None:
        """Add an event; with more unread than were live since the last read and are retained, give up and say so."""
        if self._queue.closed:
            return
        self._queue.push(event)
        self._most_live = max(self._most_live, live + 1)
        if len(self._queue) > self._most_live + retain:
            self._lost = FellBehind(len(self._queue))
            self._queue.drain()
            self._queue.close()

    def close(self) -> None:
        """End after what is left."""
        self._queue.close()


class Events:
    """Fans events out to readers; one that is no longer held by anybody is forgotten."""

    def __init__(self, retain: int) -> None:
        self._retain = retain
        self._readers: WeakValueDictionary[int, Reader] = WeakValueDictionary()
        self._numbers = count()

    def __bool__(self) -> bool:
        return bool(self._readers)

    def publish(self, event: Event, live: int) -> None:
        """Tell every reader."""
        for reader in list(self._readers.values()):
            reader.push(event, live, self._retain)

    def close(self) -> None:
        """Let every reader end after what is left."""
        for reader in list(self._readers.values()):
            reader.close()

    def read(self, first: list[Event]) -> Reader:
        """A reader of the given events and then those published, until close."""
        reader = Reader(first)
        self._readers[next(self._numbers)] = reader
        return reader


def event_of(process: OrderProcess[Any], time_ns: int, outcome: Outcome | None = None) -> Event:
    """The event that tells how an order stands."""
    if outcome is not None:
        stage = {End.DONE: Stage.DONE, End.FAILED: Stage.FAILED, End.STOPPED: Stage.STOPPED}[outcome.end]
    elif process.leaving is not None:
        stage = Stage.FAILED
    elif process.asked_cancel:
        stage = Stage.CANCELLING
    else:
        stage = Stage.HELD if process.asked_hold else Stage.WORKING
    stand = stand_of(process, None if outcome is None else outcome.end)
    return Event(
        order_id=process.order_id,
        order=process.terms,
        stage=stage,
        facts=process.facts,
        time_ns=time_ns,
        ord_status=stand.ord_status,
        cum_qty=stand.cum_qty,
        leaves_qty=stand.leaves_qty,
        avg_px=stand.avg_px,
        outcome=outcome,
    )


def _order_id(event: Event) -> str:
    return event.order_id
