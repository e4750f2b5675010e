"""Player: ticks put into a dispatcher at the times they were received."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

from exo.flow import current_clock
from exo.mkt.quote import Quote
from exo.replay.survey import Tick
from exo.run import Dispatcher
from exo.venue import PaperVenue


async def play(ticks: Iterable[Tick], dispatcher: Dispatcher[Any], venue: PaperVenue | None = None) -> None:
    """Put ticks into a dispatcher, each at its receive time on the current clock; those of one time are one delivery.

    A paper venue is shown each before. A tick whose time has passed is put in at once.
    """
    for at_ns, batch in groupby(ticks, attrgetter("received_ns")):
        await reach(at_ns)
        together = list(batch)
        if venue is not None:
            for tick in together:
                if type(tick) is Quote:
                    venue.on_quote(tick)
        dispatcher.on_ticks(together)


async def reach(at_ns: int) -> None:
    """Wait until it is `at_ns` by the current clock; in virtual time that costs next to nothing if nothing is due."""
    wait_ns = at_ns - current_clock().now_ns()
    if wait_ns <= 0:
        return
    skip_to = getattr(asyncio.get_running_loop(), "skip_to", None)
    if skip_to is None or not skip_to(at_ns):
        await asyncio.sleep(wait_ns / 1e9)
