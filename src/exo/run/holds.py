"""Holds: cancels that wait because the one before was just rejected - to ask again at once might go on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from exo.dma.child import Child
from exo.run.process import OrderProcess

_AGAIN_S: Final = 1.0

Process = OrderProcess[Any]


class Holds:
    """By the name a child was made with; `over` is told of each that ends, and if a cancel was wanted meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop, over: Callable[[Process, str, bool], object]) -> None:
        self._loop = loop
        self._over = over
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._wanted: set[str] = set()

    def begin(self, process: Process, child: Child) -> None:
        """A cancel of this child was rejected."""
        name = child.request.cl_ord_id
        if name not in self._timers:
            self._timers[name] = self._loop.call_later(_AGAIN_S, self.end, process, name)

    def keeps(self, child: Child) -> bool:
        """Whether a cancel of this child must wait; it is then wanted at the end."""
        name = child.request.cl_ord_id
        held = name in self._timers
        if held:
            self._wanted.add(name)
        return held

    def end(self, process: Process, name: str) -> None:
        """The time is up, or the child is no longer what it was."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
            wanted = name in self._wanted
            self._wanted.discard(name)
            self._over(process, name, wanted)

    def clear(self) -> None:
        """Who goes now does not wait."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._wanted.clear()
