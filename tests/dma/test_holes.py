"""Holes: what a venue says is executed and no execution has told - filled by inference until the executions come."""

from __future__ import annotations

from decimal import Decimal
from itertools import count, permutations
from typing import Any

import pytest

import exo
from exo.dma import Intent, NewOrder, Parent, Replace, ReplaceOrder, Request
from exo.mkt import ExecType, MsgType, OrdStatus, Report, Side, TimeInForce

D = Decimal


class Wanted(exo.Order):
    order_qty: Decimal = D(100)


ORDER = Wanted(side=Side.BUY, symbol="A", order_id="P")


def parent_of_none() -> Parent:
    numbers = count(1)
    return Parent("P", lambda order_id: f"{order_id}-{next(numbers)}")


def working(qty: int = 10, parent: Parent | None = None, slot: str = "") -> Parent:
    parent = parent or parent_of_none()
    assert isinstance(parent.work(ORDER, Intent(price=D(50), order_qty=D(qty), slot=slot), Replace.TOTAL), NewOrder)
    return parent


def told(kind: ExecType | None, name: str | None = "P-1", **more: Any) -> Report:
    return Report(**({"order_id": "P", "cl_ord_id": name, "exec_type": kind, "transact_time": None} | more))


def fill(qty: int, exec_id: str, px: int = 50, **more: Any) -> Report:
    return told(ExecType.TRADE, last_qty=D(qty), last_px=D(px), exec_id=exec_id, **more)


STATUS = told(ExecType.ORDER_STATUS, ord_status=OrdStatus.PARTIALLY_FILLED, cum_qty=D(6), avg_px=D(40))


def test_a_jump_of_cum_qty_is_a_hole_with_a_price_of_its_own() -> None:
    """What is known is taken out of it: 6 at 40 less 2 at 50 are 4 at 35."""
    parent = working()
    parent.apply(fill(2, "1"))
    parent.apply(STATUS)
    child = parent.children[0]
    assert (child.inferred_qty, child.cum_qty, child.notional, parent.cum_qty) == (4, 6, 240, 6)
    assert parent.open_qty == 4 and child.avg_px == 40


def test_the_executions_take_the_place_of_the_hole_one_by_one() -> None:
    """The sum stands still until they have told all; then it is theirs alone."""
    parent = working()
    parent.apply(STATUS)
    assert parent.cum_qty == 6
    for number, qty in enumerate((1, 3, 2)):
        parent.apply(fill(qty, str(number), 41))
        assert parent.cum_qty == 6
    child = parent.children[0]
    assert (child.inferred_qty, child.notional, parent.notional) == (0, 246, 246)


def test_without_an_average_a_hole_is_booked_at_the_limit() -> None:
    """And a market order's at what the others traded at."""
    parent = working()
    parent.apply(told(ExecType.CANCELED, cum_qty=D(4)))
    assert (parent.cum_qty, parent.notional) == (4, 200)
    market = parent_of_none()
    market.work(ORDER, Intent(price=None, order_qty=D(10), time_in_force=TimeInForce.IOC), Replace.TOTAL)
    market.apply(fill(1, "1", 7))
    market.apply(told(ExecType.CANCELED, cum_qty=D(4)))
    assert market.notional == 28


def test_an_old_status_takes_nothing_back() -> None:
    """It is lower, or it says that the order works: neither is news."""
    parent = working()
    for report in (fill(6, "1", cum_qty=D(6)), fill(4, "2", cum_qty=D(10))):
        parent.apply(report)
    before = parent.children
    parent.apply(STATUS)
    assert parent.children[0].cum_qty == 10 and parent.children[0].ord_status is OrdStatus.FILLED
    assert before[0].cum_qty == 10


def test_a_child_with_a_hole_is_remembered_until_it_is_filled() -> None:
    """Else its executions would count twice when they come."""
    parent = working(2)
    parent.apply(told(ExecType.CANCELED, cum_qty=D(2)))
    names = []
    for _ in range(30):
        request = parent.work(ORDER, Intent(price=D(50), order_qty=D(1)), Replace.TOTAL)
        assert request is not None
        names.append(request.cl_ord_id)
        parent.apply(told(ExecType.CANCELED, request.cl_ord_id))
    assert parent.children[0].cl_ord_id == "P-1" and len(parent.children) == 16
    parent.apply(fill(2, "1"))
    assert parent.cum_qty == 2


def test_a_bust_of_an_execution_that_was_never_told_makes_no_hole() -> None:
    """Its size is not known, so the highest CumQty explains nothing until it is."""
    status = told(ExecType.ORDER_STATUS, ord_status=OrdStatus.PARTIALLY_FILLED, cum_qty=D(6))
    bust = told(ExecType.TRADE_CANCEL, exec_id="2", exec_ref_id="1", cum_qty=D(0), ord_status=OrdStatus.NEW)
    for order in permutations([status, bust, told(ExecType.NEW)]):
        parent = working()
        for report in order:
            parent.apply(report)
        assert parent.cum_qty == 0, order
    parent.apply(fill(6, "1", cum_qty=D(6)))
    assert parent.cum_qty == 0 and parent.children[0].inferred_qty == 0


def test_after_a_bust_new_executions_still_make_holes_where_they_are_more_than_ever() -> None:
    """What was busted still explains the CumQty of its time, in whichever order the two were told."""
    executed = fill(3, "1", cum_qty=D(3))
    bust = told(ExecType.TRADE_CANCEL, exec_id="2", exec_ref_id="1", cum_qty=D(0), ord_status=OrdStatus.NEW)
    for order in ([executed, bust], [bust, executed]):
        parent = working()
        for report in order:
            parent.apply(report)
        assert parent.cum_qty == 0 == parent.children[0].inferred_qty
        parent.apply(told(ExecType.ORDER_STATUS, ord_status=OrdStatus.PARTIALLY_FILLED, cum_qty=D(5)))
        assert parent.children[0].inferred_qty == 2


def test_an_execution_that_names_no_request_is_found_by_the_venues_own_id() -> None:
    """Its child leaves less for it; one that nobody knows counts for the order all the same."""
    parent = working()
    parent.apply(told(ExecType.NEW, secondary_order_id="V7"))
    parent.apply(fill(4, "1", cl_ord_id=None, secondary_order_id="V7"))
    assert parent.children[0].cum_qty == 4 == parent.cum_qty and parent.open_qty == 6
    parent.apply(fill(1, "2", cl_ord_id=None, secondary_order_id="V8"))
    assert parent.children[0].cum_qty == 4 and parent.cum_qty == 5


def test_a_reduction_ends_with_the_terms_it_was_made_of() -> None:
    """The venue took 3 of 10 off the book; a replace to 8 has 8."""
    parent = working()
    parent.apply(told(ExecType.NEW))
    parent.apply(told(ExecType.RESTATED, order_qty=D(10), cum_qty=D(0), leaves_qty=D(7), ord_status=OrdStatus.NEW))
    assert parent.children[0].leaves_qty == 7 == parent.open_qty
    request: Request | None = parent.work(ORDER, Intent(price=D(50), order_qty=D(8)), Replace.TOTAL)
    assert isinstance(request, ReplaceOrder) and request.order_qty == 8
    assert parent.open_qty == 8, "what was taken away may come back with the replace"
    parent.apply(told(ExecType.REPLACED, request.cl_ord_id, orig_cl_ord_id="P-1", order_qty=request.order_qty))
    assert (parent.children[0].reduced_qty, parent.children[0].leaves_qty) == (0, 8)


@pytest.mark.parametrize("status", [OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED])
def test_a_cancel_reject_that_says_it_is_over_is_asked_about(status: OrdStatus) -> None:
    """It tells no CumQty: what has been executed may have been lost, so the child counts in full until that is told."""
    parent = working()
    parent.apply(told(ExecType.NEW))
    assert parent.live is not None
    request = parent.cancel(ORDER, parent.live)
    assert request is not None
    ids = {"order_id": "P", "cl_ord_id": request.cl_ord_id, "orig_cl_ord_id": "P-1", "transact_time": None}
    parent.apply(Report(**ids, msg_type=MsgType.CXL_REJ, ord_status=status, cxl_rej_reason=0))
    child = parent.children[0]
    assert (child.finished, child.in_doubt, parent.open_qty) == (False, True, 10)
    parent.apply(told(ExecType.ORDER_STATUS, ord_status=OrdStatus.CANCELED, cum_qty=D(7), leaves_qty=D(0)))
    assert parent.children[0].finished and (parent.cum_qty, parent.open_qty) == (7, 0)
    parent.apply(fill(7, "1", cum_qty=D(7)))
    assert parent.cum_qty == 7
