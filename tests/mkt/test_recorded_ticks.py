"""Recorded market days: sums and conflation equal to what fractions gave."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from decimal import Decimal, Inexact, localcontext
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exo.flow import ConflatingQueue
from exo.mkt import Quote, Span, Trade, cum_qty_avg_px, fold, span_of
from exo.mkt.exact import rounded

FILES = [
    "binance_spot_btcusdt_20240808",
    "binance_spot_ethusdt_20240809",
    "binance_usdm_btcusdt_20240808",
    "bitmex_20210722",
    "cme_es_mbp1_20240701",
    "coinbase_20210417",
]
Tick = Quote | Trade


class Day(NamedTuple):
    """A file's ticks in order, and what is expected of them."""

    ticks: list[Tick]
    symbols: dict[str, dict[str, Any]]
    conflation: dict[str, dict[str, Any]]


@pytest.fixture(scope="module", params=FILES)
def day(request: pytest.FixtureRequest, shared: Path) -> Day:
    """One recorded file, read by hand."""
    folder = shared / "data" / "ticks"
    expected = json.loads((folder / "expected.shared.json").read_text())["files"]
    assert sorted(expected) == [f"{name}.shared.csv.gz" for name in FILES]
    name = f"{request.param}.shared.csv.gz"
    with gzip.open(folder / name, "rt", newline="") as file:
        ticks = [tick_of(row) for row in csv.reader(file) if row[0] != "ts_ns"]
    return Day(ticks, expected[name]["symbols"], expected[name]["conflation"])


def tick_of(row: list[str]) -> Tick:
    """A quote or a trade; what the row leaves out is None."""
    ns, symbol, kind, *numbers = row
    bid_px, bid_size, ask_px, ask_size, last_px, last_qty = (Decimal(text) if text else None for text in numbers)
    if kind == "quote":
        return Quote(symbol, bid_px, bid_size, ask_px, ask_size, int(ns))
    assert kind == "trade"
    assert last_px is not None
    assert last_qty is not None
    return Trade(symbol, last_px, last_qty, None, int(ns))


def plain(number: Decimal | None) -> str:
    """In plain form without trailing zeros."""
    text = "" if number is None else f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def test_c02_the_sums_of_a_recorded_day_are_exact(day: Day) -> None:
    """Per symbol: counts, quantity, notional, average, range, spreads and mids, to the last digit."""
    assert {tick.symbol for tick in day.ticks} == set(day.symbols)
    for symbol, expected in day.symbols.items():
        ticks = [tick for tick in day.ticks if tick.symbol == symbol]
        shown = [tick for tick in ticks if isinstance(tick, Quote)]
        span = fold_in_chunks(ticks, len(ticks))
        trade = span.trade
        assert trade is not None
        with localcontext(prec=100, traps=[Inexact]):
            spreads, mids = sum(q.spread for q in shown), sum(q.mid for q in shown)
        changes = sum(four(a) != four(b) for a, b in pairwise(shown)) + 1
        found = {
            "rows": span.ticks,
            "quotes": span.quotes,
            "trades": span.trades,
            "sum_last_qty": plain(trade.volume),
            "sum_notional": plain(trade.notional),
            "vwap_8dp_half_up": plain(rounded(trade.avg_px, 8)),
            "last_quote": [plain(number) for number in four(shown[-1])],
            "min_bid": plain(span.bid_low),
            "max_ask": plain(span.ask_high),
            "crossed_quotes": sum(q.crossed for q in shown),
            "sum_spread": plain(Decimal(spreads)),
            "sum_mid_x2": plain(Decimal(mids * 2)),
            "distinct_consecutive_quotes": changes,
            "last_trade": [plain(trade.last_qty), plain(trade.last_px)],
        }
        assert found == expected, symbol
        assert fold_in_chunks(ticks, 1000) == span
        assert (span.first_received_ns, span.last_received_ns) == (shown[0].received_ns, shown[-1].received_ns)


def four(quote: Quote) -> tuple[Decimal | None, ...]:
    """Prices and sizes of both sides."""
    return quote.bid_px, quote.bid_size, quote.ask_px, quote.ask_size


def fold_in_chunks(ticks: list[Tick], size: int) -> Span:
    """The ticks of each chunk one by one, then the chunks."""
    chunks = []
    for start in range(0, len(ticks), size):
        span = span_of(ticks[start])
        for tick in ticks[start + 1 : start + size]:
            span = fold(span, tick)
        chunks.append(span)
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = fold(whole, chunk)
    return whole


class Ticker(NamedTuple):
    """What waits in the queue: the latest quote, the latest trade, volume and average."""

    symbol: str
    quote: Quote | None
    trade: Trade | None
    volume: Decimal | None
    avg_px: Decimal | None


def ticker_of(tick: Tick) -> Ticker:
    """A lone tick; volume and average of a lone trade are its own."""
    if isinstance(tick, Quote):
        return Ticker(tick.symbol, tick, None, None, None)
    return Ticker(tick.symbol, None, tick, tick.last_qty, tick.last_px)


def conflate(waiting: Ticker, new: Ticker) -> Ticker:
    """Quotes substitute, trades aggregate: the average step by step at 8 places."""
    if new.trade is None:
        return waiting._replace(quote=new.quote)
    if waiting.volume is None or waiting.avg_px is None:
        return new._replace(quote=waiting.quote)
    volume, avg_px = cum_qty_avg_px(waiting.volume, waiting.avg_px, new.trade.last_qty, new.trade.last_px, 8)
    return Ticker(new.symbol, waiting.quote, new.trade, volume, avg_px)


def line(ticker: Ticker) -> str:
    """As the expected hashes have it."""
    quote, trade = ticker.quote, ticker.trade
    numbers: list[Decimal | None] = [*(four(quote) if quote else [None] * 4)]
    numbers += [trade.last_qty, trade.last_px] if trade else [None, None]
    return "|".join([ticker.symbol, *map(plain, [*numbers, ticker.volume, ticker.avg_px])])


@pytest.mark.parametrize("every", [1, 7, 100, 5000])
def test_c02_a_conflating_queue_gives_the_recorded_sequence(day: Day, every: int) -> None:
    """Everything is popped after so many rows: each line, and the hash over all of them, is as expected."""
    queue: ConflatingQueue[str, Ticker] = ConflatingQueue(key=lambda t: t.symbol, conflate=conflate)
    lines: list[str] = []
    for count, tick in enumerate(day.ticks, 1):
        queue.push(ticker_of(tick))
        if count % every == 0:
            waiting = len(queue)
            before = len(lines)
            while ticker := queue.pop():
                lines.append(line(ticker))
            assert len(lines) - before == waiting
    lines += [line(ticker) for ticker in queue.drain()]
    assert len(queue) == 0
    expected = day.conflation[f"every_{every}_rows"]
    assert (lines[:3], lines[-2:]) == (expected["first3"], expected["last2"])
    assert len(lines) == expected["pops"]
    assert hashlib.sha256("".join(f"{each}\n" for each in lines).encode()).hexdigest() == expected["sha256"]
