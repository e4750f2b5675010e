"""Player: ticks put into a dispatcher at the times they were received."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, Protocol

from exo.delegates import FarOrder, Fill, TakeFar
from exo.flow import current_clock, run_virtually
from exo.mkt.quote import Quote
from exo.replay.account import Account, line_of
from exo.replay.arrivals import Arrivals
from exo.replay.survey import Survey, survey
from exo.replay.ticks import Tick
from exo.run import Delegate, Desk, Dispatcher

_LAST_WORDS_S: Final = 60


class PaperDelegate(Delegate[FarOrder], Protocol):
    """A delegate that fills on paper and can tell what."""

    @property
    def fills(self) -> Sequence[Fill]:
        """Its fills so far, in order."""


def replay(
    ticks: Iterable[Tick], *, orders: int, seed: int = 0, factory: Callable[[Desk[FarOrder]], PaperDelegate] = TakeFar
) -> Account:
    """Play ticks in virtual time to so many orders drawn from a seed (see Arrivals), and account for every one.

    The ticks are gone through twice, first to survey them, so what is wrong with them shows before anything is played.
    Orders that the last tick leaves are cancelled, and stopped if that takes them longer than a minute. The same ticks
    and seed give the same account.
    """
    surveyed = survey(ticks)
    return run_virtually(_replay(ticks, surveyed, orders, seed, factory), start_ns=surveyed.first_ns)


async def play(
    ticks: Iterable[Tick], dispatcher: Dispatcher[Any], before: Callable[[Quote], object] | None = None
) -> None:
    """Put ticks into a dispatcher, each at its receive time on the current clock; those of one time are one delivery.

    A tick whose time has passed is put in at once. `before` is called with each quote just before it is put in.
    """
    now_ns = current_clock().now_ns
    for at_ns, batch in groupby(ticks, attrgetter("received_ns")):
        wait_ns = at_ns - now_ns()
        if wait_ns > 0:
            await asyncio.sleep(wait_ns / 1e9)
        for tick in batch:
            if isinstance(tick, Quote):
                if before is not None:
                    before(tick)
                dispatcher.on_quote(tick)
            else:
                dispatcher.on_trade(tick)
        dispatcher.deliver()


async def _replay(
    ticks: Iterable[Tick],
    surveyed: Survey,
    orders: int,
    seed: int,
    factory: Callable[[Desk[FarOrder]], PaperDelegate],
) -> Account:
    arrivals = Arrivals(surveyed, orders, seed)
    delegates: dict[str, PaperDelegate] = {}

    def staff(desk: Desk[FarOrder]) -> PaperDelegate:
        delegate = delegates[desk.order_id] = factory(desk)
        return delegate

    def submit(quote: Quote) -> None:
        for order in arrivals.with_quote(quote):
            dispatcher.submit(order)

    # No watchdog: it looks at real time, and here there is none.
    async with Dispatcher(staff, hog_s=None, retain=orders) as dispatcher:
        await play(ticks, dispatcher, submit)
        for order_id in delegates:
            if dispatcher.outcome(order_id) is None:
                dispatcher.cancel(order_id)
        with suppress(TimeoutError):
            await asyncio.wait_for(dispatcher.all_ended(), _LAST_WORDS_S)
    outcomes = {order_id: dispatcher.outcome(order_id) for order_id in sorted(delegates)}
    lines = tuple(line_of(outcome, delegates[order_id].fills) for order_id, outcome in outcomes.items() if outcome)
    return Account(survey=surveyed, lines=lines, totals=dispatcher.totals)
