"""App: what `exo` understands, and how it ends."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from exo.cli.demo import demo as demonstrate
from exo.cli.summary import show
from exo.errors import ExoError
from exo.replay import TickFile, replay

EXO_ERROR: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

_EPILOGUE: Final = "Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted."

Count = Annotated[int, Parameter(validator=Number(gte=1, lte=1_000_000))]
Positive = Annotated[float, Parameter(validator=Number(gt=0, lte=1e6))]
Switch = Annotated[bool, Parameter(negative=())]


def _version() -> str:
    try:
        return version("exo-execution")
    except PackageNotFoundError:
        return "not installed"


app = App(
    name="exo",
    help="The container around thousands of simultaneous order executions.",
    help_epilogue=_EPILOGUE,
    version=_version,
)


@app.command
def demo(
    *,
    orders: Count = 500,
    symbols: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 5,
    seconds: Positive = 60.0,
    rate: Positive = 500.0,
    seed: int = 0,
    json: Switch = False,
) -> None:
    """Watch the container work on a small synthetic market.

    Many orders take the far side on paper while the market walks, calm and in bursts. It needs no network and runs in
    virtual time, so a minute passes in a few seconds. One delegate fails on purpose, and only its own order with it.

    Parameters
    ----------
    orders
        How many orders.
    symbols
        Over how many symbols they are spread.
    seconds
        How long the market lasts.
    rate
        Ticks a second, on average, of all symbols.
    seed
        Draws the market and the orders; the same seed gives the same bytes.
    json
        An account of every order, as JSON.
    """
    account = demonstrate(orders=orders, symbols=symbols, seconds=seconds, rate=rate, seed=seed)
    show(account, json)


@app.command(name="replay")
def replay_file(file: Path, /, *, orders: Count = 100, seed: int = 0, json: Switch = False) -> None:
    """Replay recorded ticks to many orders and account for every one.

    The orders take the far side on paper. Time is virtual and taken from the file.

    Parameters
    ----------
    file
        Ticks as CSV, gzipped if its name ends in .gz, with the columns ts_ns, symbol, type (quote or trade), bid_px,
        bid_size, ask_px, ask_size, last_px and last_qty.
    orders
        How many orders, spread over the symbols and the time of the file.
    seed
        Draws the orders; the same seed gives the same bytes.
    json
        An account of every order, as JSON.
    """
    account = replay(TickFile(file), orders=orders, seed=seed)
    show(account, json)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; never a traceback but for a bug."""
    # A failed order is told in the summary; its traceback is for those who set up logging.
    logging.getLogger("exo").addHandler(logging.NullHandler())
    if sys.stdout is None:  # it was closed before the start
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it stays open
    try:
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
    except CycloptsError as error:
        _exit(USAGE, f"{_line(error)} (see exo --help)")
    except ExoError as error:
        _exit(EXO_ERROR, _line(error))
    except KeyboardInterrupt:
        _exit(INTERRUPTED, "interrupted")
    except OSError as error:
        # What is still buffered for a reader that has left, or a full disk, must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _exit(EXO_ERROR, None if isinstance(error, BrokenPipeError) else _line(error))
    sys.exit(0)


def _line(error: Any) -> str:
    return " ".join(str(error).split())


def _exit(code: int, problem: str | None) -> NoReturn:
    if problem is not None:
        print(f"exo: {problem}", file=sys.stderr)
    sys.exit(code)
