"""The same seed gives the same run, byte for byte, in another process with another hash seed too (C15)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import exo

PROGRAM = Path(__file__).with_name("seeded_program.py")


def outputs(seed: str, hash_seeds: list[str]) -> list[tuple[bytes, bytes]]:
    """What the program prints, run at the same time in processes with these hash seeds."""
    source = str(Path(exo.__file__).parents[1])
    runs = [
        subprocess.Popen(
            [sys.executable, "-W", "error", str(PROGRAM), seed],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": source},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for hash_seed in hash_seeds
    ]
    ended = []
    for run in runs:
        out, error = run.communicate(timeout=50)
        assert run.returncode == 0, error.decode()
        ended.append((out, error))
    return ended


def test_c15_two_processes_with_other_hash_seeds_print_the_same_bytes():
    """A mixed program of 60 orders; and the hash seeds really were different."""
    (first, hashes), (second, other_hashes) = outputs("a seed", ["0", "4242"])
    assert hashes != other_hashes
    assert first.count(b"\n") > 1000
    assert b"FAILED" in first and b"DONE" in first and b"cut short" in first
    assert first == second


def test_c15_another_seed_gives_another_run():
    """Or the test above would show nothing."""
    ((first, _),) = outputs("a seed", ["1"])
    ((second, _),) = outputs("another seed", ["1"])
    assert first != second
