"""Time and chance: the only module that reads a clock or draws a number (contract C15)."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias

from exo.errors import UserError

VIRTUAL_START_NS = 1_704_067_200_000_000_000
"""When virtual time starts unless told otherwise: 2024-01-01T00:00:00Z."""

Rng: TypeAlias = random.Random
"""What `seeded` gives."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """What tells the time."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, on a timeline that never steps back."""
        ...


class LiveClock:
    """The wall clock as it stood at construction, carried on by the monotonic clock.

    A correction of the system's clock is therefore not seen, and ages are true. It drifts from the wall as the
    monotonic clock does, some milliseconds an hour at worst.
    """

    __slots__ = ("_offset_ns",)

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return time.monotonic_ns() + self._offset_ns


class VirtualClock:
    """A clock that stands still until it is told."""

    __slots__ = ("_now_ns",)

    def __init__(self, start_ns: int = VIRTUAL_START_NS) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return self._now_ns

    def advance_to(self, ns: int) -> None:
        """Make it `ns` now; `TimeStepsBack` if that has passed."""
        if ns < self._now_ns:
            raise TimeStepsBack(self._now_ns, ns)
        self._now_ns = ns


class TimeStepsBack(UserError, ValueError):
    """A clock was told a time that has passed."""

    def __init__(self, now_ns: int, asked_ns: int) -> None:
        super().__init__(now_ns, asked_ns)
        self.now_ns = now_ns
        self.asked_ns = asked_ns

    def __str__(self) -> str:
        behind_ns = self.now_ns - self.asked_ns
        return f"the clock stands at {self.now_ns} ns and cannot go back {behind_ns} ns: put what happens in order"


class NaiveDatetime(UserError, ValueError):
    """A datetime without time zone, which names no instant."""

    def __init__(self, value: datetime) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return f"{self.value} has no time zone and names no instant: give it one, such as tzinfo=datetime.UTC"


_LIVE = LiveClock()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def current_clock() -> Clock:
    """The `clock` of the running loop if it has one (a `VirtualLoop` has), else the process's one `LiveClock`."""
    clock: Clock = getattr(running_loop(), "clock", _LIVE)
    return clock


def seeded(seed: int | str) -> random.Random:
    """The one source of randomness: the same seed gives the same numbers in every process."""
    if not isinstance(seed, int | str):  # None would draw one from the system, an object would hash its address
        raise TypeError(f"a seed is an int or a str, not {type(seed).__name__}")
    return random.Random(seed)


def utc(ns: int) -> datetime:
    """The instant `ns` nanoseconds after the Unix epoch, cut to the microsecond."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def to_ns(value: datetime) -> int:
    """Nanoseconds from the Unix epoch to `value`, exactly; `NaiveDatetime` if it has no time zone."""
    if value.utcoffset() is None:
        raise NaiveDatetime(value)
    return (value - _EPOCH) // _MICROSECOND * 1000
