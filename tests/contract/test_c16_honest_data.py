"""C16: ages by the local receive time, stale by what the feed says; locked and crossed are states."""

from __future__ import annotations

import asyncio
import datetime
import time
from typing import Any

import pytest

import exo
from exo.errors import InvalidValue
from exo.flow import current_clock
from exo.mkt import fold, span_of

from .helpers import D, Made, buy, done_when_cancelled, live, now_ns, quote, report, settled, trade, virtual

STATES = list(exo.FeedState)


def status(state: exo.FeedState, symbol: str | None = "A") -> exo.FeedStatus:
    """A feed's word."""
    return exo.FeedStatus(state=state, symbol=symbol)


@virtual
async def test_c16_the_age_is_now_less_the_local_receive_time() -> None:
    """In seconds, at the time of the update, however long the quote waited."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await settled()
        d.on_quote(quote(received_ns=now_ns() - 250_000_000))
        await settled()
        assert made[0].last.age_s == pytest.approx(0.25, abs=1e-5)
        await asyncio.sleep(3)
        d.on_report(report(x))
        await settled()
        assert made[0].last.age_s == pytest.approx(3.25, abs=1e-4)


@virtual
async def test_c16_a_quote_without_a_receive_time_has_no_age() -> None:
    """None, not 0, and nobody stamps it later; before the first quote likewise."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        assert made[0].last.age_s is None
        d.on_quote(quote(transact_time=datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)))
        await settled()
        last = made[0].last
        assert last.age_s is None and last.quote is not None and last.quote.received_ns is None
        assert d.totals.age_max_ns is None


@virtual
async def test_c16_venue_time_is_carried_and_never_subtracted() -> None:
    """A venue's clock that is a year wrong changes nothing but what is carried."""
    wrong = datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC)
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        d.on_quote(quote(received_ns=now_ns(), transact_time=wrong))
        d.on_report(report(x, transact_time=wrong, received_ns=now_ns()))
        d.on_trade(trade(transact_time=wrong, received_ns=now_ns()))
        await settled()
    last = made[0].last
    assert last.age_s == pytest.approx(0, abs=1e-5) and not last.stale
    assert last.quote is not None and last.quote.transact_time == wrong
    assert last.reports[0].transact_time == wrong
    assert not last.quote_before_facts


@virtual
async def test_c16_totals_count_ages_by_receive_time() -> None:
    """An age shows in the highest, to an eighth at most."""
    async with exo.Dispatcher(Made()) as d:
        d.submit(buy())
        await settled()
        for _ in range(99):
            d.on_quote(quote(received_ns=now_ns() - 1_000_000))
            d.deliver()
        d.on_quote(quote(received_ns=now_ns() - 5_000_000_000))
        d.deliver()
        totals = d.totals
    assert totals.age_p50_ns is not None and 1_000_000 <= totals.age_p50_ns <= 1_130_000
    assert totals.age_max_ns is not None and 5_000_000_000 <= totals.age_max_ns <= 5_700_000_000


@virtual
async def test_c16_a_quiet_market_is_not_stale() -> None:
    """An hour without a tick says nothing about the feed."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        d.on_quote(quote(received_ns=now_ns()))
        await asyncio.sleep(3000)
        d.on_report(report(x))
        await settled()
        assert made[0].last.age_s == pytest.approx(3000, abs=0.01) and not made[0].last.stale
        assert made[0].desk.status is None


@pytest.mark.parametrize("symbol", ["A", None])
@pytest.mark.parametrize("state", STATES)
@virtual
async def test_c16_data_is_stale_by_what_the_feed_says(state: exo.FeedState, symbol: str | None) -> None:
    """Silence, gap or disconnect, of the symbol or of all, until it says that it is live again; no tick cures it."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        y = d.submit(buy(symbol="B")).order_id
        d.on_status(status(state, symbol))
        await settled()
        bad = state is not exo.FeedState.LIVE
        assert made.of(x).last.stale is bad
        assert made.of(y).last.stale is (bad and symbol is None)
        for told in (made.of(x).desk.status, made.of(x).last.status):
            assert told is not None and told.state is state
        d.on_quote(quote(received_ns=now_ns()))
        await settled()
        assert made.of(x).last.stale is bad
        d.on_status(status(exo.FeedState.LIVE, symbol))
        d.on_quote(quote(received_ns=now_ns()))
        await settled()
        assert not made.of(x).last.stale and not made.of(y).last.stale


@virtual
async def test_c16_an_order_submitted_while_the_feed_is_down_is_told() -> None:
    """Of a symbol that had orders and of one that had none: what was said of all holds for both."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy(symbol="A"))
        await settled()
        d.on_status(status(exo.FeedState.DOWN, None))
        await settled()
        for symbol in "AB":
            x = d.submit(buy(symbol=symbol)).order_id
            await settled()
            assert made.of(x).last.stale, symbol
        d.on_status(status(exo.FeedState.LIVE, None))
        await settled()
        x = d.submit(buy(symbol="C")).order_id
        await settled()
        assert not made.of(x).last.stale
        assert not any(m.desk.status.stale for m in made.all if m.desk.status)


@virtual
async def test_c16_a_feed_that_is_down_before_the_first_order_is_down_for_it() -> None:
    """Nobody had to be there when it said so."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.on_status(status(exo.FeedState.DOWN, None))
        await settled()
        d.submit(buy())
        await settled()
        assert made[0].last.stale


@virtual
async def test_c16_the_word_for_all_and_the_word_for_one_the_later_holds() -> None:
    """A symbol's own LIVE after the feed's DOWN, and the other way round."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        for words, stale in (
            ([status(exo.FeedState.DOWN, None), status(exo.FeedState.LIVE)], False),
            ([status(exo.FeedState.LIVE), status(exo.FeedState.DOWN, None)], True),
            ([status(exo.FeedState.GAP), status(exo.FeedState.LIVE, None)], False),
        ):
            for word in words:
                d.on_status(word)
            await settled()
            assert made[0].last.stale is stale


@virtual
async def test_c16_gaps_since_the_last_look_are_counted() -> None:
    """Each time that the feed said data was missing, also if it is live again before anybody looked."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        assert made[0].last.gaps == 0
        for _ in range(3):
            d.on_status(status(exo.FeedState.GAP))
            d.on_quote(quote())
            d.on_status(status(exo.FeedState.LIVE))
        await settled()
        assert made[0].last.gaps == 3 and not made[0].last.stale
        assert made[0].last.span is not None and made[0].last.span.gaps == 3
        d.on_quote(quote())
        await settled()
        assert made[0].last.gaps == 0
        d.on_status(status(exo.FeedState.GAP, None))
        d.on_status(status(exo.FeedState.DOWN))
        await settled()
        assert made[0].last.gaps == 2 and made[0].last.stale


@virtual
async def test_c16_a_busy_order_learns_of_the_gaps_it_slept_through() -> None:
    """Its own update counts them, its neighbours had them one by one."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        if me is made[0]:
            await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        d.submit(buy())
        await asyncio.sleep(0.1)
        for _ in range(4):
            d.on_status(status(exo.FeedState.GAP))
            await settled()
            d.on_status(status(exo.FeedState.LIVE))
            await settled()
        await asyncio.sleep(5)
    assert [u.gaps for u in made[0].updates] == [0, 4]
    assert [u.gaps for u in made[1].updates] == [0] + [1, 0] * 4


@pytest.mark.parametrize(
    ("bid", "ask", "locked", "crossed"),
    [
        (10, 11, False, False),
        (10, 10, True, False),
        (11, 10, False, True),
        (None, 10, False, False),
        (10, None, False, False),
        (None, None, False, False),
        (0, 0, True, False),
        (-2, -1, False, False),
    ],
)
@virtual
async def test_c16_locked_crossed_empty_and_negative_quotes_are_states(
    bid: Any, ask: Any, locked: bool, crossed: bool
) -> None:
    """They are delivered as they are."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        d.on_quote(quote(bid, ask))
        await settled()
        got = made[0].last.quote
        assert got == quote(bid, ask) and len(d) == 1
        assert (got.locked, got.crossed) == (locked, crossed)
        assert isinstance(got.spread, type(D(0))) and isinstance(got.mid, type(D(0)))
        if crossed:
            assert got.spread < 0


@virtual
async def test_c16_an_unknown_size_is_none_and_stays_none() -> None:
    """Never 0, though the quotes before and after it had one; a size of 0 stays 0."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        sized = exo.Quote("A", D(1), D(5), D(2), D(6))
        unknown = exo.Quote("A", D(1), None, D(2), None)
        empty = exo.Quote("A", D(1), D(0), D(2), D(0))
        for q in (sized, unknown, empty, unknown, sized, unknown):
            d.on_quote(q)
            await settled()
            assert made[0].last.quote is q
        d.on_quote(sized)
        d.on_quote(unknown)
        await settled()
        last = made[0].last.quote
    assert last is not None
    assert (last.bid_size, last.ask_size) == (None, None)
    assert last.near(exo.Side.BUY) == (D(1), None) and last.far(exo.Side.BUY) == (D(2), None)


@pytest.mark.parametrize("bad", [{"bid_size": D(-1)}, {"ask_size": D("-0.1")}, {"bid_px": D("NaN")}, {"symbol": ""}])
def test_c16_a_negative_size_or_no_number_is_an_error(bad: dict[str, Any]) -> None:
    """That is no state of a market."""
    with pytest.raises(InvalidValue):
        exo.Quote(**({"symbol": "A", "bid_px": D(1), "bid_size": D(1), "ask_px": D(2), "ask_size": D(1)} | bad))


@pytest.mark.parametrize("qty", [D(0), D(-1), D("NaN"), D("Infinity"), None, 1.0])
def test_c16_a_trade_of_nothing_is_an_error(qty: Any) -> None:
    """Zero-quantity, negative or unknown."""
    with pytest.raises(InvalidValue):
        exo.Trade("A", D(1), qty)


@virtual
async def test_c16_the_span_tells_how_a_crossed_market_ranged() -> None:
    """Lowest and highest of each side by itself."""
    span = span_of(fold(fold(quote(10, 9), quote(8, 12)), quote(None, 7)))
    assert (span.bid_low, span.bid_high, span.ask_low, span.ask_high) == (D(8), D(10), D(7), D(12))


@pytest.mark.parametrize("field", ["bad", "symbol"])
@virtual
async def test_c16_what_is_no_tick_is_refused_and_disturbs_nobody(field: str) -> None:
    """At each entrance, with an error for who brought it; the next tick is served."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        for entrance in (d.on_quote, d.on_trade, d.on_report, d.on_status):
            with pytest.raises((exo.ExoError, AttributeError, TypeError)):
                entrance(None if field == "bad" else "A")
        d.on_quote(quote())
        d.on_trade(trade())
        await settled()
        assert made[0].quotes == 1 and len(d) == 1


@pytest.mark.parametrize("news", ["quotes", "facts"])
@live
async def test_c16_live_no_quote_is_younger_than_its_receipt(news: str) -> None:
    """An update that brings a quote from inside a slow turn was made after it: no age below 0, none far too low."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        if update.quote:
            ages.append((update.age_s, (clock.now_ns() - (update.quote.received_ns or 0)) / 1e9))
            time.sleep(0.003)
            if len(ages) < 8:
                d.on_quote(quote(2, 3, received_ns=clock.now_ns()))

    clock = current_clock()
    ages: list[tuple[Any, float]] = []
    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(8)]
        await settled()
        d.on_quote(quote(1, 2, received_ns=clock.now_ns()))
        if news == "facts":
            for x in ids:
                d.on_report(report(x))
        await asyncio.sleep(0.1)
    assert len(ages) >= 9
    assert min(told for told, _ in ages) >= 0, ages
    assert max(true - told for told, true in ages[:8]) < 0.015, ages


@live
async def test_c16_live_the_clock_of_ages_is_the_feeds() -> None:
    """One timeline for stamps and ages."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        d.on_quote(quote(received_ns=current_clock().now_ns()))
        d.deliver()
        age_s = made[0].last.age_s
    assert age_s is not None and 0 <= age_s < 0.2


class Feed:
    """A venue that does as it is told."""

    def subscribe(self, symbol: str) -> None: ...

    def unsubscribe(self, symbol: str) -> None: ...


@pytest.mark.parametrize("venue", [None, Feed()])
@virtual
async def test_c16_a_stale_symbol_is_stale_to_the_orders_that_come_later(venue: Feed | None) -> None:
    """Until its feed says otherwise, or has unsubscribed it: subscribed anew it begins without the old word."""
    made = Made(done_when_cancelled)
    async with exo.Dispatcher(made, venue) as d:
        d.on_status(status(exo.FeedState.DOWN))
        d.on_status(status(exo.FeedState.LIVE))
        x = d.submit(buy()).order_id
        d.on_status(status(exo.FeedState.GAP))
        d.cancel(x)
        await d.ended(x)
        d.submit(buy())
        await settled()
        assert made[1].last.stale is (venue is None)


@virtual
async def test_c16_what_a_feed_said_holds_as_long_as_it_is_subscribed() -> None:
    """A symbol whose last order left and that is wanted again at once keeps its quote and its status."""
    made = Made(done_when_cancelled)
    async with exo.Dispatcher(made, Feed()) as d:
        x = d.submit(buy()).order_id
        await settled()
        d.on_quote(quote(7))
        d.on_status(status(exo.FeedState.GAP))
        d.cancel(x)
        d.deliver()
        assert len(d) == 0
        d.submit(buy())
        await settled()
        assert made[1].last.quote.bid_px == 7 and made[1].last.stale
