"""Rig: a venue under test with a market that can be set, and the trader who tries it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, Protocol, runtime_checkable

from exo.dma import CancelOrder, NewOrder, ReplaceOrder, StatusQuery, Venue, VenueStatus
from exo.mkt import ExecType, FeedStatus, MsgType, Quote, Report, Side, Trade
from exo.venue import PaperVenue

LOT: Final = Decimal("0.001")
QTY: Final = Decimal("0.010")


@runtime_checkable
class Rig(Protocol):
    """A venue under test, with a market that can be set. A new one is made for each case.

    `symbol` and `other` are two it lists; quantities of a thousandth and prices of whole numbers must be good there.
    """

    venue: Venue
    symbol: str
    other: str

    async def start(self) -> None:
        """Connect; the venue has been given its sink."""

    async def stop(self) -> None:
        """Disconnect."""

    async def show(self, symbol: str, bid_px: int, ask_px: int, size: Decimal) -> None:
        """Have the market show this, and no more, to whoever takes."""

    async def settle(self) -> None:
        """Wait until what was asked has been answered."""


class PaperRig:
    """The paper venue as a rig."""

    def __init__(self, **options: Any) -> None:
        self.venue = PaperVenue(**options)
        self.symbol = "A"
        self.other = "B"

    async def start(self) -> None:
        """Nothing: it is connected."""

    async def stop(self) -> None:
        """Nothing."""

    async def show(self, symbol: str, bid_px: int, ask_px: int, size: Decimal) -> None:
        """Show a quote."""
        self.venue.on_quote(Quote(symbol, Decimal(bid_px), size, Decimal(ask_px), size))

    async def settle(self) -> None:
        """Let latencies of up to half a second pass."""
        await asyncio.sleep(0.5)


class Skip(Exception):
    """This venue cannot do that; the case that needs it is skipped, with the reason."""


class Trader:
    """Sends to a venue and keeps what it tells; the sink of a case."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.reports: list[Report] = []
        self.sending = False
        self._names = 0
        rig.venue.connect(self)

    def on_quote(self, quote: Quote) -> None:
        """Nothing: this is not about market data."""

    def on_trade(self, trade: Trade) -> None:
        """Nothing."""

    def on_status(self, status: FeedStatus | VenueStatus) -> None:
        """Nothing."""

    def on_report(self, report: Report) -> None:
        """Keep it; from within `send` it must not come."""
        check(not self.sending, "a report came from within send")
        self.reports.append(report)

    def name(self) -> str:
        """The next ClOrdID."""
        self._names += 1
        return f"x-70000000{self._names}-conformance"

    async def new(self, qty: Decimal = QTY, price: int | None = 90, side: Side = Side.BUY, **more: Any) -> NewOrder:
        """Send a new order, and wait for what becomes of it."""
        of: dict[str, Any] = {"symbol": self.rig.symbol, "cl_ord_id": self.name()} | more
        px = None if price is None else Decimal(price)
        request = NewOrder(order_id="conformance", side=side, order_qty=qty, price=px, **of)
        await self.send(request)
        return request

    async def replace(self, orig: NewOrder | ReplaceOrder, qty: Decimal, price: int) -> ReplaceOrder:
        """Replace an order."""
        request = ReplaceOrder(
            order_id=orig.order_id,
            cl_ord_id=self.name(),
            orig_cl_ord_id=orig.cl_ord_id,
            side=orig.side,
            symbol=orig.symbol,
            order_qty=qty,
            price=Decimal(price),
        )
        await self.send(request)
        return request

    async def cancel(self, orig: NewOrder | ReplaceOrder, name: str | None = None) -> CancelOrder:
        """Cancel an order."""
        request = CancelOrder(
            order_id=orig.order_id,
            cl_ord_id=self.name(),
            orig_cl_ord_id=name or orig.cl_ord_id,
            side=orig.side,
            symbol=orig.symbol,
        )
        await self.send(request)
        return request

    async def send(self, request: NewOrder | ReplaceOrder | CancelOrder) -> None:
        """Send anything, and wait for what becomes of it."""
        self.sending = True
        try:
            self.rig.venue.send(request)
        finally:
            self.sending = False
        await self.rig.settle()

    async def query(self, *requests: NewOrder | ReplaceOrder) -> Sequence[Report]:
        """Ask about an order by the names of these requests."""
        first = requests[0]
        names = tuple(request.cl_ord_id for request in requests)
        asked = StatusQuery(order_id=first.order_id, names=names, side=first.side, symbol=first.symbol)
        return await self.rig.venue.query(asked)

    def told(self, request: NewOrder | ReplaceOrder | CancelOrder, kind: ExecType) -> Report:
        """The one report of this kind about a request."""
        found = [r for r in self.reports if r.cl_ord_id == request.cl_ord_id and r.exec_type is kind]
        check(len(found) == 1, f"expected one report {kind.value} of {request.cl_ord_id}, got {len(found)}")
        return found[0]

    def rejected(self, request: ReplaceOrder | CancelOrder) -> Report:
        """The one reject of a replace or cancel."""
        found = [r for r in self.reports if r.cl_ord_id == request.cl_ord_id and r.msg_type is MsgType.CXL_REJ]
        check(len(found) == 1, f"expected one reject of {request.cl_ord_id}, got {len(found)}")
        return found[0]

    def executions(self, *requests: NewOrder | ReplaceOrder) -> list[Report]:
        """The executions under these names."""
        names = {request.cl_ord_id for request in requests}
        return [r for r in self.reports if r.exec_type is ExecType.TRADE and r.cl_ord_id in names]


def check(holds: bool, problem: str) -> None:
    """AssertionError with these words unless it holds."""
    if not holds:
        raise AssertionError(problem)


def equal(what: str, got: object, expected: object) -> None:
    """AssertionError that says what differs."""
    check(got == expected, f"{what}: expected {expected}, got {got}")


def need(holds: bool, what: str) -> None:
    """Skip the case unless the venue can do that."""
    if not holds:
        raise Skip(f"the venue has no {what}")
