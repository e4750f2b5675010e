"""Clocks, instants and seeds."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exo import flow
from exo.errors import UserError


def test_the_live_clock_is_near_the_wall_and_never_steps_back():
    """It reads nanoseconds since the epoch."""
    clock = flow.LiveClock()
    readings = [clock.now_ns() for _ in range(1000)]
    assert readings == sorted(readings)
    assert abs(readings[-1] - time.time_ns()) < 1_000_000_000


def test_a_correction_of_the_wall_clock_is_not_seen(monkeypatch: pytest.MonkeyPatch):
    """Only construction looks at the wall."""
    clock = flow.LiveClock()
    before_ns = clock.now_ns()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert clock.now_ns() >= before_ns


def test_the_live_clock_follows_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch):
    """A nanosecond there is a nanosecond here."""
    monkeypatch.setattr(time, "time_ns", lambda: 5_000)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 70)
    clock = flow.LiveClock()
    monkeypatch.setattr(time, "monotonic_ns", lambda: 71)
    assert clock.now_ns() == 5_001


def test_a_virtual_clock_stands_still_until_told():
    """It starts where documented, and goes where told."""
    clock = flow.VirtualClock()
    assert clock.now_ns() == clock.now_ns() == flow.to_ns(datetime(2024, 1, 1, tzinfo=UTC))
    clock.advance_to(flow.VIRTUAL_START_NS + 1)
    clock.advance_to(flow.VIRTUAL_START_NS + 1)
    assert clock.now_ns() == flow.VIRTUAL_START_NS + 1


def test_a_virtual_clock_refuses_to_go_back():
    """It says by how much, and stays where it was."""
    clock = flow.VirtualClock(start_ns=100)
    with pytest.raises(flow.TimeStepsBack, match="stands at 100 ns and cannot go back 1 ns") as caught:
        clock.advance_to(99)
    assert (caught.value.now_ns, caught.value.asked_ns, clock.now_ns()) == (100, 99, 100)


def test_outside_virtual_time_there_is_one_live_clock():
    """In a stock loop and without any."""

    async def clock_inside() -> flow.Clock:
        return flow.current_clock()

    assert isinstance(flow.current_clock(), flow.LiveClock)
    assert asyncio.run(clock_inside()) is flow.current_clock()


def test_in_virtual_time_the_clock_is_the_loops():
    """Components need not be told which time it is."""

    async def clock_inside() -> bool:
        loop = asyncio.get_running_loop()
        return isinstance(loop, flow.VirtualLoop) and flow.current_clock() is loop.clock

    assert flow.run_virtually(clock_inside())


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3)), ZoneInfo("Europe/London")])))
def test_an_instant_converts_there_and_back_to_the_microsecond(value: datetime):
    """Whatever its zone and fold."""
    assert flow.utc(flow.to_ns(value)) == value.astimezone(UTC)


def test_an_instant_is_cut_to_the_microsecond():
    """Before the epoch too: towards the past."""
    assert flow.utc(1_999) == datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert flow.utc(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert flow.to_ns(datetime(2262, 1, 1, 0, 0, 0, 1, tzinfo=UTC)) == 9_214_646_400_000_001_000


def test_a_datetime_without_zone_is_refused():
    """It names no instant, and the error says what to do."""
    with pytest.raises(
        flow.NaiveDatetime, match=r"2024-01-01 00:00:00 has no time zone .* tzinfo=datetime.UTC"
    ) as caught:
        flow.to_ns(datetime(2024, 1, 1))
    assert isinstance(caught.value, UserError)


def test_the_same_seed_gives_the_same_numbers():
    """Another gives others."""
    assert flow.seeded(7).random() == flow.seeded(7).random() != flow.seeded("7").random()


@pytest.mark.parametrize("seed", [None, 1.5, object()])
def test_a_seed_that_cannot_be_repeated_is_refused(seed: object):
    """None would be a number from the system."""
    with pytest.raises(TypeError, match="a seed is an int or a str, not"):
        flow.seeded(seed)  # type: ignore[arg-type]
