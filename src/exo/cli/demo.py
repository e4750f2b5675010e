"""The demo: a seeded market, many orders that take its far side, and one delegate that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from exo.delegates import FarOrder, Fill, TakeFar
from exo.flow import seeded
from exo.replay import Account, PaperDelegate, replay
from exo.run import Desk, Next, Update
from exo.testing import RandomWalk

_SENDING_S: Final = (0.002, 0.05)


def demo(*, orders: int, symbols: int, seconds: float, rate: float, seed: int) -> Account:
    """Run the demo in virtual time; the last order's delegate fails at its first update."""
    names = [f"EXO{number}" for number in range(1, symbols + 1)]
    market = RandomWalk(names, seconds=seconds, rate=rate, seed=seed)

    def staff(desk: Desk[FarOrder]) -> PaperDelegate:
        return Faulty(desk) if int(desk.order_id) == orders else Unhurried(desk, seed)

    return replay(market, orders=orders, seed=seed, factory=staff)


class Unhurried:
    """Takes the far side, and then is busy for a while as if it had sent an order: the market goes on meanwhile."""

    def __init__(self, desk: Desk[FarOrder], seed: int) -> None:
        self._taker = TakeFar(desk)
        self._random = seeded(f"{seed} sending {desk.order_id}")

    @property
    def fills(self) -> Sequence[Fill]:
        """What it took."""
        return self._taker.fills

    async def act(self, update: Update[FarOrder]) -> Next:
        """Decide as TakeFar does, and take its time over it."""
        answer = self._taker.act(update)
        await asyncio.sleep(self._random.uniform(*_SENDING_S))
        return answer

    def clean_up(self) -> None:
        """Nothing is held."""


class Faulty:
    """Raises at its first update."""

    fills: Sequence[Fill] = ()

    def __init__(self, desk: Desk[FarOrder]) -> None:
        self.desk = desk

    def act(self, update: Update[FarOrder]) -> Next:
        """Fail on purpose."""
        raise RuntimeError(f"order {self.desk.order_id} fails on purpose, and nothing else does")

    def clean_up(self) -> None:
        """Nothing is held."""
