"""A real Dispatcher under drawn scripts in virtual time: every call is checked against a plain model (world.py)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import exo
from exo.flow import seeded
from exo.mkt.enums import MsgType
from exo.run.board import Board
from exo.run.sweeps import Sweeps

from .support import report, unshrunk, virtually, wanted
from .world import Call, Op, Plan, World

SYMBOLS = ("A", "B")
ORDERS = 7

symbols = st.sampled_from(SYMBOLS)
numbers = st.integers(0, ORDERS - 1)
states = st.sampled_from(exo.FeedState)
quote_ops = st.tuples(st.just("quote"), symbols, st.integers(-3, 9))
pushes: st.SearchStrategy[Op] = st.one_of(
    quote_ops,
    st.tuples(st.just("trade"), symbols, st.integers(-3, 9)),
    st.tuples(st.just("status"), st.sampled_from([*SYMBOLS, None]), states),
    st.tuples(st.just("report"), numbers),
    st.tuples(st.just("replace"), numbers, st.integers(0, 9)),
    st.tuples(st.just("hold"), numbers),
    st.tuples(st.just("release"), numbers),
    st.tuples(st.just("cancel"), numbers),
    st.tuples(st.just("rename"), numbers),
    st.tuples(st.just("submit"), numbers),
    st.tuples(st.just("deliver")),
)
wakes: st.SearchStrategy[Op] = st.one_of(
    st.tuples(st.just("wake"), st.sampled_from([0.0, 0.0005, 0.004, 0.05])), st.tuples(st.just("no_wake"))
)
inside = st.lists(st.one_of(pushes, wakes, quote_ops), max_size=2).map(tuple)
pauses = st.lists(
    st.sampled_from([0.0, 0.001, 0.002, 0.01, "yield", "future", "task", "group", "timeout"]), max_size=3
).map(tuple)
calls = st.builds(
    Call,
    before=inside,
    suspend=pauses,
    after=inside,
    answer=st.sampled_from(["none"] * 8 + ["done", "done", "raise", "nonsense"]),
)
plans = st.lists(
    st.builds(
        Plan,
        symbol=st.sampled_from(["A", "A", "B"]),
        kind=st.sampled_from(["def", "async", "async", "awaitable"]),
        calls=st.lists(calls, max_size=5).map(tuple),
    ),
    min_size=ORDERS,
    max_size=ORDERS,
)
sleeps: st.SearchStrategy[Op] = st.tuples(st.just("sleep"), st.sampled_from([0, 0, 0.0005, 0.001, 0.01]))
submits: st.SearchStrategy[Op] = st.tuples(st.just("submit"), numbers)
scripts = st.tuples(
    st.lists(submits, max_size=6), st.lists(st.one_of(pushes, pushes, submits, sleeps, quote_ops), max_size=45)
).map(lambda parts: [*parts[0], *parts[1]])
endings = st.sampled_from(["settle", "settle", "abruptly", "raise"])
turns = st.sampled_from([1, 3, 4096])


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Failing orders are logged with their tracebacks; here they are meant to fail."""
    logging.getLogger("exo.run").disabled = True
    yield
    logging.getLogger("exo.run").disabled = False


def play(orders: list[Plan], script: list[Op], ending: str, turn_calls: int) -> list[Any]:
    return virtually(World(orders, turn_calls=turn_calls).play(script, ending))


idle = [Plan("A", "def", ()) for _ in range(ORDERS)]
pusher = [*idle[:2], Plan("A", "def", (Call(), Call(after=(("quote", "A", 2),)))), *idle[3:]]
cut_sweep: list[Op] = [*(("submit", n) for n in range(5)), ("deliver",), ("quote", "A", 1), ("deliver",), ("deliver",)]


@settings(unshrunk, max_examples=60)
@given(plans, scripts, endings, turns)
@example(pusher, [*cut_sweep, ("quote", "A", 7), ("submit", 5)], "settle", 4096)
@example(pusher, [*cut_sweep, ("quote", "A", 7), ("submit", 5)], "settle", 1)
def test_everything_is_delivered_once_in_order_and_conflated_exactly(
    orders: list[Plan], script: list[Op], ending: str, turn_calls: int
):
    """C2 to C4, C7 to C9: whatever is pushed by whomever, each call gets exactly what its order has not seen."""
    play(orders, script, ending, turn_calls)


@settings(unshrunk, max_examples=15)
@given(plans, scripts, endings, turns)
def test_c15_a_script_played_twice_gives_the_same_run(
    orders: list[Plan], script: list[Op], ending: str, turn_calls: int
):
    """Every call, its time and its update are the same the second time."""
    assert play(orders, script, ending, turn_calls) == play(orders, script, ending, turn_calls)


Case = tuple[list[Plan], list[Op], str, int]


def drawn(chance: Random) -> Case:
    """A script from a seed: hundreds take as long as tens that hypothesis draws."""

    def push() -> Op:
        symbol, number = chance.choice("AAB"), chance.randrange(ORDERS)
        ops: list[Op] = [
            *[("quote", symbol, chance.randrange(-3, 9)), ("report", number)] * 2,
            ("trade", symbol, chance.randrange(-3, 9)),
            ("status", chance.choice(["A", "B", None]), chance.choice([*exo.FeedState])),
            ("replace", number, chance.randrange(9)),
            (chance.choice(["hold", "hold", "release", "cancel", "rename"]), number),
            ("deliver",),
        ]
        return chance.choice(ops)

    def inner() -> tuple[Op, ...]:
        wakes: list[Op] = [("wake", chance.choice([0.0, 0.0005, 0.004, 0.05])), ("no_wake",)]
        count = chance.choice([0, 0, 0, 1, 1, 2])
        return tuple(push() if chance.random() < 0.8 else chance.choice(wakes) for _ in range(count))

    def call() -> Call:
        pauses = [0.0, 0.001, 0.002, 0.01, "yield", "future", "task", "group", "timeout"]
        suspend = tuple(chance.choice(pauses) for _ in range(chance.choice([0, 0, 1, 2])))
        answer = chance.choice(["none"] * busy + ["done", "done", "raise", "nonsense"])
        return Call(inner(), suspend, inner(), answer)

    busy = chance.choice([4, 12, 40])
    kinds = chance.choice([["def"], ["def", "def", "async"], ["async", "awaitable"]])
    orders = [
        Plan(chance.choice("AAB"), chance.choice(kinds), tuple(call() for _ in range(chance.randrange(8))))
        for _ in range(ORDERS)
    ]
    script: list[Op] = [("submit", number) for number in range(chance.randrange(ORDERS + 1))]
    for _ in range(chance.randrange(60)):
        draw = chance.random()
        if draw < 0.15:
            script.append(("sleep", chance.choice([0, 0, 0.0005, 0.001, 0.01])))
        elif draw < 0.25:
            script.append(("submit", chance.randrange(ORDERS)))
        else:
            script.append(push())
    return orders, script, chance.choice(["settle", "settle", "abruptly", "raise"]), chance.choice([1, 3, 4096])


def fails(case: Case) -> BaseException | None:
    try:
        play(*case)
    except (Exception, BaseExceptionGroup) as error:
        return error
    return None


def smaller(case: Case) -> Iterator[Case]:
    """The same with something left out."""
    orders, script, ending, turn_calls = case
    for at in range(len(script)):
        yield orders, script[:at] + script[at + 1 :], ending, turn_calls
    for at, plan in enumerate(orders):
        for n, call in enumerate(plan.calls):
            for less in (None, Call(), call._replace(before=()), call._replace(suspend=()), call._replace(after=())):
                if less != call:
                    calls = (*plan.calls[:n], *([] if less is None else [less]), *plan.calls[n + 1 :])
                    yield [*orders[:at], plan._replace(calls=calls), *orders[at + 1 :]], script, ending, turn_calls


def check_drawn(seed: int, times: int) -> None:
    """Play drawn scripts; of one that fails show the smallest that is found soon."""
    chance = seeded(f"worlds {seed}")
    for _ in range(times):
        case = drawn(chance)
        if fails(case) is None:
            continue
        tries = 500
        candidates = smaller(case)
        while tries and (candidate := next(candidates, None)) is not None:
            tries -= 1
            if fails(candidate) is not None:
                case, candidates = candidate, smaller(candidate)
        raise AssertionError(f"play(*{case!r})") from fails(case)


@pytest.mark.parametrize("seed", range(4))
def test_hundreds_of_scripts_are_delivered_once_in_order_and_exactly(seed: int):
    """As above, but drawn from a seed; what fails is shown as small as it gets."""
    check_drawn(seed, 150)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 140))
def test_thousands_of_scripts_are_delivered_once_in_order_and_exactly(seed: int):
    """The same, many times over."""
    check_drawn(seed, 2000)


@pytest.mark.parametrize("seed", range(3))
def test_a_board_shown_as_a_whole_makes_the_very_calls_that_a_sweep_makes(monkeypatch: pytest.MonkeyPatch, seed: int):
    """In the same order, at the same time, with the same updates; and it is taken often."""
    chance = seeded(f"short turns {seed}")
    show = Sweeps.show
    taken = 0

    def counted(sweeps: Sweeps, board: Board, now_ns: int) -> int:
        nonlocal taken
        taken += 1
        return show(sweeps, board, now_ns)

    def swept(sweeps: Sweeps, board: Board, now_ns: int) -> int:
        return sweeps.sweep(board, len(board.processes), now_ns)

    for _ in range(120):
        case = drawn(chance)
        monkeypatch.setattr(Sweeps, "show", counted)
        calls = play(*case)
        monkeypatch.setattr(Sweeps, "show", swept)
        assert calls == play(*case), case
    assert taken > 50


def test_an_order_sees_a_tick_although_another_is_submitted_right_after_it():
    """A sweep that a newer tick cut short leaves its cursor in mid-list; nobody may be passed over from there."""
    play(pusher, [*cut_sweep, ("quote", "A", 7), ("submit", 5)], "settle", 4096)


def test_a_held_order_whose_alarm_rang_gets_its_facts_before_any_price():
    """The alarm of a held order makes no call, so it is no reason to put off a fact that comes in the same turn."""
    orders = list(idle)
    orders[3] = Plan("A", "def", (Call(before=(("wake", 0.0005), ("quote", "A", 1))),))
    orders[5] = Plan("B", "async", (Call(after=(("replace", 3, 1), ("quote", "B", 5))),))
    script: list[Op] = [("submit", 0), ("submit", 3), ("hold", 3), ("sleep", 0.0005), ("submit", 5)]
    play(orders, script, "settle", 4096)


@pytest.mark.parametrize("later", [None, 5.0])
def test_a_wake_up_that_is_taken_back_or_replaced_does_not_come(later: float | None):
    """Also when its time came while the act ran: the latest that was asked for is what counts."""
    woken: list[int] = []

    class Sleeper:
        def __init__(self, desk: exo.Desk[Any]) -> None:
            self.desk = desk

        async def act(self, update: exo.Update[Any]) -> None:
            if update.woken:
                woken.append(update.now_ns)
                return
            self.desk.wake_in(0.001)
            await asyncio.sleep(0.01)
            self.desk.no_wake() if later is None else self.desk.wake_in(later)

        def clean_up(self) -> None: ...

    async def program() -> None:
        async with exo.Dispatcher(Sleeper, hog_s=None) as d:
            submitted = d.submit(wanted("1"))
            assert submitted.order_id == "1"
            await asyncio.sleep(1)
            assert woken == []
            await asyncio.sleep(10)
            assert len(woken) == (later is not None)

    virtually(program())


def test_the_script_of_the_original_dispatcher_holds():
    """mkt_cases `dispatcher`: NEW, a quote and a trade, CANCEL; subscribed with the first order, not after the last."""
    subscribed: set[str] = set()
    seen: list[exo.Update[Any]] = []

    class Venue:
        def subscribe(self, symbol: str) -> None:
            subscribed.add(symbol)

        def unsubscribe(self, symbol: str) -> None:
            subscribed.remove(symbol)

    class Until:
        def __init__(self, desk: exo.Desk[Any]) -> None:
            self.desk = desk

        async def act(self, update: exo.Update[Any]) -> exo.Next:
            seen.append(update)
            return exo.DONE if self.desk.cancelled else None

        def clean_up(self) -> None: ...

    async def program() -> None:
        async with exo.Dispatcher(Until, Venue(), hog_s=None) as d:
            order = d.submit(wanted("1")).order
            await asyncio.sleep(0.01)
            assert subscribed == {"A"}
            assert [fact.msg_type for fact in seen[0].instructions] == [MsgType.NEW]
            d.on_quote(exo.Quote("A", Decimal(42), Decimal(100), Decimal(43), Decimal(150)))
            d.on_trade(exo.Trade("A", Decimal(43), Decimal(10)))
            await asyncio.sleep(0.01)
            assert seen[-1].quote is not None and seen[-1].quote.ask_px == 43
            assert seen[-1].trade is not None and seen[-1].trade.volume == 10
            with pytest.raises(exo.errors.DuplicateOrder):
                d.submit(order)
            d.cancel(order.order_id)
            await asyncio.sleep(0.01)
            assert seen[-1].instructions[-1].msg_type is MsgType.CXL
            assert subscribed == set()
            with pytest.raises(exo.errors.UnknownOrder):
                d.cancel("1")
            d.on_report(report("1"))
            assert d.totals.orphans == 1

    virtually(program())
