"""Numbering: what a venue's own numbers tell of its messages - again, too late, or that some are missing."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from exo.mkt.quote import Quote
from exo.mkt.trade import Trade

_MISSED: Final = 1000
_ANEW_NS: Final = 2_000_000_000


class Step(Enum):
    """How a number follows on those before it: ON, it is greater; BACK, it is not; ANEW, the venue began anew."""

    ON = "ON"
    BACK = "BACK"
    ANEW = "ANEW"


class Counter:
    """The numbers of one kind and instrument on one connection, where they only grow.

    Where for two seconds only such came as had passed, each greater than the one before, the venue has begun anew.
    """

    __slots__ = ("_back", "_since_ns", "last")

    def __init__(self) -> None:
        self.last: int | None = None
        self._back: int | None = None
        self._since_ns = 0

    def take(self, number: int, at_ns: int) -> Step:
        """Take a number in."""
        if self.last is None or number > self.last:
            self.last, self._back = number, None
            return Step.ON
        if self._back is None or number <= self._back:
            self._since_ns = at_ns
        self._back = number
        if at_ns - self._since_ns < _ANEW_NS:
            return Step.BACK
        self.last, self._back = number, None
        return Step.ANEW

    def reach(self, number: int) -> None:
        """It is known to have come so far."""
        if self.last is None or number > self.last:
            self.last, self._back = number, None


class Verdict(NamedTuple):
    """Whether it is news, and whether others before it are missing that nobody was told of."""

    news: bool
    gap: bool


_NEWS: Final = Verdict(True, False)
_AGAIN: Final = Verdict(False, False)


class Numbering:
    """The numbers of one instrument over all connections: of its trades, which some venues count, and of its quotes.

    Trades that arrive in another order, or by two connections, are all news, once each: those that are missing are
    remembered, the last thousand of them. What is missing is a gap where one connection leaves it out that told what
    was before it. Quotes only ever grow newer: one with a number that has passed is none.
    """

    def __init__(self, counted: bool) -> None:
        self._counted = counted
        self._trade: int | None = None
        self._quote = -1
        self._missing: dict[int, bool] = {}  # whether it was told that they are
        self._seen: dict[str, None] = {}

    def begin(self) -> None:
        """What comes now follows on nothing: the connection was lost in between."""
        self._trade, self._quote = None, -1
        self._missing.clear()
        self._seen.clear()

    def quote(self, quote: Quote, counter: Counter) -> bool:
        """Whether it is newer than all before."""
        number = quote.rpt_seq
        if number is None:
            return True
        step = counter.take(number, quote.received_ns or 0)
        newer = number > self._quote or step is Step.ANEW
        if newer:
            self._quote = number
        return newer

    def trade(self, trade: Trade, counter: Counter) -> Verdict:
        """What the id of a trade says; one without an id is news."""
        trade_id = trade.trade_id
        if trade_id is None:
            return _NEWS
        if not self._counted:
            return self._unique(trade_id)
        return self.counted(int(trade_id), trade.received_ns or 0, counter)

    def counted(self, number: int, at_ns: int, counter: Counter) -> Verdict:
        """What the number of a trade says."""
        before = counter.last
        if counter.take(number, at_ns) is Step.ANEW:
            self._missing.clear()
            self._trade = number
            return Verdict(True, True)
        news = self._trade is None or number > self._trade
        if news:
            self._miss(number)
            self._trade = number
        elif number in self._missing:
            del self._missing[number]
            news = True
        return Verdict(news, before is not None and self._left_out(before, number))

    def reached(self, number: int, counter: Counter) -> bool:
        """There has been a trade of this number: whether it, or others before it, are missing."""
        before = counter.last
        counter.reach(number)
        if self._trade is None or number > self._trade:
            if self._trade is not None:
                self._miss(number + 1)
            self._trade = number
        return before is not None and self._left_out(before, number + 1)

    def missing(self) -> bool:
        """Whether some are missing that nobody was told of."""
        return not all(self._missing.values())

    def told_missing(self) -> None:
        """Somebody was."""
        self._missing = dict.fromkeys(self._missing, True)

    def _miss(self, until: int) -> None:
        if self._trade is not None:
            for missing in range(max(self._trade + 1, until - _MISSED), until):
                self._missing[missing] = False
            while len(self._missing) > _MISSED:
                del self._missing[next(iter(self._missing))]

    def _left_out(self, before: int, until: int) -> bool:
        if until <= before + 1 or not self._missing:
            return False
        found = [number for number, told in self._missing.items() if not told and before < number < until]
        self._missing.update(dict.fromkeys(found, True))
        return bool(found)

    def _unique(self, trade_id: str) -> Verdict:
        if trade_id in self._seen:
            return _AGAIN
        self._seen[trade_id] = None
        if len(self._seen) > _MISSED:
            del self._seen[next(iter(self._seen))]
        return _NEWS
