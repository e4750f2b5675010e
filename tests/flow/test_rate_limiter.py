"""Sliding windows: exact, several at once, and fair."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exo.errors import UserError
from exo.flow import (
    VIRTUAL_START_NS,
    BadWeight,
    BadWindow,
    NeverAdmitted,
    RateLimiter,
    VirtualLoop,
    Window,
    current_clock,
    run_virtually,
)

S = 1_000_000_000
Event = tuple[int, tuple[int, ...]]  # when, and the weight in each window


def elapsed_ns() -> int:
    return current_clock().now_ns() - VIRTUAL_START_NS


def admits(windows: tuple[Window, ...], events: list[Event], weights: tuple[int, ...], now_ns: int) -> bool:
    """Whether the weights fit at that time: the definition, without any cleverness."""
    return all(
        weights[index] + sum(event[index] for at_ns, event in events if now_ns < at_ns + window.interval_ns)
        <= window.limit
        for index, window in enumerate(windows)
    )


def assert_never_exceeded(windows: tuple[Window, ...], events: list[Event]) -> None:
    """A stretch of time that holds too much can be moved to begin at an event."""
    for index, window in enumerate(windows):
        for start_ns, _ in events:
            end_ns = start_ns + window.interval_ns
            assert sum(event[index] for at_ns, event in events if start_ns <= at_ns < end_ns) <= window.limit


def test_the_original_cases_hold(shared: Path):
    """The limiter does what the Go original's test, which it skips, asks for."""
    case = json.loads((shared / "data/vectors/mkt_cases.shared.json").read_text())["rate_limiter"][0]

    async def play() -> None:
        limiter = RateLimiter(Window(case["n"], case["interval_s"]))
        for step, expected in case["steps"]:
            time_s = float(step.removeprefix("t=").removesuffix(" try"))
            await asyncio.sleep(time_s - asyncio.get_running_loop().time())
            assert limiter.try_acquire() is expected, step

    run_virtually(play())


def test_an_event_counts_until_just_before_its_interval_has_passed():
    """To the nanosecond."""

    async def program() -> None:
        limiter = RateLimiter(Window(1, 1))
        assert limiter.try_acquire()
        await asyncio.sleep(1 - 1e-9)
        assert not limiter.try_acquire()
        await asyncio.sleep(1e-9)
        assert limiter.try_acquire()

    run_virtually(program())


def test_all_windows_must_admit_or_nothing_is_taken():
    """Ten a second, and twelve in ten seconds."""

    async def program() -> None:
        limiter = RateLimiter(Window(10, 1), Window(12, 10))
        assert limiter.try_acquire(10)
        await asyncio.sleep(1)
        assert not limiter.try_acquire(3)
        assert limiter.available() == (10, 2)
        assert limiter.try_acquire(2)
        assert limiter.available() == (8, 0)

    run_virtually(program())


def test_a_weight_may_differ_by_window():
    """One order may cost many requests, or none."""

    async def program() -> None:
        limiter = RateLimiter(Window(2, 10), Window(100, 60))
        assert limiter.try_acquire((1, 70))
        assert not limiter.try_acquire((1, 40))
        assert limiter.try_acquire((0, 30))
        assert limiter.try_acquire((1, 0))
        assert limiter.available() == (0, 0)

    run_virtually(program())


def test_without_windows_nothing_is_limited():
    """Nor delayed."""
    limiter = RateLimiter()
    assert limiter.try_acquire(1000)
    assert (limiter.available(), limiter.delay_s()) == ((), 0.0)


def test_outside_a_loop_the_live_clock_counts():
    """A synchronous program may try."""
    limiter = RateLimiter(Window(1, 3600))
    assert [limiter.try_acquire(), limiter.try_acquire()] == [True, False]
    assert 3590 < limiter.delay_s() <= 3600


def test_in_a_stock_loop_waiting_works():
    """In real time."""

    async def program() -> float:
        limiter = RateLimiter(Window(1, 0.002))
        started_ns = current_clock().now_ns()
        async with asyncio.timeout(10):
            for _ in range(3):
                await limiter.acquire()
        return (current_clock().now_ns() - started_ns) / S

    assert asyncio.run(program()) >= 0.004


@pytest.mark.parametrize(
    ("limit", "interval_s"),
    [(0, 1), (-1, 1), (1.5, 1), (1, 0), (1, -1), (1, math.inf), (1, math.nan), (1, 1e-10)],
)
def test_a_window_that_makes_no_sense_is_refused(limit: Any, interval_s: float):
    """The error has what was given and says what to give."""
    with pytest.raises(BadWindow, match="give a whole limit of at least 1 and a finite interval") as caught:
        Window(limit, interval_s)
    assert isinstance(caught.value, UserError)
    assert caught.value.limit == limit


def test_a_window_is_a_value():
    """Frozen, compared by value, in whole nanoseconds."""
    assert Window(5, 0.1) == Window(5, 0.1)
    assert {Window(5, 0.1): 1}[Window(5, 0.1)] == 1
    assert Window(5, 0.1).interval_ns == 100_000_000


@pytest.mark.parametrize("weight", [-1, 1.5, (1,), (1, 2, 3), (1, -1), "1"])
def test_a_weight_that_is_none_is_refused(weight: Any):
    """The error says how many there must be."""
    with pytest.raises(BadWeight, match="a tuple of 2, one per window"):
        RateLimiter(Window(5, 1), Window(5, 1)).try_acquire(weight)


def test_a_weight_beyond_a_limit_is_refused_at_once():
    """It would wait for ever; one that is just the limit would not."""

    async def program() -> None:
        limiter = RateLimiter(Window(10, 1), Window(5, 1))
        message = "a weight of 6 is beyond the window of 5 in 1 s and would wait for ever: split"
        with pytest.raises(NeverAdmitted, match=message) as caught:
            await limiter.acquire((10, 6))
        assert (caught.value.weight, caught.value.window) == (6, Window(5, 1))
        for ask in (limiter.try_acquire, limiter.delay_s):
            with pytest.raises(NeverAdmitted):
                ask(6)
        await limiter.acquire((10, 5))

    run_virtually(program())


windows = st.lists(
    st.builds(Window, st.integers(1, 6), st.sampled_from([0.001, 0.1, 1, 3, 7.25])), min_size=1, max_size=3
).map(tuple)


@st.composite
def windows_and_asks(draw: st.DrawFn) -> tuple[tuple[Window, ...], list[tuple[float, tuple[int, ...]]]]:
    """Windows, and for each ask how long after the one before it comes and what it weighs."""
    drawn = draw(windows)
    weights = st.tuples(*(st.integers(0, window.limit) for window in drawn))
    pause_s = st.sampled_from([0, 0, 1e-9, 0.001, 0.05, 0.1, 0.5, 1, 3])
    return drawn, draw(st.lists(st.tuples(pause_s, weights), max_size=25))


@given(windows_and_asks())
@settings(max_examples=100, deadline=None)
def test_it_admits_what_the_definition_admits(drawn: Any):
    """No more and no less, at whatever times; what is available and the delay agree."""
    windows, asks = drawn

    async def program() -> None:
        limiter = RateLimiter(*windows)
        events: list[Event] = []
        for pause_s, weights in asks:
            await asyncio.sleep(pause_s)
            now_ns = elapsed_ns()
            expected = admits(windows, events, weights, now_ns)
            assert (limiter.delay_s(weights) == 0) is expected
            available = limiter.available()
            assert all(
                admits(windows[i : i + 1], [(at_ns, (event[i],)) for at_ns, event in events], (free,), now_ns)
                for i, free in enumerate(available)
            )
            assert expected is all(weight <= free for weight, free in zip(weights, available, strict=True))
            assert limiter.try_acquire(weights) is expected
            if expected:
                events.append((now_ns, weights))
        assert_never_exceeded(windows, events)

    run_virtually(program())


@given(windows_and_asks())
@settings(max_examples=100, deadline=None)
def test_one_who_waits_alone_waits_no_longer_than_needed(drawn: Any):
    """It goes ahead when the delay said, and a nanosecond sooner would have been too soon."""
    windows, asks = drawn

    async def program() -> None:
        limiter = RateLimiter(*windows)
        events: list[Event] = []
        for pause_s, weights in asks:
            await asyncio.sleep(pause_s)
            asked_ns = elapsed_ns()
            delay_s = limiter.delay_s(weights)
            await limiter.acquire(weights)
            now_ns = elapsed_ns()
            assert now_ns - asked_ns == round(delay_s * S)
            assert now_ns == asked_ns or not admits(windows, events, weights, now_ns - 1)
            events.append((now_ns, weights))
        assert_never_exceeded(windows, events)

    run_virtually(program())


@given(windows_and_asks())
@settings(max_examples=100, deadline=None)
def test_c06_those_who_wait_go_in_the_order_they_came_and_when_they_were_told(drawn: Any):
    """However light a later one is; the delay told includes all who were ahead."""
    windows, asks = drawn

    async def program() -> None:
        limiter = RateLimiter(*windows)
        events: list[Event] = []
        order: list[int] = []

        async def ask(number: int, weights: tuple[int, ...]) -> None:
            due_ns = elapsed_ns() + round(limiter.delay_s(weights) * S)
            await limiter.acquire(weights)
            assert elapsed_ns() == due_ns
            order.append(number)
            events.append((elapsed_ns(), weights))

        async with asyncio.TaskGroup() as group:
            for number, (pause_s, weights) in enumerate(asks):
                await asyncio.sleep(pause_s)
                group.create_task(ask(number, weights))
        assert order == sorted(order)
        assert_never_exceeded(windows, events)

    run_virtually(program())


@given(windows_and_asks(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_c06_whoever_is_cancelled_the_others_are_served_in_order(drawn: Any, random: Any):
    """A cancelled waiter takes nothing, and nobody waits for it."""
    windows, asks = drawn

    async def program() -> None:
        limiter = RateLimiter(*windows)
        events: list[Event] = []
        order: list[int] = []

        async def ask(number: int, weights: tuple[int, ...]) -> None:
            await limiter.acquire(weights)
            order.append(number)
            events.append((elapsed_ns(), weights))

        tasks: list[asyncio.Task[None]] = []
        for number, (pause_s, weights) in enumerate(asks):
            tasks.append(asyncio.create_task(ask(number, weights)))
            await asyncio.sleep(pause_s)
            if random.random() < 0.4:
                random.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == [number for number, task in enumerate(tasks) if not task.cancelled()]
        assert_never_exceeded(windows, events)
        await asyncio.sleep(10)
        assert limiter.available() == tuple(window.limit for window in windows)

    run_virtually(program())


def test_a_try_never_overtakes_those_who_wait():
    """Though it would fit."""

    async def program() -> None:
        limiter = RateLimiter(Window(10, 1))
        assert limiter.try_acquire(6)
        waiter = asyncio.create_task(limiter.acquire(6))
        await asyncio.sleep(0)
        assert limiter.available() == (4,)
        assert not limiter.try_acquire(1)
        waiter.cancel()
        await asyncio.sleep(0)
        assert limiter.try_acquire(1)

    run_virtually(program())


@pytest.mark.parametrize("woken", [False, True], ids=["before its turn", "in its turn"])
def test_a_cancelled_waiter_gives_its_place_to_the_next(woken: bool):
    """Even when it was just about to go ahead; what it asked for is not taken."""

    async def program() -> float:
        loop = asyncio.get_running_loop()
        limiter = RateLimiter(Window(1, 1))
        assert limiter.try_acquire()
        first, second = (asyncio.create_task(limiter.acquire()) for _ in range(2))
        await asyncio.sleep(0)
        # Set after the limiter's timer and before the waiter runs: it has been woken when it is cancelled.
        loop.call_later(1 if woken else 0.5, first.cancel)
        await second
        assert first.cancelled()
        return loop.time()

    assert run_virtually(program()) == 1.0


def test_a_waiter_cancelled_just_before_its_turn_is_not_woken():
    """Though both fall due in the same turn of the loop."""

    async def program() -> tuple[float, list[object]]:
        loop = asyncio.get_running_loop()
        problems: list[object] = []
        loop.set_exception_handler(lambda loop, context: problems.append(context))
        limiter = RateLimiter(Window(1, 1))
        assert limiter.try_acquire()
        first, second = (asyncio.create_task(limiter.acquire()) for _ in range(2))
        loop.call_later(1, first.cancel)  # before the waiter runs and sets the limiter's timer, so that it comes first
        await second
        assert first.cancelled()
        return loop.time(), problems

    assert run_virtually(program()) == (1.0, [])


def test_one_timer_serves_all_who_wait():
    """However many they are, and none is left when they are gone."""

    async def program() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)

        def timers() -> int:
            return sum(not timer.cancelled() for timer in loop._scheduled)

        limiter = RateLimiter(Window(1, 1))
        waiters = [asyncio.create_task(limiter.acquire()) for _ in range(100)]
        await asyncio.sleep(0)
        assert timers() == 1
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        assert timers() == 0

    run_virtually(program())


def test_c11_memory_follows_the_limit_and_not_the_calls():
    """Refused calls, and those whose time has passed, leave nothing."""

    async def program() -> None:
        limiter = RateLimiter(Window(5, 1), Window(3, 0.001))
        for _ in range(1000):
            limiter.try_acquire((1, 0))
            limiter.try_acquire((0, 1))
            limiter.try_acquire((0, 0))
            await asyncio.sleep(0.0004)
        assert [len(count.events) for count in limiter._counts] <= [5, 3]
        assert not limiter._line

    run_virtually(program())
