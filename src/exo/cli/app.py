"""App: what `exo` understands, and how it ends."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

from cyclopts import App, CycloptsError, Parameter

from exo.cli.loading import load
from exo.cli.markets import EXCHANGE_USAGE, RECORD_USAGE, RUN_USAGE, record_live, run_live, serve_exchange
from exo.cli.options import BadOption, Count, Positive, Switch, deadline_ns_of, fee_bps, option, orders_of, url_of
from exo.cli.progress import bar
from exo.cli.summary import show
from exo.errors import ExoError
from exo.replay import Account, Plan, delay, recording, replay
from exo.replay.page import page
from exo.venue import PaperVenue

T = TypeVar("T")

EXO_ERROR: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

_EPILOGUE: Final = "Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted."


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


@app.command(usage="Usage: exo demo [OPTIONS]")
def demo(
    *,
    venue: str | None = None,
    symbols: Annotated[list[str] | None, Parameter(name="--symbols", negative=(), consume_multiple=True)] = None,
    url: str | None = None,
    orders: Count = 500,
    seconds: Positive = 20.0,
    rate: Positive = 300.0,
    seed: int = 0,
    json: Switch = False,
    report: Path | None = None,
) -> None:
    """Watch the container work in a live market.

    Many orders are worked on paper, in real time, over real sockets: at a fake exchange in a process of its own, whose
    market walks, calm and in bursts, with a storm half-way; or in the market of a real venue. No key is needed, and no
    order leaves this machine. One delegate fails on purpose, and only its own order with it.

    Parameters
    ----------
    venue
        Whose market, over the internet: binance, binance-usdm, bitmex or coinbase. Without it none is needed.
    symbols
        The venue's own names, such as BTC-USD; some that trade much unless told.
    url
        Where the venue's WebSocket is, if not where it usually is: an exchange of exo exchange, say.
    orders
        How many orders.
    seconds
        How long it lasts.
    rate
        Ticks a second, on average, of all symbols of the fake exchange.
    seed
        Draws the fake exchange's market, and the orders.
    json
        An account of every order, as JSON, and nothing else unless a report is asked for.
    report
        Where to write the page; exo-demo.html unless told.
    """
    from exo.cli.demo import demo as demonstrate  # sockets take time to load
    from exo.cli.screen import screen

    if url is not None and venue is None:
        raise BadOption("--url", "expected a --venue, whose protocol is spoken there")
    report = report or (None if json else Path("exo-demo.html"))
    _check_writable(report)
    account, losses = demonstrate(
        venue=venue,
        url=url_of(url),
        symbols=symbols or [],
        orders=orders,
        seconds=seconds,
        rate=rate,
        seed=seed,
        watching=nullcontext if json else screen,
    )
    _tell(account, json, report, losses)


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
        orders=orders_of(orders, order_type),
        seed=seed,
        factory=factory,
        order_type=order_type,
        delegate=delegate,
        files=tuple(files),
        act_time=option("--act-time", delay, act_time),
        feed_latency=option("--feed-latency", delay, feed_latency),
        venue=PaperVenue(maker_bps=fee_bps("--maker-bps", maker_bps), taker_bps=fee_bps("--taker-bps", taker_bps)),
        deadline_ns=option("--deadline", deadline_ns_of, deadline),
    )
    with bar() as watch:
        account = replay(recording(files), plan, watch=watch)
    _tell(account, json, report)


app.command(run_live, name="run", usage=RUN_USAGE)
app.command(record_live, name="record", usage=RECORD_USAGE)
app.command(serve_exchange, name="exchange", usage=EXCHANGE_USAGE)


def _check_writable(report: Path | None) -> None:
    """OSError for a page that could not be written, before hours are spent on what is to be on it."""
    if report is not None:
        place = report if report.exists() else report.parent
        code = errno.EISDIR if report.is_dir() else errno.ENOENT if not place.exists() else errno.EACCES
        if report.is_dir() or not os.access(place, os.W_OK):
            raise OSError(code, os.strerror(code), str(report))


def _tell(account: Account, json: bool, report: Path | None, losses: str = "") -> None:
    """Write what was asked for; an account that was broken off ends like an interrupt."""
    show(account, json)
    if losses:
        print(losses if json else f"\n{losses}", file=sys.stderr if json else sys.stdout)
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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
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
