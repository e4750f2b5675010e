"""Talking to the fake Binance, spot and USD-M."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from exo.mkt import Side
from exo.testing import RandomWalk
from exo.testing.exchange import Binance, BinanceUsdm, Exchange, MemoryNetwork
from exo.testing.exchange.memory import MemoryConnection
from exo.venue.network import Closed, Kind, Refused

from .support import next_json, next_text, quote, say, steady, trade, until_closed, virtually

RAW = "wss://stream.binance.com:9443/ws"


async def connected(url: str = RAW, venue: type[Binance] = Binance) -> MemoryConnection:
    """A connection to one that has a quote in a minute."""
    return await MemoryNetwork(Exchange(venue(), [quote("BTCUSDT", "1", "2", at) for at in (0, 3600)])).connect(url)


def test_requests_are_answered_by_their_id():
    """Subscribing, listing and unsubscribing; an id may be a number or a text."""

    async def test() -> None:
        connection = await connected()
        await say(connection, {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@depth"], "id": 1})
        assert await next_text(connection) == b'{"result":null,"id":1}'
        await say(connection, {"method": "LIST_SUBSCRIPTIONS", "id": "abc"})
        assert await next_text(connection) == b'{"result":["btcusdt@trade","ethusdt@depth"],"id":"abc"}'
        await say(connection, {"method": "UNSUBSCRIBE", "params": ["ethusdt@depth"], "id": 312})
        assert await next_text(connection) == b'{"result":null,"id":312}'
        await say(connection, {"method": "LIST_SUBSCRIPTIONS", "id": 3})
        assert await next_text(connection) == b'{"result":["btcusdt@trade"],"id":3}'

    virtually(test)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        ("[1]", 2),
        ('{"id":1}', 2),
        ('{"method":"SUBSCRIBE","params":["a@trade"]}', 2),
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":1.5}', 2),
        ('{"method":"SUBSCRIBE","params":[1],"id":1}', 2),
        ('{"method":"SUBSCRIBE","id":1}', 2),
        ('{"method":"HELLO","params":[],"id":1}', 2),
        ('{"method":"GET_PROPERTY","params":["colour"],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
    ],
)
def test_what_is_wrong_is_answered_with_its_code(text: str, code: int):
    """Beside the id where there was a good one, else bare."""

    async def test() -> None:
        connection = await connected()
        await connection.send(text)
        answer = await next_json(connection)
        assert answer.get("error", answer)["code"] == code
        assert ("id" in answer) is ("error" in answer)

    virtually(test)


def test_a_connection_is_raw_or_combined_by_its_path_and_can_change():
    """Streams can be in the path; the property wraps frames from then on."""

    async def test() -> None:
        network = MemoryNetwork(Exchange(Binance(), steady("BTCUSDT")))
        raw = await network.connect(f"{RAW}/btcusdt@bookTicker")
        combined = await network.connect("wss://stream.binance.com/stream?streams=btcusdt@bookTicker/x@trade")
        assert (await next_json(raw))["b"] == "100.00000000"  # it plays from the first subscription on
        told = await next_text(raw)
        assert told.startswith(b'{"u":')
        assert await next_text(combined) == b'{"stream":"btcusdt@bookTicker","data":' + told + b"}"
        await say(raw, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 5})
        assert (await next_json(raw))["id"] == 5
        assert list(await next_json(raw)) == ["stream", "data"]
        with pytest.raises(Refused) as refused:
            await network.connect("wss://stream.binance.com/nowhere")
        assert refused.value.status == 404

    virtually(test)


def test_usdm_has_its_streams_behind_public_and_market_too():
    """Where it moved them; spot has not."""

    async def test() -> None:
        network = MemoryNetwork(Exchange(BinanceUsdm(), steady("BTCUSDT")))
        for path in ("/ws/btcusdt@bookTicker", "/public/stream?streams=btcusdt@bookTicker", "/market/ws/x@trade"):
            await network.connect(f"wss://fstream.binance.com{path}")
        spot = MemoryNetwork(Exchange(Binance(), steady("BTCUSDT")))
        with pytest.raises(Refused):
            await spot.connect("wss://stream.binance.com/market/ws")

    virtually(test)


@pytest.mark.parametrize("venue", [Binance, BinanceUsdm])
def test_u_grows_and_t_has_no_gap(venue: type[Binance]):
    """For each symbol, also when the ticks begin again, and for who was not there from the start."""

    async def test() -> None:
        walk = RandomWalk(["BTCUSDT", "ETHUSDT"], seconds=5, rate=50)
        network = MemoryNetwork(Exchange(venue(), walk, loop=True))
        await network.connect(f"{RAW}/btcusdt@bookTicker")
        await asyncio.sleep(2)
        streams = [f"{name}@{kind}" for name in ("btcusdt", "ethusdt") for kind in ("bookTicker", "trade")]
        connection = await network.connect(f"{RAW}/{'/'.join(streams)}")
        u: dict[str, list[int]] = {}
        t: dict[str, list[int]] = {}
        for _ in range(1000):
            told: dict[str, Any] = await next_json(connection)
            (t if told.get("e") == "trade" else u).setdefault(told["s"], []).append(
                told["t"] if told.get("e") == "trade" else told["u"]
            )
        assert all(a < b for values in u.values() for a, b in pairwise(values))
        assert all(b - a == 1 for values in t.values() for a, b in pairwise(values))
        assert u.keys() == t.keys() == {"BTCUSDT", "ETHUSDT"}

    virtually(test)


@pytest.mark.parametrize(("venue", "limit"), [(Binance, 5), (BinanceUsdm, 10)])
def test_who_sends_too_much_in_a_second_is_disconnected(venue: type[Binance], limit: int):
    """Pings and pongs count."""

    async def test() -> None:
        connection = await connected(venue=venue)
        await connection.ping()
        for n in range(limit - 1):
            await say(connection, {"method": "LIST_SUBSCRIPTIONS", "id": n})
        await asyncio.sleep(1)
        for n in range(limit):
            await say(connection, {"method": "LIST_SUBSCRIPTIONS", "id": n})
        await connection.pong(b"")
        texts, closed = await until_closed(connection)
        assert len(texts) == 2 * limit - 1
        assert (closed.code, closed.reason) == (1008, "Too many requests")

    virtually(test)


def test_a_ping_must_be_ponged_with_its_payload():
    """Every 20 s, within a minute; other pongs do not count. USD-M waits longer."""

    async def test() -> None:
        loop = asyncio.get_running_loop()
        good, silent, wrong = [await connected() for _ in range(3)]

        async def life(connection: MemoryConnection, *, answer: bool, payload: bytes | None = None) -> float:
            try:
                while loop.time() - start < 200:
                    message = await asyncio.wait_for(connection.receive(), 30)
                    assert message.kind is Kind.PING
                    if answer:
                        await connection.pong(message.data if payload is None else payload)
            except Closed:
                pass
            return loop.time() - start

        start = loop.time()
        lives = await asyncio.gather(
            life(good, answer=True), life(silent, answer=False), life(wrong, answer=True, payload=b"?")
        )
        assert [round(each) for each in lives] == [200, 80, 80]

    virtually(test)


def test_a_connection_ends_after_its_lifetime():
    """A day unless said otherwise."""
    assert Exchange(Binance(), []).lifetime_s == 86_400

    async def test() -> None:
        network = MemoryNetwork(Exchange(Binance(), steady("BTCUSDT"), lifetime_s=5))
        connection = await network.connect(f"{RAW}/btcusdt@bookTicker")
        texts, closed = await until_closed(connection)
        assert 49 <= len(texts) <= 51
        assert closed.code == 1001

    virtually(test)


def test_the_buyer_is_the_maker_where_the_seller_took():
    """m, of both markets; USD-M says which kind of trade it was."""

    async def test() -> None:
        for venue in (Binance, BinanceUsdm):
            ticks = [trade("BTCUSDT", "2", aggressor=side) for side in (Side.BUY, Side.SELL)]
            connection = await MemoryNetwork(Exchange(venue(), ticks)).connect(f"{RAW}/btcusdt@trade")
            told = [await next_json(connection) for _ in ticks]
            assert [each["m"] for each in told] == [False, True]
            assert told[0].get("X") == ("MARKET" if venue is BinanceUsdm else None)

    virtually(test)
