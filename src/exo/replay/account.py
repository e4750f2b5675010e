"""Account: what became of every order of a replay, in exact sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from exo.mkt import LastLiquidityInd, Quote, Side, TimeInForce
from exo.mkt.exact import ZERO
from exo.mkt.value import Frozen
from exo.replay.figures import plain, total
from exo.replay.survey import Survey
from exo.run import Totals


class Fate(Enum):
    """What became of an order."""

    FILLED = "FILLED"
    PARTLY_FILLED = "PARTLY_FILLED"
    UNFILLED = "UNFILLED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


class Fill(Frozen):
    """One execution of an order: when, how much, at what price, for what fee."""

    at_ns: int
    qty: Decimal
    px: Decimal
    fee: Decimal
    liquidity: LastLiquidityInd | None


class Seen(Frozen, omit_defaults=False):
    """What conflation left of the ticks that a decision was based on: their number, range and times.

    The ranges are those of the quotes and trades since the order had last looked.
    """

    quotes: int
    trades: int
    bid_low: Decimal | None
    bid_high: Decimal | None
    ask_low: Decimal | None
    ask_high: Decimal | None
    trade_low: Decimal | None
    trade_high: Decimal | None
    first_ns: int | None
    last_ns: int | None


class Decision(Frozen):
    """A look that sent a request: a new child order, or the cancel of one.

    `looked_ns` is when the delegate was handed what it decided on, `sent_ns` when the request left; `age_ns` the age of
    its quote when it was handed. `seen` is None where no tick had passed.
    """

    looked_ns: int
    sent_ns: int
    age_ns: int | None
    bid_px: Decimal | None
    ask_px: Decimal | None
    cancel: bool
    order_qty: Decimal
    price: Decimal | None
    time_in_force: TimeInForce
    seen: Seen | None


class Line(Frozen):
    """One order: its terms, its fate, the exact sums of its executions, and how they compare with the market.

    Times in ns; `notional` is quantity times price. `arrival_px` is the mid when it was submitted. `market_volume` and
    `vwap` are of the trades that the market printed from then until it ended, `participation` is its share of these.
    Slippage is against the order where positive, in basis points; what cannot be told is None. `why` says why not all
    of it was filled. `fills` and `decisions` hold the first of them; `executions` and `requests` count them all.
    """

    order_id: str
    side: Side
    symbol: str
    order_qty: Decimal
    price: Decimal | None
    fate: Fate
    why: str
    submitted_ns: int
    ended_ns: int
    executions: int
    cum_qty: Decimal
    notional: Decimal
    fees: Decimal
    avg_px: Decimal | None
    arrival_px: Decimal | None
    slippage_arrival_bps: Decimal | None
    market_volume: Decimal
    vwap: Decimal | None
    slippage_vwap_bps: Decimal | None
    participation: Decimal | None
    requests: int
    fills: tuple[Fill, ...]
    decisions: tuple[Decision, ...]
    error: str = ""


class Sums(Frozen, omit_defaults=False):
    """The executions of one symbol by side, as its orders had them."""

    executions: int = 0
    bought_qty: Decimal = ZERO
    bought_notional: Decimal = ZERO
    sold_qty: Decimal = ZERO
    sold_notional: Decimal = ZERO
    fees: Decimal = ZERO


class Settings(Frozen, omit_defaults=False):
    """What a replay, or with `live` a session on a live market, was asked to do; times in ns, from and to."""

    files: tuple[str, ...]
    delegate: str
    seed: int
    act_time_ns: tuple[int, int]
    feed_latency_ns: tuple[int, int]
    maker_bps: Decimal
    taker_bps: Decimal
    deadline_ns: int
    live: bool = False


class Account(Frozen):
    """A replay as it ended: what was asked and played, a line for every order by order id, and the counts.

    `venue` is the paper venue's own account of the same executions. `refused` are instructions that could not be put
    in, with the reason; `interrupted` tells that it was broken off. `curves` are samples of each symbol's quotes, and
    `rows_s` is the speed; both are for looking at, and not in the JSON.
    """

    settings: Settings
    survey: Survey
    lines: tuple[Line, ...]
    venue: dict[str, Sums]
    totals: Totals
    refused: tuple[str, ...] = ()
    interrupted: bool = False
    curves: dict[str, tuple[Quote, ...]] = msgspec.field(default_factory=dict)
    rows_s: float | None = None

    @property
    def fates(self) -> dict[Fate, int]:
        """How many orders met each fate."""
        met = Counter(line.fate for line in self.lines)
        return {fate: met[fate] for fate in Fate}

    @property
    def symbols(self) -> dict[str, Sums]:
        """The exact sums of each symbol that has orders, by name."""
        names = sorted({line.symbol for line in self.lines})
        return {name: _sums([line for line in self.lines if line.symbol == name]) for name in names}

    @property
    def agrees(self) -> bool:
        """Whether the orders had exactly what the venue executed."""
        orders = {name: sums for name, sums in self.symbols.items() if sums.executions}
        return orders == {name: sums for name, sums in self.venue.items() if sums.executions}

    def to_json(self) -> bytes:
        """Canonical JSON: members sorted, Decimals as text without trailing zeros; ends with a line feed."""
        whole = {
            "agrees": self.agrees,
            "fates": {fate.value: count for fate, count in self.fates.items()},
            "interrupted": self.interrupted,
            "orders": self.lines,
            "refused": self.refused,
            "settings": self.settings,
            "survey": self.survey,
            "symbols": self.symbols,
            "totals": self.totals,
            "venue": self.venue,
        }
        return msgspec.json.encode(_plain(whole), order="sorted") + b"\n"


def _sums(lines: Sequence[Line]) -> Sums:
    bought = [line for line in lines if line.side is Side.BUY]
    sold = [line for line in lines if line.side is Side.SELL]
    return Sums(
        executions=sum(line.executions for line in lines),
        bought_qty=total(line.cum_qty for line in bought),
        bought_notional=total(line.notional for line in bought),
        sold_qty=total(line.cum_qty for line in sold),
        sold_notional=total(line.notional for line in sold),
        fees=total(line.fees for line in lines),
    )


def _plain(value: Any) -> Any:
    """The value as JSON has it, every Decimal in plain digits."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        return {encoded: _plain(getattr(value, name)) for encoded, name in names}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
