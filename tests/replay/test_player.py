"""The player: ticks at their times into a dispatcher, and to a paper venue before."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

import exo
from exo.delegates import Sweep, SweepOrder
from exo.replay import Tick, play
from exo.replay.player import reach
from exo.run import End, Outcome
from exo.venue import PaperVenue

START_NS = 1_723_161_254_087_891_268
BUY_1 = SweepOrder(order_id="one", side=exo.Side.BUY, symbol="A", order_qty=Decimal(1))


def quote(after_ns: int, bid: str = "42", ask: str = "43", size: str | None = "5") -> exo.Quote:
    sized = None if size is None else Decimal(size)
    return exo.Quote("A", Decimal(bid), sized, Decimal(ask), sized, received_ns=START_NS + after_ns)


def trade(after_ns: int) -> exo.Trade:
    return exo.Trade("A", Decimal(42), Decimal(1), received_ns=START_NS + after_ns)


class Looker:
    """Notes what it sees, and never ends."""

    def __init__(self, seen: list[exo.Update[SweepOrder]]) -> None:
        self.seen = seen

    def act(self, update: exo.Update[SweepOrder]) -> exo.Next:
        self.seen.append(update)
        return None

    def clean_up(self) -> None: ...


def seen_of(ticks: list[Tick], start_ns: int = START_NS) -> list[exo.Update[SweepOrder]]:
    """What an order sees that is there before the first tick."""
    seen: list[exo.Update[SweepOrder]] = []

    async def run() -> None:
        async with exo.Dispatcher(lambda desk: Looker(seen), hog_s=None) as dispatcher:
            dispatcher.submit(BUY_1)
            await play(ticks, dispatcher)

    exo.run_virtually(run(), start_ns=start_ns)
    return seen


@given(st.lists(st.integers(0, 5_000_000_000), min_size=1, max_size=20, unique=True))
def test_every_tick_is_delivered_at_its_own_nanosecond(afters_ns):
    """Virtual time moves on to each, far or near."""
    seen = seen_of([quote(after_ns) for after_ns in sorted(afters_ns)], START_NS - 1)
    looked = [update for update in seen if update.passed is not None]
    assert [update.now_ns for update in looked] == [START_NS + after_ns for after_ns in sorted(afters_ns)]
    assert all(update.quote is not None and update.quote.received_ns == update.now_ns for update in looked)


def test_ticks_of_one_time_are_one_delivery():
    """An order sees them folded."""
    ticks = [quote(0), quote(5), trade(5), quote(5, bid="41"), quote(9)]
    seen = seen_of(ticks)
    assert [update.span and update.span.ticks for update in seen] == [1, 3, 1]
    assert seen[1].quote is ticks[3]
    assert (seen[1].span.quotes, seen[1].span.trades, seen[1].span.bid_low) == (2, 1, 41)


def test_ticks_whose_time_has_passed_are_put_in_at_once():
    """A player does not wait for the past, and does not fold it either."""

    async def run() -> float:
        async with exo.Dispatcher(lambda desk: Looker([]), hog_s=None) as dispatcher:
            await play([quote(0), quote(1_000_000_000)], dispatcher)
            assert dispatcher.totals.ticks == 2
            return asyncio.get_running_loop().time()

    assert exo.run_virtually(run(), start_ns=START_NS + 5_000_000_000) == 0
    late = seen_of([quote(0), quote(1)], START_NS + 5)
    assert [update.span and update.span.quotes for update in late] == [1, 1]
    assert {update.now_ns for update in late} == {START_NS + 5}


def test_a_paper_venue_is_shown_the_quotes_before_the_dispatcher():
    """So a delegate that acts on a quote finds it displayed."""
    venue = PaperVenue()

    async def run() -> Outcome:
        async with exo.Dispatcher(Sweep, venue, hog_s=None) as dispatcher:
            dispatcher.submit(BUY_1)
            await play([trade(0), quote(3)], dispatcher, venue)
            return await dispatcher.ended("one")

    outcome = exo.run_virtually(run(), start_ns=START_NS)
    assert (outcome.end, outcome.ended_ns) == (End.DONE, START_NS + 3)
    assert venue.executed[("A", exo.Side.BUY)].qty == 1


def test_without_a_venue_nothing_is_displayed():
    """The venue of the dispatcher is shown nothing that is not asked for."""
    venue = PaperVenue()

    async def run() -> int:
        async with exo.Dispatcher(Sweep, venue, hog_s=None) as dispatcher:
            dispatcher.submit(BUY_1)
            await play([quote(3), quote(4, size="6")], dispatcher)
            return len(dispatcher)

    assert exo.run_virtually(run(), start_ns=START_NS) == 1
    assert venue.executed == {}


def test_what_is_due_meanwhile_happens_at_its_time():
    """A timer between two ticks is not skipped."""

    async def run() -> list[int]:
        loop = asyncio.get_running_loop()
        times: list[int] = []
        clock = loop.clock  # type: ignore[attr-defined]
        loop.call_later(1e-6, lambda: times.append(clock.now_ns() - START_NS))
        await reach(START_NS + 700)
        times.append(clock.now_ns() - START_NS)
        await reach(START_NS + 5_000)
        times.append(clock.now_ns() - START_NS)
        await reach(START_NS)
        times.append(clock.now_ns() - START_NS)
        return times

    assert exo.run_virtually(run(), start_ns=START_NS) == [700, 1_000, 5_000, 5_000]
