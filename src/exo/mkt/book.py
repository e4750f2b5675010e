"""Book: the positions of an account, by symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from exo.errors import NotListed
from exo.mkt.enums import ExecType, Side
from exo.mkt.exact import ZERO, add, subtract
from exo.mkt.position import Position, position_of
from exo.mkt.report import Report
from exo.mkt.whitelist import Whitelist


class Book:
    """Holds a position for each symbol that was traded.

    With a `whitelist` only what is on it may be traded (NotListed); it also tells multipliers and ticks. `on_position`
    is told of every new position. `base_of` names the asset that a spot symbol is an amount of.
    """

    def __init__(
        self,
        whitelist: Whitelist | None = None,
        *,
        on_position: Callable[[Position], object] | None = None,
        base_of: Callable[[str], str] | None = None,
    ) -> None:
        self._whitelist = whitelist
        self._on_position = on_position
        self._base_of = base_of
        self._positions: dict[str, Position] = {}
        self._marks: dict[str, Decimal] = {}

    def __iter__(self) -> Iterator[Position]:
        return iter(list(self._positions.values()))

    def __len__(self) -> int:
        return len(self._positions)

    def get(self, symbol: str) -> Position | None:
        """The position in a symbol, None before its first trade."""
        return self._positions.get(symbol)

    def traded(
        self,
        symbol: str,
        side: Side,
        last_qty: Decimal,
        last_px: Decimal,
        commission: Decimal = ZERO,
        comm_currency: str | None = None,
    ) -> Position | None:
        """Take in an execution; a quantity of 0 is no trade. NotListed for a symbol that is not on the whitelist."""
        if not last_qty:
            return self._positions.get(symbol)
        position = self._position(symbol).traded(side, last_qty, last_px, commission, comm_currency)
        return self._keep(position)

    def on_report(self, report: Report) -> Position | None:
        """Take in an execution as a report tells it; any other report changes nothing."""
        if report.exec_type is not ExecType.TRADE or report.symbol is None or report.side is None:
            return None
        fee = report.commission or ZERO
        return self.traded(report.symbol, report.side, report.last_qty, report.last_px, fee, report.comm_currency)

    def adjust(self, symbol: str, cash: Decimal) -> Position:
        """Add cash to what a symbol has realised."""
        return self._keep(self._position(symbol).adjusted(cash))

    def reset(self) -> None:
        """Begin a new period: nothing is realised yet."""
        for position in self:
            self._keep(position.reset())

    def mark(self, symbol: str, px: Decimal) -> None:
        """Value a symbol at this price from now on."""
        self._marks[symbol] = px

    @property
    def realised(self) -> Decimal:
        """What all have realised; of one currency, or the sum means nothing."""
        return _sum(position.realised for position in self)

    @property
    def fees(self) -> Decimal:
        """What all have cost in fees."""
        return _sum(position.fees for position in self)

    @property
    def unrealised(self) -> Decimal:
        """What closing all at their marks would bring; a symbol without a mark counts nothing."""
        marks = self._marks
        return _sum(position.mark(marks[position.symbol]) for position in self if position.symbol in marks)

    @property
    def profit(self) -> Decimal:
        """Realised and unrealised, less fees."""
        return subtract(add(self.realised, self.unrealised), self.fees)

    def _position(self, symbol: str) -> Position:
        listing = None
        if self._whitelist is not None:
            listing = self._whitelist.get(symbol)
            if listing is None:
                raise NotListed(symbol)
        position = self._positions.get(symbol)
        if position is None:
            position = position_of(listing, symbol, "" if self._base_of is None else self._base_of(symbol))
        return position

    def _keep(self, position: Position) -> Position:
        self._positions[position.symbol] = position
        if self._on_position is not None:
            self._on_position(position)
        return position


def _sum(numbers: Iterator[Decimal]) -> Decimal:
    total = ZERO
    for number in numbers:
        total = add(total, number)
    return total
