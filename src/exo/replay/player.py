"""Player: ticks put into a dispatcher at the times they were received."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from exo.flow import current_clock
from exo.flow.virtual import VirtualLoop
from exo.mkt.quote import Quote
from exo.replay.survey import Tick
from exo.run import Dispatcher
from exo.venue import PaperVenue

_AHEAD: Final = 1024


async def play(ticks: Iterable[Tick], dispatcher: Dispatcher[Any], venue: PaperVenue | None = None) -> None:
    """Put ticks into a dispatcher, each at its receive time on the current clock; those of one time are one delivery.

    A paper venue is shown each before. A tick whose time has passed is put in at once.
    """
    for together in moments(ticks):
        await reach(together[0].received_ns or 0)
        if venue is not None:
            for tick in together:
                if type(tick) is Quote:
                    venue.on_quote(tick)
        dispatcher.on_ticks(together)


def moments(ticks: Iterable[Tick]) -> Iterator[list[Tick]]:
    """Ticks as lists of those that were received at one time.

    They are read a thousand ahead: a processor parses, and dispatches, quicker if it does not change over each time.
    """
    source = iter(ticks)
    together: list[Tick] = []
    at_ns: int | None = None
    while ahead := tuple(islice(source, _AHEAD)):
        for tick in ahead:
            if tick.received_ns == at_ns and together:
                together.append(tick)
                continue
            if together:
                yield together
            together = [tick]
            at_ns = tick.received_ns
    if together:
        yield together


async def reach(at_ns: int) -> None:
    """Wait until it is `at_ns` by the current clock; in virtual time that costs next to nothing if nothing is due."""
    loop, clock = asyncio.get_running_loop(), current_clock()
    while (wait_ns := at_ns - clock.now_ns()) > 0:
        if not isinstance(loop, VirtualLoop):
            await asyncio.sleep(wait_ns / 1e9)
            return
        if loop.skip_to(at_ns):
            return
        await asyncio.sleep(0 if loop.ready else wait_ns / 1e9)
