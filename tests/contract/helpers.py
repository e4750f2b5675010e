"""What the contract's tests share: orders, ticks, delegates made of a function, and a deadline for every test."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import exo
from exo.flow import current_clock

D = Decimal


class PegOrder(exo.Order):
    """An order with two terms of its own."""

    order_qty: Decimal = D(1)
    price: Decimal | None = None


def buy(symbol: str = "A", **terms: Any) -> PegOrder:
    """An order to buy."""
    return PegOrder(**({"side": exo.Side.BUY, "symbol": symbol} | terms))


def quote(bid: object = 10, ask: object = 11, symbol: str = "A", **more: Any) -> exo.Quote:
    """A quote with size 1 on both sides."""
    return exo.Quote(symbol, _px(bid), D(1), _px(ask), D(1), **more)


def trade(px: object = 10, qty: object = 1, symbol: str = "A", **more: Any) -> exo.Trade:
    """A trade."""
    return exo.Trade(symbol, D(str(px)), D(str(qty)), **more)


def report(order_id: str, exec_id: object = 1, **more: Any) -> exo.Report:
    """A report of an order, told from others by its exec_id."""
    return exo.Report(**({"order_id": order_id, "exec_id": str(exec_id), "transact_time": None} | more))


def _px(price: object) -> Decimal | None:
    return None if price is None else D(str(price))


def now_ns() -> int:
    """The time on the clock that stamps receive times."""
    return current_clock().now_ns()


class Made:
    """A factory that remembers its delegates; each calls the given functions and keeps what it was given."""

    def __init__(
        self,
        act: Callable[..., Any] | None = None,
        clean_up: Callable[..., Any] | None = None,
        *,
        blocking: bool = False,
    ) -> None:
        self.act = act
        self.clean_up = clean_up
        self.blocking = blocking
        self.exit_policy: Any = exo.ExitPolicy.CANCEL
        self.all: list[Recorder] = []
        self.calls: list[tuple[str, exo.Update[Any]]] = []

    def __call__(self, desk: exo.Desk[Any]) -> Recorder:
        delegate = Recorder(desk, self)
        self.all.append(delegate)
        return delegate

    def __getitem__(self, index: int) -> Recorder:
        return self.all[index]

    def __len__(self) -> int:
        return len(self.all)

    def of(self, order_id: str) -> Recorder:
        """The delegate of an order."""
        [delegate] = [d for d in self.all if d.desk.order_id == order_id]
        return delegate


class Recorder:
    """A delegate that keeps its updates and counts what must never be: two calls at a time, a call after its end."""

    def __init__(self, desk: exo.Desk[Any], made: Made) -> None:
        self.desk = desk
        self.made = made
        self.blocking = made.blocking
        self.exit_policy = made.exit_policy
        self.updates: list[exo.Update[Any]] = []
        self.cleaned = 0
        self.inside = 0
        self.overlaps = 0
        self.late = 0

    def act(self, update: exo.Update[Any]) -> Any:
        """Keep the update and do as the test says."""
        self.late += self.cleaned
        self.overlaps += self.inside
        self.updates.append(update)
        self.made.calls.append((self.desk.order_id, update))
        if self.made.act is None:
            return None
        self.inside += 1
        try:
            answer = self.made.act(self, update)
        except BaseException:
            self.inside -= 1
            raise
        if asyncio.iscoroutine(answer):
            return self._finish(answer)
        self.inside -= 1
        return answer

    async def _finish(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        finally:
            self.inside -= 1

    def clean_up(self) -> Any:
        """Count it."""
        self.cleaned += 1
        return None if self.made.clean_up is None else self.made.clean_up(self)

    @property
    def last(self) -> exo.Update[Any]:
        """The latest update."""
        return self.updates[-1]

    @property
    def instructions(self) -> list[exo.Instruction[Any]]:
        """All instructions ever delivered, in order."""
        return [i for update in self.updates for i in update.instructions]

    @property
    def exec_ids(self) -> list[str | None]:
        """The exec_ids of all reports ever delivered, in order."""
        return [r.exec_id for update in self.updates for r in update.reports]

    @property
    def quotes(self) -> int:
        """How many quotes all its updates stand for."""
        return sum(u.span.quotes for u in self.updates if u.span is not None)


def done(delegate: Recorder, update: exo.Update[Any]) -> Any:
    """An act that is done at once."""
    return exo.DONE


def done_when_cancelled(delegate: Recorder, update: exo.Update[Any]) -> Any:
    """An act that waits for the cancel."""
    return exo.DONE if delegate.desk.cancelled else None


def in_turn(*factories: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A factory that takes a given one for each order, the last of them for all that follow."""
    left = list(factories)

    def factory(desk: exo.Desk[Any]) -> Any:
        return (left.pop(0) if len(left) > 1 else left[0])(desk)

    return factory


async def settled() -> None:
    """Let everything happen that is due: virtual time moves on only when nothing is ready to run."""
    await asyncio.sleep(1e-6)


Test = Callable[..., Awaitable[None]]


def virtual(test: Test) -> Callable[..., None]:
    """Run an async test in virtual time, within an hour of it; nothing may reach the loop's exception handler."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        ended: list[bool] = []
        strays: list[dict[str, Any]] = []

        async def program() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: strays.append(context))
            await test(*args, **kwargs)
            ended.append(True)

        exo.run_virtually(program(), until_s=3600)
        assert ended, f"the test did not end within an hour of virtual time {strays}"
        assert not strays

    return run


def live(test: Test) -> Callable[..., None]:
    """Run an async test on a real loop, within 5 s; no thread may be left behind."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        strays: list[dict[str, Any]] = []
        before = set(threading.enumerate())

        async def program() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: strays.append(context))
            async with asyncio.timeout(5):
                await test(*args, **kwargs)

        asyncio.run(program())
        assert not strays
        for thread in threading.enumerate():
            if thread not in before:
                thread.join(1)
                assert not thread.is_alive(), thread

    return run


async def until(condition: Callable[[], object], step_s: float = 0.002) -> None:
    """Wait for a condition that another thread brings about; the test's own deadline bounds it."""
    while not condition():
        await asyncio.sleep(step_s)
