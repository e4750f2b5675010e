"""What others have published of the same venues' messages: their cases pass, or are of no concern here and say so."""

from __future__ import annotations

import json
import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exo.flow import to_ns
from exo.mkt import Quote, Side, Trade
from exo.venue.coinbase.decoding import CoinbaseDecoder
from exo.venue.frames import Bad, Beat, Level, Levels, Other, Past, Pooled
from tests.venue.wire.seen import VENUES, Everything, decoders

MS = 1_000_000


def cases(shared: Path, venue: str, pattern: str) -> list[Any]:
    found = [
        case
        for path in sorted((shared / "data/frames" / venue).glob(pattern))
        for case in json.loads(path.read_text(), parse_float=Decimal)
    ]
    assert found
    return found


def wire(message: object) -> bytes:
    """A message as compact JSON, with its numbers as they are."""
    return json.dumps(message, separators=(",", ":"), default=float).encode()


def decoded(venue: str, frame: bytes) -> list[Any]:
    """By a decoder that reads tickers, and by one that reads levels and matches."""
    events = list(decoders()[venue].decode(frame, 1))
    if venue == "coinbase":
        events += CoinbaseDecoder(Everything()).decode(frame, 1)
    return events


def near(one: Decimal | None, other: object) -> bool:
    """The published numbers have been floats."""
    return (one is None and other is None) or (one is not None and float(one) == float(str(other)))


@pytest.mark.parametrize("venue", VENUES)
def test_tardis_cases_give_the_published_trades_tickers_and_levels(shared: Path, venue: str) -> None:
    """Those of other channels give nothing; Binance's levels, open interest and funding are not decoded."""
    checked = 0
    for case in cases(shared, venue, "tardis_mapper_cases_*.json"):
        events = decoded(venue, wire(case["message"]))
        news = [e.quote if isinstance(e, Pooled) else e for e in events]
        news = [e for e in news if isinstance(e, Quote | Trade | Levels | Past)]
        expected = [e for e in case["expected_normalised"] if e["type"] in ("trade", "book_ticker", "book_change")]
        if venue != "coinbase":
            expected = [e for e in expected if e["type"] != "book_change"]
        for want in expected:
            if want["type"] == "trade":
                [trade] = [e for e in news if isinstance(e, Trade) and e.trade_id == want["id"]]
                assert near(trade.last_px, want["price"]) and near(trade.last_qty, want["amount"])
                assert trade.aggressor is (Side.BUY if want["side"] == "buy" else Side.SELL)
                told = datetime.fromisoformat(want["timestamp"])
                assert trade.transact_time is not None and abs(to_ns(trade.transact_time) - to_ns(told)) < MS
            elif want["type"] == "book_ticker":
                quotes = [e for e in news if isinstance(e, Quote) and e.symbol == want["symbol"]]
                assert any(near(q.bid_px, want["bidPrice"]) and near(q.ask_px, want["askPrice"]) for q in quotes)
                sizes = want["bidAmount"], want["askAmount"]
                assert any(near(q.bid_size, sizes[0]) and near(q.ask_size, sizes[1]) for q in quotes)
            else:
                [levels] = [e for e in news if isinstance(e, Levels)]
                assert levels.whole is want["isSnapshot"]
                for side in ("bids", "asks"):
                    told = [(float(px), float(size)) for px, size in getattr(levels, side)]
                    assert told == [(float(each["price"]), float(each["amount"])) for each in want[side]]
            checked += 1
        if not expected and not case["expected_normalised"]:
            assert not [e for e in news if isinstance(e, Trade | Quote)] or "depth" in str(case["message"])
    assert checked >= {"binance": 4, "coinbase": 4, "bitmex": 1}[venue]


@pytest.mark.parametrize("venue", VENUES)
def test_parser_cases_give_the_asserted_quantity_and_side(shared: Path, venue: str) -> None:
    """Of those that are ours; all others are good frames of no concern, but one that was cut out of its frame."""
    checked = others = 0
    for case in cases(shared, venue, "crypto_msg_parser_*.json"):
        events = decoded(venue, case["raw"].encode())
        bad = [e for e in events if isinstance(e, Bad)]
        assert not bad or case["raw"].startswith("["), (case["raw"], bad)
        trades = [e.trade if isinstance(e, Past) else e for e in events if isinstance(e, Trade | Past)]
        told = " ; ".join(case["assertions"])
        quantity = re.search(r"trade\.quantity_base, ([\d.]+)(?!\S*[*/])", told)
        if trades and quantity and venue != "bitmex":
            assert near(trades[-1].last_qty, quantity[1])
            checked += 1
        side = re.search(r"trade\.side, TradeSide::(Buy|Sell)", told)
        if trades and side:
            told_side = Side.BUY if side[1] == "Buy" else Side.SELL
            # That parser takes the side of a Coinbase match for the aggressor's; the venue says it is the maker's,
            # and the ticker of the same trade says so too (test_recorded_frames).
            assert trades[-1].aggressor is (told_side.opposite if venue == "coinbase" else told_side)
            checked += 1
        others += all(isinstance(e, Other) for e in events)
    assert checked >= {"binance": 0, "coinbase": 2, "bitmex": 2}[venue] and checked + others


@pytest.mark.parametrize("venue", VENUES)
def test_fixtures_of_another_system_are_read_or_of_no_concern(shared: Path, venue: str) -> None:
    """Most are of other channels, of REST, or single rows of a table: none is bad."""
    for case in cases(shared, venue, "nautilus_fixtures.*.json"):
        frame = case["frame"]
        for event in decoded(venue, wire(frame)):
            if frame.get("e") == "trade":
                assert (str(event.last_px), str(event.last_qty)) == (frame["p"], frame["q"])
            else:
                assert isinstance(event, Other | Beat) or "error" in frame, (case, event)


def test_the_documented_streams_of_binance_give_one_trade_and_one_end(shared: Path) -> None:
    """Klines, tickers, averages and requests are of no concern."""
    kinds = []
    for case in cases(shared, "binance", "docs_stream_frames.*.json"):
        [event] = decoded("binance", wire(case["frame"]))
        kinds.append(type(event).__name__)
        assert not isinstance(event, Bad), case
    assert (kinds.count("Trade"), kinds.count("Ending")) == (1, 1)


def test_a_level_that_cannot_be_read_is_told_and_the_others_stand(shared: Path) -> None:
    """Coinbase has sent a size of `0.-10000`."""
    [case] = [c for c in cases(shared, "coinbase", "tardis_*.json") if "0.-10000" in str(c["message"])]
    levels, bad = CoinbaseDecoder(Everything()).decode(wire(case["message"]), 1)
    assert isinstance(levels, Levels) and levels.bids == (Level(Decimal("40533.24"), Decimal("0.020416")),)
    assert isinstance(bad, Bad) and "'0.-10000'" in bad.problem and "$.bids[1]" in bad.problem
