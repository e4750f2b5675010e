"""Talking to the fake Coinbase."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

from exo.mkt import Quote
from exo.testing import RandomWalk
from exo.testing.exchange import Coinbase, Exchange, MemoryNetwork

from .support import next_json, next_text, quote, say, trade, virtually

URL = "wss://ws-feed.exchange.coinbase.com"


def subscribe(*channels: str, products: tuple[str, ...] = ("BTC-USD",), kind: str = "subscribe") -> dict[str, object]:
    """A request."""
    return {"type": kind, "product_ids": list(products), "channels": list(channels)}


def test_a_subscription_is_acknowledged_with_all_there_are():
    """By channel; unsubscribing tells what is left."""

    async def test() -> None:
        network = MemoryNetwork(Exchange(Coinbase(modern=False), [quote("BTC-USD", "1", "2", 60)]))
        connection = await network.connect(URL)
        await say(connection, subscribe("ticker"))
        ack = b'{"type":"subscriptions","channels":[{"name":"ticker","product_ids":["BTC-USD"]}]}'
        assert await next_text(connection) == ack
        await say(connection, {"type": "subscribe", "channels": [{"name": "matches", "product_ids": ["BTC-USD"]}]})
        assert [each["name"] for each in (await next_json(connection))["channels"]] == ["ticker", "matches"]
        await say(connection, subscribe("ticker", "matches", kind="unsubscribe"))
        assert (await next_json(connection))["channels"] == []

    virtually(test)


def test_a_modern_one_calls_the_batches_level2_50():
    """And names no accounts."""

    async def test() -> None:
        network = MemoryNetwork(Exchange(Coinbase(), [quote("BTC-USD", "1", "2", 60)]))
        connection = await network.connect(URL)
        await say(connection, subscribe("level2_batch"))
        channels = (await next_json(connection))["channels"]
        assert channels == [{"name": "level2_50", "product_ids": ["BTC-USD"], "account_ids": None}]

    virtually(test)


def test_what_is_wrong_is_answered_with_an_error():
    """A product, a channel, JSON and a type; what was right in the same request is subscribed to."""

    async def test() -> None:
        network = MemoryNetwork(Exchange(Coinbase(), [quote("BTC-USD", "1", "2", 60)]))
        connection = await network.connect(URL)
        await say(connection, subscribe("ticker", products=("XYZ", "BTC-USD")))
        error = b'{"type":"error","message":"Failed to subscribe","reason":"XYZ is not a valid product"}'
        assert await next_text(connection) == error
        assert (await next_json(connection))["type"] == "subscriptions"
        await say(connection, subscribe("tickers"))
        assert (await next_json(connection))["reason"] == "tickers is not a valid channel"
        for text in ('{"type":', "[]", '{"type":"hello"}', '{"type":"subscribe"}'):
            await connection.send(text)
            assert (await next_json(connection))["type"] == "error"

    virtually(test)


def test_level2_can_be_locked():
    """As it is for who has not logged in; the batches are open."""

    async def test() -> None:
        network = MemoryNetwork(Exchange(Coinbase(locked=True), [quote("BTC-USD", "1", "2", 60)]))
        connection = await network.connect(URL)
        await say(connection, subscribe("level2"))
        assert "authentication" in (await next_json(connection))["reason"]

    virtually(test)


def test_the_hundred_and_first_message_of_a_second_is_refused():
    """With an error; the connection stays."""

    async def test() -> None:
        network = MemoryNetwork(Exchange(Coinbase(), [quote("BTC-USD", "1", "2", 60)]))
        connection = await network.connect(URL)
        for _ in range(101):
            await say(connection, subscribe("heartbeat"))
        answers = [await next_json(connection) for _ in range(101)]
        assert [answer["type"] for answer in answers] == ["subscriptions"] * 100 + ["error"]
        await asyncio.sleep(1)
        await say(connection, subscribe("heartbeat"))
        assert {(await next_json(connection))["type"] for _ in range(2)} == {"heartbeat", "subscriptions"}

    virtually(test)


def test_who_subscribes_late_gets_the_last_match_and_ticker_first():
    """As a last_match; with the numbers it had."""

    async def test() -> None:
        ticks = [quote("BTC-USD", "1", "2"), trade("BTC-USD", "2", "0.5", 1), trade("BTC-USD", "2", "3", 100)]
        exchange = Exchange(Coinbase(), ticks)
        network = MemoryNetwork(exchange)
        early, late = await network.connect(URL), await network.connect(URL)
        await say(early, subscribe("matches", "ticker"))
        await asyncio.sleep(2)
        await say(late, subscribe("matches", "ticker"))
        told = [await next_json(early) for _ in range(3)]
        again = [await next_json(late) for _ in range(3)]
        assert [each["type"] for each in told] == ["subscriptions", "match", "ticker"]
        assert [each["type"] for each in again] == ["subscriptions", "last_match", "ticker"]
        assert again[1] == told[1] | {"type": "last_match"}
        assert again[2] == told[2]
        assert told[1]["sequence"] == told[2]["sequence"] and told[1]["side"] == "sell" and told[2]["side"] == "buy"

    virtually(test)


def book_of(channel: str, ticks: list[Quote]) -> list[tuple[str, str]]:
    """The best bid and ask a client has after each frame of level2."""
    touches: list[tuple[str, str]] = []

    async def test() -> None:
        exchange = Exchange(Coinbase(), ticks)
        connection = await MemoryNetwork(exchange).connect(URL)
        await say(connection, subscribe(channel))
        await asyncio.sleep((ticks[-1].received_ns or 0) / 1e9 - (ticks[0].received_ns or 0) / 1e9 + 1)
        exchange.close()
        sides: dict[str, dict[Decimal, Decimal]] = {"buy": {}, "sell": {}}
        while True:
            try:
                frame = await next_json(connection)
            except Exception:
                return
            changes = frame.get("changes", ())
            if frame["type"] == "snapshot":
                changes = [("buy", *level) for level in frame["bids"]] + [("sell", *level) for level in frame["asks"]]
            for side, px, qty in changes:
                if Decimal(qty):
                    sides[side][Decimal(px)] = Decimal(qty)
                else:
                    sides[side].pop(Decimal(px), None)  # a batch may have had it come and go
            if changes:
                bid, ask = max(sides["buy"]), min(sides["sell"])
                assert len(sides["buy"]) >= 3 and len(sides["sell"]) >= 3
                touches.append((f"{bid} {sides['buy'][bid]}", f"{ask} {sides['sell'][ask]}"))

    virtually(test)
    return touches


def test_the_best_levels_of_level2_are_always_the_ticks():
    """Told as changes of levels: those that went have size 0."""
    ticks = [tick for tick in RandomWalk(["BTC-USD"], seconds=20, rate=50) if isinstance(tick, Quote)]
    expected: list[tuple[str, str]] = []
    for tick in ticks:
        touch = f"{tick.bid_px} {tick.bid_size}", f"{tick.ask_px} {tick.ask_size}"
        if not expected or expected[-1] != touch:  # what changes nothing is not told
            expected.append(touch)
    assert book_of("level2", ticks) == expected


def test_the_batches_of_level2_tell_the_state_every_50_ms():
    """Fewer frames, of which each touch was a tick's, and the last the last one's."""
    ticks = [tick for tick in RandomWalk(["BTC-USD"], seconds=20, rate=200) if isinstance(tick, Quote)]
    told = book_of("level2_batch", ticks)
    all_touches = {(f"{tick.bid_px} {tick.bid_size}", f"{tick.ask_px} {tick.ask_size}") for tick in ticks}
    assert len(told) < len(ticks) / 2
    assert set(told) <= all_touches
    assert told[-1] == (f"{ticks[-1].bid_px} {ticks[-1].bid_size}", f"{ticks[-1].ask_px} {ticks[-1].ask_size}")


def test_a_removed_level_has_a_zero_of_the_product_s_step():
    """Recorded as 0.0, 0.00 and 0.000000."""

    async def test() -> None:
        ticks = [quote("A-B", "10.0", "12.0", 0, "0.25"), quote("A-B", "9.9", "12.0", 1, "0.25")]
        connection = await MemoryNetwork(Exchange(Coinbase(), ticks)).connect(URL)
        await say(connection, subscribe("level2", products=("A-B",)))
        frames = [await next_json(connection) for _ in range(3)]
        assert frames[2]["changes"][0] == ["buy", "10.0", "0.00"]

    virtually(test)


def test_heartbeats_come_every_second_and_know_the_last_trade():
    """One a product."""

    async def test() -> None:
        ticks = [quote("BTC-USD", "1", "2"), trade("BTC-USD", "2", "1", 1.5)]
        connection = await MemoryNetwork(Exchange(Coinbase(), ticks)).connect(URL)
        await say(connection, subscribe("heartbeat", "matches"))
        told = [json.loads(await next_text(connection)) for _ in range(4)]
        assert [each["type"] for each in told] == ["subscriptions", "heartbeat", "match", "heartbeat"]
        assert told[3]["last_trade_id"] == told[2]["trade_id"] == told[1]["last_trade_id"] + 1
        assert told[3]["sequence"] == told[2]["sequence"]

    virtually(test)
