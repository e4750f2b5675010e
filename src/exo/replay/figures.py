"""Figures: how an execution compares with its market - each one division of exact sums, rounded once at the end.

Averages of prices have 10 decimal places, basis points 4, shares 6; halves are rounded away from zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from exo.mkt import Side
from exo.mkt.exact import EXACT, ZERO, add, multiply, ratio, subtract

_PX_PLACES: Final = 10
_BPS_PLACES: Final = 4
_SHARE_PLACES: Final = 6
_BPS: Final = Decimal(10_000)


def average_px(notional: Decimal, qty: Decimal) -> Decimal | None:
    """Notional over quantity; None of nothing."""
    return ratio(notional, qty, _PX_PLACES) if qty else None


def slippage_bps(side: Side, notional: Decimal, qty: Decimal, benchmark: Decimal, per: Decimal) -> Decimal | None:
    """How much worse than a benchmark the average was, in basis points of it: positive is a cost.

    The benchmark is `benchmark / per`, so that an average of the market's needs no rounding of its own. None without
    executions, or of a benchmark that is not above 0.
    """
    if not qty or not per or benchmark <= ZERO:
        return None
    # (notional / qty - benchmark / per) / (benchmark / per), with one division
    worse = subtract(multiply(notional, per), multiply(benchmark, qty))
    return ratio(
        multiply(worse if side is Side.BUY else worse.copy_negate(), _BPS), multiply(benchmark, qty), _BPS_PLACES
    )


def participation(qty: Decimal, volume: Decimal) -> Decimal | None:
    """What was executed as a share of what the market printed meanwhile; None where it printed nothing."""
    return ratio(qty, volume, _SHARE_PLACES) if volume else None


def total(numbers: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    result = ZERO
    for number in numbers:
        result = add(result, number)
    return result


def plain(number: Decimal) -> str:
    """A number in plain digits: no exponent, no trailing zeros."""
    return format(number.normalize(EXACT), "f") if number else "0"
