"""`exo demo`: many orders in a live market, over real sockets, in real time."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from exo.cli import main
from exo.testing.exchange import Fault, ServedExchange
from exo.testing.walk import RandomWalk

SMALL = ["demo", "--orders", "24", "--symbols", "AUSDT", "BUSDT", "--seconds", "1.5"]
Run = Callable[..., tuple[Any, str, str]]


class Observed(ServedExchange):
    """An exchange whose process ids are known afterwards."""

    pids: list[int]

    def start(self) -> None:
        super().start()
        assert self.pid is not None
        self.pids.append(self.pid)


@pytest.fixture(autouse=True)
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes of the demo's own exchanges; its page is written where it is called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Observed, "pids", [], raising=False)
    monkeypatch.setattr("exo.cli.demo.ServedExchange", Observed)
    return Observed.pids


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        return caught.value.code, *capfd.readouterr()

    return run


def is_gone(pid: int) -> bool:
    """Whether there is no such process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_every_order_is_accounted_for_and_one_has_failed(run: Run, pids: list[int]) -> None:
    """As the paper venue has it; the account is all that is printed, and the exchange's process is gone."""
    code, out, err = run(*SMALL, "--json")
    assert (code, err) == (0, "")
    account = json.loads(out)
    assert [order["orderID"] for order in account["orders"]] == [f"{number:02}" for number in range(1, 25)]
    assert sum(account["fates"].values()) == 24 and account["totals"]["submitted"] == account["totals"]["ended"] == 24
    assert (account["fates"]["FAILED"], account["fates"]["STOPPED"], account["totals"]["failed"]) == (1, 0, 1)
    assert account["agrees"] is True and account["fates"]["FILLED"] > 0
    assert account["settings"]["live"] is True and account["interrupted"] is False
    assert set(account["survey"]["quotes"]) == {"AUSDT.BINANCE", "BUSDT.BINANCE"}
    assert account["totals"]["conflated"] > 0 and account["totals"]["ageMaxNs"] > 0
    assert [is_gone(pid) for pid in pids] == [True]
    assert list(Path().iterdir()) == []


def test_without_a_terminal_there_are_lines_then_tables_and_a_page(run: Run) -> None:
    """The failure is one line, and no traceback."""
    code, out, err = run(*SMALL)
    assert (code, err) == (0, "")
    assert " a fake binance: " in out.splitlines()[0]
    assert "\norder 12 failed: RuntimeError: order 12 fails on purpose, and nothing else does\n" in out
    for word in ("market", "orders", "fills", "against arrival", "ticks", "updates", "conflated", "quote age"):
        assert f"\n{word} " in out
    assert "of real time" in out and "Traceback" not in out
    page = Path("exo-demo.html").read_text()
    assert "24 orders in a live market" in page and "AUSDT.BINANCE" in page


def test_on_a_terminal_it_is_seen_as_it_runs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The market, the orders, and the one that has failed; within 80 columns."""
    seen = io.StringIO()
    terminal = {"file": seen, "force_terminal": True, "width": 80, "height": 24, "color_system": None}
    monkeypatch.setattr("exo.cli.screen.Console", lambda: Console(**terminal))  # type: ignore[arg-type]
    code, _, err = run(*SMALL)
    assert (code, err) == (0, "")
    for words in (
        "exo on paper at a fake binance",
        "2 symbols live, 0 losses",
        "Peg ",
        "1 failed",
        "24 orders: 0 live",
    ):
        assert words in seen.getvalue()
    assert "order 12 FAILED alone: RuntimeError: order 12 fails on purpose, and nothing els" in seen.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_early_with_the_account_so_far(number: int) -> None:
    """Its children are cancelled, and the exit code tells."""
    command = [sys.executable, "-m", "exo.cli", *SMALL[:-1], "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if " orders, " in line:
                break
        demo.send_signal(number)
        out, err = demo.communicate(timeout=20)
    assert (demo.returncode, err) == (130, "exo: interrupted\n")
    assert "as the venue has it" in out and Path("exo-demo.html").exists()


def test_an_exchange_that_dies_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And exit code 1."""
    looks = iter(range(100))

    def check(self: ServedExchange) -> None:
        if next(looks) == 3:
            assert self.pid is not None
            os.kill(self.pid, signal.SIGKILL)
        ServedExchange.check(self)

    monkeypatch.setattr(Observed, "check", check)
    assert run(*SMALL[:-1], "60", "--json") == (1, "", "exo: no exchange binance: its process has ended\n")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--venue", "coinbase", "--url", "ws://127.0.0.1:1/"], "exo: no market of coinbase: cannot reach http://127"),
        (["--venue", "mtgox"], "exo: there is no venue mtgox: there are binance"),
        (["--report", "nowhere/page.html"], "exo: [Errno 2] No such file or directory"),
    ],
)
def test_what_cannot_be_shown_is_one_line_and_leaves_no_file(run: Run, arguments: list[str], problem: str) -> None:
    """No traceback either; without internet it is told what needs none."""
    code, out, err = run("demo", *arguments)
    assert (code, out, err.count("\n")) == (1, "", 1) and err.startswith(problem)
    assert ("without --venue the demo needs no internet" in err) == ("--url" in arguments)
    assert list(Path().iterdir()) == []


def test_at_a_venue_those_of_its_liquid_names_are_taken_that_it_trades(run: Run) -> None:
    """Here two, by their listings; a name that was asked for must be there."""
    with ServedExchange("coinbase", symbols=["BTC-USD", "XYZ-USD", "ETH-USD"], rate=200) as served:
        at = ["demo", "--venue", "coinbase", "--url", served.ws_url, "--orders", "12", "--seconds", "1", "--json"]
        code, out, err = run(*at)
        assert (code, err) == (0, "")
        account = json.loads(out)
        assert set(account["survey"]["quotes"]) == {"BTC-USD.COINBASE", "ETH-USD.COINBASE"}
        assert account["agrees"] is True and account["fates"]["FAILED"] == 1
        code, out, err = run(*at, "--symbols", "BTC-USD", "SOL-USD")
        assert (code, out, err.count("\n")) == (1, "", 1) and "the venue does not list SOL-USD.COINBASE" in err


def test_a_market_without_a_quote_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some patience."""
    monkeypatch.setattr("exo.cli.session._PATIENCE_S", 0.5)
    trades = [tick for tick in RandomWalk(["BTC-USD"], seconds=1) if not hasattr(tick, "bid_px")]
    with ServedExchange("coinbase", trades) as served:
        code, out, err = run("demo", "--venue", "coinbase", "--url", served.ws_url, "--json")
    assert (code, out) == (1, "")
    assert err == "exo: no market of coinbase: no quote within 0.5 s: not subscribed yet\n"


def test_its_losses_are_told(run: Run) -> None:
    """A connection that was dropped is made again, and said in the end."""
    with ServedExchange("coinbase", symbols=["BTC-USD"], rate=200) as served:
        at = ["demo", "--venue", "coinbase", "--url", served.ws_url, "--orders", "4", "--seconds", "1"]
        served.fault(Fault.DROP)
        code, out, err = run(*at)
    assert (code, err) == (0, "") and "coinbase: 1 connection lost, the last problem: " in out
