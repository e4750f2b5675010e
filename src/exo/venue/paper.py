"""The paper venue: fills orders against the market it is shown, and sends nothing anywhere."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from exo.dma import Capabilities, Line, Replace, Request, Sink, StatusQuery, VenueStatus
from exo.errors import NotRunning
from exo.flow.clock import current_clock, seeded, utc
from exo.flow.delays import Delay
from exo.flow.rate import Window
from exo.mkt import ExecType, OrdStatus, Quote, Report, Side, Trade
from exo.mkt.exact import ZERO
from exo.venue.faults import Fault, Faults
from exo.venue.matching import Queue
from exo.venue.one_way import OneWay
from exo.venue.orders import Orders
from exo.venue.requests import SPOKEN, Requests
from exo.venue.standing import Standing
from exo.venue.trading import Executed, Rules, Trading

_log = logging.getLogger("exo.venue")

_S: Final = 1_000_000_000
_NONE: Final = Delay()


class PaperVenue:
    """A venue on paper: matches against raw quotes and trades, before anybody conflates them.

    `on_quote` and `on_trade` show it the market; it passes nothing on. Orders are LIMIT or MARKET; GTC, DAY, IOC or
    FOK; post-only if they say so. What is displayed at the touch is all there is to take: it is consumed once, by all
    orders together, until the next quote changes price or size on that side; an unknown size fills nothing. A limit
    order that does not reach the other side rests and adds liquidity: it is filled at its own price once the other side
    comes to it, by trades through its price, and by trades at it after what the `queue` model has before it. Of a
    market order, as of an IOC, what is not filled at once is cancelled; a FOK is filled at once and whole, or not.

    `replace` is what it makes of one: by TOTAL, a smaller quantity at the same price keeps its place, all else goes to
    the back. With `pending` it says so before it decides, `decide` later; `in_turn`, of one request at a time. What it
    does not fill at once it `kills_as` CANCELED or EXPIRED. A `broker` puts busted quantity back on the
    book, and lets a filled order be replaced by a larger one. With `names_reusable` a ClOrdID may be used again once
    its order has ended. More requests than `windows` allow are refused, and the line is silent for `ban_s`.

    Without latencies requests are matched at once; their reports follow on the loop's next pass, and those of a quote
    likewise. Fees are basis points of the notional. `executed` is its own account, by symbol and side. Same seed, same
    run.
    """

    def __init__(
        self,
        *,
        maker_bps: Decimal = ZERO,
        taker_bps: Decimal = ZERO,
        queue: Queue = Queue.CONSERVATIVE,
        replace: Replace = Replace.TOTAL,
        request_latency: Delay = _NONE,
        report_latency: Delay = _NONE,
        decide: Delay = _NONE,
        pending: bool = False,
        in_turn: bool = False,
        kills_as: OrdStatus = OrdStatus.CANCELED,
        broker: bool = False,
        names_reusable: bool = False,
        mass_cancel: bool = True,
        windows: tuple[Window, ...] = (),
        ban_s: float = 10.0,
        answer_s: float = 5.0,
        expiry_s: float = 10.0,
        faults: Faults | None = None,
        seed: int = 0,
    ) -> None:
        self.maker_bps = maker_bps
        self.taker_bps = taker_bps
        self.faults = faults or Faults()
        self.capabilities = Capabilities(
            replace=replace,
            times_in_force=SPOKEN,
            mass_cancel=mass_cancel,
            prints_own=False,
            lossless=faults is None,
            windows=windows,
            answer_s=answer_s,
            expiry_s=expiry_s,
        )
        rules = Rules(
            maker_bps=maker_bps,
            taker_bps=taker_bps,
            queue=queue,
            replace=replace,
            pending=pending,
            in_turn=in_turn,
            kills_as=kills_as,
            broker=broker,
            names_reusable=names_reusable,
        )
        rng = seeded(f"paper {seed}")
        decisions = OneWay(decide, rng, _call)
        later = None if decide == _NONE and not pending else decisions.put
        self._orders = Orders()
        self._trading = Trading(rules, self.faults, self._orders, self._put)
        self._taken = Requests(rules, self.faults, self._orders, self._trading, self._put, later)
        self._at_once = request_latency == _NONE
        self._requests: OneWay[Request] = OneWay(request_latency, rng, self._arrive)
        self._reports: OneWay[Report] = OneWay(report_latency, rng, self._deliver)
        self._latencies = request_latency, report_latency
        self._rng = rng
        self._ban_ns = round(ban_s * _S)
        self._tallies = [window.tally() for window in windows]
        self._down = False
        self._forgotten: dict[int, int] = {}
        self._sink: Sink | None = None

    @property
    def executed(self) -> dict[tuple[str, Side], Executed]:
        """What it has executed, by symbol and side."""
        return self._trading.executed

    def connect(self, sink: Sink) -> None:
        """Report to this sink from now on."""
        self._sink = sink

    def subscribe(self, symbol: str) -> None:
        """Nothing: whoever shows it the market decides of what."""

    def unsubscribe(self, symbol: str) -> None:
        """Nothing."""

    def on_quote(self, quote: Quote) -> None:
        """Show it a quote; orders that wait may trade by it."""
        self._trading.on_quote(quote)

    def on_trade(self, trade: Trade) -> None:
        """Show it a trade between others; orders that rest may trade by it."""
        self._trading.on_trade(trade)

    def send(self, request: Request) -> None:
        """Take a request; ConnectionError while the line is down."""
        if self._down:
            raise ConnectionError("the line to the paper venue is down")
        if self.faults.strikes(Fault.DISCONNECT):
            self.disconnect(self.faults.for_s)
        elif not self.faults.strikes(Fault.LOSE_REQUEST):
            if self._at_once:
                self._arrive(request)
            else:
                self._requests.put(request)

    async def query(self, query: StatusQuery) -> Sequence[Report]:
        """All that is known of an order, by any of its names or by its number here; ConnectionError while down."""
        await self._travel(self._latencies[0])
        found = self._orders.asked_for(query)
        now_ns = current_clock().now_ns()
        reports: list[Report] = []
        if found is not None:
            if self.faults.strikes(Fault.FORGET):
                self._forgotten[found.number] = now_ns + round(self.faults.for_s * _S)
            if self._forgotten.get(found.number, 0) <= now_ns:
                self._forgotten.pop(found.number, None)
                reports = [self._trading.execution(found, exec_id, now_ns) for exec_id in found.executions]
                reports.append(found.report(ExecType.ORDER_STATUS, now_ns, transact_time=utc(now_ns)))
        await self._travel(self._latencies[1])
        return reports

    async def open_orders(self) -> Sequence[Report]:
        """Every order that is open; ConnectionError while down."""
        await self._travel(self._latencies[0])
        now_ns = current_clock().now_ns()
        reports = [
            standing.report(ExecType.ORDER_STATUS, now_ns, transact_time=utc(now_ns))
            for standing in self._orders.open.values()
        ]
        await self._travel(self._latencies[1])
        return reports

    async def cancel_all(self) -> None:
        """Cancel every order that is open; ConnectionError while down."""
        await self._travel(self._latencies[0])
        for standing in list(self._orders.open.values()):
            self._trading.end(standing, ExecType.CANCELED, OrdStatus.CANCELED, "mass cancel")
        await self._travel(self._latencies[1])

    def standing(self, cl_ord_id: str) -> Standing | None:
        """The order that has, or had, this name."""
        return self._orders.named.get(cl_ord_id)

    def cancel_unasked(self, cl_ord_id: str, text: str = "cancelled by the venue") -> None:
        """Cancel an order that nobody has asked to cancel."""
        self._trading.end(self._orders.named[cl_ord_id], ExecType.CANCELED, OrdStatus.CANCELED, text)

    def reject_late(self, cl_ord_id: str) -> None:
        """Reject an order that has been accepted."""
        standing = self._orders.named[cl_ord_id]
        self._trading.end(standing, ExecType.REJECTED, OrdStatus.REJECTED, "rejected after all")

    def bust(self, exec_id: str) -> None:
        """Take an execution back; a broker puts its quantity on the book again."""
        self._trading.amend(exec_id, ZERO)

    def correct(self, exec_id: str, qty: Decimal, px: Decimal) -> None:
        """Correct an execution; a broker puts on the book what is less than before."""
        self._trading.amend(exec_id, qty, px)

    def reduce(self, cl_ord_id: str, by: Decimal) -> None:
        """Take so much of an order off the book unasked, as self-trade prevention does."""
        self._trading.reduce(self._orders.named[cl_ord_id], by)

    def end_day(self) -> None:
        """Be done for the day with all that is open: day orders have ended, the others rest until `start_day`."""
        for standing in list(self._orders.open.values()):
            self._trading.done_for_day(standing)

    def start_day(self) -> None:
        """Have those that are good till cancel stand again."""
        self._trading.start_day()

    def expire(self) -> None:
        """End a session: all orders that wait expire, and nothing is displayed any more."""
        self._trading.expire()

    def disconnect(self, for_s: float) -> None:
        """Lose the line for a while, and what is on its way."""
        if not self._down:
            self._down = True
            self._requests.lose()
            self._reports.lose()
            self._status(Line.DOWN)
            asyncio.get_running_loop().call_later(for_s, self._reconnect)

    def _arrive(self, request: Request) -> None:
        now_ns = current_clock().now_ns()
        if all(tally.free(now_ns) >= 1 for tally in self._tallies):
            for tally in self._tallies:
                tally.take(1, now_ns)
            self._taken.arrive(request)
        else:
            self._status(Line.SILENT, now_ns + self._ban_ns)
            self._taken.refuse(request, "too many requests")

    def _put(self, report: Report, *, answer: bool = False) -> None:
        if self._down or (answer and self.faults.strikes(Fault.LOSE_ANSWER)):
            return
        self._reports.put(report)
        if self.faults.strikes(Fault.DUPLICATE):
            self._reports.put(report)

    def _deliver(self, report: Report) -> None:
        try:
            if self._sink is None:
                raise NotRunning("report")
            self._sink.on_report(report)
        except Exception:  # the others must come all the same
            _log.exception("nobody took the report %s", report)

    def _status(self, line: Line, until_ns: int | None = None) -> None:
        if self._sink is not None:
            status = VenueStatus(line=line, until_ns=until_ns, received_ns=current_clock().now_ns())
            self._sink.on_status(status)

    def _reconnect(self) -> None:
        self._down = False
        self._status(Line.UP)

    async def _travel(self, latency: Delay) -> None:
        """Wait as long as a question takes to get there, or an answer to come back."""
        await asyncio.sleep(latency.draw_ns(self._rng) / _S)
        if self._down:
            raise ConnectionError("the line to the paper venue is down")


def _call(what: Callable[[], None]) -> None:
    what()
