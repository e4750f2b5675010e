"""Delays: how long something takes in virtual time, drawn evenly from a range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from exo.errors import InvalidValue
from exo.flow.clock import Rng

_UNITS: Final = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000}
_DURATION: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?(ns|us|µs|ms|s|m)|0", re.ASCII)
_LONGEST_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Delay:
    """From `low_ns` to `high_ns`, both included; no time at all unless told. InvalidValue for less than that."""

    low_ns: int = 0
    high_ns: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.low_ns <= self.high_ns:
            raise InvalidValue("$", f"expected a range from less to more, got {self}")

    def __str__(self) -> str:
        if self.low_ns == self.high_ns:
            return duration(self.low_ns)
        return f"{duration(self.low_ns)}-{duration(self.high_ns)}"

    def draw_ns(self, rng: Rng) -> int:
        """One of the range."""
        return self.low_ns if self.low_ns == self.high_ns else rng.randint(self.low_ns, self.high_ns)


def delay(text: str) -> Delay:
    """A delay from text: `50ms`, or a range `20ms-80ms`; units ns, us, ms, s, m. InvalidValue up to an hour only."""
    low, dash, high = text.partition("-")
    low_ns = duration_ns(low)
    return Delay(low_ns, duration_ns(high) if dash else low_ns)


def duration_ns(text: str) -> int:
    """A duration from text, exactly, in ns."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise InvalidValue("$", f"expected a duration such as 50ms or 1.5s, got {text!r:.40}")
    whole, part, unit = found.groups()
    if unit is None:
        return 0
    size = _UNITS[unit]
    scale: int = 10 ** len(part or "")
    part_ns, over = divmod(int(part or 0) * size, scale)
    if over:
        raise InvalidValue("$", f"expected whole nanoseconds, got {text}")
    result = int(whole) * size + part_ns
    if result > _LONGEST_NS:
        raise InvalidValue("$", f"expected at most an hour, got {text}")
    return result


def duration(ns: int) -> str:
    """A duration as `delay` reads it, in the largest unit that keeps it exact and short."""
    for unit in ("s", "ms", "us"):
        size = _UNITS[unit]
        if ns >= size:
            text = f"{ns // size}.{ns % size:0{len(str(size)) - 1}}".rstrip("0").rstrip(".")
            return f"{text}{unit}"
    return f"{ns}ns" if ns else "0"
