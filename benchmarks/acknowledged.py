"""One order: from a quote's push until its delegate has acted on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from benchmarks.containers import INLINE, MAKERS, OURS, Count, delegates, filled, pushing, quotes_of, run
from benchmarks.rows import Row, compared, interleaved


async def inline(container: str, kind: str, pushes: int) -> float:
    """Nanoseconds a push that has acted when it returns; where nobody can, the producer is told across the loop."""
    count = Count(container)
    async with MAKERS[container](delegates(kind, count)) as dispatcher:
        await filled(dispatcher, 1, 1)
        one, other = quotes_of(1)
        push = pushing(dispatcher)
        start = time.perf_counter_ns()
        if container in INLINE:
            count.expect(pushes)
            for number in range(pushes):
                push(other if number & 1 else one)
            assert count.left == 0
        else:
            for number in range(pushes):
                count.expect(1)
                push(other if number & 1 else one)
                await count.done()
        elapsed = time.perf_counter_ns() - start
    return elapsed / pushes


async def awaited(container: str, pushes: int) -> float:
    """Nanoseconds a push whose producer waits until it is told across the loop."""
    count = Count(container)
    async with MAKERS[container](delegates("sync", count)) as dispatcher:
        await filled(dispatcher, 1, 1)
        (one,), (other,) = quotes_of(1)
        start = time.perf_counter_ns()
        for number in range(pushes):
            count.expect(1)
            dispatcher.on_quote(other if number & 1 else one)
            await count.done()
        elapsed = time.perf_counter_ns() - start
    return elapsed / pushes


def rows(quick: bool) -> Iterator[Row]:
    """Inline, and across the loop."""
    pushes, rounds = (5_000, 3) if quick else (30_000, 7)
    for kind, target, go in (("sync", 0.039, 0.052), ("async", 0.15, None)):
        names = MAKERS if kind == "sync" else OURS
        found = interleaved({name: partial(_inline, name, kind, pushes) for name in names}, rounds)
        yield from compared(f"one-order-inline-{kind}", "ns", found, "naive", {"exo": target}, go)
    variants = {name: partial(_awaited, name, "asyncio", pushes) for name in OURS}
    variants["exo uvloop"] = partial(_awaited, "exo", "uvloop", pushes)
    targets = {"exo": 0.63, "exo uvloop": 0.40}
    yield from compared("one-order-awaited-sync", "ns", interleaved(variants, rounds), "naive", targets)


def _inline(container: str, kind: str, pushes: int) -> float:
    return run(inline(container, kind, pushes))


def _awaited(container: str, loop: str, pushes: int) -> float:
    return run(awaited(container, pushes), loop)
