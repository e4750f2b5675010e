"""App: what `exo` understands, and how it ends."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from exo.cli.demo import demo as demonstrate
from exo.cli.loading import load
from exo.cli.progress import bar
from exo.cli.screen import screen
from exo.cli.summary import show
from exo.errors import ExoError, InvalidValue, UserError
from exo.flow.delays import duration_ns
from exo.mkt import Order
from exo.replay import Account, Plan, Script, delay, recording, replay
from exo.replay.page import page
from exo.venue import PaperVenue

T = TypeVar("T")

_FEE: Final = re.compile(r"-?\d{1,5}(\.\d{1,9})?", re.ASCII)

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
    symbols: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 12,
    seconds: Positive = 60.0,
    rate: Positive = 500.0,
    seed: int = 0,
    json: Switch = False,
    report: Path | None = None,
) -> None:
    """Watch the container work on a synthetic market.

    Many orders are worked at a paper venue while the market walks, calm and in bursts, with a storm half-way. Time is
    virtual: it needs no network and less than a minute. One delegate fails on purpose, and only its own order with it.

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
        An account of every order, as JSON, and nothing else unless a report is asked for.
    report
        Where to write the page; exo-demo.html unless told.
    """
    report = report or (None if json else Path("exo-demo.html"))
    _check_writable(report)
    with nullcontext() if json else screen() as watch:
        account = demonstrate(orders=orders, symbols=symbols, seconds=seconds, rate=rate, seed=seed, watch=watch)
    _tell(account, json, report)


@app.command(name="replay", usage="Usage: exo replay FILE... [OPTIONS]")
def replay_files(
    files: Annotated[list[str], Parameter(name="FILE", negative=())],
    /,
    *,
    delegate: str = "exo.delegates:Sweep",
    orders: str = "100",
    act_time: str = "0",
    feed_latency: str = "0",
    maker_bps: str = "0",
    taker_bps: str = "0",
    deadline: str = "60s",
    seed: int = 0,
    json: Switch = False,
    report: Path | None = None,
) -> None:
    """Replay recorded ticks to many orders and account for every one.

    Time is virtual and taken from the files. The orders are worked at a paper venue, which shows what is displayed to
    all of them together. Over an hour without a tick ends a session, and the orders in it.

    Parameters
    ----------
    files
        Ticks as CSV, gzipped if its name ends in .gz, or as Parquet, with the columns ts_ns, symbol, type (quote or
        trade), bid_px, bid_size, ask_px, ask_size, last_px and last_qty. Several are merged by time; FILE@SUFFIX reads
        its symbols as SYMBOL.SUFFIX.
    delegate
        The delegate's class, MODULE:CLASS or FILE.py:CLASS.
    orders
        How many orders, drawn over the symbols and the time of the files; or a file of them, one JSON object a line
        with the terms of the order, and msgType and receivedNs beside them.
    act_time
        How long a delegate is busy before each decision: 50ms, or a range to draw from, 20ms-80ms.
    feed_latency
        How much later than the venue a delegate's market is: 1ms, or a range.
    maker_bps
        The fee for adding liquidity, in basis points.
    taker_bps
        The fee for taking it.
    deadline
        How long orders may take to end when their session has; and, in real time, a delegate to let time pass.
    seed
        Draws orders and times; the same seed gives the same bytes.
    json
        An account of every order, as JSON.
    report
        Write a page with every order, its fills, figures and decisions.
    """
    _check_writable(report)
    factory, order_type = load(delegate)
    plan = Plan(
        orders=_orders(orders, order_type),
        seed=seed,
        factory=factory,
        order_type=order_type,
        delegate=delegate,
        files=tuple(files),
        act_time=_option("--act-time", delay, act_time),
        feed_latency=_option("--feed-latency", delay, feed_latency),
        venue=PaperVenue(maker_bps=_fee("--maker-bps", maker_bps), taker_bps=_fee("--taker-bps", taker_bps)),
        deadline_ns=_option("--deadline", _deadline_ns, deadline),
    )
    with bar() as watch:
        account = replay(recording(files), plan, watch=watch)
    _tell(account, json, report)


class BadOption(UserError):
    """An option with a value that cannot be."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(option, problem)
        self.option = option
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem} at {self.option}"


def _orders(text: str, order_type: type[Order]) -> int | Script:
    if not text.isdecimal():
        return Script(text, order_type)
    if not 1 <= int(text) <= 1_000_000:
        raise BadOption("--orders", f"expected a file, or from 1 to 1000000, got {text:.40}")
    return int(text)


def _option(name: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except InvalidValue as error:
        raise BadOption(name, error.problem) from None


def _deadline_ns(text: str) -> int:
    return max(duration_ns(text), 1_000_000)


def _fee(name: str, text: str) -> Decimal:
    if not _FEE.fullmatch(text) or Decimal(text).copy_abs() > 10_000:
        raise BadOption(name, f"expected basis points from -10000 to 10000, got {text!r:.40}")
    return Decimal(text)


def _check_writable(report: Path | None) -> None:
    """OSError for a page that could not be written, before hours are spent on what is to be on it."""
    if report is not None:
        place = report if report.exists() else report.parent
        code = errno.EISDIR if report.is_dir() else errno.ENOENT if not place.exists() else errno.EACCES
        if report.is_dir() or not os.access(place, os.W_OK):
            raise OSError(code, os.strerror(code), str(report))


def _tell(account: Account, json: bool, report: Path | None) -> None:
    """Write what was asked for; an account that was broken off ends like an interrupt."""
    show(account, json)
    if report is not None:
        report.write_text(page(account), encoding="utf-8")
    if report is not None and not json:
        print(f"\nevery order, its fills and decisions: {report}")
    if account.interrupted:
        sys.stdout.flush()
        raise KeyboardInterrupt


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
    except BadOption as error:
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
