"""Free run: a producer that pushes without a pause, until all have acted on the last; ns per quote pushed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from benchmarks.containers import MAKERS, QUEUEING, Count, delegates, filled, quotes_of, run
from benchmarks.rows import Row, compared, interleaved

SYMBOLS, ORDERS = 1000, 100
TARGET = 0.005


async def measure(container: str, symbols: int, orders: int, rounds: int) -> float:
    """Nanoseconds per quote; what conflates calls each delegate once, what queues once for each quote."""
    count = Count(container)
    async with MAKERS[container](delegates("sync", count)) as dispatcher:
        await filled(dispatcher, symbols, orders)
        quotes = quotes_of(symbols)
        on_quote = dispatcher.on_quote
        count.expect(symbols * orders * (rounds if container in QUEUEING else 1))
        start = time.perf_counter_ns()
        for number in range(rounds):
            for quote in quotes[number % 2]:
                on_quote(quote)
        await count.done()
        elapsed = time.perf_counter_ns() - start
    return elapsed / (symbols * rounds)


def rows(quick: bool) -> Iterator[Row]:
    """The largest shape."""
    symbols, pushes, rounds = (SYMBOLS // 10, 100, 2) if quick else (SYMBOLS, 100, 3)
    variants = {name: partial(_measure, name, symbols, pushes) for name in MAKERS}
    found = interleaved(variants, rounds)
    yield from compared(f"free-run-{symbols}x{ORDERS}", "ns", found, "naive", {"exo": TARGET})


def _measure(container: str, symbols: int, rounds: int) -> float:
    return run(measure(container, symbols, ORDERS, rounds))
