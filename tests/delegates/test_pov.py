"""Pov: its share of what the market trades, and no more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exo import DONE, FeedState, Side, testing
from exo.delegates import Pov, PovOrder
from exo.errors import InvalidValue
from exo.run import End
from exo.testing import Tape, cancel, hold, quote, rehearse, release, trade
from exo.venue import PaperVenue

D = Decimal
BUY_20 = testing.order(PovOrder, order_qty="20", rate="0.1", lot="1", clip="0")


def deep(ask: object = 43) -> Any:
    return quote("A", "42", str(ask), bid_size="500", ask_size="600")


def taken(order: PovOrder, tape: Tape, **options: Any) -> list[tuple[Decimal, Decimal]]:
    return [(qty, px) for qty, px in rehearse(Pov, order, tape, **options).fills]


def test_of_ten_that_trade_one_is_its_own():
    """Nine of others, one of its own; in whole lots."""
    tape = Tape((0, deep()), (1, trade("A", 42, 9)), (2, deep(44)), (3, trade("A", 42, 26)), (4, deep(45)))
    assert taken(BUY_20, tape, until_s=5) == [(1, 43), (2, 44)]


def test_without_trades_it_takes_nothing():
    """However much is displayed."""
    assert taken(BUY_20, Tape((0, deep()), (1, deep(44))), until_s=100) == []


def test_what_traded_before_it_came_is_not_its_concern():
    """Its share is of the time it is there."""
    order = testing.order(PovOrder, order_qty="20", rate="0.5", lot="1", clip="0")
    seen = rehearse(Pov, order, Tape((0, deep()), (1, trade("A", 42, 3)), (2, deep(44))), 3)
    assert sum(qty for qty, _ in seen.fills) == 3


def test_its_own_prints_are_no_volume_where_a_venue_shows_them():
    """Else each of its trades would ask for the next."""

    class Shows(PaperVenue):
        """A venue whose trades show ours too: the tape has them."""

    venue = Shows()
    venue.capabilities = msgspec.structs.replace(venue.capabilities, prints_own=True)
    order = testing.order(PovOrder, order_qty="100", rate="0.5", lot="1", clip="0")
    own = [(2 + at, trade("A", 42, 10)) for at in range(1)]
    quotes = [(at / 10, deep(50 + at)) for at in range(1, 60)]
    tape = Tape((0, deep()), (1, trade("A", 42, 10)), *own, *quotes)
    assert sum(qty for qty, _ in taken(order, tape, until_s=8, venue=venue)) == 10
    assert sum(qty for qty, _ in taken(order, tape, until_s=8)) == 20


def test_it_catches_up_in_clips():
    """One for each quote."""
    order = testing.order(PovOrder, order_qty="20", rate="0.1", lot="1", clip="3")
    tape = Tape((0, trade("A", 42, 90)), *((at, deep(50 + at)) for at in range(1, 9)))
    assert taken(order, tape, until_s=10) == [(3, 51), (3, 52), (3, 53), (1, 54)]


def test_without_a_clip_of_its_own_it_catches_up_a_tenth_at_a_time():
    """And a lot where that is less."""
    order = testing.order(PovOrder, order_qty="20", rate="0.1", lot="1")
    tape = Tape((0, trade("A", 42, 45)), *((at, deep(50 + at)) for at in range(1, 9)))
    assert taken(order, tape, until_s=10) == [(2, 51), (2, 52), (1, 53)]
    order = testing.order(PovOrder, order_qty="20", rate="0.1", lot="3")
    tape = Tape((0, trade("A", 42, 90)), *((at, deep(50 + at)) for at in range(1, 9)))
    assert taken(order, tape, until_s=10) == [(3, 51), (3, 52), (3, 53)]


def test_what_is_displayed_is_all_there_is():
    """An unknown size is none, and an empty side too."""
    tape = Tape((0, trade("A", 42, 90)), (1, quote("A", 42, 43, ask_size=4)), (2, quote("A", 42, 43)))
    assert taken(BUY_20, tape, until_s=3) == [(4, 43)]


@pytest.mark.parametrize(("limit", "fills"), [("42.99", []), ("43", [(10, 43)])])
def test_it_never_goes_past_its_limit(limit, fills):
    """The limit itself is within."""
    order = testing.order(PovOrder, order_qty="20", rate="0.1", lot="1", price=limit, clip="0")
    assert taken(order, Tape((0, trade("A", 42, 90)), (1, deep())), until_s=2) == fills


def test_it_takes_nothing_on_stale_data_or_while_it_is_held():
    """Afterwards what is due by then."""
    tape = Tape((0, trade("A", 42, 90)), (1, testing.feed(FeedState.SILENT)), (2, deep()))
    assert taken(BUY_20, tape, until_s=3) == []
    assert taken(BUY_20, tape + Tape((3, testing.feed(FeedState.LIVE)), (4, deep(44))), until_s=5) == [(10, 43)]
    held = Tape((0, trade("A", 42, 90)), (1, hold()), (2, deep()), (4, release()))
    assert taken(BUY_20, held, until_s=3) == [] and taken(BUY_20, held, until_s=5) == [(10, 43)]


def test_it_ends_when_all_is_filled_or_it_is_cancelled():
    """At once."""
    order = testing.order(PovOrder, order_qty="5", rate="0.5", lot="1", clip="0")
    seen = rehearse(Pov, order, Tape((0, trade("A", 42, 90)), (1, deep())))
    assert (seen.fills, seen.looks[-1].answer, seen.outcome.end) == ([(5, 43)], DONE, End.DONE)
    seen = rehearse(Pov, order, Tape((0, deep()), (1, cancel())))
    assert (seen.fills, seen.looks[-1].answer) == ([], DONE)


@pytest.mark.parametrize("rate", ["1", "1.5", "0", "-0.1"])
def test_a_rate_lies_between_0_and_1(rate):
    """Neither included."""
    with pytest.raises(InvalidValue, match="rate"):
        testing.order(PovOrder, order_qty="5", rate=rate, clip="0")


@given(
    rate=st.sampled_from(["0.05", "0.1", "0.25", "0.5", "0.9"]),
    volumes=st.lists(st.integers(0, 200), min_size=1, max_size=40),
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=40),
    side=st.sampled_from(Side),
)
def test_it_never_has_more_than_its_share(rate, volumes, sizes, side):
    """At any time, of what was traded until then; nor more than its quantity."""
    order = testing.order(PovOrder, side=side, order_qty="300", rate=rate, lot="1", clip="0")
    steps: list[Any] = []
    for number, volume in enumerate(volumes):
        size = sizes[number % len(sizes)]
        steps.append((number, quote("A", 40, 41 + number, bid_size=size, ask_size=size)))
        if volume:
            steps.append((number + 0.5, trade("A", 41, volume)))
    seen = rehearse(Pov, order, Tape(*steps), len(volumes) + 1)
    had = traded = D(0)
    for look in seen.looks:
        traded += look.update.trade.volume if look.update.trade else 0
        had += sum((report.last_qty for report in look.update.reports), D(0))
        assert had <= traded * D(rate) / (1 - D(rate))
    assert had <= 300
