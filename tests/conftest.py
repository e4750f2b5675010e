"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


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
