"""The demo: a seeded market with a burst, many orders worked on paper, and one delegate that fails."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from exo.delegates import Peg, Pov, Sweep, Twap, TwapOrder
from exo.replay import Account, Delay, Plan, Replay, replay
from exo.run import Delegate, Desk, Next, Update
from exo.testing import RandomWalk
from exo.venue import PaperVenue

_BUSY: Final = Delay(2_000_000, 50_000_000)
_LATE: Final = Delay(200_000, 3_000_000)
_MAKER_BPS, _TAKER_BPS = Decimal("-0.5"), Decimal(2)


def demo(
    *,
    orders: int,
    symbols: int,
    seconds: float,
    rate: float,
    seed: int,
    watch: Callable[[Replay], object] | None = None,
) -> Account:
    """Run the demo in virtual time.

    The orders sweep, are worked over a quarter of the time, follow the touch or the volume, by turns; the delegate of
    the one in the middle fails at its second look. Half-way through the market storms for a thirtieth of the time.
    """
    half_way = seconds / 2
    names = [f"EXO{number}" for number in range(1, symbols + 1)]
    market = RandomWalk(names, seconds=seconds, rate=rate, seed=seed, storm=(half_way, half_way + seconds / 30))

    class DemoOrder(TwapOrder):
        """An order for any of the delegates."""

        duration_s: Decimal = max(Decimal("0.001"), Decimal(round(seconds * 250)) / 1000)
        slices: int = 10
        rate: Decimal = Decimal("0.2")
        clip: Decimal = Decimal(0)
        show: Decimal = Decimal(0)

    def staff(desk: Desk[Any]) -> Delegate[Any]:
        number = int(desk.order_id)
        if number == (orders + 1) // 2:
            return Faulty(desk)
        return (Sweep, Twap, Peg, Pov)[number % 4](desk)

    plan = Plan(
        orders=orders,
        seed=seed,
        factory=staff,
        order_type=DemoOrder,
        delegate="Sweep, Twap, Peg, Pov and one that fails",
        files=("a synthetic market",),
        act_time=_BUSY,
        feed_latency=_LATE,
        venue=PaperVenue(maker_bps=_MAKER_BPS, taker_bps=_TAKER_BPS),
    )
    return replay(market, plan, watch=watch)


class Faulty:
    """Raises at its second update."""

    def __init__(self, desk: Desk[Any]) -> None:
        self._desk = desk
        self._looks = 0

    def act(self, update: Update[Any]) -> Next:
        """Fail on purpose."""
        self._looks += 1
        if self._looks == 2 or self._desk.cancelled:
            raise RuntimeError(f"order {self._desk.order_id} fails on purpose, and nothing else does")
        return None

    def clean_up(self) -> None:
        """Nothing is held."""
