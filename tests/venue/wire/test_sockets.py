"""The network over real sockets, against a server of aiohttp's on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from exo.venue.network import Closed, Kind, Message, Refused, Unreachable
from exo.venue.reading import told_before_waiting
from exo.venue.sockets import SocketNetwork

Handler = Callable[[web.WebSocketResponse], Awaitable[None]]


def served(test: Callable[[SocketNetwork, str, dict[str, Any]], Awaitable[None]]) -> Callable[[], None]:
    """Run a test with a network and a server: `seen["handler"]` is what it does with a WebSocket."""

    def run() -> None:
        async def program() -> None:
            seen: dict[str, Any] = {}

            async def ws(request: web.Request) -> web.StreamResponse:
                if "answer" in seen:
                    return seen["answer"]()
                response = web.WebSocketResponse(autoping=False)
                await response.prepare(request)
                seen["transport"] = request.transport
                await seen["handler"](response)
                return response

            async def document(request: web.Request) -> web.Response:
                return web.Response(text='{"a":0.10}', headers={"Retry-After": "7"}, status=seen.get("status", 200))

            app = web.Application()
            app.add_routes([web.get("/ws", ws), web.get("/doc", document)])
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
            network = SocketNetwork()
            try:
                async with asyncio.timeout(20):
                    await test(network, f"http://127.0.0.1:{port}", seen)
            finally:
                await network.close()
                await runner.cleanup()

        asyncio.run(program())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@served
async def test_text_comes_as_the_bytes_it_was_and_goes_as_text(network: SocketNetwork, url: str, seen: Any) -> None:
    """With pings and pongs beside it, which nobody answers by himself."""

    async def handler(ws: web.WebSocketResponse) -> None:
        await ws.send_str('{"b":"ü"}')
        await ws.ping(b"17")
        seen["got"] = [await ws.receive() for _ in range(3)]
        await ws.pong(b"x")
        await ws.receive()

    seen["handler"] = handler
    connection = await network.connect(f"{url}/ws")
    assert await connection.receive() == Message(Kind.TEXT, '{"b":"ü"}'.encode())
    assert await connection.receive() == Message(Kind.PING, b"17")
    await connection.pong(b"17")
    await connection.send("hello")
    await connection.ping()
    assert await connection.receive() == Message(Kind.PONG, b"x")
    got = seen["got"]
    assert [message.type for message in got] == [WSMsgType.PONG, WSMsgType.TEXT, WSMsgType.PING]
    assert (bytes(got[0].data), got[1].data) == (b"17", "hello")
    await connection.close()
    with pytest.raises(Closed):
        await connection.receive()
    with pytest.raises(Closed):
        await connection.send("late")


@served
async def test_all_of_a_burst_is_there_before_the_first_wait(network: SocketNetwork, url: str, seen: Any) -> None:
    """What the sockets hand out without suspending is one read."""

    async def handler(ws: web.WebSocketResponse) -> None:
        for number in range(200):
            await ws.send_str(str(number))
        await ws.receive()

    seen["handler"] = handler
    connection = await network.connect(f"{url}/ws")
    await asyncio.sleep(0.3)  # let all of it arrive
    reads, waits = [0], 0

    def waiting() -> None:
        nonlocal waits
        waits += 1
        reads.append(0)

    for number in range(200):
        message = await told_before_waiting(connection.receive(), waiting)
        assert message.data == str(number).encode()
        reads[-1] += 1
    assert waits < 20 and max(reads) > 20
    await connection.close()


@pytest.mark.parametrize("code", [1000, 1001, 1012])
def test_a_close_says_its_code_and_reason(code: int) -> None:
    """As the other side gave them."""

    @served
    async def test(network: SocketNetwork, url: str, seen: Any) -> None:
        async def handler(ws: web.WebSocketResponse) -> None:
            await ws.close(code=code, message=b"be gone")

        seen["handler"] = handler
        connection = await network.connect(f"{url}/ws")
        with pytest.raises(Closed) as caught:
            await connection.receive()
        assert (caught.value.code, caught.value.reason) == (code, "be gone")

    test()


@served
async def test_a_connection_that_is_cut_is_closed_without_a_word(network: SocketNetwork, url: str, seen: Any) -> None:
    """Whoever waits for a message is told."""

    async def handler(ws: web.WebSocketResponse) -> None:
        seen["transport"].abort()
        await asyncio.sleep(0)

    seen["handler"] = handler
    connection = await network.connect(f"{url}/ws")
    with pytest.raises(Closed, match="closed"):
        await connection.receive()


@served
async def test_a_handshake_that_is_refused_says_how_and_until_when(network: SocketNetwork, url: str, seen: Any) -> None:
    """An HTML page in its place is a refusal too."""
    seen["answer"] = lambda: web.Response(status=429, headers={"Retry-After": "60"}, text="slow down")
    with pytest.raises(Refused) as caught:
        await network.connect(f"{url}/ws")
    assert (caught.value.status, caught.value.retry_after_s) == (429, 60.0)
    seen["answer"] = lambda: web.Response(status=200, content_type="text/html", text="<html>maintenance</html>")
    with pytest.raises(Refused) as caught:
        await network.connect(f"{url}/ws")
    assert caught.value.status == 200 and caught.value.retry_after_s is None


@served
async def test_where_nobody_listens_is_unreachable(network: SocketNetwork, url: str, seen: Any) -> None:
    """For sockets and documents, and for what is no address."""
    for bad in ("http://127.0.0.1:1/ws", "wss://no.such.host.invalid/ws", "nonsense"):
        with pytest.raises(Unreachable) as caught:
            await network.connect(bad)
        assert bad in str(caught.value)
        with pytest.raises(Unreachable):
            await network.get(bad)


@served
async def test_a_document_comes_with_its_status(network: SocketNetwork, url: str, seen: Any) -> None:
    """Good or bad."""
    assert await network.get(f"{url}/doc") == (200, b'{"a":0.10}', 7.0)
    seen["status"] = 503
    assert (await network.get(f"{url}/doc")).status == 503
