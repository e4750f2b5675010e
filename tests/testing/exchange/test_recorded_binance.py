"""What Binance said once, said again: byte for byte."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from exo.flow import VIRTUAL_START_NS
from exo.mkt import Quote, Side, Trade
from exo.testing.exchange import Binance, Exchange, MemoryNetwork
from exo.testing.exchange.dialects import binance_wire

from .support import frames_of, listing, next_text, number, virtually

SPOT = ["hft_unwrapped_btcusdt_20240808", "hft_unwrapped_ethusdt_20240809"]
COMBINED = [
    "hft_combined_btcusdt_20240808",
    "hft_combined_ethusdt_20240809",
    "cryptofeed_spot_20211012",
    "cryptofeed_us_20211012",
]


def tick_of(told: dict[str, Any], received_ns: int | None = None) -> Quote | Trade:
    """The tick a frame tells; u and t become its number."""
    if told.get("e") == "trade":
        side = Side.SELL if told["m"] else Side.BUY
        return Trade(told["s"], number(told["p"]), number(told["q"]), side, received_ns, trade_id=str(told["t"]))
    sizes = number(told["B"]), number(told["A"])
    return Quote(told["s"], number(told["b"]), sizes[0], number(told["a"]), sizes[1], received_ns, told["u"])


def spot_again(told: dict[str, Any]) -> bytes:
    """Taken over: u; of a trade t, E and T."""
    tick = tick_of(told)
    if isinstance(tick, Quote):
        return binance_wire.spot_book_ticker(tick, u=told["u"])
    return binance_wire.spot_trade(tick, t=told["t"], event_ms=told["E"], transact_ms=told["T"])


@pytest.mark.parametrize("name", SPOT)
def test_every_recorded_raw_frame_comes_out_as_it_was(shared: Path, name: str):
    """Of spot: eight decimals, whatever the step."""
    frames = frames_of(shared / "data" / "frames" / "binance" / f"{name}.shared.jsonl")
    for frame in frames:
        assert spot_again(json.loads(frame)) == frame


@pytest.mark.parametrize("name", COMBINED)
def test_every_recorded_combined_frame_comes_out_as_it_was(shared: Path, name: str):
    """The stream's name before the same data."""
    checked = 0
    for frame in frames_of(shared / "data" / "frames" / "binance" / f"{name}.shared.jsonl"):
        told = json.loads(frame)
        if told["stream"].endswith(("@bookTicker", "@trade")):
            assert binance_wire.combined(told["stream"], spot_again(told["data"])) == frame
            checked += 1
    assert checked > 10


def test_every_recorded_futures_frame_comes_out_as_it_was(shared: Path):
    """Taken over: u, t, E, T and X; the listing knows the decimals, two for a tick of 0.10."""
    path = shared / "data" / "ticks" / "originals" / "hftbacktest_usdm_btcusdt_20240808.shared.gz"
    listed = listing("BTCUSDT", tick="0.10", lot="0.001")
    checked = 0
    with gzip.open(path) as lines:
        for line in lines:
            frame = line.partition(b" ")[2].strip()
            told = json.loads(frame)
            data = told.get("data", {})
            tick = tick_of(data) if data.get("e") in ("bookTicker", "trade") else None
            if isinstance(tick, Quote):
                ours = binance_wire.usdm_book_ticker(
                    tick, listed, u=data["u"], transact_ms=data["T"], event_ms=data["E"]
                )
            elif isinstance(tick, Trade):
                ours = binance_wire.usdm_trade(
                    tick, listed, t=data["t"], event_ms=data["E"], transact_ms=data["T"], kind=data["X"]
                )
            else:
                continue
            assert binance_wire.combined(told["stream"], ours) == frame
            checked += 1
            if checked == 20_000:
                break
    assert checked == 20_000


def test_a_recording_played_whole_comes_out_as_it_was(shared: Path):
    """Through the exchange and its memory; only a trade's E and T are the time of playing."""
    frames = frames_of(shared / "data" / "frames" / "binance" / f"{SPOT[0]}.shared.jsonl")
    ticks = [tick_of(json.loads(frame), VIRTUAL_START_NS + n * 1_000_000) for n, frame in enumerate(frames)]

    async def test() -> None:
        network = MemoryNetwork(Exchange(Binance(), ticks))
        connection = await network.connect("wss://stream.binance.com:9443/ws/btcusdt@bookTicker/btcusdt@trade")
        for frame in frames:
            ours = await next_text(connection)
            if frame.startswith(b'{"e"'):
                told, expected = json.loads(ours), json.loads(frame)
                assert list(told) == list(expected)
                assert told | {"E": 0, "T": 0} == expected | {"E": 0, "T": 0}
            else:
                assert ours == frame
        await network.close()

    virtually(test)
