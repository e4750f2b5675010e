"""Every workload, exo and the alternatives in turn: medians and ratios."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import replaying
from benchmarks.lockstep import measure

NAMES = ("lockstep", "replay")
TARGET = 0.1
SHAPES = ((1, 1), (1, 1000), (100, 10), (1000, 100))
BOUND = {("sync", (1, 1000)), ("sync", (1000, 100))}


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: for a look, not for figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    parser.add_argument(
        "--ticks", type=Path, nargs="*", default=[], metavar="FILE", help="replay these, not a synthetic"
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(NAMES)}; all of them unless told")
    options = parser.parse_args()
    names = options.names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    print(conditions())
    rows = lockstep(options.quick) if "lockstep" in names else []
    if "replay" in names:
        rows += replaying.show(options.ticks, options.quick)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def lockstep(quick: bool) -> list[dict[str, object]]:
    """Measure the container in lock-step, print, and give the rows for JSON."""
    calls, rounds = (20_000, 3) if quick else (200_000, 5)
    print("lock-step, ns per (quote x delegate), median of interleaved rounds; naive: a Task and a Queue per order\n")
    print(f"{'delegate':8} {'symbols x orders':>16} {'exo':>8} {'naive':>8} {'ratio':>7}  target")
    rows: list[dict[str, object]] = []
    for delegate in ("sync", "async"):
        for symbols, orders in SHAPES:
            repeats = max(1, calls // (symbols * orders))
            found: dict[str, list[float]] = {"exo": [], "naive": []}
            for _ in range(rounds):
                for container, values in found.items():
                    gc.collect()
                    values.append(asyncio.run(measure(container, delegate, symbols, orders, repeats)))
            exo_ns, naive_ns = (statistics.median(values) for values in found.values())
            target = TARGET if (delegate, (symbols, orders)) in BOUND else None
            ratio = exo_ns / naive_ns
            verdict = "" if target is None else f"{target} {'met' if ratio <= target else 'MISSED'}"
            print(f"{delegate:8} {f'{symbols} x {orders}':>16} {exo_ns:8.0f} {naive_ns:8.0f} {ratio:7.3f}  {verdict}")
            workload = f"lockstep-{delegate}-{symbols}x{orders}"
            met = None if target is None else ratio <= target
            for variant, value in (("exo", exo_ns), ("naive", naive_ns)):
                row = {"workload": workload, "variant": variant, "value": value, "unit": "ns"}
                rows.append(row | {"ratio": value / naive_ns, "target": target, "met": met})
    return rows


def conditions() -> str:
    """What the figures were measured with."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    ).stdout.strip()
    return (
        f"{platform.python_implementation()} {platform.python_version()}, asyncio on {platform.system()}, "
        f"gc {'on' if gc.isenabled() else 'off'}, {os.cpu_count()} cores, commit {commit or 'unknown'}"
    )


if __name__ == "__main__":
    sys.exit(main())
