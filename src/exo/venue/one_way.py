"""One way: what travels between a trader and the paper venue - late, in order, lost when the line goes down."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from exo.flow.clock import Rng, current_clock
from exo.flow.delays import Delay

T = TypeVar("T")


class OneWay(Generic[T]):
    """Delivers in order what is put in, each after its latency, and never within `put`."""

    def __init__(self, latency: Delay, rng: Rng, deliver: Callable[[T], object]) -> None:
        self._latency = latency
        self._rng = rng
        self._deliver = deliver
        self._under_way: deque[tuple[int, T]] = deque()
        self._last_ns = 0
        self._called = False

    def put(self, what: T) -> None:
        """Send it on its way; it does not overtake what went before."""
        self._last_ns = max(self._last_ns, current_clock().now_ns() + self._latency.draw_ns(self._rng))
        self._under_way.append((self._last_ns, what))
        if not self._called:
            self._call()

    def lose(self) -> None:
        """Lose what is under way."""
        self._under_way.clear()

    def _call(self) -> None:
        self._called = True
        loop = asyncio.get_running_loop()
        wait_ns = self._under_way[0][0] - current_clock().now_ns()
        if wait_ns > 0:
            loop.call_later(wait_ns / 1e9, self._arrive)
        else:
            loop.call_soon(self._arrive)

    def _arrive(self) -> None:
        self._called = False
        now_ns = current_clock().now_ns()
        under_way = self._under_way
        while under_way and under_way[0][0] <= now_ns:
            self._deliver(under_way.popleft()[1])
        if under_way:
            self._call()
