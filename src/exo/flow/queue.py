"""A queue that keeps one item per key: while its reader is busy, news merges instead of piling up."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

from exo.errors import ExoError, UserError
from exo.flow.clock import running_loop

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class QueueClosed(ExoError):
    """The queue was closed: it takes nothing more, or had nothing left to give."""

    def __init__(self, doing: str) -> None:
        super().__init__(doing)
        self.doing = doing

    def __str__(self) -> str:
        return f"cannot {self.doing}: the queue is closed" + (" and empty" if self.doing != "push" else "")


class NoItem(UserError, TypeError):
    """None was pushed or came of conflating, but `pop` answers None for an empty queue, so it cannot be an item."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.source = source

    def __str__(self) -> str:
        if self.source == "push":
            return "cannot push None: pop answers None for an empty queue"
        return f"{self.source} answered None: it must return the one item made of two"


class ConflatingQueue(Generic[K, T]):
    """A queue in which an item joins the one that waits under the same key.

    `key(item)` names the slot. `conflate(waiting, item)` makes one item of two; without it the newer replaces the
    older. A key keeps the place of its first item not yet taken; taken and pushed again it goes to the back. Everything
    is O(1), and memory follows the number of keys that wait.

    Any thread may push, pop, drain and close; `conflate` runs under the queue's lock and must not touch the queue. If
    it or `key` raises, the queue is as it was. `pushed` and `conflated` count since construction: `pushed` is what was
    taken, plus `conflated`, plus what waits.

        async for quote in quotes:  # ends when the queue is closed and empty
            ...
    """

    def __init__(self, key: Callable[[T], K], conflate: Callable[[T, T], T] | None = None) -> None:
        self.pushed = 0
        self.conflated = 0
        self._key = key
        self._conflate = conflate
        self._items: dict[K, T] = {}
        self._keys: deque[K] = deque()  # taking the first of a dict again and again is quadratic
        self._lock = threading.Lock()
        self._closed = False
        # Getters in the order they came. Only the first is ever woken, and it leaves the line when it has taken an item
        # or was cancelled; then the next is woken. So no item is handed to one who is gone.
        self._getters: OrderedDict[_Waiter, None] = OrderedDict()
        self._watchers: dict[_Waiter, None] = {}

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def closed(self) -> bool:
        """Whether `close` was called; there may still be items to take."""
        return self._closed

    def push(self, item: T) -> None:
        """Add an item or merge it into the one under its key; `QueueClosed` after `close`, `NoItem` for None."""
        if item is None:
            raise NoItem("push")
        key = self._key(item)
        with self._lock:
            if self._closed:
                raise QueueClosed("push")
            if (waiting := self._items.get(key)) is None:
                self._items[key] = item
                self._keys.append(key)
                self._wake()
            else:
                if self._conflate is not None and (item := self._conflate(waiting, item)) is None:
                    raise NoItem("conflate")
                self._items[key] = item
                self.conflated += 1
            self.pushed += 1

    def pop(self) -> T | None:
        """Take the first item, or None when there is none; it does not stand in line with the getters."""
        with self._lock:
            return self._take() if self._keys else None

    def drain(self) -> list[T]:
        """Take everything, first to last."""
        with self._lock:
            items = [self._items[key] for key in self._keys]
            self._items.clear()
            self._keys.clear()
            return items

    def close(self) -> None:
        """Take nothing more; what is in the queue can still be taken."""
        with self._lock:
            self._closed = True
            self._wake()

    async def get(self) -> T:
        """Take the first item, waiting for it in line; `QueueClosed` when none will come."""
        with self._lock:
            if not self._getters and self._keys:
                return self._take()
            waiter = _Waiter()
            self._getters[waiter] = None
            self._wake_getter()
        try:
            while True:
                await waiter.woken
                with self._lock:
                    if self._keys:
                        return self._take()
                    if self._closed:
                        raise QueueClosed("get")
                    waiter.rearm()  # race: a pop came first
        finally:
            with self._lock:
                del self._getters[waiter]
                self._wake_getter()

    async def wait(self) -> None:
        """Return when there is something to take, and leave it there; `QueueClosed` when nothing will come.

        To select over several sources, wait for all of them and take from each:

            waits = [asyncio.ensure_future(queue.wait()) for queue in (facts, prices)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            for item in facts.drain() + prices.drain():
                ...
        """
        while True:
            with self._lock:
                if self._keys:
                    return
                if self._closed:
                    raise QueueClosed("wait")
                waiter = _Waiter()
                self._watchers[waiter] = None
            try:
                await waiter.woken
            finally:
                with self._lock:
                    self._watchers.pop(waiter, None)

    def __aiter__(self) -> ConflatingQueue[K, T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.get()
        except QueueClosed:
            raise StopAsyncIteration from None

    def _take(self) -> T:
        return self._items.pop(self._keys.popleft())

    def _wake(self) -> None:
        self._wake_getter()
        for waiter in self._watchers:
            waiter.wake()
        self._watchers.clear()

    def _wake_getter(self) -> None:
        if self._getters and (self._keys or self._closed):
            next(iter(self._getters)).wake()


class _Waiter:
    """One who waits, in the loop and thread of its own."""

    __slots__ = ("_called", "_loop", "woken")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.rearm()

    def rearm(self) -> None:
        self._called = False
        self.woken: asyncio.Future[None] = self._loop.create_future()

    def wake(self) -> None:
        if self._called:
            return
        self._called = True
        if running_loop() is self._loop:
            _settle(self.woken)
        else:
            with suppress(RuntimeError):  # its loop was closed: nobody is there any more
                self._loop.call_soon_threadsafe(_settle, self.woken)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():  # race: it was cancelled on the way
        future.set_result(None)
