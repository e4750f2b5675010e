"""The options of a replay, by the command line: what each does, and what it refuses."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exo.cli import main

HEADER = "ts_ns,symbol,type,bid_px,bid_size,ask_px,ask_size,last_px,last_qty"
TICKS = [f"{1_000_000_000 + 10_000_000 * n},A,quote,{100 + n % 3},5,{102 + n % 3},6,," for n in range(50)]


@pytest.fixture(autouse=True)
def ticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Half a second of quotes in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join([HEADER, *TICKS, ""]))
    return path


@pytest.fixture
def run(capfdbinary):
    """Runs a replay of the ticks in this process: its exit code, stdout and stderr."""

    def run(*options: str) -> tuple[int | str | None, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["replay", "ticks.csv", *options])
        out, err = capfdbinary.readouterr()
        return caught.value.code, out.decode(), err.decode()

    return run


@pytest.fixture
def account(run):
    """The account of a replay, which must go well."""

    def account(*options: str) -> dict[str, Any]:
        code, out, err = run(*options, "--json")
        assert (code, err) == (0, "")
        found: dict[str, Any] = json.loads(out)
        return found

    return account


@pytest.mark.parametrize(
    ("option", "text", "problem"),
    [
        ("--orders", "0", "expected a file, or from 1 to 1000000, got 0 at --orders"),
        ("--orders", "1000001", "expected a file, or from 1 to 1000000, got 1000001 at --orders"),
        ("--act-time", "5", "at --act-time"),
        ("--act-time", "-5ms", "at --act-time"),
        ("--act-time", "5ms-1ms", "at --act-time"),
        ("--feed-latency", "soon", "at --feed-latency"),
        ("--deadline", "", "at --deadline"),
        ("--maker-bps", "1e3", "expected basis points from -10000 to 10000, got '1e3' at --maker-bps"),
        ("--taker-bps", "10001", "expected basis points from -10000 to 10000, got '10001' at --taker-bps"),
        ("--taker-bps", "nan", "expected basis points from -10000 to 10000, got 'nan' at --taker-bps"),
        ("--seed", "x", "--seed"),
    ],
)
def test_a_value_that_cannot_be_is_wrong_usage_in_one_line(run, option, text, problem):
    """With the option's name, and exit code 2."""
    code, out, err = run(f"{option}={text}")
    assert (code, out) == (2, "")
    assert err.startswith("exo: ") and err.endswith(" (see exo --help)\n") and err.count("\n") == 1
    assert problem in err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--orders", "none.json"], "exo: none.json: No such file or directory"),
        (["--delegate", "exo.delegates:Swoop"], "exo: cannot load the delegate exo.delegates:Swoop: exo.delegates has"),
        (["--report", "no/such/folder.html"], "exo: [Errno 2] No such file or directory: 'no/such/folder.html'"),
        (["--report", "."], "exo: [Errno 21] Is a directory: '.'"),
    ],
)
def test_what_is_not_there_is_one_line_and_exit_code_1(run, options, problem):
    """Before anything is played."""
    code, out, err = run(*options)
    assert (code, out) == (1, "")
    assert err.startswith(problem) and err.count("\n") == 1


def test_an_order_file_with_a_wrong_field_is_told_by_line_and_path(run, tmp_path):
    """And nothing is played."""
    orders = tmp_path / "orders.json"
    orders.write_text(
        '{"side": "BUY", "symbol": "A", "orderQty": 1}\n{"side": "BUY", "symbol": "A", "orderQty": "x"}\n'
    )
    code, out, err = run("--orders", "orders.json")
    assert (code, out) == (1, "")
    assert err.startswith("exo: orders.json:2: ") and "at $.orderQty" in err


def test_fees_are_charged_as_told_also_below_zero(account):
    """A taker pays for each fill; a rebate is negative."""
    for bps in ("2.5", "-0.5"):
        orders = account(f"--taker-bps={bps}", "--orders", "5")["orders"]
        assert any(order["fills"] for order in orders)
        for order in orders:
            for fill in order["fills"]:
                assert Decimal(fill["fee"]) == Decimal(fill["qty"]) * Decimal(fill["px"]) * Decimal(bps) / 10_000


def test_a_busy_delegate_and_a_slow_feed_are_told_and_seen(account):
    """Decisions come so much later than the look, and the market so much later than it was."""
    found = account("--act-time", "17ms", "--feed-latency", "3ms", "--orders", "20")
    decisions = [decision for order in found["orders"] for decision in order["decisions"]]
    assert {decision["sentNs"] - decision["lookedNs"] for decision in decisions} == {17_000_000}
    assert 3_000_000 <= min(decision["ageNs"] for decision in decisions) < 10_000_000
    assert found["totals"]["conflated"] > 0
    assert found["settings"]["actTimeNs"] == [17_000_000, 17_000_000]
    at_once = account("--act-time", "17ms", "--orders", "20")["orders"]
    assert min(decision["ageNs"] for order in at_once for decision in order["decisions"]) == 0


def test_a_range_is_drawn_from_the_seed(account):
    """The same seed gives the same account, another another."""
    options = ["--act-time", "1ms-30ms", "--feed-latency", "0-2ms", "--orders", "20"]
    assert account(*options) == account(*options)
    assert account(*options)["orders"] != account(*options, "--seed", "1")["orders"]


def test_the_report_is_written_beside_whatever_is_printed(run, tmp_path):
    """A page, over an older one too; its name is told at the end of the summary."""
    page = tmp_path / "page.html"
    page.write_text("old")
    code, out, err = run("--report", "page.html")
    assert (code, err) == (0, "")
    assert out.endswith("every order, its fills and decisions: page.html\n")
    assert page.read_text().startswith("<!DOCTYPE html>")
    page.unlink()
    code, out, _ = run("--report", "page.html", "--json")
    assert code == 0
    assert json.loads(out)["agrees"] is True
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_wrong_input_leaves_an_older_report_alone(run, tmp_path, ticks):
    """Whatever is wrong."""
    page = tmp_path / "page.html"
    page.write_text("old")
    ticks.write_text(f"{HEADER}\n1,A,quote,1,1,2,1,,\n2,A,quote,x,1,2,1,,\n")
    assert run("--report", "page.html")[0] == 1
    assert page.read_text() == "old"


def test_a_delegate_of_ones_own_is_replayed(account, tmp_path):
    """From a file in the working directory; it fails alone."""
    (tmp_path / "mine.py").write_text(
        "import exo\n"
        "from exo.delegates import SweepOrder\n"
        "class Mine:\n"
        "    def __init__(self, desk: exo.Desk[SweepOrder]):\n"
        "        self.desk = desk\n"
        "    async def act(self, update):\n"
        "        if self.desk.order_id == '2':\n"
        "            raise KeyError('of order 2')\n"
        "    def clean_up(self): pass\n"
    )
    found = account("--delegate", "mine.py:Mine", "--orders", "4")
    assert found["fates"]["FAILED"] == 1
    assert [order["orderID"] for order in found["orders"] if order["fate"] == "FAILED"] == ["2"]
