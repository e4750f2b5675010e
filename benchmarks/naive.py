"""The naive design, as a good asyncio developer would ship it: a Task and an asyncio.Queue per order."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from exo import Order, Quote

_log = logging.getLogger(__name__)


class NaiveDispatcher:
    """Puts every quote into the queue of every order of its symbol; each order's Task takes them out one by one."""

    def __init__(self, factory: Callable[[Any], Any]) -> None:
        self._factory = factory
        self._queues: dict[str, list[asyncio.Queue[Quote]]] = defaultdict(list)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> NaiveDispatcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def submit(self, order: Order) -> None:
        """Start the order's Task."""
        queue: asyncio.Queue[Quote] = asyncio.Queue()
        self._queues[order.symbol].append(queue)
        self._tasks.append(asyncio.create_task(self._work(order, queue)))

    def on_quote(self, quote: Quote) -> None:
        """Fan a quote out."""
        for queue in self._queues[quote.symbol]:
            queue.put_nowait(quote)

    async def _work(self, order: Order, queue: asyncio.Queue[Quote]) -> None:
        delegate = self._factory(order)
        try:
            while True:
                quote = await queue.get()
                answer = delegate.act(quote)
                if answer is not None:
                    answer = await answer
                if answer is not None:
                    return
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception("order failed")
