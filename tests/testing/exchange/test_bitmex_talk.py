"""Talking to the fake BitMEX."""

from __future__ import annotations

from decimal import Decimal

import pytest

from exo.mkt import Side
from exo.testing.exchange import Bitmex, Exchange, MemoryNetwork
from exo.testing.exchange.dialects.bitmex import tick_direction

from .support import listing, next_json, next_text, quote, say, steady, trade, virtually

URL = "wss://ws.bitmex.com/realtime"


def test_it_welcomes_and_acknowledges_each_subscription_then_sends_images():
    """The request is repeated; the image has the last row."""

    async def test() -> None:
        network = MemoryNetwork(Exchange(Bitmex(), [quote("XBTUSD", "1", "2"), quote("XBTUSD", "2", "3", 60)]))
        first = await network.connect(f"{URL}?subscribe=quote:XBTUSD,trade:XBTUSD")
        told = [await next_json(first) for _ in range(6)]
        assert told[0]["info"] == "Welcome to the BitMEX Realtime API."
        assert [each["subscribe"] for each in told[1:3]] == ["quote:XBTUSD", "trade:XBTUSD"]
        assert [(each["table"], each["action"], each["data"]) for each in told[3:5]] == [
            ("quote", "partial", []),
            ("trade", "partial", []),
        ]
        second = await network.connect(URL)
        request = {"op": "subscribe", "args": ["quote:XBTUSD"]}
        await say(second, request)
        _, ack, image = [await next_json(second) for _ in range(3)]
        assert ack == {"success": True, "subscribe": "quote:XBTUSD", "pool": "Aggregated", "request": request}
        assert image["data"] == told[5]["data"] and image["data"][0]["pool"] == "Primary"
        assert image["filter"] == {"symbol": "XBTUSD"}

    virtually(test)


def test_ticks_of_a_moment_are_rows_of_one_frame():
    """For each table and symbol; each moment has its own frame."""

    async def test() -> None:
        moments = [quote("XBTUSD", str(px), str(px + 1), at) for px, at in ((1, 0), (2, 0), (3, 0), (4, 1))]
        ticks = [*moments[:2], trade("XBTUSD", "2"), *moments[2:]]
        connection = await MemoryNetwork(Exchange(Bitmex(pools=False), ticks)).connect(URL)
        await say(connection, {"op": "subscribe", "args": ["quote:XBTUSD", "trade"]})
        told = [await next_json(connection) for _ in range(8)][5:]
        assert [(each["table"], len(each["data"])) for each in told] == [("quote", 3), ("trade", 1), ("quote", 1)]

    virtually(test)


def test_quotes_can_be_bundled_over_a_time():
    """Each row keeps its own moment; trades are not held back."""

    async def test() -> None:
        ticks = [*(quote("XBTUSD", "1", "2", at) for at in (0, 0.25, 0.5)), trade("XBTUSD", "2", at_s=0.6)]
        ticks.append(quote("XBTUSD", "1", "2", 2))
        connection = await MemoryNetwork(Exchange(Bitmex(bundle_s=1), ticks)).connect(URL)
        await say(connection, {"op": "subscribe", "args": ["quote", "trade"]})
        told = [await next_json(connection) for _ in range(8)][5:]
        assert [each["table"] for each in told] == ["trade", "quote", "quote"]
        moments = [row["timestamp"][-7:] for row in told[1]["data"]]
        assert moments == ["00.000Z", "00.250Z", "00.500Z"]

    virtually(test)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"op":"subscribe","args":["tradeBin5dm"]}', "Unknown table: tradeBin5dm"),
        ('{"op":"subscribe","args":"quote:NOPE"}', "Unknown or expired symbol."),
        ('{"op":"unsubscribe","args":["quote:XBTUSD"]}', "Not subscribed"),
        ('{"op":"hello","args":[]}', "Unknown operation"),
        ('{"op":"subscribe"}', "args"),
        ("{", "JSON"),
    ],
)
def test_what_is_wrong_is_answered_with_status_400(text: str, error: str):
    """And with the request."""

    async def test() -> None:
        connection = await MemoryNetwork(Exchange(Bitmex(), steady("XBTUSD"))).connect(URL)
        await next_text(connection)
        await connection.send(text)
        told = await next_json(connection)
        assert list(told) == ["status", "error", "meta", "request"]
        assert told["status"] == 400 and error in told["error"]

    virtually(test)


def test_the_text_ping_is_answered_by_the_text_pong():
    """It is no JSON, and no request that counts."""

    async def test() -> None:
        connection = await MemoryNetwork(Exchange(Bitmex(), steady("XBTUSD"))).connect(URL)
        await next_text(connection)
        for _ in range(100):
            await connection.send("ping")
            assert await next_text(connection) == b"pong"

    virtually(test)


def test_the_thirty_first_request_of_a_minute_is_refused():
    """With status 429 and when to try again."""

    async def test() -> None:
        connection = await MemoryNetwork(Exchange(Bitmex(), steady("XBTUSD", 2, 300))).connect(URL)
        for _ in range(31):
            await say(connection, {"op": "subscribe", "args": []})
        await next_text(connection)
        told = await next_json(connection)
        assert told["status"] == 429 and told["meta"] == {"retryAfter": 1}

    virtually(test)


def test_numbers_are_bare_and_tiny_ones_have_an_exponent():
    """As JavaScript writes them."""

    async def test() -> None:
        ticks = [quote("SHIBXBT", "0.0000001", "0.00000015"), quote("SHIBXBT", None, "0.000002", 0)]
        connection = await MemoryNetwork(Exchange(Bitmex(pools=False), ticks)).connect(URL)
        await say(connection, {"op": "subscribe", "args": ["quote:SHIBXBT"]})
        frame = [await next_text(connection) for _ in range(4)][3]
        assert b'"bidSize":1,"bidPrice":1e-7,"askPrice":1.5e-7,"askSize":1}' in frame
        assert b'"bidSize":null,"bidPrice":null,"askPrice":0.000002,"askSize":1}' in frame

    virtually(test)


def test_trades_tell_their_direction_and_worth():
    """Of inverse contracts in the base currency."""
    px = [Decimal(each) for each in (5, 5, 6, 6, 4, 4)]
    last, said = None, []
    direction: str | None = None
    for each in px:
        direction = tick_direction(each, last, direction)
        last = each
        said.append(direction)
    assert said == ["ZeroPlusTick", "ZeroPlusTick", "PlusTick", "ZeroPlusTick", "MinusTick", "ZeroMinusTick"]

    async def test() -> None:
        listed = [listing("XBTUSD", "0.5", "100", inverse=True, currency="USD")]
        exchange = Exchange(Bitmex(), [trade("XBTUSD", "20000", "400", aggressor=Side.SELL)], listings=listed)
        connection = await MemoryNetwork(exchange).connect(f"{URL}?subscribe=trade:XBTUSD")
        row = [await next_json(connection) for _ in range(4)][3]["data"][0]
        assert row["side"] == "Sell" and row["size"] == 400
        assert (row["grossValue"], row["homeNotional"], row["foreignNotional"]) == (2_000_000, 0.02, 400)

    virtually(test)
