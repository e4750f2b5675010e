"""Exact decimal arithmetic, out of reach of the user's own decimal context.

A number that entered by `Value` is below 10**60 with at most 60 digits and 60 decimal places, so products of two lie
between 10**-120 and 10**120, and a sum of 10**15 of them has at most 255 digits. `EXACT` computes with 400 and traps
Inexact: a result is exact or an error, never rounded (contract C2, C19).
"""

from __future__ import annotations

from decimal import (
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Underflow,
)

from exo.errors import InvalidValue

ZERO = Decimal(0)
TWO = Decimal(2)
CEILING = Decimal("1E60")
FLOOR = -CEILING

_ERRORS = [InvalidOperation, DivisionByZero, Overflow, Underflow, FloatOperation]
EXACT = Context(prec=400, Emax=999_999, Emin=-999_999, clamp=0, traps=[*_ERRORS, Inexact])
# The smallest step is at Emin - prec + 1, the 60th decimal place; what does not fit is inexact, or a clamped zero.
_DOOR = Context(prec=60, Emax=59, Emin=-1, clamp=0, traps=[*_ERRORS, Inexact, Clamped])
_AVERAGE = Context(prec=60, rounding=ROUND_HALF_UP, Emax=999_999, Emin=-999_999, clamp=0, traps=_ERRORS)
_ROUND = Context(prec=400, rounding=ROUND_HALF_UP, Emax=999_999, Emin=-999_999, clamp=0, traps=_ERRORS)
_TOWARDS_ZERO = Context(prec=400, rounding=ROUND_DOWN, Emax=999_999, Emin=-999_999, clamp=0, traps=_ERRORS)
_DOWN = Context(prec=400, rounding=ROUND_FLOOR, Emax=999_999, Emin=-999_999, clamp=0, traps=_ERRORS)

fit = _DOOR.plus  # the number, or ArithmeticError if it has too many digits or places
parse = _DOOR.create_decimal  # the number that a text is, as strict as `fit`: no blanks, no 1_000; NaN passes
add = EXACT.add
subtract = EXACT.subtract
multiply = EXACT.multiply
divide = _AVERAGE.divide


def problem_with(number: object) -> str | None:
    """What is wrong with a number at the door, or None: it must be a finite Decimal that fits the bounds above."""
    if not isinstance(number, Decimal):
        hint = f": write Decimal({str(number)!r})" if type(number) in (int, float) else ""
        return f"expected a Decimal, got {type(number).__name__} {number!r:.40}{hint}"
    if not number.is_finite():
        return f"expected a finite number, got {number}"
    try:
        fit(number)
    except ArithmeticError:
        return f"expected a number below 1E60 with at most 60 digits and 60 places, got {number!s:.40}"
    return None


def places(number: Decimal) -> int:
    """The decimal places a number needs: 2 for 0.01, 0 for 10."""
    exponent = number.normalize(EXACT).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def units(number: Decimal, unit: Decimal, minimum: Decimal = ZERO) -> Decimal:
    """The number rounded down to whole units, or 0 where that is below the minimum or not positive."""
    if number <= ZERO:
        return ZERO
    whole = multiply(_DOWN.to_integral_value(_DOWN.divide(number, unit)), unit)
    return whole if whole >= minimum else ZERO


def rounded(number: Decimal, decimal_places: int) -> Decimal:
    """The number at so many decimal places, halves away from zero."""
    return _ROUND.quantize(number, EXACT.scaleb(Decimal(1), -decimal_places))


def ratio(dividend: Decimal, divisor: Decimal, decimal_places: int) -> Decimal:
    """The quotient at so many decimal places, halves away from zero, rounded once."""
    step = EXACT.scaleb(Decimal(1), -decimal_places)
    exact_part = _TOWARDS_ZERO.quantize(_TOWARDS_ZERO.divide(dividend, divisor), step)
    rest = subtract(dividend, multiply(exact_part, divisor))
    if multiply(TWO, rest.copy_abs()) >= multiply(divisor.copy_abs(), step):
        away = step if (dividend < ZERO) == (divisor < ZERO) else step.copy_negate()
        return add(exact_part, away)
    return exact_part


def cum_qty_avg_px(
    cum_qty: Decimal, avg_px: Decimal, last_qty: Decimal, last_px: Decimal, decimal_places: int
) -> tuple[Decimal, Decimal]:
    """CumQty and AvgPx after one more fill, the average at so many places; InvalidValue if nothing is filled."""
    total = add(cum_qty, last_qty)
    if total == ZERO:
        raise InvalidValue("$.lastQty", "no average over a quantity of 0")
    notional = add(multiply(cum_qty, avg_px), multiply(last_qty, last_px))
    return total, rounded(_ROUND.divide(notional, total), decimal_places)
