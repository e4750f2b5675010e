"""venue_conformance of market data: exo's adapters pass, and feeds that are broken in any one way do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

import exo
from exo.errors import InvalidValue
from exo.mkt import Quote
from exo.testing import Conformance, ExchangeRig, MarketRig, PaperRig, Rig, venue_conformance
from exo.testing.conformance_cases import CASES
from exo.testing.exchange import ServedExchange
from exo.testing.market_cases import MARKET_CASES
from exo.venue import PaperVenue
from exo.venue.numbering import Numbering, Verdict
from tests.testing import broken
from tests.testing.broken import Between, BrokenRig, Faultless, Uncounting

VENUES = ["binance", "binance-usdm", "bitmex", "coinbase"]
SKIPPED = {"bitmex": {"M43"}}


def virtually(make: Callable[[], Any], only: str = "") -> Conformance:
    """The cases in virtual time, half an hour of it at most."""
    results = exo.run_virtually(venue_conformance(make, only), until_s=1800)
    assert results is not None, "it still waits"
    return results


def check_all(results: Conformance, skipped: set[str]) -> None:
    """All have passed but those that are to be skipped."""
    assert results.passed, f"\n{results}"
    assert {result.number for result in results.results if result.skipped} == skipped
    assert [result.number for result in results.results] == list(MARKET_CASES)


def test_the_adapters_conform_over_real_sockets() -> None:
    """Each at an exchange in a process of its own, with a heartbeat of 0.2 s, or what Binance's limits allow."""

    async def program(venue: str, served: ServedExchange) -> Conformance:
        async with asyncio.timeout(55):
            return await venue_conformance(lambda: ExchangeRig(venue, served))

    def tried(venue: str) -> Conformance:
        with ExchangeRig.serve(venue) as served:
            return asyncio.run(program(venue, served))

    with ThreadPoolExecutor() as pool:  # most of it is waiting
        for venue, results in zip(VENUES, pool.map(tried, VENUES), strict=True):
            check_all(results, SKIPPED.get(venue, set()))


@pytest.mark.parametrize("venue", VENUES)
def test_the_adapters_conform_in_virtual_time(venue: str) -> None:
    """In memory, in less than a second."""
    check_all(virtually(lambda: ExchangeRig(venue)), SKIPPED.get(venue, set()))


@pytest.mark.parametrize("venue", ["bitmex", "coinbase"])
def test_without_listings_the_venue_s_own_words_say_what_is_not_listed(venue: str) -> None:
    """Where it has some: Binance acknowledges what it does not list, and says no more of it."""
    check_all(virtually(lambda: ExchangeRig(venue, listings=False)), SKIPPED.get(venue, set()))
    without = virtually(lambda: ExchangeRig("binance", listings=False))
    assert [result.number for result in without.results if result.problem] == ["M26"]


FAILS: list[tuple[str, Any, str]] = [
    ("M01", broken.LiveAtOnce, "states"),
    ("M01", broken.LiveAlways, "states"),
    ("M01", broken.QuotesAtOnce, "came before it was LIVE"),
    ("M01", broken.WithoutWords, "without words"),
    ("M02", broken.SwapsSides, "the last Quote"),
    ("M02", broken.SwapsSizes, "the last Quote"),
    ("M02", broken.StampsTooEarly, "before it was shown"),
    ("M02", broken.StampsInTheFuture, "yet to come"),
    ("M03", broken.Rounds, "the last Quote"),
    ("M03", broken.ThroughFloats, "the last Quote"),
    ("M03", broken.GivesFloats, "the last Trade"),
    ("M04", broken.LooksAtPricesOnly, "the last Quote"),
    ("M05", broken.EmptyIsZero, "the last Quote"),
    ("M05", broken.KeepsTheLastBid, "the last Quote"),
    ("M06", broken.Uncrosses, "the last Quote"),
    ("M10", broken.Loses, "the last Trade"),
    ("M10", broken.Doubles, "trades: expected"),
    ("M10", broken.NoAggressor, "the last Trade"),
    ("M10", broken.NoIds, "they need an id each"),
    ("M10", broken.SkipsNumbers, "not numbered one by one"),
    ("M10", broken.NoStamps, "receive time is missing"),
    ("M11", broken.Late, "the last Quote"),
    ("M11", broken.Loses, "trades: expected"),
    ("M12", broken.MixesSymbols, "the last Quote"),
    ("M12", broken.TellsMore, "is not subscribed"),
    ("M13", broken.DeliversEach, "in the middle of a read"),
    ("M13", broken.NeverDelivers, "not delivered"),
    ("M14", broken.StampsTooEarly, "before it was shown"),
    ("M14", broken.StampsTradesTooEarly, "before it was shown"),
    ("M20", broken.NeverUnsubscribes, "news of"),
    ("M21", broken.SubscribesOnce, "no fresh quote"),
    ("M22", broken.UnsubscribesLate, "no fresh quote"),
    ("M22", broken.BeginsAnew, "no fresh quote"),
    ("M23", broken.BeginsAnew, "no fresh quote"),
    ("M24", broken.Strict, "ValueError"),
    ("M25", broken.Disturbs, "was disturbed"),
    ("M26", broken.LiveAlways, "is refused"),
    ("M26", broken.Disturbs, "expected FeedState.DOWN"),
    ("M30", broken.QuietIsSilent, "statuses of a quiet market"),
    ("M31", broken.NeverDown, "is not LIVE"),
    ("M31", broken.TellsTheOldQuote, "a quote of before"),
    ("M31", broken.GivesUp, "is not LIVE"),
    ("M32", broken.NeverDown, "is SILENT"),
    ("M32", broken.SilentIsDown, "is SILENT"),
    ("M32", broken.SilentLate, "after the heartbeat"),
    ("M33", broken.DeafWhileDown, "no fresh quote"),
    ("M33", broken.NeverUnsubscribes, "quotes of"),
    ("M34", broken.GivesUp, "no fresh quote"),
    ("M35", broken.LiveAtOnce, "while it is refused"),
    ("M36", broken.GivesUp, "no fresh quote"),
    ("M40", broken.Loses, "the last Trade"),
    ("M41", broken.Loses, "the last Trade"),
    ("M42", broken.Repeats, "trades: expected"),
    ("M43", broken.WithoutGaps, "told no GAP"),
    ("M43", broken.GapTooLate, "told no GAP"),
    ("M44", broken.DropsTheLate, "both trades"),
    ("M45", broken.StampsWhenSent, "before they came"),
    ("M45", broken.Loses, "trades: expected"),
    ("M50", broken.TellsAfterwards, "told after it was closed"),
    ("M50", broken.LeavesATask, "no task of it is left"),
    ("M51", broken.ClosesSlowly, "it took"),
    ("M51", broken.LeavesATask, "no task of it is left"),
]


@pytest.mark.parametrize(("number", "feed", "words"), FAILS, ids=[f"{n} {feed.__name__}" for n, feed, _ in FAILS])
def test_a_feed_that_is_broken_fails_the_case_that_is_about_it(number: str, feed: Any, words: str) -> None:
    """With words that say what is wrong; at one venue or another."""
    venue = "coinbase" if number == "M34" else "binance"  # Binance says that it will end, and is left before it does
    [result] = virtually(lambda: BrokenRig(venue, feed), number).results
    assert words in result.problem and not result.skipped, result


def test_every_case_was_seen_to_fail() -> None:
    """And a feed that passes everything on passes them all."""
    assert {number for number, _, _ in FAILS} == set(MARKET_CASES)
    check_all(virtually(lambda: BrokenRig("coinbase", Between)), set())


def test_a_feed_that_does_not_look_at_numbers_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes what comes twice for news, and sees nothing missing."""
    monkeypatch.setattr(Numbering, "trade", lambda self, trade, counter: Verdict(True, False))
    failed = {result.number for result in virtually(lambda: ExchangeRig("binance"), "M4").results if result.problem}
    assert failed == {"M42", "M43"}


def test_what_cannot_be_read_must_be_counted() -> None:
    """Bytes and pages alike."""
    results = virtually(lambda: Uncounting("bitmex"), "M4").results
    assert [r.number for r in results if "could not read" in r.problem] == ["M40", "M41"]


def test_what_a_rig_cannot_do_is_skipped_with_its_reason() -> None:
    """The other cases are tried."""
    results = virtually(lambda: Faultless("binance"))
    assert results.passed
    skipped = {result.number: result.problem for result in results.results if result.skipped}
    assert len(skipped) == 13 and skipped["M31"] == "no DROP here"


class Both(ExchangeRig):
    """A venue of which orders and market data are tried."""

    def __init__(self) -> None:
        super().__init__("coinbase")
        self.venue = PaperVenue()

    async def show(self, symbol: str, bid_px: int, ask_px: int, size: Decimal) -> None:
        self.venue.on_quote(Quote(symbol, Decimal(bid_px), size, Decimal(ask_px), size))


def test_a_rig_of_both_is_tried_for_both() -> None:
    """A rig of one is tried for that."""
    assert isinstance(Both(), Rig) and isinstance(Both(), MarketRig)
    assert not isinstance(PaperRig(), MarketRig) and not isinstance(ExchangeRig("bitmex"), Rig)
    results = virtually(Both)
    assert results.passed, f"\n{results}"
    assert [result.number for result in results.results] == [*CASES, *MARKET_CASES]


def test_what_is_no_rig_is_refused() -> None:
    """Before anything is tried; nor is there a rig of a venue that nobody knows."""
    with pytest.raises(InvalidValue, match="Rig"):
        virtually(object)
    with pytest.raises(InvalidValue, match="venue"):
        ExchangeRig("nyse")


def test_a_rig_that_cannot_start_fails_every_case() -> None:
    """With the reason, and is stopped."""
    stopped = 0

    class Unstarted(ExchangeRig):
        async def start(self) -> None:
            raise OSError("no way there")

        async def stop(self) -> None:
            nonlocal stopped
            stopped += 1
            await super().stop()

    results = virtually(lambda: Unstarted("coinbase"), "M0").results
    assert {result.problem for result in results} == {"OSError: no way there"}
    assert stopped == len(results) == 6
