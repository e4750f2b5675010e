"""What Coinbase said once, said again: byte for byte."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exo.flow import seeded
from exo.mkt import Listing, Quote, Side, Trade
from exo.testing.exchange.dialects import Refusal, coinbase, coinbase_wire

from .support import frames_of, listing, moment, number

FILES = ["cryptofeed_20210417.shared.jsonl", "ticker_with_sizes_and_awkward.shared.jsonl"]


def listings(frames: list[bytes]) -> dict[str, Listing]:
    """Steps as long as the longest number of each product's book."""
    steps: dict[str, tuple[int, int]] = {}
    for frame in map(json.loads, frames):
        if frame["type"] == "ticker":
            told = [(frame["best_bid"], "1"), (frame["best_ask"], "1")]
        else:
            told = [(px, qty) for _, px, qty in frame.get("changes", ())]
        for px, qty in told:
            before = steps.get(frame["product_id"], (0, 0))
            steps[frame["product_id"]] = max(before[0], digits(px)), max(before[1], digits(qty))
    return {
        name: listing(name, tick=f"{Decimal(1).scaleb(-px):f}", lot=f"{Decimal(1).scaleb(-qty):f}")
        for name, (px, qty) in steps.items()
    }


def digits(text: str) -> int:
    """How many decimals were written."""
    return len(text.partition(".")[2])


def again(told: dict[str, Any], listed: dict[str, Listing]) -> bytes | None:
    """The frame made anew of ticks.

    Taken over as they are: sequence, trade_id, the order ids, time, and the day's open, low, high and volumes.
    """
    kind, product = told["type"], told.get("product_id", "")
    if kind == "ticker":
        day = coinbase_wire.Day(
            *(number(told[name]) for name in ("open_24h", "volume_24h", "low_24h", "high_24h", "volume_30d"))
        )
        sizes = [number(told[name]) if name in told else None for name in ("best_bid_size", "best_ask_size")]
        quote = Quote(product, number(told["best_bid"]), sizes[0], number(told["best_ask"]), sizes[1])
        aggressor = Side(told["side"].upper())
        trade = Trade(product, number(told["price"]), number(told["last_size"]), aggressor)
        return coinbase_wire.ticker(
            quote,
            trade,
            day,
            listed[product],
            sequence=told["sequence"],
            trade_id=told["trade_id"],
            at_ns=moment(told["time"]),
        )
    if kind in ("match", "last_match"):
        aggressor = Side(told["side"].upper()).opposite  # a match tells the maker's side
        return coinbase_wire.match(
            Trade(product, number(told["price"]), number(told["size"]), aggressor),
            kind=kind,
            sequence=told["sequence"],
            trade_id=told["trade_id"],
            maker_order_id=told["maker_order_id"],
            taker_order_id=told["taker_order_id"],
            at_ns=moment(told["time"]),
        )
    if kind == "l2update":
        changes = [(Side(side.upper()), number(px), number(qty)) for side, px, qty in told["changes"]]
        return coinbase_wire.l2update(changes, listed[product], product, moment(told["time"]))
    if kind == "subscriptions":
        channels = {channel["name"]: channel["product_ids"] for channel in told["channels"]}
        return coinbase.subscriptions(channels, modern=False)
    if kind == "heartbeat":
        return coinbase_wire.heartbeat(
            product, sequence=told["sequence"], last_trade_id=told["last_trade_id"], at_ns=moment(told["time"])
        )
    if kind == "error":
        return coinbase.error(told["message"], told["reason"])
    return None


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_frame_comes_out_as_it_was(shared: Path, name: str):
    """Numbers are put in without their zeros, so the dialect knows which are written."""
    frames = frames_of(shared / "data" / "frames" / "coinbase" / name)
    listed = listings(frames)
    kinds: Counter[str] = Counter()
    for frame in frames:
        told = json.loads(frame)
        assert again(told, listed) == frame
        kinds[told["type"]] += 1
    assert kinds["ticker"] > 0


def test_a_recorded_snapshot_has_the_members_of_ours(shared: Path):
    """Of a snapshot there are only samples cut by others, so members and types are compared."""
    path = shared / "data" / "frames" / "coinbase" / "tardis_mapper_cases_coinbase.shared.json"
    samples = [case["message"] for case in json.loads(path.read_text()) if case["message"]["type"] == "snapshot"]
    ours = json.loads(
        coinbase_wire.snapshot([(Decimal("1.5"), Decimal(2))], [(Decimal("1.6"), Decimal(3))], listing("A-B"), "A-B")
    )
    assert samples
    for sample in samples:
        assert sample.keys() == ours.keys()
        assert all(isinstance(text, str) for text in (*sample["asks"][0], *ours["asks"][0]))


def test_what_recorded_clients_said_is_understood(shared: Path):
    """The last acknowledgement names the channels and products of the recorded one, in an order of its own."""
    folder = shared / "data" / "frames" / "coinbase"
    recorded = [json.loads(frame) for frame in frames_of(folder / FILES[0]) if b'"subscriptions"' in frame]
    sent = [each["frame"].encode() for each in json.loads((folder / "client_sent_subscribe.shared.json").read_text())]
    venue = coinbase.Coinbase(modern=False)
    venue.open({symbol: listing(symbol) for symbol in json.loads(sent[0])["product_ids"]}, seeded(0))
    talk = venue.talk("/")
    assert not isinstance(talk, Refusal)
    for frame, told in zip(sent, recorded, strict=True):
        [answer] = talk.hear(frame, 0)
        assert isinstance(answer, bytes)
        ours = json.loads(answer)
        assert list(ours) == list(told) and list(ours["channels"][0]) == list(told["channels"][0])
        both = [{each["name"]: sorted(each["product_ids"]) for each in ack["channels"]} for ack in (ours, told)]
        assert both[0] == both[1]
