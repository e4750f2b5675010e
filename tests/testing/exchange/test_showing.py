"""Showing ticks by command: a market that is only what a test makes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from exo.errors import InvalidValue
from exo.mkt import Listing
from exo.testing.exchange import Binance, Bitmex, Coinbase, Dialect, Exchange, MemoryNetwork, ServedExchange
from exo.venue.network import Connection
from exo.venue.sockets import SocketNetwork

from .places import STREAM, Place, at, texts, within
from .support import listing, next_json, quote, say, steady, trade, virtually

WHOLE = listing("BTCUSDT")


def live(test: Callable[[SocketNetwork], Coroutine[Any, Any, None]]) -> None:
    """Run a test in real time."""

    async def whole() -> None:
        network = SocketNetwork()
        try:
            async with asyncio.timeout(30):
                await test(network)
        finally:
            await network.close()

    asyncio.run(whole())


async def bids(connection: Connection, count: int) -> list[str]:
    """The bids of so many frames."""
    return [json.loads(text)["b"] for text in await texts(connection, count)]


@pytest.mark.parametrize("venue", [Binance, Coinbase, Bitmex])
def test_without_ticks_nothing_happens_but_what_is_shown(venue: type[Dialect]):
    """However long it is waited; what is shown comes at once, as the venue tells it."""
    requests = {
        "coinbase": {"type": "subscribe", "product_ids": ["BTCUSDT"], "channels": ["matches"]},
        "bitmex": {"op": "subscribe", "args": ["trade:BTCUSDT"]},
        "binance": {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1},
    }
    path = {"coinbase": "/", "bitmex": "/realtime"}.get(venue.name, "/ws")

    async def test() -> None:
        exchange = Exchange(venue(), (), listings=[WHOLE])
        connection = await MemoryNetwork(exchange).connect(f"wss://x{path}")
        await say(connection, requests[venue.name])
        await asyncio.sleep(15)
        assert exchange.ended and not exchange.playing
        exchange.show(trade("BTCUSDT", "123.45", "0.5"))
        exchange.show(trade("BTCUSDT", "123.46", "0.25"))
        exchange.close()
        told: list[bytes] = []
        with pytest.raises(Exception, match="closed"):
            while True:
                told.append((await connection.receive()).data)
        assert [b"123.45" in text for text in told[-2:]] == [True, False]
        assert b"123.46" in told[-1] and not any(b"123.4" in text for text in told[:-2])

    virtually(test)


@pytest.mark.parametrize("place", ["memory", "socket"])
def test_what_is_shown_comes_between_what_is_played(place: str):
    """And is numbered with it."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        first = json.loads((await texts(connection, 1))[0])["u"]
        there.exchange.show(quote("BTCUSDT", "7", "8"), quote("BTCUSDT", "9", "10"))
        frames = [json.loads(text) for text in await texts(connection, 10)]
        assert [frame["u"] for frame in frames] == list(range(first + 1, first + 11))
        shown = [frame["b"] for frame in frames if Decimal(frame["b"]) < 10]
        assert shown == ["7.00000000", "9.00000000"]

    at(place, test, ticks=list(steady("BTCUSDT", 4000, 0.005)))


def test_rows_that_are_shown_together_share_a_frame():
    """As BitMEX has them."""

    async def test() -> None:
        exchange = Exchange(Bitmex(), (), listings=[WHOLE])
        connection = await MemoryNetwork(exchange).connect("wss://x/realtime?subscribe=trade:BTCUSDT")
        for _ in range(3):
            await next_json(connection)
        exchange.show(trade("BTCUSDT", "1"), trade("BTCUSDT", "2"))
        assert [row["price"] for row in (await next_json(connection))["data"]] == [1, 2]

    virtually(test)


def test_what_a_venue_holds_back_is_held_back_when_shown():
    """Coinbase's level2_batch speaks twenty times a second."""

    async def test() -> None:
        exchange = Exchange(Coinbase(), (), listings=[WHOLE])
        exchange.show(quote("BTCUSDT", "1", "2"))
        connection = await MemoryNetwork(exchange).connect("wss://x/")
        await say(connection, {"type": "subscribe", "product_ids": ["BTCUSDT"], "channels": ["level2_batch"]})
        assert [(await next_json(connection))["type"] for _ in range(2)] == ["subscriptions", "snapshot"]
        before_s = asyncio.get_running_loop().time()
        exchange.show(quote("BTCUSDT", "1.5", "2"))
        exchange.show(quote("BTCUSDT", "1.7", "2"))
        update = await next_json(connection)
        assert asyncio.get_running_loop().time() - before_s == pytest.approx(0.05)
        assert ["buy", "1.70", "1.000"] in update["changes"]

    virtually(test)


def test_what_is_not_listed_cannot_be_shown():
    """Nor is anything that was to be shown with it."""

    async def test() -> None:
        exchange = Exchange(Binance(), (), listings=[WHOLE])
        connection = await MemoryNetwork(exchange).connect(f"wss://x{STREAM}")
        with pytest.raises(InvalidValue, match="ETHUSDT is not listed"):
            exchange.show(quote("BTCUSDT", "1", "2"), quote("ETHUSDT", "1", "2"))
        assert await within(connection, 1) == []

    virtually(test)


@pytest.mark.parametrize("venue", ["binance", "binance-usdm"])
def test_a_process_can_be_shown_ticks_and_is_still_otherwise(venue: str):
    """To the last digit; a listing's steps are those it was given."""
    listed = Listing(symbol="BTCUSDT", tick=Decimal("1E-8"), lot=Decimal("1E-8"))

    async def test(network: SocketNetwork) -> None:
        async with ServedExchange(venue, (), listings=[listed]) as served:
            connection = await network.connect(f"{served.ws_base}{STREAM}")
            assert await within(connection, 0.2) == []
            served.show(quote("BTCUSDT", "1.00000001", "2"), quote("BTCUSDT", "1234567890.12345678", None))
            served.show()
            assert await bids(connection, 2) == ["1.00000001", "1234567890.12345678"]
            assert served.state()["playing"] is False

    live(test)


def test_a_process_says_what_it_cannot_show():
    """And shows nothing of it."""

    async def test(network: SocketNetwork) -> None:
        async with ServedExchange("binance", (), listings=[WHOLE]) as served:
            connection = await network.connect(f"{served.ws_base}{STREAM}")
            with pytest.raises(InvalidValue, match="ETHUSDT is not listed"):
                served.show(quote("BTCUSDT", "1", "2"), quote("ETHUSDT", "1", "2"))
            bad = {
                '{"listing":{"symbol":"ETHUSDT"}}': "too late",
                '{"quote":{"symbol":"BTCUSDT"}}': "line 1",
                "[1]": "line 1",
                '{"price":{}}': "line 1",
                "\x00": "line 1",
                '{"trade":{"symbol":"BTCUSDT","lastPx":"NaN","lastQty":"1"}}': "line 1",
            }
            async with aiohttp.ClientSession() as session:
                for body, words in bad.items():
                    answer = await session.post(f"{served.http_url}/exo/ticks", data=body)
                    assert answer.status == 400 and words in (await answer.json())["problem"]
            assert await within(connection, 0.2) == []

    live(test)
