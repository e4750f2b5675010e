"""Arrivals: orders drawn from a seed, spread over symbols and quotes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exo
from exo.delegates import SweepOrder, TwapOrder
from exo.errors import UserError
from exo.replay import Arrivals, CannotDraw, Survey, Tick, survey


def quote(at_ns: int, symbol: str = "A", bid: str | None = "42", ask: str | None = "43", size: str | None = "5"):
    bid_px, ask_px, sized = (None if text is None else Decimal(text) for text in (bid, ask, size))
    return exo.Quote(symbol, bid_px, sized, ask_px, sized, received_ns=at_ns)


def drawn(ticks: list[exo.Quote], orders: int, seed: int = 0, cls: type[exo.Order] = SweepOrder):
    arrivals = Arrivals(survey(ticks), orders, seed, cls)
    return [(order, tick) for tick in ticks for order in arrivals.with_quote(tick)]


@given(st.integers(0, 60), st.integers(), st.lists(st.sampled_from("ABC"), min_size=1, max_size=12))
def test_every_order_arrives_once(orders, seed, symbols):
    """With a quote of its own symbol, and numbered from 1."""
    found = drawn([quote(n, symbol) for n, symbol in enumerate(symbols)], orders, seed)
    width = len(str(orders))
    assert sorted(order.order_id for order, _ in found) == [f"{n:0{width}}" for n in range(1, orders + 1)]
    assert all(order.symbol == tick.symbol for order, tick in found)


def test_orders_are_spread_evenly_over_the_symbols():
    """As evenly as their number allows; a symbol without quotes gets none."""
    found = drawn([quote(0, "A"), quote(0, "B"), quote(1, "A")], 11)
    symbols = [order.symbol for order, _ in found]
    assert (symbols.count("A"), symbols.count("B")) == (6, 5)


def test_orders_arrive_all_over_the_recording():
    """Early and late."""
    ticks = [quote(n) for n in range(1000)]
    times = [tick.received_ns for _, tick in drawn(ticks, 200)]
    assert min(times) < 50 and max(times) > 950
    assert len(set(times)) > 150


def test_the_same_seed_draws_the_same_and_another_others():
    """Terms and times."""
    ticks = [quote(n) for n in range(50)]
    assert drawn(ticks, 20, 3) == drawn(ticks, 20, 3)
    assert drawn(ticks, 20, 3) != drawn(ticks, 20, 4)


def test_terms_are_drawn_about_the_quote():
    """Quantities by what is displayed, limits by the far price, both in its steps."""
    found = [order for order, _ in drawn([quote(0, bid="9999.5", ask="10000.0", size="2.5")], 300)]
    assert {order.side for order in found} == set(exo.Side)
    for order in found:
        assert Decimal("0.1") <= order.order_qty <= 10
        assert order.order_qty % Decimal("0.1") == 0
    limits = [(order.side, order.price) for order in found if order.price is not None]
    assert 100 < len(limits) < 200
    for side, price in limits:
        far = Decimal("10000.0") if side is exo.Side.BUY else Decimal("9999.5")
        assert abs(price - far) <= far * 5 / 10_000 + Decimal("0.1")
        assert price % Decimal("0.1") == 0
    assert {price > 10_000 for side, price in limits if side is exo.Side.BUY} == {True, False}


def test_unknown_sizes_and_empty_sides_have_orders_too():
    """Of about one, and without a limit where there is no price to draw it by."""
    found = [order for order, _ in drawn([quote(0, bid=None, ask=None, size=None)], 50)]
    assert all(order.price is None and 1 <= order.order_qty <= 4 for order in found)


def test_prices_below_zero_are_no_hindrance():
    """They are states of a market, and 0 is a price."""
    found = [order for order, _ in drawn([quote(0, bid="-37.63", ask="-37.60"), quote(1, bid="0", ask="0")], 100)]
    assert len(found) == 100
    assert all(order.price is None or order.price < 1 for order in found)


def test_a_lot_is_drawn_where_the_type_has_one():
    """The step of the displayed size; what has a default stays as it is."""
    found = [order for order, _ in drawn([quote(0, size="2.50")], 20, cls=TwapOrder)]
    assert {order.lot for order in found} == {Decimal("0.1")}
    assert {(order.duration_s, order.slices) for order in found} == {(60, 12)}


class Priced(exo.Order):
    """Cannot be without a limit."""

    price: Decimal


class Bare(exo.Order):
    """No terms at all."""


class Needing(exo.Order):
    """Has a term that nobody draws."""

    order_qty: Decimal
    max_floor: Decimal


def test_a_limit_that_is_needed_is_always_drawn():
    """For every order, not for every other."""
    assert all(order.price is not None for order, _ in drawn([quote(0)], 50, cls=Priced))


def test_an_order_type_without_terms_has_orders():
    """Side and symbol are enough."""
    assert {type(order) for order, _ in drawn([quote(0)], 5, cls=Bare)} == {Bare}


def test_a_type_that_needs_more_is_refused_at_once():
    """In one sentence that says what to do."""
    with pytest.raises(CannotDraw) as caught:
        Arrivals(survey([quote(0)]), 1, 0, Needing)
    assert str(caught.value) == "Needing needs a maxFloor, which is not drawn: give the orders in a file"
    assert isinstance(caught.value, UserError)


def test_no_orders_are_no_orders():
    """Nor is there anything to divide by."""
    ticks: list[Tick] = [quote(0)]
    found: Survey = survey(ticks)
    assert Arrivals(found, 0, 0, SweepOrder).with_quote(quote(0)) == ()
