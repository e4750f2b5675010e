"""Board: one symbol's market, and the chain of points where its orders stand.

A tick folds into what has passed since the head of the chain, whatever hangs on the symbol: a push is O(1). An order
stands at the point it last looked from; what it missed is the fold of the spans from there to the head.

    point ──passed──▶ point ──passed──▶ head ──passed (still open)

Idle orders all stand at the head, so there is normally one span. A look from k points behind folds k spans and then
makes the head the next point of each, as union-find compresses its paths, so the same spans are never folded twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from exo.mkt.quote import Quote
from exo.mkt.span import Passed, Tick, fold
from exo.mkt.status import FeedStatus
from exo.run.update import Update

if TYPE_CHECKING:
    from exo.run.process import OrderProcess

_SPARE_POINTS = 64


class Point(msgspec.Struct, eq=False):
    """A place in a symbol's stream; `passed` is what came between it and `next`, `update` that as an Update."""

    passed: Passed | None = None
    next: Point | None = None
    update: Update[Any] | None = None


class Board:
    """The latest quote and status of a symbol, its chain of points and its orders.

    `unseen` is how many orders, from `cursor` on, may not have seen the head yet; `slice` how many to call in one go.
    Points nobody can reach are freed by reference counting; those on the way of an order that does not look are
    compressed away once there are more of them than orders, so memory follows the live orders and not the ticks
    (contract C11).
    """

    __slots__ = (
        "cursor",
        "gone",
        "head",
        "points",
        "processes",
        "queued",
        "quote",
        "slice",
        "status",
        "symbol",
        "unseen",
    )

    def __init__(self, symbol: str, status: FeedStatus | None = None) -> None:
        self.symbol = symbol
        self.quote: Quote | None = None
        self.status = status
        self.head = Point()
        self.points = 0
        self.processes: list[OrderProcess[Any]] = []
        self.gone = 0
        self.cursor = 0
        self.unseen = 0
        self.queued = False
        self.slice = 1

    def record(self, passed: Tick | Passed) -> None:
        """Take in what passed, one tick or a whole span."""
        head = self.head
        head.passed = passed if head.passed is None else fold(head.passed, passed)
        self.unseen = len(self.processes)

    def advance(self) -> Point:
        """The head, a new one if anything passed since the last."""
        head = self.head
        if head.passed is None:
            return head
        new = Point()
        head.next = self.head = new
        self.points += 1
        if self.points > len(self.processes) + _SPARE_POINTS:
            self.points = 0
            for process in self.processes:
                if not process.ended:
                    self.passed_since(process.stands_at)
        return new

    def passed_since(self, point: Point) -> Passed | None:
        """What passed between a point and the head; afterwards the head is its next point, and that of all between."""
        head = self.head
        if point is head:
            return None
        if point.next is head:
            return point.passed
        way = []
        step: Point | None = point
        while step is not None and step is not head:
            way.append(step)
            step = step.next
        passed = way.pop().passed
        assert passed is not None
        for step in reversed(way):
            assert step.passed is not None
            step.passed = passed = fold(step.passed, passed)
            step.next = head
            step.update = None
        return passed

    def update_since(self, point: Point, now_ns: int) -> Update[Any]:
        """The update for orders that stand at a point behind the head and have no facts: one for all, at one time."""
        made = point.update
        if made is not None and made.now_ns == now_ns and point.next is self.head:
            return made
        passed = point.passed if point.next is self.head else self.passed_since(point)
        update: Update[Any] = Update(self.symbol, now_ns, self.quote, self.status, passed)
        point.update = update
        return update

    def add(self, process: OrderProcess[Any]) -> None:
        """Let an order stand at the head."""
        process.left = self.advance()
        self.processes.append(process)
        if self.unseen:
            self.unseen += 1

    def tidy(self) -> None:
        """Forget the orders that left, if they are the most of the list; not to be called while it is walked."""
        if self.gone * 2 > len(self.processes):
            self.cursor -= sum(process.ended for process in self.processes[: self.cursor])
            self.processes = [process for process in self.processes if not process.ended]
            self.unseen = min(self.unseen, len(self.processes))
            self.gone = 0

    @property
    def live(self) -> int:
        """How many orders hang on this symbol."""
        return len(self.processes) - self.gone
