"""Containers: exo and its alternatives behind one face, and delegates that count their calls."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from decimal import Decimal
from typing import Any, TypeVar

import exo
from benchmarks import peers
from benchmarks.careful import CarefulDispatcher
from benchmarks.naive import NaiveDispatcher
from exo.flow import current_clock

Factory = Callable[[Any], Any]


class Bare:
    """No container at all: a list of delegates for each symbol, called in a loop. Nothing can be faster."""

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self.made: dict[str, list[tuple[exo.Order, Any]]] = defaultdict(list)

    async def __aenter__(self) -> Bare:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def submit(self, order: exo.Order) -> None:
        """Keep an order and its delegate."""
        self.made[order.symbol].append((order, self._factory(order)))

    def on_quote(self, quote: exo.Quote) -> None:
        """Call the delegates of its symbol."""
        for _, delegate in self.made[quote.symbol]:
            delegate.act(quote)


MAKERS: dict[str, Callable[[Factory], Any]] = {
    "exo": exo.Dispatcher,
    "careful": CarefulDispatcher,
    "naive": NaiveDispatcher,
    "bare loop": Bare,
    **peers.installed(),
}
OURS = ("exo", "careful", "naive")
INLINE = ("exo", "bare loop", "nautilus")  # a push has called the delegates when it returns
QUEUEING = ("naive", "bare loop", "nautilus", "vnpy")  # every delegate gets every quote
T = TypeVar("T")
NEVER = 1 << 60


class Count:
    """How many calls of act are still to come, and who waits for the last; vnpy calls from a thread of its own."""

    def __init__(self, container: str) -> None:
        self.left = NEVER
        self._told: asyncio.Event | threading.Event = threading.Event() if container == "vnpy" else asyncio.Event()
        self._tell = self._told.set

    def expect(self, calls: int) -> None:
        """So many are to come from now on."""
        self.left = calls
        self._told.clear()

    def call(self) -> None:
        """One call came."""
        self.left -= 1
        if not self.left:
            self._tell()

    async def done(self) -> None:
        """Wait until all have come."""
        if isinstance(self._told, asyncio.Event):
            await self._told.wait()
        else:
            self._told.wait()


def delegates(kind: str, count: Count) -> Factory:
    """A factory of delegates that count their calls: `sync`, `async`, or `suspending` once in each call."""
    call = count.call

    class Delegate:
        def __init__(self, _: object) -> None:
            pass

        def clean_up(self) -> None:
            pass

    class Sync(Delegate):
        def act(self, _: object) -> None:
            call()

    class Async(Delegate):
        async def act(self, _: object) -> None:
            call()

    class Suspending(Delegate):
        async def act(self, _: object) -> None:
            await asyncio.sleep(0)
            call()

    return {"sync": Sync, "async": Async, "suspending": Suspending}[kind]


def quotes_of(symbols: int) -> list[list[exo.Quote]]:
    """Two different quotes for each symbol, received now."""
    bid, ask, size = Decimal("61837.63"), Decimal("61837.64"), Decimal("3.78826")
    now_ns = current_clock().now_ns()
    return [
        [exo.Quote(f"S{s}", bid + move, size, ask + move, size, received_ns=now_ns) for s in range(symbols)]
        for move in (Decimal(0), Decimal("0.01"))
    ]


def order(symbol: int) -> exo.Order:
    """An order of the least kind."""
    return exo.Order(side=exo.Side.BUY, symbol=f"S{symbol}")


async def filled(dispatcher: Any, symbols: int, orders: int) -> None:
    """Submit so many orders of each symbol, and let all have their first calls: what is resolved once is resolved."""
    for s in range(symbols):
        for _ in range(orders):
            dispatcher.submit(order(s))
    await asyncio.sleep(0.01)
    push = pushing(dispatcher)
    for quotes in quotes_of(symbols):
        push(quotes)
        await asyncio.sleep(0.01)


def pushing(dispatcher: Any) -> Callable[[Iterable[exo.Quote]], None]:
    """What pushes quotes into this container: into exo as one read of a feed, with its turns run inline."""
    if isinstance(dispatcher, exo.Dispatcher):
        on_ticks, deliver = dispatcher.on_ticks, dispatcher.deliver

        def read(quotes: Iterable[exo.Quote]) -> None:
            left = on_ticks(quotes)
            while left:
                left = deliver()

        return read
    on_quote = dispatcher.on_quote

    def push(quotes: Iterable[exo.Quote]) -> None:
        for quote in quotes:
            on_quote(quote)

    return push


def run(program: Coroutine[Any, Any, T], loop: str = "asyncio") -> T:
    """Run on this kind of loop."""
    if loop == "uvloop":
        import uvloop

        return uvloop.run(program)  # type: ignore[no-any-return,unused-ignore]
    return asyncio.run(program)
