"""Survey: what there is in a run of ticks, found out before anything is played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress, islice
from operator import sub
from typing import Final, Protocol, TypeAlias

from exo.errors import InvalidValue, UserError
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade
from exo.mkt.value import Frozen

Tick: TypeAlias = Quote | Trade
Head: TypeAlias = tuple[int, str, bool]
"""What a survey asks of a tick: when it was received, its symbol, and whether it is a quote."""

SESSION_GAP_NS: Final = 3_600_000_000_000
_RUN: Final = 1024


class Ticks(Protocol):
    """Ticks that can be gone through more than once, and whose extent is quicker to find than to read them all."""

    def __iter__(self) -> Iterator[Tick]: ...

    def extent(self) -> Extent:
        """What a survey asks of them."""


class NoQuotes(UserError):
    """Ticks without a single quote: there is no market for an order to arrive at."""

    def __str__(self) -> str:
        return "there are no quotes to replay"


class Survey(Frozen):
    """The extent of some ticks: their number, first and last receive time, the quotes of each symbol, the sessions.

    Symbols stand in the order of their first quote. A session is (first, last) in ns: over an hour without a tick ends
    it.
    """

    ticks: int
    first_ns: int
    last_ns: int
    quotes: dict[str, int]
    sessions: tuple[tuple[int, int], ...]


class Extent:
    """A survey while it is made, with what tells whether two can be of one market: first and last tick of each symbol.

    Runs of ticks are taken in as columns, which is done in C however long they are.
    """

    __slots__ = ("first_ns", "last_ns", "quoted_ns", "quotes", "sessions", "ticks")

    def __init__(self) -> None:
        self.ticks = 0
        self.sessions: list[tuple[int, int]] = []
        self.quotes: Counter[str] = Counter()
        self.quoted_ns: dict[str, int] = {}
        self.first_ns: dict[str, int] = {}
        self.last_ns: dict[str, int] = {}

    def add(self, times_ns: Sequence[int], symbols: Sequence[str], are_quotes: Sequence[bool]) -> None:
        """Take in the next ticks; InvalidValue if one is earlier than that before it, and then none."""
        before_ns = self.sessions[-1][1] if self.sessions else times_ns[0]
        waits = list(map(sub, times_ns, chain((before_ns,), times_ns)))
        if min(waits) < 0:
            at = next(at for at, wait_ns in enumerate(waits) if wait_ns < 0)
            least, number = times_ns[at] - waits[at], self.ticks + at + 1
            raise InvalidValue("$.receivedNs", f"expected tick {number} no earlier than {least}, got {times_ns[at]}")
        began_ns, _ = self.sessions.pop() if self.sessions else (before_ns, before_ns)
        if max(waits) > SESSION_GAP_NS:
            for at_ns, wait_ns in zip(times_ns, waits, strict=True):
                if wait_ns > SESSION_GAP_NS:
                    self.sessions.append((began_ns, at_ns - wait_ns))
                    began_ns = at_ns
        self.sessions.append((began_ns, times_ns[-1]))
        self.ticks += len(times_ns)
        self.last_ns |= zip(symbols, times_ns, strict=True)
        self.first_ns = dict(zip(symbols[::-1], times_ns[::-1], strict=True)) | self.first_ns
        quoted, quoted_ns = list(compress(symbols, are_quotes)), list(compress(times_ns, are_quotes))
        self.quotes.update(quoted)
        self.quoted_ns = dict(zip(quoted[::-1], quoted_ns[::-1], strict=True)) | self.quoted_ns

    def add_heads(self, heads: Iterable[Head]) -> None:
        """Take in ticks by their heads."""
        source = iter(heads)
        while run := tuple(islice(source, _RUN)):
            times_ns, symbols, are_quotes = zip(*run, strict=True)
            self.add(times_ns, symbols, are_quotes)

    def survey(self) -> Survey:
        """The survey; NoQuotes if there are none."""
        if not self.quotes:
            raise NoQuotes
        return Survey(
            ticks=self.ticks,
            first_ns=self.sessions[0][0],
            last_ns=self.sessions[-1][1],
            quotes=dict(self.quotes),
            sessions=tuple(self.sessions),
        )


def together(extents: Sequence[Extent]) -> Extent:
    """The extent of several runs of ticks merged by time, those of one time in the order of the runs."""
    both = Extent()
    both.ticks = sum(extent.ticks for extent in extents)
    for extent in extents:
        for symbol, first_ns in extent.first_ns.items():
            both.first_ns[symbol] = min(first_ns, both.first_ns.get(symbol, first_ns))
            both.last_ns[symbol] = max(extent.last_ns[symbol], both.last_ns.get(symbol, first_ns))
    for first_ns, last_ns in sorted(session for extent in extents for session in extent.sessions):
        if both.sessions and first_ns - both.sessions[-1][1] <= SESSION_GAP_NS:
            began_ns, until_ns = both.sessions.pop()
            both.sessions.append((began_ns, max(until_ns, last_ns)))
        else:
            both.sessions.append((first_ns, last_ns))
    quoted = [(at_ns, symbol) for extent in extents for symbol, at_ns in extent.quoted_ns.items()]
    for at_ns, symbol in sorted(quoted, key=lambda first: first[0]):
        both.quoted_ns.setdefault(symbol, at_ns)
        both.quotes[symbol] = sum(extent.quotes[symbol] for extent in extents)
    return both


def survey(ticks: Ticks | Iterable[Tick]) -> Survey:
    """Look through the ticks once; InvalidValue if one has no receive time or an earlier one than that before it."""
    found = getattr(ticks, "extent", None)
    if found is not None:
        extent: Extent = found()
    else:
        extent = Extent()
        extent.add_heads(_heads(ticks))
    return extent.survey()


def _heads(ticks: Iterable[Tick]) -> Iterator[Head]:
    for number, tick in enumerate(ticks, 1):
        if tick.received_ns is None:
            raise InvalidValue("$.receivedNs", f"expected when tick {number} was received, got null")
        yield tick.received_ns, tick.symbol, type(tick) is Quote
