"""C21 end to end: a bust at a broker revives a child that its parent has forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import exo
from exo.dma import CancelOrder, RiskGate, RiskLimits
from exo.mkt import ExecType, OrdStatus, Side
from exo.venue import PaperVenue

from .helpers import D, Made, buy, quote, virtual
from .venues import Wire


@pytest.mark.parametrize("children", [10, 20])
@virtual
async def test_c21_a_bust_at_a_broker_of_an_old_child_does_not_over_execute(children: int) -> None:
    """Its quantity works at the broker again; nothing else may be sent for it, however many children came after."""

    def act(me: Any, update: Any) -> Any:
        desk = me.desk
        if desk.cancelled:
            desk.cancel()
        elif update.quote is not None and update.quote.ask_px <= 50:
            desk.work(price=update.quote.ask_px, order_qty=D(10))
        return exo.DONE if desk.finished else None

    venue = PaperVenue(broker=True)
    total = D(10 * children + 10)
    async with exo.Dispatcher(Made(act), venue, hog_s=None) as d:
        order = d.submit(buy(order_qty=total)).order

        def show(bid: object, ask: object, size: int = 10) -> None:
            one = exo.Quote("A", D(str(bid)), D(1), D(str(ask)), D(size))
            venue.on_quote(one)
            d.on_quote(one)

        for at in range(children):
            show(9, 11 + at)
            await asyncio.sleep(0.1)
        assert venue.executed["A", Side.BUY].qty == 10 * children
        show(9, 60)
        [first] = next(iter(venue._orders.ended.values())).executions
        venue.bust(first)
        await asyncio.sleep(0.1)
        for at in range(6):
            show(9, 40 - at, 10)
            await asyncio.sleep(0.1)
        show(9, 10, 100)
        await asyncio.sleep(1)
        if len(d):
            d.cancel(order)
        await asyncio.sleep(30)
        left_open = [str(r.cl_ord_id) for r in await venue.open_orders()]
        show(9, 10, 100)
        await asyncio.sleep(1)
        assert (venue.executed["A", Side.BUY].qty <= total, left_open) == (True, [])


@virtual
async def test_c20_a_fill_that_comes_after_its_order_has_left_counts_in_the_gates_position() -> None:
    """A late fill of an order that has ended is an orphan, and is held all the same."""
    wire = Wire()
    gate = RiskGate(RiskLimits(max_position=D(10)))

    def act(me: Any, update: Any) -> Any:
        if update.quote is not None and not me.desk.children:
            me.desk.work(price=D(10))
        return exo.DONE if me.desk.finished or not me.desk.order.order_qty else None

    async with exo.Dispatcher(Made(act), wire, hog_s=None, gate=gate, on_orphan=lambda report: None) as d:
        order = d.submit(buy(order_qty=D(10))).order
        d.on_quote(quote())
        await asyncio.sleep(0.1)
        wire.accept()
        d.cancel(order)
        wire.tell(ExecType.CANCELED, cum_qty=D(0))
        await asyncio.sleep(0.1)
        assert len(d) == 0
        wire.fill(10)
        await asyncio.sleep(0.1)
        assert gate.exposure("A").position == 10


@pytest.mark.parametrize("status", [OrdStatus.CANCELED, OrdStatus.FILLED])
@virtual
async def test_c08_an_order_ends_after_an_exchange_has_corrected_its_filled_child(status: Any) -> None:
    """10 filled, corrected to 8, nothing back on the book (LeavesQty 0): the owner cancels, the venue says too late."""

    class Exchange(Wire):
        async def query(self, query: Any) -> Any:
            await asyncio.sleep(0.02)
            return (self.written(ExecType.ORDER_STATUS),)

        def written(self, kind: ExecType, **more: Any) -> Any:
            new = self.news[-1]
            sums = {"cum_qty": D(8), "leaves_qty": D(0), "ord_status": status, "transact_time": None}
            return exo.Report(
                **({"order_id": new.order_id, "cl_ord_id": new.cl_ord_id, "exec_type": kind} | sums | more)
            )

        def send(self, request: Any) -> None:
            super().send(request)
            if isinstance(request, CancelOrder):
                asyncio.get_running_loop().call_later(0.02, self.refuse, status)

    def act(me: Any, update: Any) -> Any:
        if me.desk.cancelled:
            me.desk.cancel()
        elif update.quote is not None and not me.desk.children:
            me.desk.work(price=D(10), order_qty=D(10))
        return exo.DONE if me.desk.finished else None

    wire = Exchange()
    async with exo.Dispatcher(Made(act), wire, hog_s=None) as d:
        order = d.submit(buy(order_qty=D(20))).order
        d.on_quote(quote())
        await asyncio.sleep(0.1)
        wire.accept()
        wire.fill(10, exec_id="A")
        correction = {"exec_id": "B", "exec_ref_id": "A", "last_qty": D(8), "last_px": D(10)}
        wire.sink.on_report(wire.written(ExecType.TRADE_CORRECT, **correction))
        await asyncio.sleep(1)
        d.cancel(order)
        await asyncio.sleep(60)
        assert (len(d), len(wire.cancels) < 10) == (0, True)
