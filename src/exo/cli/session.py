"""Session: many orders worked on paper in a live market for a while, in real time, and every one accounted for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any, Final, NamedTuple

from exo.cli.listed import listed
from exo.cli.witness import Witness
from exo.dma import RiskGate
from exo.errors import ExoError, OrderError
from exo.flow.clock import current_clock, seeded
from exo.replay import Account, Drawing, Plan
from exo.replay.ledger import Ledger
from exo.replay.lines import account_of
from exo.run import Dispatcher, Update
from exo.venue.catalogue import Listed
from exo.venue.feed import LiveFeed
from exo.venue.known import Known
from exo.venue.network import Network
from exo.venue.onpaper import OnPaper
from exo.venue.sockets import SocketNetwork

_S: Final = 1_000_000_000
_FRAME_NS: Final = 200_000_000
_LOOK_NS: Final = 20_000_000
_PATIENCE_S: Final = 12.0  # more than a connection has to come about
_ARRIVING: Final = 0.7  # of the time
_SAMPLES: Final = 1500


class NoMarket(ExoError):
    """A venue's market did not come: nothing could be done in it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name = name
        self.problem = problem

    def __str__(self) -> str:
        return f"no market of {self.name}: {self.problem}"


class Place(NamedTuple):
    """Where a session is held: a venue, at another `url` than its own if there is one, and its symbols there.

    With `choose` those that are not traded are left out, else they are an error. `check` raises if the place is gone.
    """

    name: str
    venue: Known
    url: str | None
    symbols: list[str]
    choose: bool
    check: Callable[[], object]


class Session:
    """One session of a plan while it runs, `seconds` long.

    Orders come at times drawn from the seed within the first 70 % of it, spread evenly over the symbols, with terms
    drawn about the quote they meet. What is left at the end is cancelled, and has the plan's deadline to end.
    `watching` is entered once there is something to see; what it gives is called with the session five times a second.
    """

    def __init__(self, place: Place, plan: Plan, seconds: float, watching: Watching) -> None:
        assert isinstance(plan.orders, int)
        self.place = place
        self.plan = plan
        self.orders = plan.orders
        self.seconds = seconds
        self.began_ns: int | None = None
        self.is_accountable = False
        self.witness: Witness
        self.ledger: Ledger
        self.dispatcher: Dispatcher[Any]
        self._watching = watching
        self._watch: Watch | None = None
        self._drawing = Drawing(plan.orders, plan.seed, plan.order_type)
        self._found: dict[str, Listed] = {}
        self._frame_ns = 0

    async def run(self) -> None:
        """Hold it; NotTraded, NetworkError or NoMarket if there is no market to hold it in."""
        network = SocketNetwork()
        try:
            symbols = await self._symbols(network)
            self._open(network)
            async with self.dispatcher:
                try:
                    with self._watching() as self._watch:
                        await self._begin(symbols)
                        await self._work()
                        await self._end()
                finally:
                    await self.witness.feed.close()
        finally:
            await network.close()
            task = asyncio.current_task()
            # Asked twice to end, it did so at once: what was on its way then is in no account.
            self.is_accountable = self.began_ns is not None and (task is None or task.cancelling() < 2)

    def account(self, interrupted: bool) -> Account:
        """The account of all its orders, once it has run."""
        return account_of(
            self.plan,
            self.ledger,
            self.dispatcher,
            self.witness.survey(),
            self.witness.courses,
            interrupted=interrupted,
        )

    @property
    def now_s(self) -> float:
        """How much of it has passed; less than 0 before it has begun."""
        return -1.0 if self.began_ns is None else (_now_ns() - self.began_ns) / _S

    @property
    def losses(self) -> str:
        """What went wrong with the feed, in one line; empty if nothing did."""
        feed = self.witness.feed
        lost, problems = feed.counts["lost"], feed.problems
        if not (lost or problems):
            return ""
        last = f", the last problem: {problems[-1]}" if problems else ""
        return f"{self.place.name}: {lost:,} connection{'s'[: lost != 1]} lost{last}"

    async def _symbols(self, network: Network) -> list[str]:
        place = self.place
        self._found = await listed(network, place.venue, place.url, () if place.choose else place.symbols)
        traded = [name for name in dict.fromkeys(place.symbols) if name in self._found and self._found[name].trades]
        if not traded:
            raise NoMarket(place.name, f"it trades none of {', '.join(place.symbols)}")
        return traded

    def _open(self, network: Network) -> None:
        place, plan = self.place, self.plan
        feed = LiveFeed(place.venue.dialect(place.url or place.venue.url), network, self._found)
        self.witness = Witness(feed, max(1, round(self.seconds * _S / _SAMPLES)))
        venue = OnPaper(self.witness, plan.venue)
        self.ledger = Ledger(venue, self.witness.course, current_clock(), self._in_hand, plan.act_time, plan.seed)
        self.dispatcher = Dispatcher(
            partial(self.ledger.staff, plan.factory),
            self.ledger,
            gate=RiskGate(listing=lambda symbol: self._found[symbol].listing, listed_only=True),
            exit_s=plan.deadline_ns / _S,
            retain=self.orders,
        )

    async def _begin(self, symbols: list[str]) -> None:
        """Wait for a quote of each symbol, but not for ever: one is enough."""
        witness = self.witness
        witness.begin(symbols)
        until_ns = _now_ns() + round(_PATIENCE_S * _S)
        while len(witness.quoted) < len(symbols) and _now_ns() < until_ns:
            await self._pass(_now_ns() + _LOOK_NS)
        if not witness.quoted:
            said = [*(status.text for status in witness.stale), *map(str, witness.feed.problems)]
            raise NoMarket(self.place.name, ": ".join([f"no quote within {_PATIENCE_S:g} s", *said[-1:]]))

    async def _work(self) -> None:
        rng = seeded(f"{self.plan.seed} arrivals")
        arrivals_s = sorted(rng.uniform(0.0, _ARRIVING * self.seconds) for _ in range(self.orders))
        symbols = self.witness.quoted
        began_ns = self.began_ns = _now_ns()
        for number, after_s in enumerate(arrivals_s, 1):
            due_ns = began_ns + round(after_s * _S)
            if _now_ns() < due_ns:  # else there is no time to lose
                await self._pass(due_ns)
            self._submit(number, symbols[(number - 1) % len(symbols)])
        until_ns = began_ns + round(self.seconds * _S)
        await self._pass_while_live(until_ns)

    def _submit(self, number: int, symbol: str) -> None:
        quote = self.witness.course(symbol).quote
        assert quote is not None
        self.dispatcher.submit(self._drawing.order(number, quote, self._found[symbol].listing))
        self.ledger.arrive()

    async def _end(self) -> None:
        for order_id, record in self.ledger.records.items():
            if not record.ended:
                record.session_over = True
                with suppress(OrderError):
                    self.dispatcher.cancel(order_id)
        await self._pass_while_live(_now_ns() + self.plan.deadline_ns)
        await self._show()

    async def _pass_while_live(self, until_ns: int) -> None:
        while len(self.dispatcher) and _now_ns() < until_ns:
            await self._pass(min(until_ns, _now_ns() + _LOOK_NS))

    async def _pass(self, until_ns: int) -> None:
        """Let time pass, and show how it stands."""
        while True:
            now_ns = _now_ns()
            if now_ns >= self._frame_ns:
                self._frame_ns = now_ns + _FRAME_NS
                self.place.check()
                await self._show()
            await asyncio.sleep(max(0, min(until_ns, self._frame_ns) - _now_ns()) / _S)
            if _now_ns() >= until_ns:
                return

    async def _show(self) -> None:
        if self._watch is not None:
            await self._watch(self)

    def _in_hand(self) -> Update[Any] | None:
        return self.dispatcher.in_hand


Watch = Callable[[Session], Awaitable[None]]
Watching = Callable[[], AbstractContextManager[Watch | None]]


def _now_ns() -> int:
    return current_clock().now_ns()
