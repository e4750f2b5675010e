"""A live feed and a dispatcher at 20,000 frames a second, from a sender in a process of its own: what grows, what is
lost, what is left over.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter, deque
from decimal import Decimal
from typing import Any

import pytest

import exo
from benchmarks.histogram import Histogram
from benchmarks.sender import Report, Sender, qty
from benchmarks.soak import resident_kb
from exo.flow import current_clock
from exo.mkt import FeedState
from exo.venue.binance.dialect import BinanceDialect
from exo.venue.feed import LiveFeed
from exo.venue.sockets import SocketNetwork

RATE = 20_000
NAMES = [f"S{number:02}USDT" for number in range(20)]
EACH = 2  # delegates of a symbol
STATES = 2 * len(NAMES)  # DOWN and LIVE, once each: ticks that are no frames
DRAINED_S = 30.0
# The longer soak of CI has 300,000 frames after its warm-up: 17 bytes kept of each would show, and the least of objects
# has as many. A heap goes up and down by 1 MB. Of a connection that was replaced some is kept for 10 seconds.
GROWN_KB = 5_000_000 / 1024
OBJECTS = 20_000  # that the garbage collector knows of; the fewest frames after a warm-up are 60,000


class Worker:
    """Keeps books of all that passes, and averages of the last prices as many a strategy does."""

    made: list[Worker]
    ages: Histogram

    def __init__(self, desk: exo.Desk[exo.Order]) -> None:
        self.symbol = desk.order.symbol
        self.side = desk.order.side
        self.quotes = self.trades = self.gaps = 0
        self.volume = Decimal(0)
        self.states: list[FeedState] = []
        self.touches: deque[Decimal] = deque(maxlen=20)
        self.average = Decimal(0)
        Worker.made.append(self)

    def act(self, update: exo.Update[Any]) -> None:
        span = update.span
        if span is None:
            return
        self.quotes += span.quotes
        self.gaps += span.gaps
        if update.trade is not None:
            self.trades += update.trade.trades
            self.volume += update.trade.volume
        if update.status is not None and (not self.states or self.states[-1] is not update.status.state):
            self.states.append(update.status.state)
        if span.quotes and update.quote is not None:
            assert update.quote.received_ns is not None
            Worker.ages.note(current_clock().now_ns() - update.quote.received_ns)
            touch, _ = update.quote.near(self.side)
            if touch is not None:
                self.touches.append(touch)
                self.average = sum(self.touches, Decimal(0)) / len(self.touches)

    def clean_up(self) -> None: ...


class Soaked:
    """What a soak found."""

    report: Report
    taken_at_end: int
    ticks: int
    counts: Counter[str]
    grown_kb: int
    grown_objects: int
    left: set[str]

    def show(self) -> None:
        ages = ", ".join(f"{name} {value:,.0f}" for name, value in Worker.ages.us().items())
        print(
            f"\n{self.report.frames:,} frames, {self.report.frames / self.report.seconds:,.0f}/s, own age in us: {ages}"
        )
        print(f"{self.grown_kb} kB and {self.grown_objects} objects more, {dict(self.counts)}")


def soaked(seconds: float, warm_s: float, lifetime_s: float = 86_000.0) -> Soaked:
    """Soak so long, look at the memory from `warm_s` on, and close."""

    async def program() -> Soaked:
        before = asyncio.all_tasks()
        found = Soaked()
        Worker.made, Worker.ages = [], Histogram()
        with Sender(RATE, seconds, NAMES) as sender:
            network = SocketNetwork()
            feed = LiveFeed(BinanceDialect(sender.url, lifetime_s=lifetime_s), network)
            async with exo.Dispatcher(Worker, feed) as dispatcher:
                for name in NAMES * EACH:
                    dispatcher.submit(exo.Order(side=exo.Side.BUY, symbol=f"{name}.BINANCE"))
                await asyncio.sleep(warm_s)
                kb, objects = memory()
                await asyncio.sleep(0.5)  # what has become old meanwhile is not the feed's
                Worker.ages = Histogram()
                found.report = await asyncio.to_thread(sender.report)
                found.taken_at_end = dispatcher.totals.ticks - STATES
                async with asyncio.timeout(DRAINED_S):
                    while min(worker.trades for worker in Worker.made) < min(found.report.trades.values()):
                        await asyncio.sleep(0.05)
                    await asyncio.sleep(0.2)  # for what should not come
                kb_then, objects_then = memory()
                found.grown_kb, found.grown_objects = kb_then - kb, objects_then - objects
                found.ticks = dispatcher.totals.ticks
                assert dispatcher.totals.failed == 0 and not feed.problems
            found.counts = feed.counts
            await network.close()
            if closing := asyncio.all_tasks() - before:
                await asyncio.wait(closing, timeout=5)  # a socket waits for the other side to say goodbye
            found.left = {task.get_name() for task in asyncio.all_tasks() - before}
        found.show()
        return found

    async def in_time() -> Soaked:
        async with asyncio.timeout(seconds + DRAINED_S + 10):
            return await program()

    gc.collect()
    gc.freeze()  # what all the other tests have left in this process is not looked through again and again
    try:
        return asyncio.run(in_time())
    finally:
        gc.unfreeze()


def memory() -> tuple[int, int]:
    """Resident kB, and how many objects the garbage collector knows of."""
    gc.collect()
    return resident_kb(), len(gc.get_objects())


def check(found: Soaked) -> None:
    """Every trade came once to each of its delegates, nothing was called stale, and nothing stays."""
    sent = found.report.trades
    assert len(Worker.made) == EACH * len(NAMES)
    for worker in Worker.made:
        trades = sent[worker.symbol.removesuffix(".BINANCE")]
        assert worker.trades == trades > 0
        assert worker.volume == sum((Decimal(qty(trade)) for trade in range(1, trades + 1)), Decimal(0))
        assert worker.states[-1] is FeedState.LIVE and FeedState.GAP not in worker.states
        assert worker.gaps <= 1  # it is DOWN until it is subscribed
    assert found.counts["gap"] == found.counts["lost"] == found.counts["Bad"] == 0
    assert found.left == set()
    assert found.grown_kb < GROWN_KB and found.grown_objects < OBJECTS


def test_at_20_000_frames_a_second_nothing_is_lost_and_nothing_grows() -> None:
    """For 20 seconds; each frame that is sent is a tick, and all but the statuses are."""
    found = soaked(20.0, warm_s=5.0)
    check(found)
    assert found.taken_at_end >= 0.9 * found.report.frames
    assert found.ticks == found.report.frames + STATES


def test_a_rollover_at_20_000_frames_a_second_loses_and_doubles_no_trade() -> None:
    """One or two, while two connections tell the same."""
    found = soaked(4.0, warm_s=1.0, lifetime_s=1.5)
    check(found)
    assert found.counts["rolled over"] >= 1 and found.counts["trade again"] > 0


@pytest.mark.nightly
def test_in_ten_minutes_nothing_is_lost_and_nothing_grows() -> None:
    """Twelve million frames; what grows slowly shows too."""
    found = soaked(600.0, warm_s=20.0)
    check(found)
    assert found.taken_at_end >= 0.9 * found.report.frames
    assert found.ticks == found.report.frames + STATES


@pytest.mark.nightly
def test_in_ten_minutes_with_rollovers_nothing_is_lost_and_nothing_grows() -> None:
    """Every 20 seconds another connection."""
    found = soaked(600.0, warm_s=30.0, lifetime_s=20.0)
    check(found)
    assert found.counts["rolled over"] >= 2 and found.counts["trade again"] > 0
