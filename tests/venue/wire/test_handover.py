"""Handovers at the worst moment: a feed ends just as the successor of its connection is ready."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from exo.venue.binance.dialect import BinanceDialect
from tests.contract.helpers import virtual
from tests.venue.wire.test_feed import A, live


@pytest.mark.parametrize("hops", range(16))
@virtual
async def test_a_feed_that_ends_as_a_successor_is_ready_leaves_nothing_open(hops: int) -> None:
    """No connection and no task, at whichever step of the handover that is."""
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
        await here.subscribed(A)
        connect, closing = here.network.connect, list[asyncio.Task[None]]()

        def close(hops_left: int) -> None:
            if hops_left:
                loop.call_soon(close, hops_left - 1)
            else:
                closing.append(loop.create_task(here.feed.close()))

        async def connected(url: str) -> Any:
            loop.call_later(0.05, close, hops)  # when it first looks whether the successor is ready
            return await connect(url)

        here.network.connect = connected  # type: ignore[method-assign]
        await asyncio.sleep(900.001)
        here.confirm()
        await asyncio.sleep(1)
        await closing[0]
        assert len(here.network.connections) == 2 and all(each.closed for each in here.network.connections)
        assert asyncio.all_tasks() - before == set()
