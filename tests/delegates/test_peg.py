"""Peg: at the near touch, never past its limit, never taking."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import exo
from exo import DONE, FeedState, Side, testing
from exo.delegates import Peg, PegOrder
from exo.dma import Replace, Rule
from exo.flow.delays import Delay
from exo.mkt import LastLiquidityInd, OrdStatus
from exo.run import End
from exo.testing import Tape, cancel, hold, quote, rehearse, release, replace, trade
from exo.venue import Fault, Faults, PaperVenue

BUY_10 = testing.order(PegOrder, order_qty="10", price="45")


def at(bid: object, ask: object = "60") -> Any:
    return quote("A", str(bid), str(ask), bid_size="5", ask_size="5")


def prices(order: PegOrder, tape: Tape, **options: Any) -> list[object]:
    """Every price it has asked for, in order."""
    asked: list[object] = []
    venue = options.setdefault("venue", PaperVenue())
    send = venue.send

    def noted(request: Any) -> None:
        asked.append(getattr(request, "price", "cancel"))
        send(request)

    venue.send = noted
    rehearse(Peg, order, tape, **options)
    return asked


def test_it_follows_the_touch_and_stops_at_its_limit():
    """Up and down; beyond the limit it rests there."""
    tape = Tape((0, at(40)), (1, at(42)), (2, at(41)), (3, at(46)), (4, at(50)))
    assert prices(BUY_10, tape, until_s=5) == [40, 42, 41, 45, "cancel"]


def test_a_seller_follows_the_offer():
    """The near side is the other one."""
    order = testing.order(PegOrder, side=Side.SELL, order_qty="10", price="50")
    tape = Tape((0, at(40, 60)), (1, at(40, 55)), (2, at(40, 45)))
    assert prices(order, tape, until_s=3) == [60, 55, 50, "cancel"]


@pytest.mark.parametrize("how", Replace)
def test_it_stands_once_whatever_a_venue_makes_of_a_replace(how: Replace):
    """One child at the newest price."""
    venue = PaperVenue(replace=how)
    assert prices(BUY_10, Tape((0, at(40)), (1, at(42))), until_s=2, venue=venue)[-2] == 42
    assert [standing.status for standing in venue._orders.open.values()] == []


def test_what_rests_is_filled_by_trades_at_its_price_after_what_was_there():
    """Five were before it; it adds liquidity."""
    tape = Tape((0, at(40)), (1, trade("A", "40", "8", aggressor=Side.SELL)), (2, trade("A", "39", "100")))
    seen = rehearse(Peg, BUY_10, tape)
    assert seen.fills == [(3, 40), (7, 40)] and seen.outcome.end is End.DONE
    reports = [report for update in seen.updates for report in update.reports if report.last_qty]
    assert all(report.last_liquidity_ind is LastLiquidityInd.ADDED for report in reports)


def test_it_shows_only_so_much_at_a_time():
    """And more of it when that is filled."""
    order = testing.order(PegOrder, order_qty="10", show="4")
    tape = Tape(*((second, trade("A", "39", "100")) for second in range(1, 4)), (0, at(40)))
    assert rehearse(Peg, order, tape).fills == [(4, 40), (4, 40), (2, 40)]


def test_it_stays_where_it_is_on_stale_data_and_where_its_side_is_empty():
    """Good data moves it again."""
    tape = Tape(
        (0, at(40)),
        (1, testing.feed(FeedState.GAP)),
        (2, at(42)),
        (3, quote("A", None, "60")),
        (4, testing.feed(FeedState.LIVE)),
        (5, at(43)),
    )
    assert prices(BUY_10, tape, until_s=6) == [40, 43, "cancel"]


def test_a_cancel_ends_it_when_the_venue_has_answered():
    """Not before."""
    seen = rehearse(Peg, BUY_10, Tape((0, at(40)), (1, cancel())))
    assert (seen.looks[-1].answer, seen.outcome.end) == (DONE, End.DONE) and seen.fills == []


def test_held_it_neither_moves_nor_goes():
    """Released, it goes where the touch is."""
    tape = Tape((0, at(40)), (1, hold()), (2, at(42)), (3, release()))
    assert prices(BUY_10, tape, until_s=2.5) == [40, "cancel"]
    assert prices(BUY_10, tape, until_s=4) == [40, 42, "cancel"]


def test_it_follows_its_terms():
    """A better limit, and more of it, at once."""
    tape = Tape((0, at(50)), (1, replace(price="48")), (2, replace(order_qty="12")))
    assert prices(BUY_10, tape, until_s=3) == [45, 48, 48, "cancel"]


def test_after_a_reject_it_waits_for_another_quote():
    """It would only be rejected again."""
    faults = Faults()
    faults.force(Fault.REJECT)
    venue = PaperVenue(faults=faults)
    tape = Tape((0, at(40)), (5, at(41)))
    seen = rehearse(Peg, BUY_10, tape, 6, venue=venue)
    assert len(seen.looks) < 8
    faults.force(Fault.REJECT)
    assert prices(BUY_10, tape, until_s=6, venue=PaperVenue(faults=faults)) == [40, 41, "cancel"]


def test_two_opposite_pegs_never_trade_with_each_other():
    """In a market that locks, crosses and jumps; what could meet an own order is refused by the gate."""

    async def program() -> tuple[list[Any], PaperVenue]:
        venue = PaperVenue(request_latency=Delay(1_000_000, 30_000_000))
        desks: list[Any] = []

        def staff(desk: Any) -> Peg:
            desks.append(desk)
            return Peg(desk)

        refused = []
        async with exo.Dispatcher(staff, venue, exit_s=5) as d:
            for side in Side:
                d.submit(PegOrder(side=side, symbol="A", order_qty=exo.mkt.exact.CEILING / 10))
            for number in range(400):
                bid = 100 + number * 7 % 11
                tick = at(bid, bid + number % 3)
                venue.on_quote(tick)
                d.on_quote(tick)
                await asyncio.sleep(0.01)
                live = [standing for standing in venue._orders.open.values() if standing.leaves_qty]
                bids = [s.terms.price for s in live if s.terms.side is Side.BUY]
                asks = [s.terms.price for s in live if s.terms.side is Side.SELL]
                assert not bids or not asks or max(bids) < min(asks), "they would trade with each other"
                refused += [desk.refused for desk in desks if desk.refused is not None]
        return refused, venue

    found = exo.run_virtually(program(), until_s=60)
    assert found is not None
    refused, venue = found
    assert any(refusal.rule is Rule.SELF_CROSS for refusal in refused)
    assert all(s.status in (OrdStatus.CANCELED, OrdStatus.REJECTED) or s.cum_qty for s in venue._orders.ended.values())
