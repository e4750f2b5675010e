"""Playing ticks."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

from exo.errors import InvalidValue
from exo.flow import VIRTUAL_START_NS, current_clock
from exo.mkt import Listing
from exo.testing import RandomWalk
from exo.testing.exchange import Binance, BinanceUsdm, Bitmex, Coinbase, Dialect, Exchange, Fault, MemoryNetwork
from exo.venue.network import Closed, Unreachable

from .support import next_json, next_text, quote, steady, until_closed, virtually

URL = "wss://stream.binance.com:9443/ws/btcusdt@bookTicker"


@pytest.mark.parametrize(("speed", "latency_s"), [(1.0, 0.0), (1.0, 0.05), (10.0, 0.0)])
def test_ticks_come_at_their_distances_from_the_first_subscription_on(speed: float, latency_s: float):
    """So much faster, and so much later."""

    async def test() -> None:
        ticks = [quote("BTCUSDT", "1", "2", at) for at in (5, 5.5, 7, 7, 10)]
        network = MemoryNetwork(Exchange(Binance(), ticks, speed=speed), latency_s=latency_s)
        await asyncio.sleep(3)
        connection = await network.connect(URL)
        start_ns = current_clock().now_ns() - int(latency_s * 1e9)
        ages: list[float] = []
        for _ in ticks:
            await connection.receive()
            ages.append((current_clock().now_ns() - start_ns) / 1e9 - latency_s)
        assert ages == pytest.approx([each / speed for each in (0, 0.5, 2, 2, 5)], abs=1e-6)

    virtually(test)


def test_it_can_begin_before_anyone_listens():
    """With `start`."""

    async def test() -> None:
        exchange = Exchange(Binance(), steady("BTCUSDT"))
        exchange.start()
        await asyncio.sleep(1.05)
        connection = await MemoryNetwork(exchange).connect(URL)
        assert (await next_json(connection))["b"] == "111.00000000"

    virtually(test)


def test_at_the_end_it_says_nothing_more_or_begins_again():
    """A generator is kept to be played again."""

    async def test() -> None:
        once = Exchange(Binance(), (tick for tick in steady("BTCUSDT", 3)))
        again = Exchange(Binance(), (tick for tick in steady("BTCUSDT", 3)), loop=True)
        for exchange, expected in ((once, ["100", "101", "102"]), (again, ["100", "101", "102", "100", "101"])):
            connection = await MemoryNetwork(exchange).connect(URL)
            told = [(await next_json(connection))["b"].partition(".")[0] for _ in expected]
            assert told == expected
        assert once.ended and not again.ended

    virtually(test)


def test_every_connection_has_what_it_subscribed_to():
    """And nothing else."""

    async def test() -> None:
        exchange = Exchange(Binance(), RandomWalk(["BTCUSDT", "ETHUSDT"], seconds=20, rate=50))
        network = MemoryNetwork(exchange)
        first = await network.connect(URL)
        second = await network.connect(URL.replace("btcusdt", "ethusdt"))
        assert {(await next_json(first))["s"] for _ in range(50)} == {"BTCUSDT"}
        assert {(await next_json(second))["s"] for _ in range(50)} == {"ETHUSDT"}
        await first.close()
        await asyncio.sleep(0)
        assert len(exchange.links) == 1
        with pytest.raises(Closed):
            await first.receive()

    virtually(test)


@pytest.mark.parametrize("venue", [Coinbase, Binance, BinanceUsdm, Bitmex])
def test_the_same_ticks_and_seed_give_the_same_bytes(venue: type[Dialect]):
    """With faults too; another seed gives others."""
    symbol = {"coinbase": "BTC-USD", "bitmex": "XBTUSD"}.get(venue.name, "BTCUSDT")
    requests = {
        "coinbase": {"type": "subscribe", "product_ids": [symbol], "channels": ["level2", "ticker", "matches"]},
        "bitmex": {"op": "subscribe", "args": ["quote", "trade"]},
    }
    streams = {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@bookTicker"], "id": 1}
    path = {"coinbase": "/", "bitmex": "/realtime"}.get(venue.name, "/ws")

    def run(seed: int) -> list[bytes]:
        told: list[bytes] = []

        async def test() -> None:
            exchange = Exchange(venue(), RandomWalk([symbol], seconds=10, rate=50), seed=seed)
            for fault in (Fault.GAP, Fault.GARBAGE, Fault.DUPLICATE, Fault.REORDER):
                exchange.fault(fault, probability=0.05)
            connection = await MemoryNetwork(exchange).connect(f"wss://x{path}")
            await connection.send(json.dumps(requests.get(venue.name, streams)))
            await asyncio.sleep(20)
            exchange.close()
            texts, _ = await until_closed(connection)
            told.extend(texts)

        virtually(test)
        return told

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_listings_are_given_or_made_up_with_the_finest_steps_of_the_ticks():
    """Only what is listed is there."""
    ticks = [quote("BTC-USD", "1.5", "2.25", size="0.001"), quote("ETH-USD", "1", "2")]
    made_up = Exchange(Coinbase(), ticks).dialect.listings
    assert {name: (f"{each.tick}", f"{each.lot}") for name, each in made_up.items()} == {
        "BTC-USD": ("0.01", "0.001"),
        "ETH-USD": ("1", "1"),
    }
    given = Exchange(Coinbase(), ticks, listings=[Listing(symbol="BTC.COINBASE", security_id="BTC-USD")])
    assert list(given.dialect.listings) == ["BTC-USD"]


@pytest.mark.parametrize("venue", [Coinbase, Binance, BinanceUsdm, Bitmex])
def test_ticks_of_what_is_not_listed_are_not_told(venue: type[Dialect]):
    """The others go on."""

    async def test() -> None:
        ticks = [quote("OTHER", "1", "2"), quote("BTCUSDT", "1", "2", 1), quote("OTHER", "1", "2", 2)]
        exchange = Exchange(venue(), ticks, listings=[Listing(symbol="BTCUSDT")])
        exchange.start()
        await asyncio.sleep(3)
        assert exchange.ended

    virtually(test)


def test_a_closed_exchange_has_nobody_connected():
    """And a closed network leads nowhere."""

    async def test() -> None:
        exchange = Exchange(Binance(), steady("BTCUSDT"))
        network = MemoryNetwork(exchange)
        connection = await network.connect(URL)
        await next_text(connection)
        async with exchange:
            pass
        _, closed = await until_closed(connection)
        assert closed.code is None and not exchange.links
        await network.close()
        with pytest.raises(Unreachable):
            await network.connect(URL)
        with pytest.raises(Unreachable):
            await network.get("https://x/api/v3/exchangeInfo")

    virtually(test)


def test_a_speed_is_more_than_nothing():
    """And finite."""
    for speed in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(InvalidValue, match="speed"):
            Exchange(Binance(), [], speed=speed)


def test_the_venue_s_time_is_the_clock_s():
    """Whatever the ticks were received at."""

    async def test() -> None:
        exchange = Exchange(BinanceUsdm(), steady("BTCUSDT", 2))
        await asyncio.sleep(10)
        connection = await MemoryNetwork(exchange).connect("wss://fstream.binance.com/ws/btcusdt@bookTicker")
        assert (await next_json(connection))["E"] == VIRTUAL_START_NS // 1_000_000 + 10_000

    virtually(test)


def test_in_memory_nothing_of_sockets_is_loaded():
    """Only a served exchange needs aiohttp."""
    code = "import sys, exo.testing.exchange; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "False"
