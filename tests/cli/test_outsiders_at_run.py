"""What an outsider tried at `exo run` and `exo exchange`: each must end, or go on, with one clear line."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web

from exo.cli import main
from exo.testing.exchange import ServedExchange

TERMS = '{"side": "BUY", "orderQty": "3", "price": "1"}'
PRODUCT = {
    "id": "BTC-USD",
    "quote_currency": "USD",
    "quote_increment": "0.01",
    "base_increment": "1",
    "status": "online",
}
Handler = Callable[[web.Request], Any]


@contextmanager
def venue(products: Handler, ws: Handler) -> Iterator[str]:
    """A server of documents and a WebSocket, each as the test says; its address."""
    address: list[str] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        app = web.Application()
        app.add_routes([web.get("/products", products), web.get("/", ws)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address.append(f"ws://127.0.0.1:{runner.addresses[0][1]}/")
        ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    task = loop.create_task(serve())

    def work() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(10)
        yield address[0]
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        loop.close()


async def listed(request: web.Request) -> web.Response:
    return web.json_response([PRODUCT])


async def refused(request: web.Request) -> web.Response:
    return web.Response(status=403, text="no")


async def never(request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


def arguments(url: str, *more: str, terms: str = TERMS) -> list[str]:
    options = ["--venue", "coinbase", "--paper", "--symbols", "BTC-USD", "--terms", terms, "--url", url]
    return ["run", "exo.delegates:Peg", *options, *more]


def started(url: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "exo.cli", *arguments(url, *more)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(words: list[str], capfd: pytest.CaptureFixture[str]) -> tuple[Any, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(words)
    return caught.value.code, *capfd.readouterr()


@pytest.fixture
def served() -> Iterator[ServedExchange]:
    with ServedExchange("coinbase", symbols=["BTC-USD", "ETH-USD"], rate=100) as exchange:
        yield exchange


@pytest.mark.parametrize(
    "changes",
    [
        {"--url": "ws://[::1"},
        {"--terms": "[" * 100_000},
        {"--terms": '{"a":' * 100_000},
        {"--url": "ws://127.0.0.1:99999/"},
    ],
)
def test_what_is_no_option_is_refused_in_one_line(changes: dict[str, str], capfd: Any) -> None:
    """Without a traceback."""
    words = arguments("ws://127.0.0.1:1/")
    for name, value in changes.items():
        words[words.index(name) + 1] = value
    code, out, err = ended(words, capfd)
    assert code in (1, 2) and out == "" and err.count("\n") == 1


def test_no_symbol_at_all_is_wrong_usage(served: ServedExchange, capfd: Any) -> None:
    """It must not end as if all had been done."""
    words = ["run", "exo.delegates:Peg", "--venue", "coinbase", "--paper", "--symbols", "--terms", TERMS]
    code, _, err = ended([*words, "--url", served.ws_url], capfd)
    assert code in (1, 2) and err.count("\n") == 1, err


def test_no_file_of_ticks_is_wrong_usage() -> None:
    """`--ticks` and nothing after it, such as a glob that matched nothing, must not play something made up."""
    command = [sys.executable, "-m", "exo.cli", "exchange", "--venue", "coinbase", "--ticks"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            code = run.wait(8)
        except subprocess.TimeoutExpired:
            run.kill()
            pytest.fail("it plays a random walk")
    assert code == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=503, text="<html>maintenance</html>"),
        lambda: web.Response(status=429, headers={"Retry-After": "60"}),
        lambda: web.Response(text="<html>maintenance</html>"),
        lambda: web.Response(text=""),
        lambda: web.Response(text="{}"),
        lambda: web.Response(body=b"\xff\xfe"),
        lambda: web.Response(text="[" * 50_000),
        lambda: web.json_response({"message": "no"}),
        lambda: web.json_response([None, 5, {}, {"id": "BTC-USD"}]),
        lambda: web.json_response([]),
        lambda: web.Response(body=b"x", headers={"Content-Encoding": "gzip"}),
        lambda: web.Response(status=302, headers={"Location": "/products"}),
    ],
)
def test_listings_that_cannot_be_had_are_told_in_one_line(answer: Callable[[], web.Response], capfd: Any) -> None:
    """Nothing is worked."""

    async def products(request: web.Request) -> web.Response:
        return answer()

    with venue(products, refused) as url:
        code, out, err = ended(arguments(url, "--seconds", "5"), capfd)
    assert (code, out, err.count("\n")) == (1, "", 1), err


def test_a_market_that_refuses_connections_is_said_while_it_does() -> None:
    """The documents are there, the WebSocket is not: whoever waits must be told why nothing happens."""
    with venue(listed, refused) as url, started(url) as run:
        assert run.stdout is not None and run.stderr is not None
        time.sleep(4)
        run.send_signal(signal.SIGINT)
        assert run.wait(20) == 130
        told = run.stdout.read() + run.stderr.read()
    assert "403" in told, told


def test_a_market_that_is_lost_is_said(served: ServedExchange) -> None:
    """The exchange ends in the middle; so does all news, and not a line says so."""
    with started(served.ws_url) as run:
        assert run.stdout is not None and run.stderr is not None
        run.stdout.readline()
        time.sleep(1)
        served.stop()
        time.sleep(3)
        run.send_signal(signal.SIGINT)
        assert run.wait(20) == 130
        told = run.stdout.read() + run.stderr.read()
    assert "closed" in told or "cannot reach" in told or "DOWN" in told, told


@pytest.mark.parametrize("phase", ["listings", "handshake", "backoff", "working"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_ended_in_every_phase_with_one_line(phase: str, how: signal.Signals) -> None:
    """At once, and without a traceback."""
    products, ws = (never, refused) if phase == "listings" else (listed, refused if phase == "backoff" else never)
    with venue(products, ws) as url:
        if phase == "working":
            with ServedExchange("coinbase", symbols=["BTC-USD"], rate=100) as exchange:
                _ends(exchange.ws_url, how)
        else:
            _ends(url, how)


def _ends(url: str, how: signal.Signals) -> None:
    with started(url) as run:
        assert run.stderr is not None and run.stdout is not None
        time.sleep(2)
        run.send_signal(how)
        try:
            code = run.wait(8)
        finally:
            run.kill()
        out, err = run.stdout.read(), run.stderr.read()
        if how is signal.SIGINT:
            assert (code, err) == (130, "exo: interrupted\n")
        else:
            assert "Traceback" not in err and code in (130, 143, -signal.SIGTERM)
            del out


def test_a_reader_that_has_left_ends_it(served: ServedExchange) -> None:
    """As `exo run ... | head -1` should; here every touch is a line, of one who works an order for ever."""
    words = arguments(served.ws_url)
    words[words.index("--terms") + 1] = '{"side": "BUY", "orderQty": "3", "price": "1000000"}'
    command = [sys.executable, "-u", "-m", "exo.cli", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None and run.stderr is not None
        run.stdout.readline()
        run.stdout.close()
        try:
            code = run.wait(15)
        except subprocess.TimeoutExpired:
            run.kill()
            pytest.fail("it goes on without anybody who hears of it")
        assert code == 1 and "Traceback" not in run.stderr.read()


def test_the_same_symbol_twice_is_two_orders(served: ServedExchange, capfd: Any) -> None:
    """Each is worked."""
    words = ["run", "exo.delegates:Sweep", "--venue", "coinbase", "--paper", "--symbols", "BTC-USD", "BTC-USD"]
    terms = json.dumps({"side": "BUY", "orderQty": "1", "price": "1000000"})
    code, out, err = ended([*words, "--terms", terms, "--url", served.ws_url, "--seconds", "20"], capfd)
    assert (code, err) == (0, "") and out.count("DONE, FILLED") == 2
