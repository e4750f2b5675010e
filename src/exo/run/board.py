"""Board: one symbol's market, and the chain of points where its orders stand.

A tick folds into what has passed since the head of the chain, whatever hangs on the symbol: a push is O(1). An order
stands at the point it last looked from; what it missed is the fold of the spans from there to the head.

    point ──passed──▶ point ──passed──▶ head ──passed (still open)

Idle orders all stand at the head, so there is normally one span; where every order of a board does, what passed is
taken off the head and shown to all, and nobody moves. A look from k points behind folds k spans and then makes the head
the next point of each, as union-find compresses its paths, so the same spans are never folded twice.
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
_SLICE = 128


class Point(msgspec.Struct, eq=False):
    """A place in a symbol's stream; `passed` is what came between it and `next`, `update` that as an Update."""

    passed: Passed | None = None
    next: Point | None = None
    update: Update[Any] | None = None


class Board:
    """The latest quote and status of a symbol, its chain of points and its orders.

    `processes` are all its orders, with `gone` ones that have ended; `standing` those that may be called with prices
    alone, with holes where one stepped aside: `upright` are no holes, so that busy orders cost the others nothing.
    `level` tells that these all stand at the head. `unseen` is how many of `standing`, from `cursor` on, may not have
    seen the head yet; `slice` how many to call in one go. Points nobody can reach are freed by reference counting;
    those on the way of an order that does not look are compressed away once there are more of them than orders, so
    memory follows the live orders and not the ticks (contract C11).
    """

    __slots__ = (
        "cursor",
        "gone",
        "head",
        "level",
        "points",
        "processes",
        "queued",
        "quote",
        "slice",
        "standing",
        "status",
        "symbol",
        "unseen",
        "upright",
    )

    def __init__(self, symbol: str, status: FeedStatus | None = None) -> None:
        self.symbol = symbol
        self.quote: Quote | None = None
        self.status = status
        self.head = Point()
        self.points = 0
        self.processes: list[OrderProcess[Any]] = []
        self.standing: list[OrderProcess[Any]] = []
        self.gone = 0
        self.upright = 0
        self.level = True
        self.cursor = 0
        self.unseen = 0
        self.queued = False
        self.slice = 1

    def record(self, passed: Tick | Passed) -> None:
        """Take in what passed, one tick or a whole span."""
        head = self.head
        head.passed = passed if head.passed is None else fold(head.passed, passed)
        self.unseen = len(self.standing)

    def advance(self) -> Point:
        """The head, a new one if anything passed since the last."""
        head = self.head
        if head.passed is None:
            return head
        new = Point()
        head.next = self.head = new
        self.level = False
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

    def split(self, point: Point, update: Update[Any], saw: int, members: int) -> None:
        """What was taken off the head, then `point`, reached only the first `saw` orders: let them stand beyond it.

        So do those that stepped aside in their call, and those that came after the first `members`.
        """
        beyond = Point(point.passed, point.next)
        point.passed, point.next, point.update = update.passed, beyond, update
        if self.head is point:
            self.head = beyond
        self.points += 1
        self.level = False
        for process in self.standing[:saw] + self.processes[members:]:
            if process.at is point:
                process.at = beyond
            elif process.left is point:
                process.left = beyond

    def add(self, process: OrderProcess[Any]) -> None:
        """Let an order hang on this board; once it has had its first call it may stand at the head."""
        process.left = self.advance()
        self.processes.append(process)

    def stand(self, process: OrderProcess[Any]) -> None:
        """Let an order be called with prices; it has seen the head."""
        process.listed = True
        self.standing.append(process)
        if self.unseen:
            self.unseen += 1

    def tidy(self) -> None:
        """Forget orders that left, and holes, where they are the most of a list; not to be done while it is walked."""
        if self.gone * 2 > len(self.processes):
            self.processes = [process for process in self.processes if not process.ended]
            self.gone = 0
        elif self.upright * 2 >= len(self.standing):
            return
        self.cursor -= sum(process.at is None for process in self.standing[: self.cursor])
        for process in self.standing:
            process.listed = process.at is not None
        self.standing = [process for process in self.standing if process.listed]
        self.unseen = min(self.unseen, len(self.standing))

    def pace(self, slow: bool) -> None:
        """The next slice is half of the last if that was slow, else twice as long while there are more orders."""
        if slow:
            self.slice = max(1, self.slice // 2)
        elif self.slice < len(self.standing) and self.slice < _SLICE:
            self.slice *= 2

    @property
    def live(self) -> int:
        """How many orders hang on this symbol."""
        return len(self.processes) - self.gone
