"""Holding: what live orders cost - to admit, in memory, to the garbage collector, and until a million have left."""

from __future__ import annotations

import asyncio
import gc
import re
import time
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import exo
from benchmarks.containers import MAKERS, OURS, order, run
from benchmarks.rows import Row, compared, interleaved

BYTES = 700
MILLION = 1_000_000
LOT = 1000
GIGABYTE_KB = 1_000_000_000 / 1024


class Idle:
    """A delegate that waits for its cancel."""

    __slots__ = ("desk",)

    def __init__(self, desk: Any) -> None:
        self.desk = desk

    def act(self, _: object) -> exo.Next:
        return exo.DONE if self.desk.cancelled else None

    def clean_up(self) -> None:
        pass


class Still:
    """A delegate made beforehand, so that what a submit allocates is the container's."""

    __slots__ = ()

    def act(self, _: object) -> None:
        pass

    def clean_up(self) -> None:
        pass


async def settled(dispatcher: Any) -> None:
    """Let every order have its first call, or its Task its first step."""
    while isinstance(dispatcher, exo.Dispatcher) and dispatcher.deliver():
        pass
    for _ in range(3):
        await asyncio.sleep(0)


async def admit(container: str, orders: int) -> float:
    """Nanoseconds until an order is taken and waits for news."""
    ready = [order(number % 100) for number in range(orders)]
    async with MAKERS[container](lambda _: Still()) as dispatcher:
        start = time.perf_counter_ns()
        for each in ready:
            dispatcher.submit(each)
        await settled(dispatcher)
        elapsed = time.perf_counter_ns() - start
    return elapsed / orders


async def collect(container: str, orders: int) -> float:
    """Milliseconds of a full garbage collection with live orders."""
    async with MAKERS[container](lambda _: Still()) as dispatcher:
        for number in range(orders):
            dispatcher.submit(order(number % 100))
        await settled(dispatcher)
        gc.collect()
        start = time.perf_counter_ns()
        gc.collect()
        elapsed = time.perf_counter_ns() - start
    return elapsed / 1e6


async def memory(container: str, orders: int) -> float:
    """Bytes of a live order beyond what its user made of it."""
    ready = [order(number % 100) for number in range(orders)]
    delegates = [Still() for _ in range(orders)]
    async with MAKERS[container](lambda _: delegates.pop()) as dispatcher:
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for each in ready:
            dispatcher.submit(each)
        await settled(dispatcher)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return (after - before) / orders


async def million(orders: int) -> dict[str, float]:
    """The most memory of a process with so many live orders, in kB, and seconds to end each tenth by cancels."""
    seconds = []
    async with exo.Dispatcher(Idle, retain=1000) as dispatcher:
        ids = [dispatcher.submit(order(number % 1000)).order_id for number in range(orders)]
        await settled(dispatcher)
        assert len(dispatcher) == orders
        peak = peak_kb()
        tenth = orders // 10
        for first in range(0, orders, tenth):
            start = time.perf_counter()
            for lot in range(first, first + tenth, LOT):
                for order_id in ids[lot : min(lot + LOT, first + tenth)]:
                    dispatcher.cancel(order_id)
                while dispatcher.deliver():
                    pass
                await asyncio.sleep(0)
            assert len(dispatcher) == orders - first - tenth
            seconds.append(time.perf_counter() - start)
    return {"kb": peak, "first_s": seconds[0], "last_s": seconds[-1]}


def peak_kb() -> int:
    """The most memory this process has had; not ru_maxrss, which begins with that of the one that started it."""
    [peak] = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak)


def rows(quick: bool) -> Iterator[Row]:
    """All of it, beside the other designs where they can do it."""
    orders, rounds = (5_000, 3) if quick else (50_000, 5)
    found = interleaved({name: partial(_run, admit, name, orders) for name in OURS}, rounds)
    yield from compared("admit", "ns", found, "naive", {"exo": 0.15})
    many = 10_000 if quick else 100_000
    found = interleaved({name: partial(_run, collect, name, many) for name in (*OURS, "bare loop")}, rounds)
    yield from compared(f"gc.collect-{many}-orders", "ms", found, "naive", {"exo": 0.15})
    for name, used in interleaved({name: partial(_run, memory, name, orders) for name in OURS}, 1).items():
        yield Row("memory-per-order", name, used[0], "bytes", judged=used[0], target=BYTES if name == "exo" else None)
    orders = MILLION // 10 if quick else MILLION
    [held] = interleaved({"exo": partial(_million, orders)}, 1)["exo"]
    yield Row(f"live-{orders}", "exo", held["kb"], "kB", judged=held["kb"], target=None if quick else GIGABYTE_KB)
    linear = held["last_s"] / held["first_s"]
    yield Row(f"complete-{orders}-last-tenth", "exo", held["last_s"], "s", linear, 1.5)


def _run(measure: Any, container: str, orders: int) -> float:
    return run(measure(container, orders))


def _million(orders: int) -> dict[str, float]:
    return asyncio.run(million(orders))
