"""Delegates of all kinds under a flood: nothing lost, nothing twice, order kept, and who raises fails alone."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

import exo
from exo.errors import InstructionRefused, UnknownOrder
from exo.flow import current_clock, seeded
from exo.mkt.span import Tick
from exo.run import End
from exo.run.board import Point

from .support import Wanted, extent, live, quote, report, told, trade, virtually, wanted
from .world import Boom, summary

KINDS = ["def", "def", "def", "async", "suspending", "slow", "pushing", "waking", "done", "raising", "nonsense", "late"]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Failing orders are logged with their tracebacks; here they are meant to fail."""
    logging.getLogger("exo.run").disabled = True
    yield
    logging.getLogger("exo.run").disabled = False


class Ledger:
    """Everything that was pushed and everything that was seen; `balance` compares them afterwards."""

    def __init__(self, **options: Any) -> None:
        self.tape: dict[str, list[Tick]] = {}
        self.seen: dict[str, list[exo.Update[Any]]] = {}
        self.since: dict[str, int] = {}
        self.accepted: dict[str, list[tuple[Any, ...]]] = {}
        self.symbol: dict[str, str] = {}
        self.kind: dict[str, str] = {}
        self.failing: set[str] = set()
        self.done: set[str] = set()
        self.cleaned: dict[str, int] = {}
        self.acting: set[str] = set()
        self.problems: list[str] = []
        self.serial = itertools.count()
        self.inside = False
        self.d: exo.Dispatcher[Wanted] = exo.Dispatcher(self.factory, **({"hog_s": None} | options))

    def factory(self, desk: exo.Desk[Wanted]) -> Any:
        kind = self.kind[desk.order_id]
        return MAKERS.get(kind, Seeing)(self, desk, kind)

    def submit(self, order_id: str, symbol: str, kind: str) -> None:
        self.kind[order_id], self.symbol[order_id] = kind, symbol
        self.since[order_id] = len(self.tape.setdefault(symbol, []))
        self.seen[order_id], self.cleaned[order_id] = [], 0
        order = wanted(order_id, symbol)
        self.accepted[order_id] = [("NEW", None, order)]
        self.d.submit(order)

    def push(self, tick: Any) -> None:
        self.tape.setdefault(tick.symbol, []).append(tick)
        (self.d.on_quote if isinstance(tick, exo.Quote) else self.d.on_trade)(tick)

    def report(self, order_id: str) -> None:
        number = next(self.serial)
        if order_id not in self.done and order_id not in self.failing:
            self.accepted[order_id].append(("report", str(number)))
        self.d.on_report(report(order_id, number))

    def replace(self, order_id: str) -> None:
        terms = wanted(order_id, self.symbol[order_id], next(self.serial))
        try:
            self.d.replace(terms)
        except (UnknownOrder, InstructionRefused):
            return
        self.accepted[order_id].append(("RPL", None, terms))

    def begin(self, order_id: str, update: exo.Update[Any]) -> int:
        if order_id in self.acting or self.cleaned[order_id]:
            self.problems.append(f"{order_id} was called in mid-call or after its end")
        self.acting.add(order_id)
        self.seen[order_id].append(update)
        return len(self.seen[order_id])

    def end(self, order_id: str) -> None:
        self.acting.discard(order_id)

    def pending(self, order_id: str) -> bool:
        delivered = sum(len(update.facts) for update in self.seen[order_id])
        return len(self.accepted[order_id]) > delivered

    def behind(self, order_id: str) -> int:
        if self.d.outcome(order_id) is not None:
            return 0
        seen = sum(update.span.ticks for update in self.seen[order_id] if update.span)
        return len(self.tape[self.symbol[order_id]]) - self.since[order_id] - seen + self.pending(order_id)

    def balance(self) -> None:
        """Facts once and in order; the spans of an order partition the ticks since it came; quotes the latest."""
        assert not self.problems, self.problems[:3]
        known: dict[tuple[str, int, int], Any] = {}
        latest = {symbol: _latest(tape) for symbol, tape in self.tape.items()}
        for order_id, updates in self.seen.items():
            outcome = self.d.outcome(order_id)
            assert outcome is not None
            symbol, at = self.symbol[order_id], self.since[order_id]
            tape = self.tape[symbol]
            facts = [summary(fact) for update in updates for fact in update.facts]
            assert facts + [summary(fact) for fact in outcome.undelivered] == self.accepted[order_id], order_id
            for update in updates:
                assert update.passed is not None or update.facts or update.woken, f"{order_id}: a call without news"
                if update.span is not None:
                    key = (symbol, at, at + update.span.ticks)
                    if key not in known:
                        known[key] = extent(tape[key[1] : key[2]])
                    assert told(update.span) == known[key], order_id
                    at = key[2]
                assert update.quote is latest[symbol][at], order_id
            end = End.FAILED if order_id in self.failing else End.DONE if order_id in self.done else End.STOPPED
            assert outcome.end is end, f"{order_id}, {self.kind[order_id]}: {outcome.end} {outcome.error}"
            if end is End.DONE:
                assert not outcome.undelivered
            assert self.cleaned[order_id] == 1, order_id
        totals = self.d.totals
        assert totals.updates == sum(map(len, self.seen.values()))
        assert totals.failed == len(self.failing)
        assert totals.submitted == totals.ended == len(self.seen)
        assert totals.ticks == sum(map(len, self.tape.values()))


def _latest(tape: list[Tick]) -> list[exo.Quote | None]:
    latest: list[exo.Quote | None] = [None]
    for tick in tape:
        latest.append(tick if isinstance(tick, exo.Quote) else latest[-1])
    return latest


class Seeing:
    """A plain delegate; kinds `done`, `raising`, `nonsense` end at some call."""

    def __init__(self, ledger: Ledger, desk: exo.Desk[Wanted], kind: str) -> None:
        self.ledger, self.desk, self.kind = ledger, desk, kind
        self.order_id = desk.order_id
        self.last = 3 + sum(map(ord, self.order_id)) % 40

    def act(self, update: exo.Update[Wanted]) -> Any:
        call = self.ledger.begin(self.order_id, update)
        if self.kind == "pushing" and call % 5 == 1 and call < 60:
            self.push(call)
        if self.kind == "waking" and call % 3 == 1 and call < 90:
            self.desk.wake_in(0.0007)
        return self.answer(call)

    def push(self, call: int) -> None:
        """In mid-sweep: a fact for another order, one for itself, and a tick."""
        others = sorted(self.ledger.seen)
        self.ledger.report(others[call * 31 % len(others)])
        self.ledger.replace(self.order_id)
        self.ledger.push(quote(call, self.ledger.symbol[self.order_id]))

    def answer(self, call: int) -> Any:
        ledger = self.ledger
        ledger.end(self.order_id)
        if call >= self.last and self.kind in ("raising", "late", "blocking raising"):
            ledger.failing.add(self.order_id)
            raise Boom(self.order_id)
        if call >= self.last and self.kind == "nonsense":
            ledger.failing.add(self.order_id)
            return "nonsense"
        if call >= self.last and self.kind == "done":
            if not ledger.pending(self.order_id):
                ledger.done.add(self.order_id)
            return exo.DONE
        return None

    def clean_up(self) -> None:
        self.ledger.cleaned[self.order_id] += 1


class Later(Seeing):
    """Kinds `async` (never suspends), `suspending`, `slow` and `late` (raises after it suspended)."""

    async def act(self, update: exo.Update[Wanted]) -> Any:  # type: ignore[override]
        call = self.ledger.begin(self.order_id, update)
        before = asyncio.current_task()
        if self.kind == "slow":
            await asyncio.sleep(0.02)
        elif self.kind != "async":
            for _ in range(call % 4):
                await asyncio.sleep(0.0004 * (call % 3))
        if asyncio.current_task() is not before:
            self.ledger.problems.append("the current task changed")
        return self.answer(call)


class Blocking(Seeing):
    """Runs in a thread and sleeps there a moment."""

    blocking = True

    def act(self, update: exo.Update[Wanted]) -> Any:
        call = self.ledger.begin(self.order_id, update)
        if threading.current_thread() is threading.main_thread():
            self.ledger.problems.append("a blocking delegate on the loop's thread")
        time.sleep(0.0003)
        return self.answer(call)


MAKERS: dict[str, Callable[..., Any]] = {
    "async": Later,
    "suspending": Later,
    "slow": Later,
    "late": Later,
    "blocking": Blocking,
    "blocking raising": Blocking,
}


def populate(ledger: Ledger, orders: int, symbols: list[str], kinds: list[str]) -> None:
    for number in range(orders):
        ledger.submit(f"{number:03}", symbols[number % len(symbols)], kinds[number % len(kinds)])


def burst(ledger: Ledger, chance: Random, symbols: list[str], ticks: int, facts: int) -> None:
    """Ticks and facts as a feed's read brings them."""
    ids = sorted(ledger.seen)
    for _ in range(ticks):
        symbol = chance.choice(symbols)
        px = chance.randrange(-50, 500)
        ledger.push(trade(px, symbol, chance.randrange(1, 9)) if chance.random() < 0.4 else quote(px, symbol))
    for _ in range(facts):
        order_id = chance.choice(ids)
        if chance.random() < 0.7:
            ledger.report(order_id)
        else:
            ledger.replace(order_id)


async def flooded(ledger: Ledger, seed: int, orders: int, bursts: int, ticks: int, kinds: list[str]) -> None:
    chance = seeded(seed)
    symbols = [f"S{number}" for number in range(6)]
    async with ledger.d as d:
        populate(ledger, orders, symbols, kinds)
        coming = orders
        for number in range(bursts):
            burst(ledger, chance, symbols, ticks, ticks // 6)
            if number % 10 == 0:
                ledger.submit(f"{coming:03}", chance.choice(symbols), chance.choice(kinds))
                coming += 1
            match chance.randrange(4):
                case 0:
                    d.deliver()
                case 1:
                    await asyncio.sleep(0)
                case _:
                    await asyncio.sleep(chance.choice([0.0002, 0.001, 0.005]))
        await asyncio.sleep(10)
        assert not ledger.acting
        assert {order_id: behind for order_id in ledger.seen if (behind := ledger.behind(order_id))} == {}
    ledger.balance()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("turn_calls", [4096, 7])
def test_a_mixed_flood_in_virtual_time_loses_and_doubles_nothing(seed: int, turn_calls: int):
    """200 orders of twelve kinds, 8,000 ticks and 1,300 facts from outside, more from within the calls."""
    virtually(flooded(Ledger(turn_calls=turn_calls), seed, 200, 80, 100, KINDS))


def test_a_mixed_flood_with_threads_loses_and_doubles_nothing():
    """The same with blocking delegates among them, one of which raises."""
    kinds = [*KINDS, "blocking", "blocking raising"]
    virtually(flooded(Ledger(threads=3), 3, 42, 40, 60, kinds))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(10))
def test_a_mixed_flood_at_length_loses_and_doubles_nothing(seed: int):
    """1,000 orders and 100,000 ticks."""
    virtually(flooded(Ledger(), seed, 1000, 500, 200, KINDS))


def test_c11_a_flood_leaves_no_points_behind():
    """After 20,000 ticks to 60 orders that all see them in sweeps and calls of their own, no history is kept."""

    async def program() -> None:
        gc.collect()
        before = sum(type(thing) is Point for thing in gc.get_objects())
        ledger = Ledger()
        most = 0
        async with ledger.d as d:
            populate(ledger, 60, ["A", "B"], ["def", "async", "suspending"])
            for number in range(200):
                for _ in range(100):
                    d.on_quote(quote(number, "AB"[number % 2]))
                if number % 3:
                    d.deliver()
                else:
                    await asyncio.sleep(0.001)
                if number % 40 == 39:
                    for updates in ledger.seen.values():
                        updates.clear()
                    gc.collect()
                    most = max(most, sum(type(thing) is Point for thing in gc.get_objects()) - before)
        assert most <= 2 * 60 + 2 * 64 + 4

    virtually(program())


def test_a_mixed_flood_from_other_threads_loses_and_doubles_nothing():
    """On a real loop, two feeds push ticks and reports from threads of their own while the owner replaces."""

    async def program() -> None:
        ledger = Ledger(threads=4)
        symbols = ["A", "B", "C", "D"]
        kinds = ["def", "async", "suspending", "waking", "blocking", "done", "raising", "nonsense", "late"]
        steady_ones = ["def", "async", "suspending", "waking", "blocking"]
        async with ledger.d:
            populate(ledger, 60, symbols, kinds)
            reported = [order_id for order_id, kind in ledger.kind.items() if kind in steady_ones]
            await asyncio.sleep(0)

            def feed(mine: list[str], orders: list[str], seed: int) -> None:
                chance = seeded(seed)
                for number in range(2500):
                    ledger.push(
                        trade(chance.randrange(99), chance.choice(mine))
                        if chance.random() < 0.4
                        else quote(chance.randrange(99), chance.choice(mine))
                    )
                    if number % 10 == 0:
                        ledger.report(chance.choice(orders))
                    if number % 250 == 0:
                        time.sleep(0.001)

            feeds = [
                threading.Thread(target=feed, args=(symbols[:2], reported[::2], 1)),
                threading.Thread(target=feed, args=(symbols[2:], reported[1::2], 2)),
            ]
            for each in feeds:
                each.start()
            while any(each.is_alive() for each in feeds):
                await asyncio.sleep(0.001)
            for each in feeds:
                each.join()
            while any(ledger.behind(order_id) for order_id in ledger.seen) or ledger.acting:
                await asyncio.sleep(0.002)
        ledger.balance()

    live(program(), 30)


class Called:
    """Keeps the calls of all orders; with `then` it does something in a call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.then: Callable[[str, exo.Update[Any]], Any] = lambda order_id, update: None

    def factory(self, desk: exo.Desk[Wanted]) -> Any:
        calls = self

        class Delegate:
            def act(self, update: exo.Update[Wanted]) -> Any:
                calls.calls.append((desk.order_id, len(update.facts)))
                return calls.then(desk.order_id, update)

            def clean_up(self) -> None: ...

        return Delegate()


@pytest.mark.parametrize("pusher", ["0", "300", "555", "998"])
@pytest.mark.parametrize("news", ["fact", "price"])
def test_c05_what_is_pushed_in_mid_sweep_reaches_the_next_call(pusher: str, news: str):
    """One of a thousand orders that are swept pushes a report, and its order is called next; or a newer quote, and
    whoever is called next sees that.
    """

    async def program() -> None:
        called = Called()
        quotes: list[int] = []

        def then(order_id: str, update: exo.Update[Any]) -> None:
            assert update.quote is not None
            quotes.append(int(update.quote.bid_px or 0))
            if order_id == pusher and quotes[-1] == 1:
                d.on_report(report("999")) if news == "fact" else d.on_quote(quote(2))

        async with exo.Dispatcher(called.factory, hog_s=None) as d:
            for number in range(1000):
                d.submit(wanted(f"{number}"))
            while d.deliver():
                pass
            called.calls.clear()
            called.then = then
            d.on_quote(quote(1))
            while d.deliver():
                pass
            at = called.calls.index((pusher, 0))
            if news == "fact":
                assert called.calls[at + 1] == ("999", 1)
                assert sorted(order_id for order_id, _ in called.calls) == sorted(map(str, range(1000)))
            else:
                assert quotes == [1] * (at + 1) + [2] * 1000

    virtually(program())


def test_c05_a_fact_overtakes_the_prices_of_orders_that_were_busy():
    """Many orders come back from a wait and have missed prices; a fact that one of them pushes is delivered next."""

    async def program() -> None:
        called = Called()
        pushed: list[int] = []

        async def wait(order_id: str) -> None:
            await asyncio.sleep(1)

        def then(order_id: str, update: exo.Update[Any]) -> Any:
            if update.quote is not None and update.quote.bid_px == 1 and order_id != "last":
                return wait(order_id)
            if update.quote is not None and update.quote.bid_px == 2 and not pushed:
                pushed.append(len(called.calls))
                d.on_report(report("last"))
            return None

        called.then = then
        async with exo.Dispatcher(called.factory, hog_s=None) as d:
            for number in range(50):
                d.submit(wanted(f"{number}"))
            d.submit(wanted("last", "B"))
            while d.deliver():
                pass
            d.on_quote(quote(1))
            await asyncio.sleep(0.5)
            d.on_quote(quote(2))
            await asyncio.sleep(5)
            assert called.calls[pushed[0]] == ("last", 1)

    virtually(program())


def test_c05_facts_that_beget_facts_overtake_prices_too():
    """A chain of reports, each pushed by the act that got the one before, runs to its end before any price."""

    async def program() -> None:
        called = Called()

        def then(order_id: str, update: exo.Update[Any]) -> Any:
            if update.reports and int(order_id) < 9:
                d.on_report(report(str(int(order_id) + 1)))

        async with exo.Dispatcher(called.factory, hog_s=None) as d:
            for number in range(30):
                d.submit(wanted(f"{number}"))
            while d.deliver():
                pass
            called.calls.clear()
            called.then = then
            d.on_quote(quote(1))
            d.on_report(report("0"))
            await asyncio.sleep(1)
            assert called.calls[:10] == [(str(number), 1) for number in range(10)]
            assert len(called.calls) == 30

    virtually(program())


def test_c06_orders_that_leave_in_mid_sweep_do_not_make_it_skip_others():
    """Fifteen of twenty have seen a quote when eleven of them leave; the last five see it all the same."""

    async def program() -> None:
        called = Called()
        called.then = lambda order_id, update: exo.DONE if update.reports else None
        async with exo.Dispatcher(called.factory, hog_s=None, turn_calls=15) as d:
            for number in range(20):
                d.submit(wanted(f"{number}"))
            while d.deliver():
                pass
            called.calls.clear()
            d.on_quote(quote(1))
            d.deliver()
            assert len(called.calls) == 15
            for order_id, _ in called.calls[:11]:
                d.on_report(report(order_id))
            while d.deliver():
                pass
            assert len(d) == 9
            assert sorted(order_id for order_id, facts in called.calls if not facts) == sorted(map(str, range(20)))

    virtually(program())


def test_c06_an_order_that_posts_to_itself_for_ever_starves_nobody():
    """Each of its calls posts the next fact; prices reach the others, and the loop its other work, all the same."""

    async def program() -> None:
        called = Called()

        def then(order_id: str, update: exo.Update[Any]) -> Any:
            if order_id == "0" and len(called.calls) < 20_000:
                d.on_report(report("0"))

        async with exo.Dispatcher(called.factory, hog_s=None, turn_calls=100) as d:
            for number in range(10):
                d.submit(wanted(f"{number}"))
            called.then = then
            d.on_quote(quote(1))
            for _ in range(5):
                await asyncio.sleep(0)
            assert {order_id for order_id, _ in called.calls} == {str(number) for number in range(10)}
            assert len(called.calls) < 1500

    virtually(program())


@pytest.mark.parametrize("news", ["facts", "prices"])
def test_c06_a_turn_ends_after_so_many_calls(news: str):
    """A thousand orders have news: with 10 calls to a turn one `deliver` makes about that many, and says so."""

    async def program() -> None:
        called = Called()
        async with exo.Dispatcher(called.factory, hog_s=None, turn_calls=10) as d:
            for number in range(1000):
                d.submit(wanted(f"{number}"))
            if news == "prices":
                while d.deliver():
                    pass
                called.calls.clear()
                d.on_quote(quote(1))
            assert d.deliver()
            assert 1 <= len(called.calls) <= 10 + 128
            while d.deliver():
                pass
            assert len(called.calls) == 1000

    virtually(program())


@pytest.mark.parametrize("news", ["facts", "prices"])
def test_c06_a_turn_ends_when_its_time_is_up(news: str):
    """Each call takes a millisecond: a turn of five stops long before it has called a thousand orders."""

    async def program() -> None:
        called = Called()

        def takes_its_time(order_id: str, update: exo.Update[Any]) -> None:
            clock: Any = current_clock()
            clock.advance_to(clock.now_ns() + 1_000_000)

        async with exo.Dispatcher(called.factory, hog_s=None, turn_s=0.005) as d:
            for number in range(1000):
                d.submit(wanted(f"{number}"))
            if news == "prices":
                while d.deliver():
                    pass
                called.calls.clear()
                d.on_quote(quote(1))
            called.then = takes_its_time
            assert d.deliver()
            assert 1 <= len(called.calls) <= 128
            while d.deliver():
                pass
            assert len(called.calls) == 1000

    virtually(program())


class Unspeakable(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise ValueError("no words")

    __repr__ = __str__


class Unprintable:
    """An answer that cannot be shown."""

    def __repr__(self) -> str:
        raise ValueError("no words")


def raising(error: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


def raising_later(error: BaseException) -> Callable[[], Any]:
    async def act() -> Any:
        await asyncio.sleep(0.001)
        raise error

    return act


BAD_ACTS: dict[str, Callable[[], Any]] = {
    **{
        f"{how.__name__} {type(error).__name__}": how(error)
        for how in (raising, raising_later)
        for error in (
            Unspeakable(),
            Boom("x"),
            asyncio.CancelledError(),
            GeneratorExit(),
            BaseException("base"),
            BaseExceptionGroup("group", [Boom("x"), GeneratorExit()]),
            TimeoutError(),
            exo.ExoError(),
        )
    },
    "raising StopIteration": raising(StopIteration(5)),
    "raising StopAsyncIteration": raising(StopAsyncIteration()),
    "Unprintable": Unprintable,
    "False": lambda: False,
    "zero": lambda: 0,
    "text": lambda: "DONE",
    "a class": lambda: exo.Quote,
    "a list of DONE": lambda: [exo.DONE],
}


@pytest.mark.parametrize("bad", BAD_ACTS)
@pytest.mark.parametrize("mid_sweep", [False, True])
def test_c07_a_bad_act_fails_its_own_order_only(bad: str, mid_sweep: bool):
    """Whatever it raises or answers, alone or in mid-sweep: FAILED with a traceback, cleaned up; others see all."""

    async def program() -> None:
        called = Called()
        cleaned: list[str] = []
        raised: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        called.then = lambda order_id, update: (
            BAD_ACTS[bad]() if order_id == "5" and (update.quote is not None) == mid_sweep else None
        )

        def factory(desk: exo.Desk[Wanted]) -> Any:
            delegate = called.factory(desk)
            delegate.clean_up = lambda: cleaned.append(desk.order_id)
            return delegate

        async with exo.Dispatcher(factory, hog_s=None) as d:
            for number in range(10):
                d.submit(wanted(f"{number}"))
            d.deliver()
            await asyncio.sleep(1)
            called.calls.clear()
            d.on_quote(quote(1))
            d.deliver()
            await asyncio.sleep(1)
            assert [order_id for order_id, _ in called.calls if order_id != "5"] == list("012346789")
            outcome = d.outcome("5")
            assert outcome is not None, "neither live nor ended"
            assert outcome.end is End.FAILED
            assert outcome.error and outcome.traceback
            assert len(d) == 9
            assert cleaned == ["5"]
        assert raised == []
        assert sorted(cleaned) == list("0123456789")

    virtually(program())


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kind", [Boom, asyncio.CancelledError, Unspeakable])
def test_c09_a_clean_up_that_raises_disturbs_nobody(kind: type[BaseException], late: bool):
    """In mid-sweep and at the end: the others see everything and are cleaned up too."""

    async def program() -> None:
        called = Called()
        cleaned: list[str] = []
        raised: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        called.then = lambda order_id, update: exo.DONE if order_id == "2" and update.quote else None

        def factory(desk: exo.Desk[Wanted]) -> Any:
            delegate = called.factory(desk)

            def clean_up() -> Any:
                cleaned.append(desk.order_id)
                return raising_later(kind())() if late else raising(kind())()

            delegate.clean_up = clean_up
            return delegate

        async with exo.Dispatcher(factory, hog_s=None) as d:
            for number in range(5):
                d.submit(wanted(f"{number}"))
            d.deliver()
            called.calls.clear()
            d.on_quote(quote(1))
            d.deliver()
            await asyncio.sleep(1)
            assert [order_id for order_id, _ in called.calls] == list("01234")
            assert cleaned == ["2"]
        assert cleaned == list("20134")
        assert [(outcome := d.outcome(each)) and outcome.end for each in "01234"] == [
            End.STOPPED,
            End.STOPPED,
            End.DONE,
            End.STOPPED,
            End.STOPPED,
        ]
        assert raised == []

    virtually(program())


def test_c16_the_status_that_came_last_stands_from_another_thread_too():
    """LIVE for one symbol, then DOWN for all: the delegates see DOWN, and the other way round."""

    async def program() -> None:
        seen: list[exo.Update[Any]] = []
        called = Called()
        called.then = lambda order_id, update: seen.append(update)
        one = exo.FeedStatus(state=exo.FeedState.LIVE, symbol="A")
        all_ = exo.FeedStatus(state=exo.FeedState.DOWN)
        async with exo.Dispatcher(called.factory, hog_s=None) as d:
            d.submit(wanted("1"))
            for statuses in ((one, all_), (all_, one)):
                await asyncio.to_thread(lambda: [d.on_status(each) for each in statuses])  # noqa: B023
                await asyncio.sleep(1)
                assert seen[-1].status is not None
                assert seen[-1].status.state is statuses[-1].state

    virtually(program())


def test_a_factory_that_asks_for_a_wake_up_and_raises_leaves_nothing_behind():
    """The order was not admitted, so its alarm rings for nobody."""

    async def program() -> None:
        raised: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))

        def factory(desk: exo.Desk[Wanted]) -> Any:
            desk.wake_in(0.5)
            raise Boom

        async with exo.Dispatcher(factory, hog_s=None) as d:
            with pytest.raises(exo.errors.FactoryFailed):
                d.submit(wanted("1"))
            await asyncio.sleep(2)
            assert d.totals.updates == 0
        assert raised == []

    virtually(program())
