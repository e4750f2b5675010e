"""Drawing: the terms of an order, as a listing lets them be."""

from __future__ import annotations

from decimal import Decimal

import pytest

import exo
from exo.delegates import SweepOrder, TwapOrder
from exo.mkt import Listing
from exo.replay import Drawing

QUOTE = exo.Quote("A", Decimal("99.98"), Decimal("0.7"), Decimal("100.01"), Decimal("0.9"), received_ns=1)


def drawn(listing: Listing, quote: exo.Quote = QUOTE) -> list[TwapOrder]:
    drawing = Drawing(200, 0, TwapOrder)
    orders = [drawing.order(number, quote, listing) for number in range(1, 201)]
    assert all(isinstance(order, TwapOrder) for order in orders)
    return [order for order in orders if isinstance(order, TwapOrder)]


def test_limits_are_on_the_tick_and_quantities_in_lots() -> None:
    """Of the listing, whatever steps the quote shows."""
    orders = drawn(Listing(symbol="A", tick=Decimal("0.05"), lot=Decimal("0.25")))
    assert all(order.order_qty % Decimal("0.25") == 0 and order.lot == Decimal("0.25") for order in orders)
    assert all(order.price is None or order.price % Decimal("0.05") == 0 for order in orders)
    assert {order.price is None for order in orders} == {True, False}
    assert len({order.order_qty for order in orders}) > 5


@pytest.mark.parametrize(
    ("listing", "least"),
    [
        (Listing(symbol="A", lot=Decimal("0.1"), min_qty=Decimal("0.25")), "0.3"),
        (Listing(symbol="A", lot=Decimal("0.01"), min_notional=Decimal(10)), "0.11"),
        (Listing(symbol="A", lot=Decimal(1), min_notional=Decimal(10), inverse=True), "11"),
        (Listing(symbol="A", lot=Decimal("0.001"), min_qty=Decimal("0.002")), "0.002"),
    ],
)
def test_each_piece_may_trade_by_itself(listing: Listing, least: str) -> None:
    """A lot that is worked alone is over the minimums, with a little room for the price to fall."""
    for order in drawn(listing):
        assert order.lot == Decimal(least)
        assert order.order_qty >= order.lot and order.order_qty % order.lot == 0


def test_without_a_price_the_quantity_decides() -> None:
    """An empty side is worth nothing that could be compared."""
    empty = exo.Quote("A", None, None, None, None, received_ns=1)
    assert {order.lot for order in drawn(Listing(symbol="A", min_notional=Decimal(10)), empty)} == {Decimal(1)}


def test_an_order_is_the_same_whenever_it_is_drawn() -> None:
    """By its number and the seed alone."""
    drawing = Drawing(10, 7, SweepOrder)
    later = drawing.order(3, QUOTE)
    drawing.order(4, QUOTE)
    assert drawing.order(3, QUOTE) == later != Drawing(10, 8, SweepOrder).order(3, QUOTE)
