"""Events: a view that only follows them knows how every order stands."""

from __future__ import annotations

import asyncio

import exo
from exo.run import Reader, Stage
from exo.testing import order


class Obedient:
    """Ends when it is told to."""

    def __init__(self, desk: exo.Desk[exo.Order]) -> None:
        self.desk = desk

    def act(self, update: exo.Update[exo.Order]) -> exo.Next:
        return exo.DONE if self.desk.cancelled else None

    def clean_up(self) -> None: ...


def test_each_change_is_told_with_the_stage_it_leads_to() -> None:
    """Hold, release and cancel show at once, and the end with its outcome."""
    stages: list[tuple[Stage, bool]] = []

    async def follow(events: Reader) -> None:
        async for event in events:
            stages.append((event.stage, event.outcome is not None))

    async def program() -> None:
        async with asyncio.timeout(60), exo.Dispatcher(Obedient) as dispatcher:
            follower = asyncio.create_task(follow(dispatcher.events()))
            order_id = dispatcher.submit(order()).order_id
            for step in (dispatcher.hold, dispatcher.release, dispatcher.hold, dispatcher.cancel):
                await asyncio.sleep(1)
                step(order_id)
            await asyncio.sleep(1)
        await follower

    exo.run_virtually(program())
    assert stages == [
        (Stage.WORKING, False),
        (Stage.HELD, False),
        (Stage.WORKING, False),
        (Stage.HELD, False),
        (Stage.DONE, True),
    ]


def test_a_cancel_that_its_delegate_takes_time_over_is_told_as_such() -> None:
    """The order is cancelling until it has ended."""

    class Slow(Obedient):
        async def act(self, update: exo.Update[exo.Order]) -> exo.Next:  # type: ignore[override]
            await asyncio.sleep(5)
            return super().act(update)

    async def first() -> Stage:
        async with asyncio.timeout(60), exo.Dispatcher(Slow) as dispatcher:
            events = dispatcher.events()
            dispatcher.cancel(dispatcher.submit(order()).order_id)
            return (await anext(events)).stage

    assert exo.run_virtually(first()) is Stage.CANCELLING
