"""Lock-step: a quote for every symbol, then wait until every delegate has acted on it; ns per (quote x delegate)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from functools import partial

from benchmarks.containers import MAKERS, OURS, Count, delegates, filled, pushing, quotes_of, run
from benchmarks.rows import Row, compared, interleaved

# Delegates, symbols, orders of each, target; what the Go original reached.
SHAPES = (
    ("sync", 1, 1000, 0.068, 0.169),
    ("sync", 100, 10, 0.065, 0.163),
    ("sync", 1000, 100, 0.052, 0.345),
    ("async", 1, 1000, 0.12, None),
    ("async", 100, 10, 0.16, None),
    ("suspending", 1, 1000, 1.0, 0.155),
)
PER_DELIVERY = 1.3


async def measure(container: str, kind: str, symbols: int, orders: int, rounds: int) -> float:
    """Nanoseconds per quote and delegate."""
    count = Count(container)
    async with MAKERS[container](delegates(kind, count)) as dispatcher:
        await filled(dispatcher, symbols, orders)
        quotes, push = quotes_of(symbols), pushing(dispatcher)
        start = time.perf_counter_ns()
        for number in range(rounds):
            count.expect(symbols * orders)
            push(quotes[number % 2])
            await count.done()
        elapsed = time.perf_counter_ns() - start
    return elapsed / (symbols * orders * rounds)


def rows(quick: bool) -> Iterator[Row]:
    """Every shape, and how the largest compares with one symbol."""
    calls, rounds = (20_000, 3) if quick else (200_000, 5)
    sync: dict[int, list[float]] = {}
    for kind, symbols, orders, target, go in SHAPES:
        repeats = max(2, calls // (symbols * orders))
        names = MAKERS if kind == "sync" else OURS
        variants = {name: partial(_measure, name, kind, symbols, orders, repeats) for name in names}
        found = interleaved(variants, rounds)
        if kind == "sync":
            sync[symbols] = found["exo"]
        yield from compared(f"lockstep-{kind}-{symbols}x{orders}", "ns", found, "naive", {"exo": target}, go)
    large, small = statistics.median(sync[1000]), statistics.median(sync[1])
    yield Row("lockstep-1000x100-to-1x1000", "exo", large / small, "x", judged=large / small, target=PER_DELIVERY)


def _measure(container: str, kind: str, symbols: int, orders: int, repeats: int) -> float:
    return run(measure(container, kind, symbols, orders, repeats))
