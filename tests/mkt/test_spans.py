"""Spans against a plain reference that keeps every tick and computes with fractions."""

from __future__ import annotations

from decimal import Context, localcontext
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_values import HOSTILE, D, numbers, quotes, statuses, trades

from exo.errors import InvalidValue
from exo.mkt import FeedState, FeedStatus, Quote, Side, Span, Trade, TradeSpan, cum_qty_avg_px, fold, span_of
from exo.mkt.span import Passed, Tick

A = st.just("A")
ticks = st.lists(quotes(A) | trades(A) | statuses(A), min_size=1, max_size=12)
contexts = st.sampled_from(HOSTILE)


def reference(run: list[Tick]) -> dict[str, Any]:
    """What a run of ticks comes to, from all of its ticks."""
    shown = [t for t in run if isinstance(t, Quote)]
    done = [t for t in run if isinstance(t, Trade)]
    bids = [Fraction(q.bid_px) for q in shown if q.bid_px is not None]
    asks = [Fraction(q.ask_px) for q in shown if q.ask_px is not None]
    states = [t.state for t in run if isinstance(t, FeedStatus)]
    return {
        "symbol": "A",
        "quotes": len(shown),
        "bid_low": min(bids, default=None),
        "bid_high": max(bids, default=None),
        "ask_low": min(asks, default=None),
        "ask_high": max(asks, default=None),
        "first_received_ns": shown[0].received_ns if shown else None,
        "last_received_ns": shown[-1].received_ns if shown else None,
        "first_rpt_seq": shown[0].rpt_seq if shown else None,
        "last_rpt_seq": shown[-1].rpt_seq if shown else None,
        "trade": traded(done) if done else None,
        "statuses": len(states),
        "gaps": states.count(FeedState.GAP) + states.count(FeedState.DOWN),
    }


def traded(done: list[Trade]) -> dict[str, Any]:
    """What a run of trades comes to."""
    pxs = [Fraction(t.last_px) for t in done]
    qtys = [Fraction(t.last_qty) for t in done]

    def volume(*aggressors: Side | None) -> Fraction:
        return sum((q for q, t in zip(qtys, done, strict=True) if t.aggressor in aggressors), Fraction())

    def notional(*aggressors: Side | None) -> Fraction:
        rows = zip(pxs, qtys, done, strict=True)
        return sum((p * q for p, q, t in rows if t.aggressor in aggressors), Fraction())

    return {
        "symbol": "A",
        "trades": len(done),
        "first_px": pxs[0],
        "last_px": pxs[-1],
        "last_qty": qtys[-1],
        "high_px": max(pxs),
        "low_px": min(pxs),
        "volume": volume(Side.BUY, Side.SELL, None),
        "notional": notional(Side.BUY, Side.SELL, None),
        "buy_volume": volume(Side.BUY),
        "buy_notional": notional(Side.BUY),
        "sell_volume": volume(Side.SELL),
        "sell_notional": notional(Side.SELL),
        "first_received_ns": done[0].received_ns,
        "last_received_ns": done[-1].received_ns,
        "first_rpt_seq": done[0].rpt_seq,
        "last_rpt_seq": done[-1].rpt_seq,
    }


def in_fractions(value: Any) -> Any:
    """A span as the reference has it."""
    if isinstance(value, Span | TradeSpan):
        return {name: in_fractions(v) for name, v in msgspec.structs.asdict(value).items()}
    return Fraction(value) if isinstance(value, D) else value


def fold_all(run: list[Tick]) -> Span:
    """From the first to the last, each tick into the span so far."""
    span = span_of(run[0])
    for tick in run[1:]:
        span = fold(span, tick)
    return span


@given(run=ticks)
def test_c02_a_span_tells_what_all_its_ticks_tell(run: list[Tick]) -> None:
    """Count, range, first, last, volume, notional, by aggressor, gaps: equal to the reference, at up to 60 digits."""
    assert in_fractions(fold_all(run)) == reference(run)


@given(run=ticks, data=st.data())
def test_c02_spans_fold_the_same_in_any_grouping(run: list[Tick], data: st.DataObject) -> None:
    """Neighbours folded in any order give the same span as one tick after the other."""
    passed: list[Passed] = list(run)
    while len(passed) > 1:
        i = data.draw(st.integers(0, len(passed) - 2))
        passed[i : i + 2] = [fold(passed[i], passed[i + 1])]
    assert span_of(passed[0]) == fold_all(run)
    assert in_fractions(span_of(passed[0])) == reference(run)


@given(run=ticks, context=contexts)
def test_c02_a_users_decimal_context_cannot_reach_a_span(run: list[Tick], context: Context) -> None:
    """Three digits, strange rounding, every trap on or off: the span is exact, and the context's flags stay down."""
    with localcontext(context) as ctx:
        ctx.clear_flags()
        made = [msgspec.structs.replace(tick) for tick in run]
        span = fold_all(made)
        halves = fold(fold_all(made[: len(made) // 2] or made[:1]), fold_all(made[len(made) // 2 :]))
        raised = [signal.__name__ for signal, up in ctx.flags.items() if up]
    expected = reference(run)
    assert in_fractions(span) == expected
    assert raised == []
    if len(run) > 1:
        assert halves == span


@given(run=st.lists(trades(A), min_size=1, max_size=6), context=contexts)
def test_c02_the_average_price_is_right_to_60_digits(run: list[Trade], context: Context) -> None:
    """Half a unit in the 60th digit away from notional over volume at most, halves away from zero."""
    with localcontext(context):
        span = fold_all(list(run)).trade
        assert span is not None
        average = span.avg_px
    expected = traded(run)
    ratio = expected["notional"] / expected["volume"]
    unit = Fraction(10) ** (average.adjusted() - 59)
    assert abs(Fraction(average) - ratio) <= unit / 2
    if abs(Fraction(average) - ratio) == unit / 2:
        assert abs(Fraction(average)) > abs(ratio)


def test_c02_halves_of_an_average_price_go_away_from_zero() -> None:
    """A tie in the 61st digit is rounded up for a positive price and down for a negative one."""
    for sign in "", "-":
        further = D(f"{sign}1.{'0' * 58}1")
        span = fold(Trade("A", D(f"{sign}1"), D(1)), Trade("A", further, D(1))).trade
        assert span is not None
        assert span.avg_px == further


@given(quote=quotes(), context=contexts)
def test_c02_spread_and_mid_are_exact_in_any_context(quote: Quote, context: Context) -> None:
    """Ask less bid and the middle, or 0 where a side is empty or priced 0."""
    with localcontext(context):
        spread, mid = quote.spread, quote.mid
        states = quote.locked, quote.crossed
    bid, ask = quote.bid_px, quote.ask_px
    if bid and ask:
        assert Fraction(spread) == Fraction(ask) - Fraction(bid)
        assert Fraction(mid) * 2 == Fraction(ask) + Fraction(bid)
    else:
        assert (spread, mid) == (0, 0)
    both = bid is not None and ask is not None
    assert states == (both and bid == ask, both and bid > ask)  # type: ignore[operator]


@given(
    filled=numbers(at_least=0),
    average=numbers(),
    qty=numbers(at_least=0, not_zero=True),
    px=numbers(),
    places=st.integers(0, 12),
    context=contexts,
)
def test_c19_cum_qty_and_avg_px_are_rounded_once_and_half_away_from_zero(
    filled: D, average: D, qty: D, px: D, places: int, context: Context
) -> None:
    """The quantity is exact and the average the rounded fraction, whatever the user's context."""
    with localcontext(context):
        cum_qty, avg_px = cum_qty_avg_px(filled, average, qty, px, places)
    total = Fraction(filled) + Fraction(qty)
    exact = (Fraction(filled) * Fraction(average) + Fraction(qty) * Fraction(px)) / total * 10**places
    away = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    assert Fraction(cum_qty) == total
    assert Fraction(avg_px) * 10**places == away
    assert avg_px.as_tuple().exponent == -places


def test_c19_the_half_of_an_average_goes_away_from_zero() -> None:
    """2.5 becomes 3 and -2.5 becomes -3, as the last place kept."""
    for px, expected in (("3", "3"), ("-3", "-3"), ("1", "2"), ("-1", "-2")):
        first = D(2).copy_sign(D(px))
        assert cum_qty_avg_px(D(1), first, D(1), D(px), 0) == (2, D(expected))


def test_a_fold_of_two_symbols_is_refused_and_changes_nothing() -> None:
    """Quotes, trades, statuses and spans of B are refused by A, which is as it was."""
    quote, trade = Quote("A", D(1), D(1), D(2), D(1)), Trade("A", D(1), D(1))
    a = fold(fold(quote, trade), FeedStatus(state=FeedState.LIVE, symbol="A"))
    before = repr(a)
    others: list[Passed] = [
        Quote("B", D(1), D(1), D(2), D(1)),
        Trade("B", D(1), D(1)),
        FeedStatus(state=FeedState.LIVE, symbol="B"),
        FeedStatus(state=FeedState.LIVE),
    ]
    others += [span_of(other) for other in others]
    for earlier in (a, quote, trade):
        for other in others:
            for pair in ((earlier, other), (other, earlier)):
                with pytest.raises(InvalidValue, match=r"a span is of one symbol at \$\.symbol") as refused:
                    fold(*pair)
                assert refused.value.where == "$.symbol"
    assert repr(a) == before


def test_c12_folding_makes_a_new_span_and_leaves_both_as_they_were() -> None:
    """Nobody shares a thing that changes."""
    a, b = fold_all([Trade("A", D(1), D(1)), Trade("A", D(2), D(1))]), span_of(Trade("A", D(3), D(1)))
    before = repr(a), repr(b)
    folded = fold(a, b)
    fold(a, Trade("A", D(9), D(9)))
    assert (repr(a), repr(b)) == before
    assert folded is not a
    assert folded.trade is not a.trade
    with pytest.raises(AttributeError, match="immutable"):
        a.quotes = 5  # type: ignore[misc]


def test_a_span_is_its_own_span() -> None:
    """Asking for the span of a span gives the very one."""
    span = span_of(Quote("A", None, None, None, None))
    assert span_of(span) is span


def test_a_span_counts_its_ticks() -> None:
    """`ticks` is the sum of quotes, trades and statuses; `trades` is 0 where nothing traded."""
    quote = Quote("A", D(1), None, None, None)
    assert (span_of(quote).trades, span_of(quote).ticks) == (0, 1)
    run: list[Tick] = [
        quote,
        Trade("A", D(1), D(1)),
        Trade("A", D(1), D(1)),
        FeedStatus(state=FeedState.GAP, symbol="A"),
    ]
    assert (fold_all(run).trades, fold_all(run).ticks) == (2, 4)


def test_a_users_kind_of_quote_and_trade_folds_as_its_base() -> None:
    """A subclass with more fields is a quote or trade all the same."""

    class DeepQuote(Quote):
        depth: int = 0

    class FlaggedTrade(Trade):
        flags: str = ""

    span = fold(DeepQuote("A", D(1), D(1), D(2), D(1), depth=9), FlaggedTrade("A", D(3), D(4), flags="x"))
    assert span == fold(Quote("A", D(1), D(1), D(2), D(1)), Trade("A", D(3), D(4)))
    assert fold(span, DeepQuote("A", D(0), D(1), D(2), D(1))).bid_low == 0
