"""Summary: an account as a person reads it."""

from __future__ import annotations

import sys
from decimal import Context, Decimal
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exo.mkt.exact import divide
from exo.replay import Account, Fate
from exo.replay.account import plain

_READABLE: Final = Context(prec=9)
_UNITS: Final = (("s", 1e9), ("ms", 1e6), ("µs", 1e3))


def show(account: Account, json: bool = False) -> None:
    """Write an account to stdout: as tables, or as canonical JSON."""
    if json:
        sys.stdout.buffer.write(account.to_json())
        return
    console = Console(highlight=False)
    console.print(_by_symbol(account), _counts(account), sep="\n")
    for line in account.lines:
        if line.fate is Fate.FAILED:
            console.print(f"\norder {line.order_id} failed: {escape(line.error)}", soft_wrap=True)


def _by_symbol(account: Account) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    table.add_column("symbol")
    for name in ("orders", "fills", "bought", "avg px", "sold", "avg px"):
        table.add_column(name, justify="right", overflow="fold")
    for symbol, sums in account.symbols.items():
        table.add_row(
            escape(symbol),
            f"{sums.orders:,}",
            f"{sums.fills:,}",
            plain(sums.bought_qty),
            _avg_px(sums.bought_notional, sums.bought_qty),
            plain(sums.sold_qty),
            _avg_px(sums.sold_notional, sums.sold_qty),
        )
    return table


def _counts(account: Account) -> Table:
    totals, survey = account.totals, account.survey
    fates = [
        f"{count:,} {fate.value.lower().replace('_', ' ')}"
        for fate, count in account.fates.items()
        if count or fate is not Fate.STOPPED
    ]
    table = Table.grid(padding=(0, 2))
    table.add_row("orders", f"{len(account.lines):,}: {', '.join(fates)}")
    table.add_row("fills", f"{sum(line.fills for line in account.lines):,}, on paper")
    table.add_row("ticks", f"{survey.ticks:,} in {(survey.last_ns - survey.first_ns) / 1e9:,.3f} s of virtual time")
    table.add_row("updates", f"{totals.updates:,} to delegates, in {totals.turns:,} turns")
    table.add_row("conflated", f"{totals.conflated:,} ticks, folded into later ones before a delegate looked")
    table.add_row(
        "quote age",
        f"median {_duration(totals.age_p50_ns)}, 99% {_duration(totals.age_p99_ns)}, "
        f"most {_duration(totals.age_max_ns)}",
    )
    return table


def _avg_px(notional: Decimal, qty: Decimal) -> str:
    return plain(_READABLE.plus(divide(notional, qty))) if qty else "-"


def _duration(ns: int | None) -> str:
    if ns is None:
        return "unknown"
    for unit, size in _UNITS:
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns} ns"
