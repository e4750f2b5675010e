"""Span: what passed between two looks at a market - the conflation of any run of ticks.

`fold` is associative and exact: folding a run in any grouping gives the same span (contract C2). A run of one tick is
the tick itself; it becomes a Span only when somebody asks or a second tick folds into it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from exo.errors import InvalidValue
from exo.mkt.enums import FeedState, Side
from exo.mkt.exact import ZERO, add, divide, multiply
from exo.mkt.quote import Quote
from exo.mkt.status import FeedStatus
from exo.mkt.trade import Trade
from exo.mkt.value import Frozen


class TradeSpan(Frozen, kw_only=False, gc=False, omit_defaults=False):
    """The trades of a span: their count, first, last, high and low price, volume and notional.

    `notional` is the exact sum of quantity times price. `buy_` and `sell_` are the parts whose aggressor was a buyer or
    a seller; what is left of the total had none told. Times and sequence numbers are those of the first and last trade.
    """

    symbol: str
    trades: int
    first_px: Decimal
    last_px: Decimal
    last_qty: Decimal
    high_px: Decimal
    low_px: Decimal
    volume: Decimal
    notional: Decimal
    buy_volume: Decimal
    buy_notional: Decimal
    sell_volume: Decimal
    sell_notional: Decimal
    first_received_ns: int | None
    last_received_ns: int | None
    first_rpt_seq: int | None
    last_rpt_seq: int | None

    @property
    def avg_px(self) -> Decimal:
        """Notional over volume, to 60 digits."""
        return divide(self.notional, self.volume)


class Span(Frozen, kw_only=False, gc=False, omit_defaults=False):
    """What conflation would lose of a run of ticks: how many quotes it stands for, their range, its trades, its gaps.

    `quotes` and `statuses` count; `gaps` counts the statuses after which data was missing. `bid_low` to `ask_high` are
    None where no quote had that side. `trade` is None where nothing traded. Times and sequence numbers are the quotes'.
    """

    symbol: str
    quotes: int
    bid_low: Decimal | None
    bid_high: Decimal | None
    ask_low: Decimal | None
    ask_high: Decimal | None
    first_received_ns: int | None
    last_received_ns: int | None
    first_rpt_seq: int | None
    last_rpt_seq: int | None
    trade: TradeSpan | None
    statuses: int
    gaps: int

    @property
    def trades(self) -> int:
        """How many trades it stands for."""
        return self.trade.trades if self.trade else 0

    @property
    def ticks(self) -> int:
        """How many quotes, trades and statuses it stands for."""
        return self.quotes + self.trades + self.statuses


Tick: TypeAlias = Quote | Trade | FeedStatus
Passed: TypeAlias = Tick | Span


def fold(earlier: Passed, later: Passed) -> Span:
    """The conflation of two runs, the later after the earlier; InvalidValue if they are of different symbols."""
    a = earlier if type(earlier) is Span else span_of(earlier)
    if type(later) is Quote:
        bid, ask, bid_low, ask_low = later.bid_px, later.ask_px, a.bid_low, a.ask_low
        if bid is not None and ask is not None and bid_low is not None and ask_low is not None:
            bid_high, ask_high = a.bid_high, a.ask_high
            assert bid_high is not None and ask_high is not None
            if a.symbol != later.symbol:
                raise _other(a.symbol, later.symbol)
            return Span(
                a.symbol,
                a.quotes + 1,
                bid if bid < bid_low else bid_low,
                bid if bid > bid_high else bid_high,
                ask if ask < ask_low else ask_low,
                ask if ask > ask_high else ask_high,
                a.first_received_ns,
                later.received_ns,
                a.first_rpt_seq,
                later.rpt_seq,
                a.trade,
                a.statuses,
                a.gaps,
            )
    if type(later) is Trade and a.trade is not None and a.symbol == later.symbol:
        return msgspec.structs.replace(a, trade=_fold_trade(a.trade, later))
    b = span_of(later)
    if a.symbol != b.symbol:
        raise _other(a.symbol, b.symbol)
    first, last = a if a.quotes else b, b if b.quotes else a
    return Span(
        a.symbol,
        a.quotes + b.quotes,
        _lower(a.bid_low, b.bid_low),
        _higher(a.bid_high, b.bid_high),
        _lower(a.ask_low, b.ask_low),
        _higher(a.ask_high, b.ask_high),
        first.first_received_ns,
        last.last_received_ns,
        first.first_rpt_seq,
        last.last_rpt_seq,
        _fold_trades(a.trade, b.trade),
        a.statuses + b.statuses,
        a.gaps + b.gaps,
    )


def _other(symbol: str, other: str) -> InvalidValue:
    return InvalidValue("$.symbol", f"expected {symbol}, got {other}: a span is of one symbol")


def span_of(passed: Passed) -> Span:
    """The span a run stands for; a Span is its own."""
    if type(passed) is Span:
        return passed
    if isinstance(passed, Quote):
        bid, ask, at, seq = passed.bid_px, passed.ask_px, passed.received_ns, passed.rpt_seq
        return Span(passed.symbol, 1, bid, bid, ask, ask, at, at, seq, seq, None, 0, 0)
    if isinstance(passed, Trade):
        return Span(passed.symbol, 0, None, None, None, None, None, None, None, None, trade_span_of(passed), 0, 0)
    assert isinstance(passed, FeedStatus)
    gap = int(passed.state in (FeedState.GAP, FeedState.DOWN))
    return Span(passed.symbol or "", 0, None, None, None, None, None, None, None, None, None, 1, gap)


def trade_span_of(trade: Trade) -> TradeSpan:
    """The span of a lone trade."""
    px, qty, at, seq = trade.last_px, trade.last_qty, trade.received_ns, trade.rpt_seq
    notional = multiply(px, qty)
    bought = (qty, notional) if trade.aggressor is Side.BUY else (ZERO, ZERO)
    sold = (qty, notional) if trade.aggressor is Side.SELL else (ZERO, ZERO)
    return TradeSpan(trade.symbol, 1, px, px, qty, px, px, qty, notional, *bought, *sold, at, at, seq, seq)


def _fold_trade(a: TradeSpan, trade: Trade) -> TradeSpan:
    px, qty, aggressor = trade.last_px, trade.last_qty, trade.aggressor
    notional = multiply(px, qty)
    bought, sold = aggressor is Side.BUY, aggressor is Side.SELL
    return TradeSpan(
        a.symbol,
        a.trades + 1,
        a.first_px,
        px,
        qty,
        px if px > a.high_px else a.high_px,
        px if px < a.low_px else a.low_px,
        add(a.volume, qty),
        add(a.notional, notional),
        add(a.buy_volume, qty) if bought else a.buy_volume,
        add(a.buy_notional, notional) if bought else a.buy_notional,
        add(a.sell_volume, qty) if sold else a.sell_volume,
        add(a.sell_notional, notional) if sold else a.sell_notional,
        a.first_received_ns,
        trade.received_ns,
        a.first_rpt_seq,
        trade.rpt_seq,
    )


def _fold_trades(a: TradeSpan | None, b: TradeSpan | None) -> TradeSpan | None:
    if a is None or b is None:
        return b if a is None else a
    return TradeSpan(
        a.symbol,
        a.trades + b.trades,
        a.first_px,
        b.last_px,
        b.last_qty,
        b.high_px if b.high_px > a.high_px else a.high_px,
        b.low_px if b.low_px < a.low_px else a.low_px,
        add(a.volume, b.volume),
        add(a.notional, b.notional),
        add(a.buy_volume, b.buy_volume),
        add(a.buy_notional, b.buy_notional),
        add(a.sell_volume, b.sell_volume),
        add(a.sell_notional, b.sell_notional),
        a.first_received_ns,
        b.last_received_ns,
        a.first_rpt_seq,
        b.last_rpt_seq,
    )


def _lower(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    if a is None or b is None:
        return b if a is None else a
    return b if b < a else a


def _higher(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    if a is None or b is None:
        return b if a is None else a
    return b if b > a else a
