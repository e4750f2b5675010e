"""Screen: a session as it runs, on a terminal; and as plain lines where there is none."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from heapq import nlargest
from typing import Any, Final

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from exo.cli.session import Session
from exo.flow.clock import current_clock, utc
from exo.mkt import Side
from exo.replay import Fate
from exo.replay.figures import slippage_bps
from exo.replay.ledger import Record
from exo.replay.lines import fate_of
from exo.run import End

_OTHER_LINES: Final = 12  # of the screen, besides the orders
_WIDE: Final = 100
_LINE_NS: Final = 5_000_000_000
_PACE_NS: Final = 600_000_000
_BURST: Final = 2.5  # times what it was until then
_ONE: Final = Decimal(1)


class Screen:
    """What is going on: the market, the orders, and those that moved last."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._pace = Pace()

    async def __call__(self, session: Session) -> None:
        """Show how it stands; it is drawn in a thread, for that takes longer than a tick should wait."""
        view = self._view(session)
        await asyncio.to_thread(self._live.update, view, refresh=True)

    def _view(self, session: Session) -> Group:
        fates: Counter[Fate] = Counter()
        failed: list[str] = []
        for order_id, record in session.ledger.records.items():
            outcome = session.dispatcher.outcome(order_id) if record.ended else None
            if outcome is not None:
                fates[fate_of(outcome.end, outcome.cum_qty, getattr(outcome.order, "order_qty", _ONE))] += 1
                if outcome.end is End.FAILED:
                    failed.append(f"order {order_id} FAILED alone: {outcome.error}")
        rows = max(3, self._live.console.height - _OTHER_LINES)
        wide = self._live.console.width >= _WIDE
        return Group(self._head(session, fates), _orders(session, rows, wide), _foot(session, failed))

    def _head(self, session: Session, fates: Counter[Fate]) -> Panel:
        totals, witness = session.dispatcher.totals, session.witness
        looked = totals.updates + totals.conflated
        conflated = totals.conflated / looked if looked else 0.0
        rate, bursting = self._pace.of(session)
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True, min_width=28)
        grid.add_column(no_wrap=True, ratio=1)
        passed_s = min(max(0.0, session.now_s), session.seconds)
        grid.add_row(
            "[bold]connecting[/]" if session.began_ns is None else f"[bold]{passed_s:.1f} s[/] of {session.seconds:g}",
            ProgressBar(total=session.seconds, completed=passed_s),
        )
        stale, lost = len(witness.stale), witness.feed.counts["lost"]
        grid.add_row(
            f"{rate:,.0f} messages/s, {'[bold red]burst[/]' if bursting else 'calm'}",
            f"{witness.ticks:,} ticks, {len(witness.statuses) - stale:,} symbols live"
            f"{f', [bold red]{stale:,} not[/]' if stale else ''}, {lost:,} loss{'es'[: 2 * (lost != 1)]}",
        )
        grid.add_row(
            f"{totals.submitted:,} orders: {totals.live:,} live",
            f"[green]{fates[Fate.FILLED]:,} filled[/]  {fates[Fate.PARTLY_FILLED]:,} partly  "
            f"{fates[Fate.UNFILLED]:,} unfilled  [red]{fates[Fate.FAILED]:,} failed[/]",
        )
        p50_ns, p99_ns = totals.age_p50_ns, totals.age_p99_ns
        age = "-" if p50_ns is None or p99_ns is None else f"50% {p50_ns / 1e6:.1f}, 99% {p99_ns / 1e6:.1f} ms"
        grid.add_row(
            f"{totals.updates:,} looks, {conflated:.0%} conflated",
            f"quote's age at looks: {age}",
        )
        return Panel(grid, title=f"exo on paper at {session.place.name}", box=box.ROUNDED, border_style="cyan")


class Lines:
    """A line now and then."""

    def __init__(self) -> None:
        self._next_ns = 0
        self._pace = Pace()

    async def __call__(self, session: Session) -> None:
        """Tell how it stands."""
        rate, bursting = self._pace.of(session)
        now_ns = current_clock().now_ns()
        if session.began_ns is None or now_ns < self._next_ns:
            return
        self._next_ns = now_ns + _LINE_NS
        totals, stale = session.dispatcher.totals, len(session.witness.stale)
        print(
            f"{utc(now_ns):%H:%M:%S} {session.place.name}: {session.witness.ticks:,} ticks, {rate:,.0f}/s"
            f"{' in a burst' if bursting else ''}, {totals.submitted:,} orders, {totals.live:,} live, "
            f"{totals.failed:,} failed, {totals.conflated:,} ticks conflated{f', {stale:,} stale' if stale else ''}",
            flush=True,
        )


class Pace:
    """How many messages a second there are."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque()
        self._first: tuple[int, int] | None = None

    def of(self, session: Session) -> tuple[float, bool]:
        """Lately, and whether that is a burst: far more than on average."""
        now = current_clock().now_ns(), session.witness.ticks
        self._first = self._first or now
        self._seen.append(now)
        while len(self._seen) > 2 and self._seen[1][0] <= now[0] - _PACE_NS:
            self._seen.popleft()
        rate = _rate(self._seen[0], now)
        return rate, rate > _BURST * _rate(self._first, now)


@contextmanager
def screen() -> Iterator[Screen | Lines]:
    """A screen while the block runs, or lines."""
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines()
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        yield Screen(live)
    sys.stdout.flush()


def _orders(session: Session, rows: int, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", expand=True, padding=(0, 1, 0, 0))
    for name in ("order", "delegate", "side", "symbol"):
        table.add_column(name, no_wrap=True)
    table.add_column("progress", ratio=1, min_width=8)
    if wide:
        table.add_column("state", no_wrap=True)
    for name in ("avg px", "vs arrival", "age", "ticks"):
        table.add_column(name, justify="right", no_wrap=True)
    live = (record for record in session.ledger.records.values() if record.update is not None)
    for record in nlargest(rows, live, key=_looked_ns):
        table.add_row(*_row(record, wide))
    return table


def _foot(session: Session, failed: list[str]) -> Text:
    stale = [f"{status.symbol} is {status.state.value}: {status.text}" for status in session.witness.stale[:1]]
    wrong = ([] if session.began_ns is None else stale) + failed[-1:]
    return Text(
        "\n".join(wrong) or "no delegate has failed yet",
        style="red" if wrong else "dim",
        no_wrap=True,
        overflow="ellipsis",
    )


def _row(record: Record, wide: bool) -> list[Any]:
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
        escape(order.symbol.rpartition(".")[0]),
        ProgressBar(total=float(order.order_qty), completed=float(desk.cum_qty)),
        *([state] if wide else []),
        "-" if desk.avg_px is None else f"{desk.avg_px:.7g}",
        against,
        age,
        f"{0 if span is None else span.ticks}",
    ]


def _looked_ns(record: Record) -> int:
    return 0 if record.update is None else record.update.now_ns


def _rate(then: tuple[int, int], now: tuple[int, int]) -> float:
    return (now[1] - then[1]) / max(1, now[0] - then[0]) * 1e9
