"""Replays of recorded files, checked against a plain reading of the same file that shares no code with them."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

FILES = ["binance_spot_btcusdt_20240808", "bitmex_20210722", "cme_es_mbp1_20240701"]
OPTIONS: list[list[str]] = [[], ["--act-time", "1ms-30ms", "--feed-latency", "2ms", "--taker-bps", "3.5"]]
BPS = Decimal(10_000)


class Market:
    """The rows of a file, by symbol and in order; what was displayed when, and what traded between."""

    def __init__(self, path: Path) -> None:
        self.quotes: dict[str, list[tuple[int, dict[str, str]]]] = defaultdict(list)
        self.trades: dict[str, list[tuple[int, Decimal, Decimal]]] = defaultdict(list)
        with gzip.open(path, "rt") as file:
            for row in csv.DictReader(file):
                at = int(row["ts_ns"])
                if row["type"] == "quote":
                    self.quotes[row["symbol"]].append((at, row))
                else:
                    self.trades[row["symbol"]].append((at, Decimal(row["last_px"]), Decimal(row["last_qty"])))

    def displayed(self, symbol: str, side: str) -> dict[tuple[int, Decimal], Decimal]:
        """By the time and price of each touch of that side: its size; what follows with the same is the same touch."""
        found: dict[tuple[int, Decimal], Decimal] = {}
        before = None
        for at, row in self.quotes[symbol]:
            if (touch := (row[f"{side}_px"], row[f"{side}_size"])) != before and all(touch):
                found[at, Decimal(touch[0])] = found.get((at, Decimal(touch[0])), Decimal(0)) + Decimal(touch[1])
            before = touch
        return found

    def arrivals(self, symbol: str, at: int) -> set[Decimal]:
        """The middles that an order submitted then may have met: the last one before, or any of that very time."""
        rows = [row for when, row in self.quotes[symbol] if when == at]
        rows += [row for when, row in self.quotes[symbol] if when < at][-1:]
        return {
            (Decimal(row["bid_px"]) + Decimal(row["ask_px"])) / 2 for row in rows if row["bid_px"] and row["ask_px"]
        }


def rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


@pytest.mark.parametrize("options", OPTIONS, ids=["at once", "busy and late"])
@pytest.mark.parametrize("name", FILES)
def test_every_figure_is_what_a_plain_reading_of_the_file_gives(shared, name, options):
    """Fills at what was displayed and never more of it, and all that is worked out from them."""
    path = shared / "data" / "ticks" / f"{name}.shared.csv.gz"
    command = [sys.executable, "-m", "exo.cli", "replay", str(path), "--orders", "60", "--json", *options]
    orders = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["orders"]
    market = Market(path)
    bps = Decimal("3.5") if options else Decimal(0)
    with localcontext(prec=60):
        for order in orders:
            assert order["executions"] == len(order["fills"]) < 100
            check_sums(order, bps)
            check_benchmarks(order, market)
        check_displayed(orders, market)


def check_sums(order: dict[str, Any], bps: Decimal) -> None:
    fills = [(Decimal(fill["qty"]), Decimal(fill["px"]), Decimal(fill["fee"])) for fill in order["fills"]]
    qty, notional = sum(q for q, _, _ in fills), sum(q * px for q, px, _ in fills)
    assert (Decimal(order["cumQty"]), Decimal(order["notional"])) == (qty, notional)
    assert qty <= Decimal(order["orderQty"])
    assert Decimal(order["fees"]) == sum(fee for _, _, fee in fills) == notional * bps / BPS
    assert (order["avgPx"] is None) == (not fills)
    assert (order["fate"] == "FILLED") == (qty == Decimal(order["orderQty"]))
    if fills:
        assert Decimal(order["avgPx"]) == rounded(Decimal(notional) / qty, 10)
    for fill in order["fills"]:
        assert order["submittedNs"] <= fill["atNs"] <= order["endedNs"]
        limit = order["price"]
        if limit is not None:
            worse = Decimal(fill["px"]) - Decimal(limit)
            assert (worse if order["side"] == "BUY" else -worse) <= 0


def check_benchmarks(order: dict[str, Any], market: Market) -> None:
    symbol, begun, ended = order["symbol"], order["submittedNs"], order["endedNs"]
    sign = 1 if order["side"] == "BUY" else -1
    qty, notional = Decimal(order["cumQty"]), Decimal(order["notional"])
    if order["arrivalPx"] is not None:
        arrival = Decimal(order["arrivalPx"])
        assert arrival in market.arrivals(symbol, begun)
        if qty and arrival > 0:
            slippage = sign * (notional / qty - arrival) / arrival * BPS
            assert Decimal(order["slippageArrivalBps"]) == rounded(slippage, 4)
    trades = [trade for trade in market.trades[symbol] if begun < trade[0] < ended]
    sure = sum((q for _, _, q in trades), Decimal(0))
    most = sum((q for at, _, q in market.trades[symbol] if begun <= at <= ended), Decimal(0))
    volume = Decimal(order["marketVolume"])
    assert sure <= volume <= most
    if sure == most and sure:
        vwap = sum(px * q for _, px, q in trades) / sure
        assert Decimal(order["vwap"]) == rounded(vwap, 10)
        assert Decimal(order["participation"]) == rounded(qty / sure, 6)
        if qty:
            assert Decimal(order["slippageVwapBps"]) == rounded(sign * (notional / qty - vwap) / vwap * BPS, 4)


def check_displayed(orders: list[dict[str, Any]], market: Market) -> None:
    """Of each touch no more is given, to all orders together, than it displayed; and nothing anywhere else."""
    for symbol in market.quotes:
        for buyer, side in (("BUY", "ask"), ("SELL", "bid")):
            touches = market.displayed(symbol, side)
            fills = [
                fill
                for order in orders
                if (order["symbol"], order["side"]) == (symbol, buyer)
                for fill in order["fills"]
            ]
            taken: dict[tuple[int, Decimal], Decimal] = defaultdict(Decimal)
            for fill in fills:
                px = Decimal(fill["px"])
                at = max(when for when, _ in touches if when <= fill["atNs"])
                assert (at, px) in touches, f"{px} was not displayed at {fill['atNs']}"
                taken[at, px] += Decimal(fill["qty"])
            assert all(qty <= touches[touch] for touch, qty in taken.items())
