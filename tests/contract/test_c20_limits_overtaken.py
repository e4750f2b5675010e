"""Limits of the gate against the venue's own books, requests and reports overtaking each other."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

import exo
from exo.dma import Replace, RiskGate, RiskLimits
from exo.mkt import Side
from exo.venue import Faults

from .helpers import D, PegOrder, virtual
from .test_c17_overtaking import Overtaking, Wild


class Limited(Overtaking):
    """It looks at the position that could come about, at the open notional, and at own orders that cross."""

    def check(self) -> None:
        now = asyncio.get_running_loop().time()
        position, buys, sells, _notional = D(0), D(0), D(0), D(0)
        best = {Side.BUY: D(0), Side.SELL: D(10**6)}
        for s in (*self._orders.open.values(), *self._orders.ended.values()):
            sign = 1 if s.request.side is Side.BUY else -1
            position += sign * s.cum_qty
            if s.number in self._orders.open:
                if sign > 0:
                    buys += s.leaves_qty
                    best[Side.BUY] = max(best[Side.BUY], s.terms.price)
                else:
                    sells += s.leaves_qty
                    best[Side.SELL] = min(best[Side.SELL], s.terms.price)
        if position + buys > 50 or position - sells < -50:
            self.breaches.append(f"{now:.3f} position {position} +{buys} -{sells}")
        if best[Side.BUY] >= best[Side.SELL]:
            self.breaches.append(f"{now:.3f} crossed {best}")


@pytest.mark.parametrize("replace", [Replace.TOTAL, Replace.NONE, Replace.CANCEL_NEW, Replace.REDUCE])
@pytest.mark.parametrize(
    "seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(6, 200))]
)
@virtual
async def test_c20_limits_hold_at_the_venue_where_requests_and_reports_overtake_each_other(
    seed: int, replace: Replace
) -> None:
    """The position that could come about stays within 50 both ways; own orders that rest do not cross."""
    logging.disable(logging.CRITICAL)
    venue = Limited(seed, {}, replace=replace, faults=Faults(seed))
    rng = random.Random(f"p{seed}")
    gate = RiskGate(RiskLimits(max_position=D(50)))
    async with exo.Dispatcher(
        lambda desk: Wild(desk, rng), venue, gate=gate, exit_s=60, audit_s=7, on_orphan=lambda r: None
    ) as d:
        for i in range(4):
            side = Side.BUY if i % 2 else Side.SELL
            d.submit(PegOrder(side=side, symbol="A", order_qty=D(100)))
        for _ in range(40):
            await asyncio.sleep(rng.uniform(0.2, 2))
            bid = rng.randint(8, 10)
            q = exo.Quote("A", D(bid), D(rng.randint(1, 40)), D(bid + 1), D(rng.randint(1, 40)))
            venue.on_quote(q)
            venue.check()
            d.on_quote(q)
            if rng.random() < 0.05:
                venue.disconnect(rng.uniform(0.5, 6))
        for x in list(d._parts.orders.live):
            d.cancel(x)
        async with asyncio.timeout(900):
            await d.all_ended()
        await asyncio.sleep(30)
        working = d._parts.working
        exposure = gate.exposure("A")
        executed = {side: venue.executed.get(("A", side)) for side in Side}
        signed = sum((1 if side is Side.BUY else -1) * each.qty for side, each in executed.items() if each is not None)
        assert exposure.position == signed
        assert not gate.open_notional and not gate._open and not gate._children and not gate._stakes
        assert not any(exposure.open_qty.values()) and not any(exposure._prices.values()) and not exposure.notional
        assert not working.roll.live and not working.roll.left and not len(working.sending.outbox)
        assert not working.doubts._settling and not working.holds._timers and not len(gate.rates)
        assert not working.doubts._expected
    logging.disable(logging.NOTSET)
    assert venue.breaches == [], venue.breaches[:3]
