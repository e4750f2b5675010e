"""A seeded program in virtual time that prints all that happens; run by test_determinism.py in processes of its own."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from decimal import Decimal
from typing import Any

import exo
from exo.flow import current_clock, seeded


class Seeded(exo.Order):
    """The order of this program."""

    price: Decimal


class Restless:
    """Does a bit of everything, as its own seed says."""

    def __init__(self, desk: exo.Desk[Seeded]) -> None:
        self.desk = desk
        self.chance = seeded(desk.order_id)
        self.calls = 0

    async def act(self, update: exo.Update[Seeded]) -> exo.Next:
        self.calls += 1
        say("act", self.desk.order_id, update)
        draw = self.chance.random()
        if draw < 0.3:
            await asyncio.sleep(self.chance.choice([0, 0.001, 0.0007]))
        elif draw < 0.4:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(3):
                    tasks.create_task(asyncio.sleep(self.chance.random() / 1000))
        elif draw < 0.45:
            self.desk.wake_in(self.chance.random() / 100)
        elif draw < 0.5:
            try:
                async with asyncio.timeout(0.002):
                    await asyncio.sleep(1)
            except TimeoutError:
                say("timeout", self.desk.order_id)
        if self.calls > 20 and draw > 0.97:
            raise ValueError(self.desk.order_id)
        return exo.DONE if self.desk.cancelled or (self.calls > 20 and draw > 0.93) else None

    def clean_up(self) -> None:
        say("clean", self.desk.order_id)


class Stubborn(Restless):
    """Still runs when the program ends."""

    async def act(self, update: exo.Update[Seeded]) -> exo.Next:
        say("stubborn", self.desk.order_id, update)
        try:
            await asyncio.sleep(1000)
        finally:
            say("cut short", self.desk.order_id)
        return None


def say(*words: Any) -> None:
    print(current_clock().now_ns(), *words)


def delegate(desk: exo.Desk[Seeded]) -> Restless:
    return (Stubborn if desk.order.price == 7 else Restless)(desk)


async def program(seed: str) -> None:
    chance = seeded(seed)
    symbols = {f"SYM{number}" for number in range(20)}
    async with exo.Dispatcher(delegate, hog_s=None) as d:
        events = asyncio.create_task(listen(d.events()))
        orders = []
        for number in range(60):
            symbol = f"SYM{chance.randrange(20)}"
            orders.append(d.submit(Seeded(side=exo.Side.SELL, symbol=symbol, price=Decimal(number % 9))).order)
        for number in range(400):
            symbol = f"SYM{chance.randrange(20)}"
            d.on_quote(
                exo.Quote(
                    symbol, Decimal(number), Decimal(1), Decimal(number + 1), None, received_ns=current_clock().now_ns()
                )
            )
            d.on_trade(exo.Trade(symbol, Decimal(number), Decimal(2), exo.Side.BUY))
            order = chance.choice(orders)
            d.on_report(exo.Report(order_id=str(order.order_id), transact_time=None, exec_id=str(number)))
            try:
                if number % 9 == 0:
                    d.replace(Seeded(side=order.side, symbol=order.symbol, order_id=order.order_id, price=Decimal(1)))
                if number % 31 == 0:
                    d.cancel(str(order.order_id))
            except exo.ExoError as error:
                say("refused", error)
            await asyncio.sleep(chance.choice([0, 0.0001, 0.002]))
        say(d.totals)
    await events
    for order in orders:
        outcome = d.outcome(str(order.order_id))
        assert outcome is not None
        say(outcome.order_id, outcome.end, outcome.error, outcome.undelivered, outcome.ended_ns)
    say(d.totals, len(symbols))


async def listen(events: Any) -> None:
    async for event in events:
        say("event", event.order_id, event.stage, event.facts)


if __name__ == "__main__":
    import logging

    logging.disable()
    exo.run_virtually(program(sys.argv[1]))
    # A word that does depend on the hash seed goes to the other stream, to show that the seeds were different.
    print(hashlib.sha256(repr([*{"a", "b", "c", "d", "e", "f"}]).encode()).hexdigest(), file=sys.stderr)
