"""Limits: what the Dispatcher's numbers must be at least."""

from __future__ import annotations

from math import inf
from typing import Final

from exo.errors import InvalidValue

_LEAST: Final = {
    "hog_s": 1e-3,
    "exit_s": 0,
    "turn_s": 1e-6,
    "turn_calls": 1,
    "threads": 1,
    "mailbox_limit": 1,
    "retain": 0,
    "reserve": 0,
    "max_age_s": 1e-3,
    "audit_s": 1e-3,
}


def check_limits(**limits: float) -> None:
    """InvalidValue for the first that is not finite or less than it must be at least."""
    for name, number in limits.items():
        if not _LEAST[name] <= number < inf:
            raise InvalidValue(name, f"expected a finite number from {_LEAST[name]} up, got {number!r}")
