"""Typed: Coinbase's frames that come by the thousand, member by member."""

from __future__ import annotations

from datetime import datetime

import msgspec


class TouchFrame(msgspec.Struct, gc=False, tag_field="type", tag="ticker"):
    """A ticker of which only the touch counts; those of before late 2022 are not such."""

    product_id: str
    sequence: int
    best_bid: str
    best_bid_size: str
    best_ask: str
    best_ask_size: str
    time: datetime


class TickerFrame(msgspec.Struct, gc=False, tag_field="type", tag="ticker"):
    """A ticker of which the trade counts too."""

    product_id: str
    sequence: int
    price: str
    best_bid: str
    best_ask: str
    side: str
    time: datetime
    trade_id: int
    last_size: str
    best_bid_size: str | None = None
    best_ask_size: str | None = None


class MatchFrame(msgspec.Struct, gc=False, tag_field="type", tag="match"):
    """A trade."""

    product_id: str
    trade_id: int
    side: str
    size: str
    price: str
    sequence: int
    time: datetime


class UpdateFrame(msgspec.Struct, gc=False, tag_field="type", tag="l2update"):
    """Changes of a book."""

    product_id: str
    changes: list[tuple[str, str, str]]
    time: datetime
