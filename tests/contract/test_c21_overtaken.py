"""C21: reports that overtake one another, time 0, and prices that are tiny."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import count, permutations
from typing import Any

import exo
from contract.helpers import D, Made, buy, settled, virtual
from contract.venues import Wire
from exo.dma import Intent, NewOrder, Parent, Replace
from exo.mkt import ExecType, Report, Side
from exo.venue import PaperVenue


class Wanted(exo.Order):
    order_qty: Decimal = D(10)


ORDER = Wanted(side=Side.BUY, symbol="A", order_id="P")


def told(kind: ExecType, **more: Any) -> Report:
    return Report(**({"order_id": "P", "cl_ord_id": "P-1", "exec_type": kind, "transact_time": None} | more))


def fill(qty: int, cum: int) -> Report:
    return told(ExecType.TRADE, last_qty=D(qty), last_px=D(1), exec_id=f"E{cum}", cum_qty=D(cum))


@virtual
async def test_c21_executions_that_overtake_each_other_do_not_cancel_a_good_child() -> None:
    """What is on its way is the live child's own: it is taken from what is left, and from its leaves it is not."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        wire.accept()
        wire.tell(ExecType.TRADE, last_qty=D(3), last_px=D(10), exec_id="E2", cum_qty=D(5))
        before = len(wire.cancels)
        wire.tell(ExecType.TRADE, last_qty=D(2), last_px=D(10), exec_id="E1", cum_qty=D(2))
        again = desk.work(price=D(10))
        after = len(wire.cancels)
        wire.end()
        assert (before, again, after) == (0, None, 0)


@virtual
async def test_c21_an_acknowledgement_that_overtakes_an_execution_does_not_cancel_a_good_child() -> None:
    """The same by a single report that knows of an execution which has not come yet."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        made[0].desk.work(price=D(10))
        wire.tell(ExecType.NEW, cum_qty=D(4), leaves_qty=D(6))
        cancels = len(wire.cancels)
        wire.end()
        assert cancels == 0


def test_c21_a_child_that_is_as_wanted_is_so_whichever_report_comes_first() -> None:
    """And what is asked for after the end is what no execution takes, also of those on their way."""
    intent = Intent(price=D(1))
    reports = [told(ExecType.NEW, cum_qty=D(0)), fill(2, 2), fill(3, 5), fill(1, 6)]
    for order in permutations(reports):
        parent = working(intent)
        for report in order:
            parent.apply(report)
            assert not list(parent.too_much(ORDER))
            assert parent.work(ORDER, intent, Replace.NONE) is None
    for order in permutations([*reports[1:], told(ExecType.CANCELED, cum_qty=D(6))]):
        for at in range(4):
            parent = working(intent)
            for report in order[:at]:
                parent.apply(report)
            request = parent.work(ORDER, intent, Replace.NONE)
            assert request is None or (isinstance(request, NewOrder) and request.order_qty == 4)
            for report in order[at:]:
                parent.apply(report)
            assert parent.cum_qty == 6 and not list(parent.too_much(ORDER))


def working(intent: Intent) -> Parent:
    numbers = count(1)
    parent = Parent("P", lambda order_id: f"{order_id}-{next(numbers)}")
    assert parent.work(ORDER, intent, Replace.NONE) is not None
    return parent


def test_c21_an_order_is_worked_also_at_the_beginning_of_time() -> None:
    """`submitted_ns` of 0 is a time: where virtual time starts at 0, no order is ever worked."""

    async def program() -> int:
        wire = Wire()
        made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
        async with exo.Dispatcher(made, wire, exit_s=1) as d:
            d.submit(buy(order_qty=D(10)))
            await asyncio.sleep(1)
        return len(wire.news)

    assert exo.run_virtually(program(), until_s=60, start_ns=0) == 1


def test_c21_an_average_price_of_a_tiny_price_is_not_0() -> None:
    """1 at 1E-12 and 1 at 3E-12: at ten places the average is 0, though every digit of it fits (contract C19)."""

    async def program() -> Decimal | None:
        reports: list[Report] = []

        class Sink:
            on_quote = on_trade = on_status = None
            on_report = staticmethod(reports.append)

        venue = PaperVenue()
        venue.connect(Sink())  # type: ignore[arg-type]
        for px in ("1E-12", "3E-12"):
            venue.on_quote(exo.Quote("A", None, None, D(px), D(1)))
            if not reports:
                venue.send(
                    NewOrder(order_id="P", cl_ord_id="P-1", side=Side.BUY, symbol="A", order_qty=D(2), price=D("3E-12"))
                )
            await asyncio.sleep(0)
        return reports[-1].avg_px

    assert exo.run_virtually(program(), until_s=60) == D("2E-12")
