"""Three orders take the far side of a random market, on paper and in virtual time.

Run it: python examples/far_side.py
"""

from decimal import Decimal

import exo
from exo.delegates import FarOrder, TakeFar
from exo.replay import play
from exo.testing import RandomWalk


async def main() -> None:
    """Submit the orders, let the market pass by, and tell what became of them."""
    delegates: dict[str, TakeFar] = {}

    def staff(desk: exo.Desk[FarOrder]) -> TakeFar:
        delegates[desk.order_id] = TakeFar(desk)
        return delegates[desk.order_id]

    async with exo.Dispatcher(staff) as dispatcher:
        for name, side, price in (
            ("buyer", exo.Side.BUY, None),  # at any price
            ("seller", exo.Side.SELL, None),
            ("patient", exo.Side.BUY, Decimal(1)),  # at a price that will not come
        ):
            order = FarOrder(order_id=name, side=side, symbol="EXO", order_qty=Decimal(10_000), price=price)
            dispatcher.submit(order)

        # A minute of quotes and trades, each put in at its time: it takes no time at all.
        await play(RandomWalk(["EXO"], seconds=60, rate=20, seed=1), dispatcher)

        dispatcher.cancel("patient")
        await dispatcher.all_ended()

    for order_id, delegate in delegates.items():
        outcome = dispatcher.outcome(order_id)
        assert outcome is not None
        end = "cancelled" if outcome.cancelled else outcome.end.name.lower()
        print(f"{order_id:8} {end:10} {delegate.cum_qty:>6} in {len(delegate.fills)} fills")


if __name__ == "__main__":
    exo.run_virtually(main())
