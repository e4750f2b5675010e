"""Summary: an account as a person reads it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exo.flow.delays import Delay
from exo.mkt.exact import divide
from exo.replay import Account, Fate, Line
from exo.replay.figures import plain

_READABLE: Final = Context(prec=7)
_UNITS: Final = (("s", 1e9), ("ms", 1e6), ("µs", 1e3))
_TOLD: Final = 5


def show(account: Account, json: bool = False) -> None:
    """Write an account to stdout: as tables, or as canonical JSON."""
    if json:
        sys.stdout.buffer.write(account.to_json())
        return
    console = Console(highlight=False)
    console.print(_by_symbol(account), _counts(account), sep="\n")
    for sentence in _remarks(account):
        console.print(sentence, soft_wrap=True, markup=False)


def _by_symbol(account: Account) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("symbol", no_wrap=True)
    for name in ("orders", "fills", "bought", "avg px", "sold", "avg px", "fees"):
        table.add_column(name, justify="right", overflow="fold")
    orders = Counter(line.symbol for line in account.lines)
    for symbol, sums in account.symbols.items():
        table.add_row(
            escape(symbol),
            f"{orders[symbol]:,}",
            f"{sums.executions:,}",
            _readable(sums.bought_qty),
            _avg_px(sums.bought_notional, sums.bought_qty),
            _readable(sums.sold_qty),
            _avg_px(sums.sold_notional, sums.sold_qty),
            _readable(sums.fees),
        )
    return table


def _counts(account: Account) -> Table:
    totals, survey, settings = account.totals, account.survey, account.settings
    fates = [
        f"{count:,} {fate.value.lower().replace('_', ' ')}"
        for fate, count in account.fates.items()
        if count or fate is not Fate.STOPPED
    ]
    played_s = sum(last - first for first, last in survey.sessions) / 1e9
    sessions = "" if len(survey.sessions) == 1 else f", {len(survey.sessions)} sessions"
    table = Table.grid(padding=(0, 2))
    if settings.live:
        table.add_row("market", escape(", ".join(settings.files)))
    table.add_row("delegate", escape(settings.delegate))
    late = "" if settings.live else f", ticks {Delay(*settings.feed_latency_ns)} late"
    table.add_row("set", f"busy {Delay(*settings.act_time_ns)} a decision{late}, seed {settings.seed}")
    table.add_row("orders", f"{len(account.lines):,}: {', '.join(fates)}")
    venue = sum(sums.executions for sums in account.venue.values())
    agree = "as the venue has it" if account.agrees else f"BUT THE VENUE HAS {venue:,} AND DOES NOT AGREE"
    table.add_row("fills", f"{sum(line.executions for line in account.lines):,} on paper, {agree}")
    for name, pick in (("arrival", _arrival), ("vwap", _vwap)):
        table.add_row(f"against {name}", _slippage(account, pick))
    speed = "" if account.rows_s is None else f", {account.rows_s:,.0f} a second"
    time = "real" if settings.live else "virtual"
    table.add_row("ticks", f"{survey.ticks:,} in {played_s:,.3f} s of {time} time{sessions}{speed}")
    table.add_row("updates", f"{totals.updates:,} to delegates, in {totals.turns:,} turns")
    table.add_row("conflated", f"{totals.conflated:,} ticks, folded into later ones before a delegate looked")
    table.add_row(
        "quote age",
        f"median {_duration(totals.age_p50_ns)}, 99% {_duration(totals.age_p99_ns)}, "
        f"most {_duration(totals.age_max_ns)}",
    )
    return table


def _remarks(account: Account) -> Iterator[str]:
    """What went wrong, the first of each kind in full, and why orders were not filled."""
    for fate in (Fate.FAILED, Fate.STOPPED):
        lines = [line for line in account.lines if line.fate is fate]
        for line in lines[:_TOLD]:
            yield f"\norder {line.order_id} {fate.value.lower()}: {line.error or line.why}"
        if len(lines) > _TOLD:
            yield f"... and {len(lines) - _TOLD:,} more {fate.value.lower()}"
    for refused in account.refused[:_TOLD]:
        yield f"\nrefused: {refused}"
    if len(account.refused) > _TOLD:
        yield f"... and {len(account.refused) - _TOLD:,} more refused"


def _arrival(line: Line) -> Decimal | None:
    return line.slippage_arrival_bps


def _vwap(line: Line) -> Decimal | None:
    return line.slippage_vwap_bps


def _slippage(account: Account, pick: Callable[[Line], Decimal | None]) -> str:
    costs = sorted(cost for line in account.lines if (cost := pick(line)) is not None)
    if not costs:
        return "nothing to compare"
    middle = costs[len(costs) // 2]
    return f"median {plain(middle)} bps, from {plain(costs[0])} to {plain(costs[-1])}, of {len(costs):,} orders"


def _readable(number: Decimal) -> str:
    return plain(_READABLE.plus(number))


def _avg_px(notional: Decimal, qty: Decimal) -> str:
    return _readable(divide(notional, qty)) if qty else "-"


def _duration(ns: int | None) -> str:
    if ns is None:
        return "unknown"
    for unit, size in _UNITS:
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns} ns"
