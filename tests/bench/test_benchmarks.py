"""The benchmarks run, in miniature: what they measure is made of the same parts as the container, and would rot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks import acknowledged, aging, busy, clients, freerun, holding, lockstep, queues, sender, soak, wire
from benchmarks.containers import OURS, run
from benchmarks.rows import Row, compared, interleaved
from exo import run_virtually

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("container", [*OURS, "bare loop"])
@pytest.mark.parametrize(
    "measure",
    [
        lambda container: acknowledged.inline(container, "sync", 5),
        lambda container: lockstep.measure(container, "sync", 3, 4, 5),
        lambda container: freerun.measure(container, 3, 4, 5),
        lambda container: holding.admit(container, 5),
        lambda container: holding.memory(container, 5),
        lambda container: holding.collect(container, 5),
    ],
    ids=["acknowledged", "lockstep", "freerun", "admit", "memory", "collect"],
)
def test_every_design_can_be_measured(container: str, measure: Any):
    """Each to the end, with every call counted, and some time or memory spent."""
    assert run_virtually(measure(container)) > -1e9


@pytest.mark.parametrize("kind", ["sync", "async", "suspending"])
@pytest.mark.parametrize("container", OURS)
def test_every_kind_of_delegate_can_be_measured(container: str, kind: str):
    """Lock-step waits for each call."""
    assert run_virtually(lockstep.measure(container, kind, 2, 3, 4)) > 0


def test_busy_orders_get_every_trade():
    """The benchmark checks it itself."""
    assert run_virtually(busy.measure(3, 10)) > 0


def test_all_orders_of_a_million_end():
    """Of ten, here."""
    assert run_virtually(holding.million(10))["kb"] > 0


def test_a_soak_delivers_to_all_but_those_that_hang():
    """Nine of ten orders see every tick after the first, one hangs in its first call."""
    assert run_virtually(soak.soak(1000))["updates"] > 9 * 100 * 9


@pytest.mark.parametrize("container", OURS)
def test_ages_are_measured(container: str):
    """For a moment of real time: what is pushed is paced by it."""
    found = run(aging.overload(container, 0.05))
    assert 0 < found["p50"] <= found["p99.9"]
    assert 0 < found["conflated"] < 1


def test_a_flood_leaves_quiet_symbols_some_quotes():
    """For a moment of real time."""
    assert run(aging.flood(100, 0.1))["p50"] > 0


def test_the_queue_is_measured():
    """With keys that wait."""
    assert queues.conflating(10, 100) > 0


@pytest.mark.parametrize("client", wire.CLIENTS)
def test_what_comes_over_a_socket_is_counted_and_its_ages_are_noted(client: str):
    """For a moment of real time, at a pace that any machine can keep."""
    found = run(wire.measure(client, 1000, 0.3))
    assert 0 < found.own["p50"] <= found.own["max"] < found.due["max"]
    assert found.taken > 0
    assert found.sent.frames == 800 and sum(found.sent.trades.values()) == 160


@pytest.mark.parametrize("client", wire.CLIENTS)
def test_the_most_that_comes_over_a_socket_is_found(client: str):
    """Flat out, and by halving."""
    found = wire.saturated(client, 0.2, 1)
    assert found["saturation"] > 0 and 0 < found["saturation-blocked"] <= 1
    assert found["saturation-held"] in (0, found["saturation"] / 2)


def test_ages_are_shown_only_of_rounds_in_which_the_sender_kept_its_pace(monkeypatch: pytest.MonkeyPatch):
    """A late sender makes other ages, and is named instead."""
    ages, most = dict.fromkeys(wire.SHARES, 9.0), {"saturation": 5.0, "saturation-blocked": 0.5}

    def rows(late_us: float) -> list[Row]:
        sent = sender.Report(200_000, 10.0, {}, late_us, late_us, 0.1)
        results: Any = iter([wire.Found(ages, ages, 20_000.0, sent), most])

        def interleaved(variants: dict[str, Any], _: int) -> dict[str, Any]:
            found = next(results)
            return {name: [found] for name in variants}

        monkeypatch.setattr(wire, "interleaved", interleaved)
        return list(wire.rows(True))

    on_pace, late = rows(10.0), rows(1e6)
    assert [row.met for row in (on_pace[0], late[0])] == [True, False]
    assert any("age" in row.workload for row in on_pace) and not any("age" in row.workload for row in late)


def test_the_sender_frames_as_a_websocket_does():
    """Short and long, as a server's, and a client's that come in pieces."""
    assert clients.framed(b"a" * 125)[:2] == b"\x81\x7d"
    assert clients.framed(b"a" * 126)[:4] == b"\x81\x7e\x00\x7e"
    masked = b"\x89\x82\x01\x02\x03\x04" + bytes((ord("h") ^ 1, ord("i") ^ 2))
    assert clients.unmasked(masked + b"x") == (clients.PING, b"hi", b"x")
    assert clients.unmasked(masked[:-1]) is None


def test_a_ratio_is_of_the_same_round_and_a_target_is_held_against_it():
    """The median of the ratios, not the ratio of the medians."""
    found = {"a": [1.0, 20.0, 3.0], "b": [2.0, 10.0, 3.0]}
    a, b = compared("w", "ns", found, "b", {"a": 1.0}, elsewhere=None)
    assert (a.value, a.ratio, a.met) == (3.0, 1.0, True)
    assert (b.ratio, b.met) == (1.0, None)
    assert Row("w", "a", 1.0, "x", ratio=0.2, target=0.25, at_least=True).met is False
    assert Row("w", "a", 9.0, "kB", ratio=0.2, judged=9.0, target=5.0).met is False


def test_each_variant_has_a_process_of_its_own():
    """And keeps it over the rounds."""
    found = interleaved({"a": partial(_process, 1), "b": partial(_process, 2)}, 2)
    assert len(set(found["a"])) == len(set(found["b"])) == 1
    assert found["a"] != found["b"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["speed"], "there is no speed; there are acknowledged, lockstep,"),
        (["--json", "/nowhere/rows.json"], "/nowhere/rows.json cannot be written"),
        (["--plot", "/"], "/ cannot be written"),
    ],
)
def test_the_command_refuses_at_once_what_it_cannot_do(options: list[str], why: str):
    """Not after a quarter of an hour of measuring."""
    command = [sys.executable, "-m", "benchmarks", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert why in done.stderr


def test_the_command_writes_rows(tmp_path: Path):
    """Each with workload, variant, value, unit, ratio, target and whether it was met."""
    file = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks", "busy", "--quick", "--json", str(file)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    rows = json.loads(file.read_text())
    assert {"workload", "variant", "value", "unit", "ratio", "target", "met"} <= rows[0].keys()
    assert [row["variant"] for row in rows] == ["1 busy", "1,000 busy"]


def _process(_: int) -> int:
    return os.getpid()
