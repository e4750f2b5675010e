"""Replay conflates as live does: what a busy delegate is handed is exactly what the file has between two looks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import exo
from exo.delegates import SweepOrder
from exo.mkt import TimeInForce
from exo.replay import Account, Plan, Script, TickFile, delay, replay

Looks = list[exo.Update[Any]]


@pytest.fixture(scope="module")
def file(shared) -> Path:
    path: Path = shared / "data" / "ticks" / "binance_spot_btcusdt_20240808.shared.csv.gz"
    return path


@pytest.fixture(scope="module")
def rows(file) -> list[exo.Quote | exo.Trade]:
    return list(TickFile(file))


class Looker:
    """Keeps what it is handed, and does nothing."""

    def __init__(self, looks: Looks) -> None:
        self.looks = looks

    def act(self, update: exo.Update[SweepOrder]) -> exo.Next:
        """Look."""
        self.looks.append(update)
        return None

    def clean_up(self) -> None:
        """Nothing is held."""


class Stop:
    """Sells at the market once the bid was at or below its stop: at any time since it last looked, or when it looks."""

    def __init__(self, desk: exo.Desk[SweepOrder], stop_px: Decimal, spans: bool) -> None:
        self.desk = desk
        self.stop_px = stop_px
        self.spans = spans

    def act(self, update: exo.Update[SweepOrder]) -> exo.Next:
        """Look, and send once."""
        if self.desk.finished:
            return exo.DONE
        lowest = None if update.quote is None else update.quote.bid_px
        if self.spans and update.span is not None:
            lowest = update.span.bid_low
        if lowest is not None and lowest <= self.stop_px and self.desk.working is None:
            self.desk.work(price=None, time_in_force=TimeInForce.IOC)
        return None

    def clean_up(self) -> None:
        """Nothing is held."""


def one_order(
    tmp_path: Path, ticks: Iterable[Any], factory: Callable[[Any], Any], qty: str = "0.001", **options: Any
) -> Account:
    """Replay with an order to sell from the first tick on, and a delegate that is busy for 50 ms."""
    orders = tmp_path / "orders.json"
    orders.write_text(json.dumps({"side": "SELL", "symbol": "BTCUSDT", "orderQty": qty}))
    return replay(ticks, Plan(orders=Script(orders, SweepOrder), factory=factory, act_time=delay("50ms"), **options))


@pytest.fixture(scope="module")
def looks(tmp_path_factory, rows) -> Looks:
    found: Looks = []
    one_order(tmp_path_factory.mktemp("looks"), rows, lambda _: Looker(found))
    return found


def test_what_a_busy_delegate_is_handed_is_what_the_file_has_between_two_looks(rows, looks):
    """Number, range of both sides, trades and volume of each span; no row is missing, and none comes twice."""
    at = 0
    conflated = 0
    for before, look in zip([None, *looks], looks, strict=False):
        span = look.span
        if span is None:
            continue
        part = rows[at : at + span.ticks]
        at += span.ticks
        quotes = [row for row in part if isinstance(row, exo.Quote)]
        trades = [row for row in part if isinstance(row, exo.Trade)]
        assert (span.quotes, span.trades) == (len(quotes), len(trades))
        if quotes:
            bids, asks = [row.bid_px for row in quotes], [row.ask_px for row in quotes]
            assert (span.bid_low, span.bid_high) == (min(bids), max(bids))
            assert (span.ask_low, span.ask_high) == (min(asks), max(asks))
            assert look.quote == quotes[-1]
        if trades:
            assert look.trade is not None
            prices = [row.last_px for row in trades]
            assert (look.trade.low_px, look.trade.high_px) == (min(prices), max(prices))
            assert look.trade.volume == sum(row.last_qty for row in trades)
        assert part[-1].received_ns is not None and part[-1].received_ns <= look.now_ns
        if before is not None:
            assert part[0].received_ns is not None and part[0].received_ns >= before.now_ns
            assert look.now_ns - before.now_ns >= 50_000_000 or not conflated
        conflated += span.ticks - 1
    assert at == len(rows)
    assert conflated > len(rows) // 2


def test_the_delegate_looks_again_when_it_has_been_busy_for_fifty_milliseconds(looks):
    """Never sooner, and at once if anything came meanwhile."""
    waits = [later.now_ns - look.now_ns for look, later in pairwise(looks)]
    assert min(waits) == 50_000_000
    for look, later in pairwise(looks):
        if later.now_ns - look.now_ns > 50_000_000 and later.span is not None and later.span.ticks == 1:
            tick = later.span.first_received_ns or later.now_ns
            assert tick == later.now_ns, "it waited for this tick, and not beside it"


def came_back(looks: Looks) -> tuple[exo.Update[Any], Decimal]:
    """The first look whose span was below all that any look has ended with so far, this one too; and how far."""
    lowest: Decimal | None = None
    for look in looks:
        if look.span is None or look.quote is None or look.quote.bid_px is None or look.span.bid_low is None:
            continue
        if lowest is not None and look.span.bid_low < min(lowest, look.quote.bid_px):
            return look, look.span.bid_low
        lowest = look.quote.bid_px if lowest is None else min(lowest, look.quote.bid_px)
    raise AssertionError("the market never came back between two looks")


def test_a_stop_on_the_span_triggers_though_the_last_price_came_back(tmp_path, rows, looks):
    """One on the quotes it is shown would not have known."""
    look, stop_px = came_back(looks)
    until = next(n for n, row in enumerate(rows) if (row.received_ns or 0) > look.now_ns + 80_000_000)
    sure = one_order(tmp_path, rows[:until], lambda desk: Stop(desk, stop_px, spans=True)).lines[0]
    late = one_order(tmp_path, rows[:until], lambda desk: Stop(desk, stop_px, spans=False)).lines[0]
    [decision] = sure.decisions
    assert (decision.looked_ns, decision.sent_ns) == (look.now_ns, look.now_ns + 50_000_000)
    assert decision.bid_px is not None and decision.seen is not None
    assert decision.seen.bid_low == stop_px < decision.bid_px
    assert decision.seen.quotes > 1
    assert (sure.requests, late.requests) == (1, 0)


def test_the_report_shows_the_conflation_of_every_decision(file, rows, tmp_path):
    """By the command line, as JSON and as a page: the range of each span is that of the file's rows."""
    report = tmp_path / "report.html"
    command = [sys.executable, "-m", "exo.cli", "replay", str(file), "--act-time", "50ms", "--orders", "20", "--json"]
    done = subprocess.run([*command, "--report", str(report)], capture_output=True, check=True)
    account = json.loads(done.stdout)
    totals = account["totals"]
    assert totals["conflated"] > totals["updates"]
    assert totals["updates"] + totals["conflated"] <= totals["ticks"] * 20
    shown = 0
    for order in account["orders"]:
        for decision in order["decisions"]:
            seen = decision["seen"]
            if seen is None or seen["quotes"] < 2:
                continue
            part = [row for row in rows if seen["firstNs"] <= (row.received_ns or 0) <= seen["lastNs"]]
            if len(part) != seen["quotes"] + seen["trades"]:
                continue  # other ticks have the very time of its first or last
            quotes = [row for row in part if isinstance(row, exo.Quote)]
            for member, px in {
                "bidLow": min(row.bid_px or 0 for row in quotes),
                "bidHigh": max(row.bid_px or 0 for row in quotes),
                "askLow": min(row.ask_px or 0 for row in quotes),
                "askHigh": max(row.ask_px or 0 for row in quotes),
            }.items():
                assert Decimal(seen[member]) == px, member
            shown += 1
    assert shown >= 10
    assert f"<b>{totals['conflated']}</b>" in report.read_text()


def test_without_it_nothing_conflates(tmp_path, rows):
    """A delegate that takes no time sees every tick."""
    looks: Looks = []
    orders = tmp_path / "orders.json"
    orders.write_text(json.dumps({"side": "BUY", "symbol": "BTCUSDT", "orderQty": "0.001"}))
    plan = Plan(orders=Script(orders, SweepOrder), factory=lambda _: Looker(looks))
    account = replay(rows[:2000], plan)
    assert account.totals.conflated == sum(look.span.ticks - 1 for look in looks if look.span is not None)
    assert {look.now_ns for look in looks if look.span} == {row.received_ns for row in rows[:2000]}
