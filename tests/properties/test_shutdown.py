"""Shutting down in mid-flood: every delegate cleaned up once, every order accounted for, nothing left over (C9)."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import exo
from exo.flow import seeded
from exo.run import End

from .support import Wanted, quote, report, trade, unshrunk, virtually, wanted
from .world import Boom, summary

KINDS = ["def", "async", "short", "long", "stubborn", "tidy", "slow clean", "bad clean", "done", "raising", "nested"]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What is cut short is logged; here it is meant to be."""
    logging.getLogger("exo.run").disabled = True
    yield
    logging.getLogger("exo.run").disabled = False


class House:
    """The orders of a program and what became of them."""

    def __init__(self) -> None:
        self.kind: dict[str, str] = {}
        self.cleaned: dict[str, int] = {}
        self.accepted: dict[str, list[tuple[Any, ...]]] = {}
        self.delivered: dict[str, list[tuple[Any, ...]]] = {}
        self.calls_after_cleaning: list[str] = []
        self.told: set[str] = set()

    def subscribe(self, symbol: str) -> None:
        self.told.add(symbol)

    async def unsubscribe(self, symbol: str) -> None:
        await asyncio.sleep(0.001)
        self.told.remove(symbol)

    def factory(self, desk: exo.Desk[Wanted]) -> Any:
        return Resident(self, desk) if self.kind[desk.order_id] in ("def", "done", "raising") else Guest(self, desk)

    def submit(self, d: exo.Dispatcher[Wanted], order_id: str, symbol: str, kind: str) -> None:
        order = wanted(order_id, symbol)
        self.kind[order_id], self.cleaned[order_id] = kind, 0
        self.accepted[order_id], self.delivered[order_id] = [("NEW", None, order)], []
        d.submit(order)

    def report(self, d: exo.Dispatcher[Wanted], order_id: str, number: int) -> None:
        if d.outcome(order_id) is None:
            self.accepted[order_id].append(("report", str(number)))
        d.on_report(report(order_id, number))

    def settled(self, d: exo.Dispatcher[Wanted]) -> None:
        """Each delegate cleaned up once; each order ended; each fact was delivered once or is told as undelivered."""
        assert self.calls_after_cleaning == []
        assert {order_id: times for order_id, times in self.cleaned.items() if times != 1} == {}
        assert len(d) == 0
        for order_id, accepted in self.accepted.items():
            outcome = d.outcome(order_id)
            assert outcome is not None, order_id
            undelivered = [summary(fact) for fact in outcome.undelivered]
            assert self.delivered[order_id] + undelivered == accepted, order_id
            kinds = {"done": {End.DONE, End.STOPPED}, "raising": {End.FAILED, End.STOPPED}}
            assert outcome.end in kinds.get(self.kind[order_id], {End.STOPPED}), f"{order_id}: {outcome}"
        assert d.totals.ended == d.totals.submitted == len(self.kind)


class Resident:
    """A plain delegate."""

    def __init__(self, house: House, desk: exo.Desk[Wanted]) -> None:
        self.house, self.desk, self.order_id = house, desk, desk.order_id
        self.kind = house.kind[desk.order_id]
        self.calls = 0

    def act(self, update: exo.Update[Wanted]) -> Any:
        self.begin(update)
        if self.calls > 4 and self.kind == "done":
            return exo.DONE
        if self.calls > 4 and self.kind == "raising":
            raise Boom
        return None

    def begin(self, update: exo.Update[Wanted]) -> None:
        self.calls += 1
        if self.house.cleaned[self.order_id]:
            self.house.calls_after_cleaning.append(self.order_id)
        self.house.delivered[self.order_id] += map(summary, update.facts)
        self.desk.wake_in(0.5)

    def clean_up(self) -> Any:
        self.house.cleaned[self.order_id] += 1
        if self.kind == "bad clean":
            raise Boom
        if self.kind == "slow clean":
            return asyncio.sleep(20)
        if self.kind == "tidy":
            return asyncio.sleep(0.01)
        return None


class Guest(Resident):
    """One that suspends: shortly, for longer than any deadline, or against the first cancel."""

    async def act(self, update: exo.Update[Wanted]) -> Any:  # type: ignore[override]
        self.begin(update)
        match self.kind:
            case "short":
                await asyncio.sleep(0.003)
            case "long":
                await asyncio.sleep(1000)
            case "stubborn":
                try:
                    await asyncio.sleep(1000)
                except asyncio.CancelledError:
                    await asyncio.sleep(0.002)
            case "nested":
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(asyncio.sleep(100))
                    await asyncio.create_task(asyncio.sleep(0.002))
                    await asyncio.sleep(100)
        return None


class Stop(NamedTuple):
    """How a program is ended: after so long, in what way, and further cancels so long after each other."""

    after: float
    how: str
    again: tuple[float, ...]
    exit_s: float


async def flood(d: exo.Dispatcher[Wanted], house: House, stop: Stop, seed: int) -> None:
    chance = seeded(seed)
    loop = asyncio.get_running_loop()
    until = loop.time() + stop.after
    number = 0
    while True:
        for _ in range(chance.randrange(1, 20)):
            number += 1
            symbol = chance.choice("ABC")
            (d.on_quote(quote(number, symbol)) if number % 3 else d.on_trade(trade(number, symbol)))
            if number % 4 == 0:
                house.report(d, chance.choice(sorted(house.kind)), number)
        if chance.random() < 0.2:
            house.submit(d, f"late{number}", chance.choice("ABC"), chance.choice(KINDS))
        if stop.how != "cancel" and loop.time() >= until:
            if stop.how == "raise":
                raise Boom
            return
        if chance.random() < 0.4:
            d.deliver()
        await asyncio.sleep(chance.choice([0, 0, 0.001, 0.002]))


async def stopped(stop: Stop, seed: int) -> None:
    """Run a flood, stop it, and look at what is left."""
    house = House()
    complaints: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    d = exo.Dispatcher(house.factory, house, exit_s=stop.exit_s, hog_s=None)

    async def program() -> None:
        async with d:
            for number, kind in enumerate(KINDS * 3):
                house.submit(d, f"{number}", "ABC"[number % 3], kind)
            await flood(d, house, stop, seed)

    task = asyncio.create_task(program())
    if stop.how == "cancel":
        await asyncio.sleep(stop.after)
        task.cancel()
    cancelled_at = None
    for pause in stop.again:
        await asyncio.wait(
            [task], timeout=stop.after + pause if cancelled_at is None and stop.how != "cancel" else pause
        )
        if not task.done():
            cancelled_at = loop.time()
            task.cancel()
    await asyncio.wait([task], timeout=100)
    assert task.done(), "still shutting down"
    if cancelled_at is not None:
        assert loop.time() - cancelled_at <= 2 * stop.exit_s + 0.1, "another signal does not make it slower"
    if stop.how == "raise" and not task.cancelled():
        assert isinstance(task.exception(), Boom)
    elif stop.how == "cancel":
        assert task.cancelled(), task
    house.settled(d)
    assert house.told == set() or cancelled_at is not None or stop.exit_s < 1
    await asyncio.sleep(0.05)  # what was cancelled last ends in its own time
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    del task
    gc.collect()
    assert complaints == []


stops = st.builds(
    Stop,
    after=st.sampled_from([0.0, 0.0005, 0.001, 0.004, 0.01, 0.03]),
    how=st.sampled_from(["cancel", "cancel", "raise", "return"]),
    again=st.lists(st.sampled_from([0.0, 0.0001, 0.002, 0.6, 1.5, 3.0]), max_size=3).map(tuple),
    exit_s=st.sampled_from([0.0, 0.005, 1.0, 5.0]),
)


@settings(unshrunk, max_examples=50)
@given(stops, st.integers(0, 1000))
@example(Stop(0.01, "cancel", (), 5.0), 1)
@example(Stop(0.01, "cancel", (1.0,), 5.0), 1)
@example(Stop(0.01, "cancel", (7.0,), 5.0), 1)
@example(Stop(0.01, "cancel", (7.0, 0.0, 0.0), 5.0), 1)
@example(Stop(0.01, "cancel", (0.0, 0.0, 0.0), 5.0), 1)
def test_c09_a_program_stopped_in_mid_flood_leaves_nothing_behind(stop: Stop, seed: int):
    """By a cancel, an exception or the end of its body; by one signal or several, whenever they come."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        virtually(stopped(stop, seed))


@pytest.mark.nightly
@settings(unshrunk, max_examples=1000)
@given(stops, st.integers(0, 1_000_000))
def test_c09_a_program_stopped_in_mid_flood_leaves_nothing_behind_at_length(stop: Stop, seed: int):
    """The same, many times over."""
    virtually(stopped(stop, seed))


def ended_by(stop: Callable[[], None], signals: int, **options: Any) -> tuple[House, exo.Dispatcher[Wanted], float]:
    """A live program that is stopped by so many signals; what is left of it, and how long it took."""
    house = House()
    d = exo.Dispatcher(house.factory, house, **options)

    async def program() -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(10), d:
            for number, kind in enumerate(KINDS):
                house.submit(d, f"{number}", "A", kind)
            for number in range(signals):
                loop.call_later(0.02 + 0.01 * number, stop)
            await flood(d, house, Stop(100, "cancel", (), 1), 1)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(program())
    return house, d, time.monotonic() - started


def test_c09_ctrl_c_in_mid_flood_shuts_down():
    """asyncio.run turns it into a cancel: running calls get their time, then everything is accounted for."""
    house, d, took = ended_by(lambda: signal.raise_signal(signal.SIGINT), 1, exit_s=0.05)
    house.settled(d)
    assert took < 5


def test_c09_a_second_ctrl_c_does_not_hang():
    """The second breaks into the loop itself; the program ends all the same, and soon."""
    house, _, took = ended_by(lambda: signal.raise_signal(signal.SIGINT), 2, exit_s=3)
    assert took < 3
    assert all(times <= 1 for times in house.cleaned.values())


def test_c09_an_act_that_raises_keyboard_interrupt_ends_the_program():
    """Inline and after a wait: it is not taken for a failure of the order alone, and all is accounted for."""

    async def program(later: bool, house: House, d: exo.Dispatcher[Wanted]) -> None:
        async with asyncio.timeout(10), d:
            for number in range(4):
                house.submit(d, str(number), "A", "def" if number != 2 else "late" if later else "now")
            await asyncio.sleep(5)

    for later in (False, True):
        house = House()

        class Interrupting(Guest):
            async def act(self, update: exo.Update[Wanted]) -> Any:
                self.begin(update)
                if self.kind in ("now", "late"):
                    if self.kind == "late":
                        await asyncio.sleep(0.001)
                    raise KeyboardInterrupt

        d = exo.Dispatcher(lambda desk: Interrupting(house, desk), hog_s=None)  # noqa: B023
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(program(later, house, d))
        assert all(times == 1 for times in house.cleaned.values())
        assert all(d.outcome(str(number)) for number in range(4))


def test_c09_no_thread_is_left_but_idle_ones_that_end():
    """After a shutdown in mid-flood with blocking delegates the watchdog and the pool's threads go."""
    before = set(threading.enumerate())
    release = threading.Event()
    cleaned: list[str] = []

    class Blocking:
        blocking = True

        def __init__(self, desk: exo.Desk[Wanted]) -> None:
            self.desk = desk

        def act(self, update: exo.Update[Wanted]) -> None:
            if self.desk.order_id == "0":
                release.wait(10)
            time.sleep(0.001)

        def clean_up(self) -> None:
            cleaned.append(self.desk.order_id)

    async def program() -> list[exo.Outcome | None]:
        async with asyncio.timeout(10):
            async with exo.Dispatcher(Blocking, exit_s=0.05, threads=3) as d:
                for number in range(8):
                    d.submit(wanted(str(number)))
                for number in range(20):
                    d.on_quote(quote(number))
                    await asyncio.sleep(0.001)
            return [d.outcome(str(number)) for number in range(8)]

    loop_result: list[Any] = []
    runner = threading.Thread(target=lambda: loop_result.append(asyncio.run(program())))
    runner.start()
    runner.join(15)
    assert not runner.is_alive(), "a thread that does not return holds up the shutdown"
    assert [outcome.end for outcome in loop_result[0]] == [End.STOPPED] * 8
    assert sorted(cleaned) == sorted(map(str, range(8)))
    release.set()
    deadline = time.monotonic() + 5
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.002)
    assert not left, left


@pytest.mark.parametrize("signals", [1, 2])
def test_c09_a_venue_that_never_answers_does_not_hold_up_the_end(signals: int):
    """unsubscribe hangs: within the deadline, or at the second signal, the program has ended, and no task is left."""

    class Hanging:
        def subscribe(self, symbol: str) -> None: ...

        async def unsubscribe(self, symbol: str) -> None:
            await asyncio.sleep(10_000)

    class Quiet:
        def __init__(self, desk: exo.Desk[Wanted]) -> None: ...

        async def act(self, update: exo.Update[Wanted]) -> None: ...

        def clean_up(self) -> None: ...

    async def program() -> None:
        async def body() -> None:
            async with exo.Dispatcher(Quiet, Hanging(), exit_s=1, hog_s=None) as d:
                d.submit(wanted("1"))
                d.submit(wanted("2", "B"))
                await asyncio.sleep(100)

        task = asyncio.create_task(body())
        await asyncio.sleep(1)
        for _ in range(signals):
            task.cancel()
            await asyncio.sleep(0.1)
        await asyncio.wait([task], timeout=3 if signals == 1 else 0.1)
        assert task.done()
        await asyncio.sleep(0.1)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left

    virtually(program())
