"""Lock-step: a quote for every symbol, then wait until every delegate has acted on it; ns per (quote x delegate)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import exo
from benchmarks.naive import NaiveDispatcher


class Count:
    """How many calls of act are still to come in this round, and who waits for the last."""

    def __init__(self) -> None:
        self.left = 0
        self.done = asyncio.Event()

    def call(self) -> None:
        """One call came."""
        self.left -= 1
        if not self.left:
            self.done.set()


def sync_delegate(count: Count) -> Callable[[Any], Any]:
    """A factory of `def` delegates that count their calls."""

    class Sync:
        def __init__(self, _: object) -> None:
            pass

        def act(self, _: object) -> None:
            count.call()

        def clean_up(self) -> None:
            pass

    return Sync


def async_delegate(count: Count) -> Callable[[Any], Any]:
    """A factory of `async def` delegates that count their calls and do not suspend."""

    class Async:
        def __init__(self, _: object) -> None:
            pass

        async def act(self, _: object) -> None:
            count.call()

        def clean_up(self) -> None:
            pass

    return Async


def quotes_of(symbols: int) -> list[list[exo.Quote]]:
    """Two different quotes for each symbol."""
    bid, ask, size = Decimal("61837.63"), Decimal("61837.64"), Decimal("3.78826")
    step = Decimal("0.01")
    return [
        [exo.Quote(f"S{s}", bid + move * step, size, ask + move * step, size, received_ns=1) for s in range(symbols)]
        for move in (0, 1)
    ]


async def measure(container: str, delegate: str, symbols: int, orders: int, rounds: int) -> float:
    """Nanoseconds per quote and delegate."""
    count = Count()
    factory = (sync_delegate if delegate == "sync" else async_delegate)(count)
    dispatcher: Any = exo.Dispatcher(factory) if container == "exo" else NaiveDispatcher(factory)
    count.left = -1
    async with dispatcher:
        for s in range(symbols):
            for _ in range(orders):
                dispatcher.submit(exo.Order(side=exo.Side.BUY, symbol=f"S{s}"))
        await asyncio.sleep(0.01)
        while container == "exo" and dispatcher.deliver():
            pass
        quotes = quotes_of(symbols)
        start = time.perf_counter_ns()
        for number in range(rounds):
            count.left = symbols * orders
            count.done.clear()
            for quote in quotes[number % 2]:
                dispatcher.on_quote(quote)
            if container == "exo":
                while dispatcher.deliver():
                    pass
            await count.done.wait()
        elapsed = time.perf_counter_ns() - start
    return elapsed / (symbols * orders * rounds)
