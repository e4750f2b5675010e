"""A virtual loop skips to a time only when nothing can happen until then."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exo.flow import VIRTUAL_START_NS, run_virtually
from exo.replay.player import reach


def skipping(test: Any) -> Any:
    """Run a test in virtual time, with its loop; the test's own name and docstring stay."""

    def run() -> None:
        async def body() -> None:
            await test(asyncio.get_running_loop())

        run_virtually(body(), until_s=10)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@skipping
async def test_with_nothing_to_do_it_is_that_time_at_once(loop):
    """To the nanosecond; and again the same time is no step."""
    assert loop.skip_to(VIRTUAL_START_NS + 7)
    assert loop.clock.now_ns() == VIRTUAL_START_NS + 7
    assert loop.skip_to(VIRTUAL_START_NS + 7)


@skipping
async def test_a_time_that_has_passed_is_not_skipped_to(loop):
    """Time does not step back."""
    assert loop.skip_to(VIRTUAL_START_NS + 7)
    assert not loop.skip_to(VIRTUAL_START_NS + 6)
    assert loop.clock.now_ns() == VIRTUAL_START_NS + 7


@skipping
async def test_a_timer_is_not_skipped_over_nor_to(loop):
    """What is due at the very time happens first; the one before it can be skipped to."""
    fired = []
    loop.call_at(1.0, fired.append, "timer")
    assert not loop.skip_to(VIRTUAL_START_NS + 1_000_000_001)
    assert not loop.skip_to(VIRTUAL_START_NS + 1_000_000_000)
    assert loop.skip_to(VIRTUAL_START_NS + 999_999_999)
    assert fired == []
    await asyncio.sleep(1e-9)
    assert fired == ["timer"]


@skipping
async def test_what_is_ready_to_run_is_not_skipped_over(loop):
    """It happens at the time it is."""
    times = []
    loop.call_soon(lambda: times.append(loop.time()))
    assert loop.ready
    assert not loop.skip_to(VIRTUAL_START_NS + 7)
    await asyncio.sleep(0)
    assert times == [0.0]
    assert not loop.ready


@skipping
async def test_a_job_is_not_skipped_over(loop):
    """Time stands still until it has ended."""
    asked = threading.Event()
    job = loop.run_in_executor(None, asked.wait)
    assert not loop.ready and not loop.skip_to(VIRTUAL_START_NS + 7)
    asked.set()
    await job
    await asyncio.sleep(1)  # no time passes before the loop knows that it has ended
    assert loop.skip_to(VIRTUAL_START_NS + 1_000_000_007)


@given(
    timers=st.lists(st.integers(0, 50), max_size=20),
    reached=st.lists(st.integers(0, 50), max_size=20).map(sorted),
)
def test_to_reach_a_time_is_to_have_had_all_that_was_due_by_then(timers, reached):
    """Whatever is due when: timers fire at their own time, in order, and before whoever reaches it goes on."""
    happened: list[tuple[int, str]] = []

    async def program() -> None:
        loop: Any = asyncio.get_running_loop()

        def now_ns() -> int:
            return int(loop.clock.now_ns()) - VIRTUAL_START_NS

        for due in timers:
            loop.call_at(due / 1e9, lambda due=due: happened.append((now_ns(), f"timer {due}")))
        for at in reached:
            await reach(VIRTUAL_START_NS + at)
            happened.append((now_ns(), "reached"))
        await asyncio.sleep(1)

    run_virtually(program())
    expected = [(at, f"timer {at}") for at in timers] + [(at, "reached") for at in reached]
    assert sorted(happened) == sorted(expected)
    assert [at for at, _ in happened] == sorted(at for at, _ in happened)
    for at in {at for at in reached if at}:
        names = [name for when, name in happened if when == at]
        assert names == sorted(names, reverse=True), "timers first"


def test_to_reach_a_time_on_a_live_loop_is_to_sleep(monkeypatch: pytest.MonkeyPatch):
    """For as long as it is until then."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)

    async def program() -> None:
        from exo.flow import current_clock

        await reach(current_clock().now_ns() + 3_600_000_000_000)
        await reach(0)

    asyncio.run(program())
    [waited] = slept
    assert 3_590 < waited <= 3_600
