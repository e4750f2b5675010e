"""The four delegates at a venue that misbehaves: never over-executed by its books, and they end when cancelled."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

import exo
from exo import Side
from exo.delegates import Peg, PegOrder, Pov, PovOrder, Sweep, SweepOrder, Twap, TwapOrder
from exo.dma import Replace
from exo.flow.delays import Delay
from exo.venue import Fault, Faults, PaperVenue
from tests.contract.helpers import D, virtual

KINDS = {Peg: PegOrder, Sweep: SweepOrder, Twap: TwapOrder, Pov: PovOrder}
MS = 1_000_000
RATES = {
    Fault.LOSE_REQUEST: 0.05,
    Fault.LOSE_ANSWER: 0.05,
    Fault.LOSE_FILL: 0.1,
    Fault.DUPLICATE: 0.2,
    Fault.LATE_FILL: 0.1,
    Fault.REJECT: 0.05,
    Fault.BUST: 0.05,
    Fault.CORRECT: 0.05,
    Fault.REDUCE: 0.05,
    Fault.CANCEL: 0.05,
    Fault.FORGET: 0.1,
}


@pytest.mark.parametrize("broker", [False, True], ids=["exchange", "broker"])
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", list(KINDS))
@virtual
async def test_they_never_over_execute_and_end_when_cancelled(kind: Any, seed: int, broker: bool) -> None:
    """It loses, repeats, delays, busts, corrects and forgets; a broker puts busted quantity back."""
    r = random.Random(f"{kind.__name__} {seed}")
    venue = PaperVenue(
        faults=Faults(seed, RATES, for_s=0.7),
        seed=seed,
        replace=r.choice(list(Replace)),
        request_latency=Delay(5 * MS, 40 * MS),
        report_latency=Delay(5 * MS, 40 * MS),
        pending=r.random() < 0.3,
        broker=broker,
    )
    async with exo.Dispatcher(kind, venue, hog_s=None, on_orphan=lambda report: None) as d:
        orders = [
            d.submit(KINDS[kind](side=side, symbol="A", order_qty=D(r.randint(5, 60)), price=None)).order
            for side in (Side.BUY, Side.SELL)
        ]
        for _ in range(300):
            bid = r.randint(98, 102)
            quote = exo.Quote("A", D(bid), D(r.randint(1, 9)), D(bid + r.randint(1, 2)), D(r.randint(1, 9)))
            venue.on_quote(quote)
            d.on_quote(quote)
            trade = exo.Trade("A", D(r.randint(97, 104)), D(r.randint(1, 9)), r.choice(list(Side)))
            venue.on_trade(trade)
            d.on_trade(trade)
            await asyncio.sleep(r.random() * 0.3)
        for order in orders:
            try:
                d.cancel(order)
            except exo.errors.UnknownOrder:
                pass
        await asyncio.sleep(300)
        sums: dict[str, Any] = {}
        for standing in (*venue._orders.open.values(), *venue._orders.ended.values()):
            sums[standing.request.order_id] = sums.get(standing.request.order_id, D(0)) + standing.cum_qty
        assert len(d) == 0
        assert list(venue._orders.open) == []
        for order in orders:
            assert sums.get(str(order.order_id), D(0)) <= order.order_qty
