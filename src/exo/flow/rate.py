"""Rate limits as venues count them: so many in any stretch of so many seconds."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from functools import cached_property

from exo.errors import UserError
from exo.flow.clock import current_clock

_S = 1_000_000_000


class BadWindow(UserError, ValueError):
    """A window whose limit or interval makes no sense."""

    def __init__(self, limit: object, interval_s: object) -> None:
        super().__init__(limit, interval_s)
        self.limit = limit
        self.interval_s = interval_s

    def __str__(self) -> str:
        return (
            f"a window of {self.limit!r} in {self.interval_s!r} s is none: "
            "give a whole limit of at least 1 and a finite interval of at least a nanosecond"
        )


class BadWeight(UserError, ValueError):
    """A weight that is negative, not whole, or not one per window."""

    def __init__(self, weight: object, windows: int) -> None:
        super().__init__(weight, windows)
        self.weight = weight
        self.windows = windows

    def __str__(self) -> str:
        return f"{self.weight!r} is no weight: give an int of at least 0, or a tuple of {self.windows}, one per window"


class NeverAdmitted(UserError, ValueError):
    """A weight beyond a window's limit, which no waiting makes fit."""

    def __init__(self, weight: int, window: Window) -> None:
        super().__init__(weight, window)
        self.weight = weight
        self.window = window

    def __str__(self) -> str:
        return (
            f"a weight of {self.weight} is beyond the window of {self.window.limit} in {self.window.interval_s} s "
            "and would wait for ever: split what it stands for"
        )


@dataclass(frozen=True)
class Window:
    """At most `limit` in any `interval_s` seconds; what happens at t counts until before t + interval_s."""

    limit: int
    interval_s: float

    def __post_init__(self) -> None:
        whole = isinstance(self.limit, int) and self.limit >= 1
        if not whole or not math.isfinite(self.interval_s) or self.interval_ns < 1:
            raise BadWindow(self.limit, self.interval_s)

    @cached_property
    def interval_ns(self) -> int:
        """The interval in nanoseconds."""
        return round(self.interval_s * _S)

    def tally(self) -> Tally:
        """An empty count for this window."""
        return Tally(self.limit, self.interval_ns)


class RateLimiter:
    """Several exact sliding windows at once: all must admit, or nothing is taken.

    A weight is an int that counts in every window, or a tuple with an int for each: a venue may count orders in one
    window and the cost of requests in another. First come, first served: nobody overtakes one who waits. Waiting costs
    one timer however many wait, and memory follows the limits and the waiters, not the calls. Belongs to one event
    loop, whose clock it uses; it is not safe to share between threads. A weight that could never be admitted raises
    `NeverAdmitted` at once, one that is none `BadWeight`.
    """

    def __init__(self, *windows: Window) -> None:
        self.windows = windows
        self._counts = [window.tally() for window in windows]
        # Only the first in line is ever woken, when it fits. It takes its weight itself when it runs, so that the time
        # that counts is the time it goes ahead; nobody else takes while there is a line, so it still fits.
        self._line: OrderedDict[asyncio.Future[None], tuple[int, ...]] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def try_acquire(self, weight: int | tuple[int, ...] = 1) -> bool:
        """Take the weight now if it is admitted and nobody waits."""
        weights = self._weights(weight)
        if self._line:
            return False
        now_ns = current_clock().now_ns()
        if _admitted_ns(self._counts, weights, now_ns) > now_ns:
            return False
        _take(self._counts, weights, now_ns)
        return True

    async def acquire(self, weight: int | tuple[int, ...] = 1) -> None:
        """Take the weight, waiting in line for it; one who is cancelled takes nothing and lets the next move up."""
        if self.try_acquire(weight):
            return
        weights = self._weights(weight)
        turn = asyncio.get_running_loop().create_future()
        self._line[turn] = weights
        if len(self._line) == 1:
            self._serve()
        try:
            await turn
            _take(self._counts, weights, current_clock().now_ns())
        finally:
            first = next(iter(self._line)) is turn
            del self._line[turn]
            if first:
                self._serve()

    def available(self) -> tuple[int, ...]:
        """What each window would admit now, whoever waits."""
        now_ns = current_clock().now_ns()
        return tuple(count.free(now_ns) for count in self._counts)

    def delay_s(self, weight: int | tuple[int, ...] = 1) -> float:
        """Seconds until the weight would be admitted, after all who wait now and if nobody else comes."""
        at_ns = now_ns = current_clock().now_ns()
        counts = [count.copy() for count in self._counts] if self._line else self._counts
        for ahead in self._line.values():
            at_ns = _admitted_ns(counts, ahead, at_ns)
            _take(counts, ahead, at_ns)
        return (_admitted_ns(counts, self._weights(weight), at_ns) - now_ns) / _S

    def _weights(self, weight: int | tuple[int, ...]) -> tuple[int, ...]:
        weights = weight if isinstance(weight, tuple) else (weight,) * len(self.windows)
        if len(weights) != len(self.windows) or not all(isinstance(each, int) and each >= 0 for each in weights):
            raise BadWeight(weight, len(self.windows))
        for each, window in zip(weights, self.windows, strict=True):
            if each > window.limit:
                raise NeverAdmitted(each, window)
        return weights

    def _serve(self) -> None:
        """Wake the first in line if it fits, else set the timer for when it will."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._line:
            return
        turn, weights = next(iter(self._line.items()))
        now_ns = current_clock().now_ns()
        wait_ns = _admitted_ns(self._counts, weights, now_ns) - now_ns
        if wait_ns > 0:
            self._timer = turn.get_loop().call_later(wait_ns / _S, self._serve)
        elif not turn.done():  # race: cancelled in this very turn of the loop, and about to leave the line
            turn.set_result(None)


@dataclass(slots=True)
class Tally:
    """What counts in one window: the time and weight of each event, oldest first, never more than the limit.

    It reads no clock: whoever asks says what time it is, and never an earlier one than before.
    """

    limit: int
    interval_ns: int
    used: int = 0
    events: deque[tuple[int, int]] = field(default_factory=deque)

    def copy(self) -> Tally:
        """The same, to count on with."""
        return replace(self, events=self.events.copy())

    def free(self, now_ns: int) -> int:
        """What may be taken now; forgets what counts no more."""
        events = self.events
        passed_ns = now_ns - self.interval_ns
        while events and events[0][0] <= passed_ns:
            self.used -= events.popleft()[1]
        return self.limit - self.used

    def admitted_ns(self, weight: int, now_ns: int) -> int:
        """When `weight`, not beyond the limit, may be taken: now or later."""
        short = weight - self.free(now_ns)
        for at_ns, freed in self.events:
            if short <= 0:
                break
            short -= freed
            now_ns = at_ns + self.interval_ns
        return now_ns

    def take(self, weight: int, now_ns: int) -> None:
        """Count this weight, which is admitted, from now."""
        self.free(now_ns)
        if weight:
            self.events.append((now_ns, weight))
            self.used += weight


def _admitted_ns(counts: list[Tally], weights: tuple[int, ...], now_ns: int) -> int:
    return max(
        (count.admitted_ns(weight, now_ns) for count, weight in zip(counts, weights, strict=True)), default=now_ns
    )


def _take(counts: list[Tally], weights: tuple[int, ...], now_ns: int) -> None:
    for count, weight in zip(counts, weights, strict=True):
        count.take(weight, now_ns)
