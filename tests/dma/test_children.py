"""Children: what reports make of an order at a venue, and what their parent asks for next."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

import pytest

import exo
from exo.dma import CancelOrder, Child, Intent, NewOrder, Parent, Replace, Request, child_of
from exo.errors import InvalidValue
from exo.mkt import ExecType, MsgType, OrdStatus, OrdType, Report, Side, TimeInForce

D = Decimal
GTC, DAY, IOC, FOK = TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK
CANCEL = "the cancel request"
HUNDRED = D(100)


class Wanted(exo.Order):
    """An order with a quantity."""

    order_qty: Decimal = D(10_000)


def wanted(order_qty: object = 10_000) -> Wanted:
    return Wanted(side=Side.BUY, symbol="A", order_id="P", order_qty=D(str(order_qty)))


def unbounded() -> exo.Order:
    return exo.Order(side=Side.BUY, symbol="A", order_id="P")


def told(kind: ExecType, **more: Any) -> Report:
    """An execution report about the parent's first child, unless it says of another."""
    return Report(**({"order_id": "P", "cl_ord_id": "P-1", "exec_type": kind, "transact_time": None} | more))


def fill(qty: object, exec_id: object, px: object = 100, **more: Any) -> Report:
    return told(ExecType.TRADE, last_qty=D(str(qty)), last_px=D(str(px)), exec_id=str(exec_id), **more)


def answered(kind: ExecType, **more: Any) -> Report:
    """A report that answers the cancel."""
    return told(kind, **({"cl_ord_id": "P-2", "orig_cl_ord_id": "P-1"} | more))


def cxl_rej(status: OrdStatus, reason: int = 0, **more: Any) -> Report:
    """An OrderCancelReject."""
    ids = {"order_id": "P", "cl_ord_id": "P-2", "orig_cl_ord_id": "P-1", "transact_time": None}
    return Report(**(ids | {"msg_type": MsgType.CXL_REJ, "ord_status": status, "cxl_rej_reason": reason} | more))


NEW = told(ExecType.NEW)
CANCELED = answered(ExecType.CANCELED)
PENDING_CANCEL = answered(ExecType.PENDING_CANCEL)
UNSOLICITED = told(ExecType.CANCELED)
EXPIRED = told(ExecType.EXPIRED)
REJECTED = told(ExecType.REJECTED, text="no")
UNKNOWN = cxl_rej(OrdStatus.REJECTED, 1)


def parent_of_none() -> Parent:
    """A parent without children, which names its requests P-1, P-2 and so on."""
    numbers = count(1)
    return Parent("P", lambda order_id: f"{order_id}-{next(numbers)}")


def work(
    parent: Parent,
    order_qty: Decimal | None = None,
    price: Decimal | None = HUNDRED,
    tif: TimeInForce = GTC,
    *,
    order: exo.Order | None = None,
    replace: Replace = Replace.NONE,
    **more: Any,
) -> Request | None:
    intent = Intent(price=price, order_qty=order_qty, time_in_force=tif, **more)
    return parent.work(order or wanted(), intent, replace)


def cancel(parent: Parent, order: exo.Order | None = None) -> CancelOrder | None:
    child = parent.live
    return None if child is None else parent.cancel(order or wanted(), child)


def working(order_qty: object = 10_000, tif: TimeInForce = GTC) -> Parent:
    """A parent that has sent a child for all of its quantity."""
    parent = parent_of_none()
    assert work(parent, tif=tif, order=wanted(order_qty)) is not None
    return parent


def state(parent: Parent) -> str:
    """Status, CumQty/LeavesQty, and what is pending, of the first child."""
    child = first_of(parent)
    marks = [" cancelling"] * child.cancelling + [" doubt"] * child.in_doubt
    return f"{child.ord_status.name} {child.cum_qty}/{child.leaves_qty}" + "".join(marks)


def too_much(parent: Parent, order: exo.Order) -> bool:
    return bool(list(parent.too_much(order)))


def step(parent: Parent, what: object, order_qty: object = 10_000) -> None:
    if what is CANCEL:
        assert cancel(parent, wanted(order_qty)) is not None
    else:
        assert isinstance(what, Report)
        parent.apply(what)


def first_of(parent: Parent) -> Child:
    return parent.children[0]


def test_a_report_makes_a_new_child_and_leaves_the_old_one_as_it_was() -> None:
    """Whoever holds a child sees it as it stood."""
    parent = working()
    before = first_of(parent)
    for report in (fill(3, 1, 7), fill(1, 2, 9)):
        parent.apply(report)
    after = first_of(parent)
    assert (before.cum_qty, before.ord_status, before.avg_px) == (0, OrdStatus.PENDING_NEW, None)
    assert (after.cum_qty, after.notional, after.avg_px) == (4, 30, D("7.5"))


def test_a_child_knows_what_was_asked_for() -> None:
    """Its terms are those of the request that made it."""
    request = work(parent_of_none(), None, D("99.5"), DAY, order=wanted(7))
    assert isinstance(request, NewOrder)
    child = child_of(request)
    assert (child.cl_ord_id, child.order_qty, child.price, child.time_in_force) == ("P-1", 7, D("99.5"), DAY)
    assert (request.order_id, request.side, request.symbol, request.ord_type) == ("P", Side.BUY, "A", OrdType.LIMIT)
    market = work(parent_of_none(), D(2), None, IOC, order=wanted(7))
    assert isinstance(market, NewOrder)
    assert (market.ord_type, market.price, market.order_qty) == (OrdType.MARKET, None, 2)


def test_an_average_price_is_exact_to_60_digits() -> None:
    """Notional and quantity are kept, the quotient is made when it is asked for."""
    parent = working()
    for report in (fill(1, 1, 10), fill(2, 2, 11)):
        parent.apply(report)
    assert first_of(parent).avg_px == D("10." + "6" * 57 + "7")


def test_what_the_venue_said_stays_with_the_child() -> None:
    """Its words are kept until it says something else."""
    parent = working()
    step(parent, told(ExecType.NEW, text="hello"))
    step(parent, fill(1, 1))
    assert first_of(parent).text == "hello"
    step(parent, REJECTED)
    assert first_of(parent).text == "no"


@pytest.mark.parametrize("end", [UNSOLICITED, EXPIRED, REJECTED], ids=["canceled", "expired", "rejected"])
def test_an_execution_that_comes_after_the_end_still_counts(end: Report) -> None:
    """The child does not come back to life by it, nor by a late acknowledgement."""
    parent = working()
    for report in (fill(1000, 1), end):
        step(parent, report)
    status = first_of(parent).ord_status
    for report in (fill(500, 2), NEW, PENDING_CANCEL, fill(500, 2)):
        step(parent, report)
    child = first_of(parent)
    assert (child.ord_status, child.cum_qty, child.leaves_qty, child.live) == (status, 1500, 0, False)
    assert parent.live is None and parent.cum_qty == 1500 and parent.notional == 150_000
    request = work(parent)
    assert isinstance(request, NewOrder) and request.order_qty == 8500


def test_an_execution_is_known_by_its_id_whichever_request_the_report_names() -> None:
    """While a cancel is pending a venue may name either; it is one execution of one child."""
    parent = working()
    step(parent, CANCEL)
    assert parent.apply(fill(2000, 7))
    assert not parent.apply(fill(2000, 7, cl_ord_id="P-2", orig_cl_ord_id="P-1"))
    assert not parent.apply(fill(3000, 7, 99))
    assert (parent.cum_qty, parent.notional, first_of(parent).cum_qty) == (2000, 200_000, 2000)


def test_an_execution_id_of_another_child_is_another_execution() -> None:
    """Venues count executions per order."""
    parent = working()
    step(parent, fill(2000, 1))
    step(parent, UNSOLICITED)
    second = work(parent)
    assert isinstance(second, NewOrder) and second.order_qty == 8000
    assert parent.apply(fill(3000, 1, cl_ord_id=second.cl_ord_id))
    assert [child.cum_qty for child in parent.children] == [2000, 3000] and parent.cum_qty == 5000


def test_executions_without_an_id_are_not_taken_for_repeats() -> None:
    """Nothing tells them apart, so nothing is thrown away."""
    parent = working()
    for _ in range(2):
        assert parent.apply(told(ExecType.TRADE, last_qty=D(5), last_px=D(1)))
    assert parent.cum_qty == first_of(parent).cum_qty == 10


def test_what_is_no_execution_may_be_told_again_and_is_no_repeat() -> None:
    """Only an execution is counted, and so only an execution is refused."""
    parent = working()
    assert parent.apply(NEW) and parent.apply(NEW)
    assert parent.apply(Report(order_id="P", transact_time=None, exec_id="1", cl_ord_id="P-1"))
    assert parent.apply(told(ExecType.ORDER_STATUS, exec_id="0", cum_qty=D(0), ord_status=OrdStatus.NEW))
    assert state(parent) == "NEW 0/10000"


def test_a_report_about_no_child_changes_none_but_its_execution_counts() -> None:
    """It belongs to the order all the same."""
    parent = working()
    before = parent.children
    for report in (NEW, UNSOLICITED, REJECTED, UNKNOWN):
        parent.apply(Report(**{**_members(report), "cl_ord_id": "other", "orig_cl_ord_id": None}))
    assert parent.apply(fill(5, 1, cl_ord_id="other")) and not parent.apply(fill(5, 1, cl_ord_id="other"))
    assert parent.children == before and parent.cum_qty == 5


def _members(report: Report) -> dict[str, Any]:
    return {name: getattr(report, name) for name in report.__struct_fields__}


def test_the_last_16_that_ended_are_remembered_beside_the_live_one() -> None:
    """An execution of a forgotten one still counts, and once."""
    parent = parent_of_none()
    names = []
    for _ in range(40):
        request = work(parent, D(1), D(100), GTC, order=wanted(100))
        assert isinstance(request, NewOrder)
        names.append(request.cl_ord_id)
        parent.apply(told(ExecType.CANCELED, cl_ord_id=request.cl_ord_id))
    live = work(parent, D(1), D(100), GTC, order=wanted(100))
    assert isinstance(live, NewOrder) and parent.live is not None
    assert [child.cl_ord_id for child in parent.children] == [*names[-16:], live.cl_ord_id]
    late = fill(3, 1, cl_ord_id=names[0])
    assert parent.apply(late) and not parent.apply(late)
    assert parent.cum_qty == 3 and parent.left_of(wanted(100)) == 97


def test_requests_are_named_by_the_order_and_their_number() -> None:
    """So the same run gives the same names, and no two are the same."""
    parent = working()
    assert cancel(parent) == CancelOrder(order_id="P", cl_ord_id="P-2", orig_cl_ord_id="P-1", side=Side.BUY, symbol="A")
    parent.apply(CANCELED)
    again = work(parent, None, D(1), GTC)
    assert again is not None and again.cl_ord_id == "P-3"


def test_the_same_intent_asks_for_nothing() -> None:
    """Also when it is spelled differently: 100 is 100.00, and all is all that is left."""
    parent = working()
    for qty in (None, D(10_000), D("10000.0"), D(99_999)):
        assert work(parent, qty, D("100.00"), GTC) is None
    parent.apply(fill(4000, 1))
    for qty in (None, D(6000), D(6001)):
        assert work(parent, qty, D(100), GTC) is None


@pytest.mark.parametrize(
    ("qty", "price", "tif"),
    [(None, D(101), GTC), (None, None, GTC), (D(9999), D(100), GTC), (D(0), D(100), GTC), (None, D(100), DAY)],
)
def test_another_intent_first_cancels_what_stands(qty: Decimal | None, price: Decimal | None, tif: TimeInForce) -> None:
    """And waits for the end of that before it asks for the new one."""
    parent = working()
    assert work(parent, qty, price, tif) is None, "a cancel could overtake the new order"
    parent.apply(NEW)
    request = work(parent, qty, price, tif)
    assert isinstance(request, CancelOrder) and request.orig_cl_ord_id == "P-1"
    for report in (NEW, PENDING_CANCEL, fill(1000, 1)):
        assert work(parent, qty, price, tif) is None
        parent.apply(report)
    parent.apply(CANCELED)
    after = work(parent, qty, price, tif)
    if qty == 0:
        assert after is None
    else:
        assert isinstance(after, NewOrder)
        assert (after.order_qty, after.price, after.time_in_force) == (min(qty or D(9000), D(9000)), price, tif)


@pytest.mark.parametrize("tif", [IOC, FOK])
def test_what_ends_by_itself_is_waited_for(tif: TimeInForce) -> None:
    """No cancel is sent to make room for another intent; asked for by name it is."""
    parent = working(tif=tif)
    assert work(parent, D(1), D(50), GTC) is None
    assert cancel(parent) is not None


def test_a_rejected_cancel_may_be_asked_again() -> None:
    """And an intent that differs asks for it by itself."""
    parent = working()
    step(parent, CANCEL)
    assert cancel(parent) is None
    step(parent, cxl_rej(OrdStatus.NEW))
    assert isinstance(work(parent, None, D(50), GTC), CancelOrder)
    assert cancel(parent) is None


def test_without_a_child_there_is_nothing_to_cancel() -> None:
    """Neither before the first nor after the last."""
    parent = parent_of_none()
    assert cancel(parent) is None
    parent = working()
    parent.apply(fill(10_000, 1))
    assert cancel(parent) is None


@pytest.mark.parametrize(("asked", "given"), [(None, 10), (1, 1), (10, 10), (11, 10), ("1e50", 10)])
def test_a_quantity_is_cut_to_what_is_left(asked: object, given: int) -> None:
    """Of nothing, nothing is asked for."""
    parent = parent_of_none()
    qty = None if asked is None else D(str(asked))
    request = work(parent, qty, D(1), GTC, order=wanted(10))
    assert isinstance(request, NewOrder) and request.order_qty == given
    parent.apply(fill(10, 1, cl_ord_id=request.cl_ord_id))
    parent.apply(UNSOLICITED)
    assert work(parent, qty, D(1), GTC, order=wanted(10)) is None
    assert parent.left_of(wanted(10)) == 0 == parent.left_of(wanted(7))


def test_an_order_without_a_quantity_of_its_own_must_be_told_one() -> None:
    """It bounds nothing then; the error names the field and changes nothing."""
    parent = parent_of_none()
    with pytest.raises(InvalidValue, match="order_qty"):
        work(parent, None, D(1), GTC, order=unbounded())
    assert parent.children == () and parent.left_of(unbounded()) is None
    request = work(parent, D(10**9), D(1), GTC, order=unbounded())
    assert isinstance(request, NewOrder) and request.order_qty == 10**9
    assert not too_much(parent, unbounded())


@pytest.mark.parametrize("bad", [{"price": 1.5}, {"price": D("NaN")}, {"order_qty": 0.5}])
def test_a_term_that_cannot_be_is_refused_and_makes_no_child(bad: dict[str, Any]) -> None:
    """The next request takes the number that it did not."""
    parent = parent_of_none()
    with pytest.raises(InvalidValue):
        work(parent, bad.get("order_qty"), bad.get("price", D(1)), GTC)
    assert parent.children == () and parent.live is None
    request = work(parent, None, D(1), GTC)
    assert request is not None and request.cl_ord_id == "P-1"


def test_a_child_in_doubt_counts_in_full_until_a_report_tells() -> None:
    """Nothing is asked for in its place; it may be cancelled."""
    parent = working()
    parent.doubt(first_of(parent).request)
    child = parent.live
    assert child is not None and parent.in_doubt and child.leaves_qty == 10_000
    assert work(parent, D(1), D(50), GTC) is None
    step(parent, CANCEL)
    step(parent, UNKNOWN)
    assert parent.in_doubt and work(parent, D(1), D(50), GTC) is None
    parent.apply(fill(4000, 1))
    assert not parent.in_doubt and state(parent) == "PARTIALLY_FILLED 4000/6000"


def test_terms_that_leave_less_than_what_stands_are_exceeded() -> None:
    """What stands is compared with what the new terms leave after what has been executed."""
    parent = working(10)
    assert not too_much(parent, wanted(10)) and too_much(parent, wanted(9))
    parent.apply(fill(4, 1))
    assert not too_much(parent, wanted(10)) and too_much(parent, wanted("9.5")) and too_much(parent, wanted(3))
    parent.apply(UNSOLICITED)
    assert not too_much(parent, wanted(3))
