"""Screen: a replay as it runs, on a terminal; and as plain lines where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from heapq import nlargest
from threading import Event
from typing import Any, Final

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from exo.flow.clock import LiveClock, utc
from exo.mkt import Side
from exo.replay import Fate, Replay
from exo.replay.figures import slippage_bps
from exo.replay.ledger import Record
from exo.run import End

_LASTS_S: Final = 24.0  # of real time, however long the market lasts
_FRAME_NS: Final = 100_000_000
_OTHER_LINES: Final = 16  # of the screen, besides the orders
_LINE_NS: Final = 10_000_000_000
_ONE: Final = Decimal(1)


class Screen:
    """What is going on: the market, the orders, and those that moved last. It holds a fast replay back to be seen."""

    def __init__(self, live: Live, rows: int) -> None:
        self._live = live
        self._rows = rows
        self._clock = LiveClock()
        self._began_ns = self._clock.now_ns()
        self._shown_ns = 0
        self._last: tuple[int, int] = (0, 0)
        self._rate = 0.0
        self._failed: list[str] = []
        self._told: set[str] = set()

    def __call__(self, replay: Replay) -> None:
        """Show how it stands."""
        first_ns, last_ns = replay.survey.first_ns, replay.survey.last_ns
        share = min(1.0, (replay.clock.now_ns() - first_ns) / max(1, last_ns - first_ns))
        now_ns = self._clock.now_ns()
        ahead_ns = share * _LASTS_S * 1e9 - (now_ns - self._began_ns)
        if ahead_ns > 0:
            Event().wait(ahead_ns / 1e9)
        elif share < 1.0 and now_ns - self._shown_ns < _FRAME_NS:
            return
        self._shown_ns = self._clock.now_ns()
        self._measure(replay)
        self._live.update(self._view(replay, share), refresh=True)

    def _measure(self, replay: Replay) -> None:
        """Ticks a second of market time, over the last half second or so."""
        then_ns, then = self._last
        now_ns = replay.clock.now_ns()
        if now_ns - then_ns >= 500_000_000:
            self._rate = (replay.rows - then) / (now_ns - then_ns) * 1e9 if then_ns else 0.0
            self._last = (now_ns, replay.rows)

    def _view(self, replay: Replay, share: float) -> Group:
        return Group(self._head(replay, share), self._orders(replay), self._foot())

    def _head(self, replay: Replay, share: float) -> Panel:
        totals = replay.dispatcher.totals
        looked = totals.updates + totals.conflated
        conflated = totals.conflated / looked if looked else 0.0
        fates = _fates(replay)
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(ratio=1)
        grid.add_column(ratio=2)
        stands = utc(replay.clock.now_ns()).strftime("%H:%M:%S.%f")[:-3]
        grid.add_row(f"market time [bold]{stands}[/]", ProgressBar(total=1.0, completed=share))
        busy = "[bold red]burst[/]" if self._rate > 4 * replay.survey.ticks / _played_s(replay) else "calm"
        grid.add_row(f"{self._rate:,.0f} messages/s, {busy}", f"{replay.rows:,} of {replay.survey.ticks:,} ticks")
        grid.add_row(
            f"{totals.submitted:,} orders: {totals.live:,} live",
            f"[green]{fates[Fate.FILLED]:,} filled[/]  {fates[Fate.PARTLY_FILLED]:,} partly  "
            f"{fates[Fate.UNFILLED]:,} unfilled  [red]{fates[Fate.FAILED]:,} failed[/]",
        )
        age = "-" if totals.age_p50_ns is None else f"{_ms(totals.age_p50_ns)} / {_ms(totals.age_p99_ns)}"
        grid.add_row(
            f"{totals.updates:,} looks, {conflated:.0%} conflated",
            f"age of quote when looked, 50% / 99%: {age}",
        )
        return Panel(grid, title="exo", box=box.ROUNDED, border_style="cyan")

    def _orders(self, replay: Replay) -> Table:
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", expand=True, pad_edge=False)
        for name in ("order", "delegate", "side", "symbol"):
            table.add_column(name, no_wrap=True)
        table.add_column("progress", ratio=1, min_width=8)
        table.add_column("state", no_wrap=True)
        for name in ("avg px", "vs arrival", "age", "ticks"):
            table.add_column(name, justify="right", no_wrap=True)
        live = (record for record in replay.ledger.records.values() if record.update is not None)
        for record in nlargest(self._rows, live, key=_looked_ns):
            table.add_row(*_row(record))
        for order_id, record in replay.ledger.records.items():
            if record.ended and order_id not in self._told:
                self._told.add(order_id)
                outcome = replay.dispatcher.outcome(order_id)
                if outcome is not None and outcome.end is End.FAILED:
                    self._failed.append(f"order {order_id} FAILED alone: {outcome.error}")
        return table

    def _foot(self) -> Text:
        return Text(
            "\n".join(self._failed[-2:]) or "no delegate has failed yet", style="red" if self._failed else "dim"
        )


class Lines:
    """A line now and then."""

    def __init__(self) -> None:
        self._next_ns = 0

    def __call__(self, replay: Replay) -> None:
        """Tell how it stands."""
        now_ns = replay.clock.now_ns()
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + _LINE_NS
        totals = replay.dispatcher.totals
        print(
            f"{utc(now_ns):%H:%M:%S} {replay.rows:,} of {replay.survey.ticks:,} ticks, {totals.submitted:,} orders, "
            f"{totals.live:,} live, {totals.failed:,} failed, {totals.conflated:,} ticks conflated",
            flush=True,
        )


@contextmanager
def screen() -> Iterator[Screen | Lines]:
    """A screen while the block runs, or lines."""
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines()
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        yield Screen(live, max(3, console.height - _OTHER_LINES))
    sys.stdout.flush()


def _fates(replay: Replay) -> dict[Fate, int]:
    fates = dict.fromkeys(Fate, 0)
    for order_id, record in replay.ledger.records.items():
        outcome = replay.dispatcher.outcome(order_id) if record.ended else None
        if outcome is None:
            continue
        if outcome.end is End.FAILED:
            fates[Fate.FAILED] += 1
        elif record.desk.finished and not record.desk.leaves_qty:
            fates[Fate.FILLED] += 1
        else:
            fates[Fate.PARTLY_FILLED if record.executions else Fate.UNFILLED] += 1
    return fates


def _row(record: Record) -> list[Any]:
    desk, update = record.desk, record.update
    order = desk.order
    assert update is not None
    state = "cancelling" if desk.cancelled else "at the venue" if desk.working else "waiting"
    age = "-" if update.age_s is None else f"{update.age_s * 1e3:.1f} ms"
    span = update.span
    against = "-"
    if record.arrival_px is not None and desk.cum_qty:
        bps = slippage_bps(order.side, desk.notional, desk.cum_qty, record.arrival_px, _ONE)
        against = "-" if bps is None else f"{bps:+.1f} bps"
    return [
        desk.order_id,
        record.delegate,
        Text(order.side.value, style="green" if order.side is Side.BUY else "magenta"),
        escape(order.symbol),
        ProgressBar(total=float(order.order_qty), completed=float(desk.cum_qty)),
        state,
        "-" if desk.avg_px is None else f"{desk.avg_px:.4f}",
        against,
        age,
        f"{0 if span is None else span.ticks}",
    ]


def _looked_ns(record: Record) -> int:
    return 0 if record.update is None else record.update.now_ns


def _played_s(replay: Replay) -> float:
    return max(1, sum(last - first for first, last in replay.survey.sessions)) / 1e9


def _ms(ns: int | None) -> str:
    return "-" if ns is None else f"{ns / 1e6:.1f} ms"
