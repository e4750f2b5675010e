"""Witness: what a live market says, noted on its way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from exo.cli.witness import Witness
from exo.dma import Sink
from exo.mkt import FeedState, FeedStatus, Quote, Trade
from exo.replay import NoQuotes
from tests.venue.wire.scripted import Told


class Feed:
    """A feed by hand."""

    def __init__(self) -> None:
        self.subscribed: list[str] = []
        self.sink: Any = None

    def connect(self, sink: Sink) -> None:
        self.sink = sink

    def subscribe(self, symbol: str) -> None:
        self.subscribed.append(symbol)


def quote(at_ns: int, symbol: str = "A", bid: int = 42) -> Quote:
    return Quote(symbol, Decimal(bid), Decimal(5), Decimal(bid + 1), Decimal(6), received_ns=at_ns)


@pytest.fixture
def made() -> tuple[Feed, Witness, Told]:
    feed, told = Feed(), Told()
    witness = Witness(feed, 1000)  # type: ignore[arg-type]
    witness.connect(told)
    return feed, witness, told


def test_what_passes_is_noted_and_passed_on(made: tuple[Feed, Witness, Told]) -> None:
    """Once for each read the sink may act."""
    feed, witness, told = made
    ticks = [quote(1), quote(2, "B"), Trade("A", Decimal(43), Decimal(2), received_ns=3)]
    for tick in ticks:
        (feed.sink.on_quote if isinstance(tick, Quote) else feed.sink.on_trade)(tick)
    feed.sink.deliver()
    assert told.all == [*ticks, None]
    survey = witness.survey()
    assert (survey.ticks, survey.quotes, survey.sessions) == (3, {"A": 1, "B": 1}, ((1, 3),))
    assert witness.ticks == 3 and witness.quoted == ["A", "B"]
    assert witness.course("A").quote == ticks[0]


def test_it_is_subscribed_from_the_start_and_tells_later_ones_what_stands(
    made: tuple[Feed, Witness, Told],
) -> None:
    """The first order of a symbol has a quote; the last takes nothing away."""
    feed, witness, told = made
    witness.begin(["A", "B"])
    down = FeedStatus(state=FeedState.DOWN, symbol="A", text="no connection")
    feed.sink.on_status(down)
    feed.sink.on_quote(quote(1))
    witness.subscribe("A")
    witness.unsubscribe("A")
    witness.subscribe("B")
    assert feed.subscribed == ["A", "B"]
    assert told.all == [down, quote(1)] * 2
    assert witness.stale == [down] and witness.ticks == 1


def test_two_connections_that_are_read_by_turns_are_no_step_back_in_time(
    made: tuple[Feed, Witness, Told],
) -> None:
    """As during a rollover."""
    feed, witness, _ = made
    for at_ns in (5, 3, 6):
        feed.sink.on_quote(quote(at_ns))
    assert witness.survey().sessions == ((5, 6),)


def test_nothing_grows_with_the_ticks(made: tuple[Feed, Witness, Told]) -> None:
    """But the samples, with time."""
    feed, witness, _ = made
    for n in range(5000):
        feed.sink.on_quote(quote(n, bid=n + 1))
        if n % 100 == 99:
            feed.sink.deliver()
    assert witness.survey().ticks == 5000
    assert len(witness.course("A").samples) <= 11
    assert not witness._read


def test_without_a_quote_there_is_no_survey(made: tuple[Feed, Witness, Told]) -> None:
    """Nor a market."""
    with pytest.raises(NoQuotes):
        made[1].survey()
