"""The command line: what it prints, and how it exits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from exo.cli import main

TICKS = """ts_ns,symbol,type,bid_px,bid_size,ask_px,ask_size,last_px,last_qty
1000000000,A[b],quote,42,5,43,6,,
1500000000,A[b],trade,,,,,43,1
2000000000,A[b],quote,42,5,44,6,,
"""


@pytest.fixture
def ticks(tmp_path: Path) -> str:
    path = tmp_path / "ticks.csv"
    path.write_text(TICKS)
    return str(path)


@pytest.fixture
def run(capfdbinary):
    """Runs the command line in this process: its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int | str | None, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        out, err = capfdbinary.readouterr()
        return caught.value.code, out.decode(), err.decode()

    return run


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_tells_the_commands_and_the_exit_codes(run, arguments):
    """Also without a command."""
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    for word in ("demo", "replay", "--version", "Exit codes: 0 done, 1 an error, 2 wrong usage, 130 interrupted."):
        assert word in out


@pytest.mark.parametrize("command", ["demo", "replay"])
def test_a_command_tells_its_options(run, command):
    """With what they are for."""
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "--orders" in out
    assert "How many orders" in out
    assert "--no-json" not in out


def test_the_version_is_told(run):
    """One line."""
    code, out, _ = run("--version")
    assert code == 0
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nope"], 'Unknown command "nope"'),
        (["demo", "--orders", "0"], "Must be >= 1"),
        (["demo", "--orders", "many"], "--orders"),
        (["demo", "--rate", "0"], "Must be > 0"),
        (["demo", "--rate", "nan"], "Must be"),
        (["demo", "--orders", "10001"], "Must be <= 10000"),
        (["demo", "--url", "ws://127.0.0.1:1/"], "expected a --venue, whose protocol is spoken there at --url"),
        (["demo", "--frobnicate"], "--frobnicate"),
        (["replay"], "FILE"),
        (["replay", "--orders", "5"], "FILE"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run, arguments, problem):
    """It names what is wrong and where to look."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("exo: ")
    assert err.endswith("(see exo --help)\n")
    assert err.count("\n") == 1
    assert problem in err


def test_a_file_that_is_not_there_is_one_line_and_exit_code_1(run):
    """And no traceback."""
    assert run("replay", "/none.csv") == (1, "", "exo: /none.csv: No such file or directory\n")


def test_a_bad_row_is_named_by_file_and_line_before_anything_is_printed(run, ticks):
    """Though the rows before it are good."""
    Path(ticks).write_text(TICKS + "1,A,quote,1,1,2,1,,\n")
    problem = "1 is earlier than 2000000000 in the row before"
    assert run("replay", ticks) == (1, "", f"exo: {ticks}:5: {problem}\n")


def test_a_file_without_quotes_is_an_error(run, ticks):
    """There is nothing to replay."""
    Path(ticks).write_text(TICKS.splitlines()[0])
    assert run("replay", ticks) == (1, "", "exo: there are no quotes to replay\n")


def test_a_replay_is_summed_up_in_tables(run, ticks):
    """Symbols as they are, whatever their letters."""
    code, out, err = run("replay", ticks, "--orders", "10")
    assert (code, err) == (0, "")
    assert "A[b]" in out
    assert "10: " in out
    assert "3 in 1.000 s of virtual time" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_replay_as_json_is_canonical(run, ticks):
    """Members sorted, one line, Decimals as text in plain digits."""
    code, out, _ = run("replay", ticks, "--orders", "10", "--json")
    account = json.loads(out)
    assert code == 0
    assert out == json.dumps(account, sort_keys=True, separators=(",", ":")) + "\n"
    assert [order["orderID"] for order in account["orders"]] == [f"{number:02}" for number in range(1, 11)]
    for order in account["orders"]:
        for member in ("orderQty", "cumQty", "notional"):
            assert f"{Decimal(order[member]).normalize():f}" == order[member]


def process(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "exo.cli", *arguments]
    environment = dict(os.environ) | environment
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_an_interrupt_leaves_one_line_and_exit_code_130(tmp_path):
    """Wherever it strikes: here while it waits for a file that is a pipe."""
    fifo = tmp_path / "ticks.csv"
    os.mkfifo(fifo)
    with process("replay", str(fifo)) as running, fifo.open("w"):  # opens once the replay has begun to read
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (130, b"", b"exo: interrupted\n")


def test_an_interrupt_of_the_start_is_one_line_too():
    """The command line takes a good part of a second to import."""
    program = (
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(name, *_):\n"
        "        if name == 'exo.cli.app': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts)\n"
        "from exo.cli import main\n"
        "main(['demo'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"exo: interrupted\n")


def test_an_interrupt_in_virtual_time_leaves_the_summary_so_far(tmp_path, ticks):
    """The container shuts down, every order is accounted for, and the exit code tells."""
    delegate = tmp_path / "mine.py"
    delegate.write_text(
        "import os, signal\n"
        "from exo.delegates import Sweep\n"
        "class Interrupts(Sweep):\n"
        "    def act(self, update):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
    )
    rows = "".join(f"{n}000000000,A,quote,42,5,43,6,,\n" for n in range(3, 100))
    Path(ticks).write_text(TICKS + rows)
    with process("replay", ticks, "--delegate", f"{delegate}:Interrupts", "--orders", "20", "--json") as running:
        out, err = running.communicate(timeout=30)
    assert (running.returncode, err) == (130, b"exo: interrupted\n")
    account = json.loads(out)
    assert account["interrupted"] is True
    assert account["totals"]["live"] == 0
    assert 0 < len(account["orders"]) == account["totals"]["submitted"] < 20
    assert {order["why"] for order in account["orders"] if order["fate"] == "STOPPED"} == {"it was interrupted"}


def test_a_reader_that_leaves_is_no_error_of_ours(ticks):
    """`exo replay FILE --json | head -c 1` does not complain."""
    with process("replay", ticks, "--orders", "2000", "--json") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1


def test_the_package_alone_imports_nothing_of_the_command_line():
    """The container needs neither cyclopts nor rich nor aiohttp."""
    program = "import sys, exo; print(sorted({'cyclopts', 'rich', 'aiohttp', 'exo.cli'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"[]\n"
