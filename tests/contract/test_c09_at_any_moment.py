"""Shutdowns and cancels at any moment; whatever stands at the venue then is named by an outcome."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import pytest

import exo
from exo.dma import Replace
from exo.flow import Window
from exo.venue import Faults

from .helpers import D, buy, virtual
from .test_c17_overtaking import Overtaking, Wild


class Awaits(Wild):
    """Works between awaits, and is cut off at any of them."""

    def __init__(self, desk: Any, rng: random.Random) -> None:
        super().__init__(desk, rng)
        self.exit_policy = rng.choice([exo.ExitPolicy.CANCEL, exo.ExitPolicy.LEAVE])
        if rng.random() < 0.6:
            self.act = self.act_later  # type: ignore[method-assign]

    async def act_later(self, update: Any) -> Any:
        for _ in range(self.rng.randint(1, 4)):
            try:
                await asyncio.sleep(self.rng.uniform(0, 2))
            finally:
                Wild.act(self, update)
        if self.rng.random() < 0.05:
            raise ValueError
        return exo.DONE(abandon=True) if self.rng.random() < 0.05 else None

    async def clean_up(self) -> None:  # type: ignore[override]
        self.desk.work(price=D(10))
        await asyncio.sleep(self.rng.uniform(0, 2))
        self.desk.work(price=D(10))


def aka(standing: Any, venue: Any) -> set[str]:
    """All names of a child, by the requests that were sent."""
    names = {standing.request.cl_ord_id}
    for _, what, request in venue.log:
        if what == "send" and getattr(request, "orig_cl_ord_id", None) in names and hasattr(request, "price"):
            names.add(request.cl_ord_id)
    return names


@pytest.mark.parametrize("replace", [Replace.TOTAL, Replace.NONE, Replace.CANCEL_NEW, Replace.REDUCE])
@pytest.mark.parametrize(
    "seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(6, 200))]
)
@virtual
async def test_c09_what_stands_after_a_shutdown_at_any_moment_is_named_by_an_outcome(
    seed: int, replace: Replace
) -> None:
    """Also after a second signal; and the quantities hold."""
    logging.disable(logging.CRITICAL)
    rng = random.Random(f"s{seed}")
    windows = (Window(rng.randint(1, 5), 1.0),) if rng.random() < 0.4 else ()
    venue = Overtaking(seed, {}, replace=replace, faults=Faults(seed), windows=windows, ban_s=3)
    held: list[Any] = []
    ids: list[str] = []

    async def program() -> None:
        async with exo.Dispatcher(
            lambda desk: Awaits(desk, rng), venue, exit_s=rng.choice([0.0, 0.5, 3, 30]), audit_s=7,
            on_orphan=lambda r: None,
        ) as d:  # fmt: skip
            held.append(d)
            ids.extend(d.submit(buy(order_qty=D(100))).order_id for _ in range(4))
            for _ in range(30):
                await asyncio.sleep(rng.uniform(0.05, 1))
                bid = rng.randint(8, 10)
                q = exo.Quote("A", D(bid), D(rng.randint(1, 40)), D(bid + 1), D(rng.randint(1, 40)))
                venue.on_quote(q)
                d.on_quote(q)
                if rng.random() < 0.05:
                    venue.disconnect(rng.uniform(0.5, 6))

    task = asyncio.create_task(program())
    await asyncio.sleep(rng.uniform(0.01, 12))
    task.cancel()
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        await asyncio.sleep(rng.choice([0, 0, rng.uniform(0, 3)]))
        task.cancel()
    done, _ = await asyncio.wait([task], timeout=300)
    assert done, "the shutdown does not end"
    [d] = held
    outcomes = [d.outcome(x) for x in ids]
    named = {name for o in outcomes for name in o.still_open}
    sent = len(venue.log)
    await asyncio.sleep(20)
    logging.disable(logging.NOTSET)
    assert None not in outcomes and len(outcomes) in (0, 4)
    late = [type(r).__name__ for _, what, r in venue.log[sent:] if what == "send"]
    assert late == []
    open_ = list(venue._orders.open.values())
    unknown = [
        (s.request.cl_ord_id, s.names) for s in open_ if not {s.request.cl_ord_id, *s.names, *aka(s, venue)} & named
    ]
    assert not unknown, (unknown, named)
    assert not venue.breaches, venue.breaches
    for o in outcomes:
        if not o.still_open:
            assert o.ord_status.name in ("FILLED", "CANCELED", "EXPIRED"), o.ord_status
