"""An exchange in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from exo.errors import InvalidValue
from exo.testing.exchange import At, Fault, NotServed, ServedExchange
from exo.venue.network import Connection
from exo.venue.sockets import SocketNetwork

from .places import ending, texts
from .support import listing, steady, trade

_DEADLINE_S = 30.0


def live(test: Callable[[SocketNetwork], Coroutine[Any, Any, None]]) -> None:
    """Run a test in real time."""

    async def whole() -> None:
        network = SocketNetwork()
        try:
            async with asyncio.timeout(_DEADLINE_S):
                await test(network)
        finally:
            await network.close()

    asyncio.run(whole())


async def subscribed(network: SocketNetwork, served: ServedExchange) -> Connection:
    """A connection to Binance's trades and quotes."""
    connection = await network.connect(served.ws_url)
    params = ["btcusdt@bookTicker", "btcusdt@trade"]
    await connection.send(json.dumps({"method": "SUBSCRIBE", "params": params, "id": 1}))
    assert await texts(connection, 1) == [b'{"result":null,"id":1}']
    return connection


def listens(port: int) -> bool:
    """Whether anyone does."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return False
    return True


def test_it_plays_the_ticks_and_listings_it_is_given():
    """Exactly."""
    ticks = [*steady("BTCUSDT", 3, 0.01), trade("BTCUSDT", "123.45", "0.001", 0.05)]
    listed = listing("BTCUSDT", "0.05", "0.001")

    async def test(network: SocketNetwork) -> None:
        async with ServedExchange("binance-usdm", ticks, listings=[listed]) as served:
            connection = await subscribed(network, served)
            told = [json.loads(text, parse_float=Decimal) for text in await texts(connection, 4)]
            assert [each["b"] for each in told[:3]] == ["100.00", "101.00", "102.00"]
            assert (told[3]["p"], told[3]["q"]) == ("123.45", "0.001")
            answer = await network.get(f"{served.http_url}/fapi/v1/exchangeInfo")
            assert json.loads(answer.body)["symbols"][0]["filters"][0]["tickSize"] == "0.05"

    live(test)


def test_faults_are_asked_for_and_counted_from_here():
    """Nonsense is refused here as it would be there."""

    async def test(network: SocketNetwork) -> None:
        async with ServedExchange("binance", rate=500) as served:
            connection = await subscribed(network, served)
            served.fault(Fault.DROP, at=At.NOW)
            await ending(connection)
            assert served.hits()[Fault.DROP] == 1
            served.fault(Fault.GAP, times=5)
            await texts(await subscribed(network, served), 100)
            assert served.hits()[Fault.GAP] == 5
            assert served.state()["topics"] == ["btcusdt@bookTicker", "btcusdt@trade"]
            served.fault(Fault.DROP, probability=0.5)
            served.clear()
            for options in ({"times": 0}, {"colour": 1.0}, {"probability": 2.0}):
                with pytest.raises(InvalidValue):
                    served.fault(Fault.DROP, **options)
            with pytest.raises(InvalidValue):
                served.fault(Fault.GAP, at=At.NOW)

    live(test)


def test_it_sends_twenty_thousand_frames_a_second():
    """Here for a few seconds and with much patience; `u` shows that none was lost."""

    async def test(network: SocketNetwork) -> None:
        async with ServedExchange("binance", rate=20_000, seconds=3, loop=True) as served:
            connection = await subscribed(network, served)
            told = [text for text in await texts(connection, 50_000) if text.startswith(b'{"u"')]
            first, last = (json.loads(text)["u"] for text in (told[0], told[-1]))
            assert last - first == len(told) - 1

    live(test)


def test_its_random_walk_storms_when_it_is_told_to():
    """With 20 times its ticks."""

    async def test(network: SocketNetwork) -> None:
        async with ServedExchange("binance", rate=50, storm=(0.2, 30.0)) as served:
            connection = await subscribed(network, served)
            began_s = asyncio.get_running_loop().time()
            await texts(connection, 800)
            assert asyncio.get_running_loop().time() - began_s < 8  # else a quarter of a minute or more

    live(test)


def test_one_that_ends_by_itself_is_noticed():
    """By whoever looks; before that, and after it was stopped, there is nothing to say."""
    with ServedExchange("binance") as served:
        served.check()
        assert served.pid is not None
        os.kill(served.pid, signal.SIGKILL)
        with pytest.raises(NotServed, match="no exchange binance: its process has ended"):
            for _ in range(1000):
                served.check()
                time.sleep(0.01)
    served.check()


def test_leaving_the_block_ends_its_process():
    """Also by an error."""
    with pytest.raises(ZeroDivisionError), ServedExchange("bitmex") as served:
        assert listens(served.port)
        raise ZeroDivisionError
    assert not listens(served.port)
    assert served.pid is None
    served.stop()


def test_it_does_not_outlive_who_started_it():
    """Whoever is killed cannot say so; the end of its standard input does."""
    code = (
        "import sys, time\n"
        "from exo.testing.exchange import ServedExchange\n"
        "with ServedExchange('coinbase') as served:\n"
        "    print(served.port, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert listens(port)
        parent.send_signal(signal.SIGKILL)
        parent.wait()

    async def gone() -> None:
        async with asyncio.timeout(10):
            while listens(port):
                await asyncio.sleep(0.05)

    asyncio.run(gone())


def test_one_that_cannot_start_says_so():
    """And one that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(NotServed, match="no exchange binance"):
        ServedExchange("binance", port=taken.getsockname()[1]).start()
    with pytest.raises(InvalidValue, match="venue"):
        ServedExchange("nyse")
    with pytest.raises(NotServed):
        ServedExchange("binance", port=1).hits()
