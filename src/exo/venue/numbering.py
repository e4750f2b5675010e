"""Numbering: what a venue's own numbers tell of its messages - again, too late, or that some are missing."""

from __future__ import annotations

from enum import Enum
from typing import Final

from exo.mkt.quote import Quote
from exo.mkt.trade import Trade

_MISSED: Final = 1000


class Verdict(Enum):
    """What a number says: NEXT, it is news; GAP, it is news and others are missing; AGAIN, it is none."""

    NEXT = "NEXT"
    GAP = "GAP"
    AGAIN = "AGAIN"


class Numbering:
    """The numbers of one symbol: of its trades, which some venues count one by one, and of its quotes.

    Trades that arrive in another order are all news, once each: those that are missing are remembered, the last
    thousand of them. Quotes only ever grow newer: one with a number that has passed is none.
    """

    def __init__(self, counted: bool) -> None:
        self._counted = counted
        self._trade = 0
        self._quote = -1
        self._missing: dict[int, None] = {}
        self._seen: dict[str, None] = {}

    def begin(self) -> None:
        """What comes now follows on nothing: the connection was lost in between."""
        self._trade, self._quote = 0, -1
        self._missing.clear()
        self._seen.clear()

    def quote(self, quote: Quote) -> bool:
        """Whether it is newer than all before."""
        if quote.rpt_seq is None:
            return True
        newer = quote.rpt_seq > self._quote
        if newer:
            self._quote = quote.rpt_seq
        return newer

    def trade(self, trade: Trade) -> Verdict:
        """What the id of a trade says; one without an id is news."""
        trade_id = trade.trade_id
        if trade_id is None:
            return Verdict.NEXT
        if not self._counted:
            return self._unique(trade_id)
        return self.counted(int(trade_id))

    def counted(self, number: int, told: bool = True) -> Verdict:
        """What the number of a trade says; not `told`: it was traded, but this is not its message."""
        if number <= self._trade:
            if told and number in self._missing:
                del self._missing[number]
                return Verdict.NEXT
            return Verdict.AGAIN
        first = self._trade + 1
        gap = bool(self._trade) and number > first - (not told)
        if gap:
            for missing in range(max(first, number - _MISSED), number + (not told)):
                self._missing[missing] = None
            while len(self._missing) > _MISSED:
                del self._missing[next(iter(self._missing))]
        self._trade = number
        return Verdict.GAP if gap else Verdict.NEXT

    def _unique(self, trade_id: str) -> Verdict:
        if trade_id in self._seen:
            return Verdict.AGAIN
        self._seen[trade_id] = None
        if len(self._seen) > _MISSED:
            del self._seen[next(iter(self._seen))]
        return Verdict.NEXT
