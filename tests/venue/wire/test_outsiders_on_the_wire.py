"""What an outsider tried on the wire: each test is a way to be wrong about a market, or to hear no more of it."""

from __future__ import annotations

import asyncio
import decimal
import json
import random
import threading
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import exo
from exo.flow import current_clock
from exo.flow.clock import LiveClock
from exo.mkt import FeedState, FeedStatus, Quote
from exo.venue import PaperVenue
from exo.venue.binance import listings as of_binance
from exo.venue.binance.dialect import BinanceDialect, usd_m
from exo.venue.bitmex import listings as of_bitmex
from exo.venue.bitmex.dialect import BitmexDialect
from exo.venue.catalogue import catalogue
from exo.venue.coinbase import listings as of_coinbase
from exo.venue.coinbase.dialect import CoinbaseDialect
from exo.venue.feed import LiveFeed
from exo.venue.frames import Level, Levels
from exo.venue.levels import Depth
from exo.venue.network import Answer, Connection, Kind, Message, Refused, Unreachable
from exo.venue.onpaper import OnPaper
from exo.venue.sockets import SocketNetwork
from tests.contract.helpers import PegOrder, buy, settled, virtual
from tests.venue.wire.scripted import Scripted, ScriptedNetwork, Told
from tests.venue.wire.test_feed import ALL, SNAPSHOT, A, B, Live, beat, live, match, printed, row, ticker, update

D = Decimal
LIVE, GAP, SILENT, DOWN = FeedState.LIVE, FeedState.GAP, FeedState.SILENT, FeedState.DOWN
X = "X-USD.COINBASE"
XBT = "XBTUSD.BITMEX"
POOLS = ("Primary", "Secondary")


def coinbase() -> CoinbaseDialect:
    return CoinbaseDialect("wss://x")


async def coinbase_is_live(here: Live) -> None:
    here.feed.subscribe(X)
    await settled()
    here.venue.tell(ALL, match(6, "last_match"), SNAPSHOT, match(7))
    await settled()
    assert here.told.states(X)[-1] is LIVE


def confirm_bitmex(here: Live, *tables: str) -> None:
    for table in tables or ("quote", "trade"):
        here.venue.tell({"success": True, "subscribe": f"{table}:XBTUSD", "request": {}})


# Subscribing and its end


@virtual
async def test_a_symbol_that_is_wanted_again_before_the_venue_heard_of_its_end_is_live() -> None:
    """An order ends and another on the same symbol begins: nothing changed at the venue."""
    async with live() as here:
        await here.subscribed(A, B)
        await here.feed.unsubscribe(B)
        here.feed.subscribe(B)
        await settled()
        here.confirm()
        here.venue.tell(ticker("BBBUSDT"))
        await asyncio.sleep(60)
        assert here.told.quotes[-1].symbol == B
        assert here.told.states(B)[-1] is LIVE


@virtual
async def test_a_symbol_wanted_again_while_the_limiter_holds_others_back_is_live() -> None:
    """The same under load: the venue's rate keeps what was to be told waiting for a second."""
    async with live() as here:
        others = [f"S{number}USDT.BINANCE" for number in range(5)]
        await here.subscribed(A, B)
        for symbol in others:  # each a message of its own, and more than may leave in a second
            here.feed.subscribe(symbol)
            await settled()
        await here.feed.unsubscribe(B)
        await asyncio.sleep(0.1)
        here.feed.subscribe(B)
        for _ in range(60):
            await asyncio.sleep(1)
            here.confirm()
        assert here.told.states(B)[-1] is LIVE


@virtual
async def test_a_symbol_that_is_subscribed_twice_stays_live() -> None:
    """Asking for what is there already is no reason to call it down for ever."""
    async with live() as here:
        await here.subscribed(A)
        here.feed.subscribe(A)
        await settled()
        here.confirm()
        here.venue.tell(ticker())
        await asyncio.sleep(60)
        assert here.told.states(A)[-1] is LIVE


@virtual
async def test_a_symbol_that_ended_and_came_back_is_live_and_has_data() -> None:
    """With the venue's answers in between."""
    async with live() as here:
        await here.subscribed(A, B)
        for u in range(2, 12):
            await here.feed.unsubscribe(B)
            await asyncio.sleep(2)
            here.feed.subscribe(B)
            await asyncio.sleep(2)
            here.confirm()
            here.venue.tell(ticker("BBBUSDT", u=u))
            await settled()
            assert here.told.states(B)[-1] is LIVE and here.told.quotes[-1].rpt_seq == u


@virtual
async def test_two_names_of_one_instrument_do_not_hurt_each_other() -> None:
    """Without listings both `AAAUSDT` and `AAAUSDT.BINANCE` mean it; ending both is no error."""
    async with live() as here:
        await here.subscribed("AAAUSDT", A, B)
        await here.feed.unsubscribe(A)
        await here.feed.unsubscribe("AAAUSDT")
        here.venue.tell(ticker("BBBUSDT"))
        await settled()
        assert here.told.quotes[-1].symbol == B


@virtual
async def test_a_name_in_lower_case_is_not_live_without_a_word_of_data() -> None:
    """Binance takes lower case in a stream's name, and answers in upper case: nothing is ever heard of it."""
    async with live() as here:
        await here.subscribed("aaausdt.BINANCE")
        here.venue.tell(ticker(), printed(1))
        await settled()
        assert here.told.quotes or here.told.states("aaausdt.BINANCE")[-1] is DOWN


@virtual
async def test_symbols_that_come_and_go_leave_nothing_in_a_stream() -> None:
    """Memory follows what is live (contract C11)."""
    async with live() as here:
        await here.subscribed(A)
        stream = here.feed._news.current
        assert stream is not None
        for number in range(200):
            symbol = f"S{number}USDT.BINANCE"
            here.feed.subscribe(symbol)
            await asyncio.sleep(1)
            if number % 3:
                here.confirm()
            else:
                here.venue.tell({"error": {"code": 2, "msg": "no"}, "id": here.venue.sent[-1]["id"]})
            await settled()
            await here.feed.unsubscribe(symbol)
            await asyncio.sleep(1)
        await asyncio.sleep(100)
        sizes = {name: len(of) for name, of in vars(stream).items() if isinstance(of, dict)}
        assert max(sizes.values()) <= 1, sizes
        assert len(here.feed._news.instruments) == len(here.feed._news.names) == len(here.feed._news.symbols) == 1


# Fresh or stale


@pytest.mark.parametrize("venue", ["binance", "bitmex"])
def test_after_a_lost_connection_data_is_not_live_before_it_is_fresh(venue: str) -> None:
    """An hour-old touch is not made fresh by the venue's word that it took a request."""

    @virtual
    async def test() -> None:
        dialect: Any = BinanceDialect("wss://x/ws") if venue == "binance" else BitmexDialect("wss://x")
        symbol = A if venue == "binance" else XBT
        async with live(dialect) as here:
            here.feed.subscribe(symbol)
            await settled()
            if venue == "binance":
                here.confirm()
                here.venue.tell(ticker(u=1))
            else:
                confirm_bitmex(here)
                here.venue.tell({"table": "quote", "action": "insert", "data": [row(10, 13)]})
            await settled()
            assert here.told.states(symbol)[-1] is LIVE and len(here.told.quotes) == 1
            here.network.errors.extend(Unreachable("wss://x", "no route") for _ in range(40))
            here.venue.end()
            async with asyncio.timeout(2000):
                while len(here.network.connections) < 2:
                    await asyncio.sleep(1)
            if venue == "binance":
                here.confirm()
            else:
                confirm_bitmex(here)
            await asyncio.sleep(20)
            # The latest quote at the sink is many minutes old, and nothing newer was heard.
            assert len(here.told.quotes) == 1
            assert here.told.states(symbol)[-1] is not LIVE

    test()


class Takes:
    """Takes what the touch shows, unless it is told that its data is stale."""

    def __init__(self, desk: exo.Desk[PegOrder]) -> None:
        self.desk = desk

    def act(self, update: exo.Update[PegOrder]) -> exo.Next:
        px = None if update.quote is None or update.stale else update.quote.ask_px
        if px and px <= (self.desk.order.price or px) and not self.desk.children:
            self.desk.work(price=px, time_in_force=exo.TimeInForce.IOC)
        return exo.DONE if self.desk.finished else None

    def clean_up(self) -> None: ...


@virtual
async def test_no_order_is_filled_at_a_touch_from_before_the_connection_was_lost() -> None:
    """A delegate that minds staleness, the risk gate and the paper venue together buy at a price ten minutes old."""
    network = ScriptedNetwork()
    feed = LiveFeed(BinanceDialect("wss://x/ws"), network)
    made: list[Takes] = []

    def factory(desk: exo.Desk[PegOrder]) -> Takes:
        made.append(Takes(desk))
        return made[-1]

    def confirm() -> None:
        network.last.tell(*({"result": None, "id": sent["id"]} for sent in network.last.sent))

    async with exo.Dispatcher(factory, OnPaper(feed, PaperVenue())) as dispatcher:
        dispatcher.submit(buy(A, order_qty=D("1.5"), order_id="first"))
        dispatcher.submit(buy(A, order_qty=D(9), price=D(1), order_id="keeps"))  # the symbol stays subscribed
        await asyncio.sleep(1)
        network.errors.extend(Unreachable("wss://x", "no route") for _ in range(25))
        confirm()
        network.last.tell(ticker(u=2, bid="1.5", ask="1.6") | {"A": "2"})
        await asyncio.sleep(1)
        network.last.end()
        lost_ns = current_clock().now_ns()
        while len(network.connections) < 2:
            await asyncio.sleep(1)
        assert current_clock().now_ns() - lost_ns > 300e9
        confirm()
        dispatcher.submit(buy(A, order_qty=D("0.25"), order_id="second"))
        await asyncio.sleep(5)  # no quote has come since
        assert made[-1].desk.order.order_id == "second" and made[-1].desk.cum_qty == 0


@virtual
async def test_quotes_whose_numbers_begin_anew_do_not_freeze_a_live_symbol() -> None:
    """A venue that starts its numbers again, or one number that is far too high, must not end all quotes unsaid."""
    async with live() as here:
        await here.subscribed(A)
        here.venue.tell(ticker(u=9_000_000_000, bid="1.5"))
        await settled()
        for u in range(1, 200):
            here.venue.tell(ticker(u=u, bid="1.1"))
            await asyncio.sleep(1)
        assert here.told.quotes[-1].bid_px == D("1.1") or here.told.states(A)[-1] is not LIVE


@virtual
async def test_trades_whose_numbers_begin_anew_are_not_dropped_for_ever() -> None:
    """Nor without a word."""
    async with live() as here:
        await here.subscribed(A)
        here.venue.tell(printed(5_000_000), ticker(u=1))
        await settled()
        for number in range(1, 100):
            here.venue.tell(printed(number), ticker(u=1 + number))
            await asyncio.sleep(1)
        assert len(here.told.trades) > 90 or here.told.states(A)[-1] is not LIVE


@virtual
async def test_the_first_trade_of_a_new_listing_counts() -> None:
    """Binance numbers from 0."""
    async with live() as here:
        await here.subscribed(A)
        here.venue.tell(printed(0), printed(1))
        await settled()
        assert here.told.trades == ["0", "1"]


@virtual
async def test_trades_of_the_insurance_fund_leave_no_gap() -> None:
    """USD-M numbers them with all others, so what is left out on purpose is not missing."""
    symbol = "AAAUSDT.BINANCE-USDM"
    async with live(usd_m("wss://x/ws")) as here:
        await here.subscribed(symbol)
        here.venue.tell(
            printed(1) | {"X": "MARKET"},
            printed(2) | {"X": "INSURANCE_FUND"},
            printed(3) | {"X": "MARKET"},
            printed(4) | {"X": "NA", "p": "0", "q": "0"},
            printed(5) | {"X": "MARKET"},
        )
        await settled()
        assert here.told.trades == ["1", "3", "5"]
        assert GAP not in here.told.states(symbol) and not here.feed.counts["gap"]


class Endless(Scripted):
    """A connection on which a message is always there already, as when more comes than can be taken."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        self.clock = LiveClock()

    async def receive(self) -> Message:
        if self._told or self.closed or not self.sent:
            return await super().receive()
        self.given += 1
        frame = ticker(u=self.given)
        return Message(Kind.TEXT, json.dumps(frame, separators=(",", ":")).encode())


class EndlessNetwork(ScriptedNetwork):
    async def connect(self, url: str) -> Connection:
        self.connections.append(Endless())
        return self.connections[-1]


def test_a_connection_that_brings_more_than_can_be_taken_is_not_called_silent() -> None:
    """Full to the brim is the opposite of silent, and what came a second later is not a second old."""

    async def program() -> None:
        network, told = EndlessNetwork(), Told()
        feed = LiveFeed(BinanceDialect("wss://x/ws", heartbeat_s=0.2), network)
        feed.connect(told)
        feed.subscribe(A)
        async with asyncio.timeout(10):
            for _ in range(10):
                await asyncio.sleep(0.08)
        await feed.close()
        assert SILENT not in told.states(A), feed.counts
        assert len(network.connections) == 1

    asyncio.run(program())


def _flood(ready: threading.Event, port: list[int], over: threading.Event) -> None:
    """Serve a WebSocket on loopback that writes quotes, many in one write, as fast as they are read."""

    async def ws(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(autoping=False, compress=False)
        await response.prepare(request)
        await response.receive()
        await response.send_str('{"result":null,"id":1}')
        transport, u = request.transport, 0
        assert isinstance(transport, asyncio.Transport)
        while not over.is_set() and not transport.is_closing():
            if transport.get_write_buffer_size() < 1_000_000:
                frames = [json.dumps(ticker(u=u + i), separators=(",", ":")).encode() for i in range(1000)]
                u += 1000
                transport.write(b"".join(bytes((0x81, len(frame))) + frame for frame in frames))
            await asyncio.sleep(0.001)
        return response

    async def serve() -> None:
        app = web.Application()
        app.add_routes([web.get("/ws", ws)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port.append(runner.addresses[0][1])
        ready.set()
        while not over.is_set():
            await asyncio.sleep(0.05)
        await runner.cleanup()

    asyncio.run(serve())


def test_a_socket_that_brings_more_than_can_be_taken_is_not_called_silent() -> None:
    """The same over a real socket: a sink that takes 0.2 ms a quote, and a server as fast as it can."""
    ready, over, port = threading.Event(), threading.Event(), list[int]()
    server = threading.Thread(target=_flood, args=(ready, port, over))
    server.start()
    told, ages = Told(), list[int]()

    async def program() -> None:
        clock, network = current_clock(), SocketNetwork()

        def on_quote(quote: Quote) -> None:
            began_ns = clock.now_ns()
            ages.append(began_ns - (quote.received_ns or 0))
            while clock.now_ns() - began_ns < 200_000:
                pass

        told.on_quote = on_quote  # type: ignore[method-assign]
        feed = LiveFeed(BinanceDialect(f"ws://127.0.0.1:{port[0]}/ws", heartbeat_s=0.5), network)
        feed.connect(told)
        feed.subscribe(A)
        try:
            async with asyncio.timeout(20):
                await asyncio.sleep(4)
        finally:
            await feed.close()
            await network.close()
        assert len(ages) > 1000
        assert SILENT not in told.states(A), (feed.counts, max(ages) / 1e9)

    try:
        assert ready.wait(10)
        asyncio.run(program())
    finally:
        over.set()
        server.join(10)


# Rolling over


@virtual
async def test_a_quote_that_only_the_successor_told_is_not_lost_at_the_rollover() -> None:
    """The first connection lags; the symbol is quiet afterwards."""
    async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
        await here.subscribed(A)
        first = here.venue
        first.tell(ticker(u=1, bid="1.5"))
        await asyncio.sleep(900.01)
        second = here.venue
        assert second is not first
        here.confirm()
        second.tell(ticker(u=2, bid="1.1"))  # the first has it on its way still
        await asyncio.sleep(60)
        assert first.closed and here.feed.counts["rolled over"] == 1
        assert here.told.quotes[-1].bid_px == D("1.1") or here.told.states(A)[-1] is not LIVE


@virtual
async def test_a_successor_that_is_ahead_of_its_predecessor_is_no_gap() -> None:
    """It was subscribed after trade 2, and 3 comes by it before 2 comes by the first."""
    async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
        await here.subscribed(A)
        first = here.venue
        first.tell(ticker(u=1), printed(1))
        await asyncio.sleep(900.01)
        second = here.venue
        here.confirm()
        second.tell(printed(3))
        await settled()
        first.tell(printed(2), printed(3))
        await asyncio.sleep(1)
        assert here.told.trades == ["1", "2", "3"] and here.feed.counts["rolled over"] == 1
        assert here.told.states(A) == [DOWN, LIVE] and not here.feed.counts["gap"]


@virtual
async def test_what_a_venue_says_of_when_to_come_again_is_kept_at_a_rollover_too() -> None:
    """Binance bans addresses that do not."""
    async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
        await here.subscribed(A)
        here.network.errors.extend(Refused("wss://x/ws", 429, "too many", 60.0) for _ in range(50))
        await asyncio.sleep(900 + 59)
        assert len(here.network.tried_ns) == 2  # the first, and the one that was refused


@virtual
async def test_a_rollover_with_a_gap_open_waits_for_its_successor_all_the_same() -> None:
    """The first is not ended before the second carries what is wanted."""
    async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
        await here.subscribed(A)
        first = here.venue
        await asyncio.sleep(899.9)
        first.tell(printed(1), printed(5))
        await asyncio.sleep(0.5)
        assert here.told.states(A)[-1] is GAP
        assert here.venue is not first and here.venue.sent
        assert not first.closed  # the second has confirmed nothing yet


@virtual
async def test_a_symbol_that_is_refused_to_the_successor_does_not_end_the_others() -> None:
    """It was taken off the market; the old connection must be left before the venue cuts it."""
    async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
        await here.subscribed(A, B)
        here.venue.tell(ticker(), ticker("BBBUSDT"))
        first = here.venue
        await asyncio.sleep(900.01)
        answered: set[int] = set()
        for _ in range(500):  # about the ten minutes that are left of the day
            for connection in here.network.connections[1:]:
                for sent in connection.sent:
                    if id(sent) not in answered:
                        answered.add(id(sent))
                        bad = any(topic.startswith("bbb") for topic in sent["params"])
                        no = {"error": {"code": 2, "msg": "no such symbol"}, "id": sent["id"]}
                        connection.tell(no if bad else {"result": None, "id": sent["id"]})
            await asyncio.sleep(1)
        assert here.feed.counts["rolled over"] >= 1, (len(here.network.connections), first.closed)


@virtual
async def test_a_shutdown_that_is_told_twice_is_one_rollover() -> None:
    """The second word is about the same connection."""
    async with live() as here:
        await here.subscribed(A)
        here.venue.tell({"e": "serverShutdown", "E": 1})
        await settled()
        here.network.connections[0].tell({"e": "serverShutdown", "E": 2})
        await settled()
        for _ in range(5):
            here.confirm()
            await asyncio.sleep(1)
        assert len(here.network.connections) == 2


@pytest.mark.parametrize("turns", range(10))
def test_a_connection_lost_as_its_successor_takes_over_leaves_nothing_behind(
    turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one is closed by the venue so many turns of the loop before the new one is found ready."""

    @virtual
    async def test() -> None:
        async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
            ready = here.feed._ready

            async def found_ready(*args: Any) -> None:
                await ready(*args)
                here.network.connections[0].end(1001, "24 hours")
                for _ in range(turns):
                    await asyncio.sleep(0)

            monkeypatch.setattr(here.feed, "_ready", found_ready)
            await here.subscribed(A)
            here.venue.tell(ticker())
            await asyncio.sleep(900.01)
            here.confirm()
            await asyncio.sleep(5)
            here.confirm()
            await asyncio.sleep(5)
            open_ = [connection for connection in here.network.connections if not connection.closed]
            assert len(open_) == 1
        assert all(connection.closed for connection in here.network.connections)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    test()


class SteppedNetwork(ScriptedNetwork):
    """A network whose connections take so many turns of the loop."""

    turns = 0

    async def connect(self, url: str) -> Connection:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return await super().connect(url)


@pytest.mark.parametrize("turns", range(7))
def test_a_feed_that_is_closed_while_it_connects_leaves_no_connection_open(turns: int) -> None:
    """At whichever step."""

    @virtual
    async def test() -> None:
        network, told = SteppedNetwork(), Told()
        network.turns = 2
        feed = LiveFeed(BinanceDialect("wss://x/ws"), network)
        feed.connect(told)
        feed.subscribe(A)
        for _ in range(turns):
            await asyncio.sleep(0)
        await feed.close()
        await asyncio.sleep(1)
        assert [connection.closed for connection in network.connections] == [True] * len(network.connections)

    test()


def test_a_feed_that_is_closed_with_its_successor_just_ready_leaves_no_connection_open() -> None:
    """The successor has ended its work, and nobody has looked at it yet."""

    @virtual
    async def test() -> None:
        async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
            await here.subscribed(A)
            here.venue.tell(ticker())
            await asyncio.sleep(900.01)
            here.confirm()
            await settled()
            roll = next(task for task in asyncio.all_tasks() if task.get_name() == "exo.feed.roll")
            main = here.feed._main
            assert main is not None
            roll.add_done_callback(lambda _: main.cancel())  # as close() does, in the very turn it is done
            await asyncio.sleep(5)
            await here.feed.close()
            await asyncio.sleep(5)
            assert [c.closed for c in here.network.connections] == [True] * len(here.network.connections)

    test()


# What raises


@virtual
async def test_a_sink_that_raises_once_does_not_end_the_feed_without_a_word() -> None:
    """Its data would look live and never change again."""
    async with live() as here:
        await here.subscribed(A)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        whole = here.told.on_quote

        def on_quote(quote: Quote) -> None:
            here.told.on_quote = whole  # type: ignore[method-assign]
            raise ZeroDivisionError

        here.told.on_quote = on_quote  # type: ignore[method-assign]
        here.venue.tell(ticker(u=1))
        await asyncio.sleep(60)
        here.confirm()
        here.venue.tell(ticker(u=2))
        await asyncio.sleep(60)
        assert here.told.quotes or here.told.states(A)[-1] is not LIVE


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"l2update","product_id":"X-USD","changes":[["buy",1e70,1]],"time":"2024-01-01T00:00:00Z"}',
        b'{"type":"l2update","product_id":"X-USD","changes":[["buy",10.5,1e70]],"time":"2024-01-01T00:00:00Z"}',
        b'{"type":"l2update","product_id":"X-USD","changes":[["buy",10.5,1e-70]],"time":"2024-01-01T00:00:00Z"}',
        b'{"type":"l2update","product_id":"X-USD","changes":[["buy",1' + b"0" * 70 + b',1]],"time":null}',
        b'{"type":"snapshot","product_id":"X-USD","bids":[[1e70,1]],"asks":[]}',
    ],
)
def test_a_level_with_a_number_beyond_all_bounds_does_not_end_the_feed(frame: bytes) -> None:
    """Bare numbers, which the venue does not send: bad, counted, survived."""

    @virtual
    async def test() -> None:
        async with live(coinbase()) as here:
            await coinbase_is_live(here)
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
            here.venue.tell(frame)
            await asyncio.sleep(5)
            if here.venue.closed:
                pytest.fail("the connection is closed, and nobody opens another")
            here.venue.tell(match(8))
            await settled()
            assert here.told.trades[-1] == "8"

    test()


@virtual
async def test_sizes_of_pools_whose_sum_is_beyond_all_bounds_do_not_end_the_feed() -> None:
    """As with any other number that is no good."""
    async with live(BitmexDialect("wss://x")) as here:
        here.feed.subscribe(XBT)
        await settled()
        confirm_bitmex(here)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        huge = 9 * 10**59
        for pool in POOLS:
            here.venue.tell({"table": "quote", "action": "insert", "data": [row(10, 13, pool, huge)]})
        await settled()
        here.venue.tell(
            {"table": "quote", "action": "insert", "data": [row(11, 13, pool, 5) for pool in ("Primary", "Secondary")]}
        )
        await asyncio.sleep(5)
        assert here.told.quotes[-1].bid_px == 11


# Coinbase's book


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"l2update","product_id":"X-USD","changes":[["buy","10","0.-10000"]],"time":"2024-01-01T00:00:00Z"}',
        b'{"type":"l2update","product_id":"X-USD","changes":[["buy","10","0"',
        b'{"type":"l2update","product_id":"X-USD","changes":[["buy","10",null]],"time":"2024-01-01T00:00:00Z"}',
        b'{"type":"l2update","product_id":"X-USD","changes":[["buy","10","0"]],"time":5}',
    ],
)
def test_a_change_of_the_book_that_cannot_be_read_is_a_gap(frame: bytes) -> None:
    """The best bid went away with it: from now on the touch is wrong, and nothing else will put it right."""

    @virtual
    async def test() -> None:
        async with live(coinbase()) as here:
            await coinbase_is_live(here)
            here.venue.tell(frame)
            await asyncio.sleep(30)
            assert here.feed.counts["Bad"] == 1
            assert here.told.states(X)[-1] is not LIVE or len(here.venue.sent) > 1

    test()


@virtual
async def test_a_whole_book_that_cannot_be_read_is_asked_for_again() -> None:
    """All is confirmed and nothing more will come by itself."""
    async with live(coinbase()) as here:
        here.feed.subscribe(X)
        await settled()
        here.venue.tell(ALL, json.dumps(SNAPSHOT).encode()[:-20])
        await asyncio.sleep(300)
        assert len(here.venue.sent) > 1 or len(here.network.connections) > 1


class Busy:
    """Coinbase with a trade every so often, which answers subscriptions in order and after a while."""

    def __init__(self, here: Live, every_s: float, takes_s: float = 0.02) -> None:
        self.here = here
        self.takes_s = takes_s
        self.every_s = every_s
        self.last = 100
        self.subscribed = False
        self.seen = 0
        self.lose = 0
        self.lost: list[int] = []

    async def run(self) -> None:
        venue = self.here.venue
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        requests: list[tuple[float, Any]] = []
        while True:
            await asyncio.sleep(0.005)
            while self.seen < len(venue.sent):
                begins_s = max(loop.time() + 0.02, requests[-1][0] if requests else 0.0)
                requests.append((begins_s + self.takes_s, venue.sent[self.seen]))
                self.seen += 1
            while requests and requests[0][0] <= loop.time():
                _, sent = requests.pop(0)
                subscribes, channels = sent["type"] == "subscribe", sent["channels"]
                if "matches" in channels:
                    self.subscribed = subscribes
                if subscribes:
                    venue.tell(*[match(self.last, "last_match")] * ("matches" in channels), SNAPSHOT, ALL)
                else:
                    rest = [each for each in ALL["channels"] if each["name"] not in channels]
                    venue.tell({"type": "subscriptions", "channels": rest})
            if loop.time() >= next_s:
                next_s += self.every_s
                self.last += 1
                if self.subscribed and self.lose:
                    self.lose -= 1
                elif self.subscribed:
                    venue.tell(match(self.last))
                else:
                    self.lost.append(self.last)


@pytest.mark.parametrize("every_s", [0.5, 0.1, 0.02, 0.01])
def test_one_lost_trade_of_a_busy_market_is_not_a_gap_without_end(every_s: float) -> None:
    """The book is asked for again; what is traded meanwhile must not be lost by that, and be a gap again."""

    @virtual
    async def test() -> None:
        async with live(coinbase()) as here:
            here.feed.subscribe(X)
            await settled()
            venue = Busy(here, every_s)
            playing = asyncio.create_task(venue.run())
            await asyncio.sleep(5)
            assert here.told.states(X)[-1] is LIVE
            venue.lose = 1
            venue.lost.clear()
            await asyncio.sleep(60)
            playing.cancel()
            requests = len(here.venue.sent)
            assert here.told.states(X)[-1] is LIVE and here.feed.counts["gap"] <= 2, (here.feed.counts, requests)
            assert not venue.lost, f"{len(venue.lost)} trades were lost by asking for the book again"

    test()


def test_a_book_after_any_changes_is_what_a_naive_book_is() -> None:
    """Deletes of unknown levels, duplicates, zero sizes, other ways to write a price, and crossed sides."""
    rng = random.Random(6)
    depth, naive = Depth(), {True: dict[Decimal, Decimal](), False: dict[Decimal, Decimal]()}
    depth.take(Levels(X, (), (), True, 1))
    for _ in range(5000):
        sides: dict[bool, list[Level]] = {True: [], False: []}
        for _ in range(rng.randint(1, 4)):
            bids = rng.random() < 0.5
            px = D(rng.choice(["1", "1.0", "1.00", "2", "2.5", "2.50", "3", "3E0", "1E-8", "0.00000001"]))
            level = Level(px, D(rng.choice(["0", "0.0", "-0", "1", "2", "0.00000001"])))
            sides[bids].append(level)
            if level.size:
                naive[bids][px] = level.size
            else:
                naive[bids].pop(px, None)
        depth.take(Levels(X, tuple(sides[True]), tuple(sides[False]), False, 1))
        bid, ask = max(naive[True], default=None), min(naive[False], default=None)
        assert depth._touch == (
            bid,
            None if bid is None else naive[True][bid],
            ask,
            None if ask is None else naive[False][ask],
        )


@virtual
async def test_levels_that_vanished_during_a_reconnect_are_gone() -> None:
    """The new connection's book is all there is."""
    async with live(coinbase()) as here:
        await coinbase_is_live(here)
        here.venue.end()
        await asyncio.sleep(2)
        assert here.told.states(X)[-1] is DOWN
        here.venue.tell(update(["buy", "10.7", "1"]), ALL)  # not yet whole: nothing of it
        await settled()
        assert here.told.states(X)[-1] is DOWN
        here.venue.tell(SNAPSHOT | {"bids": [["8", "1"]], "asks": []}, update(["sell", "9", "2"]))
        await settled()
        last = here.told.quotes[-1]
        assert (last.bid_px, last.ask_px, last.ask_size) == (8, 9, 2) and here.told.states(X)[-1] is LIVE


# BitMEX


@virtual
async def test_a_subscription_that_is_taken_late_is_live_in_the_end() -> None:
    """Its answer took eleven seconds; asked again, the venue says that it is subscribed already."""
    async with live(BitmexDialect("wss://x")) as here:
        here.feed.subscribe(XBT)
        await asyncio.sleep(11)
        confirm_bitmex(here)
        sent = len(here.venue.sent)
        for u in range(600):
            if len(here.venue.sent) > sent:
                sent = len(here.venue.sent)
                already = "You are already subscribed to this topic: "
                for topic in here.venue.sent[-1]["args"]:
                    here.venue.tell({"status": 400, "error": already + topic, "request": here.venue.sent[-1]})
            here.venue.tell({"table": "quote", "action": "insert", "data": [row(10 + u, 1000)]})
            await asyncio.sleep(1)
        assert len(here.told.quotes) == 600
        assert here.told.states(XBT)[-1] is LIVE, here.told.text(XBT)


@virtual
async def test_rows_of_many_kinds_in_one_frame_each_count_for_themselves() -> None:
    """One that cannot be read, one of a stranger, and deletes or updates, end nothing."""
    async with live(BitmexDialect("wss://x")) as here:
        here.feed.subscribe(XBT)
        await settled()
        confirm_bitmex(here)
        rows = [row(10, 13), row(11, 13) | {"bidPrice": "x"}, row(12, 13) | {"symbol": "ETHUSD"}, None, row(12.5, 13)]
        here.venue.tell(
            {"table": "quote", "action": "partial", "data": rows},
            {"table": "quote", "action": "delete", "data": rows},
            {"table": "trade", "action": "delete", "data": [{}]},
            {"table": "quote", "action": "insert", "data": None},
        )
        await settled()
        assert [quote.bid_px for quote in here.told.quotes] == [10, D("12.5")]
        assert here.feed.counts["Stray"] == 1 and here.feed.counts["Bad"] == 3
        assert here.told.states(XBT)[-1] is GAP  # the last may have been its quote
        here.venue.tell({"table": "quote", "action": "insert", "data": [row(12.5, 13)]})
        await settled()
        assert here.told.states(XBT)[-1] is LIVE


@virtual
async def test_a_number_with_underscores_or_blanks_is_none() -> None:
    """As everywhere else (contract C19)."""
    async with live(BitmexDialect("wss://x")) as here:
        here.feed.subscribe(XBT)
        await settled()
        confirm_bitmex(here)
        for text in ("1_000", " 1 "):
            here.venue.tell({"table": "quote", "action": "insert", "data": [row(10, 13) | {"bidPrice": text}]})
        await settled()
        assert here.told.quotes == [] and here.feed.counts["Bad"] == 2


# Backing off


class SlowNetwork(ScriptedNetwork):
    async def connect(self, url: str) -> Connection:
        await asyncio.sleep(10)
        return await super().connect(url)


@virtual
async def test_attempts_that_time_out_are_failures_and_the_pause_grows() -> None:
    """A connection that never came about has not settled."""
    network, told = SlowNetwork(), Told()
    network.errors.extend(Unreachable("wss://x/ws", "no answer within 10 s") for _ in range(50))
    feed = LiveFeed(BinanceDialect("wss://x/ws"), network)
    feed.connect(told)
    feed.subscribe(A)
    await asyncio.sleep(300)
    await feed.close()
    pauses = [(b - a) / 1e9 - 10 for a, b in zip(network.tried_ns, network.tried_ns[1:], strict=False)]
    assert max(pauses) > 5, pauses


@virtual
async def test_a_stop_in_any_phase_ends_at_once_and_leaves_nothing() -> None:
    """Connecting, waiting for the next attempt, subscribing."""
    for phase_s in (0, 0.1, 5, 10.0, 10.1, 10.3, 25):
        network, told = SlowNetwork(), Told()
        network.errors.append(Unreachable("wss://x/ws", "no"))
        feed = LiveFeed(BinanceDialect("wss://x/ws"), network)
        feed.connect(told)
        feed.subscribe(A)
        await asyncio.sleep(phase_s)
        before = asyncio.get_running_loop().time()
        await feed.close()
        await feed.close()
        assert asyncio.get_running_loop().time() - before < 0.001
        assert all(connection.closed for connection in network.connections)
        assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual
async def test_frames_of_every_odd_kind_end_nothing() -> None:
    """Error frames, unknown types and wrong types, of every venue at every venue."""
    odd: list[bytes] = [
        b"",
        b"null",
        b"0",
        b'"x"',
        b"[]",
        b"{}",
        b"\x00\xff",
        b"[" * 5000,
        b'{"error":null}',
        b'{"error":{"code":null,"msg":null}}',
        b'{"code":0,"msg":"x"}',
        b'{"code":2,"msg":"x","id":"no"}',
        b'{"type":"error","message":null,"reason":null}',
        b'{"type":"error","message":"rate limit"}',
        b'{"type":"subscriptions","channels":[{"name":"matches","product_ids":"X-USD"}]}',
        b'{"type":"subscriptions","channels":{}}',
        b'{"type":"heartbeat","product_id":"X-USD","last_trade_id":0}',
        b'{"status":429,"error":"Rate limit exceeded","meta":{"retryAfter":1}}',
        b'{"error":"x","request":{"op":"subscribe","args":"quote:XBTUSD"}}',
        b'{"success":false}',
        b'{"success":true,"subscribe":null}',
        b'{"table":"quote","action":"partial","keys":[],"data":[]}',
        b'{"stream":"x","data":[]}',
        b'{"stream":"x","data":null}',
        b'{"result":["a"],"id":99}',
        b'{"u":1e400,"s":"AAAUSDT","b":"1","B":"1","a":"2","A":"1"}',
        b'{"u":1,"s":"AAAUSDT","b":[],"B":{},"a":"2","A":"1"}',
        b'{"e":"trade","s":"AAAUSDT","t":"5","p":"1","q":"1","T":"1","m":1}',
        '{"type":"match","product_id":"\N{SNOWMAN}"}'.encode(),
        b'{"type":"match","product_id":"\\ud800"}',
    ]
    for dialect, symbol in ((BinanceDialect("wss://x/ws"), A), (coinbase(), X), (BitmexDialect("wss://x"), XBT)):
        async with live(dialect) as here:  # type: ignore[arg-type]
            here.feed.subscribe(symbol)
            await settled()
            if symbol == A:
                here.confirm()
                here.venue.tell(ticker())
            elif symbol == X:
                here.venue.tell(ALL, SNAPSHOT)
            else:
                confirm_bitmex(here)
                here.venue.tell({"table": "quote", "action": "insert", "data": [row(10, 13)]})
            await settled()
            assert here.told.states(symbol)[-1] is LIVE
            here.venue.tell(*odd)
            await asyncio.sleep(5)
            if symbol == A:  # what could not be read may have been its quote
                here.venue.tell(ticker(u=2))
            elif symbol == X:
                here.venue.tell(ALL, SNAPSHOT)
            else:
                here.venue.tell({"table": "quote", "action": "insert", "data": [row(10, 13)]})
            await settled()
            assert len(here.network.connections) == 1 and here.told.states(symbol)[-1] is LIVE, here.told.all


# Listings


def read_all(of: Any, document: object) -> list[Any]:
    return list(of(json.loads(json.dumps(document), parse_float=Decimal)))


GOOD_SPOT = {
    "symbol": "GOODUSDT",
    "status": "TRADING",
    "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "stepSize": "0.001"},
    ],
}
GOOD_SWAP = {
    "symbol": "GOODUSD",
    "state": "Open",
    "quoteCurrency": "USD",
    "settlCurrency": "XBt",
    "tickSize": 0.5,
    "lotSize": 100,
    "multiplier": -100000000,
    "isInverse": True,
}


@pytest.mark.parametrize(
    "change",
    [
        {"filters": [{"filterType": []}]},
        {"filters": [{"filterType": {}}]},
        {"filters": None},
        {"filters": [None]},
        {"symbol": None},
        {"symbol": "A B"},
        {"status": None},
        {"filters": [{"filterType": "PRICE_FILTER", "tickSize": "-1"}, {"filterType": "LOT_SIZE"}]},
        {"filters": [*GOOD_SPOT["filters"], {"filterType": "NOTIONAL", "minNotional": []}]},
    ],
)
def test_one_odd_instrument_of_binance_does_not_end_the_others(change: dict[str, Any]) -> None:
    """It is left out, with a word."""
    found = read_all(of_binance.read, {"symbols": [GOOD_SPOT | change, GOOD_SPOT]})
    assert found[-1].listing.symbol == "GOODUSDT.BINANCE"


@pytest.mark.parametrize(
    "change",
    [
        {"multiplier": Decimal("1E+9999999")},
        {"multiplier": Decimal("1E-9999999")},
        {"isInverse": False, "underlyingToPositionMultiplier": Decimal("1E-9999999")},
        {"isInverse": False, "underlyingToPositionMultiplier": Decimal("1E+9999999")},
        {"isInverse": False, "underlyingToPositionMultiplier": 0},
        {"lotSize": 0},
        {"tickSize": 0},
        {"tickSize": None},
        {"settlCurrency": 5},
    ],
)
def test_one_odd_instrument_of_bitmex_does_not_end_the_others(change: dict[str, Any]) -> None:
    """Likewise."""
    found = list(of_bitmex.read([GOOD_SWAP | {"tickSize": D("0.5")} | change, GOOD_SWAP | {"tickSize": D("0.5")}]))
    assert found[-1].listing.symbol == "GOODUSD.BITMEX"


def test_a_users_decimal_context_does_not_reach_listings() -> None:
    """Of a contract's size least of all (contract C2)."""
    swap = GOOD_SWAP | {"tickSize": D("0.5"), "multiplier": -123456789}
    [without] = of_bitmex.read([swap])
    with decimal.localcontext(prec=3):
        [within] = of_bitmex.read([swap])
    assert without == within


class Documents(ScriptedNetwork):
    def __init__(self, body: bytes, status: int = 200) -> None:
        super().__init__()
        self.answer = Answer(status, body)
        self.asked = 0

    async def get(self, url: str) -> Answer:
        self.asked += 1
        return self.answer


PRODUCTS = json.dumps(
    [
        {
            "id": "X-USD",
            "quote_currency": "USD",
            "quote_increment": "0.01",
            "base_increment": "0.001",
            "status": "online",
        }
    ]
).encode()


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"url":"https://x","fetched_ns":%d,"body":"\xff"}',
        b'{"url":"https://x","fetched_ns":%d,"body":"[{"}',
        b'{"url":"https://x","fetched_ns":%d,"body":"{}"}',
        b'{"url":"https://x","fetched_ns":9223372036854775807,"body":"[]"}',
        b'{"url":"https://x","fetched_ns":null,"body":"[]"}',
        b'{"url":"https://y","fetched_ns":%d,"body":"[]"}',
    ],
)
def test_a_cache_that_is_broken_is_fetched_anew(kept: bytes, tmp_path: Path) -> None:
    """Cut, corrupt, of another address, or from the future."""

    @virtual
    async def test() -> None:
        from exo.flow import current_clock

        cache = tmp_path / "listings.json"
        cache.write_bytes(kept.replace(b"%d", str(current_clock().now_ns()).encode()))
        network = Documents(PRODUCTS)
        found = await catalogue(network, "https://x", of_coinbase.read, cache=cache)
        assert list(found) == [X] and network.asked == 1

    test()


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"{}", b'{"message":"maintenance"}', b"\xff", b"[" * 9000])
def test_what_is_no_list_of_instruments_says_so(body: bytes, tmp_path: Path) -> None:
    """And what was kept is taken in its place."""

    @virtual
    async def test() -> None:
        cache = tmp_path / "listings.json"
        await catalogue(Documents(PRODUCTS), "https://x", of_coinbase.read, cache=cache)
        found = await catalogue(Documents(body), "https://x", of_coinbase.read, cache=cache, max_age_s=0)
        assert list(found) == [X]

    test()


def test_what_states_were_told_is_counted_once_each() -> None:
    """Nobody is told the same thing twice in a row."""

    @virtual
    async def test() -> None:
        async with live() as here:
            await here.subscribed(A)
            for number in range(1, 200):
                if number % 7 == 0:
                    here.venue.end()
                    await asyncio.sleep(40)
                    here.confirm()
                here.venue.tell(printed(number * 2), ticker(u=number))
                await asyncio.sleep(1)
            told = [each for each in here.told.all if isinstance(each, FeedStatus)]
            twice = Counter((a.state, a.text) for a, b in pairwise(told) if (a.state, a.text) == (b.state, b.text))
            assert not twice
            assert beat(1)["type"] == "heartbeat"

    test()
