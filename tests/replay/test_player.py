"""The player: ticks at their times, and orders that are all accounted for."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

import pytest

import exo
from exo.delegates import FarOrder, Fill, TakeFar
from exo.errors import InvalidValue
from exo.replay import Account, Arrivals, Fate, NoQuotes, TickFile, play, replay, survey

START_NS = 1_723_161_254_087_891_268


def quote(after_ns: int, symbol: str = "A", bid: str = "42", ask: str = "43", size: str | None = "5") -> exo.Quote:
    sized = None if size is None else Decimal(size)
    return exo.Quote(symbol, Decimal(bid), sized, Decimal(ask), sized, received_ns=START_NS + after_ns)


def trade(after_ns: int, symbol: str = "A") -> exo.Trade:
    return exo.Trade(symbol, Decimal(42), Decimal(1), received_ns=START_NS + after_ns)


class Looker:
    """Notes what it sees; done when cancelled."""

    fills: Sequence[Fill] = ()

    def __init__(self, desk: exo.Desk[FarOrder], seen: list[exo.Update[FarOrder]]) -> None:
        self.desk = desk
        self.seen = seen

    def act(self, update: exo.Update[FarOrder]) -> exo.Next:
        self.seen.append(update)
        return exo.DONE if self.desk.cancelled else None

    def clean_up(self) -> None: ...


def test_every_tick_is_delivered_at_its_own_nanosecond():
    """Virtual time moves on to each."""
    ticks = [quote(after_ns) for after_ns in (0, 1, 7, 100_000_000, 100_000_001, 86_400_000_000_003)]
    seen: list[exo.Update[FarOrder]] = []
    replay(ticks, orders=1, factory=lambda desk: Looker(desk, seen), seed=0)
    assert len(seen) > 1
    assert all(update.quote is not None and update.now_ns == update.quote.received_ns for update in seen)


def test_ticks_of_one_time_are_one_delivery():
    """An order sees them folded."""
    ticks = [quote(0), quote(5), trade(5), quote(5, bid="41"), quote(9)]

    async def run() -> list[exo.Update[FarOrder]]:
        seen: list[exo.Update[FarOrder]] = []
        async with exo.Dispatcher(lambda desk: Looker(desk, seen)) as dispatcher:
            dispatcher.submit(FarOrder(side=exo.Side.BUY, symbol="A", order_qty=Decimal(1)))
            await play(ticks, dispatcher)
        return seen

    seen = exo.run_virtually(run(), start_ns=START_NS)
    assert [update.span and update.span.ticks for update in seen] == [1, 3, 1]
    assert seen[1].quote == ticks[3]


def test_ticks_whose_time_has_passed_are_put_in_at_once():
    """A player does not wait for the past."""

    async def run() -> float:
        async with exo.Dispatcher(TakeFar) as dispatcher:
            await play([quote(0), quote(1_000_000_000)], dispatcher)
            assert dispatcher.totals.ticks == 2
            return asyncio.get_running_loop().time()

    assert exo.run_virtually(run(), start_ns=START_NS + 5_000_000_000) == 0


def test_orders_are_spread_evenly_over_the_symbols():
    """And numbered from 1."""
    account = replay([quote(0, "A"), quote(0, "B"), quote(1, "A"), trade(2, "C")], orders=11)
    assert [line.order_id for line in account.lines] == [f"{number:02}" for number in range(1, 12)]
    assert {symbol: sums.orders for symbol, sums in account.symbols.items()} == {"A": 6, "B": 5}
    assert sum(account.fates.values()) == 11


def test_an_order_sees_the_quote_it_arrives_with():
    """Even the only one its symbol ever has."""
    account = replay([quote(0, "A"), quote(1, "B")], orders=40)
    assert all(line.fills for line in account.lines if line.price is None)


def test_terms_are_drawn_about_the_quote():
    """Quantities by what is displayed, limits by the far price, both in its steps."""
    account = replay([quote(0, bid="9999.5", ask="10000.0", size="2.5")], orders=200)
    assert {line.side for line in account.lines} == set(exo.Side)
    for line in account.lines:
        assert 0 < line.order_qty <= 10
        assert line.order_qty % Decimal("0.1") == 0
        if line.price is not None:
            assert 9985 < line.price < 10015
            assert line.price % Decimal("0.5") in (0, Decimal("0.1"), Decimal("0.2"), Decimal("0.3"), Decimal("0.4"))


def test_unknown_sizes_fill_nothing():
    """Every order is cancelled at the end."""
    account = replay([quote(0, size=None), quote(5, size=None)], orders=7)
    assert account.fates[Fate.CANCELLED] == 7
    assert all(line.ended_ns == START_NS + 5 and line.notional == 0 for line in account.lines)


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others():
    """The whole account."""
    ticks = [quote(n * 1_000) for n in range(50)]
    assert replay(ticks, orders=20, seed=3).to_json() == replay(ticks, orders=20, seed=3).to_json()
    assert replay(ticks, orders=20, seed=3).to_json() != replay(ticks, orders=20, seed=4).to_json()


def test_a_delegate_that_fails_is_accounted_for():
    """With its error, and alone."""

    def staff(desk: exo.Desk[FarOrder]) -> TakeFar:
        if desk.order_id == "2":
            return type("Failing", (TakeFar,), {"act": lambda self, update: 1 / 0})(desk)
        return TakeFar(desk)

    account = replay([quote(0, size="1000")], orders=3, factory=staff)
    assert [line.fate is Fate.FAILED for line in account.lines] == [False, True, False]
    assert account.lines[1].error == "ZeroDivisionError: division by zero"


def test_a_delegate_that_does_not_end_is_stopped_after_a_minute():
    """And accounted for as well."""

    class Deaf(TakeFar):
        def act(self, update: exo.Update[FarOrder]) -> exo.Next:
            return None

    account = replay([quote(0)], orders=2, factory=Deaf)
    assert account.fates[Fate.STOPPED] == 2
    assert account.lines[0].ended_ns == START_NS + 60_000_000_000


@pytest.mark.parametrize("ticks", [[], [trade(0)]])
def test_ticks_without_a_quote_are_refused(ticks):
    """No order could arrive."""
    with pytest.raises(NoQuotes, match="there are no quotes to replay"):
        replay(ticks, orders=1)


def test_ticks_out_of_order_or_without_a_time_are_refused():
    """Before any is played."""
    with pytest.raises(InvalidValue, match=r"tick 2 no earlier than \d+, got \d+ at \$\.receivedNs"):
        replay([quote(1), quote(0)], orders=1)
    with pytest.raises(InvalidValue, match=r"when tick 1 was received, got null at \$\.receivedNs"):
        replay([exo.Quote("A", None, None, None, None)], orders=1)


def test_empty_sides_and_prices_below_zero_are_replayed():
    """They are states of a market."""
    empty = exo.Quote("A", None, None, None, None, received_ns=START_NS)
    account = replay([empty, quote(1, bid="-3", ask="-2"), quote(2, bid="0", ask="0", size="0")], orders=60)
    assert len(account.lines) == 60
    assert {line.price is None or line.price < 1 for line in account.lines} == {True}


def expected(ticks: list[exo.Quote | exo.Trade], orders: int, seed: int) -> dict[str, list[Fill]]:
    """The paper fills of every order, worked out without a container: the latest quote of each time, order by order."""
    arrivals = Arrivals(survey(ticks), orders, seed)
    fills: dict[str, list[Fill]] = {}
    open_orders: defaultdict[str, list[FarOrder]] = defaultdict(list)
    for _, batch in groupby(ticks, lambda tick: tick.received_ns):
        latest: dict[str, exo.Quote] = {}
        for tick in batch:
            if isinstance(tick, exo.Quote):
                latest[tick.symbol] = tick
                for order in arrivals.with_quote(tick):
                    open_orders[order.symbol].append(order)
                    fills[str(order.order_id)] = []
        for symbol, quote in latest.items():
            for order in open_orders[symbol]:
                mine = fills[str(order.order_id)]
                px, size = quote.far(order.side)
                left = order.order_qty - sum(fill.qty for fill in mine)
                if left and size and px is not None and order.side.within(order.price, px):
                    mine.append(Fill(min(left, size), px))
    return fills


@pytest.mark.parametrize("name", ["bitmex_20210722", "cme_es_mbp1_20240701", "coinbase_20210417"])
def test_the_fills_are_those_of_a_plain_loop(shared, name):
    """Order by order, on recorded ticks."""
    file = TickFile(shared / "data" / "ticks" / f"{name}.shared.csv.gz")
    account = replay(file, orders=300, seed=9)
    fills = expected(list(file), 300, 9)
    assert len(fills) == len(account.lines) == 300
    for line in account.lines:
        mine = fills[line.order_id]
        assert line.fills == len(mine)
        assert line.cum_qty == sum(fill.qty for fill in mine)
        assert line.notional == sum(fill.qty * fill.px for fill in mine)


def test_an_account_adds_up(shared):
    """Symbols are the sums of their lines, and fates those of all."""
    account: Account = replay(TickFile(shared / "data" / "ticks" / "bitmex_20210722.shared.csv.gz"), orders=100)
    for symbol, sums in account.symbols.items():
        lines = [line for line in account.lines if line.symbol == symbol]
        assert sums.orders == len(lines)
        assert sums.bought_qty + sums.sold_qty == sum(line.cum_qty for line in lines)
        assert sums.bought_notional + sums.sold_notional == sum(line.notional for line in lines)
    for line in account.lines:
        filled = {Fate.FILLED: line.cum_qty == line.order_qty, Fate.CANCELLED: line.cum_qty == 0}
        assert filled.get(line.fate, 0 < line.cum_qty < line.order_qty)
