"""What outsiders have broken at child orders: busts, corrections and holes (C21)."""

from __future__ import annotations

from itertools import count, permutations
from typing import Any

import pytest

from exo.dma import Intent, Parent, Replace
from exo.mkt import ExecType, OrdStatus, Report, Side
from tests.dma.test_children import D, Wanted, fill, told


def parent() -> Parent:
    numbers = count(1)
    return Parent("P", lambda of: f"{of}-{next(numbers)}")


def of(order_qty: object) -> Wanted:
    return Wanted(side=Side.BUY, symbol="A", order_id="P", order_qty=D(str(order_qty)))


def working(order_qty: object) -> tuple[Wanted, Parent]:
    order, p = of(order_qty), parent()
    p.work(order, Intent(price=D(10)), Replace.TOTAL)
    p.apply(told(ExecType.NEW, cum_qty=D(0), leaves_qty=order.order_qty))
    return order, p


def amended(kind: ExecType, exec_id: str, ref: str, qty: object = 0, **more: Any) -> Report:
    return told(kind, exec_id=exec_id, exec_ref_id=ref, last_qty=D(str(qty)), last_px=D(10), **more)


BUST, CORRECT = ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT


def test_c21_the_end_tells_what_is_executed_also_where_a_bust_of_an_unknown_execution_came_before() -> None:
    """60 filled and lost, busted; 50 filled and lost; cancelled with CumQty 50: the next child is for 50, not 100."""
    order, p = working(100)
    p.apply(amended(BUST, "B", "A", 60, cum_qty=D(0), leaves_qty=D(100), ord_status=OrdStatus.NEW))
    p.apply(told(ExecType.CANCELED, ord_status=OrdStatus.CANCELED, cum_qty=D(50), leaves_qty=D(0)))
    assert p.cum_qty == 50
    request = p.work(order, Intent(price=D(10)), Replace.TOTAL)
    assert request is not None and request.order_qty == 50


def test_c21_a_bust_after_the_end_does_not_take_back_what_the_end_told_of_other_executions() -> None:
    """60 filled and busted, 50 filled and lost, 10 filled, cancelled with 60; the 10 busted, CumQty 50: 50 are left."""
    order, p = working(100)
    p.apply(fill(60, "A", 10, cum_qty=D(60), leaves_qty=D(40), ord_status=OrdStatus.PARTIALLY_FILLED))
    p.apply(amended(BUST, "B", "A", 60, cum_qty=D(0), leaves_qty=D(100), ord_status=OrdStatus.NEW))
    p.apply(fill(10, "D", 10, cum_qty=D(60), leaves_qty=D(40), ord_status=OrdStatus.PARTIALLY_FILLED))
    p.apply(told(ExecType.CANCELED, ord_status=OrdStatus.CANCELED, cum_qty=D(60), leaves_qty=D(0)))
    assert p.cum_qty == 60
    p.apply(amended(BUST, "E", "D", 10, cum_qty=D(50), leaves_qty=D(0), ord_status=OrdStatus.CANCELED))
    assert p.cum_qty == 50
    request = p.work(order, Intent(price=D(10)), Replace.TOTAL)
    assert request is not None and request.order_qty == 50


@pytest.mark.parametrize("kind", [CORRECT, BUST])
def test_two_amendments_that_name_the_original_are_not_added_up(kind: ExecType) -> None:
    """Brokers name the first ExecID in each: 10, corrected to 8, then to 6 (or busted) is 6 (or 0), as CumQty says."""
    _, p = working(10)
    p.apply(fill(10, "A", 10, cum_qty=D(10), leaves_qty=D(0), ord_status=OrdStatus.FILLED))
    p.apply(amended(CORRECT, "B", "A", 8, cum_qty=D(8), leaves_qty=D(2), ord_status=OrdStatus.PARTIALLY_FILLED))
    now = D(6 if kind is CORRECT else 0)
    p.apply(amended(kind, "C", "A", 6, cum_qty=now, leaves_qty=D(10) - now, ord_status=OrdStatus.PARTIALLY_FILLED))
    assert p.cum_qty == now


def test_a_bust_after_the_end_counts_also_where_the_venue_tells_no_cum_qty() -> None:
    """What the venue does not say is None; that all of it was busted after the end is said all the same."""
    _, p = working(100)
    p.apply(fill(60, "A", 10, ord_status=OrdStatus.PARTIALLY_FILLED))
    p.apply(told(ExecType.CANCELED, ord_status=OrdStatus.CANCELED, cum_qty=D(60), leaves_qty=D(0)))
    p.apply(amended(BUST, "B", "A", 60, ord_status=OrdStatus.CANCELED))
    assert p.cum_qty == 0


def test_c21_a_forgotten_child_that_a_broker_bust_revives_is_open_again() -> None:
    """20 children filled, the first busted: its ten work at the broker again, so no other child may ask for them."""
    order, p = of(200), parent()
    for at in range(1, 21):
        request = p.work(order, Intent(price=D(10), order_qty=D(10)), Replace.NONE)
        assert request is not None
        name = request.cl_ord_id
        p.apply(told(ExecType.NEW, cl_ord_id=name, ord_status=OrdStatus.NEW))
        p.apply(fill(10, f"E{at}", 10, cl_ord_id=name, cum_qty=D(10), leaves_qty=D(0), ord_status=OrdStatus.FILLED))
    assert p.cum_qty == 200 and not p.unfinished
    bust = {"cl_ord_id": "P-1", "cum_qty": D(0), "leaves_qty": D(10), "order_qty": D(10), "ord_status": OrdStatus.NEW}
    p.apply(amended(BUST, "B", "E1", 10, **bust))
    assert p.cum_qty == 190
    assert p.work(order, Intent(price=D(10)), Replace.NONE) is None


@pytest.mark.parametrize("status", [OrdStatus.CANCELED, None])
def test_c08_a_child_whose_whole_quantity_the_venue_has_taken_away_is_not_live_for_ever(status: Any) -> None:
    """RESTATED with LeavesQty 0, as self-trade prevention does: nothing can trade, nothing is left to cancel."""
    order, p = working(10)
    p.apply(told(ExecType.RESTATED, cum_qty=D(0), leaves_qty=D(0), ord_status=status))
    [child] = p.children
    assert child.finished or p.cancel(order, child) is not None


def test_the_same_reports_in_any_order_make_the_same_child_also_of_a_reduction_after_a_replace() -> None:
    """A reduction that comes before the Replaced it follows is not forgotten."""

    def ends(order_of: tuple[Report, ...]) -> tuple[Any, ...]:
        order, p = working(10)
        p.work(order, Intent(price=D(11)), Replace.TOTAL)
        for report in order_of:
            p.apply(report)
        [child] = p.children
        return child.leaves_qty, child.cum_qty, child.phase, child.finished

    reports = (
        told(ExecType.REPLACED, cl_ord_id="P-2", orig_cl_ord_id="P-1", cum_qty=D(0), leaves_qty=D(10)),
        told(ExecType.RESTATED, cl_ord_id="P-2", cum_qty=D(0), leaves_qty=D(6)),
        fill(6, "E", 11, cl_ord_id="P-2", cum_qty=D(6), leaves_qty=D(0)),
    )
    assert len({ends(each) for each in permutations(reports)}) == 1


def test_c08_a_filled_order_that_an_exchange_corrects_downwards_is_still_over() -> None:
    """10 filled, corrected to 8 with LeavesQty 0: an exchange puts nothing back, so nothing of it may trade or end."""
    _, p = working(10)
    p.apply(fill(10, "A", 10, cum_qty=D(10), leaves_qty=D(0), ord_status=OrdStatus.FILLED))
    p.apply(amended(CORRECT, "B", "A", 8, cum_qty=D(8), leaves_qty=D(0), ord_status=OrdStatus.FILLED))
    p.apply(told(ExecType.ORDER_STATUS, cum_qty=D(8), leaves_qty=D(0), ord_status=OrdStatus.FILLED))
    [child] = p.children
    assert p.cum_qty == 8
    assert (child.finished, child.leaves_qty) == (True, 0)
