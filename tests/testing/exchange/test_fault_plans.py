"""When faults strike, and how often."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from exo.errors import InvalidValue
from exo.testing.exchange import At, Binance, Coinbase, Exchange, Fault, MemoryNetwork

from .support import next_json, quote, say, steady, until_closed, virtually

URL = "wss://stream.binance.com:9443/ws/btcusdt@bookTicker"


def test_a_fault_may_strike_by_chance_and_every_strike_is_counted():
    """The same seed loses the same frames."""

    def run() -> tuple[int, int]:
        counted: list[int] = []

        async def test() -> None:
            exchange = Exchange(Binance(), steady("BTCUSDT", 1000, 0.01), seed=3)
            exchange.fault(Fault.GAP, probability=0.3)
            connection = await MemoryNetwork(exchange).connect(URL)
            await asyncio.sleep(11)
            exchange.close()
            texts, _ = await until_closed(connection)
            counted.extend((len(texts), exchange.hits[Fault.GAP]))

        virtually(test)
        return counted[0], counted[1]

    came, lost = run()
    assert came + lost == 1000 and 250 < lost < 350
    assert run() == (came, lost)


def test_a_fault_may_strike_for_a_while():
    """Every frame of two seconds comes twice."""

    async def test() -> None:
        exchange = Exchange(Binance(), steady("BTCUSDT", 100, 0.1))
        connection = await MemoryNetwork(exchange).connect(URL)
        exchange.fault(Fault.DUPLICATE, for_s=2)
        await asyncio.sleep(11)
        exchange.close()
        texts, _ = await until_closed(connection)
        assert len(texts) - 100 == exchange.hits[Fault.DUPLICATE]
        assert 18 <= exchange.hits[Fault.DUPLICATE] <= 21
        assert sum(a == b for a, b in pairwise(texts)) == exchange.hits[Fault.DUPLICATE]

    virtually(test)


def test_what_is_planned_can_be_forgotten():
    """And what never struck is not counted."""

    async def test() -> None:
        exchange = Exchange(Binance(), steady("BTCUSDT"))
        exchange.fault(Fault.GAP, times=50)
        exchange.faults.clear()
        connection = await MemoryNetwork(exchange).connect(URL)
        told = [(await next_json(connection))["u"] for _ in range(20)]
        assert told == list(range(told[0], told[0] + 20))
        assert not any(exchange.hits.values())

    virtually(test)


def test_a_frame_that_no_other_follows_is_only_late():
    """It was not swapped with any, so that is not counted."""

    async def test() -> None:
        exchange = Exchange(Binance(), [quote("BTCUSDT", "1", "2"), quote("BTCUSDT", "1", "2", 60)])
        exchange.fault(Fault.REORDER, hold_s=5)
        connection = await MemoryNetwork(exchange).connect(URL)
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        await next_json(connection)
        assert loop.time() - start_s == pytest.approx(5)
        assert exchange.hits[Fault.REORDER] == 0

    virtually(test)


def test_heartbeats_go_on_through_a_stall():
    """They are no data."""

    async def test() -> None:
        exchange = Exchange(Coinbase(), steady("BTC-USD"))
        connection = await MemoryNetwork(exchange).connect("wss://ws-feed.exchange.coinbase.com")
        request = {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["level2", "heartbeat"]}
        await say(connection, request)
        await asyncio.sleep(0.05)
        exchange.fault(Fault.STALL, at=At.NOW, hold_s=5)
        await asyncio.sleep(4.9)
        exchange.close()
        texts, _ = await until_closed(connection)
        assert [text.partition(b",")[0] for text in texts[2:]] == [b'{"type":"heartbeat"'] * 4

    virtually(test)


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        (Fault.GAP, {"at": At.NOW}),
        (Fault.GAP, {"at": At.HANDSHAKE}),
        (Fault.STALL, {"at": At.REQUEST}),
        (Fault.DROP, {"times": 0}),
        (Fault.DROP, {"probability": 0.0}),
        (Fault.DROP, {"probability": 1.5}),
        (Fault.DROP, {"for_s": -1.0}),
        (Fault.SLOW, {"hold_s": float("inf")}),
    ],
)
def test_what_cannot_strike_is_refused(fault: Fault, options: dict[str, Any]):
    """With its place."""

    async def test() -> None:
        with pytest.raises(InvalidValue):
            Exchange(Binance(), []).fault(fault, **options)

    virtually(test)
