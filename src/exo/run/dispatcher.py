"""Dispatcher: takes orders, instructions, market data and reports; every order gets an OrderProcess.

venue ──quote, trade──▶ Board, one per symbol ──┐          first conflation: while the Dispatcher is busy
  ├─────report────────▶ mailbox, in order ──────┤
user ──instruction────▶ mailbox, in order ──────┤
                                            Delivery ──▶ OrderProcess ──Update──▶ Delegate.act
                                                           second conflation: while the delegate is busy
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from threading import get_ident
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from exo.dma.risk import RiskGate
from exo.dma.venue import Feed, VenueStatus
from exo.errors import NotRunning, UnknownOrder, WrongThread
from exo.mkt.order import Order
from exo.mkt.quote import Quote
from exo.mkt.report import Report
from exo.mkt.status import FeedStatus
from exo.mkt.trade import Trade
from exo.run.delivery import Delivery
from exo.run.events import Events, Reader, event_of
from exo.run.killing import Killed, kill
from exo.run.limits import check_limits
from exo.run.market import Market
from exo.run.orders import Ack, Factory, Orders
from exo.run.outcome import Outcome, Outcomes
from exo.run.parts import Parts
from exo.run.statistics import Statistics, Totals
from exo.run.update import Update
from exo.run.watchdog import Hog

OrderT = TypeVar("OrderT", bound=Order)


class Dispatcher(Generic[OrderT]):
    """The container; it runs inside `async with`, once.

    `factory` makes a delegate for each order, given its desk. `venue`, if there is one, is told which symbols are
    wanted; one that takes orders too gets what delegates ask for at their desks. Nothing else is imposed (C14).

    What comes in is only recorded: delegates are called in turns, soon after or by `deliver()`. Market data and reports
    may come from any thread, instructions from the loop's own.

    `on_orphan` is given each report whose order is not here (contract C8; else it is logged). A call of act
    that lasts `hog_s` (None: any) is told to `on_hog` from another thread, and with `halt_hogs` broken into. `exit_s`
    is how long, at the end, running calls and clean-ups may take. A turn ends after `turn_s` or `turn_calls` calls.
    `threads` run blocking delegates. An order may have `mailbox_limit` undelivered facts. The last `retain` outcomes
    are kept; their order ids, and those of the last 10,000 orders that had children, are refused to new orders
    (contract C11).

    Requests pass the risk `gate` (None: one without limits), and wait their turn in an outbox that keeps a `reserve` of
    each of the venue's rate limits for cancels and sends nothing that was wanted longer than `max_age_s` ago. Every
    request has `instance` (one of 0-9a-z) in its name: two that trade one account must differ in it. Every
    `audit_s` the venue is asked what is open, and about each child that should be and is not.
    """

    def __init__(
        self,
        factory: Factory[OrderT],
        venue: Feed | None = None,
        *,
        on_orphan: Callable[[Report], object] | None = None,
        on_hog: Callable[[Hog], object] | None = None,
        halt_hogs: bool = False,
        hog_s: float | None = 1.0,
        exit_s: float = 5.0,
        turn_s: float = 0.005,
        turn_calls: int = 4096,
        threads: int = 32,
        mailbox_limit: int = 10_000,
        retain: int = 10_000,
        gate: RiskGate | None = None,
        instance: str = "x",
        reserve: float = 0.2,
        max_age_s: float = 2.0,
        audit_s: float = 60.0,
    ) -> None:
        check_limits(exit_s=exit_s, turn_s=turn_s, turn_calls=turn_calls, threads=threads)
        check_limits(mailbox_limit=mailbox_limit, retain=retain, hog_s=1 if hog_s is None else hog_s)
        check_limits(reserve=reserve, max_age_s=max_age_s, audit_s=audit_s)
        self._statistics = Statistics()
        self._outcomes = Outcomes(retain)
        self._events = Events(retain)
        self._start = partial(
            Parts,
            self,
            factory,
            venue,
            self._statistics,
            self._outcomes,
            self._events,
            on_orphan=on_orphan,
            on_hog=on_hog,
            halt_hogs=halt_hogs,
            hog_s=hog_s,
            exit_s=exit_s,
            turn_s=turn_s,
            turn_calls=turn_calls,
            threads=threads,
            mailbox_limit=mailbox_limit,
            gate=gate,
            instance=instance,
            reserve=reserve,
            max_age_s=max_age_s,
            audit_s=audit_s,
        )
        self._thread = 0
        self._running = False
        self._parts: Parts[OrderT]
        self._delivery: Delivery
        self._market: Market

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """What is made at the start is missed by whoever comes before."""
            if name in {"_parts", "_delivery", "_market"}:
                raise NotRunning("do that yet")
            raise AttributeError(name)

    async def __aenter__(self) -> Self:
        """Start to take orders."""
        if self._thread:
            raise NotRunning("start again")
        self._parts = self._start()
        self._delivery, self._market = self._parts.delivery, self._parts.market  # every tick asks for them
        self._thread = get_ident()
        self._running = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Shut down (contract C9); a cancel that comes meanwhile, the second signal, ends what still runs at once."""
        self._running = False
        await self._parts.close()

    def submit(self, order: OrderT) -> Ack[OrderT]:
        """Admit an order; DuplicateOrder, FactoryFailed or NotRunning if that cannot be."""
        ack = self._instructed("submit an order").submit(order)
        self._statistics.submitted += 1
        return ack

    def replace(self, order: OrderT) -> Ack[OrderT]:
        """Give an order new terms; UnknownOrder, IdentityChanged, InstructionRefused or MailboxFull if not possible."""
        return self._instructed("replace an order").replace(order)

    def cancel(self, order: OrderT | str) -> Ack[OrderT]:
        """Ask the delegate to end its order, named by its id or given itself; errors as for replace."""
        return self._instructed("cancel an order").cancel(order)

    def hold(self, order: OrderT | str) -> Ack[OrderT]:
        """Suspend an order: its delegate is told, and then only called for facts until the release."""
        return self._instructed("hold an order").hold(order)

    def release(self, order: OrderT | str) -> Ack[OrderT]:
        """Release a held order: its delegate gets all that passed meanwhile in one update."""
        return self._instructed("release an order").release(order)

    def on_quote(self, quote: Quote) -> None:
        """Record a quote; one of a symbol without orders is counted as unwatched, a crossed or negative one as odd."""
        if get_ident() == self._thread:
            self._market.on_quote(quote)
        else:
            self._parts.door.tick(quote)

    def on_trade(self, trade: Trade) -> None:
        """Record a trade; one of a symbol without orders is counted as unwatched."""
        if get_ident() == self._thread:
            self._market.on_trade(trade)
        else:
            self._parts.door.tick(trade)

    def on_status(self, status: FeedStatus | VenueStatus) -> None:
        """Record what a feed says of its data, for its symbol or for all; or what a venue says of its line."""
        if get_ident() != self._thread:
            self._parts.door.fact(status)
        elif isinstance(status, VenueStatus):
            self._parts.on_line(status)
        else:
            self._market.on_status(status)

    def on_report(self, report: Report) -> None:
        """Record a report for its order, or hand it to `on_orphan`; MailboxFull if too many wait (contract C11)."""
        if get_ident() == self._thread:
            self._parts.reports.post(report)
        else:
            self._parts.door.fact(report)

    def on_ticks(self, ticks: Iterable[Quote | Trade]) -> bool:
        """Record what one read of a feed brought, run a turn at once, and answer as `deliver` does."""
        if get_ident() != self._thread:
            raise WrongThread("deliver")
        market, delivery = self._market, self._delivery
        delivery.promised = True
        try:
            for tick in ticks:
                if type(tick) is Quote or isinstance(tick, Quote):
                    market.on_quote(tick)
                else:
                    market.on_trade(tick)
        finally:
            delivery.promised = False
            pending = delivery.deliver()
        return pending

    def deliver(self) -> bool:
        """Run a turn now; answers whether something is left for the next. Within an act it does nothing."""
        if get_ident() != self._thread:
            raise WrongThread("deliver")
        return self._delivery.deliver()

    def outcome(self, order_id: str) -> Outcome | None:
        """How an order ended; None while it lives. UnknownOrder if it was never here or its outcome is forgotten."""
        outcome = self._outcomes.get(order_id)
        if outcome is None and order_id not in self._parts.orders.live:
            raise UnknownOrder(order_id)
        return outcome

    async def ended(self, order_id: str) -> Outcome:
        """Wait until an order has ended; UnknownOrder as in `outcome`."""
        return self.outcome(order_id) or await self._outcomes.wait(order_id)

    async def all_ended(self) -> None:
        """Wait until no order is live."""
        await self._parts.orders.all_ended()

    @property
    def gate(self) -> RiskGate:
        """The risk gate; NoVenue without a venue that takes orders."""
        return self._parts.working.gate

    async def kill(self, within_s: float = 30.0) -> Killed:
        """The kill switch: let nothing leave but cancels, cancel every child, and verify at the venue within this time.

        Orders and delegates go on, but nothing new is sent until `gate.state` is ACTIVE again. NoVenue as for `gate`.
        """
        self._instructed("throw the kill switch")
        return await kill(self._parts.working, self._delivery.clock, within_s)

    @property
    def acting(self) -> str | None:
        """The order whose act runs on the loop's thread at this moment; any thread may ask."""
        process = self._delivery.answers.acting
        return None if process is None else process.order_id

    @property
    def stepped(self) -> tuple[int, str | None]:
        """How many steps the calls that await have made so far, and the order of the last; any thread may ask."""
        answers = self._delivery.answers
        return answers.steps, answers.stepped

    @property
    def in_hand(self) -> Update[OrderT] | None:
        """What the `def` act that runs at the moment was handed; of no meaning to any other."""
        return self._delivery.answers.in_hand

    def __bool__(self) -> bool:
        """True, with live orders or without."""
        return True

    def __len__(self) -> int:
        """How many orders are live."""
        return len(self._parts.orders.live)

    @property
    def totals(self) -> Totals:
        """What has been counted since the start."""
        return self._statistics.totals(len(self))

    def events(self) -> Reader:
        """What becomes of the orders: first how each live one stands, then every change, until the end.

        For a slow reader the events of one order conflate to the latest; one that leaves more unread than there are
        live orders and retained outcomes gets FellBehind.
        """
        if not self._running:
            raise NotRunning("read events")
        now_ns = self._delivery.clock.now_ns()
        return self._events.read([event_of(process, now_ns) for process in self._parts.orders.live.values()])

    def _instructed(self, what: str) -> Orders[OrderT]:
        if not self._running:
            raise NotRunning(what)
        if get_ident() != self._thread:
            raise WrongThread(what)
        return self._parts.orders
