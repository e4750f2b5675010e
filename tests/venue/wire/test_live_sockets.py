"""Live feeds over real sockets against the fake exchange in a process of its own, with a heartbeat of 0.2 s."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from exo.mkt import FeedState, Trade
from exo.testing.exchange import At, Fault, ServedExchange
from exo.venue.binance.dialect import BinanceDialect
from exo.venue.bitmex.dialect import BitmexDialect
from exo.venue.coinbase.dialect import CoinbaseDialect
from exo.venue.feed import LiveFeed
from exo.venue.sockets import SocketNetwork
from tests.venue.wire.scripted import Told

VENUES: dict[str, tuple[Any, str]] = {
    "binance": (lambda url: BinanceDialect(url, heartbeat_s=0.2), "BTCUSDT"),
    "bitmex": (lambda url: BitmexDialect(url, heartbeat_s=0.2), "XBTUSD"),
    "coinbase": (lambda url: CoinbaseDialect(url, heartbeat_s=0.2), "BTC-USD"),
}
FAULTS = list(Fault)
AT_NOW = (Fault.DROP, Fault.HALF_OPEN, Fault.STALL, Fault.MAINTENANCE, Fault.SLOW)


async def until(true: Any, within_s: float = 15.0) -> None:
    """Wait for something; real time, as sockets have it."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)


async def strike(venue: str, times: int) -> dict[Fault, int]:
    """Have each fault strike so often, one at a time, and the feed recover from each; how often each did."""
    dialect_at, name = VENUES[venue]
    async with (
        asyncio.timeout(100 if times < 10 else 900),
        ServedExchange(venue, symbols=[name], seconds=3600, rate=200) as served,
    ):
        dialect, network = dialect_at(served.ws_url), SocketNetwork()
        feed, told = LiveFeed(dialect, network), Told()
        feed.connect(told)
        symbol = f"{name}.{dialect.venue}"
        feed.subscribe(symbol)

        def live() -> bool:
            states = told.states(symbol)
            return bool(states) and states[-1] is FeedState.LIVE

        await until(live)

        async def struck(fault: Fault, number: int) -> None:
            at = At.NOW if fault in AT_NOW else At.MESSAGE
            if fault is Fault.REFUSE:  # which is of the door
                served.fault(fault, at=At.HANDSHAKE, hold_s=1)
                served.fault(Fault.DROP, at=At.NOW)
            else:
                served.fault(fault, at=at, hold_s=0.1)
            while served.hits().get(fault, 0) < number:
                await asyncio.sleep(0.05)
                if fault is Fault.REORDER and served.hits()[fault] < number:
                    served.fault(fault, at=at, hold_s=0.1)  # no other frame came in time to change places with
            await asyncio.sleep(0.3 if at is At.NOW or fault is Fault.REFUSE else 0)
            await until(live)
            seen = len(told.quotes)
            await until(lambda: len(told.quotes) > seen)
            if at is At.NOW or fault is Fault.REFUSE:
                await asyncio.sleep(0.3)  # else the next is one more in a row, and the pause grows

        try:
            for fault in FAULTS:
                for number in range(1, times + 1):
                    await struck(fault, number)
        finally:
            await feed.close()
            await network.close()
        hits = served.hits()
        ids = [t.trade_id for t in told.all if isinstance(t, Trade)]
        assert len(ids) == len(set(ids)) > 50
        assert feed.counts["silent"] >= times and FeedState.SILENT in told.states(symbol)
        return hits


def strike_all(times: int) -> dict[str, dict[Fault, int]]:
    """The same at every venue at once."""

    async def program() -> dict[str, dict[Fault, int]]:
        async with asyncio.TaskGroup() as group:
            tasks = {venue: group.create_task(strike(venue, times)) for venue in VENUES}
        return {venue: task.result() for venue, task in tasks.items()}

    return asyncio.run(program())


@pytest.mark.timeout(120)
def test_over_real_sockets_each_fault_strikes_five_times_and_the_feed_recovers() -> None:
    """Half-open is noticed within the heartbeat, and told as SILENT."""
    for hits in strike_all(5).values():
        assert all(hits[fault] >= 5 for fault in FAULTS)


@pytest.mark.nightly
def test_over_real_sockets_each_fault_strikes_fifty_times_and_the_feed_recovers() -> None:
    """The same for longer."""
    for hits in strike_all(50).values():
        assert all(hits[fault] >= 50 for fault in FAULTS)
