"""Surveys: what there is in some ticks, found out before anything is played."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exo
from exo.errors import InvalidValue, UserError
from exo.replay import NoQuotes, Survey, Tick, TickFile, survey
from exo.replay.survey import SESSION_GAP_NS, Extent

HOUR_NS = 3_600_000_000_000


def quote(at_ns: int | None, symbol: str = "A") -> exo.Quote:
    return exo.Quote(symbol, Decimal(1), None, Decimal(2), None, received_ns=at_ns)


def trade(at_ns: int | None, symbol: str = "A") -> exo.Trade:
    return exo.Trade(symbol, Decimal(1), Decimal(1), received_ns=at_ns)


def test_a_survey_has_the_extent_and_the_quotes_of_each_symbol():
    """In the order of their first quotes; a symbol that only trades has no market."""
    ticks = [trade(3, "C"), quote(5, "B"), quote(5), trade(6, "B"), quote(9, "B")]
    assert survey(ticks) == Survey(ticks=5, first_ns=3, last_ns=9, quotes={"B": 2, "A": 1}, sessions=((3, 9),))
    assert list(survey(ticks).quotes) == ["B", "A"]


def test_over_an_hour_without_a_tick_ends_a_session():
    """An hour to the nanosecond does not."""
    assert SESSION_GAP_NS == HOUR_NS
    assert survey([quote(0), quote(HOUR_NS)]).sessions == ((0, HOUR_NS),)
    assert survey([quote(0), quote(HOUR_NS + 1)]).sessions == ((0, 0), (HOUR_NS + 1, HOUR_NS + 1))
    ticks = [trade(7), quote(9), quote(9 + 2 * HOUR_NS), trade(10 + 2 * HOUR_NS), trade(30 * HOUR_NS)]
    assert survey(ticks).sessions == (
        (7, 9),
        (9 + 2 * HOUR_NS, 10 + 2 * HOUR_NS),
        (30 * HOUR_NS, 30 * HOUR_NS),
    )


@given(st.lists(st.tuples(st.integers(0, 3 * HOUR_NS), st.booleans(), st.sampled_from("AB")), max_size=30))
def test_a_survey_is_what_a_plain_look_finds(steps):
    """For any gaps."""
    ticks: list[Tick] = []
    at_ns = 0
    for gap_ns, is_quote, symbol in steps:
        at_ns += gap_ns
        ticks.append(quote(at_ns, symbol) if is_quote else trade(at_ns, symbol))
    quotes = [tick.symbol for tick in ticks if isinstance(tick, exo.Quote)]
    if not quotes:
        with pytest.raises(NoQuotes):
            survey(ticks)
        return
    times = [tick.received_ns or 0 for tick in ticks]
    ends = [n for n in range(len(times)) if n + 1 == len(times) or times[n + 1] - times[n] > HOUR_NS]
    begins = [0, *(n + 1 for n in ends[:-1])]
    assert survey(ticks) == Survey(
        ticks=len(ticks),
        first_ns=times[0],
        last_ns=times[-1],
        quotes={symbol: quotes.count(symbol) for symbol in set(quotes)},
        sessions=tuple((times[begin], times[end]) for begin, end in zip(begins, ends, strict=True)),
    )


@pytest.mark.parametrize("ticks", [[], [trade(0)], [trade(0), trade(2 * HOUR_NS)]])
def test_ticks_without_a_quote_are_refused(ticks):
    """No order could arrive; that is the caller's to mend."""
    with pytest.raises(NoQuotes, match="there are no quotes to replay") as caught:
        survey(ticks)
    assert isinstance(caught.value, UserError)


def test_ticks_out_of_order_are_refused():
    """The tick is told by its number, also after a gap."""
    with pytest.raises(InvalidValue, match=r"expected tick 2 no earlier than 1, got 0 at \$\.receivedNs"):
        survey([quote(1), quote(0)])
    with pytest.raises(InvalidValue, match=r"expected tick 3 no earlier than"):
        survey([quote(1), quote(1 + 2 * HOUR_NS), trade(2 * HOUR_NS)])


def test_a_tick_without_a_time_is_refused():
    """A quote or a trade."""
    with pytest.raises(InvalidValue, match=r"when tick 1 was received, got null at \$\.receivedNs"):
        survey([quote(None)])
    with pytest.raises(InvalidValue, match="when tick 3 was received"):
        survey([quote(1), quote(2), trade(None)])


def test_an_extent_is_used_where_there_is_one():
    """A file's is quicker to find."""

    class Known(list[Tick]):
        def extent(self):
            extent = Extent()
            extent.add([1, 2], ["A", "B"], [True, True])
            return extent

    assert survey(Known()).quotes == {"A": 1, "B": 1}


@given(st.lists(st.tuples(st.integers(0, 2 * HOUR_NS), st.booleans(), st.sampled_from("AB"))), st.randoms())
def test_an_extent_is_the_same_however_its_ticks_are_cut_into_runs(steps, rng):
    """Also one to which a run was refused."""
    times, heads = 0, []
    for gap_ns, is_quote, symbol in steps:
        times += gap_ns
        heads.append((times, symbol, is_quote))
    whole, pieces = Extent(), Extent()
    whole.add_heads(heads)
    at = 0
    while at < len(heads):
        run = heads[at : at + rng.randint(1, 5)]
        if at:
            with pytest.raises(InvalidValue):
                pieces.add([heads[at - 1][0], heads[at - 1][0] - 1], ["C", "C"], [True, True])
        pieces.add_heads(run)
        at += len(run)
    for name in Extent.__slots__:
        assert getattr(pieces, name) == getattr(whole, name), name
        assert list(getattr(whole, name)) == list(getattr(pieces, name)) if name != "ticks" else True


@pytest.mark.parametrize("name", ["bitmex_20210722", "cme_es_mbp1_20240701", "coinbase_20210417"])
def test_the_survey_of_a_file_is_that_of_its_ticks(shared, name):
    """Which are read another way."""
    file = TickFile(shared / "data" / "ticks" / f"{name}.shared.csv.gz")
    assert survey(file) == survey(list(file))
