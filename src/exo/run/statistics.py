"""Statistics: what a dispatcher counts at all times, and the histogram it keeps ages in."""

from __future__ import annotations

from typing import Any

from exo.mkt.span import Span
from exo.mkt.value import Frozen
from exo.run.update import Update

_BITS = 4
_EXACT = 1 << _BITS
_LAST = (47 << _BITS) - 1


class Ages:
    """A histogram of ages in ns: eight steps to each power of two, so a quantile is at most an eighth too high.

    `counts` are by step: an age below 16 is its own, of another its length beyond four bits is put before these four.
    Ages of 13 days and more are counted as such.
    """

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts = [0] * (_LAST + 1)

    def quantile_ns(self, share: float) -> int | None:
        """The age that this share of the records does not exceed, rounded up to its step; None without records."""
        left = share * sum(self.counts)
        for step, count in enumerate(self.counts):
            left -= count
            if left <= 0 < count:
                shift, leading = divmod(step, 1 << _BITS)
                return ((leading + 1) << shift) - 1
        return None


class Totals(Frozen):
    """A dispatcher's counts since it started; the ages are of the quote when `act` was entered, in ns.

    `ticks` entered; `unwatched` ones were of symbols without orders, `odd` quotes were crossed or below 0. `updates`
    are calls of act. `conflated` are ticks that reached a delegate folded into a later one, counted once per delegate.
    `live` orders are here now; `failed` is part of `ended`. `repeated` executions had been applied before and were
    dropped.
    """

    ticks: int
    unwatched: int
    odd: int
    turns: int
    updates: int
    conflated: int
    submitted: int
    live: int
    ended: int
    failed: int
    orphans: int
    repeated: int
    age_p50_ns: int | None
    age_p99_ns: int | None
    age_max_ns: int | None


class Statistics:
    """The running counts; `totals` of the Dispatcher shows them."""

    __slots__ = (
        "_counts",
        "ages",
        "conflated",
        "ended",
        "failed",
        "odd",
        "orphans",
        "repeated",
        "submitted",
        "ticks",
        "turns",
        "unwatched",
        "updates",
    )

    def __init__(self) -> None:
        self.ages = Ages()
        self._counts = self.ages.counts
        self.ticks = 0
        self.unwatched = 0
        self.odd = 0
        self.turns = 0
        self.updates = 0
        self.conflated = 0
        self.submitted = 0
        self.ended = 0
        self.failed = 0
        self.orphans = 0
        self.repeated = 0

    def saw(self, update: Update[Any], calls: int, now_ns: int) -> None:
        """Count an update that went to so many delegates."""
        self.updates += calls
        quote = update.quote
        if quote is not None and (received_ns := quote.received_ns) is not None:
            step = now_ns - received_ns
            if step >= _EXACT:
                shift = step.bit_length() - _BITS
                step = (shift << _BITS) + (step >> shift)
            self._counts[0 if step < 0 else _LAST if step > _LAST else step] += calls
        passed = update.passed
        if type(passed) is Span:
            trade = passed.trade
            ticks = passed.quotes + passed.statuses + (trade.trades if trade is not None else 0)
            self.conflated += (ticks - 1) * calls

    def totals(self, live: int) -> Totals:
        """The counts as a value."""
        return Totals(
            ticks=self.ticks,
            unwatched=self.unwatched,
            odd=self.odd,
            turns=self.turns,
            updates=self.updates,
            conflated=self.conflated,
            submitted=self.submitted,
            live=live,
            ended=self.ended,
            failed=self.failed,
            orphans=self.orphans,
            repeated=self.repeated,
            age_p50_ns=self.ages.quantile_ns(0.5),
            age_p99_ns=self.ages.quantile_ns(0.99),
            age_max_ns=self.ages.quantile_ns(1.0),
        )
