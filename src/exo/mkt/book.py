"""Book: the positions of an account, by symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Final

from exo.errors import InvalidValue, NotListed, UnknownExecution
from exo.mkt.enums import ExecType, Side
from exo.mkt.exact import ZERO, add, problem_with, subtract
from exo.mkt.execution import Execution
from exo.mkt.history import History
from exo.mkt.position import Position, position_of
from exo.mkt.report import Report
from exo.mkt.whitelist import Whitelist

_KEEP: Final = 1000
_TOLD: Final = (ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL)


class Book:
    """Holds a position for each symbol that was traded.

    With a `whitelist` only what is on it may be traded (NotListed); it also tells multipliers and ticks. `on_position`
    is told of every new position. `base_of` names the asset that a spot symbol is an amount of. The last `keep`
    executions of each symbol can be busted and corrected.

    An execution that is told again counts once, as long as it is kept.
    """

    def __init__(
        self,
        whitelist: Whitelist | None = None,
        *,
        on_position: Callable[[Position], object] | None = None,
        base_of: Callable[[str], str] | None = None,
        keep: int = _KEEP,
    ) -> None:
        self._whitelist = whitelist
        self._on_position = on_position
        self._base_of = base_of
        self._keep = keep
        self._histories: dict[str, History] = {}
        self._marks: dict[str, Decimal] = {}

    def __iter__(self) -> Iterator[Position]:
        return iter([history.position for history in self._histories.values()])

    def __len__(self) -> int:
        return len(self._histories)

    def get(self, symbol: str) -> Position | None:
        """The position in a symbol, None before its first trade."""
        history = self._histories.get(symbol)
        return None if history is None else history.position

    def traded(
        self,
        symbol: str,
        side: Side,
        last_qty: Decimal,
        last_px: Decimal,
        commission: Decimal = ZERO,
        comm_currency: str | None = None,
        *,
        exec_id: str | None = None,
        order_id: str | None = None,
    ) -> Position | None:
        """Take in an execution; a quantity of 0 is no trade. NotListed for a symbol that is not on the whitelist."""
        execution = Execution(
            side=side,
            last_qty=last_qty,
            last_px=last_px,
            commission=commission,
            comm_currency=comm_currency,
            exec_id=exec_id,
            order_id=order_id,
        )
        if not last_qty:
            return self.get(symbol)
        history = self._history(symbol)
        if history.knows(order_id, exec_id):
            return history.position
        history.add(execution)
        return self._keep_and_tell(history)

    def busted(self, symbol: str, exec_ref_id: str, *, order_id: str | None = None) -> Position:
        """Take back an execution and its fee, as if it had never been; UnknownExecution if it is not kept here."""
        return self.corrected(symbol, exec_ref_id, ZERO, ZERO, ZERO, order_id=order_id)

    def corrected(
        self,
        symbol: str,
        exec_ref_id: str,
        last_qty: Decimal,
        last_px: Decimal,
        commission: Decimal | None = None,
        *,
        exec_id: str | None = None,
        order_id: str | None = None,
    ) -> Position:
        """Give an execution another quantity and price where it stood; its fee stays where none is told.

        `exec_id` is what it is called from now on; a correction of that name which was told before changes nothing.
        UnknownExecution if it is not kept here.
        """
        history = self._histories.get(symbol)
        if history is None:
            raise UnknownExecution(symbol, exec_ref_id)
        if exec_id != exec_ref_id and history.knows(order_id, exec_id):
            return history.position
        changes: dict[str, object] = {"last_qty": last_qty, "last_px": last_px}
        if commission is not None:
            changes["commission"] = commission
        if exec_id is not None:
            changes["exec_id"] = exec_id
        history.amend(exec_ref_id, order_id, **changes)
        return self._keep_and_tell(history)

    def on_report(self, report: Report) -> Position | None:
        """Take in an execution, a bust or a correction as a report tells it; any other report changes nothing.

        InvalidValue if it does not say of which symbol and side, or which execution it takes back.
        """
        kind, symbol, ref = report.exec_type, report.symbol, report.exec_ref_id
        # ExecIDs are unique for each order at the venue: exo's own may have several of these.
        order_id = report.secondary_order_id or report.order_id
        if kind not in _TOLD:
            return None
        if symbol is None:
            raise InvalidValue("$.symbol", "an execution without a symbol")
        if kind is ExecType.TRADE:
            if report.side is None:
                raise InvalidValue("$.side", "an execution without a side")
            qty, px, fee = report.last_qty, report.last_px, report.commission or ZERO
            ids = {"exec_id": report.exec_id, "order_id": order_id}
            return self.traded(symbol, report.side, qty, px, fee, report.comm_currency, **ids)
        if ref is None:
            raise InvalidValue("$.execRefID", "a bust or correction that does not name its execution")
        if kind is ExecType.TRADE_CANCEL:
            return self.busted(symbol, ref, order_id=order_id)
        ids = {"exec_id": report.exec_id, "order_id": order_id}
        return self.corrected(symbol, ref, report.last_qty, report.last_px, report.commission, **ids)

    def adjust(self, symbol: str, cash: Decimal) -> Position:
        """Add cash to what a symbol has realised."""
        history = self._history(symbol)
        history.adjust(cash)
        return self._keep_and_tell(history)

    def reset(self) -> None:
        """Begin a new period: nothing is realised yet."""
        for history in list(self._histories.values()):
            history.reset()
            self._keep_and_tell(history)

    def mark(self, symbol: str, px: Decimal) -> None:
        """Value a symbol at this price from now on."""
        problem = problem_with(px)
        if problem:
            raise InvalidValue("$.px", problem)
        self._marks[symbol] = px

    @property
    def realised(self) -> Decimal:
        """What all have realised; of one currency, or the sum means nothing."""
        return _sum(position.realised for position in self)

    @property
    def fees(self) -> Decimal:
        """What all have cost in fees, without `other_fees`."""
        return _sum(position.fees for position in self)

    @property
    def unrealised(self) -> Decimal:
        """What closing all at their marks would bring; nothing is counted for the `unmarked`."""
        marks = self._marks
        return _sum(position.mark(marks[position.symbol]) for position in self if position.symbol in marks)

    @property
    def unmarked(self) -> list[str]:
        """The symbols of which something is held that has no mark: what it would bring is not known."""
        return [position.symbol for position in self if position.quantity and position.symbol not in self._marks]

    @property
    def profit(self) -> Decimal:
        """Realised and unrealised, less fees."""
        return subtract(add(self.realised, self.unrealised), self.fees)

    def _history(self, symbol: str) -> History:
        listing = None
        if self._whitelist is not None:
            listing = self._whitelist.get(symbol)
            if listing is None:
                raise NotListed(symbol)
        history = self._histories.get(symbol)
        if history is None:
            base = "" if self._base_of is None else self._base_of(symbol)
            history = History(position_of(listing, symbol, base), self._keep)
        return history

    def _keep_and_tell(self, history: History) -> Position:
        position = history.position
        self._histories[position.symbol] = history
        if self._on_position is not None:
            self._on_position(position)
        return position


def _sum(numbers: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for number in numbers:
        total = add(total, number)
    return total
