"""Rows: what a benchmark found, variant beside variant, measured in turn."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from statistics import median
from typing import Any, TypeVar


@dataclass(frozen=True)
class Row:
    """One figure: `ratio` is to the baseline of its workload, `target` the most (or `at_least`: the least) it may be.

    `elsewhere` is what the Go original reached as a ratio to the same baseline, measured on another machine.
    """

    workload: str
    variant: str
    value: float
    unit: str
    ratio: float | None = None
    target: float | None = None
    at_least: bool = False
    elsewhere: float | None = None
    judged: float | None = None  # what is held to the target, where it is not the ratio

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        value = self.ratio if self.judged is None else self.judged
        if self.target is None or value is None:
            return None
        return value >= self.target if self.at_least else value <= self.target

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"met": self.met}


T = TypeVar("T")


def interleaved(variants: dict[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each variant measured, one after the other in every round, each in a process of its own.

    A library that one of them imports would be in the way of the garbage collections of all others.
    """
    found: dict[str, list[T]] = {name: [] for name in variants}
    with ExitStack() as workers:
        spawn = get_context("spawn")
        pools = {name: workers.enter_context(ProcessPoolExecutor(1, spawn)) for name in variants}
        for _ in range(rounds):
            for name, measure in variants.items():
                found[name].append(pools[name].submit(_collected, measure).result())
    return found


def _collected(measure: Callable[[], T]) -> T:
    gc.collect()
    return measure()


def compared(
    workload: str,
    unit: str,
    found: dict[str, list[float]],
    base: str,
    targets: dict[str, float] | None = None,
    elsewhere: float | None = None,
) -> Iterable[Row]:
    """A row for each variant: its median, and the median of its ratios to the base in the same round."""
    for name, values in found.items():
        ratio = median(value / other for value, other in zip(values, found[base], strict=True))
        go = elsewhere if name.startswith("exo") else None
        yield Row(workload, name, median(values), unit, ratio, (targets or {}).get(name), elsewhere=go)


HEAD = f"{'workload':28} {'variant':14} {'value':>12} {'unit':9} {'ratio':>7} {'target':>8} {'':6} {'Go*':>6}"


def shown(row: Row) -> str:
    """A line of the table."""
    value = f"{row.value:,.0f}" if abs(row.value) >= 100 else f"{row.value:,.3g}"
    ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
    target = "" if row.target is None else f"{'>=' if row.at_least else '<='} {row.target:g}"
    verdict = {None: "", True: "met", False: "MISSED"}[row.met]
    go = "" if row.elsewhere is None else f"{row.elsewhere:g}"
    line = f"{row.workload:28} {row.variant:14} {value:>12} {row.unit:9} {ratio:>7} {target:>8} {verdict:6} {go:>6}"
    return line.rstrip()
