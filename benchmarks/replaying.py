"""Replay: rows a second beside a loop that only parses the same file, and memory as the file grows."""

from __future__ import annotations

import csv
import gc
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from exo.mkt import Quote
from exo.replay import COLUMNS, Plan, TickFile, recording, replay
from exo.testing import RandomWalk

ORDERS = 100
TARGET = 0.25
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


def timed(work: Callable[[], object]) -> float:
    """Seconds of one run, the collector's debts paid before."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def speed(file: Path, rounds: int) -> tuple[int, float, float, float]:
    """Rows, medians of parsing and of replaying in rows a second, and the median of their interleaved ratios."""
    rows = sum(1 for _ in TickFile(file))
    parses, replays, ratios = [], [], []
    for _ in range(rounds):
        parse_s = timed(lambda: sum(1 for _ in TickFile(file)))
        replay_s = timed(lambda: replay(recording([str(file)]), Plan(orders=ORDERS)))
        parses.append(rows / parse_s)
        replays.append(rows / replay_s)
        ratios.append(parse_s / replay_s)
    return rows, statistics.median(parses), statistics.median(replays), statistics.median(ratios)


def peak_kb(file: Path) -> int:
    """The most memory that a process of its own needs for a replay of this file, in kB."""
    run = [sys.executable, "-m", "benchmarks.replaying", str(file)]
    done = subprocess.run(run, capture_output=True, check=True, cwd=Path(__file__).parents[1])
    return int(done.stdout)


def show(files: list[Path], quick: bool) -> list[dict[str, object]]:
    """Measure, print, and give the rows for JSON."""
    found: list[dict[str, object]] = []
    print(
        f"\nreplay, {ORDERS} sync orders (Sweep), rows a second; parse: a loop over the same file that only parses it\n"
    )
    print(f"{'file':44} {'rows':>9} {'parse':>9} {'replay':>9} {'ratio':>7}  target")
    with tempfile.TemporaryDirectory() as folder:
        if not files:
            files = [Path(folder) / "synthetic.csv"]
            write(files[0], 20_000 if quick else 100_000)
        for file in files:
            rows, parse, replayed, ratio = speed(file, 3 if quick else 7)
            met = ratio >= TARGET
            verdict = f"{TARGET} {'met' if met else 'MISSED'}"
            print(f"{file.name[:44]:44} {rows:9,} {parse:9,.0f} {replayed:9,.0f} {ratio:7.3f}  {verdict}")
            row = {"workload": f"replay-{file.name}", "variant": "exo", "value": replayed, "unit": "rows/s"}
            found.append(row | {"ratio": ratio, "target": TARGET, "met": met})
        print(f"\n{'rows':>9} {'peak memory of the process':>30}")
        for rows in (20_000, 100_000) if quick else (100_000, 1_000_000, 5_000_000):
            file = Path(folder) / f"{rows}.csv"
            write(file, rows)
            peak = peak_kb(file)
            print(f"{rows:9,} {peak:27,} kB")
            row = {"workload": f"replay-memory-{rows}", "variant": "exo", "value": peak, "unit": "kB"}
            found.append(row | {"ratio": None, "target": None, "met": None})
    return found


if __name__ == "__main__":
    replay(recording([sys.argv[1]]), Plan(orders=ORDERS))
    # Not ru_maxrss: a process starts with that of the one that started it.
    [peak] = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    print(peak)
