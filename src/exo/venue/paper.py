"""The paper venue: fills orders against the quotes it is shown, and sends nothing anywhere."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from exo.dma import CancelOrder, Capabilities, NewOrder, Request, Sink, StatusQuery
from exo.errors import NotRunning
from exo.flow.clock import current_clock, utc
from exo.mkt import ExecType, LastLiquidityInd, MsgType, OrdStatus, Quote, Report, Side, TimeInForce, Trade
from exo.mkt.exact import ZERO, add, divide, multiply, ratio
from exo.mkt.value import Frozen
from exo.venue.matching import Match, Standing, Touch

_log = logging.getLogger("exo.venue")

_BASIS_POINT: Final = Decimal("0.0001")
_SPOKEN: Final = frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC})
_REMEMBERED: Final = 10_000
_UNKNOWN_ORDER: Final = 1
_TOO_LATE: Final = 0
_DUPLICATE: Final = 6
_OTHER: Final = 99


class Executed(Frozen):
    """What a venue executed of one side of a symbol: how often, how much, quantity times price, and its fees."""

    executions: int = 0
    qty: Decimal = ZERO
    notional: Decimal = ZERO
    fees: Decimal = ZERO


class PaperVenue:
    """A venue on paper: matches against raw quotes, before anybody conflates them.

    `on_quote` and `on_trade` show it the market; it passes nothing on. Orders are LIMIT or MARKET, GTC, DAY or IOC.
    What is displayed at the touch is all there is to take: it is consumed once, by all orders together, until the next
    quote changes price or size on that side; an unknown size fills nothing. A limit order that does not reach the other
    side rests, and is filled at its own price once the other side comes to it, adding liquidity; there is no queue, and
    trades fill nobody. Of a market order, as of an IOC, what is not filled at once is cancelled.

    Requests are matched at once; their reports follow on the loop's next pass, and those of a quote likewise. Fees are
    basis points of the notional. `executed` is its own account, by symbol and side.
    """

    def __init__(self, *, maker_bps: Decimal = ZERO, taker_bps: Decimal = ZERO) -> None:
        self.maker_bps = maker_bps
        self.taker_bps = taker_bps
        self._fees = {
            LastLiquidityInd.ADDED: multiply(maker_bps, _BASIS_POINT),
            LastLiquidityInd.REMOVED: multiply(taker_bps, _BASIS_POINT),
        }
        self._touches: dict[str, Touch] = {}
        self._orders: dict[str, Standing] = {}
        self._ended: OrderedDict[str, OrdStatus] = OrderedDict()
        self._numbers = 0
        self._executions = 0
        self._reports: deque[Report] = deque()
        self._report: Callable[[Report], object] = _nobody
        self.executed: dict[tuple[str, Side], Executed] = {}

    capabilities = Capabilities()

    async def query(self, query: StatusQuery) -> Sequence[Report]:
        """Nothing yet."""
        return ()

    async def open_orders(self) -> Sequence[Report]:
        """Nothing yet."""
        return ()

    async def cancel_all(self) -> None:
        """Nothing yet."""

    def connect(self, sink: Sink) -> None:
        """Report to this sink from now on."""
        self._report = sink.on_report

    def subscribe(self, symbol: str) -> None:
        """Nothing: whoever shows it the market decides of what."""

    def unsubscribe(self, symbol: str) -> None:
        """Nothing."""

    def on_quote(self, quote: Quote) -> None:
        """Show it a quote; orders that wait may trade by it."""
        touch = self._touches.get(quote.symbol)
        if touch is None:
            touch = self._touches[quote.symbol] = Touch()
        if touch.idle:
            touch.quote = quote
            return
        for match in touch.show(quote):
            self._executed(match)

    def on_trade(self, trade: Trade) -> None:
        """Show it a trade; without a model of the queue that fills nobody."""

    def send(self, request: Request) -> None:
        """Take a request."""
        if isinstance(request, NewOrder):
            self._new(request)
        elif isinstance(request, CancelOrder):
            self._cancel(request)

    def expire(self) -> None:
        """End a session: all orders that wait expire, and nothing is displayed any more."""
        for touch in self._touches.values():
            for standing in touch.waiting():
                self._end(standing, ExecType.EXPIRED, OrdStatus.EXPIRED, "the session has ended")
        self._touches.clear()

    def _new(self, request: NewOrder) -> None:
        self._numbers += 1
        standing = Standing(request, self._numbers)
        if request.cl_ord_id in self._orders or request.cl_ord_id in self._ended:
            self._tell(standing, ExecType.REJECTED, OrdStatus.REJECTED, ord_rej_reason=_DUPLICATE, text="duplicate id")
            return
        if request.time_in_force not in _SPOKEN:
            text = f"{request.time_in_force.value} is not known here"
            self._forget(request.cl_ord_id, OrdStatus.REJECTED)
            self._tell(standing, ExecType.REJECTED, OrdStatus.REJECTED, ord_rej_reason=_OTHER, text=text)
            return
        touch = self._touches.get(request.symbol)
        if touch is None:
            touch = self._touches[request.symbol] = Touch()
        self._orders[request.cl_ord_id] = standing
        self._tell(standing, ExecType.NEW, OrdStatus.NEW)
        match = touch.match(standing)
        if match is not None:
            self._executed(match)
        if not standing.leaves_qty:
            return
        if request.time_in_force is TimeInForce.IOC or request.price is None:
            self._end(standing, ExecType.CANCELED, OrdStatus.CANCELED, "not filled at once")
        else:
            touch.wait(standing)

    def _cancel(self, request: CancelOrder) -> None:
        standing = self._orders.get(request.orig_cl_ord_id)
        if standing is not None:
            self._touches[standing.request.symbol].leave(standing)
            self._end(standing, ExecType.CANCELED, OrdStatus.CANCELED, "", request.cl_ord_id)
            return
        status = self._ended.get(request.orig_cl_ord_id)
        unknown = status is None
        self._put(
            Report(
                msg_type=MsgType.CXL_REJ,
                order_id=request.order_id,
                cl_ord_id=request.cl_ord_id,
                orig_cl_ord_id=request.orig_cl_ord_id,
                symbol=request.symbol,
                side=request.side,
                ord_status=OrdStatus.REJECTED if status is None else status,
                cxl_rej_reason=_UNKNOWN_ORDER if unknown else _TOO_LATE,
                text="unknown order" if unknown else "too late to cancel",
                transact_time=utc(current_clock().now_ns()),
                received_ns=current_clock().now_ns(),
            )
        )

    def _executed(self, match: Match) -> None:
        standing, qty, px = match
        request = standing.request
        liquidity = LastLiquidityInd.ADDED if standing.passive else LastLiquidityInd.REMOVED
        notional = multiply(qty, px)
        fee = multiply(notional.copy_abs(), self._fees[liquidity])
        key = (request.symbol, request.side)
        so_far = self.executed.get(key, Executed())
        self.executed[key] = Executed(
            executions=so_far.executions + 1,
            qty=add(so_far.qty, qty),
            notional=add(so_far.notional, notional),
            fees=add(so_far.fees, fee),
        )
        self._executions += 1
        filled = not standing.leaves_qty
        if filled:
            self._forget(request.cl_ord_id, OrdStatus.FILLED)
        self._tell(
            standing,
            ExecType.TRADE,
            OrdStatus.FILLED if filled else OrdStatus.PARTIALLY_FILLED,
            exec_id=str(self._executions),
            last_qty=qty,
            last_px=px,
            last_liquidity_ind=liquidity,
            commission=fee,
        )

    def _end(
        self, standing: Standing, exec_type: ExecType, status: OrdStatus, text: str, cancel_id: str | None = None
    ) -> None:
        self._forget(standing.request.cl_ord_id, status)
        name = standing.request.cl_ord_id
        ids = {} if cancel_id is None else {"cl_ord_id": cancel_id, "orig_cl_ord_id": name}
        self._tell(standing, exec_type, status, text=text or None, leaves_qty=ZERO, **ids)

    def _forget(self, cl_ord_id: str, status: OrdStatus) -> None:
        """Know of an order that has ended only how, and of the last ones only."""
        self._orders.pop(cl_ord_id, None)
        self._ended[cl_ord_id] = status
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    def _tell(self, standing: Standing, exec_type: ExecType, status: OrdStatus, **more: Any) -> None:
        request = standing.request
        now_ns = current_clock().now_ns()
        rejected = status is OrdStatus.REJECTED
        members: dict[str, Any] = {
            "order_id": request.order_id,
            "cl_ord_id": request.cl_ord_id,
            "secondary_order_id": str(standing.number),
            "symbol": request.symbol,
            "side": request.side,
            "order_qty": request.order_qty,
            "price": request.price,
            "time_in_force": request.time_in_force,
            "exec_type": exec_type,
            "ord_status": status,
            "cum_qty": standing.cum_qty,
            "leaves_qty": ZERO if rejected else standing.leaves_qty,
            "avg_px": _average(standing),
            "transact_time": utc(now_ns),
            "received_ns": now_ns,
        }
        self._put(Report(**(members | more)))

    def _put(self, report: Report) -> None:
        if not self._reports:
            asyncio.get_running_loop().call_soon(self._flush)
        self._reports.append(report)

    def _flush(self) -> None:
        while self._reports:
            report = self._reports.popleft()
            try:
                self._report(report)
            except Exception:  # the others must come all the same
                _log.exception("nobody took the report %s", report)


def _average(standing: Standing) -> Decimal:
    """The average price, to as many digits as a Report may have."""
    if not standing.cum_qty:
        return ZERO
    average = divide(standing.notional, standing.cum_qty)
    return average if average.copy_abs() >= 1 else ratio(standing.notional, standing.cum_qty, 60)


def _nobody(report: Report) -> None:
    raise NotRunning("report")
