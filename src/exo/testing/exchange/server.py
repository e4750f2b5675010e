"""ExchangeServer: an exchange behind real sockets, on loopback only, with a door for tests of other processes."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from aiohttp import WSMsgType, web

from exo.errors import ExoError, InvalidValue
from exo.testing.exchange import jsonl
from exo.testing.exchange.dialects import Refusal
from exo.testing.exchange.exchange import Exchange
from exo.testing.exchange.faults import At, Fault
from exo.testing.exchange.line import SocketLine
from exo.testing.exchange.link import Link

_HOST: Final = "127.0.0.1"
_CLOSING_S: Final = 1.0  # how long a client may take to answer a close
_LARGEST: Final = 64 * 1024 * 1024  # bytes of ticks shown together


class ExchangeServer:
    """Serves an exchange on 127.0.0.1, `async with`; port 0 is any free one.

    Venue paths are the venue's own. Beside them `POST /exo/fault` takes the arguments of `Exchange.fault` as JSON,
    `POST /exo/clear` forgets what is planned, `POST /exo/start` begins to play, `POST /exo/ticks` shows ticks, given as
    on the standard input of the process, and `GET /exo/hits` and `GET /exo/state` tell what struck, who is connected.
    """

    def __init__(self, exchange: Exchange, port: int = 0) -> None:
        self.exchange = exchange
        self.port = port
        self._lines: set[SocketLine] = set()
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_post("/exo/fault", self._fault)
        app.router.add_post("/exo/clear", self._clear)
        app.router.add_post("/exo/start", self._start)
        app.router.add_post("/exo/ticks", self._show)
        app.router.add_get("/exo/hits", self._hits)
        app.router.add_get("/exo/state", self._state)
        app.router.add_get("/{path:.*}", self._venue)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    @property
    def ws_url(self) -> str:
        """Where WebSockets are opened, without a path."""
        return f"ws://{_HOST}:{self.port}"

    @property
    def http_url(self) -> str:
        """Where documents are, without a path."""
        return f"http://{_HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.exchange.close()
        for line in list(self._lines):
            line.abort()
        await self._runner.cleanup()

    # The venue

    async def _venue(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return await self._answer(request, self.exchange.request(path))
        admitted = self.exchange.admit(path)
        if isinstance(admitted, Fault | Refusal):
            return await self._answer(request, admitted)
        socket = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, decode_text=False)
        await socket.prepare(request)
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        line = SocketLine(transport)
        self._lines.add(line)
        try:
            link = self.exchange.connect(admitted, line)
            reading = asyncio.ensure_future(self._read(socket, link, line))
            await asyncio.wait((reading, line.over), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                await asyncio.wait((reading,), timeout=_CLOSING_S)
            link.gone()
            reading.result() if reading.done() else reading.cancel()
        finally:
            self._lines.discard(line)
            transport.abort()
        return socket

    async def _read(self, socket: web.WebSocketResponse, link: Link, line: SocketLine) -> None:
        """Pass on what the client says until it closes; a half open link has nothing to read any more."""
        while True:
            message = await socket.receive()
            if link.half_open:
                await line.over
                return
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                link.hear(message.data)
            elif message.type is WSMsgType.PING:
                link.hear_ping(bytes(message.data))
            elif message.type is WSMsgType.PONG:
                link.hear_pong(bytes(message.data))
            else:
                if message.type is WSMsgType.CLOSE and not line.over.done():
                    line.close(message.data or 1000, "")
                return

    async def _answer(self, request: web.Request, answer: Refusal | Fault) -> web.StreamResponse:
        if isinstance(answer, Fault):
            if answer is Fault.HALF_OPEN:
                await asyncio.get_running_loop().create_future()  # until this server ends
            assert isinstance(request.transport, asyncio.Transport)
            request.transport.abort()
            return web.Response(status=503)
        headers = {} if answer.retry_after_s is None else {"Retry-After": f"{answer.retry_after_s:.0f}"}
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type, headers=headers)

    # The door

    async def _fault(self, request: web.Request) -> web.Response:
        try:
            asked = await request.json()
            if not isinstance(asked, dict):
                raise InvalidValue("$", "expected an object")
            fault = Fault(asked.pop("fault", None))
            at = asked.pop("at", None)
            self.exchange.fault(fault, at=None if at is None else At(at), **asked)
        except (ValueError, TypeError, ExoError) as problem:
            return web.json_response({"problem": str(problem)}, status=400)
        return web.json_response({})

    async def _clear(self, request: web.Request) -> web.Response:
        self.exchange.faults.clear()
        return web.json_response({})

    async def _start(self, request: web.Request) -> web.Response:
        if not self.exchange.playing:
            self.exchange.start()
        return web.json_response({})

    async def _show(self, request: web.Request) -> web.Response:
        try:
            ticks, listings = jsonl.read((await request.read()).splitlines())
            if listings:
                raise InvalidValue("listing", "it is too late to list anything")
            self.exchange.show(*ticks)
        except ExoError as problem:
            return web.json_response({"problem": str(problem)}, status=400)
        return web.json_response({})

    async def _hits(self, request: web.Request) -> web.Response:
        return web.json_response({fault.value: count for fault, count in self.exchange.hits.items()})

    async def _state(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "connections": len(self.exchange.links),
                "half_open": sum(link.half_open for link in self.exchange.links),
                "topics": sorted(topic for link in self.exchange.links for topic in link.talk.topics),
                "playing": self.exchange.playing,
                "ended": self.exchange.ended,
            }
        )
