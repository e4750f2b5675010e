"""The same exchange in memory and behind a socket, for tests that hold in both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from exo.testing.exchange import Binance, Dialect, Exchange, MemoryNetwork
from exo.testing.exchange.dialects import Tick
from exo.testing.exchange.server import ExchangeServer
from exo.venue.network import Answer, Closed, Connection, Kind, Message, Network
from exo.venue.sockets import SocketNetwork

from .support import steady, virtually

PLACES = ["memory", "socket"]
STREAM = "/ws/btcusdt@bookTicker"
_DEADLINE_S = 30.0


class Place:
    """An exchange, and the way to it."""

    def __init__(self, exchange: Exchange, network: Network, ws_base: str, http_base: str) -> None:
        self.exchange = exchange
        self.network = network
        self.ws_base = ws_base
        self.http_base = http_base

    async def connect(self, path: str = STREAM) -> Connection:
        """Open a WebSocket."""
        return await self.network.connect(self.ws_base + path)

    async def get(self, path: str = "/api/v3/exchangeInfo") -> Answer:
        """Ask for a document."""
        return await self.network.get(self.http_base + path)


def at(
    place: str,
    test: Callable[[Place], Coroutine[Any, Any, None]],
    ticks: list[Tick] | None = None,
    dialect: Dialect | None = None,
) -> None:
    """Run a test in virtual time and memory, or in real time over a socket; without ticks there is one every 5 ms."""
    exchange = Exchange(dialect or Binance(), ticks or steady("BTCUSDT", 4000, 0.005), loop=True)

    async def in_memory() -> None:
        network = MemoryNetwork(exchange, latency_s=0.001)
        async with exchange:
            await test(Place(exchange, network, "wss://venue", "https://venue"))
            await network.close()

    async def over_a_socket() -> None:
        network = SocketNetwork()
        async with asyncio.timeout(_DEADLINE_S), ExchangeServer(exchange) as server:
            try:
                await test(Place(exchange, network, server.ws_url, server.http_url))
            finally:
                await network.close()

    if place == "memory":
        virtually(in_memory)
    else:
        asyncio.run(over_a_socket())


async def texts(connection: Connection, count: int) -> list[bytes]:
    """So many texts."""
    told: list[bytes] = []
    while len(told) < count:
        message = await connection.receive()
        if message.kind is Kind.TEXT:
            told.append(message.data)
    return told


async def numbers(connection: Connection, count: int) -> list[int]:
    """The u of so many frames."""
    return [json.loads(text)["u"] for text in await texts(connection, count)]


async def ending(connection: Connection) -> tuple[list[bytes], Closed]:
    """All texts up to the end, and how it ended."""
    told: list[bytes] = []
    while True:
        try:
            message = await connection.receive()
        except Closed as closed:
            return told, closed
        if message.kind is Kind.TEXT:
            told.append(message.data)


async def within(connection: Connection, seconds: float) -> list[Message]:
    """Every message of a time."""
    told: list[Message] = []
    loop = asyncio.get_running_loop()
    until_s = loop.time() + seconds
    while True:
        try:
            told.append(await asyncio.wait_for(connection.receive(), until_s - loop.time()))
        except TimeoutError:
            return told
