"""Delays: durations as people write them, exact to the nanosecond."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exo.errors import InvalidValue
from exo.flow import seeded
from exo.flow.delays import duration, duration_ns
from exo.replay import Delay, delay

HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize(
    ("text", "low_ns", "high_ns"),
    [
        ("0", 0, 0),
        ("7ns", 7, 7),
        ("5us", 5_000, 5_000),
        ("5µs", 5_000, 5_000),
        ("50ms", 50_000_000, 50_000_000),
        ("1.5s", 1_500_000_000, 1_500_000_000),
        ("0.000000001s", 1, 1),
        ("2m", 120_000_000_000, 120_000_000_000),
        ("60m", HOUR_NS, HOUR_NS),
        ("3600s", HOUR_NS, HOUR_NS),
        ("20ms-80ms", 20_000_000, 80_000_000),
        ("0-1us", 0, 1_000),
        ("5ms-5ms", 5_000_000, 5_000_000),
        ("900us-1ms", 900_000, 1_000_000),
    ],
)
def test_a_delay_is_read_exactly(text, low_ns, high_ns):
    """One duration, or a range."""
    assert delay(text) == Delay(low_ns, high_ns)


@pytest.mark.parametrize(
    ("text", "problem"),
    [(text, "expected a duration such as 50ms or 1.5s") for text in ("", "5", "ms", "-5ms", "5 ms", "1e3ms", "5h")]
    + [(text, "expected a duration") for text in (" 5ms", "5ms ", "５ms", "5MS", ".5s", "5.s", "inf", "nans", "5ms-")]
    + [(text, "expected a duration") for text in ("1ms-2ms-3ms", "0x5ms", "5_0ms", "\n5ms", "5ms\n")]
    + [("0.5ns", "expected whole nanoseconds, got 0.5ns"), ("1.0001us", "expected whole nanoseconds")]
    + [("61m", "expected at most an hour, got 61m"), ("3600.000000001s", "expected at most an hour")]
    + [("80ms-20ms", "expected a range from less to more, got 80ms-20ms")],
)
def test_what_is_no_delay_is_refused_in_one_sentence(text, problem):
    """Never read as something near it."""
    with pytest.raises(InvalidValue) as caught:
        delay(text)
    assert str(caught.value).startswith(problem)
    assert len(str(caught.value).splitlines()) == 1


@given(st.text(alphabet="0123456789.-nuµmsh \n", max_size=12))
def test_no_text_raises_anything_but_invalid_value(text):
    """And what is taken is a range within an hour."""
    try:
        read = delay(text)
    except InvalidValue:
        return
    assert 0 <= read.low_ns <= read.high_ns <= HOUR_NS


@given(st.integers(0, HOUR_NS))
def test_a_duration_is_told_as_it_is_read(ns):
    """To the nanosecond."""
    assert duration_ns(duration(ns)) == ns


@given(st.integers(0, HOUR_NS), st.integers(0, HOUR_NS))
def test_a_delay_is_told_as_it_is_read(one, other):
    """A range too."""
    given_ns = Delay(min(one, other), max(one, other))
    assert delay(str(given_ns)) == given_ns


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0"), (999, "999ns"), (1_000, "1us"), (1_500, "1.5us"), (50_000_000, "50ms"), (60_000_000_000, "60s")],
)
def test_a_duration_is_told_in_the_largest_unit(ns, text):
    """Without zeros at the end."""
    assert duration(ns) == text


@given(st.integers(0, HOUR_NS), st.integers(0, HOUR_NS), st.integers())
def test_what_is_drawn_lies_within_and_comes_from_the_seed(one, other, seed):
    """Both ends are included."""
    low_ns, high_ns = min(one, other), max(one, other)
    drawn = [Delay(low_ns, high_ns).draw_ns(seeded(seed)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert low_ns <= drawn[0] <= high_ns


def test_both_ends_of_a_range_are_drawn():
    """And all between."""
    rng = seeded(0)
    assert {Delay(2, 4).draw_ns(rng) for _ in range(100)} == {2, 3, 4}


def test_no_time_at_all_unless_told():
    """Nothing is drawn for it either."""
    rng = seeded(0)
    assert Delay().draw_ns(rng) == 0
    assert rng.random() == seeded(0).random()


@pytest.mark.parametrize("ends", [(5, 0), (-1, 0), (-2, -1), (0, -1)])
def test_a_range_from_more_to_less_or_into_the_past_is_refused(ends: tuple[int, int]) -> None:
    """When it is made, not when it is drawn from."""
    with pytest.raises(InvalidValue, match="from less to more"):
        Delay(*ends)
