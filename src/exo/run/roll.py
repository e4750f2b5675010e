"""Roll: which orders have a child that may still trade, which of them leave it to itself, and which have ended."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Final

from exo.run.process import OrderProcess

_KEPT: Final = 10_000

Process = OrderProcess[Any]


class Roll:
    """The orders by their id: `live` with a child that is not finished; `left` those of them that abandon it.

    The last 10,000 that have ended are found too, for executions that come late.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.live: dict[str, Process] = {}
        self.left: dict[str, Process] = {}
        self._ended: OrderedDict[str, Process] = OrderedDict()
        self._loop = loop
        self._none_live: asyncio.Future[None] | None = None

    def enter(self, process: Process) -> None:
        """A child has been asked for."""
        self.live[process.order_id] = process

    def review(self, process: Process) -> None:
        """A child may have ended, or come to life again."""
        parent = process.parent
        if parent is not None and parent.live is not None:
            self.live[process.order_id] = process
            return
        self.live.pop(process.order_id, None)
        self.left.pop(process.order_id, None)
        if self._none_live is not None and not self._none_live.done() and len(self.live) <= len(self.left):
            self._none_live.set_result(None)

    def ended(self, process: Process) -> None:
        """An order is not here any more, whatever its children do."""
        if process.parent is not None:
            self._ended[process.order_id] = process
            if len(self._ended) > _KEPT:
                self._ended.popitem(last=False)

    def find(self, order_id: str) -> Process | None:
        """An order that is live or has ended."""
        return self.live.get(order_id) or self._ended.get(order_id)

    async def none_live(self, within_s: float) -> None:
        """Wait so long until no child may trade any more but those that are left."""
        if len(self.live) > len(self.left):
            self._none_live = self._loop.create_future()
            await asyncio.wait([self._none_live], timeout=within_s)
