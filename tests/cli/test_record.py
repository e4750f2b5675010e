"""`exo record`: a live market - here the fake exchange's - into files that `exo replay` reads."""

from __future__ import annotations

import errno
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from exo.cli import main
from exo.replay import TickFile, recording
from exo.replay.frames import FrameFile
from exo.replay.recorder import Growing
from exo.testing.exchange import ServedExchange

NAMES = {
    "binance": ("BTCUSDT", "ETHUSDT"),
    "binance-usdm": ("BTCUSDT", "ETHUSDT"),
    "bitmex": ("XBTUSD", "ETHUSD"),
    "coinbase": ("BTC-USD", "ETH-USD"),
}


@pytest.fixture
def served(request: Any) -> Any:
    venue = getattr(request, "param", "coinbase")
    with ServedExchange(venue, symbols=NAMES[venue], rate=300) as exchange:
        yield exchange


def arguments(served: Any, *more: str) -> list[str]:
    return ["record", "--venue", served.venue, "--symbols", *NAMES[served.venue], "--url", served.ws_url, *more]


def ended(words: list[str], capfd: Any) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(words)
    return caught.value.code, *capfd.readouterr()


@pytest.mark.parametrize("served", NAMES, indirect=True)
def test_frames_and_ticks_are_recorded_and_replay_alike(served: Any, tmp_path: Path, capfd: Any) -> None:
    """A name without an ending is both, gzipped; the accounts differ in the name of the file only."""
    code, out, err = ended(arguments(served, "--out", f"{tmp_path}/day", "--seconds", "2"), capfd)
    assert (code, err) == (0, "")
    assert out.count(" is LIVE: subscribed") == 2 and re.search(r"\d+ ticks, 0 connections lost, 0 problems\n$", out)
    framed, ticked = (list(kind(f"{tmp_path}/day{end}")) for kind, end in KINDS)
    assert len(framed) == len(ticked) > 50
    assert [(t.received_ns, t.symbol) for t in framed] == [(t.received_ns, t.symbol) for t in ticked]
    accounts = []
    for _, end in KINDS:
        code, out, err = ended(["replay", f"{tmp_path}/day{end}", "--orders", "10", "--json"], capfd)
        assert (code, err) == (0, "")
        accounts.append(out.replace(end, ""))
    assert accounts[0] == accounts[1] and '"agrees":true' in accounts[0]


KINDS: tuple[tuple[Any, str], ...] = ((FrameFile, ".frames.gz"), (TickFile, ".csv.gz"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 130), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_however_it_ends_what_came_is_in_the_files(
    served: Any, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """All of it after a word, all but the last quarter of a second after a kill."""
    words = arguments(served, "--out", f"{tmp_path}/a.frames", f"{tmp_path}/a.csv.gz")
    with subprocess.Popen([sys.executable, "-m", "exo.cli", *words], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        while "LIVE" not in run.stdout.readline():
            pass
        until_s = time.monotonic() + 20
        while (tmp_path / "a.frames").stat().st_size < 30_000:
            assert time.monotonic() < until_s
            time.sleep(0.05)
        run.send_signal(number)
        assert run.wait(20) == code
        told = re.search(r"([\d,]+) ticks", run.stdout.read())
    ticks = list(TickFile(tmp_path / "a.csv.gz"))
    framed = list(FrameFile(tmp_path / "a.frames"))
    assert len(framed) == len(ticks)
    if number is not signal.SIGKILL:
        assert told is not None and len(ticks) == int(told[1].replace(",", ""))


def test_what_was_recorded_is_played_again_by_an_exchange(served: Any, tmp_path: Path, capfd: Any) -> None:
    """The suffix of its venue is no part of the venue's own names."""
    from exo.cli.exchange import Bare

    code, _, _ = ended(arguments(served, "--out", f"{tmp_path}/a.frames", "--seconds", "1"), capfd)
    assert code == 0
    ticks = list(Bare(recording([f"{tmp_path}/a.frames"]), ".COINBASE"))
    assert {tick.symbol for tick in ticks} == set(NAMES["coinbase"])
    assert {tick.symbol for tick in Bare(ticks, ".COINBASE")} == set(NAMES["coinbase"])


@pytest.mark.parametrize(
    ("more", "code", "problem"),
    [
        (["--out", "{}/a.foo"], 2, "expected a name that ends in .frames, .frames.gz, .csv, .csv.gz, or in none"),
        (["--out", "{}/a.csv", "{}/b.csv"], 2, "one file of frames, or one of ticks, or one of each at --out"),
        (["--out", "{}/a", "{}/b.csv"], 2, "one file of frames, or one of ticks, or one of each at --out"),
        (["--out", "{}/there.csv"], 2, "there is a {}/there.csv already, and it stays as it is at --out"),
        (["--out", "{}/no/where.csv"], 1, "No such file or directory: '{}/no/where.csv'"),
        (["--out", "{}/a.csv", "--symbols", "BTC-EUR"], 1, "the venue does not list BTC-EUR.COINBASE, but"),
        (["--out", "{}/a.csv", "--venue", "mtgox"], 1, "there is no venue mtgox"),
        (["--out", "{}/a.csv", "--seconds", "0"], 2, "Must be > 0"),
        (["--out", "{}/a.csv", "--url", "ws://127.0.0.1:1/"], 1, "cannot reach http://127.0.0.1:1/products"),
        ([], 2, "--out"),
    ],
)
def test_what_cannot_be_recorded_is_refused_in_one_line(
    served: Any, more: list[str], code: int, problem: str, tmp_path: Path, capfd: Any
) -> None:
    """And nothing is written."""
    (tmp_path / "there.csv").write_text("mine")
    words = {"--venue": ["coinbase"], "--symbols": ["BTC-USD"], "--url": [served.ws_url]}
    more = [word.format(tmp_path) for word in more]
    starts = [number for number, word in enumerate(more) if word.startswith("--")]
    for start, end in zip(starts, [*starts[1:], len(more)], strict=False):
        words[more[start]] = more[start + 1 : end]
    got, out, err = ended(["record", *(word for name, values in words.items() for word in (name, *values))], capfd)
    assert (got, out, err.count("\n")) == (code, "", 1), err
    assert problem.format(tmp_path) in err
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]
    assert (tmp_path / "there.csv").read_text() == "mine"


def test_a_disk_that_is_full_ends_it_in_one_line(
    served: Any, tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written before stays."""
    write, written = Growing.write, list[int]()

    def full(self: Growing, piece: bytes) -> None:
        written.append(len(piece))
        if len(written) > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, piece)

    monkeypatch.setattr(Growing, "write", full)
    code, _, err = ended(arguments(served, "--out", f"{tmp_path}/a.frames", "--seconds", "20"), capfd)
    assert code == 1 and err == "exo: [Errno 28] No space left on device\n"
    assert (tmp_path / "a.frames").stat().st_size == sum(written[:4])
