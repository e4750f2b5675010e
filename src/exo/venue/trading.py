"""Trading: what is executed at the paper venue, how it is told and amended, and how orders end there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Protocol

from exo.dma import CancelOrder, Replace, ReplaceOrder
from exo.flow.clock import current_clock, utc
from exo.mkt import ExecType, LastLiquidityInd, OrdStatus, Quote, Report, Side, TimeInForce, Trade
from exo.mkt.exact import TWO, ZERO, add, divide, multiply, problem_with, rounded, subtract
from exo.mkt.value import Frozen
from exo.venue.faults import Fault, Faults
from exo.venue.matching import Match, Queue, Touch
from exo.venue.orders import Orders
from exo.venue.standing import Standing, Traded, ids_of

_BASIS_POINT: Final = Decimal("0.0001")
_FEE_PLACES: Final = 30


class Executed(Frozen):
    """What a venue executed of one side of a symbol: how often, how much, quantity times price, and its fees."""

    executions: int = 0
    qty: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO


class Rules(Frozen):
    """How the paper venue does things; PaperVenue says what each means."""

    maker_bps: Decimal = ZERO
    taker_bps: Decimal = ZERO
    queue: Queue = Queue.CONSERVATIVE
    replace: Replace = Replace.TOTAL
    pending: bool = False
    in_turn: bool = False
    kills_as: OrdStatus = OrdStatus.CANCELED
    broker: bool = False
    names_reusable: bool = False


class TellOf(Protocol):
    """Where reports go; `answer`: it answers a request."""

    def __call__(self, report: Report, *, answer: bool = False) -> None: ...


class Trading:
    """Matches orders with the market, by symbol."""

    def __init__(self, rules: Rules, faults: Faults, orders: Orders, tell_of: TellOf) -> None:
        self.executed: dict[tuple[str, Side], Executed] = {}
        self._orders = orders
        self._rules = rules
        self._faults = faults
        self._tell_of = tell_of
        self._fees = {
            LastLiquidityInd.ADDED: multiply(rules.maker_bps, _BASIS_POINT),
            LastLiquidityInd.REMOVED: multiply(rules.taker_bps, _BASIS_POINT),
        }
        self._touches: dict[str, Touch] = {}
        self._executions = 0
        self.too_late: Callable[[ReplaceOrder | CancelOrder, Standing], object]

    def on_quote(self, quote: Quote) -> None:
        """Show it a quote; orders that wait may trade by it."""
        touch = self._touches.get(quote.symbol)
        if touch is None:
            touch = self._touches[quote.symbol] = Touch(self._rules.queue)
        if touch.idle:
            touch.quote = quote
            return
        for match in touch.show(quote):
            self._executed(match)

    def on_trade(self, trade: Trade) -> None:
        """Show it a trade between others; orders that rest may trade by it."""
        touch = self._touches.get(trade.symbol)
        if touch is not None and not touch.idle:
            for match in touch.print(trade):
                self._executed(match)

    def work(self, standing: Standing) -> None:
        """Match an order that has just come, or has lost its place, and let it wait or end."""
        touch = self.touch(standing.terms.symbol)
        standing.passive = False
        whole = touch.left(standing.terms.side) >= standing.leaves_qty
        match = touch.match(standing) if whole or standing.terms.time_in_force is not TimeInForce.FOK else None
        if match is not None:
            self._executed(match)
        if not standing.leaves_qty:
            return
        if _fleeting(standing):
            self._kill(standing)
        else:
            touch.wait(standing)

    def _kill(self, standing: Standing) -> None:
        kind = ExecType.EXPIRED if self._rules.kills_as is OrdStatus.EXPIRED else ExecType.CANCELED
        self.end(standing, kind, self._rules.kills_as, "not filled at once")

    def _again(self, standing: Standing) -> None:
        """Let an order stand that is back on the book: what may not rest or not take, goes."""
        if standing.number not in self._orders.open or standing.waits or standing.day_over or not standing.leaves_qty:
            return
        if _fleeting(standing):
            self._kill(standing)
        elif standing.terms.post_only and self.touch(standing.terms.symbol).crosses(standing):
            self.end(standing, ExecType.CANCELED, OrdStatus.CANCELED, "it would take liquidity")
        else:
            self.work(standing)

    def _executed(self, match: Match) -> None:
        standing, qty, px = match
        liquidity = LastLiquidityInd.ADDED if standing.passive else LastLiquidityInd.REMOVED
        fee = self._fee(qty, px, liquidity)
        self._executions += 1
        exec_id = str(self._executions)
        standing.executions[exec_id] = Traded(qty, px, fee, liquidity)
        self._account(standing, 1, qty, multiply(qty, px), fee)
        now_ns = current_clock().now_ns()
        report = self.execution(standing, exec_id, now_ns)
        self.end_if_filled(standing)
        if self._faults.strikes(Fault.LATE_FILL):
            asyncio.get_running_loop().call_later(self._faults.for_s, self._tell_of, report)
        elif not self._faults.strikes(Fault.LOSE_FILL):
            self._tell_of(report)
        if self._faults.strikes(Fault.BUST):
            self._later(lambda: self.amend(exec_id, ZERO))
        elif self._faults.strikes(Fault.CORRECT):
            self._later(lambda: self.amend(exec_id, divide(qty, TWO), px))

    def amend(self, exec_id: str, qty: Decimal, px: Decimal = ZERO) -> None:
        """Give an execution another quantity, 0 for a bust."""
        standing = self._orders.executed(exec_id)
        if standing is None or standing.executions[exec_id].amended or not standing.executions[exec_id].qty:
            return  # it is amended already, or forgotten
        old = standing.executions[exec_id]
        self._executions += 1
        new_id = str(self._executions)
        fee = self._fee(qty, px, old.liquidity)
        standing.amend(exec_id, new_id, qty, px, fee)
        worth = subtract(multiply(qty, px), multiply(old.qty, old.px))
        self._account(standing, 0, subtract(qty, old.qty), worth, subtract(fee, old.fee))
        less = subtract(old.qty, qty)
        if less > ZERO and standing.ended is None and not self._rules.broker:
            standing.off_book = add(standing.off_book, less)
        elif standing.ended is None and standing.leaves_qty:
            self._orders.stand(standing)
        self._tell_of(self.execution(standing, new_id, current_clock().now_ns()))
        self._again(standing)
        self.end_if_filled(standing)

    def tell(self, standing: Standing, exec_type: ExecType, *, answer: bool = False, **more: Any) -> None:
        """Report how an order stands."""
        now_ns = current_clock().now_ns()
        self._tell_of(standing.report(exec_type, now_ns, transact_time=utc(now_ns), **more), answer=answer)

    def execution(self, standing: Standing, exec_id: str, now_ns: int) -> Report:
        traded = standing.executions[exec_id]
        kind = ExecType.TRADE
        if traded.ref is not None:
            kind = ExecType.TRADE_CORRECT if traded.qty else ExecType.TRADE_CANCEL
        return standing.report(
            kind,
            now_ns,
            transact_time=utc(now_ns),
            exec_id=exec_id,
            exec_ref_id=traded.ref,
            last_qty=traded.qty,
            last_px=traded.px,
            last_liquidity_ind=traded.liquidity,
            commission=traded.fee,
        )

    def _fee(self, qty: Decimal, px: Decimal, liquidity: LastLiquidityInd) -> Decimal:
        fee = multiply(multiply(qty, px).copy_abs(), self._fees[liquidity])
        return fee if problem_with(fee) is None else rounded(fee, _FEE_PLACES)  # else no report could tell it

    def _account(self, standing: Standing, executions: int, qty: Decimal, notional: Decimal, fee: Decimal) -> None:
        key = (standing.terms.symbol, standing.terms.side)
        so_far = self.executed.get(key, Executed())
        self.executed[key] = Executed(
            executions=so_far.executions + executions,
            qty=add(so_far.qty, qty),
            notional=add(so_far.notional, notional),
            fees=add(so_far.fees, fee),
        )

    def surprise(self, standing: Standing) -> None:
        """What the script has for an order that rests."""
        if self._faults.strikes(Fault.CANCEL):
            self._later(lambda: self.end(standing, ExecType.CANCELED, OrdStatus.CANCELED, "cancelled by the script"))
        if self._faults.strikes(Fault.REDUCE):
            self._later(lambda: self.reduce(standing, divide(standing.leaves_qty, TWO)))
        if self._faults.strikes(Fault.DONE_FOR_DAY):
            self._later(lambda: self.done_for_day(standing))

    def done_for_day(self, standing: Standing) -> None:
        if standing.number not in self._orders.open or standing.day_over:
            return
        if standing.lasting:
            self.touch(standing.terms.symbol).leave(standing)
            standing.day_over = True
            self.tell(standing, ExecType.DONE_FOR_DAY)
        else:
            self.end(standing, ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY, "the day has ended")

    def end(
        self,
        standing: Standing,
        exec_type: ExecType,
        status: OrdStatus,
        text: str,
        request: ReplaceOrder | CancelOrder | None = None,
    ) -> None:
        """End an order that is open, by itself or as a request has asked; what else was asked of it is too late."""
        if standing.number not in self._orders.open:
            return
        self.touch(standing.terms.symbol).leave(standing)
        standing.ended = status
        self._orders.end(standing)
        ids = {} if request is None else ids_of(request)
        self.tell(standing, exec_type, text=text or None, answer=request is not None, **ids)
        late, standing.asked = standing.asked, []
        for asked in late:
            if not isinstance(asked, CancelOrder) or request is None:
                self.too_late(asked, standing)

    def end_if_filled(self, standing: Standing) -> None:
        """End an order of which nothing is left: filled, or what is not has left the book."""
        if not standing.leaves_qty and standing.number in self._orders.open:
            self.touch(standing.terms.symbol).leave(standing)
            self._orders.end(standing)

    def touch(self, symbol: str) -> Touch:
        """A symbol's market."""
        touch = self._touches.get(symbol)
        if touch is None:
            touch = self._touches[symbol] = Touch(self._rules.queue)
        return touch

    def reduce(self, standing: Standing, by: Decimal) -> None:
        """Take so much of an order off the book unasked."""
        if standing.number not in self._orders.open:
            return
        standing.off_book = add(standing.off_book, min(by, standing.leaves_qty))
        self.tell(standing, ExecType.RESTATED, text="reduced by the venue")
        self.end_if_filled(standing)

    def start_day(self) -> None:
        """Have those that are good till cancel stand again."""
        woken = [standing for standing in self._orders.open.values() if standing.day_over]
        for standing in sorted(woken, key=lambda standing: standing.place):
            standing.day_over = False
            self.tell(standing, ExecType.RESTATED, text="a new day")
            self._again(standing)

    def expire(self) -> None:
        """End a session: all orders that wait expire, and nothing is displayed any more."""
        for touch in self._touches.values():
            for standing in touch.waiting():
                self.end(standing, ExecType.EXPIRED, OrdStatus.EXPIRED, "the session has ended")
        self._touches.clear()

    def _later(self, what: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(self._faults.for_s, what)


def _fleeting(standing: Standing) -> bool:
    """Whether an order may not rest."""
    return standing.terms.immediate or standing.terms.price is None
