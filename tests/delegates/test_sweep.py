"""Sweep: takes the far side up to its limit and what is displayed."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal, localcontext

import pytest

from exo import DONE, FeedState, Side, testing
from exo.delegates import Sweep, SweepOrder
from exo.run import End
from exo.testing import Tape, cancel, hold, quote, rehearse, release, replace, submit, trade

BUY_10 = testing.order(SweepOrder, order_qty="10")
SHOWN = quote("A", "42", "43", bid_size="5", ask_size="6")
MORE = quote("A", "42", "43", bid_size="5", ask_size="7")


def test_it_takes_what_is_displayed_until_it_is_filled():
    """And no more than it wants."""
    seen = rehearse(Sweep, BUY_10, Tape((0, SHOWN), (1, quote("A", "42", "44", ask_size="6"))))
    assert seen.fills == [(6, 43), (4, 44)]
    assert [look.answer for look in seen.looks] == [None, None, None, DONE]


def test_a_seller_takes_the_bid():
    """The far side is the other one."""
    seen = rehearse(Sweep, testing.order(SweepOrder, side=Side.SELL, order_qty="3"), Tape((0, SHOWN)))
    assert seen.fills == [(3, 42)]


@pytest.mark.parametrize(
    ("side", "limit", "fills"),
    [
        (Side.BUY, "42.99", []),
        (Side.BUY, "43", [(1, 43)]),
        (Side.SELL, "42.01", []),
        (Side.SELL, "42", [(1, 42)]),
        (Side.SELL, "-1", [(1, 42)]),
    ],
)
def test_it_never_goes_past_its_limit(side, limit, fills):
    """The limit itself is within."""
    order = testing.order(SweepOrder, side=side, order_qty=1, price=limit)
    assert rehearse(Sweep, order, Tape((0, SHOWN)), until_s=1).fills == fills


@pytest.mark.parametrize(
    "nothing",
    [
        quote("A", "42", "43"),
        quote("A", "42", "43", ask_size=0),
        quote("A", "42", None, ask_size=5),
        trade("A", "43", "5"),
    ],
    ids=["size unknown", "size 0", "side empty", "no quote"],
)
def test_it_takes_nothing_where_nothing_is_displayed(nothing):
    """An unknown size is not a size."""
    seen = rehearse(Sweep, BUY_10, Tape((0, nothing)), until_s=1)
    assert seen.fills == []
    assert seen.outcome.end is End.STOPPED


def test_it_takes_a_quote_once_however_often_it_is_called():
    """What it took is gone, though nobody has told."""
    seen = rehearse(Sweep, BUY_10, Tape((0, SHOWN), (1, trade("A", "43", "1")), (2, replace(price="50"))), until_s=3)
    assert len(seen.looks) == 4
    assert seen.fills == [(6, 43)]


def test_the_same_quote_told_again_offers_no_more():
    """What is displayed is consumed until it changes."""
    seen = rehearse(Sweep, BUY_10, Tape((0, SHOWN), (1, SHOWN), (2, MORE)))
    assert seen.fills == [(6, 43), (4, 43)]
    assert seen.ended_s == 2


def test_orders_share_what_is_displayed():
    """The venue gives it once, first come, first served."""
    orders = [testing.order(SweepOrder, order_id=name, order_qty="4") for name in "xyz"]
    tape = Tape(*((0, submit(order)) for order in orders[1:]), (0, SHOWN))
    seen = rehearse(Sweep, orders[0], tape, until_s=1)
    assert (seen.executed.executions, seen.executed.qty) == (2, 6)


@pytest.mark.parametrize("state", [FeedState.GAP, FeedState.SILENT, FeedState.DOWN])
def test_it_does_not_take_on_stale_data(state):
    """Once the feed is live it takes what then stands."""
    stale = Tape((0, testing.feed(state)), (1, SHOWN))
    live = Tape((2, testing.feed(FeedState.LIVE)))
    assert rehearse(Sweep, BUY_10, stale, until_s=3).fills == []
    assert rehearse(Sweep, BUY_10, stale + live, until_s=3).fills == [(6, 43)]


def test_it_does_not_take_while_it_is_held():
    """Even when a replace makes it look."""
    tape = Tape((0, hold()), (1, SHOWN), (2, replace(price="50")), (3, release()))
    seen = rehearse(Sweep, BUY_10, tape, until_s=4)
    assert [look.at_s for look in seen.looks] == [0, 2, 3, 3]
    assert seen.fills == [(6, 43)]
    assert rehearse(Sweep, BUY_10, tape, until_s=3).fills == []


def test_a_cancel_ends_it_and_takes_nothing_more():
    """Though more is displayed."""
    seen = rehearse(Sweep, BUY_10, Tape((0, SHOWN), (1, cancel()), (1, MORE)))
    assert seen.fills == [(6, 43)]
    assert (seen.outcome.end, seen.outcome.cancelled, seen.ended_s) == (End.DONE, True, 1)


def test_it_follows_its_terms():
    """A new limit or quantity holds from the next look on."""
    order = testing.order(SweepOrder, order_qty="10", price="40")
    seen = rehearse(Sweep, order, Tape((0, SHOWN), (1, replace(price="43")), (2, replace(order_qty="7")), (3, MORE)))
    assert seen.fills == [(6, 43), (1, 43)]


@pytest.mark.parametrize("less", ["6", "5"])
def test_an_order_reduced_to_what_is_filled_is_done(less):
    """Or to less: what is taken is taken."""
    seen = rehearse(Sweep, BUY_10, Tape((0, SHOWN), (1, replace(order_qty=less))))
    assert (seen.outcome.end, seen.fills, seen.ended_s) == (End.DONE, [(6, 43)], 1)


def test_its_sums_are_exact_whatever_the_decimal_context():
    """A user's context cannot reach them."""
    tape = Tape((0, quote("A", "1", "2", ask_size="0.123456789")), (1, quote("A", "1", "2", ask_size="100")))
    with localcontext(prec=3, rounding=ROUND_UP):
        seen = rehearse(Sweep, testing.order(SweepOrder, order_qty="1.000000001"), tape)
    assert seen.executed.qty == Decimal("1.000000001")
    assert [qty for qty, _ in seen.fills] == [Decimal("0.123456789"), Decimal("0.876543212")]
