"""Courses: what a market did since an order arrived is the plain sum of what passed, whoever asks and when."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

import exo
from exo.mkt.exact import multiply
from exo.replay.course import Course, Stretch

PRICES = st.one_of(st.none(), st.integers(-300, 300).map(lambda n: Decimal(n) / 4))
SIZES = st.one_of(st.none(), st.just(Decimal(0)), st.integers(1, 9).map(Decimal))


class Told(NamedTuple):
    """A stretch, to compare."""

    bid_high: Decimal | None
    ask_low: Decimal | None
    bid_sized: bool
    ask_sized: bool
    volume: Decimal
    notional: Decimal


def quote(bid, bid_size, ask, ask_size, at_ns=1):
    return exo.Quote("A", bid, bid_size, ask, ask_size, received_ns=at_ns)


def trade(px, qty):
    return exo.Trade("A", px, qty, received_ns=1)


QUOTES = st.builds(quote, PRICES, SIZES, PRICES, SIZES)
TRADES = st.builds(trade, st.integers(-50, 50).map(lambda n: Decimal(n) / 4), st.integers(1, 9).map(Decimal))
STEPS = st.lists(st.one_of(QUOTES, TRADES, st.just("arrive"), st.tuples(st.just("ask"), st.integers(0, 99))))


def told(stretch: Stretch) -> Told:
    return Told(*(getattr(stretch, name) for name in Told._fields))


def naive(ticks) -> Told:
    """The same from the list of all that passed."""
    quotes = [tick for tick in ticks if isinstance(tick, exo.Quote)]
    trades = [tick for tick in ticks if isinstance(tick, exo.Trade)]
    return Told(
        max((one.bid_px for one in quotes if one.bid_px is not None), default=None),
        min((one.ask_px for one in quotes if one.ask_px is not None), default=None),
        any(one.bid_size for one in quotes),
        any(one.ask_size for one in quotes),
        sum((one.last_qty for one in trades), Decimal(0)),
        sum((multiply(one.last_qty, one.last_px) for one in trades), Decimal(0)),
    )


@given(STEPS, st.randoms(use_true_random=False))
def test_what_passed_since_an_arrival_is_the_sum_of_what_passed(steps, rng):
    """Orders arrive at any place and are asked about in any order, some of them more than once."""
    course = Course(1)
    latest: exo.Quote | None = None
    arrived: list[tuple[Stretch, list[exo.Quote | exo.Trade]]] = []

    def ask(number: int) -> None:
        stretch, passed = arrived[number]
        assert told(course.since(stretch)) == naive(passed)

    for step in steps:
        if step == "arrive":
            arrived.append((course.arrive(), [] if latest is None else [latest]))
        elif isinstance(step, tuple):
            if arrived:
                ask(step[1] % len(arrived))
        else:
            if isinstance(step, exo.Quote):
                latest = step
                course.on_quote(step)
            else:
                course.on_trade(step)
            for _, passed in arrived:
                passed.append(step)
    order = list(range(len(arrived)))
    rng.shuffle(order)
    for number in order + order:
        ask(number)


def test_an_order_sees_the_quote_that_is_there_and_no_trade_that_has_been():
    """What was before it is not its."""
    course = Course(1)
    course.on_quote(quote(Decimal(9), None, Decimal(10), Decimal(1)))
    course.on_quote(quote(Decimal(5), None, Decimal(12), Decimal(1)))
    course.on_trade(trade(Decimal(11), Decimal(3)))
    assert told(course.since(course.arrive())) == Told(Decimal(5), Decimal(12), False, True, Decimal(0), Decimal(0))


def test_the_best_far_price_and_size_are_those_of_the_other_side():
    """A buyer looks at the lowest ask."""
    course = Course(1)
    here = course.arrive()
    course.on_quote(quote(Decimal(1), None, Decimal(4), Decimal(1)))
    course.on_quote(quote(Decimal(2), None, Decimal(5), Decimal(0)))
    passed = course.since(here)
    assert (passed.best_far(exo.Side.BUY), passed.best_far(exo.Side.SELL)) == (4, 2)
    assert (passed.sized(exo.Side.BUY), passed.sized(exo.Side.SELL)) == (True, False)


def test_samples_are_at_least_so_far_apart():
    """The first quote is one; each but the first comes with the one that held until then, and the last is kept too."""
    course = Course(10)
    for at_ns in (3, 4, 12, 13, 14, 22, 23, 90):
        course.on_quote(quote(None, None, None, None, at_ns))
    assert [sample.received_ns for sample in course.samples] == [3, 12, 13, 22, 23, 90]
    assert course.curve == tuple(course.samples)
    course.on_quote(quote(None, None, None, None, 91))
    assert [sample.received_ns for sample in course.curve][-2:] == [90, 91]
    assert [sample.received_ns for sample in course.samples][-1] == 90


def test_orders_that_come_and_go_cost_no_more_as_the_day_goes_on():
    """The way from an old arrival is gone once; then it is short."""
    course = Course(1)
    first = course.arrive()
    for _ in range(5_000):
        course.arrive()
        course.on_trade(trade(Decimal(1), Decimal(1)))
    assert course.since(first).volume == 5_000
    assert first.next is course._stretch
