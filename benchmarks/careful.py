"""The careful design: a Task and a conflating slot per order, what most would come to after the naive one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from exo import Order, Quote


class Slot:
    """Holds the latest quote, and wakes who waits for it."""

    __slots__ = ("event", "quote")

    def __init__(self) -> None:
        self.quote: Quote | None = None
        self.event = asyncio.Event()


class CarefulDispatcher:
    """Puts every quote into the slot of every order of its symbol, over the one before; each order has a Task."""

    def __init__(self, factory: Callable[[Any], Any]) -> None:
        self._factory = factory
        self._slots: dict[str, list[Slot]] = defaultdict(list)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> CarefulDispatcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def submit(self, order: Order) -> None:
        """Start the order's Task."""
        slot = Slot()
        self._slots[order.symbol].append(slot)
        self._tasks.append(asyncio.create_task(self._work(order, slot)))

    def on_quote(self, quote: Quote) -> None:
        """Fan a quote out."""
        for slot in self._slots[quote.symbol]:
            slot.quote = quote
            slot.event.set()

    async def _work(self, order: Order, slot: Slot) -> None:
        delegate = self._factory(order)
        while True:
            await slot.event.wait()
            slot.event.clear()
            answer = delegate.act(slot.quote)
            if answer is not None:
                await answer
