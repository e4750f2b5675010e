"""What all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# On a slow machine an example may take its time; what fails once must fail again.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.load_profile("patient")

# A job in the background may be started with Ctrl-C ignored, which the programs under test would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared test vectors: beside the repository, or where `EXO_SHARED` says; without them its tests are skipped,
    but fail in CI.
    """
    path = Path(os.environ.get("EXO_SHARED") or Path(__file__).parents[2] / "shared")
    if not path.is_dir():
        missing = f"no shared test vectors at {path}: set EXO_SHARED to where they are"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return path
