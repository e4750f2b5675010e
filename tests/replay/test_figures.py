"""Figures: each equals the one rounding of an exact fraction, whatever the user's decimal context."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exo import Side
from exo.replay.figures import average_px, participation, plain, slippage_bps, total

NUMBERS = st.decimals(Decimal("-1E15"), Decimal("1E15"), allow_nan=False, places=8)
ABOVE_0 = st.decimals(Decimal("1E-8"), Decimal("1E15"), allow_nan=False, places=8)


def rounded(exact: Fraction, places: int) -> Fraction:
    """Halves away from zero."""
    scale = 10**places
    whole, rest = divmod(abs(exact) * scale, 1)
    magnitude = Fraction(int(whole) + (rest >= Fraction(1, 2)), scale)
    return magnitude if exact >= 0 else -magnitude


def same(figure: Decimal | None, exact: Fraction, places: int) -> bool:
    """Whether the figure is that fraction at so many places, and is written with as many."""
    return figure is not None and Fraction(figure) == rounded(exact, places) and -figure.as_tuple().exponent <= places


@given(NUMBERS, ABOVE_0)
def test_an_average_price_is_rounded_once_at_ten_places(notional, qty):
    """Of negative prices too."""
    assert same(average_px(notional, qty), Fraction(notional) / Fraction(qty), 10)


@given(ABOVE_0, ABOVE_0)
def test_participation_is_rounded_once_at_six_places(qty, volume):
    """It may be more than 1."""
    assert same(participation(qty, volume), Fraction(qty) / Fraction(volume), 6)


@given(st.sampled_from(Side), NUMBERS, ABOVE_0, ABOVE_0, ABOVE_0)
def test_slippage_is_rounded_once_at_four_places(side, notional, qty, benchmark, per):
    """Against a benchmark that is itself a fraction, which is not rounded before."""
    market = Fraction(benchmark) / Fraction(per)
    worse = (Fraction(notional) / Fraction(qty) - market) / market
    assert same(slippage_bps(side, notional, qty, benchmark, per), 10_000 * (worse if side is Side.BUY else -worse), 4)


@pytest.mark.parametrize(
    ("notional", "qty", "average"),
    [("1", "3", "0.3333333333"), ("2", "3", "0.6666666667"), ("-2", "3", "-0.6666666667")]
    + [("0.00000000005", "1", "0.0000000001"), ("-0.00000000005", "1", "-0.0000000001")]
    + [("0.000000000049999", "1", "0"), ("0.00000000015", "1", "0.0000000002")],
)
def test_halves_are_rounded_away_from_zero(notional, qty, average):
    """At the tenth place of an average."""
    assert average_px(Decimal(notional), Decimal(qty)) == Decimal(average)


def test_a_cost_is_positive_for_both_sides():
    """Paid 1 percent above or received 1 percent below: 100 basis points."""
    one = Decimal(1)
    assert slippage_bps(Side.BUY, Decimal(101), one, Decimal(100), one) == 100
    assert slippage_bps(Side.SELL, Decimal(99), one, Decimal(100), one) == 100
    assert slippage_bps(Side.SELL, Decimal(101), one, Decimal(100), one) == -100


def test_what_cannot_be_told_is_none():
    """Never 0."""
    zero, one = Decimal(0), Decimal(1)
    assert average_px(zero, zero) is None
    assert participation(one, zero) is None
    assert slippage_bps(Side.BUY, one, zero, one, one) is None
    assert slippage_bps(Side.BUY, one, one, zero, one) is None
    assert slippage_bps(Side.BUY, one, one, one, zero) is None
    assert slippage_bps(Side.BUY, one, one, -one, one) is None
    assert participation(zero, one) == 0


@given(NUMBERS, ABOVE_0, st.lists(NUMBERS, max_size=5))
def test_a_users_decimal_context_cannot_reach_them(notional, qty, numbers):
    """Neither its precision nor its rounding."""
    with localcontext(prec=100):
        qty_and_1 = qty + 1
    expected = (average_px(notional, qty), participation(qty, qty_and_1), total(numbers), plain(notional))
    with localcontext(prec=2, rounding=ROUND_UP):
        here = (average_px(notional, qty), participation(qty, qty_and_1), total(numbers), plain(notional))
        slipped = slippage_bps(Side.SELL, notional, qty, qty, qty)
    assert here == expected
    assert slipped == slippage_bps(Side.SELL, notional, qty, qty, qty)


@given(st.lists(NUMBERS, max_size=20))
def test_a_total_is_exact(numbers):
    """0 of nothing."""
    assert Fraction(total(numbers)) == sum(map(Fraction, numbers))


def test_a_total_loses_no_small_number_beside_a_large_one():
    """Which a context of 28 digits would."""
    assert total([Decimal("1E40"), Decimal("1E-40"), Decimal("-1E40")]) == Decimal("1E-40")


@pytest.mark.parametrize(
    ("number", "text"),
    [("0.10", "0.1"), ("1E+3", "1000"), ("1e-8", "0.00000001"), ("0E-9", "0"), ("-0", "0"), ("-2.50", "-2.5")]
    + [("123456789012345678901234567890.12345678901234567890", "123456789012345678901234567890.1234567890123456789")],
)
def test_plain_digits_have_no_exponent_and_no_zeros_at_the_end(number, text):
    """However it was written."""
    assert plain(Decimal(number)) == text
