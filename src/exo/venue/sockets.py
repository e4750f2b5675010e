"""Sockets: the network as it is - aiohttp's WebSockets and requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

import aiohttp
from aiohttp import WSMsgType

from exo.venue.network import Answer, Closed, Connection, Kind, Message, Refused, Unreachable

_CONNECT_S: Final = 10.0
_CLOSE_S: Final = 1.0
_LARGEST: Final = 16 * 1024 * 1024  # a BitMEX partial of every instrument has some MB
_KINDS: Final = {
    WSMsgType.TEXT: Kind.TEXT,
    WSMsgType.BINARY: Kind.TEXT,
    WSMsgType.PING: Kind.PING,
    WSMsgType.PONG: Kind.PONG,
}


class Socket:
    """A Connection over aiohttp."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse[Literal[False]]) -> None:
        self._ws = ws
        self._closing: asyncio.Task[bool] | None = None

    async def receive(self) -> Message:
        """The next message, text as the bytes it came in."""
        message = await self._ws.receive()
        kind = _KINDS.get(message.type)
        if kind is not None:
            return Message(kind, message.data)
        reason = str(message.data) if message.type is WSMsgType.ERROR else str(message.extra or "")
        raise Closed(self._ws.close_code, reason)

    async def send(self, text: str) -> None:
        """Send a text message."""
        await self._sent(self._ws.send_str, text)

    async def ping(self) -> None:
        """Ask for a pong."""
        await self._sent(self._ws.ping)

    async def pong(self, data: bytes) -> None:
        """Answer a ping."""
        await self._sent(self._ws.pong, data)

    async def close(self) -> None:
        """End it; what the other side has to say to that is waited for elsewhere."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._ws.close(), name="exo.socket.close")
            self._closing.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _sent(self, send: Callable[..., Awaitable[None]], *data: str | bytes) -> None:
        if self._closing is not None:
            raise Closed
        try:
            await send(*data)
        except (ConnectionError, aiohttp.ClientError) as error:
            raise Closed(self._ws.close_code, str(error)) from None


class SocketNetwork:
    """The Network of this machine; one pool of connections, made on the loop that first uses it."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def connect(self, url: str) -> Connection:
        """Open a WebSocket, deflated if the server likes; Unreachable or Refused."""
        try:
            async with asyncio.timeout(_CONNECT_S):
                ws = await self._open().ws_connect(
                    url,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
                    autoping=False,
                    max_msg_size=_LARGEST,
                    decode_text=False,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(url, error.status, error.message, _retry_after_s(error.headers)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(url, _problem(error)) from None
        return Socket(ws)

    async def get(self, url: str) -> Answer:
        """Ask over HTTP; Unreachable."""
        try:
            async with asyncio.timeout(_CONNECT_S), self._open().get(url) as response:
                return Answer(response.status, await response.read(), _retry_after_s(response.headers))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(url, _problem(error)) from None

    async def close(self) -> None:
        """Let go of all that is open."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=True, trust_env=True)
        return self._session


def _retry_after_s(headers: Mapping[str, str] | None) -> float | None:
    """What Retry-After says in seconds; the date that it may be instead, no venue sends."""
    text = "" if headers is None else headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _problem(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_CONNECT_S:g} s"
    return str(error) or type(error).__name__
