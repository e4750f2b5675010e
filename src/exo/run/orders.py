"""Orders: the live orders of a dispatcher, and what their owner asks of them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Container, Generator
from copy import copy
from functools import partial
from types import SimpleNamespace
from typing import Any, Generic, TypeVar

import msgspec

from exo.errors import DuplicateOrder, FactoryFailed, IdentityChanged, InstructionRefused, InvalidValue, UnknownOrder
from exo.mkt.enums import ExecInst, MsgType
from exo.mkt.order import Instruction, Order
from exo.run.delegate import Delegate, ExitPolicy
from exo.run.delivery import Delivery
from exo.run.desk import Desk
from exo.run.market import Market
from exo.run.outcome import sentence
from exo.run.process import OrderProcess
from exo.run.working import Working

OrderT = TypeVar("OrderT", bound=Order)
Factory = Callable[[Desk[OrderT]], Delegate[OrderT]]


class Ack(Generic[OrderT]):
    """The acknowledgement of an instruction: it is recorded. Await it to know that it is safe too; or drop it.

    Without a journal it is as safe as it will be, and awaiting returns the order at once.
    """

    __slots__ = ("order",)

    def __init__(self, order: OrderT) -> None:
        self.order = order

    @property
    def order_id(self) -> str:
        """The order's id, given or assigned."""
        return str(self.order.order_id)

    def __await__(self) -> Generator[Any, Any, OrderT]:
        """The order with its terms as recorded."""
        return self.order
        yield


class Orders(Generic[OrderT]):
    """Admits orders and records their instructions; what cannot be is refused and changes nothing (contract C1)."""

    def __init__(
        self,
        factory: Factory[OrderT],
        delivery: Delivery,
        market: Market,
        working: Working | None,
        ended: Container[str],
        watch: Callable[[str, bool], object],
        recorded: Callable[[OrderProcess[OrderT]], object],
        mailbox_limit: int,
    ) -> None:
        self.live: dict[str, OrderProcess[OrderT]] = {}
        self._factory = factory
        self._delivery = delivery
        self._boards = market.boards
        self._market = market
        self._working = working
        self._ended = ended
        self._watch = watch
        self._recorded = recorded
        self._limit = mailbox_limit
        self._epoch = f"{delivery.clock.now_ns() // 1_000_000:x}"
        self._assigned = 0
        self._admitting: set[str] = set()
        self._emptied: asyncio.Future[None] | None = None

    def submit(self, order: OrderT) -> Ack[OrderT]:
        """Admit an order: make its delegate and put the NEW in its mailbox."""
        if not isinstance(order, Order):
            raise InvalidValue("$", f"expected an Order, got {type(order).__name__}")
        order_id = order.order_id
        if order_id is None:
            order_id = self._assign()
            order = copy(order)  # it has been checked, and `replace` would check it all again
            msgspec.structs.force_setattr(order, "order_id", order_id)
        elif order_id in self.live or order_id in self._ended or order_id in self._admitting or self._left(order_id):
            raise DuplicateOrder(order_id)
        process = OrderProcess(order, order_id, self._market.board(order.symbol), self._delivery, self._working)
        self._admitting.add(order_id)
        try:
            self._staff(process)
        except BaseException:
            process.wake_at(None)
            process.ended = True  # whoever has kept its desk wakes nobody
            raise
        finally:
            self._admitting.discard(order_id)
        # The factory is the user's code and may have submitted for this symbol too.
        process.board = board = self._boards.setdefault(order.symbol, process.board)
        if not board.live:
            self._watch(order.symbol, True)
        board.add(process)
        self.live[order_id] = process
        process.submitted_ns = self._delivery.clock.now_ns()
        return self._record(process, MsgType.NEW, order)

    def replace(self, order: OrderT) -> Ack[OrderT]:
        """Record new terms for the order with this id; side, symbol and type must agree with it."""
        if isinstance(order, str):
            raise InvalidValue("$", "expected an Order with the new terms, got an order id")
        process = self._find(order, "replace")
        if type(order) is not type(process.terms):
            raise IdentityChanged(process.order_id, "type", type(process.terms).__name__, type(order).__name__)
        ack = self._record(process, MsgType.RPL, order)
        if self._working is not None:
            self._working.curb(process)
        return ack

    def cancel(self, order: OrderT | str) -> Ack[OrderT]:
        """Record a cancel, which also releases a held order; it is taken even by a full mailbox."""
        process = self._find(order, "cancel")
        return self._record(process, MsgType.CXL, process.terms)

    def hold(self, order: OrderT | str) -> Ack[OrderT]:
        """Record a hold: once its delegate was told, prices and wake-ups wait for the release; facts do not."""
        process = self._find(order, "hold")
        if process.asked_hold:
            raise InstructionRefused(process.order_id, "hold", "it is held already")
        return self._record(process, MsgType.RPL, process.terms, ExecInst.HOLD)

    def release(self, order: OrderT | str) -> Ack[OrderT]:
        """Record the release of a held order."""
        process = self._find(order, "release")
        if not process.asked_hold:
            raise InstructionRefused(process.order_id, "release", "it is not held")
        return self._record(process, MsgType.RPL, process.terms, ExecInst.RELEASE)

    def remove(self, process: OrderProcess[OrderT]) -> None:
        """Forget an order that has ended; its symbol is no longer wanted if it was the last."""
        self.live.pop(process.order_id, None)
        if not self.live and self._emptied is not None:
            self._emptied.set_result(None)
            self._emptied = None
        if not process.board.live:
            self._watch(process.board.symbol, False)

    async def all_ended(self) -> None:
        """Wait until no order is live."""
        while self.live:
            if self._emptied is None:
                self._emptied = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._emptied)

    def _find(self, order: OrderT | str, instruction: str) -> OrderProcess[OrderT]:
        """The live order of this id, or of this order's id if they agree in side and symbol."""
        if not isinstance(order, (str, Order)):
            raise InvalidValue("$", f"expected an Order or an order id, got {type(order).__name__}")
        order_id = order if isinstance(order, str) else order.order_id or "without an id"
        process = self.live.get(order_id)
        if process is None:
            raise UnknownOrder(order_id)
        if isinstance(order, Order):
            terms = process.terms
            if order.side is not terms.side:
                raise IdentityChanged(order_id, "side", terms.side.name, order.side.name)
            if order.symbol != terms.symbol:
                raise IdentityChanged(order_id, "symbol", terms.symbol, order.symbol)
        if process.leaving is not None:
            raise InstructionRefused(order_id, instruction, "its delegate has failed and its child is being cancelled")
        if process.asked_cancel:
            raise InstructionRefused(order_id, instruction, "it is being cancelled")
        return process

    def _record(
        self, process: OrderProcess[OrderT], msg_type: MsgType, order: OrderT, exec_inst: ExecInst | None = None
    ) -> Ack[OrderT]:
        now_ns = self._delivery.clock.now_ns()
        limit = self._limit + (msg_type is MsgType.CXL)
        process.post(Instruction(msg_type=msg_type, order=order, exec_inst=exec_inst, received_ns=now_ns), limit)
        process.terms = order
        if msg_type is MsgType.CXL:
            process.asked_cancel, process.asked_hold = True, False
        elif exec_inst is not None:
            process.asked_hold = exec_inst is ExecInst.HOLD
        self._recorded(process)
        return Ack(order)

    def _staff(self, process: OrderProcess[OrderT]) -> None:
        order_id = process.order_id
        try:
            delegate = self._factory(Desk(process))
        except Exception as error:
            raise FactoryFailed(order_id, f"the factory raised {sentence(error)}") from error
        name = type(delegate).__name__
        try:
            act, clean_up = getattr(delegate, "act", None), getattr(delegate, "clean_up", None)
            blocking = bool(getattr(delegate, "blocking", False))
            exit_policy = getattr(delegate, "exit_policy", ExitPolicy.CANCEL)
        except Exception as error:
            raise FactoryFailed(order_id, f"{name} raised {sentence(error)}") from error
        if not callable(act) or not callable(clean_up):
            raise FactoryFailed(order_id, f"{name} has no method {'clean_up' if callable(act) else 'act'}")
        if not isinstance(exit_policy, ExitPolicy):
            raise FactoryFailed(order_id, f"{name}.exit_policy is no exo.ExitPolicy: {exit_policy!r:.40}")
        process.delegate = delegate
        process.actor = delegate
        if blocking:
            if inspect.iscoroutinefunction(act):
                raise FactoryFailed(order_id, f"{name} is blocking, so its act must be a plain def")
            process.actor = SimpleNamespace(act=partial(self._delivery.answers.act_in_thread, process, act))

    def _left(self, order_id: str) -> bool:
        """Whether an order of this id has ended, but reports of its children may still come."""
        return self._working is not None and self._working.roll.find(order_id) is not None

    def _assign(self) -> str:
        while True:
            self._assigned += 1
            order_id = f"{self._epoch}-{self._assigned:x}"
            if not (order_id in self.live or order_id in self._ended or order_id in self._admitting):
                return order_id
