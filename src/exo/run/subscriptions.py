"""Subscriptions: a symbol is subscribed at its first order and unsubscribed after its last (contract C10)."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import OrderedDict
from collections.abc import Callable

from exo.dma.venue import Feed
from exo.mkt.enums import FeedState
from exo.mkt.status import FeedStatus
from exo.run.outcome import sentence

_log = logging.getLogger("exo.run")


class Subscriptions:
    """Brings what a feed sends in line with what is wanted, off the dispatch path, one call after another.

    A symbol wanted and unwanted before the feed was told is never mentioned to it. A feed that raises is reported as
    DOWN for that symbol through `on_status` and disturbs no other.
    """

    def __init__(
        self, feed: Feed, on_status: Callable[[FeedStatus], object], unsubscribed: Callable[[str], object]
    ) -> None:
        self._feed = feed
        self._on_status = on_status
        self._unsubscribed = unsubscribed
        self._wanted: OrderedDict[str, bool] = OrderedDict()
        self._told: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None

    def want(self, symbol: str, wanted: bool) -> None:
        """Note that a symbol is wanted or no longer; the feed is told soon."""
        self._wanted[symbol] = wanted
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._tell(), name="exo.subscriptions")

    async def close(self, within_s: float) -> None:
        """Unsubscribe from everything, and wait for that so long."""
        for symbol in self._told:
            self.want(symbol, False)
        if self._task is not None:
            await asyncio.wait([self._task], timeout=within_s)

    def cancel(self) -> list[asyncio.Task[None]]:
        """Cut short what still runs; these are the tasks that are about to end."""
        if self._task is None:
            return []
        self._task.cancel()
        return [self._task]

    async def _tell(self) -> None:
        try:
            await asyncio.sleep(0)  # a loop with eager tasks begins this inside `want`, on the dispatch path
            while self._wanted:
                symbol, wanted = self._wanted.popitem(last=False)
                if wanted != (symbol in self._told):
                    await self._change(symbol, wanted)
                if symbol not in self._wanted and symbol not in self._told:
                    self._unsubscribed(symbol)
        finally:
            self._task = None

    async def _change(self, symbol: str, wanted: bool) -> None:
        task = asyncio.current_task()
        try:
            answer = self._feed.subscribe(symbol) if wanted else self._feed.unsubscribe(symbol)
            if inspect.isawaitable(answer):
                await answer
        except (Exception, asyncio.CancelledError) as error:
            if task is not None and task.cancelling():
                raise
            _log.exception("cannot %s %s", "subscribe" if wanted else "unsubscribe", symbol)
            text = f"not {'' if wanted else 'un'}subscribed: {sentence(error)}"
            self._on_status(FeedStatus(symbol=symbol, state=FeedState.DOWN, text=text))
        else:
            if wanted:
                self._told[symbol] = None
            else:
                del self._told[symbol]
