"""Spans and the chain of them, against a plain reference that keeps every tick."""

from __future__ import annotations

import gc
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import exo
from exo.flow import seeded
from exo.mkt import fold, span_of
from exo.mkt.span import Passed, Tick
from exo.run import board as board_module
from exo.run.board import Board, Point
from exo.run.process import OrderProcess

from .support import Wanted, extent, quote, steady, ticks, told, trade, unshrunk, virtually, wanted


def standing(board: Board, order_id: str = "o") -> OrderProcess[Any]:
    """An order that hangs on a board without a dispatcher."""
    process: OrderProcess[Any] = OrderProcess(wanted(order_id), order_id, board, None)  # type: ignore[arg-type]
    board.add(process)
    process.step_back()
    return process


def look(board: Board, process: OrderProcess[Any], shared: bool = True) -> Passed | None:
    """Look as the sweep does, through the shared update, or as an order with facts of its own does."""
    head = board.advance()
    if process.at is head:
        return None
    if shared:
        passed = board.update_since(process.at, 0).passed
    else:
        passed = board.passed_since(process.at)
    process.at = head
    return passed


def leave(board: Board, process: OrderProcess[Any]) -> None:
    process.timer = None
    process.end()
    board.tidy()


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the board has folded, as the only item of a list."""
    count = [0]

    def counted(earlier: Passed, later: Passed) -> exo.Span:
        count[0] += 1
        return fold(earlier, later)

    monkeypatch.setattr(board_module, "fold", counted)
    return count


runs = st.lists(ticks(), min_size=1, max_size=12)


@steady
@given(runs)
def test_c02_a_span_says_what_all_of_its_ticks_say(run: list[Tick]):
    """Folded tick by tick, at up to 60 digits, it is the same as recomputed from every tick."""
    passed: Passed = run[0]
    for tick in run[1:]:
        passed = fold(passed, tick)
    assert told(span_of(passed)) == extent(run)


@steady
@given(runs, runs, runs)
def test_c02_folding_is_associative(a: list[Tick], b: list[Tick], c: list[Tick]):
    """Runs folded from the left or from the right give one and the same span."""

    def folded(run: list[Tick]) -> Passed:
        passed: Passed = run[0]
        for tick in run[1:]:
            passed = fold(passed, tick)
        return passed

    first, second, third = folded(a), folded(b), folded(c)
    left = fold(fold(first, second), third)
    assert left == fold(first, fold(second, third))
    assert told(left) == extent(a + b + c)


@steady
@given(runs, st.randoms(use_true_random=False))
def test_c02_every_bracketing_gives_the_same_span(run: list[Tick], chance: Any):
    """Neighbours folded in any order whatever give what folding one by one gives."""
    parts: list[Passed] = list(run)
    while len(parts) > 1:
        at = chance.randrange(len(parts) - 1)
        parts[at : at + 2] = [fold(parts[at], parts[at + 1])]
    assert told(span_of(parts[0])) == extent(run)


@steady
@given(st.lists(ticks(), min_size=2, max_size=6), st.integers(1, 5))
def test_c02_a_users_decimal_context_cannot_reach_a_span(run: list[Tick], precision: int):
    """A program that computes with three digits still gets exact sums."""
    with localcontext() as context:
        context.prec = precision
        passed: Passed = run[0]
        for tick in run[1:]:
            passed = fold(passed, tick)
    assert told(span_of(passed)) == extent(run)


@pytest.mark.parametrize("places", [0, 30, 60])
def test_c02_sums_are_exact_at_sixty_digits(places: int):
    """A trade of the smallest size is not lost beside 200 of the largest."""
    large, small = Decimal(f"{'9' * 60}E-{places}"), Decimal("1E-60")
    passed: Passed = exo.Trade("A", large, large)
    for _ in range(199):
        passed = fold(passed, exo.Trade("A", large.copy_negate(), large))
    span = fold(passed, exo.Trade("A", small, small)).trade
    assert span is not None
    with localcontext() as context:
        context.prec = 500
        assert span.volume == 200 * large + small
        assert span.notional == -198 * large * large + small * small


class Chain(RuleBasedStateMachine):
    """Orders come, look and go in any order while ticks pass; each gets the ticks since its last look, exactly."""

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self.board = Board("A")
        self.seen: dict[OrderProcess[Any], int] = {}
        self.tape: list[Tick] = []

    @rule(tick=ticks())
    def tick(self, tick: Tick) -> None:
        self.tape.append(tick)
        self.board.record(tick)

    @rule(run=st.lists(ticks(), min_size=1, max_size=4))
    def crossing(self, run: list[Tick]) -> None:
        """A run that conflated on its way from another thread."""
        passed: Passed = run[0]
        for tick in run[1:]:
            passed = fold(passed, tick)
        self.tape += run
        self.board.record(passed)

    @rule(target=orders)
    def come(self) -> OrderProcess[Any]:
        process = standing(self.board)
        self.seen[process] = len(self.tape)
        return process

    @rule(process=orders, shared=st.booleans())
    def look(self, process: OrderProcess[Any], shared: bool) -> None:
        missed = self.tape[self.seen[process] :]
        passed = look(self.board, process, shared)
        self.seen[process] = len(self.tape)
        assert told(None if passed is None else span_of(passed)) == extent(missed)

    @rule(process=consumes(orders))
    def go(self, process: OrderProcess[Any]) -> None:
        del self.seen[process]
        leave(self.board, process)

    @precondition(lambda self: self.seen)
    @rule(times=st.integers(1, 200), eager=st.randoms(use_true_random=False))
    def many_looks(self, times: int, eager: Any) -> None:
        """One order looks after every tick, so the others' way to the head grows until it is compressed."""
        process = eager.choice(sorted(self.seen, key=list(self.seen).index))
        for _ in range(times):
            tick = trade(eager.randrange(-5, 5), qty=eager.randrange(1, 9))
            self.tape.append(tick)
            self.board.record(tick)
            missed = self.tape[self.seen[process] :]
            passed = look(self.board, process)
            self.seen[process] = len(self.tape)
            assert passed is not None
            assert told(span_of(passed)) == extent(missed)

    @invariant()
    def the_chain_is_bounded(self) -> None:
        points = set()
        for process in self.seen:
            step: Point | None = process.stands_at
            while step is not None:
                points.add(step)
                step = step.next
        # Orders that left since the last compression counted when it was put off.
        self.most = max(self.most, len(self.board.processes))
        assert len(points) <= 2 * self.most + 66

    def teardown(self) -> None:
        for process, seen in self.seen.items():
            passed = look(self.board, process)
            assert told(None if passed is None else span_of(passed)) == extent(self.tape[seen:])
        assert self.board.live == len(self.seen)


def test_c02_the_chain_tells_each_order_what_it_missed():
    """Whatever the order of ticks, looks, comings and goings, the chain equals the reference."""
    run_state_machine_as_test(Chain, settings=settings(unshrunk, max_examples=40, stateful_step_count=40))


@pytest.mark.nightly
def test_c02_the_chain_tells_each_order_what_it_missed_at_length():
    """The same, many times over."""
    run_state_machine_as_test(Chain, settings=settings(unshrunk, max_examples=500, stateful_step_count=120))


def spread_out(count: int) -> tuple[Board, list[OrderProcess[Any]], list[Tick], dict[int, int]]:
    """A board whose orders stand at as many different points."""
    board, tape, seen = Board("A"), [], {}
    processes = []
    for number in range(count):
        processes.append(standing(board, f"o{number}"))
        seen[number] = len(tape)
        tape.append(quote(number % 97 - 40, seq=number) if number % 3 else trade(number % 31 - 9))
        board.record(tape[-1])
    return board, processes, tape, seen


def test_a_thousand_orders_at_a_thousand_points_do_not_make_looks_slow(folds: list[int]):
    """The first round of looks folds the way once, later looks a few spans; counted, not timed."""
    count = 1000
    board, processes, tape, seen = spread_out(count)
    assert len({process.at for process in processes}) == count
    chance = seeded(7)
    for round_ in range(4):
        folds[0] = 0
        worst_later = 0
        order = list(range(count))
        chance.shuffle(order)
        for nth, number in enumerate(order):
            before = folds[0]
            passed = look(board, processes[number], shared=bool(number % 2))
            if nth:
                worst_later = max(worst_later, folds[0] - before)
            if nth % 97 == 0:
                assert told(span_of(passed) if passed else None) == extent(tape[seen[number] :])
            seen[number] = len(tape)
            if nth % 10 == 0:
                tape.append(quote(nth % 53, seq=nth))
                board.record(tape[-1])
        assert folds[0] <= 12 * count, f"round {round_} folded {folds[0]} times"
        assert sum(1 for _ in board.processes) == count
    assert worst_later <= count


def test_a_look_after_the_furthest_one_folds_at_most_once(folds: list[int]):
    """Once the one who stands furthest back has looked, everybody else's way is short."""
    board, processes, tape, _ = spread_out(1000)
    look(board, processes[0])
    assert folds[0] <= 2 * 1000
    order = list(range(1, 1000))
    seeded(3).shuffle(order)
    for number in order:
        before = folds[0]
        passed = look(board, processes[number])
        assert folds[0] - before <= 1
        if number % 83 == 0:
            assert passed is not None
            assert told(span_of(passed)) == extent(tape[number:])


def test_looks_from_a_thousand_points_cost_a_few_folds_each_while_ticks_pass(folds: list[int]):
    """With a tick between any two looks the cost per look stays logarithmic, however the looks are mixed."""
    board, processes, tape, seen = spread_out(1000)
    folds[0] = 0
    chance = seeded(11)
    looks = 0
    for _ in range(5):
        order = list(range(1000))
        chance.shuffle(order)
        for number in order:
            tape.append(quote(number % 41))
            board.record(tape[-1])
            passed = look(board, processes[number])
            looks += 1
            if looks % 211 == 0:
                assert told(span_of(passed) if passed else None) == extent(tape[seen[number] :])
            seen[number] = len(tape)
    assert folds[0] / looks <= 24, f"{folds[0]} folds for {looks} looks"


def test_the_push_of_a_tick_folds_once_whatever_stands_on_the_board(folds: list[int]):
    """A push is O(1): one fold for 1,000 orders at 1,000 points."""
    board, *_ = spread_out(1000)
    board.advance()
    folds[0] = 0
    for number in range(100):
        board.record(quote(number))
    assert folds[0] <= 100


def count_points() -> int:
    gc.collect()
    return sum(type(thing) is Point for thing in gc.get_objects())


@pytest.mark.parametrize("lookers", [1, 10])
def test_c11_points_follow_the_orders_and_not_the_ticks(lookers: int):
    """Some orders look after every tick and the others never: the points stay about twice the orders."""
    before = count_points()
    board = Board("A")
    processes = [standing(board, f"o{number}") for number in range(50)]
    most = 0
    for number in range(3000):
        board.record(quote(number % 77 - 7))
        look(board, processes[number % lookers])
        if number % 500 == 499:
            most = max(most, count_points() - before)
    assert most <= 2 * len(processes) + 64 + 2
    passed = look(board, processes[-1])
    assert passed is not None
    assert span_of(passed).quotes == 3000


def test_c11_what_idle_orders_have_seen_is_not_kept():
    """Twenty orders see 3,000 ticks in sweeps: no more than two or three points stay."""

    class Idle:
        def __init__(self, desk: exo.Desk[Wanted]) -> None: ...

        def act(self, update: exo.Update[Wanted]) -> None: ...

        def clean_up(self) -> None: ...

    async def program() -> int:
        before = count_points()
        async with exo.Dispatcher(Idle, hog_s=None) as d:
            for number in range(20):
                d.submit(wanted(f"o{number}"))
            d.deliver()
            for number in range(3000):
                d.on_quote(quote(number))
                d.deliver()
            return count_points() - before

    assert virtually(program()) <= 3


def test_c11_orders_that_left_are_forgotten_by_the_board():
    """A thousand orders come and go: neither they nor their points stay."""
    before = count_points()
    board = Board("A")
    stay = standing(board, "stay")
    for number in range(1000):
        process = standing(board, f"o{number}")
        board.record(quote(number % 13))
        look(board, process)
        leave(board, process)
    assert board.live == 1
    assert len(board.processes) <= 3
    del process
    assert count_points() - before <= 2 * 3 + 64 + 2
    passed = look(board, stay)
    assert passed is not None
    assert span_of(passed).quotes == 1000


def test_c12_orders_at_one_point_share_one_update():
    """A thousand idle orders get the very same update."""
    board = Board("A")
    processes = [standing(board, f"o{number}") for number in range(1000)]
    board.record(quote(5))
    board.advance()
    assert len({id(board.update_since(process.at, 0)) for process in processes}) == 1
