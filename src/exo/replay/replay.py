"""Replay: recorded ticks played to many orders at a paper venue, in virtual time, and every one accounted for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from exo.errors import ExoError, FactoryFailed, OrderError
from exo.flow import run_virtually, seeded
from exo.flow.clock import Clock, LiveClock
from exo.flow.virtual import VirtualLoop
from exo.mkt import Quote, Trade
from exo.replay.account import Account
from exo.replay.arrivals import Arrivals
from exo.replay.course import Course
from exo.replay.ledger import Ledger
from exo.replay.lines import account_of
from exo.replay.patience import NeverFinishes, Patience
from exo.replay.plan import Plan
from exo.replay.player import moments, reach
from exo.replay.script import Asked, Script
from exo.replay.survey import SESSION_GAP_NS, Tick, Ticks, survey
from exo.run import Dispatcher, Update

_SAMPLES: Final = 1500
_WATCH_ROWS: Final = 4096


class Replay:
    """One replay while it runs; `watch` is called with it now and then, and may look, no more."""

    def __init__(
        self, ticks: Ticks | Iterable[Tick], plan: Plan, watch: Callable[[Replay], object] | None = None
    ) -> None:
        self.plan = plan
        self.rows = 0
        self.survey = survey(ticks)
        self.refused: list[str] = []
        self.courses: dict[str, Course] = {}
        self.ledger: Ledger
        self.dispatcher: Dispatcher[Any]
        self.clock: Clock
        self._ticks = ticks
        self._watch = watch
        self._arrivals: Arrivals | None = None
        self._script: deque[Asked] = deque()
        if isinstance(plan.orders, Script):
            plan.orders.check(self.survey)
            self._script.extend(plan.orders.asked)
        else:
            self._arrivals = Arrivals(self.survey, plan.orders, plan.seed, plan.order_type)
        self._late: deque[tuple[int, list[Tick]]] = deque()
        self._latency = seeded(f"{plan.seed} feed latency")
        played_ns = sum(last - first for first, last in self.survey.sessions)
        self._every_ns = max(1, played_ns // _SAMPLES)
        self._failed: FactoryFailed | None = None
        self._steps = 0

    def run(self) -> Account:
        """Play everything."""
        patience = Patience(lambda: (self.rows, self._now_ns()), self._acting, self.plan.deadline_ns / 1e9)
        began_ns = LiveClock().now_ns()
        interrupted = False
        try:
            with patience:
                run_virtually(self._play(), start_ns=self.survey.first_ns)
        except KeyboardInterrupt:
            if patience.over:
                culprit = self.ledger.records.get(patience.culprit)
                name = "" if culprit is None else culprit.delegate
                raise NeverFinishes(patience.culprit, name, self.plan.deadline_ns / 1e9) from None
            interrupted = True
        took_ns = LiveClock().now_ns() - began_ns
        if self._failed is not None and not self.ledger.records:
            raise self._failed
        return account_of(
            self.plan,
            self.ledger,
            self.dispatcher,
            self.survey,
            self.courses,
            refused=self.refused,
            interrupted=interrupted,
            rows_s=self.rows / max(took_ns, 1) * 1e9,
        )

    async def _play(self) -> None:
        plan = self.plan
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.clock = loop.clock
        self.ledger = Ledger(plan.venue, self._course, self.clock, self._in_hand, plan.act_time, plan.seed)
        # No watchdog: it would have to break into calls that a slow machine makes long.
        async with Dispatcher(
            partial(self.ledger.staff, plan.factory), self.ledger, hog_s=None, retain=1_000_000
        ) as self.dispatcher:
            late, script, skip_to, on_ticks = self._late, self._script, loop.skip_to, self.dispatcher.on_ticks
            behind = plan.feed_latency.high_ns > 0
            before_ns = self.survey.first_ns
            watch_at = _WATCH_ROWS
            for ticks in moments(self._ticks):
                at_ns = ticks[0].received_ns or 0
                if at_ns - before_ns > SESSION_GAP_NS:
                    await self._end_session(before_ns)
                before_ns = at_ns
                if late or script or not skip_to(at_ns):
                    await self._advance(at_ns)
                self._show(ticks)
                if behind:
                    due_ns = at_ns + plan.feed_latency.draw_ns(self._latency)
                    self._late.append((max(due_ns, self._late[-1][0] if self._late else 0), ticks))
                else:
                    on_ticks(ticks)
                self.rows += len(ticks)
                if self._watch is not None and self.rows >= watch_at:
                    watch_at = self.rows + _WATCH_ROWS
                    self._watch(self)
            await self._end_session(before_ns)
            if self._watch is not None:
                self._watch(self)

    def _show(self, ticks: list[Tick]) -> None:
        """Show ticks of one time to venue and courses; the orders that arrive with them do so."""
        on_quote, arrivals, courses = self.plan.venue.on_quote, self._arrivals, self.courses
        for tick in ticks:
            course = courses.get(tick.symbol) or self._course(tick.symbol)
            if type(tick) is Quote:
                on_quote(tick)
                course.on_quote(tick)
                if arrivals is not None:
                    for order in arrivals.with_quote(tick):
                        self._try(f"order {order.order_id}", partial(self.dispatcher.submit, order))
            elif isinstance(tick, Trade):
                course.on_trade(tick)
        script = self._script
        if script:
            now_ns = ticks[0].received_ns or 0
            while script and (script[0].at_ns or 0) <= now_ns:
                asked = script.popleft()
                self._try(asked.place, partial(asked.put, self.dispatcher))
        if self.ledger.arriving:
            self.ledger.arrive()

    async def _advance(self, to_ns: int) -> None:
        """Let time pass; what is due meanwhile, late ticks and instructions, happens at its time."""
        late, script = self._late, self._script
        while late or script:
            tick_ns = late[0][0] if late else to_ns + 1
            asked_ns = (script[0].at_ns or 0) if script else to_ns
            if tick_ns <= to_ns and tick_ns <= asked_ns:
                await reach(tick_ns)
                self.dispatcher.on_ticks(late.popleft()[1])
            elif asked_ns < to_ns and asked_ns >= self.survey.first_ns:
                await reach(asked_ns)
                asked = script.popleft()
                self._try(asked.place, partial(asked.put, self.dispatcher))
                self.ledger.arrive()
            else:
                break
        await reach(to_ns)

    async def _end_session(self, last_ns: int) -> None:
        """Let the last ticks come; then nothing is displayed any more, and whoever is left has the deadline to end."""
        await self._advance(max(last_ns, self._late[-1][0] if self._late else 0))
        for order_id, record in self.ledger.records.items():
            if not record.ended:
                with suppress(OrderError):
                    record.session_over = True
                    self.dispatcher.cancel(order_id)
        self.plan.venue.expire()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.dispatcher.all_ended(), self.plan.deadline_ns / 1e9)

    def _try(self, place: str, ask: Callable[[], object]) -> None:
        try:
            ask()
        except FactoryFailed as error:
            self._failed = self._failed or error
            self.refused.append(f"{place}: {error}")
        except ExoError as error:
            self.refused.append(f"{place}: {error}")

    def _course(self, symbol: str) -> Course:
        course = self.courses.get(symbol)
        if course is None:
            course = self.courses[symbol] = Course(self._every_ns)
        return course

    def _in_hand(self) -> Update[Any] | None:
        return self.dispatcher.in_hand

    def _now_ns(self) -> int:
        return self.clock.now_ns() if hasattr(self, "clock") else 0

    def _acting(self) -> str | None:
        """The order that runs, or was stepped since the last time: one that yields for ever is hardly met running."""
        if not hasattr(self, "dispatcher"):
            return None
        before, (self._steps, stepped) = self._steps, self.dispatcher.stepped
        return self.dispatcher.acting or (stepped if self._steps > before else None)


def replay(
    ticks: Ticks | Iterable[Tick],
    plan: Plan | None = None,
    *,
    watch: Callable[[Replay], object] | None = None,
) -> Account:
    """Play ticks as planned and account for every order. The same ticks and plan give the same account.

    An interrupt (Ctrl-C) while they are played ends it early, with an account that says so.

    The ticks are gone through twice, first to survey them, so what is wrong with their order shows before anything is
    played. Raises what they raise, NoQuotes, CannotDraw, BadScript, NeverFinishes, or FactoryFailed if no order at all
    got a delegate.
    """
    return Replay(ticks, plan or Plan(), watch).run()
