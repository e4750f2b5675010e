"""JSON lines: ticks and listings, one a line, as they go from one process to another."""

from __future__ import annotations

import json
from collections.abc import Iterable

from exo.errors import InvalidValue
from exo.mkt import Listing, Quote, Trade, decode, encode
from exo.testing.exchange.dialects import Tick

_KINDS: dict[str, type[Quote | Trade | Listing]] = {"quote": Quote, "trade": Trade, "listing": Listing}


def line(value: Tick | Listing) -> bytes:
    """{"quote": ...}, {"trade": ...} or {"listing": ...}."""
    return b'{"%b":%b}' % (type(value).__name__.lower().encode(), encode(value))


def read(lines: Iterable[bytes]) -> tuple[list[Tick], list[Listing]]:
    """The ticks and the listings of some lines; InvalidValue says which line is neither."""
    ticks: list[Tick] = []
    listings: list[Listing] = []
    for number, text in enumerate(lines, 1):
        try:
            [(kind, members)] = json.loads(text, parse_float=str).items()
            value = decode(json.dumps(members), _KINDS[kind])
        except (ValueError, AttributeError, KeyError) as problem:
            raise InvalidValue(f"line {number}", f"expected a quote, trade or listing: {problem}") from problem
        if isinstance(value, Listing):
            listings.append(value)
        else:
            ticks.append(value)
    return ticks, listings
