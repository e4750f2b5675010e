"""Recorded frames give exactly the events that were worked out of them by other means."""

from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from exo.mkt import Quote, Trade
from exo.venue.coinbase.decoding import CoinbaseDecoder
from exo.venue.frames import Bad, Levels, Past
from tests.venue.wire.seen import VENUES, Everything, answers, decoders, frames, line, recorded, shown


@pytest.mark.parametrize("venue", VENUES)
def test_every_file_with_answers_gives_those_counts_totals_and_hashes(shared: Path, venue: str) -> None:
    """Line by line, in order, exact."""
    files = list(answers(shared, venue))
    assert files
    for path, answer in files:
        decoder = decoders()[venue]
        lines: list[str] = []
        empty = 0
        last: dict[str, list[str]] = {}
        sums: dict[str, Decimal] = {}
        for number, frame in enumerate(frames(path), 1):
            events = decoder.decode(frame, 1)
            told = [text for text in map(line, events) if text]
            empty += not told
            lines += [f"{number}|{text}" for text in told]
            for event in events:
                if isinstance(event, Trade):
                    sums[event.symbol] = sums.get(event.symbol, Decimal(0)) + event.last_qty
            for text in told:
                kind, symbol, *numbers = text.split("|")
                if kind == "Q":
                    last[symbol] = numbers
        kinds = Counter(text.split("|")[1] for text in lines)
        counts = {"frames": number, "frames_without_market_event": empty} | kinds
        assert counts == answer["counts"], path.name
        for symbol, of in answer["per_symbol"].items():
            assert last.get(symbol) == of.get("last_quote"), (path.name, symbol)
            assert (shown(sums[symbol]) if symbol in sums else None) == of.get("sum_qty"), (path.name, symbol)
        assert lines[: len(answer["first_lines"])] == answer["first_lines"]
        texts = ("\n".join(lines), "\n".join(lines) + "\n")
        assert answer["sha256_of_lines"] in [hashlib.sha256(text.encode()).hexdigest() for text in texts], path.name


@pytest.mark.parametrize("venue", VENUES)
def test_no_recorded_frame_is_bad(shared: Path, venue: str) -> None:
    """What is of no concern is told apart from what cannot be read."""
    seen = recorded(shared, venue)
    assert len(seen) > 100
    assert [event for frame in seen for event in decoders()[venue].decode(frame, 1) if isinstance(event, Bad)] == []


@pytest.mark.parametrize("venue", VENUES)
def test_the_fast_way_and_the_careful_way_give_the_same(
    shared: Path, venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Value for value, of every recorded frame."""
    seen = recorded(shared, venue)
    fast = [decoders()[venue].decode(frame, 7) for frame in seen]
    monkeypatch.setattr(f"exo.venue.{venue}.decoding.plain", lambda frame: False)
    careful = [decoders()[venue].decode(frame, 7) for frame in seen]
    assert [list(events) for events in fast] == [list(events) for events in careful]


@pytest.mark.parametrize("venue", ["binance", "bitmex"])
def test_most_frames_take_the_fast_way(shared: Path, venue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The careful one is for the others."""
    slow: list[bytes] = []
    for name in ("BinanceDecoder", "BitmexDecoder"):
        module = f"exo.venue.{name.removesuffix('Decoder').lower()}.decoding"
        monkeypatch.setattr(f"{module}.{name}._carefully", lambda self, frame, at: slow.append(frame) or ())
    decoder = decoders()[venue]
    told = [event for frame in recorded(shared, venue) for event in decoder.decode(frame, 1)]
    assert len(told) > 200
    words = (b'bookTicker"', b'"u":', b'@trade"') if venue == "binance" else (b'"table":"quote","action":"insert"',)
    hot = [frame for frame in slow if frame.startswith((b'{"u"', b'{"e":"trade"')) or any(w in frame for w in words)]
    assert [frame for frame in hot if b"depthUpdate" not in frame and b" " not in frame] == []


def test_of_coinbase_levels_and_matches_the_other_channels_are_of_no_concern(shared: Path) -> None:
    """Each match once, each last_match as past, each update as levels; no ticker is counted beside them."""
    decoder = CoinbaseDecoder(Everything())
    [path] = (shared / "data/frames/coinbase").glob("cryptofeed*.jsonl")
    events = [event for frame in frames(path) for event in decoder.decode(frame, 1)]
    kinds = Counter(type(event) for event in events)
    assert (kinds[Trade], kinds[Past], kinds[Levels], kinds[Quote]) == (57, 5, 358, 0)
    tickers = CoinbaseDecoder(Everything(), "ticker", "ticker")
    told = {e.trade_id: e for frame in frames(path) for e in tickers.decode(frame, 1) if isinstance(e, Trade)}
    for event in events:
        if isinstance(event, Trade):
            other = told[event.trade_id]
            assert (event.last_px, event.last_qty, event.aggressor) == (
                other.last_px,
                other.last_qty,
                other.aggressor,
            )
