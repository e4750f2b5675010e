"""What the tests of decoders share: the recorded frames, decoders for any symbol, and what they made of a frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from exo.mkt import Quote, Trade
from exo.venue.binance.decoding import BinanceDecoder
from exo.venue.bitmex.decoding import BitmexDecoder
from exo.venue.coinbase.decoding import CoinbaseDecoder
from exo.venue.frames import Past, Pooled

VENUES = ("binance", "bitmex", "coinbase")


class Everything(dict[str, str]):
    """Names in which every instrument is asked for, by its own name."""

    def __missing__(self, name: str) -> str:
        return name

    def get(self, name: str, default: Any = None) -> Any:
        return name

    def __contains__(self, name: object) -> bool:
        return True


def decoders(names: dict[str, str] | None = None) -> dict[str, Any]:
    """A decoder of each venue; Coinbase's reads tickers, as the answers of the recorded frames do."""
    names = Everything() if names is None else names
    return {
        "binance": BinanceDecoder(names),
        "bitmex": BitmexDecoder(names),
        "coinbase": CoinbaseDecoder(names, "ticker", "ticker"),
    }


def frames(path: Path) -> list[bytes]:
    """The frames of a file, one a line."""
    return path.read_bytes().splitlines()


def recorded(shared: Path, venue: str) -> list[bytes]:
    """All recorded frames of a venue."""
    return [frame for path in sorted((shared / "data/frames" / venue).glob("*.jsonl")) for frame in frames(path)]


def answers(shared: Path, venue: str) -> Iterator[tuple[Path, Any]]:
    """The files of a venue that have answers, with them."""
    for path in sorted((shared / "data/frames" / venue).glob("*.expected.json")):
        yield path.with_name(path.name.replace(".expected.json", ".jsonl")), json.loads(path.read_text())


def line(event: object) -> str | None:
    """A market event as the answers write it; None of any other."""
    if isinstance(event, Pooled):
        event = event.quote
    if isinstance(event, Quote):
        numbers = event.bid_px, event.bid_size, event.ask_px, event.ask_size
        return "|".join(["Q", event.symbol, *map(shown, numbers)])
    kind = "T"
    if isinstance(event, Past):
        event, kind = event.trade, "S"
    if isinstance(event, Trade):
        return "|".join([kind, event.symbol, shown(event.last_px), shown(event.last_qty)])
    return None


def shown(number: Decimal | None) -> str:
    """A plain decimal without trailing zeros, nothing for None."""
    if number is None:
        return ""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
