"""Parts: what a dispatcher is made of while it runs, how that hangs together, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Generic, TypeVar

from exo.dma.ids import Ids
from exo.dma.outbox import Outbox
from exo.dma.risk import RiskGate
from exo.dma.venue import Feed, Sink, Venue, VenueStatus
from exo.errors import NoVenue
from exo.flow.clock import current_clock
from exo.mkt.order import Order
from exo.mkt.report import Report
from exo.mkt.status import FeedStatus
from exo.run.cleaning import Cleaning
from exo.run.delivery import Delivery
from exo.run.door import Door
from exo.run.events import Events, event_of
from exo.run.leaving import Leaving
from exo.run.market import Market
from exo.run.orders import Factory, Orders
from exo.run.outcome import Outcome, Outcomes
from exo.run.process import OrderProcess
from exo.run.reports import Reports
from exo.run.statistics import Statistics
from exo.run.subscriptions import Subscriptions
from exo.run.watchdog import Hog, Watchdog
from exo.run.working import Working

OrderT = TypeVar("OrderT", bound=Order)


class Parts(Generic[OrderT]):
    """Made on the running loop, of what its Dispatcher, the `sink`, was given; `close` shuts everything down."""

    def __init__(
        self,
        sink: Sink,
        factory: Factory[OrderT],
        venue: Feed | None,
        statistics: Statistics,
        outcomes: Outcomes,
        events: Events,
        *,
        on_orphan: Callable[[Report], object] | None,
        on_hog: Callable[[Hog], object] | None,
        halt_hogs: bool,
        hog_s: float | None,
        exit_s: float,
        turn_s: float,
        turn_calls: int,
        threads: int,
        mailbox_limit: int,
        gate: RiskGate | None,
        instance: str,
        reserve: float,
        max_age_s: float,
        audit_s: float,
    ) -> None:
        loop, clock = asyncio.get_running_loop(), current_clock()
        self._events = events
        self._exit_s = exit_s
        self._cleaning = Cleaning()
        self.delivery = Delivery(clock, statistics, self._left, turn_s=turn_s, turn_calls=turn_calls, threads=threads)
        self.market = Market(self.delivery, statistics)
        self._working: Working | None = None
        if connect := getattr(venue, "connect", None):
            connect(sink)
        if isinstance(venue, Venue):
            capabilities = venue.capabilities
            outbox = Outbox(capabilities, reserve=reserve, max_age_s=max_age_s)
            ids = Ids(instance, clock.now_ns(), capabilities.id_form)
            self._working = Working(loop, clock, venue, gate or RiskGate(), outbox, ids, self._report, audit_s)
        self.orders = Orders(
            factory, self.delivery, self.market, self._working, outcomes, self._watch, self._publish, mailbox_limit
        )
        self._leaving = Leaving(self.orders, outcomes, statistics, clock, self._publish, self._clean_up)
        late = None if self._working is None else self._working.late
        self.reports = Reports(self.orders, self._leaving, statistics, on_orphan, self._publish, mailbox_limit, late)
        self.door = Door(loop, self.market.on_crossing, self._take, mailbox_limit)
        self._subscriptions: Subscriptions | None = None
        if venue is not None:
            self._subscriptions = Subscriptions(venue, sink.on_status, partial(self.market.drop, subscribed=True))
        self._watchdog: Watchdog | None = None
        if hog_s is not None:
            self._watchdog = Watchdog(self.delivery, hog_s, on_hog, halt_hogs)
            self._watchdog.start()

    async def close(self) -> None:
        """Shut down (contract C9); a cancel that comes meanwhile, the second signal, ends what still runs at once."""
        self._leaving.stopping = True
        within_s = 0.0
        if self._working is not None:
            self._working.mark_left()  # before acts are cut off, which ends their orders
        try:
            await self.delivery.answers.finish(self._exit_s)
            if self._working is not None:
                self._working.withdraw()
                await self._working.roll.none_live(self._exit_s)
            within_s = self._exit_s
        finally:
            if self._working is not None:
                self._working.withdraw()  # also when the second signal did not wait for it
            try:
                await self.delivery.answers.hurry()
            finally:
                await self._let_go(within_s)

    async def _let_go(self, within_s: float) -> None:
        with ExitStack() as every:  # goes on with the next when a clean-up is broken into
            for process in reversed(self.orders.live.values()):
                every.callback(self._leaving.stop, process)
        try:
            await self._cleaning.finish(within_s)
            if self._subscriptions is not None:
                await self._subscriptions.close(within_s)
        finally:
            ending = [*self._cleaning.cancel(), *self.delivery.answers.close()]
            if self._working is not None:
                ending += self._working.close()
            if self._subscriptions is not None:
                ending += self._subscriptions.cancel()
            if self._watchdog is not None:
                self._watchdog.stop()
            self.door.close()
            self._events.close()
            if ending:
                await asyncio.wait(ending, timeout=self._exit_s)

    @property
    def working(self) -> Working:
        """The way to the venue; NoVenue if there is none that takes orders."""
        if self._working is None:
            raise NoVenue("of any kind")
        return self._working

    def on_line(self, status: VenueStatus) -> None:
        """The line to the venue has changed."""
        if self._working is not None:
            self._working.on_line(status)

    def _take(self, fact: Report | FeedStatus | VenueStatus) -> None:
        if isinstance(fact, FeedStatus):
            self.market.on_status(fact)
        elif isinstance(fact, VenueStatus):
            self.on_line(fact)
        else:
            self.reports.post_late(fact)

    def _report(self, report: Report) -> None:
        """Take in what exo itself has to tell of a request."""
        self.reports.post_late(report)

    def _watch(self, symbol: str, wanted: bool) -> None:
        if self._subscriptions is not None:
            self._subscriptions.want(symbol, wanted)
        elif not wanted:
            self.market.drop(symbol)

    def _publish(self, process: OrderProcess[OrderT], outcome: Outcome | None = None) -> None:
        if self._events:
            self._events.publish(event_of(process, self.delivery.clock.now_ns(), outcome), len(self.orders.live))

    def _left(self, process: OrderProcess[OrderT], error: BaseException | None) -> None:
        self._leaving.left(process, error)

    def _clean_up(self, process: OrderProcess[OrderT]) -> None:
        self._cleaning.run(process, self.delivery.answers.context_of(process))
