"""Lines: what records and outcomes come to, figure by figure, and why an order was not filled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from exo.flow.delays import duration
from exo.mkt import Side
from exo.mkt.exact import ZERO, add, subtract
from exo.replay.account import Account, Fate, Line, Sums
from exo.replay.course import Course, Stretch
from exo.replay.figures import average_px, participation, plain, slippage_bps
from exo.replay.ledger import Ledger, Record
from exo.replay.plan import Plan
from exo.replay.survey import Survey
from exo.run import Dispatcher, End, Outcome
from exo.venue.trading import Executed

_ONE = Decimal(1)


def account_of(
    plan: Plan,
    ledger: Ledger,
    dispatcher: Dispatcher[Any],
    survey: Survey,
    courses: Mapping[str, Course],
    *,
    interrupted: bool,
    refused: Iterable[str] = (),
    rows_s: float | None = None,
) -> Account:
    """The account of all orders in a ledger, once the dispatcher has shut down."""
    outcomes = [(dispatcher.outcome(order_id), record) for order_id, record in sorted(ledger.records.items())]
    return Account(
        settings=plan.settings,
        survey=survey,
        lines=tuple(line_of(outcome, record, plan.deadline_ns) for outcome, record in outcomes if outcome),
        venue=venue_sums(plan.venue.executed),
        totals=dispatcher.totals,
        refused=tuple(refused),
        interrupted=interrupted,
        curves={symbol: course.curve for symbol, course in courses.items()},
        rows_s=rows_s,
    )


def line_of(outcome: Outcome, record: Record, deadline_ns: int) -> Line:
    """The line of an order that has ended."""
    order: Any = outcome.order
    passed = record.passed or Stretch()
    cum_qty, notional = record.desk.cum_qty, record.desk.notional
    order_qty = getattr(order, "order_qty", ZERO)
    fate = fate_of(outcome.end, cum_qty, order_qty)
    arrival_px = record.arrival_px
    return Line(
        order_id=outcome.order_id,
        side=order.side,
        symbol=order.symbol,
        order_qty=order_qty,
        price=getattr(order, "price", None),
        fate=fate,
        why="" if fate is Fate.FILLED else _why(outcome, record, passed, deadline_ns),
        submitted_ns=outcome.submitted_ns,
        ended_ns=outcome.ended_ns,
        executions=record.executions,
        cum_qty=cum_qty,
        notional=notional,
        fees=record.fees,
        avg_px=average_px(notional, cum_qty),
        arrival_px=arrival_px,
        slippage_arrival_bps=slippage_bps(order.side, notional, cum_qty, arrival_px or ZERO, _ONE),
        market_volume=passed.volume,
        vwap=average_px(passed.notional, passed.volume),
        slippage_vwap_bps=slippage_bps(order.side, notional, cum_qty, passed.notional, passed.volume),
        participation=participation(cum_qty, passed.volume),
        requests=record.requests,
        fills=tuple(record.fills),
        decisions=tuple(record.decisions),
        error=outcome.error,
    )


def venue_sums(executed: dict[tuple[str, Side], Executed]) -> dict[str, Sums]:
    """What a venue executed, by symbol."""
    sums = {}
    for symbol in sorted({symbol for symbol, _ in executed}):
        bought = executed.get((symbol, Side.BUY), Executed())
        sold = executed.get((symbol, Side.SELL), Executed())
        sums[symbol] = Sums(
            executions=bought.executions + sold.executions,
            bought_qty=bought.qty,
            bought_notional=bought.notional,
            sold_qty=sold.qty,
            sold_notional=sold.notional,
            fees=add(bought.fees, sold.fees),
        )
    return sums


def fate_of(end: End, cum_qty: Decimal, order_qty: Decimal) -> Fate:
    """What became of an order that has ended."""
    if end is not End.DONE:
        return Fate.FAILED if end is End.FAILED else Fate.STOPPED
    if cum_qty and cum_qty >= order_qty:
        return Fate.FILLED
    return Fate.PARTLY_FILLED if cum_qty else Fate.UNFILLED


def _why(outcome: Outcome, record: Record, passed: Stretch, deadline_ns: int) -> str:
    """Why an order was not filled, as far as it can be told."""
    if outcome.end is End.FAILED:
        return f"its delegate failed: {outcome.error}"
    if outcome.end is End.STOPPED and not record.session_over:
        return "it was interrupted"
    if outcome.end is End.STOPPED:
        return f"its delegate {record.delegate} did not end within {duration(deadline_ns)} of the session's end"
    if record.refusal and not record.executions:
        return f"the venue refused: {record.refusal}"
    market = _market(outcome.order, passed)
    if outcome.cancelled:
        return f"{market or 'what could be had was not enough'} until {record.cancelled_by}"
    return f"{market or 'what could be had was not enough'} until its delegate was done"


def _market(order: Any, passed: Stretch) -> str:
    """What the market did not offer; empty if it came within the limit."""
    best = passed.best_far(order.side)
    far, reached = ("ask", "above") if order.side is Side.BUY else ("bid", "below")
    if best is None:
        return f"no {far} was quoted"
    limit = getattr(order, "price", None)
    if limit is not None and not order.side.within(limit, best):
        away = plain(subtract(best, limit).copy_abs())
        return f"the best {far} was {plain(best)}, {away} {reached} the limit,"
    return "" if passed.sized(order.side) else f"no size was displayed at the {far}"
