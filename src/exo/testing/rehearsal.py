"""Rehearsal: one delegate against a scripted market, in virtual time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, Generic, NamedTuple, TypeVar

from exo.flow import current_clock, run_virtually
from exo.mkt import ExecType, Instruction, Order
from exo.mkt.value import Frozen
from exo.run import Delegate, Desk, Dispatcher, Event, Outcome, Totals, Update
from exo.testing.tape import Tape
from exo.venue import PaperVenue
from exo.venue.trading import Executed

OrderT = TypeVar("OrderT", bound=Order)
DelegateT = TypeVar("DelegateT", bound=Delegate[Any])

_DAY_S: Final = 86_400.0


class Look(NamedTuple):
    """One call of `act`: seconds from the start, what it was handed, and what it answered or raised."""

    at_s: float
    update: Update[Any]
    answer: object = None
    error: BaseException | None = None

    def __str__(self) -> str:
        update = self.update
        quote, span = update.quote, update.span
        seen = [
            (fact.exec_inst or fact.msg_type).name if isinstance(fact, Instruction) else "report"
            for fact in update.facts
        ]
        if update.woken:
            seen.append("woken")
        if span is not None:
            seen.append(f"{span.quotes} quotes, {span.trades} trades")
        if update.status is not None and update.stale:
            seen.append(f"feed {update.status.state.name}")
        if quote is not None:
            seen.append(f"{quote.bid_px} x {quote.bid_size} / {quote.ask_px} x {quote.ask_size}")
        answer = repr(self.answer) if self.error is None else f"{type(self.error).__name__}: {self.error}"
        return f"{self.at_s:12.6f} s  {'; '.join(seen)} -> {answer}"


class Rehearsal(Frozen, Generic[DelegateT]):
    """What happened: the delegate as it ended, every look it took, its order's outcome, all events and the counts.

    `executed` is what the venue executed for the side and symbol of its order.

    Printed, it is one line for each look and one for the outcome.
    """

    delegate: DelegateT
    looks: tuple[Look, ...]
    outcome: Outcome
    events: tuple[Event, ...]
    totals: Totals
    executed: Executed

    @property
    def updates(self) -> tuple[Update[Any], ...]:
        """What the delegate was handed, in order."""
        return tuple(look.update for look in self.looks)

    @property
    def fills(self) -> list[tuple[Decimal, Decimal]]:
        """The executions that the delegate was told of, as (quantity, price), in order."""
        reports = [report for update in self.updates for report in update.reports]
        return [(report.last_qty, report.last_px) for report in reports if report.exec_type is ExecType.TRADE]

    @property
    def ended_s(self) -> float:
        """When the order ended, in seconds from the start."""
        return (self.outcome.ended_ns - self.outcome.submitted_ns) / 1e9

    def __str__(self) -> str:
        outcome = self.outcome
        ended = f"{self.ended_s:12.6f} s  {outcome.end.name} {outcome.error}".rstrip()
        return "\n".join([*map(str, self.looks), ended])


def rehearse(
    factory: Callable[[Desk[OrderT]], DelegateT],
    order: OrderT,
    tape: Tape,
    until_s: float | None = None,
    *,
    venue: PaperVenue | None = None,
) -> Rehearsal[DelegateT]:
    """Run one delegate for one order through a tape, in virtual time, at a paper venue that is shown the same tape.

    The order is submitted at 0 s, with the tape's first events if they are at 0 s too. The rehearsal ends when tape and
    order both have, or before anything happens at `until_s`; without that an order that goes on is stopped a day after
    the tape. What the delegate raises fails its order; an instruction that is refused raises here.
    """
    until_s = _DAY_S + tape.end_s if until_s is None else until_s
    return run_virtually(_rehearse(factory, order, tape, until_s, venue or PaperVenue()))


async def _rehearse(
    factory: Callable[[Desk[OrderT]], DelegateT], order: OrderT, tape: Tape, until_s: float, venue: PaperVenue
) -> Rehearsal[DelegateT]:
    delegates: list[DelegateT] = []
    looks: list[Look] = []
    start_ns = current_clock().now_ns()

    def note(update: Update[Any], answer: object = None, error: BaseException | None = None) -> None:
        looks.append(Look((update.now_ns - start_ns) / 1e9, update, answer, error))

    def staff(desk: Desk[OrderT]) -> Delegate[OrderT]:
        delegate = factory(desk)
        delegates.append(delegate)
        return _observed(delegate, note) if len(delegates) == 1 else delegate

    async with Dispatcher(staff, venue, hog_s=None) as dispatcher:  # no watchdog: there is no real time here
        events = asyncio.create_task(_all(dispatcher.events()))
        order = dispatcher.submit(order).order
        order_id = str(order.order_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(until_s):
                await tape.play(dispatcher, order, venue)
                await dispatcher.ended(order_id)
    outcome = dispatcher.outcome(order_id)
    assert outcome is not None
    return Rehearsal(
        delegate=delegates[0],
        looks=tuple(looks),
        outcome=outcome,
        events=await events,
        totals=dispatcher.totals,
        executed=venue.executed.get((order.symbol, order.side), Executed()),
    )


async def _all(events: AsyncIterable[Event]) -> tuple[Event, ...]:
    return tuple([event async for event in events])


class _Observed:
    """Stands in for a delegate and notes each call of its act."""

    def __init__(self, delegate: Delegate[Any], note: Callable[..., None]) -> None:
        self._delegate = delegate
        self._note = note
        self.blocking = getattr(delegate, "blocking", False)
        self.clean_up = delegate.clean_up

    def act(self, update: Update[Any]) -> object:
        try:
            answer = self._delegate.act(update)
        except BaseException as error:
            self._note(update, error=error)
            raise
        if inspect.isawaitable(answer):
            return self._finish(update, answer)
        self._note(update, answer)
        return answer

    async def _finish(self, update: Update[Any], answer: Awaitable[object]) -> object:
        try:
            result = await answer
        except BaseException as error:
            self._note(update, error=error)
            raise
        self._note(update, result)
        return result


def _observed(delegate: Delegate[Any], note: Callable[..., None]) -> Any:
    act = getattr(delegate, "act", None)
    if not callable(getattr(delegate, "clean_up", None)) or not callable(act):
        return delegate  # for the dispatcher to refuse
    if getattr(delegate, "blocking", False) and inspect.iscoroutinefunction(act):
        return delegate
    # Errors name the class of a delegate: it should be the user's.
    name = type(delegate).__qualname__
    return type(type(delegate).__name__, (_Observed,), {"__qualname__": name})(delegate, note)
