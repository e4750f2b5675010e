"""Account: what became of every order of a replay, in exact sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from exo.delegates import FarOrder, Fill
from exo.mkt import Side
from exo.mkt.exact import EXACT, ZERO, add, multiply
from exo.mkt.value import Frozen
from exo.replay.survey import Survey
from exo.run import End, Outcome, Totals


class Fate(Enum):
    """What became of an order."""

    FILLED = "FILLED"
    PARTLY_FILLED = "PARTLY_FILLED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


class Line(Frozen):
    """One order: its terms, its fate and the sums of its paper fills; times in ns, `notional` quantity times price."""

    order_id: str
    side: Side
    symbol: str
    order_qty: Decimal
    price: Decimal | None
    fate: Fate
    fills: int
    cum_qty: Decimal
    notional: Decimal
    submitted_ns: int
    ended_ns: int
    error: str


class Sums(Frozen):
    """The paper fills of one symbol, or of one side of it."""

    orders: int
    fills: int
    bought_qty: Decimal
    bought_notional: Decimal
    sold_qty: Decimal
    sold_notional: Decimal


class Account(Frozen):
    """A replay as it ended: the ticks it played, a line for every order by order id, and the dispatcher's counts."""

    survey: Survey
    lines: tuple[Line, ...]
    totals: Totals

    @property
    def fates(self) -> dict[Fate, int]:
        """How many orders met each fate."""
        met = Counter(line.fate for line in self.lines)
        return {fate: met[fate] for fate in Fate}

    @property
    def symbols(self) -> dict[str, Sums]:
        """The exact sums of each symbol that has orders, by name."""
        names = sorted({line.symbol for line in self.lines})
        return {name: _sums([line for line in self.lines if line.symbol == name]) for name in names}

    def to_json(self) -> bytes:
        """Canonical JSON: members sorted, Decimals as plain text without trailing zeros; ends with a line feed."""
        whole = {
            "fates": {fate.value: count for fate, count in self.fates.items()},
            "orders": self.lines,
            "survey": self.survey,
            "symbols": self.symbols,
            "totals": self.totals,
        }
        return msgspec.json.encode(_plain(whole), order="sorted") + b"\n"


def line_of(outcome: Outcome, fills: Sequence[Fill]) -> Line:
    """The line of an order that has ended."""
    order = outcome.order
    assert isinstance(order, FarOrder)
    cum_qty = total(fill.qty for fill in fills)
    return Line(
        order_id=outcome.order_id,
        side=order.side,
        symbol=order.symbol,
        order_qty=order.order_qty,
        price=order.price,
        fate=_fate(outcome.end, cum_qty, order.order_qty),
        fills=len(fills),
        cum_qty=cum_qty,
        notional=total(multiply(fill.qty, fill.px) for fill in fills),
        submitted_ns=outcome.submitted_ns,
        ended_ns=outcome.ended_ns,
        error=outcome.error,
    )


def total(numbers: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    result = ZERO
    for number in numbers:
        result = add(result, number)
    return result


def plain(number: Decimal) -> str:
    """A number in plain digits: no exponent, no trailing zeros."""
    return format(number.normalize(EXACT), "f") if number else "0"


def _fate(end: End, cum_qty: Decimal, order_qty: Decimal) -> Fate:
    if end is not End.DONE:
        return Fate.FAILED if end is End.FAILED else Fate.STOPPED
    if cum_qty >= order_qty:
        return Fate.FILLED
    return Fate.PARTLY_FILLED if cum_qty else Fate.CANCELLED


def _sums(lines: Sequence[Line]) -> Sums:
    bought = [line for line in lines if line.side is Side.BUY]
    sold = [line for line in lines if line.side is Side.SELL]
    return Sums(
        orders=len(lines),
        fills=sum(line.fills for line in lines),
        bought_qty=total(line.cum_qty for line in bought),
        bought_notional=total(line.notional for line in bought),
        sold_qty=total(line.cum_qty for line in sold),
        sold_notional=total(line.notional for line in sold),
    )


def _plain(value: Any) -> Any:
    """The value as JSON has it, every Decimal in plain digits."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, msgspec.Struct):
        return {field.encode_name: _plain(getattr(value, field.name)) for field in msgspec.structs.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
