"""Twap: so much in equal slices over time, and never more than is due."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exo import DONE, FeedState, Side, testing
from exo.delegates import Twap, TwapOrder
from exo.errors import InvalidValue
from exo.run import End
from exo.testing import Tape, cancel, hold, quote, rehearse, release, replace
from exo.venue import PaperVenue

BUY_12 = testing.order(TwapOrder, order_qty="12", duration_s="60", slices=4, lot="1")
DEEP = quote("A", "42", "43", bid_size="500", ask_size="600")


def deep(px: object) -> Any:
    """A quote at another price, with enough for all."""
    return quote("A", "42", str(px), bid_size="500", ask_size="600")


def every_second(until_s: int) -> Tape:
    """A new quote every second: what was taken of the last one is there again."""
    return Tape(*((at, deep(100 + at)) for at in range(until_s)))


def taken(order: TwapOrder, tape: Tape, **options: Any) -> list[tuple[Decimal, Decimal]]:
    """The fills of a rehearsal."""
    return [(qty, px) for qty, px in rehearse(Twap, order, tape, **options).fills]


def test_equal_slices_are_taken_evenly_over_the_time():
    """The first at once; of the prices, which tell the second, a slice has the latest at the time it is due."""
    assert taken(BUY_12, every_second(60)) == [(3, 100), (3, 114), (3, 129), (3, 144)]


def test_it_is_done_when_all_is_taken_before_the_time_is_up():
    """With the last slice, a part of the duration before its end."""
    seen = rehearse(Twap, BUY_12, every_second(60))
    assert (seen.looks[-1].answer, seen.looks[-1].at_s) == (DONE, 45)
    assert seen.outcome is not None and seen.outcome.end is End.DONE


def test_a_slice_is_due_at_its_time_though_no_tick_comes():
    """It is woken, and takes what a quote still displays that it has not taken of."""
    tape = Tape((0, quote("A", "42", "43")), (20, DEEP))
    assert taken(BUY_12, tape, until_s=25) == [(6, 43)]
    sparse = Tape((0, DEEP), (1, deep(50)))
    assert taken(BUY_12, sparse, until_s=14.9) == [(3, 43)]
    assert taken(BUY_12, sparse, until_s=15.1) == [(3, 43), (3, 50)]


def test_what_could_not_be_had_is_due_with_the_next_slice():
    """Only what is displayed is taken, so it catches up when there is more."""
    tape = Tape((0, quote("A", "42", "43", ask_size="1")), (16, quote("A", "42", "44", ask_size="100")))
    assert taken(BUY_12, tape, until_s=20) == [(1, 43), (5, 44)]


def test_slices_are_whole_lots_and_the_last_has_the_rest():
    """Seven in four slices of whole lots: 1, 2, 2 and 2."""
    order = testing.order(TwapOrder, order_qty="7", duration_s="60", slices=4, lot="1")
    assert [qty for qty, _ in taken(order, every_second(60))] == [1, 2, 2, 2]
    odd = testing.order(TwapOrder, order_qty="7.5", duration_s="60", slices=4, lot="1")
    assert [qty for qty, _ in taken(odd, every_second(60))] == [1, 2, 2, Decimal("2.5")]


def test_it_ends_with_its_duration_whatever_is_left():
    """Not a nanosecond later, and nothing is taken then."""
    tape = Tape((0, quote("A", "42", "43", ask_size="1")), (60, DEEP), (70, DEEP))
    seen = rehearse(Twap, BUY_12, tape)
    assert seen.fills == [(1, 43)]
    assert (seen.looks[-1].answer, seen.looks[-1].at_s) == (DONE, 60)


def test_a_seller_takes_the_bid():
    """The far side is the other one."""
    order = testing.order(TwapOrder, side=Side.SELL, order_qty="12", duration_s="60", slices=4, lot="1")
    assert taken(order, Tape((0, DEEP)), until_s=1) == [(3, 42)]


@pytest.mark.parametrize(("limit", "fills"), [("42.99", []), ("43", [(3, 43)])])
def test_it_never_goes_past_its_limit(limit, fills):
    """The limit itself is within."""
    order = testing.order(TwapOrder, order_qty="12", price=limit, duration_s="60", slices=4, lot="1")
    assert taken(order, Tape((0, DEEP)), until_s=1) == fills


@pytest.mark.parametrize("nothing", [quote("A", "42", "43"), quote("A", "42", None, ask_size=5)])
def test_it_takes_nothing_where_nothing_is_displayed(nothing):
    """An unknown size is not a size."""
    assert taken(BUY_12, Tape((0, nothing)), until_s=50) == []


def test_it_does_not_take_on_stale_data_and_catches_up_afterwards():
    """When data is good again, all that is due is taken of the first quote."""
    stale = Tape((0, testing.feed(FeedState.SILENT)), (1, DEEP))
    assert taken(BUY_12, stale, until_s=20) == []
    again = stale + Tape((20, testing.feed(FeedState.LIVE)), (21, deep(44)))
    assert taken(BUY_12, again, until_s=22) == [(6, 43)]


def test_it_does_not_take_while_it_is_held():
    """Released, it takes all that is due by then."""
    tape = Tape((0, hold()), (1, DEEP), (20, release()))
    assert taken(BUY_12, tape, until_s=19) == []
    assert taken(BUY_12, tape, until_s=21) == [(6, 43)]


def test_a_cancel_ends_it_and_takes_nothing_more():
    """At once."""
    seen = rehearse(Twap, BUY_12, Tape((0, DEEP), (1, cancel()), (16, deep(44))))
    assert seen.fills == [(3, 43)]
    assert (seen.looks[-1].answer, seen.looks[-1].at_s) == (DONE, 1)


def test_it_follows_its_terms():
    """More is due at once of a larger quantity, and nothing of one that is reached."""
    more = Tape((0, DEEP), (1, deep(44)), (2, replace(order_qty="24")))
    assert taken(BUY_12, more, until_s=3) == [(3, 43), (3, 44)]
    less = Tape((0, DEEP), (1, deep(44)), (2, replace(order_qty="3")))
    seen = rehearse(Twap, BUY_12, less)
    assert (seen.fills, seen.looks[-1].answer, seen.looks[-1].at_s) == ([(3, 43)], DONE, 2)


@given(
    qty=st.integers(1, 500),
    slices=st.integers(1, 40),
    lot=st.sampled_from(["1", "3", "0.1", "7"]),
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=60),
    step_s=st.sampled_from([Decimal("0.25"), Decimal(1), Decimal(2)]),
)
def test_never_more_than_is_due_is_had_at_any_time(qty, slices, lot, sizes, step_s):
    """Whatever is displayed when; so never more than the quantity."""
    order = testing.order(TwapOrder, order_qty=str(qty), duration_s="30", slices=slices, lot=lot)
    tape = Tape(
        *((float(step_s * n), quote("A", "42", str(43 + n), ask_size=str(size))) for n, size in enumerate(sizes))
    )
    had = Decimal(0)
    venue = PaperVenue()
    for look in rehearse(Twap, order, tape, venue=venue).looks:
        had += sum(report.last_qty for report in look.update.reports if report.last_qty)
        begun = min(slices, int(Decimal(str(look.at_s)) * slices / 30) + 1)
        due = Decimal(qty) if begun == slices else Decimal(qty) * begun / slices // Decimal(lot) * Decimal(lot)
        assert had <= due
    assert sum(sums.qty for sums in venue.executed.values()) == had <= qty


@pytest.mark.parametrize(
    ("terms", "where"),
    [
        ({"slices": 0}, "$.slices"),
        ({"slices": 1_000_001}, "$.slices"),
        ({"duration_s": Decimal(0)}, "$.durationS"),
        ({"duration_s": Decimal(-1)}, "$.durationS"),
        ({"duration_s": Decimal(604_801)}, "$.durationS"),
        ({"lot": Decimal(0)}, "$.lot"),
    ],
)
def test_terms_that_cannot_be_are_refused_by_name(terms, where):
    """Before there is an order."""
    with pytest.raises(InvalidValue) as caught:
        testing.order(TwapOrder, order_qty="1", **terms)
    assert caught.value.where == where


def test_it_catches_up_within_bounds():
    """Nine slices late, it takes two within the time of one, and two more in the next."""
    order = testing.order(TwapOrder, order_qty="20", duration_s="20", slices=20, lot="1", catch_up=2)
    late = Tape(*((10 + at / 4, deep(50 + at)) for at in range(12)))
    fills = taken(order, late, until_s=12.9)
    assert fills == [(2, 50), (2, 53), (2, 57)]
    with pytest.raises(InvalidValue, match="catchUp"):
        testing.order(TwapOrder, order_qty="20", catch_up=0)
