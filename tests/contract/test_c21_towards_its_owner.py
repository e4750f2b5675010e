"""C21: the parent's own lifecycle towards its owner, from the same events that every view is fed by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import exo
from exo.mkt import ExecType, OrdStatus

from .helpers import D, Made, buy, settled, virtual
from .venues import Wire

Step = tuple[str | tuple[str, Any], str]

# What happens, and how the order stands towards its owner then: status CumQty/LeavesQty AvgPx.
LIFES: dict[str, list[Step]] = {
    "filled in parts": [
        ("accept", "NEW 0/10 None"),
        (("fill", 4), "PARTIALLY_FILLED 4/6 10"),
        (("fill", 6), "FILLED 10/0 10"),
    ],
    "cancelled": [
        ("accept", "NEW 0/10 None"),
        (("fill", 4), "PARTIALLY_FILLED 4/6 10"),
        ("cancel", "PENDING_CANCEL 4/6 10"),
        ("end", "CANCELED 4/0 10"),
    ],
    "cancelled with nothing filled": [
        ("cancel", "PENDING_CANCEL 0/10 None"),
        ("end", "CANCELED 0/0 None"),
    ],
    "too late to cancel": [
        ("accept", "NEW 0/10 None"),
        ("cancel", "PENDING_CANCEL 0/10 None"),
        (("fill", 3), "PENDING_CANCEL 3/7 10"),
        (("fill", 7), "PENDING_CANCEL 10/0 10"),
        (("refuse", OrdStatus.FILLED), "FILLED 10/0 10"),
    ],
    "a child that the venue has cancelled is none of its owner's concern": [
        ("accept", "NEW 0/10 None"),
        (("fill", 4), "PARTIALLY_FILLED 4/6 10"),
        ("end", "PARTIALLY_FILLED 4/6 10"),
        ("accept", "PARTIALLY_FILLED 4/6 10"),
        (("fill", 6), "FILLED 10/0 10"),
    ],
    "held and released": [
        ("accept", "NEW 0/10 None"),
        ("hold", "SUSPENDED 0/10 None"),
        (("fill", 4), "SUSPENDED 4/6 10"),
        ("release", "PARTIALLY_FILLED 4/6 10"),
        ("cancel", "PENDING_CANCEL 4/6 10"),
        ("end", "CANCELED 4/0 10"),
    ],
    "replaced to less than is executed": [
        ("accept", "NEW 0/10 None"),
        (("fill", 4), "PARTIALLY_FILLED 4/6 10"),
        (("replace", 3), "FILLED 4/0 10"),
        ("end", "FILLED 4/0 10"),
    ],
    "its delegate fails": [
        ("accept", "NEW 0/10 None"),
        (("fill", 4), "PARTIALLY_FILLED 4/6 10"),
        ("fail", "PENDING_CANCEL 4/6 10"),
        ("end", "CANCELED 4/0 10"),
    ],
    "its delegate is done with some of it left": [
        ("accept", "NEW 0/10 None"),
        (("fill", 4), "PARTIALLY_FILLED 4/6 10"),
        ("give up", "PARTIALLY_FILLED 4/6 10"),
        ("end", "EXPIRED 4/0 10"),
    ],
    "filled at once": [(("fill", 10), "FILLED 10/0 10")],
}


def spelled(event: exo.Event) -> str:
    return f"{event.ord_status.name} {event.cum_qty}/{event.leaves_qty} {event.avg_px}"


class Owner:
    """Works its order at 10 until told otherwise."""

    def __init__(self) -> None:
        self.does: Callable[[Any], Any] = self.work
        self.made = Made(lambda me, update: self.does(me.desk))

    def work(self, desk: Any) -> Any:
        if desk.cancelled:
            desk.cancel()
        elif not desk.finished:
            desk.work(price=D(10))
        return exo.DONE if desk.finished else None

    def give_up(self, desk: Any) -> Any:
        desk.cancel()
        return exo.DONE if desk.working is None else None

    def fail(self, desk: Any) -> Any:
        raise ValueError("boom")


@pytest.mark.parametrize("steps", LIFES.values(), ids=LIFES)
@virtual
async def test_c21_an_order_has_a_lifecycle_of_its_own(steps: list[Step]) -> None:
    """After every step its latest event says so, and its outcome at the end."""
    owner, wire = Owner(), Wire()
    latest: list[exo.Event] = []

    async def read(events: Any) -> None:
        async for event in events:
            latest.append(event)

    async with exo.Dispatcher(owner.made, wire, exit_s=1) as d:
        follower = asyncio.create_task(read(d.events()))
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        assert spelled(latest[-1]) == "NEW 0/10 None"
        for what, stands in steps:
            verb, *more = (what,) if isinstance(what, str) else what
            if verb in ("cancel", "hold", "release"):
                getattr(d, verb)(x)
            elif verb == "replace":
                d.replace(buy(order_id=x, order_qty=D(more[0])))
            elif verb in ("fail", "give up"):
                owner.does = owner.fail if verb == "fail" else owner.give_up
                d.on_quote(exo.Quote("A", D(9), D(1), D(11), D(1)))
            else:
                getattr(wire, verb)(*more)
            await settled()
            assert spelled(latest[-1]) == stands, what
        outcome = d.outcome(x)
    await follower
    assert outcome is not None
    status, qty, px = steps[-1][1].split()
    assert (outcome.ord_status.name, str(outcome.cum_qty), str(outcome.avg_px)) == (status, qty.split("/")[0], px)


@virtual
async def test_c21_an_order_without_a_quantity_leaves_nobody_knows_how_much() -> None:
    """It is filled when its delegate is done and something was executed."""
    wire = Wire()

    def act(me: Any, update: Any) -> Any:
        me.desk.work(price=D(10), order_qty=D(5))
        return exo.DONE if me.desk.cum_qty else None

    async with exo.Dispatcher(Made(act), wire) as d:
        x = d.submit(exo.Order(side=exo.Side.BUY, symbol="A")).order_id
        await settled()
        wire.tell(ExecType.TRADE, last_qty=D(5), last_px=D(10), exec_id="1")
        outcome = await d.ended(x)
    assert (outcome.ord_status, outcome.cum_qty) == (OrdStatus.FILLED, 5)
