"""Checked by mypy and pyright, not run: a user's order type flows through the container (contract C13)."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

import exo


class PegOrder(exo.Order):
    """A user's order."""

    order_qty: Decimal
    price: Decimal


class Peg:
    """A `def` delegate."""

    def __init__(self, desk: exo.Desk[PegOrder]) -> None:
        self.desk = desk

    def act(self, update: exo.Update[PegOrder]) -> exo.Next:
        """Everything that names the order has its type."""
        assert_type(self.desk.order, PegOrder)
        assert_type(self.desk.order.price, Decimal)
        assert_type(update.instructions, tuple[exo.Instruction[PegOrder], ...])
        assert_type(update.quote, exo.Quote | None)
        return exo.DONE if self.desk.cancelled else None

    def clean_up(self) -> None:
        """Nothing to let go of."""


class SlowPeg:
    """An `async def` delegate."""

    def __init__(self, desk: exo.Desk[PegOrder]) -> None:
        self.desk = desk

    async def act(self, update: exo.Update[PegOrder]) -> exo.Next:
        """Say DONE at once."""
        return exo.DONE

    async def clean_up(self) -> None:
        """Nothing to let go of."""


class AnyOrder:
    """A delegate for orders of every type."""

    def __init__(self, desk: exo.Desk[exo.Order]) -> None:
        self.desk = desk

    def act(self, update: exo.Update[exo.Order]) -> exo.Next:
        """Wait."""
        return None

    def clean_up(self) -> None:
        """Nothing to let go of."""


class Talkative:
    """Not a delegate: its answer is neither DONE nor None."""

    def __init__(self, desk: exo.Desk[PegOrder]) -> None:
        self.desk = desk

    def act(self, update: exo.Update[PegOrder]) -> str:
        """Say something else."""
        return "done"

    def clean_up(self) -> None:
        """Nothing to let go of."""


async def main() -> None:
    """What is right is inferred, what is wrong is caught."""
    assert_type(exo.Dispatcher(Peg), exo.Dispatcher[PegOrder])
    assert_type(exo.Dispatcher(SlowPeg), exo.Dispatcher[PegOrder])
    assert_type(exo.Dispatcher(AnyOrder), exo.Dispatcher[exo.Order])
    exo.Dispatcher(Talkative)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with exo.Dispatcher(Peg) as dispatcher:
        order = PegOrder(side=exo.Side.BUY, symbol="A", order_qty=Decimal(1), price=Decimal(2))
        ack = dispatcher.submit(order)
        assert_type(await ack, PegOrder)
        assert_type(ack.order.order_qty, Decimal)
        dispatcher.submit(exo.Order(side=exo.Side.BUY, symbol="A"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        PegOrder(side=exo.Side.BUY, symbol="A", order_qt=Decimal(1), price=Decimal(2))  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        PegOrder(side="BUY", symbol="A", order_qty=Decimal(1), price=Decimal(2))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        PegOrder(side=exo.Side.BUY, symbol="A", order_qty=1.5, price=Decimal(2))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        order.price = Decimal(3)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
        exo.Quote("A", Decimal(1), Decimal(1), 2.0, None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
