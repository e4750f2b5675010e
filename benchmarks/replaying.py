"""Replay: 100 sync orders, rows a second beside a loop that only parses the same file; and memory as it grows."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.rows import Row, compared, interleaved
from exo.mkt import Quote
from exo.replay import COLUMNS, Plan, TickFile, recording, replay
from exo.testing import RandomWalk

ORDERS = 100
TARGET = 0.25
FLAT = 1.1
SYMBOLS = ("A", "B", "C", "D")


def write(path: Path, rows: int) -> None:
    """A file of about so many ticks of a seeded market, at 1,000 a second."""
    market = RandomWalk(SYMBOLS, seconds=rows / 1000, rate=1000, seed=1)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        for written, tick in enumerate(market):
            if written == rows:
                return
            if isinstance(tick, Quote):
                sides = (tick.bid_px, tick.bid_size, tick.ask_px, tick.ask_size)
                out.writerow((tick.received_ns, tick.symbol, "quote", *sides, "", ""))
            else:
                out.writerow((tick.received_ns, tick.symbol, "trade", "", "", "", "", tick.last_px, tick.last_qty))


def parsed(file: Path) -> float:
    """Rows a second of parsing alone."""
    began = time.perf_counter()
    rows = sum(1 for _ in TickFile(file))
    return rows / (time.perf_counter() - began)


def replayed(file: Path, rows: int) -> float:
    """Rows a second of replaying."""
    began = time.perf_counter()
    replay(recording([str(file)]), Plan(orders=ORDERS))
    return rows / (time.perf_counter() - began)


def speed(file: Path, rounds: int) -> Iterator[Row]:
    """Rows a second of parsing alone and of replaying."""
    rows = sum(1 for _ in TickFile(file))
    found = interleaved({"parse": partial(parsed, file), "replay": partial(replayed, file, rows)}, rounds)
    for row in compared(f"replay-{file.name.partition('.')[0]}", "rows/s", found, "parse", {"replay": TARGET}):
        yield replace(row, at_least=True)


def peak_kb(file: Path) -> int:
    """The most memory that a process of its own needs for a replay of this file, in kB."""
    run = [sys.executable, "-m", "benchmarks.replaying", str(file)]
    done = subprocess.run(run, capture_output=True, check=True, cwd=Path(__file__).parents[1])
    return int(done.stdout)


def rows(quick: bool, files: Sequence[Path] = ()) -> Iterator[Row]:
    """Speed on these files, or on a synthetic one; and memory as the file grows fiftyfold."""
    with tempfile.TemporaryDirectory() as folder:
        if not files:
            files = [Path(folder) / "synthetic.csv"]
            write(files[0], 20_000 if quick else 100_000)
        for file in files:
            yield from speed(file, 3 if quick else 7)
        small = 0
        for length in (20_000, 100_000) if quick else (100_000, 1_000_000, 5_000_000):
            file = Path(folder) / f"{length}.csv"
            write(file, length)
            peak = peak_kb(file)
            small = small or peak
            yield Row(f"replay-memory-{length}-rows", "replay", peak, "kB", peak / small, FLAT)
            file.unlink()


if __name__ == "__main__":
    replay(recording([sys.argv[1]]), Plan(orders=ORDERS))
    # Not ru_maxrss: a process starts with that of the one that started it.
    [peak] = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    print(peak)
