"""Events: the one source of every view. A view is a replica fed by events, never a reader of live state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from typing import TYPE_CHECKING, Any

from exo.flow.queue import ConflatingQueue
from exo.mkt.order import Order
from exo.mkt.value import Frozen
from exo.run.outcome import End, Outcome

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

    `facts` counts the instructions and reports recorded for the order since it was submitted.
    """

    order_id: str
    order: Order
    stage: Stage
    facts: int
    time_ns: int
    outcome: Outcome | None = None


class Events:
    """Fans events out to readers, each with a queue that conflates by order while the reader is busy (C11)."""

    def __init__(self) -> None:
        self._queues: list[ConflatingQueue[str, Event]] = []

    def __bool__(self) -> bool:
        return bool(self._queues)

    def publish(self, event: Event) -> None:
        """Tell every reader."""
        for queue in self._queues:
            queue.push(event)

    def close(self) -> None:
        """Let every reader end after what is left."""
        for queue in self._queues:
            queue.close()

    async def read(self, first: list[Event]) -> AsyncIterator[Event]:
        """The given events and then those published, until close."""
        queue: ConflatingQueue[str, Event] = ConflatingQueue(key=_order_id)
        for event in first:
            queue.push(event)
        self._queues.append(queue)
        try:
            async for event in queue:
                yield event
        finally:
            self._queues.remove(queue)


def event_of(process: OrderProcess[Any], time_ns: int, outcome: Outcome | None = None) -> Event:
    """The event that tells how an order stands."""
    if outcome is not None:
        stage = {End.DONE: Stage.DONE, End.FAILED: Stage.FAILED, End.STOPPED: Stage.STOPPED}[outcome.end]
    elif process.asked_cancel:
        stage = Stage.CANCELLING
    else:
        stage = Stage.HELD if process.asked_hold else Stage.WORKING
    return Event(
        order_id=process.order_id,
        order=process.terms,
        stage=stage,
        facts=process.facts,
        time_ns=time_ns,
        outcome=outcome,
    )


def _order_id(event: Event) -> str:
    return event.order_id
