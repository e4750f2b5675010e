"""C2: prices conflate, facts never."""

from __future__ import annotations

import asyncio
import decimal
import random
import threading
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exo
from exo.mkt import fold, span_of

from .helpers import D, Made, buy, done_when_cancelled, live, quote, report, settled, trade, until, virtual


@virtual
async def test_c02_quotes_conflate_to_the_latest() -> None:
    """A hundred quotes, one call, the last of them, and the range of all."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        for bid in [50, *range(1, 99), 20]:
            d.on_quote(quote(bid, bid + 100, rpt_seq=bid))
        await settled()
    first, update = made[0].updates
    assert first.quote is None and first.span is None and first.trade is None
    assert update.quote == quote(20, 120, rpt_seq=20)
    span = update.span
    assert span is not None and update.trade is None
    assert (span.quotes, span.bid_low, span.bid_high, span.ask_low, span.ask_high) == (100, D(1), D(98), D(101), D(198))
    assert (span.first_rpt_seq, span.last_rpt_seq) == (50, 20)


@virtual
async def test_c02_both_sides_of_a_quote_are_from_one_instant() -> None:
    """Whatever is conflated, bid and ask belong together, and so do their sequence numbers."""
    rng = random.Random(2)

    async def act(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(rng.random() / 100)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for _ in range(5):
            d.submit(buy())
        for i in range(500):
            d.on_quote(quote(i, i + 7, rpt_seq=i))
            if rng.random() < 0.3:
                await asyncio.sleep(rng.random() / 100)
    assert len(made.calls) > 100
    for _, update in made.calls:
        if update.quote is not None and update.quote.bid_px is not None and update.quote.ask_px is not None:
            assert update.quote.ask_px - update.quote.bid_px == 7
            assert update.quote.bid_px == update.quote.rpt_seq


@virtual
async def test_c02_an_empty_side_is_not_filled_with_an_older_one() -> None:
    """When the bid is gone it is gone, though an earlier quote of the same span had one."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        d.on_quote(quote(10, 11))
        d.on_quote(quote(None, 12))
        await settled()
    last = made[0].last
    assert last.quote is not None and last.span is not None
    assert (last.quote.bid_px, last.quote.ask_px) == (None, D(12))
    assert (last.span.bid_low, last.span.bid_high) == (D(10), D(10))


@virtual
async def test_c02_facts_mixed_during_a_suspended_act_arrive_once_in_order_in_the_next_call() -> None:
    """Instructions and reports keep the one order in which they came, prices between them conflate."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await asyncio.sleep(0.5)
        d.on_report(report(x, 1))
        d.on_quote(quote(1, 2))
        d.replace(buy(order_id=x, price=D(5)))
        d.on_report(report(x, 2))
        d.on_trade(trade())
        d.hold(x)
        d.on_report(report(x, 3))
        d.release(x)
        d.on_quote(quote(3, 4))
        d.cancel(x)
        d.on_report(report(x, 4))
        assert len(made[0].updates) == 1
        await asyncio.sleep(1)
        assert len(made[0].updates) == 2
    facts = [f.exec_id if isinstance(f, exo.Report) else f.msg_type.value for f in made[0].updates[1].facts]
    assert facts == ["1", "RPL", "2", "RPL", "3", "RPL", "CXL", "4"]
    second = made[0].updates[1]
    assert second.quote == quote(3, 4)
    assert second.span is not None and (second.span.quotes, second.span.trades) == (2, 1)
    assert [f for f in second.facts if isinstance(f, exo.Instruction)] == list(second.instructions)
    assert [f for f in second.facts if isinstance(f, exo.Report)] == list(second.reports)
    assert len(made[0].updates) == 2


@virtual
async def test_c02_equal_facts_are_not_taken_for_one() -> None:
    """Two reports that look alike are two reports, and so are two replaces."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        same = report(x, 1)
        for _ in range(3):
            d.on_report(same)
            d.replace(buy(order_id=x, price=D(5)))
        await settled()
    assert made[0].exec_ids == ["1"] * 3
    assert len(made[0].instructions) == 4


@virtual
async def test_c02_every_replace_is_delivered_and_the_desk_shows_the_latest() -> None:
    """Terms are facts too."""
    made = Made(lambda me, update: me.seen.append(me.desk.order.price) if hasattr(me, "seen") else None)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy(price=D(0))).order_id
        made[0].seen = []  # type: ignore[attr-defined]
        for px in range(1, 20):
            d.replace(buy(order_id=x, price=D(px)))
        await settled()
    assert [i.order.price for i in made[0].instructions] == [D(px) for px in range(20)]
    assert made[0].seen == [D(19)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["def", "async", "slow", "blocking"])
@virtual
async def test_c02_a_random_storm_loses_and_doubles_no_fact(kind: str) -> None:
    """Every kind of delegate gets every fact once in order, and spans that add up to what came."""
    rng = random.Random(kind)

    def plain(me: Any, update: exo.Update[Any]) -> Any:
        return done_when_cancelled(me, update)

    async def slow(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(rng.random() / 50 if kind == "slow" else 0)
        return done_when_cancelled(me, update)

    made = Made(plain if kind in ("def", "blocking") else slow, blocking=kind == "blocking")
    sent: dict[str, list[str]] = {}
    quotes: dict[str, int] = {}
    volume: dict[str, Decimal] = {}
    async with exo.Dispatcher(made) as d:
        for i in range(12):
            x = d.submit(buy(symbol="AB"[i % 2], order_id=f"X{i}")).order_id
            sent[x] = ["NEW"]
        live_ids = list(sent)
        for i in range(600):
            symbol = rng.choice("AB")
            mine = [x for x in live_ids if int(x[1:]) % 2 == "AB".index(symbol)]
            what = rng.random()
            if what < 0.4:
                d.on_quote(quote(i, i + 1, symbol=symbol))
                for x in mine:
                    quotes[x] = quotes.get(x, 0) + 1
            elif what < 0.6:
                d.on_trade(trade(qty=f"0.{i + 1}", symbol=symbol))
                for x in mine:
                    volume[x] = volume.get(x, D(0)) + D(f"0.{i + 1}")
            elif what < 0.8:
                x = rng.choice(live_ids)
                d.on_report(report(x, i))
                sent[x].append(str(i))
            else:
                x = rng.choice(live_ids)
                d.replace(buy(symbol="AB"[int(x[1:]) % 2], order_id=x, price=D(i)))
                sent[x].append(f"RPL{i}")
            if rng.random() < 0.3:
                await asyncio.sleep(0 if kind == "blocking" else rng.random() / 100)
        for x in live_ids:
            d.cancel(x)
            sent[x].append("CXL")
        await d.all_ended()
    for x, facts in sent.items():
        me = made.of(x)
        got = [
            f.exec_id if isinstance(f, exo.Report) else f.msg_type.value + (f"{f.order.price}" if f.order.price else "")
            for u in me.updates
            for f in u.facts
        ]
        got[-1] = "CXL"
        assert got == facts
        assert me.overlaps == me.late == 0
        assert me.quotes == quotes.get(x, 0)
        assert sum((u.trade.volume for u in me.updates if u.trade), D(0)) == volume.get(x, D(0))


@pytest.mark.parametrize("seed", range(6))
@virtual
async def test_c02_whatever_delegates_do_inside_act_nothing_is_lost_doubled_or_stale(seed: int) -> None:
    """They push ticks, facts and orders, hold, cancel, suspend, fail and end at random, all from inside their calls."""
    rng = random.Random(seed)
    newest: dict[str, exo.Quote] = {}
    pushed = {"A": 0, "B": 0}
    since: dict[str, int] = {}
    sent: dict[str, list[str]] = {}
    budget = [1500]

    def submit() -> None:
        symbol = rng.choice("AB")
        x = f"X{len(since)}"
        since[x], sent[x] = pushed[symbol], []
        d.submit(buy(symbol=symbol, order_id=x))

    def push() -> None:
        budget[0] -= 1
        symbol, x = rng.choice("AB"), rng.choice(list(since))
        what = rng.random()
        try:
            if what < 0.6:
                newest[symbol] = quote(budget[0], 9999, symbol=symbol)
                pushed[symbol] += 1
                d.on_quote(newest[symbol])
            elif what < 0.75:
                sent[x].append(f"{budget[0]}")
                d.on_report(report(x, budget[0]))
            elif what < 0.8:
                (d.hold if rng.random() < 0.5 else d.release)(x)
            elif what < 0.83 and len(since) < 60:
                submit()
            elif what < 0.84:
                d.cancel(x)
            else:
                d.deliver()
        except exo.ExoError:
            pass

    def body(me: Any, update: exo.Update[Any]) -> Any:
        while budget[0] > 0 and rng.random() < 0.4:
            push()
        if rng.random() < 0.005:
            raise ValueError("bad luck")
        return exo.DONE if me.desk.cancelled or rng.random() < 0.005 else None

    def act(me: Any, update: exo.Update[Any]) -> Any:
        assert update.quote is None or update.quote is newest[update.symbol], "stale"
        assert not me.desk.held or update.facts, "a held order is called for facts only"
        if len(made.calls) % 3:
            return body(me, update)
        return later(me, update)

    async def later(me: Any, update: exo.Update[Any]) -> Any:
        if rng.random() < 0.7:
            await asyncio.sleep(rng.choice([0, 0, 0.001, 0.01]))
        return body(me, update)

    made = Made(act)
    orphans: list[str] = []
    async with exo.Dispatcher(made, on_orphan=lambda r: orphans.append(f"{r.exec_id}"), turn_calls=20) as d:
        for _ in range(15):
            submit()
        while budget[0] > 0:
            push()
            await asyncio.sleep(rng.choice([0, 0.001]))
        await asyncio.sleep(10)
        for me in made.all:
            x, symbol = me.desk.order_id, me.desk.order.symbol
            outcome = d.outcome(x)
            undelivered = [f.exec_id for f in outcome.undelivered if isinstance(f, exo.Report)] if outcome else []
            assert outcome is None or outcome.error in ("", "ValueError: bad luck"), outcome.traceback
            assert me.exec_ids + undelivered + [e for e in sent[x] if e in orphans] == sent[x]
            assert me.overlaps == me.late == 0
            if outcome is None and not me.desk.held:
                assert me.quotes == pushed[symbol] - since[x]
            else:
                assert me.quotes <= pushed[symbol] - since[x]
        assert 0 < len(d) < len(since)


@virtual
async def test_c02_the_spans_of_each_order_add_up_to_all_that_passed() -> None:
    """However differently orders of one symbol look, none misses a tick or sees one twice."""
    rng = random.Random(22)

    async def act(me: Any, update: exo.Update[Any]) -> None:
        for _ in range(rng.randrange(4)):
            await asyncio.sleep(rng.choice([0, 0.001, 0.01, 0.3]))

    made = Made(act)
    ticks: list[Any] = []
    since: list[int] = []
    async with exo.Dispatcher(made) as d:
        for i in range(1500):
            if i % 50 == 0:
                await settled()
                d.submit(buy())
                since.append(len(ticks))
            tick: Any = trade(rng.randrange(1, 99), i + 1) if rng.random() < 0.3 else quote(rng.randrange(99), 100)
            ticks.append(tick)
            d.on_trade(tick) if isinstance(tick, exo.Trade) else d.on_quote(tick)
            if rng.random() < 0.5:
                await asyncio.sleep(rng.choice([0, 0, 0.001, 0.02]))
        await asyncio.sleep(100)
    for me, start in zip(made.all, since, strict=True):
        spans = [u.passed for u in me.updates if u.passed is not None]
        seen, whole = spans[0], ticks[start]
        for span in spans[1:]:
            seen = fold(seen, span)
        for tick in ticks[start + 1 :]:
            whole = fold(whole, tick)
        assert span_of(seen) == span_of(whole)


def test_c02_a_span_holds_what_a_plain_count_of_the_ticks_gives() -> None:
    """The fold against a reference that keeps every tick."""
    rng = random.Random(3)
    ticks: list[Any] = []
    for i in range(300):
        at, seq = 1000 + i, i
        if rng.random() < 0.5:
            bid = rng.choice([None, rng.randrange(50)])
            ask = rng.choice([None, rng.randrange(50, 99)])
            ticks.append(quote(bid, ask, received_ns=at, rpt_seq=seq))
        elif rng.random() < 0.9:
            side = rng.choice([None, exo.Side.BUY, exo.Side.SELL])
            ticks.append(
                trade(rng.randrange(1, 9), f"{rng.randrange(1, 9)}.{i}", aggressor=side, received_ns=at, rpt_seq=seq)
            )
        else:
            ticks.append(exo.FeedStatus(state=rng.choice(list(exo.FeedState)), symbol="A"))
    span: Any = ticks[0]
    for tick in ticks[1:]:
        span = fold(span, tick)
    quotes = [t for t in ticks if isinstance(t, exo.Quote)]
    trades = [t for t in ticks if isinstance(t, exo.Trade)]
    statuses = [t for t in ticks if isinstance(t, exo.FeedStatus)]
    bids = [q.bid_px for q in quotes if q.bid_px is not None]
    asks = [q.ask_px for q in quotes if q.ask_px is not None]
    assert (span.quotes, span.trades, span.statuses, span.ticks) == (len(quotes), len(trades), len(statuses), 300)
    assert (span.bid_low, span.bid_high, span.ask_low, span.ask_high) == (min(bids), max(bids), min(asks), max(asks))
    assert (span.first_received_ns, span.last_received_ns) == (quotes[0].received_ns, quotes[-1].received_ns)
    assert (span.first_rpt_seq, span.last_rpt_seq) == (quotes[0].rpt_seq, quotes[-1].rpt_seq)
    t = span.trade
    assert (t.first_px, t.last_px, t.last_qty) == (trades[0].last_px, trades[-1].last_px, trades[-1].last_qty)
    assert (t.high_px, t.low_px) == (max(x.last_px for x in trades), min(x.last_px for x in trades))
    assert t.volume == sum(x.last_qty for x in trades)
    assert t.notional == sum(x.last_qty * x.last_px for x in trades)
    for side, vol, notional in (
        (exo.Side.BUY, t.buy_volume, t.buy_notional),
        (exo.Side.SELL, t.sell_volume, t.sell_notional),
    ):
        mine = [x for x in trades if x.aggressor is side]
        assert vol == sum(x.last_qty for x in mine)
        assert notional == sum(x.last_qty * x.last_px for x in mine)
    assert (t.first_rpt_seq, t.last_rpt_seq) == (trades[0].rpt_seq, trades[-1].rpt_seq)


_px = st.none() | st.decimals(-1000, 1000, places=4)
_stamp = st.none() | st.integers(0, 1000)
_ticks = st.one_of(
    st.builds(lambda b, a, at, seq: exo.Quote("A", b, None, a, None, at, seq), _px, _px, _stamp, _stamp),
    st.builds(
        lambda px, qty, side, at, seq: exo.Trade("A", px, qty, side, at, seq),
        st.decimals(-(10**20), 10**20, places=8),
        st.decimals("1e-18", 10**20, places=18).filter(bool),
        st.sampled_from([None, *exo.Side]),
        _stamp,
        _stamp,
    ),
    st.builds(lambda state: exo.FeedStatus(state=state, symbol="A"), st.sampled_from(list(exo.FeedState))),
)


def _folded(ticks: list[Any], rng: random.Random) -> Any:
    if len(ticks) == 1:
        return ticks[0]
    cut = rng.randrange(1, len(ticks))
    return fold(_folded(ticks[:cut], rng), _folded(ticks[cut:], rng))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(_ticks, min_size=2, max_size=12), st.integers(0, 999))
def test_c02_folding_in_any_grouping_gives_the_same_span(ticks: list[Any], seed: int) -> None:
    """Associative and exact, for any ticks."""
    left: Any = ticks[0]
    for tick in ticks[1:]:
        left = fold(left, tick)
    assert _folded(ticks, random.Random(seed)) == left


@virtual
async def test_c02_a_users_decimal_context_cannot_reach_the_sums() -> None:
    """Not the feed's, not a delegate's: neither its precision nor its traps."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        decimal.getcontext().prec = 1
        decimal.getcontext().traps[decimal.Inexact] = True

    made = Made(act)
    with decimal.localcontext(decimal.Context(prec=2, traps=[])):
        async with exo.Dispatcher(made) as d:
            d.submit(buy())
            await settled()
            d.on_trade(trade("99999999.99999999", "0.00000000000000000001"))
            d.on_trade(trade("100000000", "123456789012345678"))
            d.on_trade(trade("0.00000001", "0.1"))
            await settled()
    got = made[0].last.trade
    assert got is not None
    assert got.volume == D("123456789012345678.10000000000000000001")
    exact = decimal.Context(prec=200)
    products = [
        exact.multiply(D("99999999.99999999"), D("0.00000000000000000001")),
        D("12345678901234567800000000"),
        D("0.000000001"),
    ]
    assert got.notional == exact.add(products[0], exact.add(products[1], products[2]))


def test_c02_small_trades_are_not_lost_in_large_sums() -> None:
    """A running total of 28 digits would lose them."""
    span: Any = trade(1, "1e30")
    for _ in range(1000):
        span = fold(span, trade(1, "1e-20"))
    assert span.trade.volume == D("1000000000000000000000000000000.00000000000000001")


def test_c02_runs_of_different_symbols_do_not_fold() -> None:
    """A span is of one symbol."""
    for a, b in ((quote(), quote(symbol="B")), (trade(), trade(symbol="B")), (trade(), quote(symbol="B"))):
        with pytest.raises(exo.ExoError, match="B"):
            fold(a, b)


@virtual
async def test_c02_a_new_order_starts_with_the_latest_quote_and_nothing_that_passed_before() -> None:
    """It was not there to look."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        for i in range(5):
            d.on_quote(quote(i, 9))
        await settled()
        d.submit(buy())
        await settled()
        d.on_quote(quote(5, 9))
        await settled()
    first, second = made[1].updates
    assert first.quote == quote(4, 9)
    assert first.span is None and first.facts
    assert second.span is not None and second.span.quotes == 1


@live
async def test_c02_facts_from_a_thread_keep_their_order() -> None:
    """Every report of each thread, once and in its order, while the loop does something else."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id

        def feed(name: int) -> None:
            for i in range(300):
                d.on_report(report(x, f"{name}-{i}"))
                d.on_quote(quote(i, i + 7))

        threads = [threading.Thread(target=feed, args=(n,)) for n in range(3)]
        for t in threads:
            t.start()
        await until(lambda: len(made[0].exec_ids) == 900 and made[0].quotes == 900)
        for t in threads:
            t.join()
    for n in range(3):
        assert [e for e in made[0].exec_ids if e and e.startswith(f"{n}-")] == [f"{n}-{i}" for i in range(300)]
    assert all(u.quote.ask_px - u.quote.bid_px == 7 for u in made[0].updates if u.quote)


def test_c02_a_span_can_be_taken_out_and_read_as_json() -> None:
    """What passed is a value as any other: no context, no loss."""
    span = fold(trade(1, "1e30"), trade(1, "1e-20"))
    data = msgspec.json.decode(msgspec.json.encode(span))
    assert D(data["trade"]["volume"]) == span_of(span).trade.volume  # type: ignore[union-attr]
