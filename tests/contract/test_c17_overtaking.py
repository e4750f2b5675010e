"""A venue whose requests and reports overtake each other, within the times it states."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import pytest

import exo
from exo.dma import Replace
from exo.mkt import TimeInForce
from exo.venue import Faults, PaperVenue

from .helpers import D, buy, virtual

EXPIRY = 4.0
NIGHTLY = [pytest.param(seed, marks=pytest.mark.nightly) for seed in range(12, 300)]
SEEDS = [*range(6), *NIGHTLY]


class Overtaking(PaperVenue):
    """Requests take up to almost `expiry_s` each, reports up to 6 s, in any order; some are lost."""

    def __init__(self, seed: int, qty: dict[str, Any], **more: Any) -> None:
        super().__init__(answer_s=1.0, expiry_s=EXPIRY, **more)
        self.rng = random.Random(seed)
        self.qty = qty
        self.breaches: list[str] = []
        self.lose = self.rng.choice([0.0, 0.05, 0.2])
        self.log: list[Any] = []
        self.slow = self.rng.choice([0.0, 0.3, 0.9])

    def _time(self, most: float) -> float:
        return self.rng.uniform(0, most if self.rng.random() < self.slow else 0.2)

    def send(self, request: Any) -> None:
        if self._down:
            raise ConnectionError("down")
        self.log.append((asyncio.get_running_loop().time(), "send", request))
        if self.rng.random() >= self.lose:
            asyncio.get_running_loop().call_later(self._time(EXPIRY * 0.9), self.arrives, request)

    def arrives(self, request: Any) -> None:
        self.log.append((asyncio.get_running_loop().time(), "arrives", request))
        self._arrive(request)
        self.check()

    def _put(self, report: Any, *, answer: bool = False) -> None:
        if self._down or self.rng.random() < self.lose:
            return
        for _ in range(1 + (self.rng.random() < 0.1)):
            asyncio.get_running_loop().call_later(self._time(6.0), self._deliver, report)

    async def _travel(self, latency: Any) -> None:
        await asyncio.sleep(self._time(3.0))
        if self._down:
            raise ConnectionError("down")

    def check(self) -> None:
        sums: dict[str, Any] = {}
        for s in (*self._orders.open.values(), *self._orders.ended.values()):
            x = s.request.order_id
            sums[x] = sums.get(x, D(0)) + s.cum_qty + (s.leaves_qty if s.number in self._orders.open else 0)
        for x, total in sums.items():
            if total > 100:
                self.breaches.append(f"{asyncio.get_running_loop().time():.3f} {x}: {total} of 100")


class Wild:
    def __init__(self, desk: Any, rng: random.Random) -> None:
        self.desk, self.rng = desk, rng

    def act(self, update: Any) -> Any:
        rng, desk = self.rng, self.desk
        desk.wake_in(rng.uniform(0.05, 3))
        if desk.cancelled:
            desk.cancel()
            return exo.DONE if desk.working is None else None
        for _ in range(rng.randint(0, 3)):
            if rng.random() < 0.75:
                desk.work(
                    price=D(rng.randint(8, 11)),
                    order_qty=None if rng.random() < 0.4 else D(rng.randint(1, 120)),
                    time_in_force=rng.choice([TimeInForce.GTC] * 5 + [TimeInForce.IOC]),
                    slot=rng.choice("aab"),
                )
            else:
                desk.cancel(rng.choice(["a", "b", None]))
        return None

    def clean_up(self) -> None: ...


@pytest.mark.parametrize("replace", [Replace.TOTAL, Replace.NONE, Replace.CANCEL_NEW, Replace.REDUCE])
@pytest.mark.parametrize("seed", [*SEEDS, 507, 528, 1863])
@virtual
async def test_c21_requests_and_reports_that_overtake_each_other_execute_no_more_than_the_order(
    seed: int, replace: Replace
) -> None:
    """By the venue's own books, at every arrival; and in the end nothing is open."""
    logging.disable(logging.CRITICAL)
    venue = Overtaking(seed, {}, replace=replace, faults=Faults(seed))
    rng = random.Random(f"w{seed}")

    def made(desk):
        return Wild(desk, rng)

    async with exo.Dispatcher(made, venue, exit_s=60, audit_s=7, on_orphan=lambda r: None) as d:
        ids = [d.submit(buy(order_qty=D(100))).order_id for _ in range(2)]
        for _i in range(40):
            await asyncio.sleep(rng.uniform(0.2, 2))
            bid = rng.randint(8, 10)
            q = exo.Quote("A", D(bid), D(rng.randint(1, 40)), D(bid + 1), D(rng.randint(1, 40)))
            venue.on_quote(q)
            venue.check()
            d.on_quote(q)
            if rng.random() < 0.05:
                venue.disconnect(rng.uniform(0.5, 6))
        for x in ids:
            if d.outcome(x) is None:
                d.cancel(x)
        async with asyncio.timeout(600):
            await d.all_ended()
        await asyncio.sleep(20)
        ex = {}
        for s in (*venue._orders.open.values(), *venue._orders.ended.values()):
            ex[s.request.order_id] = ex.get(s.request.order_id, D(0)) + s.cum_qty
        told = {x: d.outcome(x).cum_qty for x in ids}  # type: ignore[union-attr]
    logging.disable(logging.NOTSET)
    assert venue.breaches == [], venue.breaches[:3]
    assert not venue._orders.open, [s.request for s in venue._orders.open.values()]
    assert told == {x: ex.get(x, D(0)) for x in ids}


@pytest.mark.parametrize("replace", [Replace.TOTAL, Replace.NONE, Replace.CANCEL_NEW, Replace.REDUCE])
@pytest.mark.parametrize("mass", [False, True])
@pytest.mark.parametrize("seed", [*range(4), 1473, 1527, 1668, *NIGHTLY])
@virtual
async def test_c17_a_kill_that_is_verified_is_true_where_requests_and_reports_overtake_each_other(
    seed: int, mass: bool, replace: Replace
) -> None:
    """Nothing is open at the venue, then or later; some orders were abandoned, some have failed."""
    logging.disable(logging.CRITICAL)
    venue = Overtaking(seed, {}, replace=replace, faults=Faults(seed), mass_cancel=mass)
    rng = random.Random(f"k{seed}")

    class Wilder(Wild):
        def act(self, update: Any) -> Any:
            super().act(update)
            if rng.random() < 0.02:
                raise ValueError
            return exo.DONE(abandon=True) if rng.random() < 0.03 else None

    async with exo.Dispatcher(
        lambda desk: Wilder(desk, rng), venue, exit_s=1, audit_s=7, on_orphan=lambda r: None
    ) as d:
        for _ in range(6):
            d.submit(buy(order_qty=D(100)))
        for _i in range(rng.randint(2, 15)):
            await asyncio.sleep(rng.uniform(0.05, 2))
            bid = rng.randint(8, 10)
            q = exo.Quote("A", D(bid), D(rng.randint(1, 20)), D(bid + 1), D(rng.randint(1, 20)))
            venue.on_quote(q)
            d.on_quote(q)
            if rng.random() < 0.05:
                venue.disconnect(rng.uniform(0.5, 6))
        sent = len(venue.log)
        killed = await d.kill(within_s=120)
        after = [r for _, what, r in venue.log[sent:] if what == "send" and not isinstance(r, exo.dma.CancelOrder)]
        opened = [s.request for s in venue._orders.open.values()]
        await asyncio.sleep(20)
        later = [s.request for s in venue._orders.open.values()]
    logging.disable(logging.NOTSET)
    assert killed.verified, killed
    assert not after and not opened and not later, (killed, after, opened, later)
    assert not venue.breaches
