"""Update: everything that passed since an order last looked, in one package."""

from __future__ import annotations

from typing import Generic, TypeVar

from exo.mkt.order import Instruction, Order
from exo.mkt.quote import Quote
from exo.mkt.report import Report
from exo.mkt.span import Passed, Span, TradeSpan, span_of
from exo.mkt.status import FeedStatus
from exo.mkt.value import Frozen

OrderT_co = TypeVar("OrderT_co", bound=Order, covariant=True)


class Update(Frozen, Generic[OrderT_co], kw_only=False, omit_defaults=False):
    """What passed since the last look, and the latest quote; frozen, and shared by orders that saw the same (C12).

    `quote` is the latest known, None before the first; `status` what the feed last said of its data. `passed` is the
    run of ticks since the last look, None without any: read it as `span` and `trade`. `facts` are the instructions and
    reports, all of them, once, in order of arrival. `woken` tells that a wake-up asked for at the desk is due.
    `now_ns` is when the update was made. `recovered` marks the first update after a restart, `away` the time (from,
    to, in ns) the order was unattended.
    """

    symbol: str
    now_ns: int
    quote: Quote | None
    status: FeedStatus | None
    passed: Passed | None
    facts: tuple[Instruction[OrderT_co] | Report, ...] = ()
    woken: bool = False
    recovered: bool = False
    away: tuple[int, int] | None = None

    @property
    def span(self) -> Span | None:
        """What conflation would lose of the ticks since the last look; None if there were none."""
        return None if self.passed is None else span_of(self.passed)

    @property
    def trade(self) -> TradeSpan | None:
        """The trades since the last look; None if there were none."""
        passed = self.passed
        if passed is None or type(passed) is Quote:
            return None
        return span_of(passed).trade

    @property
    def instructions(self) -> tuple[Instruction[OrderT_co], ...]:
        """The facts from the order's owner, in order."""
        return tuple(fact for fact in self.facts if isinstance(fact, Instruction))

    @property
    def reports(self) -> tuple[Report, ...]:
        """The facts from the venue, in order."""
        return tuple(fact for fact in self.facts if isinstance(fact, Report))

    @property
    def age_s(self) -> float | None:
        """Seconds from the quote's receipt to this update; None if either is not known (contract C16)."""
        if self.quote is None or self.quote.received_ns is None:
            return None
        return (self.now_ns - self.quote.received_ns) / 1e9

    @property
    def stale(self) -> bool:
        """Whether the feed says that its data must not be traded on; a quiet market is not stale (contract C16)."""
        return self.status is not None and self.status.stale

    @property
    def gaps(self) -> int:
        """How often since the last look the feed said that data was missing."""
        return 0 if self.passed is None else span_of(self.passed).gaps

    @property
    def quote_before_facts(self) -> bool:
        """Whether the quote was received before the latest fact, and so may not show its effect (contract C5)."""
        if self.quote is None or self.quote.received_ns is None:
            return bool(self.facts)
        received = [fact.received_ns for fact in self.facts if fact.received_ns is not None]
        return bool(received) and max(received) > self.quote.received_ns
