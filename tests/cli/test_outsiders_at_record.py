"""What an outsider tried at `exo record` and `exo demo`: odd places, odd markets, odd readers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exo.cli import main
from exo.testing.exchange import At, Fault, ServedExchange


@pytest.fixture(scope="module")
def served() -> Iterator[ServedExchange]:
    with ServedExchange("coinbase", symbols=["BTC-USD", "ETH-USD"], rate=300) as exchange:
        yield exchange


def record(served: ServedExchange, *more: str) -> list[str]:
    return ["record", "--venue", "coinbase", "--symbols", "BTC-USD", "--url", served.ws_url, "--seconds", "0.6", *more]


def ended(words: list[str], capfd: Any) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(words)
    return caught.value.code, *capfd.readouterr()


def test_a_second_file_that_cannot_be_written_leaves_no_first(
    served: ServedExchange, tmp_path: Path, capfd: Any
) -> None:
    """Else the same words with the mistake mended are refused, for there is a file already."""
    code, _, err = ended(record(served, "--out", f"{tmp_path}/a.frames", f"{tmp_path}/no/where.csv"), capfd)
    assert code == 1 and err.count("\n") == 1
    (tmp_path / "no").mkdir()
    code, _, err = ended(record(served, "--out", f"{tmp_path}/a.frames", f"{tmp_path}/no/where.csv"), capfd)
    assert (code, err) == (0, "")


def test_a_folder_is_no_name(served: ServedExchange, tmp_path: Path, capfd: Any) -> None:
    """Its files would be hidden ones without a name."""
    (tmp_path / "day").mkdir()
    ended(record(served, "--out", f"{tmp_path}/day/"), capfd)
    assert not [path.name for path in (tmp_path / "day").iterdir() if path.name.startswith(".")]


def test_a_link_to_nowhere_is_refused_in_one_line(served: ServedExchange, tmp_path: Path, capfd: Any) -> None:
    """Nothing is written where it leads."""
    (tmp_path / "a.frames").symlink_to(tmp_path / "b.frames")
    code, _, err = ended(record(served, "--out", f"{tmp_path}/a.frames"), capfd)
    assert code in (1, 2) and err.count("\n") == 1 and "a.frames" in err
    assert not (tmp_path / "b.frames").exists()


@pytest.mark.parametrize("how", [Fault.HALF_OPEN, Fault.REFUSE])
def test_a_venue_that_refuses_at_first_is_recorded_from_then_on(how: Fault, tmp_path: Path, capfd: Any) -> None:
    """Frames and ticks agree, and both are read."""
    with ServedExchange("binance", symbols=["AUSDT"], rate=200) as served:
        served.fault(how, at=At.HANDSHAKE if how is not Fault.HALF_OPEN else At.MESSAGE, times=2, hold_s=0.2)
        words = ["record", "--venue", "binance", "--symbols", "AUSDT", "--url", served.ws_url]
        code, _, err = ended([*words, "--seconds", "1.5", "--out", f"{tmp_path}/a"], capfd)
    assert (code, err) == (0, "")
    from exo.replay import TickFile
    from exo.replay.frames import FrameFile

    framed, ticked = list(FrameFile(tmp_path / "a.frames.gz")), list(TickFile(tmp_path / "a.csv.gz"))
    assert [(t.received_ns, type(t)) for t in framed] == [(t.received_ns, type(t)) for t in ticked]


def test_all_problems_are_counted_and_not_the_last_twenty_only(tmp_path: Path, capfd: Any) -> None:
    """Who reads the sum believes it."""
    with ServedExchange("binance", symbols=["AUSDT"], rate=200) as served:
        served.fault(Fault.HTML, at=At.MESSAGE, times=60)
        words = ["record", "--venue", "binance", "--symbols", "AUSDT", "--url", served.ws_url]
        code, out, _ = ended([*words, "--seconds", "2", "--out", f"{tmp_path}/a.frames"], capfd)
    told = re.search(r"([\d,]+) problems", out)
    assert code == 0 and told is not None and int(told[1]) >= 60


def test_a_symbol_that_is_named_twice_is_not_waited_for(capfd: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Twelve seconds for a second first quote of it."""
    monkeypatch.chdir(tmp_path)
    began_s = time.monotonic()
    code, out, _ = ended(["demo", "--symbols", "AUSDT", "AUSDT", "--orders", "2", "--seconds", "0.5", "--json"], capfd)
    assert code == 0 and json.loads(out)["agrees"] is True
    assert time.monotonic() - began_s < 10


@pytest.mark.parametrize("after_s", [0.6, 1.6])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_can_be_ended_in_its_beginning(number: int, after_s: float, tmp_path: Path) -> None:
    """With one line, at whichever phase, and without a process left over."""
    words = [sys.executable, "-m", "exo.cli", "demo", "--orders", "50", "--seconds", "30"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=env
    ) as demo:
        time.sleep(after_s)
        demo.send_signal(number)
        _, err = demo.communicate(timeout=20)
    assert "Traceback" not in err and demo.returncode in (130, -number), (demo.returncode, err)
