"""Builders of test values."""

from __future__ import annotations

from decimal import Decimal

import pytest

import exo
from exo import testing
from exo.delegates import SweepOrder
from exo.errors import InvalidValue
from exo.flow import VIRTUAL_START_NS
from exo.run import End
from exo.testing import Tape, quote, rehearse, report, trade


def test_text_ints_and_decimals_become_exact_numbers():
    """What was written is what there is, to the last zero."""
    built = quote("A", "42.10", 43, bid_size=Decimal("1E-8"))
    assert str(built.bid_px) == "42.10"
    assert built == exo.Quote("A", Decimal("42.10"), Decimal("1E-8"), Decimal(43), None)


def test_a_trade_has_its_price_before_its_quantity():
    """As the market prints it."""
    assert trade("A", "42.5", "10", aggressor=exo.Side.BUY) == exo.Trade(
        "A", Decimal("42.5"), Decimal(10), exo.Side.BUY
    )


@pytest.mark.parametrize(
    ("build", "place"),
    [
        (lambda: quote("A", 42.5, "43"), r"\$\.bid"),  # type: ignore[arg-type]
        (lambda: quote("A", "42", "43", ask_size=1.0), r"\$\.askSize"),  # type: ignore[arg-type]
        (lambda: trade("A", 0.1, "10"), r"\$\.lastPx"),  # type: ignore[arg-type]
        (lambda: testing.order(SweepOrder, order_qty=1.5), r"\$\.orderQty"),
        (lambda: report("1", last_qty=2.5), r"\$\.lastQty"),
    ],
)
def test_a_float_is_refused_with_the_text_to_write_instead(build, place):
    """It is rarely the number that was written."""
    with pytest.raises(InvalidValue, match=rf'expected a number as text, got float .*: write "\d\.?\d*.*" at {place}'):
        build()


@pytest.mark.parametrize("text", ["", "x", "4 2", "--1"])
def test_text_that_is_no_number_is_refused(text):
    """The error names the place."""
    with pytest.raises(InvalidValue, match=r"expected a number, got .* at \$\.ask$"):
        quote("A", "42", text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-sNaN"])
def test_what_is_not_finite_is_refused(text):
    """By the value itself, as everywhere."""
    with pytest.raises(InvalidValue, match="finite"):
        quote("A", "42", text)


def test_a_plain_order_buys_a():
    """What a test does not care about need not be said."""
    assert testing.order() == exo.Order(side=exo.Side.BUY, symbol="A")


def test_an_order_of_any_type_takes_its_own_terms():
    """Decimals from text, the rest as it is."""
    order = testing.order(SweepOrder, side=exo.Side.SELL, symbol="B", order_id="x", order_qty="10", price=None)
    assert order == SweepOrder(side=exo.Side.SELL, symbol="B", order_id="x", order_qty=Decimal(10))


def test_a_term_that_the_order_does_not_have_is_named():
    """Also where a misspelt optional one would go unnoticed."""
    with pytest.raises(InvalidValue, match=r"SweepOrder has no such term at \$\.limitPx"):
        testing.order(SweepOrder, order_qty="1", limit_px="2")


def test_a_report_takes_its_members_from_text():
    """Its order id may be left to the tape."""
    built = report(last_qty="5", last_px="43", exec_id="e1")
    assert (built.order_id, built.last_qty, built.last_px, built.exec_id) == ("", Decimal(5), Decimal(43), "e1")


def test_what_is_built_while_a_loop_runs_is_received_now():
    """By the clock of that loop."""

    async def build() -> list[int | None]:
        built = quote("A", "1", "2"), trade("A", "1", "1"), report("1"), testing.feed(exo.FeedState.GAP)
        return [value.received_ns for value in built]

    assert exo.run_virtually(build()) == [VIRTUAL_START_NS] * 4


def test_a_receive_time_that_is_given_stays():
    """In a loop or out of it."""

    async def build() -> int | None:
        return quote("A", "1", "2", received_ns=7).received_ns

    assert exo.run_virtually(build()) == 7
    assert quote("A", "1", "2").received_ns is None


def test_an_old_quote_can_be_played():
    """A receive time of its own makes an age."""

    class Looker:
        def __init__(self, desk: exo.Desk[exo.Order]) -> None: ...
        def act(self, update: exo.Update[exo.Order]) -> exo.Next:
            return exo.DONE

        def clean_up(self) -> None: ...

    old = quote("A", "1", "2", received_ns=VIRTUAL_START_NS - 250_000_000)
    seen = rehearse(Looker, testing.order(), Tape((0, old)))
    assert seen.updates[0].age_s == 0.25
    assert seen.outcome.end is End.DONE
