"""What the property tests share: the plain reference that keeps every tick, drawn ticks, and settings."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

import exo
from exo.mkt.span import Tick, TradeSpan

T = TypeVar("T")

steady = settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# For long scripts: shrinking those takes longer than a test may.
unshrunk = settings(steady, phases=[Phase.explicit, Phase.generate])


class Wanted(exo.Order):
    """The order of these tests; `price` is a term that a replace changes."""

    price: Decimal = Decimal(0)


def wanted(order_id: str, symbol: str = "A", price: int = 0) -> Wanted:
    return Wanted(side=exo.Side.BUY, symbol=symbol, order_id=order_id, price=Decimal(price))


def quote(bid: int, symbol: str = "A", seq: int | None = None) -> exo.Quote:
    return exo.Quote(symbol, Decimal(bid), Decimal(1), Decimal(bid + 1), Decimal(2), rpt_seq=seq)


def trade(px: int, symbol: str = "A", qty: int = 1) -> exo.Trade:
    return exo.Trade(symbol, Decimal(px), Decimal(qty), exo.Side.BUY)


def report(order_id: str, number: int = 0) -> exo.Report:
    return exo.Report(order_id=order_id, transact_time=None, exec_id=str(number))


def virtually(coro: Coroutine[Any, Any, T], deadline_s: float = 100_000.0) -> T:
    """Run a program in virtual time, with a deadline in virtual seconds."""

    async def program() -> T:
        async with asyncio.timeout(deadline_s):
            return await coro

    try:
        return exo.run_virtually(program())
    finally:
        coro.close()


def live(coro: Coroutine[Any, Any, T], deadline_s: float = 20.0) -> T:
    """Run a program on a real loop, with a deadline."""

    async def program() -> T:
        async with asyncio.timeout(deadline_s):
            return await coro

    return asyncio.run(program())


# What a run of ticks must conflate to. Sums are Fractions, so the arithmetic under test has no part in them.


def extent(ticks: Sequence[Tick]) -> dict[str, Any] | None:
    """What the span of these ticks must say, recomputed from all of them."""
    if not ticks:
        return None
    quotes = [tick for tick in ticks if isinstance(tick, exo.Quote)]
    statuses = [tick for tick in ticks if isinstance(tick, exo.FeedStatus)]
    bids = [tick.bid_px for tick in quotes if tick.bid_px is not None]
    asks = [tick.ask_px for tick in quotes if tick.ask_px is not None]
    return {
        "quotes": len(quotes),
        "bids": (min(bids), max(bids)) if bids else (None, None),
        "asks": (min(asks), max(asks)) if asks else (None, None),
        "received": (quotes[0].received_ns, quotes[-1].received_ns) if quotes else (None, None),
        "rpt_seq": (quotes[0].rpt_seq, quotes[-1].rpt_seq) if quotes else (None, None),
        "statuses": len(statuses),
        "gaps": sum(status.state in (exo.FeedState.GAP, exo.FeedState.DOWN) for status in statuses),
        "trade": _turnover([tick for tick in ticks if isinstance(tick, exo.Trade)]),
    }


def _turnover(trades: Sequence[exo.Trade]) -> dict[str, Any] | None:
    if not trades:
        return None

    def volume(*aggressors: exo.Side | None) -> tuple[Fraction, Fraction]:
        part = [each for each in trades if each.aggressor in aggressors]
        quantities = [Fraction(each.last_qty) for each in part]
        return sum(quantities, Fraction(0)), sum(
            (Fraction(each.last_px) * Fraction(each.last_qty) for each in part), Fraction(0)
        )

    first, last, prices = trades[0], trades[-1], [each.last_px for each in trades]
    return {
        "trades": len(trades),
        "first": (first.last_px, first.received_ns, first.rpt_seq),
        "last": (last.last_px, last.last_qty, last.received_ns, last.rpt_seq),
        "range": (min(prices), max(prices)),
        "all": volume(exo.Side.BUY, exo.Side.SELL, None),
        "bought": volume(exo.Side.BUY),
        "sold": volume(exo.Side.SELL),
    }


def told(span: exo.Span | None) -> dict[str, Any] | None:
    """What a span says, in the words of `extent`."""
    if span is None:
        return None
    return {
        "quotes": span.quotes,
        "bids": (span.bid_low, span.bid_high),
        "asks": (span.ask_low, span.ask_high),
        "received": (span.first_received_ns, span.last_received_ns),
        "rpt_seq": (span.first_rpt_seq, span.last_rpt_seq),
        "statuses": span.statuses,
        "gaps": span.gaps,
        "trade": _told_trade(span.trade),
    }


def _told_trade(span: TradeSpan | None) -> dict[str, Any] | None:
    if span is None:
        return None
    return {
        "trades": span.trades,
        "first": (span.first_px, span.first_received_ns, span.first_rpt_seq),
        "last": (span.last_px, span.last_qty, span.last_received_ns, span.last_rpt_seq),
        "range": (span.low_px, span.high_px),
        "all": (Fraction(span.volume), Fraction(span.notional)),
        "bought": (Fraction(span.buy_volume), Fraction(span.buy_notional)),
        "sold": (Fraction(span.sell_volume), Fraction(span.sell_notional)),
    }


# Ticks of one symbol; numbers of up to 60 digits and 60 places, below 0 too.

_small = st.integers(-200, 200).map(lambda n: Decimal(f"{n}E-1"))
_long = st.tuples(st.integers(-(10**60) + 1, 10**60 - 1), st.integers(0, 60)).map(
    lambda parts: Decimal(f"{parts[0]}E-{parts[1]}")
)
prices = st.one_of(_small, _long)
sizes = prices.map(Decimal.copy_abs)  # abs() would round
quantities = sizes.filter(bool)
stamps = st.one_of(st.none(), st.integers(0, 9))


def quotes(symbol: str = "A") -> st.SearchStrategy[exo.Quote]:
    side = st.one_of(st.none(), prices)
    return st.builds(exo.Quote, st.just(symbol), side, st.one_of(st.none(), sizes), side, st.none(), stamps, stamps)


def trades(symbol: str = "A") -> st.SearchStrategy[exo.Trade]:
    aggressor = st.sampled_from([exo.Side.BUY, exo.Side.SELL, None])
    return st.builds(exo.Trade, st.just(symbol), prices, quantities, aggressor, stamps, stamps)


def statuses(symbol: str | None = "A") -> st.SearchStrategy[exo.FeedStatus]:
    return st.builds(exo.FeedStatus, state=st.sampled_from(exo.FeedState), symbol=st.just(symbol))


def ticks(symbol: str = "A") -> st.SearchStrategy[Tick]:
    return st.one_of(quotes(symbol), trades(symbol), statuses(symbol))
