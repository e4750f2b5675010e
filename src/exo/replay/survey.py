"""Survey: what there is in a run of ticks, found out before anything is played."""

from __future__ import annotations

from collections.abc import Iterable

from exo.errors import InvalidValue, UserError
from exo.mkt.quote import Quote
from exo.mkt.value import Frozen
from exo.replay.ticks import Tick


class NoQuotes(UserError):
    """Ticks without a single quote: there is no market for an order to arrive at."""

    def __str__(self) -> str:
        return "there are no quotes to replay"


class Survey(Frozen):
    """The extent of some ticks: their number, first and last receive time, and the quotes of each symbol.

    Symbols stand in the order of their first quote.
    """

    ticks: int
    first_ns: int
    last_ns: int
    quotes: dict[str, int]


def survey(ticks: Iterable[Tick]) -> Survey:
    """Look through the ticks once; InvalidValue if one has no receive time or an earlier one than that before it."""
    count, first_ns, last_ns = 0, None, 0
    quotes: dict[str, int] = {}
    for tick in ticks:
        at_ns = tick.received_ns
        if at_ns is None:
            raise InvalidValue("$.receivedNs", f"expected when tick {count + 1} was received, got null")
        if first_ns is None:
            first_ns = last_ns = at_ns
        if at_ns < last_ns:
            raise InvalidValue("$.receivedNs", f"expected tick {count + 1} no earlier than {last_ns}, got {at_ns}")
        last_ns = at_ns
        count += 1
        if type(tick) is Quote:
            quotes[tick.symbol] = quotes.get(tick.symbol, 0) + 1
    if first_ns is None or not quotes:
        raise NoQuotes
    return Survey(ticks=count, first_ns=first_ns, last_ns=last_ns, quotes=quotes)
