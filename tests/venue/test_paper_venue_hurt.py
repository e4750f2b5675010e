"""The paper venue where it is easily hurt: long numbers, wrong symbols, sinks that raise."""

from __future__ import annotations

import asyncio
import decimal
from decimal import Decimal
from typing import Any

import exo
from exo.dma import CancelOrder, NewOrder
from exo.mkt import ExecType, Quote, Report, Side, TimeInForce
from exo.venue import PaperVenue

D = Decimal


class Trader:
    def __init__(self, **fees: Decimal) -> None:
        self.venue = PaperVenue(**fees)
        self.venue.connect(self)  # type: ignore[arg-type]
        self.reports: list[Report] = []
        self.sent = 0

    def on_report(self, report: Report) -> None:
        self.reports.append(report)

    def show(self, bid: object, bid_size: object, ask: object, ask_size: object, symbol: str = "A") -> None:
        self.venue.on_quote(Quote(symbol, *(D(str(n)) for n in (bid, bid_size, ask, ask_size))))

    def send(self, qty: object, px: object, symbol: str = "A", tif: TimeInForce = TimeInForce.GTC) -> NewOrder:
        self.sent += 1
        request = NewOrder(
            order_id="P",
            cl_ord_id=f"C{self.sent}",
            side=Side.BUY,
            symbol=symbol,
            order_qty=D(str(qty)),
            price=D(str(px)),
            time_in_force=tif,
        )
        self.venue.send(request)
        return request

    @property
    def fills(self) -> list[tuple[Any, ...]]:
        return [(r.cl_ord_id, r.last_qty, r.last_px) for r in self.reports if r.exec_type is ExecType.TRADE]


def run(program: Any) -> Any:
    return exo.run_virtually(program(), until_s=60)


def test_an_average_price_that_needs_more_than_60_places_is_reported() -> None:
    """1 at 0.01 and 2 at 0.02: the average has 60 digits from the second place on, which no Report takes."""

    async def program() -> list[Any]:
        trader = Trader()
        trader.show("0.005", 1, "0.01", 1)
        trader.send(3, "0.02")
        trader.show("0.005", 1, "0.02", 2)
        await asyncio.sleep(0)
        return trader.fills

    assert run(program) == [("C1", 1, D("0.01")), ("C1", 2, D("0.02"))]


def test_c19_a_fee_of_a_long_notional_is_exact() -> None:
    """`abs` rounds in the caller's context, to 28 digits as a rule."""

    async def program() -> Report:
        trader = Trader(taker_bps=D(1))
        px, qty = "123456789012345.67", "1.0000000000000001"
        trader.show(1, 1, px, 99)
        trader.send(qty, px)
        await asyncio.sleep(0)
        return trader.reports[-1]

    report = run(program)
    with decimal.localcontext(decimal.Context(prec=100)):
        assert report.commission == report.last_px * report.last_qty * D("0.0001")


def test_c19_price_comes_before_time_whatever_the_users_context() -> None:
    """`-price` rounds in the caller's context: prices that differ beyond its digits tie."""

    async def program() -> list[Any]:
        trader = Trader()
        with decimal.localcontext(decimal.Context(prec=2)):
            trader.show(1, 1, 999, 1)
            trader.send(1, 101)
            trader.send(1, 102)
            trader.show(1, 1, 101, 1)
        await asyncio.sleep(0)
        return trader.fills

    assert run(program) == [("C2", 1, 102)]


def test_a_cancel_that_names_another_symbol_harms_nobody() -> None:
    """It takes the other symbol's order from its queue, or raises, and the order it named stays in its own."""

    async def program() -> tuple[Any, ...]:
        trader = Trader()
        trader.show(1, 1, 99, 1)
        trader.show(1, 1, 99, 1, "B")
        trader.send(1, 10)
        trader.send(1, 10, "B")
        cancel = CancelOrder(order_id="P", cl_ord_id="X", orig_cl_ord_id="C1", side=Side.BUY, symbol="B")
        trader.venue.send(cancel)
        for symbol in "AB":
            trader.show(1, 1, 5, 1, symbol)
        await asyncio.sleep(0)
        canceled = [r.orig_cl_ord_id for r in trader.reports if r.exec_type is ExecType.CANCELED]
        return canceled, trader.fills

    assert run(program) in [((["C1"]), [("C2", 1, D(10))]), ([], [("C1", 1, D(10)), ("C2", 1, D(10))])]


def test_a_sink_that_raises_holds_up_no_later_report() -> None:
    """What was left in the queue is never told, nor anything after it: no pass of the loop is asked for any more."""

    async def program() -> list[Any]:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        trader = Trader()
        on_report = trader.on_report

        def raises(report: Report) -> None:
            if report.cl_ord_id == "C1":
                raise ValueError("boom")
            on_report(report)

        trader.on_report = raises  # type: ignore[method-assign]
        trader.venue.connect(trader)  # type: ignore[arg-type]
        trader.send(1, 10)
        trader.send(1, 10)
        await asyncio.sleep(1)
        trader.send(1, 10)
        await asyncio.sleep(1)
        return [r.cl_ord_id for r in trader.reports]

    assert run(program) == ["C2", "C3"]


def test_c11_what_it_remembers_of_rejected_orders_is_bounded_too() -> None:
    """10 000 ended orders are remembered, and rejected ones without end."""

    async def program() -> int:
        venue = PaperVenue()
        venue.connect(Trader())  # type: ignore[arg-type]
        for i in range(10_500):
            venue.send(
                NewOrder(
                    order_id="P",
                    cl_ord_id=f"C{i}",
                    side=Side.BUY,
                    symbol="A",
                    order_qty=D(1),
                    price=D(1),
                    time_in_force=TimeInForce.FOK,
                )
            )
        await asyncio.sleep(0)
        return len(venue._orders.ended)

    assert run(program) <= 10_000
