"""Replays of recorded ticks by the command line: all orders accounted for, and the same bytes every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

ORDERS = 500
FILES = [
    "binance_spot_btcusdt_20240808",
    "binance_spot_ethusdt_20240809",
    "binance_usdm_btcusdt_20240808",
    "bitmex_20210722",
    "cme_es_mbp1_20240701",
    "coinbase_20210417",
]


def start(file: Path, hash_seed: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "exo.cli", "replay", str(file), "--orders", str(ORDERS), "--json"]
    return subprocess.Popen(
        command,
        env=os.environ | {"PYTHONHASHSEED": str(hash_seed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("name", FILES)
def test_five_hundred_orders_are_accounted_for_and_the_bytes_are_the_same_again(shared, name):
    """Two processes with different hash seeds, side by side."""
    file = shared / "data" / "ticks" / f"{name}.shared.csv.gz"
    with start(file, 1) as one, start(file, 4242) as other:
        (out, err), (again, _) = one.communicate(), other.communicate()
    assert (one.returncode, err) == (0, b"")
    assert out == again
    account = json.loads(out)
    assert len({order["orderID"] for order in account["orders"]}) == ORDERS
    assert sum(account["fates"].values()) == ORDERS
    assert account["fates"]["FAILED"] == account["fates"]["STOPPED"] == 0
    totals = account["totals"]
    assert (totals["submitted"], totals["ended"], totals["live"]) == (ORDERS, ORDERS, 0)
    assert totals["ticks"] == account["survey"]["ticks"]
    for symbol, sums in account["symbols"].items():
        orders = [order for order in account["orders"] if order["symbol"] == symbol]
        bought = sum(Decimal(order["notional"]) for order in orders if order["side"] == "BUY")
        assert Decimal(sums["boughtNotional"]) == bought
        assert sum(order["fills"] for order in orders) == sums["fills"]


def test_every_recorded_row_is_played(shared):
    """As many as were counted when they were recorded."""
    recorded = json.loads((shared / "data" / "ticks" / "expected.shared.json").read_text())["files"]
    assert sorted(recorded) == sorted(f"{name}.shared.csv.gz" for name in FILES)
    for name in FILES[3:]:
        file = f"{name}.shared.csv.gz"
        with start(shared / "data" / "ticks" / file, 0) as process:
            played = json.loads(process.communicate()[0])["survey"]
        symbols = recorded[file]["symbols"]
        assert played["ticks"] == sum(symbol["rows"] for symbol in symbols.values())
        assert played["quotes"] == {name: symbol["quotes"] for name, symbol in symbols.items()}
