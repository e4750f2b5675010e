"""Busy orders: what a trade costs while delegates are busy with an earlier call and will get it folded into a span."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import exo
from benchmarks.containers import order, run
from benchmarks.rows import Row, compared, interleaved

TARGET = 1.3


async def measure(busy: int, trades: int) -> float:
    """Nanoseconds per trade, each pushed as a read of its own; at the end every delegate must get them all at once."""
    release, all_told = asyncio.Event(), asyncio.Event()
    told: list[int] = []

    class Busy:
        def __init__(self, _: object) -> None:
            pass

        async def act(self, update: exo.Update[Any]) -> None:
            if update.trade is not None:
                told.append(update.trade.trades)
                if len(told) == busy:
                    all_told.set()
            else:
                await release.wait()

        def clean_up(self) -> None:
            pass

    async with exo.Dispatcher(Busy) as dispatcher:
        for _ in range(busy):
            dispatcher.submit(order(0))
        await asyncio.sleep(0.01)
        while dispatcher.deliver():
            pass
        read = [exo.Trade("S0", Decimal("61837.63"), Decimal("0.00121"), aggressor=exo.Side.BUY)]
        start = time.perf_counter_ns()
        for _ in range(trades):
            dispatcher.on_ticks(read)
        elapsed = time.perf_counter_ns() - start
        release.set()
        await all_told.wait()
        assert told == [trades] * busy
    return elapsed / trades


def rows(quick: bool) -> Iterator[Row]:
    """A thousand beside one."""
    trades, rounds = (2_000, 3) if quick else (20_000, 7)
    variants = {f"{busy:,} busy": partial(_measure, busy, trades) for busy in (1, 1000)}
    yield from compared("trade", "ns", interleaved(variants, rounds), "1 busy", {"1,000 busy": TARGET})


def _measure(busy: int, trades: int) -> float:
    return run(measure(busy, trades))
