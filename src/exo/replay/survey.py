"""Survey: what there is in a run of ticks, found out before anything is played."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol, TypeAlias

from exo.errors import InvalidValue, UserError
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade
from exo.mkt.value import Frozen

Tick: TypeAlias = Quote | Trade
Head: TypeAlias = tuple[int, str, bool]
"""What a survey asks of a tick: when it was received, its symbol, and whether it is a quote."""

SESSION_GAP_NS: Final = 3_600_000_000_000


class Ticks(Protocol):
    """Ticks that can be gone through more than once, and whose heads are quicker to read than the whole."""

    def __iter__(self) -> Iterator[Tick]: ...

    def heads(self) -> Iterator[Head]:
        """The head of each tick, in order."""


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


def survey(ticks: Ticks | Iterable[Tick]) -> Survey:
    """Look through the ticks once; InvalidValue if one has no receive time or an earlier one than that before it."""
    count, first_ns, began_ns, last_ns = 0, None, 0, 0
    quotes: dict[str, int] = {}
    sessions: list[tuple[int, int]] = []
    until_ns = -1  # a tick beyond this is the first of all, or of a session
    for at_ns, symbol, is_quote in heads_of(ticks):
        if at_ns > until_ns:
            if first_ns is None:
                first_ns = at_ns
            else:
                sessions.append((began_ns, last_ns))
            began_ns = last_ns = at_ns
        elif at_ns < last_ns:
            raise InvalidValue("$.receivedNs", f"expected tick {count + 1} no earlier than {last_ns}, got {at_ns}")
        last_ns = at_ns
        until_ns = at_ns + SESSION_GAP_NS
        count += 1
        if is_quote:
            quotes[symbol] = quotes.get(symbol, 0) + 1
    if first_ns is None or not quotes:
        raise NoQuotes
    sessions.append((began_ns, last_ns))
    return Survey(ticks=count, first_ns=first_ns, last_ns=last_ns, quotes=quotes, sessions=tuple(sessions))


def heads_of(ticks: Ticks | Iterable[Tick]) -> Iterator[Head]:
    """The head of each tick: as they are read quickest, or from the ticks themselves."""
    heads = getattr(ticks, "heads", None)
    if heads is not None:
        return heads()  # type: ignore[no-any-return]
    return _heads(ticks)


def _heads(ticks: Iterable[Tick]) -> Iterator[Head]:
    for number, tick in enumerate(ticks, 1):
        if tick.received_ns is None:
            raise InvalidValue("$.receivedNs", f"expected when tick {number} was received, got null")
        yield tick.received_ns, tick.symbol, type(tick) is Quote
