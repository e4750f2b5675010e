"""Every example runs as a script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_says_the_same_every_time(example):
    """Without a warning or a word on stderr."""
    command = [sys.executable, "-W", "error", str(example)]
    first, second = (subprocess.run(command, capture_output=True, check=False) for _ in range(2))
    assert (first.returncode, first.stderr) == (0, b"")
    assert first.stdout == second.stdout != b""


def test_there_are_examples():
    """The one of the far side fills its buyer and its seller."""
    sweep = next(path for path in EXAMPLES if path.stem == "sweep")
    lines = subprocess.run([sys.executable, str(sweep)], capture_output=True, check=True, text=True).stdout
    assert [line.split()[:3] for line in lines.splitlines()] == [
        ["buyer", "done", "10000"],
        ["seller", "done", "10000"],
        ["patient", "cancelled", "0"],
    ]
