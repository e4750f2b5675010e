"""Replays of recorded ticks by the command line: all orders accounted for, and the same bytes every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ORDERS = 1000
FILES = [
    "binance_spot_btcusdt_20240808",
    "binance_spot_ethusdt_20240809",
    "binance_usdm_btcusdt_20240808",
    "bitmex_20210722",
    "cme_es_mbp1_20240701",
    "coinbase_20210417",
]
REPLAYS = [[name] for name in FILES] + [FILES[:2]]


def start(files: list[Path], hash_seed: int, orders: int = ORDERS, delegate: str = "Sweep") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "exo.cli", "replay", *map(str, files), "--orders", str(orders), "--json"]
    command += ["--delegate", f"exo.delegates:{delegate}"]
    return subprocess.Popen(
        command,
        env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.timeout(300)  # where hundreds of orders wait for little that is displayed, each quote is asked for by all
@pytest.mark.parametrize("names", REPLAYS, ids="+".join)
def test_a_thousand_orders_are_accounted_for_and_the_bytes_are_the_same_again(shared, names):
    """Two processes with different hash seeds, side by side; the orders have what the venue filled."""
    files = [shared / "data" / "ticks" / f"{name}.shared.csv.gz" for name in names]
    with start(files, 1) as one, start(files, 4242) as other:
        (out, err), (again, _) = one.communicate(), other.communicate()
    assert (one.returncode, err) == (0, b"")
    assert out == again
    account = json.loads(out)
    orders = account["orders"]
    assert [order["orderID"] for order in orders] == [f"{number:04}" for number in range(1, ORDERS + 1)]
    assert sum(account["fates"].values()) == ORDERS
    assert account["fates"]["FAILED"] == account["fates"]["STOPPED"] == 0
    assert (account["fates"]["FILLED"] > 0) == (names != ["coinbase_20210417"])  # whose tickers have no sizes
    totals = account["totals"]
    assert (totals["submitted"], totals["ended"], totals["live"]) == (ORDERS, ORDERS, 0)
    assert totals["ticks"] == account["survey"]["ticks"]
    assert account["agrees"] is True
    for symbol, executed in account["venue"].items():
        assert sum_of(orders, symbol, "BUY", "cumQty") == Decimal(executed["boughtQty"])
        assert sum_of(orders, symbol, "BUY", "notional") == Decimal(executed["boughtNotional"])
        assert sum_of(orders, symbol, "SELL", "cumQty") == Decimal(executed["soldQty"])
        assert sum_of(orders, symbol, "SELL", "notional") == Decimal(executed["soldNotional"])
        assert sum(order["executions"] for order in orders if order["symbol"] == symbol) == executed["executions"]
    for order in orders:
        assert Decimal(order["cumQty"]) <= Decimal(order["orderQty"])
        assert (order["why"] == "") == (order["fate"] == "FILLED")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("delegate", ["Peg", "Twap", "Pov"])
@pytest.mark.parametrize("name", FILES)
def test_no_delegate_over_executes_and_each_says_why_it_has_not_finished(shared, name, delegate):
    """On every recorded file, by the venue's own account; the same bytes in another process."""
    files = [shared / "data" / "ticks" / f"{name}.shared.csv.gz"]
    with start(files, 1, 30, delegate) as one, start(files, 4242, 30, delegate) as other:
        (out, err), (again, _) = one.communicate(), other.communicate()
    assert (one.returncode, err) == (0, b"") and out == again
    account = json.loads(out)
    assert account["agrees"] is True and account["fates"]["FAILED"] == account["fates"]["STOPPED"] == 0
    assert sum(account["fates"].values()) == len(account["orders"]) == 30
    for order in account["orders"]:
        assert Decimal(order["cumQty"]) <= Decimal(order["orderQty"])
        assert (order["why"] == "") == (order["fate"] == "FILLED")


def sum_of(orders: list[dict[str, Any]], symbol: str, side: str, member: str) -> Decimal:
    return sum((Decimal(o[member]) for o in orders if (o["symbol"], o["side"]) == (symbol, side)), Decimal(0))


def test_every_recorded_row_is_played(shared):
    """As many as were counted when they were recorded."""
    recorded = json.loads((shared / "data" / "ticks" / "expected.shared.json").read_text())["files"]
    assert sorted(recorded) == sorted(f"{name}.shared.csv.gz" for name in FILES)
    for name in FILES[3:]:
        file = f"{name}.shared.csv.gz"
        with start([shared / "data" / "ticks" / file], 0, 10) as process:
            played = json.loads(process.communicate()[0])["survey"]
        symbols = recorded[file]["symbols"]
        assert played["ticks"] == sum(symbol["rows"] for symbol in symbols.values())
        assert played["quotes"] == {name: symbol["quotes"] for name, symbol in symbols.items()}
