"""Numbering: what a venue's own numbers tell of its messages - again, too late, or that some are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from exo.mkt.quote import Quote
from exo.mkt.trade import Trade

if TYPE_CHECKING:
    from exo.venue.heard import Heard

_MISSED: Final = 1000
_ANEW_NS: Final = 2_000_000_000


class Anew:
    """Whether numbers that have passed are those of a venue that begins anew.

    It is so where for two seconds only such came, each greater than the one before.
    """

    __slots__ = ("_back", "_since_ns")

    def __init__(self) -> None:
        self._back: int | None = None
        self._since_ns = 0

    def goes_on(self) -> None:
        """One came that had not passed."""
        self._back = None

    def begins(self, number: int, at_ns: int) -> bool:
        """One came that had."""
        if self._back is None or number <= self._back:
            self._since_ns = at_ns
        self._back = number
        return at_ns - self._since_ns >= _ANEW_NS


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
        self._trades_anew = Anew()
        self._quote = -1
        self._quotes_anew = Anew()
        self._missing: dict[int, bool] = {}  # whether it was told that they are
        self._seen: dict[str, None] = {}

    def begin(self) -> None:
        """What comes now follows on nothing: the connection was lost in between."""
        self._trade, self._quote = None, -1
        self._missing.clear()
        self._seen.clear()

    def quote(self, quote: Quote) -> bool:
        """Whether it is newer than all before."""
        number = quote.rpt_seq
        if number is None:
            return True
        if number > self._quote:
            self._quotes_anew.goes_on()
        elif not self._quotes_anew.begins(number, quote.received_ns or 0):
            return False
        self._quote = number
        return True

    def trade(self, trade: Trade, heard: Heard) -> Verdict:
        """What the id of a trade says; one without an id is news."""
        trade_id = trade.trade_id
        if trade_id is None:
            return _NEWS
        if not self._counted:
            return self._unique(trade_id)
        return self.counted(int(trade_id), trade.received_ns or 0, heard)

    def counted(self, number: int, at_ns: int, heard: Heard) -> Verdict:
        """What the number of a trade says."""
        before = heard.trade
        if before is None or number > before:
            heard.trade = number
        if self._trade is None or number > self._trade:
            self._miss(number)
            self._trade = number
        elif number in self._missing:
            del self._missing[number]
        elif self._far_back(number) and self._trades_anew.begins(number, at_ns):
            self._missing.clear()
            self._trade = heard.trade = number
            return Verdict(True, True)
        else:
            return Verdict(False, before is not None and self._left_out(before, number))
        self._trades_anew.goes_on()
        return Verdict(True, before is not None and self._left_out(before, number))

    def reached(self, number: int, heard: Heard) -> bool:
        """There has been a trade of this number: whether it, or others before it, are missing."""
        before = heard.trade
        if before is None or number > before:
            heard.trade = number
        if self._trade is None or number > self._trade:
            if self._trade is not None:
                self._miss(number + 1)
            self._trade = number
        return before is not None and self._left_out(before, number + 1)

    def taken_over(self, heard: Heard) -> None:
        """What comes by this connection now follows on what was told by its predecessor, which has caught up."""
        if heard.trade is None or (self._trade is not None and heard.trade < self._trade):
            heard.trade = self._trade

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

    def _far_back(self, number: int) -> bool:
        """Whether a number is none of those that come again when a connection is behind another."""
        return self._trade is not None and (number < self._trade - _MISSED or number < self._trade // 2)

    def _unique(self, trade_id: str) -> Verdict:
        if trade_id in self._seen:
            return _AGAIN
        self._seen[trade_id] = None
        if len(self._seen) > _MISSED:
            del self._seen[next(iter(self._seen))]
        return _NEWS
