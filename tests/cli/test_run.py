"""`exo run`: orders on a live market - here the fake exchange's - filled on paper."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from exo.cli import main
from exo.testing.exchange import ServedExchange

SWEEP = ["run", "exo.delegates:Sweep", "--venue", "coinbase", "--paper"]
BUY = '{"side": "BUY", "orderQty": "3", "price": "1000000"}'


@pytest.fixture
def served() -> Any:
    with ServedExchange("coinbase", symbols=["BTC-USD", "ETH-USD"], rate=100) as exchange:
        yield exchange


def ended(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code, *capfd.readouterr()


def test_an_order_on_each_symbol_is_worked_until_it_is_filled(served: Any, capfd: Any) -> None:
    """Every change in one line, and the command ends with the last order."""
    symbols = ["--symbols", "BTC-USD", "ETH-USD"]
    code, out, err = ended([*SWEEP, *symbols, "--terms", BUY, "--url", served.ws_url, "--seconds", "30"], capfd)
    assert (code, err) == (0, "")
    for symbol in ("BTC-USD", "ETH-USD"):
        lines = [line for line in out.splitlines() if f" {symbol}.COINBASE: " in line]
        assert "WORKING, NEW, 0 executed, 3 left" in lines[0]
        assert re.search(r"DONE, FILLED, 3 executed at [\d.]+, 0 left$", lines[-1]), out


def test_what_the_gate_refuses_is_said_once(served: Any, capfd: Any) -> None:
    """The venue lists whole lots."""
    terms = BUY.replace('"3"', '"2.5"')
    arguments = [*SWEEP, "--symbols", "BTC-USD", "--terms", terms, "--url", served.ws_url, "--seconds", "2"]
    code, out, err = ended(arguments, capfd)
    assert (code, err) == (0, "") and out.count("not in whole lots of 1") == 1 and "STOPPED, CANCELED" in out


def test_ctrl_c_ends_it_with_what_became_of_the_orders(served: Any) -> None:
    """What stands is cancelled first."""
    peg = [*SWEEP[:1], "exo.delegates:Peg", *SWEEP[2:], "--symbols", "BTC-USD", "--url", served.ws_url]
    terms = '{"side": "BUY", "orderQty": "3", "price": "1"}'
    command = [sys.executable, "-m", "exo.cli", *peg, "--terms", terms]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stderr is not None
        assert "WORKING, NEW" in run.stdout.readline()
        run.send_signal(signal.SIGINT)
        assert run.wait(20) == 130 and run.stderr.read() == "exo: interrupted\n"
        assert "STOPPED, CANCELED, 0 executed" in run.stdout.read()


@pytest.mark.parametrize(
    ("changes", "code", "problem"),
    [
        ({"--symbols": "BTC-EUR"}, 1, "the venue does not list BTC-EUR.COINBASE, but BTC-USD.COINBASE"),
        ({"--terms": "{"}, 2, "no JSON"),
        ({"--terms": "[]"}, 2, "expected an object with the terms"),
        ({"--terms": '{"side": "BUY", "orderQty": 0.5, "nonsense": 1}'}, 2, "unknown field `nonsense`"),
        ({"--terms": '{"side": "BUY", "orderQty": "-1"}'}, 2, "--terms"),
        ({"--venue": "mtgox"}, 1, "there is no venue mtgox"),
        ({"--url": "ws://127.0.0.1:1/"}, 1, "cannot reach http://127.0.0.1:1/products"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(
    served: Any, changes: dict[str, str], code: int, problem: str, capfd: Any
) -> None:
    """Nothing is worked."""
    options = {"--venue": "coinbase", "--symbols": "BTC-USD", "--terms": BUY, "--url": served.ws_url} | changes
    arguments = ["run", "exo.delegates:Sweep", "--paper", *(word for option in options.items() for word in option)]
    got, out, err = ended(arguments, capfd)
    assert (got, out, err.count("\n")) == (code, "", 1) and problem in err


def test_without_paper_it_says_that_there_is_no_other_way(capfd: Any) -> None:
    """Nobody should think that orders are sent."""
    arguments = [*SWEEP[:-1], "--symbols", "BTC-USD", "--terms", BUY]
    code, out, err = ended(arguments, capfd)
    assert (code, out) == (2, "") and "--paper" in err
