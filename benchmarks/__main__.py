"""Every workload, exo and the alternatives in turn: medians and ratios."""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks import acknowledged, aging, busy, decoding, freerun, holding, lockstep, queues, replaying, soak, wire
from benchmarks.rows import HEAD, Row, shown

WORKLOADS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "acknowledged": acknowledged.rows,
    "lockstep": lockstep.rows,
    "freerun": freerun.rows,
    "busy": busy.rows,
    "holding": holding.rows,
    "aging": aging.rows,
    "queues": queues.rows,
    "decoding": decoding.rows,
    "wire": wire.rows,
    "soak": soak.rows,
    "replay": replaying.rows,
}


def main() -> None:
    """Measure, print a table, write JSON and a picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: for a look, not for figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="also draw the ratios into FILE.svg")
    parser.add_argument("--ticks", type=Path, nargs="*", metavar="FILE", help="replay these, not a synthetic market")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of {', '.join(WORKLOADS)}; all of them unless told"
    )
    options = parser.parse_args()
    names = options.names or WORKLOADS
    if unknown := set(names) - set(WORKLOADS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    for file in filter(None, (options.json, options.plot)):  # not after a quarter of an hour
        if not os.access(file if file.exists() else file.parent, os.W_OK) or file.is_dir():
            parser.error(f"{file} cannot be written")
    if options.plot and not find_spec("matplotlib"):
        parser.error("--plot needs matplotlib: pip install --group bench")
    if options.ticks:
        WORKLOADS["replay"] = lambda quick: replaying.rows(quick, options.ticks)
    print(conditions())
    print(
        "medians of interleaved rounds; a ratio is to the naive design (a Task and a Queue per order), or else to the\n"
        "variant whose ratio is 1; *: the Go original's ratio to the naive design, measured elsewhere on 2026-11-22\n"
    )
    print(HEAD)
    rows = []
    for name in names:
        for row in WORKLOADS[name](options.quick):
            rows.append(row)
            print(shown(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps([row.plain() for row in rows], indent=1) + "\n")
    if options.plot and any(row.variant == "naive" for row in rows):
        from benchmarks.picture import draw

        draw(rows, options.plot, conditions())
    elif options.plot:
        print("\nthere is nothing to draw: none of these workloads is measured beside the naive design")
    missed = [row for row in rows if row.met is False]
    print(f"\n{sum(row.met is True for row in rows)} targets met, {len(missed)} missed")


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
