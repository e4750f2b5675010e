"""Positions: what is held, at which price, and what it has brought and cost."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_values import HOSTILE

from exo.errors import InvalidValue
from exo.mkt import Execution, Listing, Position, Side, position_of

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
INVERSE = Listing(symbol="XBTUSD", tick=D("0.5"), currency="USD", inverse=True)

prices = st.decimals(D("0.5"), D(500), places=2)
sizes = st.integers(1, 50).map(Decimal)
executions = st.builds(
    Execution,
    side=st.sampled_from(Side),
    last_qty=sizes,
    last_px=prices,
    commission=st.decimals(D(-2), D(2), places=3),
    comm_currency=st.sampled_from(["USDT", "BTC"]),
)
histories = st.lists(executions, max_size=30)


def cash_and_held(fills: list[Execution]) -> tuple[Fraction, Fraction]:
    """What was paid and received in USDT, and what is there of the BTC, fees included."""
    cash, held = Fraction(0), Fraction(0)
    for fill in fills:
        cash -= Fraction(fill.signed_qty) * Fraction(fill.last_px)
        held += Fraction(fill.signed_qty)
        if fill.comm_currency == "BTC":
            held -= Fraction(fill.commission)
        else:
            cash -= Fraction(fill.commission)
    return cash, held


@given(histories, prices)
def test_realised_and_unrealised_less_fees_are_exactly_the_cash_that_flowed(fills: list[Execution], px: D) -> None:
    """To the last digit, whatever the averages were rounded to, with fees in either currency."""
    position = position_of(Listing(symbol="A", tick=D(1), currency="USDT"), "A", "BTC").after(*fills)
    cash, held = cash_and_held(fills)
    assert position.quantity == held and not position.other_fees
    assert position.realised + position.mark(px) - position.fees == cash + held * Fraction(px)


@given(histories, prices)
def test_a_multiplier_multiplies_all_profit_and_nothing_else(fills: list[Execution], px: D) -> None:
    """Five times as much of everything but fees, quantity and price."""
    plain, fivefold = (position_of(Listing(symbol="A", contract_multiplier=D(by)), "A").after(*fills) for by in (1, 5))
    assert (fivefold.quantity, fivefold.avg_px, fivefold.fees) == (plain.quantity, plain.avg_px, plain.fees)
    assert (fivefold.realised, fivefold.mark(px)) == (5 * plain.realised, 5 * plain.mark(px))


@given(histories, prices)
def test_an_inverse_contract_brings_size_over_price(fills: list[Execution], px: D) -> None:
    """All that was bought and sold, in the base currency, to 50 decimal places."""
    position = position_of(INVERSE, "XBTUSD").after(*fills)
    brought = sum((Fraction(f.signed_qty) / Fraction(f.last_px) for f in fills), Fraction(0))
    brought -= Fraction(position.quantity) / Fraction(px)
    assert abs(Fraction(position.realised) + Fraction(position.mark(px)) - brought) < Fraction(1, 10**50)


@given(histories)
def test_a_flat_position_has_no_price_and_every_other_lies_between_its_trades(fills: list[Execution]) -> None:
    """And flat it has no unrealised profit either, at any price."""
    for listing in (None, INVERSE):
        position = position_of(listing, "A")
        for fill in fills:
            position = position.after(fill)
            if position.quantity:
                assert min(f.last_px for f in fills) <= position.avg_px <= max(f.last_px for f in fills)
            else:
                assert (position.avg_px, position.residue, position.mark(D(7))) == (0, 0, 0)


@given(st.lists(st.tuples(sizes, prices), min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_fills_of_one_side_may_come_in_any_order(fills: list[tuple[D, D]], rng: Any) -> None:
    """The position is the same in every field: its average is rounded once, not once for each fill."""
    some = [Execution(side=SELL, last_qty=qty, last_px=px) for qty, px in fills]
    other = list(some)
    rng.shuffle(other)
    flat = position_of(Listing(symbol="A", tick=D(1)), "A")
    assert flat.after(*some) == flat.after(*other)


def test_an_average_is_rounded_once_and_keeps_what_that_left_out() -> None:
    """Three at 10 in all: 3.333, and the last to be closed brings back the thousandth."""
    position = position_of(Listing(symbol="A", tick=D("0.01")), "A").traded(BUY, D(1), D(4)).traded(BUY, D(2), D(3))
    assert (position.avg_px, position.residue) == (D("3.333"), D("0.001"))
    some = position.traded(SELL, D(2), D("3.333"))
    assert (some.avg_px, some.realised, some.residue) == (D("3.333"), D("-0.001"), 0)
    assert position.traded(SELL, D(3), D(4)).realised == 2


def test_closing_a_part_realises_its_part_of_what_rounding_left_out() -> None:
    """One of a million shares does not pay for all of them."""
    million = position_of(Listing(symbol="A", tick=D("0.01")), "A").traded(BUY, D(750_000), D("4.01"))
    million = million.traded(BUY, D(250_000), D("4.00"))
    assert (million.avg_px, million.residue) == (D("4.008"), D(-500))
    one_less = million.traded(SELL, D(1), D("4.008"))
    assert abs(one_less.realised) <= D("0.01") and one_less.realised + one_less.mark(D(5)) == 992_500 - D("0.992")
    nearly = million.traded(SELL, D(999_999), D("4.008"))
    assert nearly.traded(BUY, D(1), D("4.008")).avg_px == D("4.008")


def test_a_trade_that_turns_a_position_opens_at_its_own_price() -> None:
    """With all its digits, and what was closed is realised."""
    short = position_of(None, "A").traded(BUY, D(10), D(5)).traded(SELL, D(15), D("6.123456789012"))
    assert (short.quantity, short.avg_px, short.realised) == (-5, D("6.123456789012"), D("11.23456789012"))


def test_an_inverse_contract_is_sized_in_the_quote_currency_and_brings_the_base() -> None:
    """100,000 dollars of it from 50,000 to 62,500: 2 coins less 1.6."""
    position = position_of(INVERSE, "XBTUSD").traded(BUY, D(100_000), D(50_000))
    assert position.mark(D(62_500)) == D("0.4") and position.valuation(D(50_000)) == 2
    closed = position.traded(SELL, D(100_000), D(62_500))
    assert (closed.realised, closed.quantity) == (D("0.4"), 0)
    short = position_of(INVERSE, "XBTUSD").traded(SELL, D(100_000), D(62_500))
    assert short.mark(D(50_000)) == D("0.4") and short.valuation(D(50_000)) == -2


def test_the_average_of_an_inverse_contract_is_the_harmonic_one() -> None:
    """As many coins as were bought, not as many dollars."""
    position = position_of(Listing(symbol="I", tick=D("0.01"), inverse=True), "I")
    position = position.traded(BUY, D(100), D(50)).traded(BUY, D(100), D(100))
    assert position.avg_px == D("66.667")


@pytest.mark.parametrize("px", [D(0), D(-1)])
def test_an_inverse_contract_has_no_worth_at_0_or_less(px: Decimal) -> None:
    """An error that says so, opening, closing and marking."""
    flat = position_of(INVERSE, "XBTUSD")
    held = flat.traded(BUY, D(1), D(5))
    for ask in (lambda: flat.traded(BUY, D(1), px), lambda: held.traded(SELL, D(1), px), lambda: held.mark(px)):
        with pytest.raises(InvalidValue, match="XBTUSD is an inverse contract and has no worth at"):
            ask()


@pytest.mark.parametrize(
    ("currency", "quantity", "realised", "fees", "other"),
    [
        ("USDT", "10", "0", "0.01", ()),
        (None, "10", "0", "0.01", ()),
        ("BTC", "9.99", "-1", "0", ()),
        ("BNB", "10", "0", "0", (("BNB", D("0.01")),)),
    ],
)
def test_a_fee_is_a_cost_in_its_own_currency(
    currency: str | None, quantity: str, realised: str, fees: str, other: object
) -> None:
    """One in the base asset is taken from what is held, and is a loss; one in a third currency stands apart."""
    listing = Listing(symbol="BTCUSDT", currency="USDT")
    position = position_of(listing, "BTCUSDT", "BTC").traded(BUY, D(10), D(100), D("0.01"), currency)
    assert (position.quantity, position.realised, position.fees) == (D(quantity), D(realised), D(fees))
    assert position.avg_px == 100 and position.other_fees == other
    assert position.after(*[Execution(side=BUY, last_qty=D(0), last_px=D(0))] * 2) == position


def test_a_fee_in_the_base_asset_of_what_was_closed_leaves_a_short_at_the_price_of_its_execution() -> None:
    """Not one at 0."""
    position = position_of(None, "BTCUSDT", "BTC").traded(SELL, D(1), D(100))
    position = position.traded(BUY, D(1), D(90), D("0.001"), "BTC")
    assert (position.quantity, position.avg_px, position.realised) == (D("-0.001"), 90, D("9.91"))


def test_an_inverse_contract_pays_its_fees_in_the_base() -> None:
    """They are in the currency of its profits; another stands apart."""
    position = position_of(INVERSE, "XBTUSD", "XBT").traded(BUY, D(100), D(50), D("0.001"), "XBT")
    position = position.traded(BUY, D(100), D(50), D("0.1"), "USD")
    assert (position.quantity, position.fees, position.other_fees) == (200, D("0.001"), (("USD", D("0.1")),))


def test_where_the_currency_of_profits_is_not_known_every_fee_is_one() -> None:
    """Nobody has said otherwise."""
    assert position_of(None, "A").traded(BUY, D(1), D(100), D("0.02"), "BNB").fees == D("0.02")


def test_a_rebate_is_a_fee_that_is_earned() -> None:
    """Less than 0; in another currency it may cancel a fee."""
    assert position_of(None, "A").traded(BUY, D(1), D(100), D("-0.02")).fees == D("-0.02")
    position = position_of(Listing(symbol="A", currency="USDT"), "A").traded(BUY, D(1), D(9), D("0.5"), "BNB")
    assert position.traded(SELL, D(1), D(9), D("-0.5"), "BNB").other_fees == ()


def test_a_position_is_a_value() -> None:
    """The old one is as it was, and nobody can change it."""
    before = position_of(None, "A")
    before.traded(BUY, D(1), D(1))
    assert before == position_of(None, "A")
    with pytest.raises(AttributeError):
        before.quantity = D(1)  # type: ignore[misc]


@pytest.mark.parametrize("number", [1.5, D("NaN"), D("Infinity"), D(-1)], ids=str)
def test_c19_no_bad_quantity_enters_a_position(number: Any) -> None:
    """Nor one less than 0: the side says which way it goes."""
    with pytest.raises(InvalidValue, match=r"lastQty"):
        position_of(None, "A").traded(BUY, number, D(1))


@pytest.mark.parametrize("number", [1.5, 1, D("NaN"), D("-Infinity")], ids=str)
def test_c19_no_bad_price_or_cash_enters_a_position(number: Any) -> None:
    """A float, an int, NaN and infinity are errors that name the place."""
    position = position_of(None, "A").traded(BUY, D(1), D(1))
    for where, ask in [
        (r"\$\.lastPx", lambda: position.traded(BUY, D(1), number)),
        (r"\$\.commission", lambda: position.traded(BUY, D(1), D(1), number)),
        (r"\$\.px", lambda: position.mark(number)),
        (r"\$\.px", lambda: position.valuation(number)),
        (r"\$\.cash", lambda: position.adjusted(number)),
    ]:
        with pytest.raises(InvalidValue, match=where):
            ask()


def test_c19_no_context_of_a_user_reaches_a_position() -> None:
    """Three digits, other rounding, every trap: the same position."""

    def held(listing: Listing | None) -> tuple[Position, Decimal, Decimal]:
        position = position_of(listing, "A", "BTC").traded(BUY, qty, px, fee, "BTC").traded(BUY, qty, more)
        position = position.traded(SELL, less, more)
        return position, position.mark(px), position.valuation(px)

    qty, px, more, fee, less = D("1234.5678"), D("61837.63"), D("61838.64"), D("0.00012345"), D("17.000001")
    for listing in (None, INVERSE):
        expected = held(listing)
        for context in HOSTILE:
            with localcontext(context):
                found = held(listing)
            assert found == expected
