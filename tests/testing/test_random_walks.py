"""Synthetic markets."""

from __future__ import annotations

from itertools import pairwise

import pytest

import exo
from exo.errors import InvalidValue
from exo.flow import VIRTUAL_START_NS
from exo.testing import RandomWalk


def test_every_iteration_gives_the_same_ticks():
    """Another seed gives others."""
    walk = RandomWalk(["A", "B"], seconds=10, seed=1)
    assert list(walk) == list(walk)
    assert list(walk) != list(RandomWalk(["A", "B"], seconds=10, seed=2))


def test_its_ticks_are_in_order_and_in_time():
    """And of the symbols that were asked for."""
    ticks = list(RandomWalk(["A", "B"], seconds=10, start_ns=7))
    times = [tick.received_ns or 0 for tick in ticks]
    assert times == sorted(times)
    assert times[0] == 7
    assert times[-1] < 10_000_000_007
    assert {tick.symbol for tick in ticks} == {"A", "B"}


def test_its_quotes_have_two_sides_and_its_trades_are_at_one_of_them():
    """Never crossed, never below a cent."""
    quote: exo.Quote | None = None
    for tick in RandomWalk(seconds=30):
        if isinstance(tick, exo.Quote):
            quote = tick
            assert quote.bid_px is not None
            assert not (quote.crossed or quote.locked)
            assert quote.bid_px >= 0
        else:
            assert quote is not None
            assert tick.last_px == (quote.ask_px if tick.aggressor is exo.Side.BUY else quote.bid_px)


def test_it_is_calm_and_then_it_bursts():
    """About as many ticks as asked for, unevenly spread over time."""
    walk = RandomWalk(seconds=300, rate=50)
    seconds = [((tick.received_ns or 0) - VIRTUAL_START_NS) // 1_000_000_000 for tick in walk]
    counts = sorted(seconds.count(second) for second in range(300))
    assert 0.7 < len(seconds) / (300 * 50) < 1.3
    assert counts[-1] > 4 * counts[150]
    assert all(later >= earlier for earlier, later in pairwise(seconds))


@pytest.mark.parametrize("options", [{"seconds": 0}, {"rate": -1}, {"rate": float("inf")}, {"seconds": float("nan")}])
def test_a_market_without_extent_is_refused(options):
    """The error names what is wrong."""
    with pytest.raises(InvalidValue, match=f"more than 0, got .* at {next(iter(options))}"):
        RandomWalk(**options)


def test_a_market_without_symbols_is_refused():
    """There is nothing to trade."""
    with pytest.raises(InvalidValue, match="at least one at symbols"):
        RandomWalk([])
