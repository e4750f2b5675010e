"""OrderProcess: one order in the container. It knows nothing of trading; its delegate does."""

from __future__ import annotations

import asyncio
import contextvars
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from exo.dma.child import Child
from exo.dma.parent import Parent
from exo.errors import MailboxFull
from exo.mkt.enums import ExecInst, MsgType
from exo.mkt.order import Instruction, Order
from exo.mkt.report import Report
from exo.run.board import Board, Point
from exo.run.update import Update

if TYPE_CHECKING:
    from exo.run.delegate import Delegate
    from exo.run.delivery import Delivery
    from exo.run.outcome import End
    from exo.run.spare import Spare
    from exo.run.working import Working

OrderT = TypeVar("OrderT", bound=Order)

_NOWHERE = Point()


class Owed(Enum):
    """Why an order is owed a call of its own: for facts or a wake-up, or for prices it missed while it was busy."""

    DUE = "DUE"
    LATE = "LATE"


class OrderProcess(Generic[OrderT]):
    """An order, its delegate, where it stands on its board, and its mailbox of undelivered facts.

    `at` is the point it stands at while it may be called with prices alone. It steps aside (`at` is None, `left` keeps
    the point) while a call runs, while facts wait for it, while it is held, and when it has ended; so one comparison in
    the sweep tells whether an order takes part. `order`, `cancelled` and `held` are as its delegate was told; `terms`,
    `asked_cancel` and `asked_hold` as its owner last asked. `parent` is its side towards the venue, `working` the way
    there; `leaving` is how it ended while a child order still keeps it here. `actor` acts for the delegate and, as a
    rule, is it: to hold the bound method would cost an object and a cache miss for each order.
    """

    __slots__ = (
        "actor",
        "asked_cancel",
        "asked_hold",
        "at",
        "board",
        "busy",
        "cancelled",
        "context",
        "delegate",
        "delivery",
        "ended",
        "facts",
        "held",
        "leaving",
        "left",
        "listed",
        "mailbox",
        "order",
        "order_id",
        "owed",
        "parent",
        "round",
        "spare",
        "submitted_ns",
        "terms",
        "timer",
        "wake_ns",
        "woken",
        "working",
    )

    def __init__(
        self, order: OrderT, order_id: str, board: Board, delivery: Delivery, working: Working | None = None
    ) -> None:
        self.order = order
        self.order_id = order_id
        self.board = board
        self.delivery = delivery
        self.delegate: Delegate[OrderT] | None = None
        self.actor: Any = _NOBODY
        self.at: Point | None = None
        self.left = _NOWHERE
        self.mailbox: list[Instruction[OrderT] | Report] | None = None  # most are empty, and live long
        self.facts = 0
        self.parent: Parent | None = None
        self.working = working
        self.leaving: tuple[End, BaseException | None] | None = None
        self.context: contextvars.Context | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.wake_ns: int | None = None
        self.submitted_ns = -1  # not admitted
        self.terms = order
        self.asked_cancel = False
        self.asked_hold = False
        self.busy = False
        self.cancelled = False
        self.owed: Owed | None = None
        self.round = 0
        self.spare: Spare | None = None
        self.ended = False
        self.held = False
        self.listed = False  # among those that stand, or as a hole there
        self.woken = False

    @property
    def live_child(self) -> Child | None:
        """The child order that may still trade."""
        return None if self.parent is None else self.parent.live

    @property
    def stands_at(self) -> Point:
        """The point the order last looked from."""
        return self.left if self.at is None else self.at

    def step_aside(self) -> None:
        """Take no part in sweeps until `step_back`."""
        if self.at is not None:
            self.left = self.at
            self.at = None
            self.board.upright -= 1

    def step_back(self) -> bool:
        """Take part in sweeps again unless there is reason not to; answers whether a call is owed instead."""
        if self.busy or self.ended or self.owed is not None:
            return False
        if self.mailbox:
            return True
        if self.held:
            return False
        board, left = self.board, self.left
        if self.woken or left is not board.head or left.passed is not None:
            return True
        # `left` must not keep the point: it would keep every later one with it.
        self.at, self.left = left, _NOWHERE
        board.upright += 1
        if not self.listed:
            board.stand(self)
        return False

    def post(self, fact: Instruction[OrderT] | Report, limit: int) -> None:
        """Put a fact in the mailbox; MailboxFull if it would hold more than the limit (contract C11)."""
        if self.mailbox is None:
            self.mailbox = []
        if len(self.mailbox) >= limit:
            raise MailboxFull(self.order_id, limit)
        self.mailbox.append(fact)
        self.facts += 1
        self.delivery.owe(self)

    def look(self, now_ns: int) -> Update[OrderT] | None:
        """Everything since the last look as an Update, None without news; the order then stands at the head."""
        board = self.board
        facts: tuple[Instruction[OrderT] | Report, ...] = ()
        if self.mailbox:
            facts = tuple(self.mailbox)
            self.mailbox = None
            for fact in facts:
                if isinstance(fact, Instruction):
                    self._apply(fact)
        elif self.held:
            return None
        head = board.advance()
        passed = board.passed_since(self.left)
        self.left = head
        woken = self.woken and not self.held
        if passed is None and not facts and not woken:
            return None
        self.woken = self.woken and not woken
        return Update(board.symbol, now_ns, board.quote, board.status, passed, facts, woken)

    def _apply(self, instruction: Instruction[OrderT]) -> None:
        self.order = instruction.order
        if instruction.msg_type is MsgType.CXL:
            self.cancelled = True
            self.held = False
        elif instruction.exec_inst is not None:
            self.held = instruction.exec_inst is ExecInst.HOLD

    def wake_at(self, time_ns: int | None) -> None:
        """Ask for a wake-up, or with None take it back; the latest replaces the earlier one. Any thread may ask."""
        self.wake_ns = time_ns
        self.woken = False
        self.delivery.alarms.set(self)

    def end(self) -> None:
        """Leave the container for good."""
        self.ended = True
        self.step_aside()
        self.left = _NOWHERE
        self.actor = _NOBODY
        self.wake_ns = None
        self.board.gone += 1
        if self.spare is not None and self.spare.idle:
            self.spare.end()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class _Nobody:
    """Stands for the delegate of an order that has none: not admitted yet, or ended."""

    def act(self, update: object) -> None:
        """Do nothing."""


_NOBODY = _Nobody()
