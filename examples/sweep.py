"""Three orders sweep a random market at a paper venue, in virtual time.

Run it: python examples/sweep.py
"""

from decimal import Decimal

import exo
from exo.delegates import Sweep, SweepOrder
from exo.replay import play
from exo.testing import RandomWalk
from exo.venue import PaperVenue


async def main() -> None:
    """Submit the orders, let the market pass by, and tell what became of them."""
    desks: dict[str, exo.Desk[SweepOrder]] = {}

    def staff(desk: exo.Desk[SweepOrder]) -> Sweep:
        desks[desk.order_id] = desk
        return Sweep(desk)

    venue = PaperVenue(taker_bps=Decimal(2))
    async with exo.Dispatcher(staff, venue) as dispatcher:
        for name, side, price in (
            ("buyer", exo.Side.BUY, None),  # at any price
            ("seller", exo.Side.SELL, None),
            ("patient", exo.Side.BUY, Decimal(1)),  # at a price that will not come
        ):
            order = SweepOrder(order_id=name, side=side, symbol="EXO", order_qty=Decimal(10_000), price=price)
            dispatcher.submit(order)

        # A minute of quotes and trades, each put in at its time: it takes no time at all.
        await play(RandomWalk(["EXO"], seconds=60, rate=20, seed=1), dispatcher, venue)

        dispatcher.cancel("patient")
        await dispatcher.all_ended()

    for order_id, desk in desks.items():
        outcome = dispatcher.outcome(order_id)
        assert outcome is not None
        end = "cancelled" if outcome.cancelled else outcome.end.name.lower()
        price = "" if desk.avg_px is None else f"at {desk.avg_px:.4f}"
        print(f"{order_id:8} {end:10} {desk.cum_qty:>6} {price}")


if __name__ == "__main__":
    exo.run_virtually(main())
