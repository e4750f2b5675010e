"""C21: a hostile delegate can neither over-execute nor leave a child that lives."""

from __future__ import annotations

import asyncio
import logging
import random
from decimal import Decimal
from typing import Any

import pytest

import exo
from exo.dma import Replace
from exo.flow import Window
from exo.flow.delays import Delay
from exo.mkt import TimeInForce
from exo.venue import Fault, Faults, PaperVenue, Queue

from .helpers import D, Made, buy, virtual

MS = 1_000_000


def executed(venue: PaperVenue) -> dict[str, Decimal]:
    """What each order's children have executed, by the venue's own books."""
    sums: dict[str, Decimal] = {}
    for standing in (*venue._orders.open.values(), *venue._orders.ended.values()):
        order_id = standing.request.order_id
        sums[order_id] = sums.get(order_id, D(0)) + standing.cum_qty
    return sums


class Hostile:
    """Does whatever a desk lets it do, in any order, and raises wherever it can."""

    def __init__(self, desk: Any, rng: random.Random) -> None:
        self.desk = desk
        self.rng = rng
        self.calls = 0
        if rng.random() < 0.5:
            self.act = self.act_later  # type: ignore[method-assign]

    def clean_up(self) -> None:
        if self.rng.random() < 0.3:
            raise ValueError("on purpose")

    def mischief(self) -> Any:
        rng, desk = self.rng, self.desk
        for _ in range(rng.randint(0, 4)):
            what = rng.random()
            if what < 0.6:
                post_only = rng.random() < 0.2
                desk.work(
                    price=D(rng.randint(9, 12)) if post_only or rng.random() < 0.9 else None,
                    order_qty=None if rng.random() < 0.3 else D(rng.randint(0, 200)),
                    time_in_force=TimeInForce.GTC
                    if post_only
                    else rng.choice([TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK]),
                    post_only=post_only,
                    slot=rng.choice(["", "", "b", "c", "d"]),
                )
            elif what < 0.8:
                desk.cancel(rng.choice([None, "", "b", "c"]))
            else:
                desk.wake_in(rng.random() / 10)
        what = rng.random()
        if what < 0.02:
            raise ValueError("on purpose")
        return exo.DONE if what < 0.1 else None

    def act(self, update: Any) -> Any:
        self.calls += 1
        return self.mischief()

    async def act_later(self, update: Any) -> Any:
        self.calls += 1
        for _ in range(self.rng.randint(0, 3)):
            self.mischief()
            await asyncio.sleep(self.rng.random() / 20)
        return self.mischief()


@pytest.mark.parametrize("replace", Replace)
@pytest.mark.parametrize("seed", range(6))
@virtual
async def test_c21_a_hostile_delegate_neither_over_executes_nor_leaves_a_child(
    seed: int, replace: Replace, caplog: pytest.LogCaptureFixture
) -> None:
    """Random work and cancels in four slots, raising at every await, DONE with children live; a venue with faults."""
    await run_hostile(seed, replace, caplog)


@pytest.mark.nightly
@pytest.mark.parametrize("replace", Replace)
@pytest.mark.parametrize("seed", range(6, 300))
@virtual
async def test_c21_a_hostile_delegate_at_length(seed: int, replace: Replace, caplog: pytest.LogCaptureFixture) -> None:
    """The same by many more seeds."""
    await run_hostile(seed, replace, caplog)


async def run_hostile(seed: int, replace: Replace, caplog: pytest.LogCaptureFixture) -> None:
    """Twenty hostile delegates for ten seconds; by the venue's books nothing is too much, nothing is left open."""
    caplog.set_level(logging.CRITICAL)
    rng = random.Random(f"{seed} {replace.value}")
    rates = {Fault.LOSE_ANSWER: 0.03, Fault.LOSE_REQUEST: 0.03, Fault.DUPLICATE: 0.05, Fault.LOSE_FILL: 0.03}
    rates |= {Fault.REJECT: 0.05, Fault.CANCEL: 0.02, Fault.REDUCE: 0.02, Fault.LATE_FILL: 0.03, Fault.FORGET: 0.1}
    venue = PaperVenue(
        replace=replace,
        queue=rng.choice(list(Queue)),
        pending=rng.random() < 0.5,
        request_latency=Delay(0, 20 * MS),
        report_latency=Delay(0, 20 * MS),
        decide=Delay(0, 10 * MS),
        windows=(Window(200, 1),) if rng.random() < 0.5 else (),
        answer_s=0.3,
        expiry_s=0.6,
        faults=Faults(seed, rates, for_s=0.2),
        seed=seed,
    )
    hostiles: list[Hostile] = []

    def staff(desk: Any) -> Any:
        hostiles.append(Hostile(desk, random.Random(f"{seed} {desk.order_id}")))
        return hostiles[-1]

    async with exo.Dispatcher(staff, venue, exit_s=20, max_age_s=0.5) as d:
        ids = []
        for number in range(20):
            side = rng.choice(list(exo.Side))
            ids.append(d.submit(buy(side=side, order_qty=D(rng.randint(1, 100)), order_id=f"O{number}")))
        for _ in range(100):
            bid = rng.randint(8, 11)
            tick = exo.Quote("A", D(bid), D(rng.randint(1, 50)), D(bid + 1), D(rng.randint(1, 50)))
            venue.on_quote(tick)
            d.on_quote(tick)
            trade = exo.Trade("A", D(rng.randint(8, 12)), D(rng.randint(1, 30)))
            venue.on_trade(trade)
            d.on_trade(trade)
            await asyncio.sleep(rng.random() / 10)
        for ack in ids:
            if rng.random() < 0.3 and d.outcome(ack.order_id) is None:
                try:
                    d.cancel(ack.order_id)
                except exo.ExoError:
                    pass
    filled = executed(venue)
    for ack in ids:
        assert filled.get(ack.order_id, 0) <= ack.order.order_qty, ack.order_id
    assert not venue._orders.open, [(o.request.order_id, o.status) for o in venue._orders.open.values()]
    for ack, one in zip(ids, hostiles, strict=True):
        assert one.desk.cum_qty == filled.get(ack.order_id, 0), ack.order_id
    assert sum(hostile.calls for hostile in hostiles) > 50


@virtual
async def test_c21_a_delegate_that_spins_on_facts_cannot_over_execute() -> None:
    """Every report makes it ask for all there is, in a slot of its own each time."""
    venue = PaperVenue()
    numbers = iter(range(10**9))

    def act(me: Any, update: Any) -> None:
        for _ in range(3):
            me.desk.work(price=D(10), slot=str(next(numbers)))
            me.desk.work(price=D(10), order_qty=D(1), slot=str(next(numbers)))

    made = Made(act)
    async with exo.Dispatcher(made, venue, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        for _ in range(200):
            venue.on_quote(exo.Quote("A", D(9), D(1), D(10), D(1)))
            venue.on_quote(exo.Quote("A", D(9), D(1), D(11), D(1)))
            d.on_quote(exo.Quote("A", D(9), D(1), D(11), D(1)))
            await asyncio.sleep(0.001)
        assert made[0].desk.cum_qty == 10 == executed(venue)[x]
    assert not venue._orders.open
