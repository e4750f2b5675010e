"""Whatever comes over the wire: a decoder says what it is, or what is wrong and where; it never raises."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exo.mkt import Quote, Side, Trade
from exo.venue.coinbase.decoding import CoinbaseDecoder
from exo.venue.frames import Aside, Bad, Beat, Ending, Failed, Levels, Numbers, Other, Pooled, Stray, Taken
from tests.venue.wire.seen import VENUES, Everything, decoders, recorded

D = Decimal
NAMES = {"BTCUSDT": "BTCUSDT.BINANCE", "XBTUSD": "XBTUSD.BITMEX", "BTC-USD": "BTC-USD.COINBASE"}

TICKER = {"u": 1, "s": "BTCUSDT", "b": "1.5", "B": "2", "a": "1.6", "A": "3"}
PRINT = {"e": "trade", "E": 1, "s": "BTCUSDT", "t": 7, "p": "1.5", "q": "2", "T": 1000, "m": True, "M": True}
QUOTE = {
    "timestamp": "2024-01-01T00:00:00.000Z",
    "symbol": "XBTUSD",
    "bidSize": 5,
    "bidPrice": 1.5,
    "askPrice": 2,
    "askSize": 6,
}
ROW = {
    "timestamp": "2024-01-01T00:00:00.000Z",
    "symbol": "XBTUSD",
    "side": "Sell",
    "size": 5,
    "price": 1.5,
    "trdMatchID": "x",
}
MATCH = {
    "type": "match",
    "trade_id": 7,
    "side": "sell",
    "size": "2",
    "price": "1.5",
    "product_id": "BTC-USD",
    "sequence": 9,
    "time": "2024-01-01T00:00:00.000000Z",
}


def wire(message: object) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def table(row: object, name: str = "quote", action: str = "insert") -> bytes:
    return wire({"table": name, "action": action, "data": [row]})


def decode(venue: str, frame: bytes) -> list[Any]:
    decoder = decoders(NAMES)[venue]
    if venue == "coinbase":
        decoder = CoinbaseDecoder(NAMES)
    return list(decoder.decode(frame, 5))


@pytest.mark.parametrize(
    ("venue", "frame", "place"),
    [
        ("binance", wire(TICKER | {"b": None}), "$.b"),
        ("binance", wire(TICKER | {"b": "1_000"}), "$.b"),
        ("binance", wire(TICKER | {"B": "1_000"}), "$.B"),
        ("binance", wire(TICKER | {"B": " 1"}), "$.B"),
        ("binance", wire(TICKER | {"B": "1\t"}), "$.B"),
        ("binance", wire(TICKER | {"B": "\u0661"}), "$.B"),
        ("binance", json.dumps(TICKER | {"B": "\u0661"}, ensure_ascii=False).encode(), "$.B"),
        ("binance", wire(TICKER | {"B": "NaN"}), "$.B"),
        ("binance", wire(TICKER | {"a": "Infinity"}), "$.a"),
        ("binance", wire(TICKER | {"A": "-3"}), "askSize"),
        ("binance", wire(TICKER | {"A": "1E70"}), "$.A"),
        ("binance", wire(TICKER | {"a": ["1.6"]}), "$.a"),
        ("binance", wire(TICKER | {"u": "1"}), "$.u"),
        ("binance", wire(TICKER | {"u": True}), "$.u"),
        ("binance", wire(TICKER | {"s": ""}), "$.s"),
        ("binance", wire(TICKER | {"s": 5}), "$.s"),
        ("binance", wire({"stream": "btcusdt@bookTicker", "data": TICKER | {"b": ""}}), "$.data.b"),
        ("binance", wire({"stream": "btcusdt@bookTicker", "data": None}), "$.data"),
        ("binance", wire({"e": "bookTicker"} | {k: v for k, v in TICKER.items() if k != "b"}), "$.b"),
        ("binance", wire(PRINT | {"p": None}), "$.p"),
        ("binance", wire(PRINT | {"q": "0"}), "lastQty"),
        ("binance", wire(PRINT | {"m": 1}), "$.m"),
        ("binance", wire(PRINT | {"T": "1000"}), "$.T"),
        ("binance", wire({k: v for k, v in PRINT.items() if k != "T"}), "$.T"),
        ("binance", wire(PRINT)[:-5], "$"),
        ("binance", b"", "$"),
        ("binance", b"5", "$"),
        ("binance", b"\xff\xfe", "$"),
        ("binance", b"<html><body>502 Bad Gateway</body></html>", "$"),
        ("bitmex", table(QUOTE | {"bidPrice": "x"}), "$.data[0].bidPrice"),
        ("bitmex", table(QUOTE | {"bidSize": -5}), "bidSize"),
        ("bitmex", table(QUOTE | {"timestamp": "yesterday"}), "$.data[0].timestamp"),
        ("bitmex", table(QUOTE | {"timestamp": "2024-01-01T00:00:00"}), "$.data[0].timestamp"),
        ("bitmex", table(QUOTE | {"symbol": None}), "$.data[0].symbol"),
        ("bitmex", table(QUOTE | {"pool": 5}), "$.data[0].pool"),
        ("bitmex", table(5), "$.data[0]"),
        ("bitmex", wire({"table": "quote", "action": "insert", "data": None}), "$.data"),
        ("bitmex", wire({"table": "quote"}), "$.action"),
        ("bitmex", table(ROW | {"price": None}, "trade"), "$.data[0].price"),
        ("bitmex", table(ROW | {"price": 10**80}, "trade"), "price"),
        ("bitmex", table(ROW | {"size": -1}, "trade"), "lastQty"),
        ("coinbase", wire(MATCH | {"price": None}), "$.price"),
        ("coinbase", wire(MATCH | {"size": "0"}), "lastQty"),
        ("coinbase", wire(MATCH | {"side": "up"}), "$.side"),
        ("coinbase", wire(MATCH | {"trade_id": "7"}), "$.trade_id"),
        ("coinbase", wire(MATCH | {"time": "2024-01-01T00:00:00"}), "$.time"),
        ("coinbase", wire({"type": 5}), "$.type"),
        ("coinbase", wire({"type": "l2update", "product_id": "BTC-USD", "changes": "x"}), "$.changes"),
        ("coinbase", wire({"type": "snapshot", "product_id": "BTC-USD", "bids": []}), "$.asks"),
        ("coinbase", wire({"type": "subscriptions", "channels": [5]}), "$.channels[0]"),
    ],
)
def test_a_frame_that_cannot_be_read_says_where(venue: str, frame: bytes, place: str) -> None:
    """And shows how it begins."""
    [bad] = decode(venue, frame)
    assert isinstance(bad, Bad) and place in bad.problem and frame.startswith(bad.frame) and len(bad.problem) < 200


@pytest.mark.parametrize(
    ("venue", "frame", "event"),
    [
        ("binance", b'{"result":null,"id":1}', Taken("1")),
        ("binance", b'{"error":{"code":2,"msg":"no"},"id":"a"}', Failed("no (code 2)", "a")),
        ("binance", b'{"code":3,"msg":"Invalid JSON"}', Failed("Invalid JSON (code 3)")),
        ("binance", b'{"e":"serverShutdown","E":1}', Ending("the server shuts down")),
        ("binance", b"{}", Other("unknown")),
        ("binance", b"[]", Other("a list")),
        ("binance", wire(TICKER | {"s": "ETHUSDT"}), Stray("ETHUSDT")),
        ("binance", wire(PRINT | {"X": "INSURANCE_FUND"}), Aside("BTCUSDT.BINANCE", 7, "INSURANCE_FUND", 5)),
        ("bitmex", b"pong", Beat()),
        ("bitmex", b'{"info":"Welcome"}', Other("info")),
        ("bitmex", b'{"success":true,"subscribe":"quote:XBTUSD","request":{}}', Taken("quote:XBTUSD")),
        (
            "bitmex",
            b'{"status":429,"error":"Rate limit","meta":{"retryAfter":1},"request":{"args":["quote:A"]}}',
            Failed("Rate limit (status 429)", "quote:A", 1.0),
        ),
        ("bitmex", table({}, "orderBookL2"), Other("insert of orderBookL2")),
        ("bitmex", table(QUOTE | {"symbol": "ETHUSD"}), Stray("ETHUSD")),
        ("bitmex", table(ROW | {"size": None, "symbol": ".BXBT"}, "trade"), Other("print of an index")),
        ("coinbase", wire(MATCH | {"product_id": "X"}), Stray("X")),
        (
            "coinbase",
            b'{"type":"error","message":"Failed to subscribe","reason":"BTC-USD is not a valid product"}',
            Failed("Failed to subscribe: BTC-USD is not a valid product", "BTC-USD"),
        ),
        ("coinbase", b'{"type":"error"}', Failed("an error")),
        ("coinbase", b'{"type":"status"}', Other("status")),
        (
            "coinbase",
            b'{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}',
            Taken("subscriptions", ("matches:BTC-USD",)),
        ),
        (
            "coinbase",
            b'{"type":"heartbeat","last_trade_id":7,"product_id":"BTC-USD","sequence":1,"time":"2024-01-01T00:00:00Z"}',
            Beat("BTC-USD.COINBASE", 7),
        ),
    ],
)
def test_a_frame_that_is_no_market_data_says_what_it_is(venue: str, frame: bytes, event: object) -> None:
    """Answers, errors, heartbeats and what is of no concern."""
    assert decode(venue, frame) == [event]


def test_an_empty_side_is_no_price_however_it_is_told() -> None:
    """Binance says 0 of 0, BitMEX null, Coinbase nothing."""
    [quote] = decode("binance", wire(TICKER | {"b": "0.00000000", "B": "0.00000000"}))
    assert (quote.bid_px, quote.bid_size, quote.ask_px) == (None, None, D("1.6"))
    [quote] = decode("bitmex", table(QUOTE | {"bidPrice": None, "bidSize": None}))
    assert (quote.bid_px, quote.bid_size, quote.ask_px) == (None, None, D(2))
    ticker = MATCH | {"type": "ticker", "best_bid": "", "best_ask": "1.6", "last_size": "1"}
    quote, trade = decoders(NAMES)["coinbase"].decode(wire(ticker), 5)
    assert (quote.bid_px, quote.ask_px, quote.ask_size, trade.aggressor) == (None, D("1.6"), None, Side.SELL)


def test_a_quote_of_a_pool_says_of_which() -> None:
    """Each pool has a book of its own."""
    [pooled] = decode("bitmex", table(QUOTE | {"pool": "Secondary"}))
    assert isinstance(pooled, Pooled) and pooled.pool == "Secondary" and pooled.quote.bid_px == D("1.5")


def test_one_bad_row_does_not_take_the_others_with_it() -> None:
    """They come in their order."""
    rows = [QUOTE, QUOTE | {"bidPrice": "x"}, QUOTE | {"bidPrice": 1.25}]
    first, bad, last = decode("bitmex", wire({"table": "quote", "action": "insert", "data": rows}))
    assert (first.bid_px, type(bad), last.bid_px) == (D("1.5"), Bad, D("1.25"))


def test_numbers_are_exact_to_the_last_digit() -> None:
    """Bare, as text, with an exponent, and beyond what a float holds."""
    frame = table(QUOTE).replace(b"1.5", b"0.10000000000000000000001").replace(b'"askPrice":2', b'"askPrice":1e-7')
    [quote] = decode("bitmex", frame)
    assert (quote.bid_px, quote.ask_px) == (D("0.10000000000000000000001"), D("1E-7"))
    [quote] = decode("binance", wire(TICKER | {"b": "0.10000000000000000000001", "a": "1E+3"}))
    assert (quote.bid_px, quote.ask_px) == (D("0.10000000000000000000001"), D(1000))


def test_the_prices_kept_are_bounded() -> None:
    """A market that walks for ever does not fill the memory."""
    numbers = Numbers()
    for price in range(1, 10_000):
        assert numbers[str(price)] == price
    assert len(numbers) <= 4096


def floats(value: object) -> Iterator[float]:
    """Every float inside a value."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, msgspec.Struct):
        yield from floats(msgspec.structs.astuple(value))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from floats(each)
    elif is_dataclass(value):
        yield from floats([getattr(value, field.name) for field in fields(value)])


ODD = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"-",
    b"e",
    b"E400",
    b"NaN",
    b"0",
    b"\\u0000",
    b"\xff",
    b" ",
    b"_",
]


def mutated(rng: random.Random, frame: bytes) -> bytes:
    """A frame with a few bytes changed, cut, doubled, or swapped for another value."""
    data = bytearray(frame)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at, to = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
        kind = rng.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            data[at : min(to, at + 12)] = b""
        elif kind == 2:
            data[at:at] = rng.choice(ODD)
        elif kind == 3:
            data[at:at] = data[at : min(to, at + 12)]
        elif kind == 4:
            digits = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
            if digits:
                data[rng.choice(digits)] = rng.choice(b"0123456789.-e")
        else:
            del data[max(at, 1) :]
    return bytes(data)


def survive(seen: list[bytes], venue: str, runs: int, seed: int) -> dict[str, int]:
    """Decode so many mutated frames; what came of them, by kind."""
    rng = random.Random(seed)
    all_decoders = [decoders()[venue], *([CoinbaseDecoder(Everything())] if venue == "coinbase" else [])]
    short = [frame for frame in seen if len(frame) < 2000]
    counts: dict[str, int] = {}
    for number in range(runs):
        frame = mutated(rng, rng.choice(short))
        for event in all_decoders[number % len(all_decoders)].decode(frame, number):
            kind = type(event).__name__
            counts[kind] = counts.get(kind, 0) + 1
            assert not list(floats(event)), frame
            if isinstance(event, Quote):
                sizes = [size for size in (event.bid_size, event.ask_size) if size is not None]
                prices = [px for px in (event.bid_px, event.ask_px) if px is not None]
                assert all(size.is_finite() and size >= 0 for size in sizes) and all(px.is_finite() for px in prices)
            elif isinstance(event, Trade):
                assert event.last_px.is_finite() and math.isfinite(event.last_qty) and event.last_qty > 0
            elif isinstance(event, Levels):
                assert all(px.is_finite() and size >= 0 for side in (event.bids, event.asks) for px, size in side)
    return counts


@pytest.mark.parametrize("venue", VENUES)
def test_mutated_frames_are_survived_without_a_float(shared: Path, venue: str) -> None:
    """Some stay good, most become bad, none raises."""
    counts = survive(recorded(shared, venue), venue, 17_000, 1)
    assert counts["Bad"] > 1000 and counts.get("Quote", 0) + counts.get("Levels", 0) + counts.get("Pooled", 0) > 500


@pytest.mark.nightly
@pytest.mark.parametrize("venue", VENUES)
def test_a_million_mutated_frames_are_survived(shared: Path, venue: str) -> None:
    """A third of them of each venue."""
    assert survive(recorded(shared, venue), venue, 334_000, 2)["Bad"] > 10_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("venue", VENUES)
@settings(max_examples=300)
@given(data=st.data())
def test_any_value_in_any_member_is_survived(venue: str, data: st.DataObject) -> None:
    """Wrong types, nulls and nests, one or several at a time."""
    base: dict[str, dict[str, Any]] = {
        "binance": data.draw(st.sampled_from([TICKER, PRINT, {"e": "bookTicker", "T": 5} | TICKER])),
        "bitmex": data.draw(st.sampled_from([QUOTE, ROW])),
        "coinbase": data.draw(st.sampled_from([MATCH, MATCH | {"type": "ticker", "best_bid": "1", "best_ask": "2"}])),
    }
    row = base[venue] | data.draw(st.dictionaries(st.sampled_from(sorted(base[venue])), JSON, max_size=3))
    frame = wire(row)
    if venue == "bitmex":
        frame = table(row, "trade" if base[venue] is ROW else "quote")
    for event in decode(venue, frame):
        assert not list(floats(event))
