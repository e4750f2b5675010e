"""Ledger: what every order did - a venue around the venue, and a delegate around each delegate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Final

from exo.dma import CancelOrder, Capabilities, Request, Sink, StatusQuery, Venue, VenueStatus
from exo.flow import seeded
from exo.flow.clock import Clock
from exo.flow.delays import Delay
from exo.mkt import ExecType, OrdStatus, Quote, Report, TimeInForce, Trade
from exo.mkt.exact import ZERO, add
from exo.mkt.status import FeedStatus
from exo.replay.account import Decision, Fill, Seen
from exo.replay.course import Course, Stretch
from exo.run import Delegate, Desk, ExitPolicy, Update

_KEPT: Final = 100  # fills and decisions of an order that are told one by one; the sums are of all


class Record:
    """One order as the ledger knows it; `passed` is what the market did while it was there."""

    __slots__ = (
        "arrival",
        "arrived",
        "decisions",
        "delegate",
        "desk",
        "ended",
        "executions",
        "fees",
        "fills",
        "passed",
        "plain",
        "refusal",
        "requests",
        "session_over",
        "update",
    )

    def __init__(self, desk: Desk[Any]) -> None:
        self.desk = desk
        self.delegate = ""
        self.update: Update[Any] | None = None
        self.arrival: Quote | None = None
        self.arrived: Stretch | None = None
        self.passed: Stretch | None = None
        self.plain = False
        self.ended = False
        self.session_over = False
        self.requests = 0
        self.executions = 0
        self.fees = ZERO
        self.refusal = ""
        self.fills: list[Fill] = []
        self.decisions: list[Decision] = []

    @property
    def arrival_px(self) -> Decimal | None:
        """The middle of the market when the order arrived; None where a side was empty."""
        return None if self.arrival is None else self.arrival.mid or None

    @property
    def cancelled_by(self) -> str:
        """What ended it if it was cancelled."""
        return "the session ended" if self.session_over else "its owner cancelled it"


class Ledger:
    """Keeps a record of every order by its id; it is the venue to the dispatcher, and the sink to the venue itself.

    `courses` are the markets. A delegate is busy for `act_time` before each decision, drawn from the seed. `in_hand`
    tells what the `def` act that runs at the moment was handed.
    """

    def __init__(
        self,
        venue: Venue,
        courses: Callable[[str], Course],
        clock: Clock,
        in_hand: Callable[[], Update[Any] | None],
        act_time: Delay,
        seed: int,
    ) -> None:
        self.records: dict[str, Record] = {}
        self._venue = venue
        self._courses = courses
        self._clock = clock
        self._in_hand = in_hand
        self._act_time = act_time
        self._seed = seed
        self.arriving: list[Record] = []
        self._sink: Sink

    def staff(self, factory: Callable[[Desk[Any]], Delegate[Any]], desk: Desk[Any]) -> Any:
        """A delegate from this factory, watched."""
        delegate = factory(desk)
        if not callable(getattr(delegate, "act", None)) or not callable(getattr(delegate, "clean_up", None)):
            return delegate  # for the dispatcher to refuse
        record = self.records[desk.order_id] = Record(desk)
        record.delegate = type(delegate).__qualname__
        self.arriving.append(record)
        act = self._watched(record, delegate.act, bool(getattr(delegate, "blocking", False)))
        return _stand_in(type(delegate))(self, record, act, delegate)

    def arrive(self) -> None:
        """Let the orders that were submitted since the last call stand in the market as it is now."""
        for record in self.arriving:
            course = self._courses(record.desk.order.symbol)
            record.arrival = course.quote
            record.arrived = course.arrive()
            if record.ended:
                self.close(record)
        self.arriving.clear()

    def close(self, record: Record) -> None:
        """An order has ended: nothing that passes from now on is its."""
        record.ended = True
        record.update = None
        if record.arrived is not None:
            record.passed = self._courses(record.desk.order.symbol).since(record.arrived)
            record.arrived = None

    @property
    def capabilities(self) -> Capabilities:
        """The venue's."""
        return self._venue.capabilities

    async def query(self, query: StatusQuery) -> Sequence[Report]:
        """Pass on."""
        return await self._venue.query(query)

    async def open_orders(self) -> Sequence[Report]:
        """Pass on."""
        return await self._venue.open_orders()

    async def cancel_all(self) -> None:
        """Pass on."""
        await self._venue.cancel_all()

    def connect(self, sink: Sink) -> None:
        """Stand between the venue and the dispatcher."""
        self._sink = sink
        self._deliver: Any = getattr(sink, "deliver", None)
        self._venue.connect(self)

    def subscribe(self, symbol: str) -> object:
        """Pass on."""
        return self._venue.subscribe(symbol)

    def unsubscribe(self, symbol: str) -> object:
        """Pass on."""
        return self._venue.unsubscribe(symbol)

    def send(self, request: Request) -> None:
        """Note what was decided, on what, and pass it on."""
        record = self.records[request.order_id]
        record.requests += 1
        update = self._in_hand() if record.plain else record.update
        if len(record.decisions) < _KEPT and update is not None and not record.ended:
            record.decisions.append(_decision(request, update, self._clock.now_ns()))
        self._venue.send(request)

    def on_quote(self, quote: Quote) -> None:
        """Pass on."""
        self._sink.on_quote(quote)

    def on_trade(self, trade: Trade) -> None:
        """Pass on."""
        self._sink.on_trade(trade)

    def on_status(self, status: FeedStatus | VenueStatus) -> None:
        """Pass on."""
        self._sink.on_status(status)

    def deliver(self) -> None:
        """A read is in: the dispatcher may act on it."""
        if self._deliver is not None:
            self._deliver()

    def on_report(self, report: Report) -> None:
        """Note an execution or a refusal, and pass it on."""
        record = self.records[report.order_id]
        if report.exec_type is ExecType.TRADE:
            fee = report.commission or ZERO
            record.executions += 1
            record.fees = add(record.fees, fee)
            if len(record.fills) < _KEPT:
                at_ns = report.received_ns or 0
                fill = Fill(
                    at_ns=at_ns, qty=report.last_qty, px=report.last_px, fee=fee, liquidity=report.last_liquidity_ind
                )
                record.fills.append(fill)
        elif report.ord_status is OrdStatus.REJECTED and report.exec_type is ExecType.REJECTED:
            record.refusal = report.text or "for a reason it did not tell"
        self._sink.on_report(report)

    def _watched(self, record: Record, act: Callable[[Any], Any], blocking: bool) -> Callable[[Any], Any]:
        act_time = self._act_time
        record.plain = not (act_time.high_ns or blocking or iscoroutinefunction(act))
        if record.plain:
            return act  # the dispatcher knows what it was handed: most calls decide nothing, and should cost no more
        if not act_time.high_ns:

            def look(update: Update[Any]) -> Any:
                record.update = update
                return act(update)

            return look

        rng = seeded(f"{self._seed} act {record.desk.order_id}")

        async def busy(update: Update[Any]) -> Any:
            record.update = update
            await asyncio.sleep(act_time.draw_ns(rng) / 1e9)
            answer = await asyncio.to_thread(act, update) if blocking else act(update)
            return await answer if isawaitable(answer) else answer

        return busy


class _Watched:
    """Stands in for a delegate."""

    def __init__(self, ledger: Ledger, record: Record, act: Callable[[Any], Any], delegate: Any) -> None:
        self.act = act
        self.blocking = getattr(delegate, "blocking", False) and not iscoroutinefunction(act)
        self.exit_policy = getattr(delegate, "exit_policy", ExitPolicy.CANCEL)
        self._ledger = ledger
        self._record = record
        self._delegate = delegate

    def clean_up(self) -> object:
        """Close the record, and clean up."""
        self._ledger.close(self._record)
        return self._delegate.clean_up()


@cache
def _stand_in(cls: type) -> type[_Watched]:
    """Errors name the class of a delegate: it should be the user's."""
    return type(cls.__name__, (_Watched,), {"__qualname__": cls.__qualname__})


def _decision(request: Request, update: Update[Any], now_ns: int) -> Decision:
    quote, span = update.quote, update.span
    new = None if isinstance(request, CancelOrder) else request
    seen = None
    if span is not None:
        trade = span.trade
        times = [span.first_received_ns, span.last_received_ns]
        if trade is not None:
            times += [trade.first_received_ns, trade.last_received_ns]
        known = [at_ns for at_ns in times if at_ns is not None]
        seen = Seen(
            quotes=span.quotes,
            trades=span.trades,
            bid_low=span.bid_low,
            bid_high=span.bid_high,
            ask_low=span.ask_low,
            ask_high=span.ask_high,
            trade_low=None if trade is None else trade.low_px,
            trade_high=None if trade is None else trade.high_px,
            first_ns=min(known, default=None),
            last_ns=max(known, default=None),
        )
    return Decision(
        looked_ns=update.now_ns,
        sent_ns=now_ns,
        age_ns=None if quote is None or quote.received_ns is None else update.now_ns - quote.received_ns,
        bid_px=None if quote is None else quote.bid_px,
        ask_px=None if quote is None else quote.ask_px,
        cancel=new is None,
        order_qty=ZERO if new is None else new.order_qty,
        price=None if new is None else new.price,
        time_in_force=TimeInForce.GTC if new is None else new.time_in_force,
        seen=seen,
    )
