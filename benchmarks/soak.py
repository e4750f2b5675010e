"""Soak: ten million ticks through a thousand orders, a hundred of them busy for ever; is the memory flat?

python -m benchmarks.soak TICKS   one measurement, in a process of its own
"""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import exo
from benchmarks.containers import order
from benchmarks.rows import Row, interleaved

SYMBOLS, ORDERS = 100, 10
ALLOWED_KB = 5_000_000 / 1024


class Soaked:
    """One of ten hangs for ever in its first call for a price; the others act at once."""

    made = 0

    def __init__(self, _: object) -> None:
        Soaked.made += 1
        self.act = self.hang if Soaked.made % ORDERS == 0 else self.see

    def see(self, _: object) -> None:
        pass

    async def hang(self, update: exo.Update[Any]) -> None:
        if update.quote is not None:
            await asyncio.get_running_loop().create_future()

    def clean_up(self) -> None:
        pass


def resident_kb() -> int:
    """The memory of this process that is in RAM."""
    [resident] = re.findall(r"VmRSS:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(resident)


async def soak(ticks: int) -> dict[str, int]:
    """Resident memory, in kB, after a tenth of the ticks and after each further one."""
    px, size, up = Decimal("61837.63"), Decimal("3.78826"), Decimal("0.01")
    async with exo.Dispatcher(Soaked, hog_s=None, exit_s=0.1) as dispatcher:
        for number in range(SYMBOLS * ORDERS):
            dispatcher.submit(order(number // ORDERS))
        found: list[int] = []
        pushed = 0
        while pushed < ticks:
            read: list[exo.Quote | exo.Trade] = []
            for s in range(SYMBOLS):
                step = up * ((pushed + s) % 977)
                if (s + pushed // SYMBOLS) % 3:
                    read.append(exo.Quote(f"S{s}", px + step, size, px + step + up, size, received_ns=pushed))
                else:
                    read.append(exo.Trade(f"S{s}", px + step, size, received_ns=pushed))
            left = dispatcher.on_ticks(read)
            while left:
                left = dispatcher.deliver()
            pushed += len(read)
            if pushed % 10_000 == 0:
                await asyncio.sleep(0)
            if pushed % (ticks // 10) == 0:
                gc.collect()
                found.append(resident_kb())
        updates = dispatcher.totals.updates
    return {"warm_kb": found[0], "most_kb": max(found), "updates": updates}


def rows(quick: bool) -> Iterator[Row]:
    """How much the memory grew after the first tenth."""
    ticks = 1_000_000 if quick else 10_000_000
    [found] = interleaved({"exo": partial(_soak, ticks)}, 1)["exo"]
    grown = found["most_kb"] - found["warm_kb"]
    yield Row(f"soak-{ticks}-ticks", "exo", grown, "kB", judged=grown, target=ALLOWED_KB)


def _soak(ticks: int) -> dict[str, int]:
    return asyncio.run(soak(ticks))
