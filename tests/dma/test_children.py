"""Children: what reports make of an order at a venue, and what their parent asks for next."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import exo
from exo.dma import CancelOrder, Child, NewOrder, Parent
from exo.errors import InvalidValue
from exo.mkt import ExecType, MsgType, OrdStatus, OrdType, Report, Side, TimeInForce

D = Decimal
GTC, DAY, IOC, FOK = TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK
CANCEL = "the cancel request"


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


def working(order_qty: object = 10_000, tif: TimeInForce = GTC, **more: Any) -> Parent:
    """A parent that has sent a child for all of its quantity."""
    parent = Parent()
    assert parent.work(wanted(order_qty), "P", None, D(100), tif) is not None
    return parent


def step(parent: Parent, what: object, order_qty: object = 10_000) -> None:
    if what is CANCEL:
        assert parent.cancel(wanted(order_qty), "P") is not None
    else:
        assert isinstance(what, Report)
        parent.apply(what)


def child_of(parent: Parent) -> Child:
    return parent.children[0]


def state(parent: Parent) -> str:
    """Status, CumQty/LeavesQty, and what is pending, of the first child."""
    child = child_of(parent)
    marks = [" cancelling"] * (child.cancel_id is not None) + [" doubt"] * child.in_doubt
    return f"{child.ord_status.name} {child.cum_qty}/{child.leaves_qty}" + "".join(marks)


# The scenarios of the FIX order state matrices, as far as nothing is replaced: what happens, and the state after it.
SCENARIOS: dict[str, list[tuple[object, str]]] = {
    "S1 filled": [
        (NEW, "NEW 0/10000"),
        (fill(2000, 1), "PARTIALLY_FILLED 2000/8000"),
        (fill(1000, 2), "PARTIALLY_FILLED 3000/7000"),
        (fill(7000, 3), "FILLED 10000/0"),
    ],
    "S3 filled without an ack": [(fill(10000, 1), "FILLED 10000/0")],
    "S3 part filled without an ack": [(fill(7000, 1), "PARTIALLY_FILLED 7000/3000")],
    "S3 part filled before the ack": [
        (fill(7000, 1), "PARTIALLY_FILLED 7000/3000"),
        (NEW, "PARTIALLY_FILLED 7000/3000"),
    ],
    "S4 cancelled": [
        (NEW, "NEW 0/10000"),
        (CANCEL, "NEW 0/10000 cancelling"),
        (PENDING_CANCEL, "NEW 0/10000 cancelling"),
        (CANCELED, "CANCELED 0/0"),
    ],
    "S4 cancel rejected at once": [
        (NEW, "NEW 0/10000"),
        (CANCEL, "NEW 0/10000 cancelling"),
        (cxl_rej(OrdStatus.NEW), "NEW 0/10000"),
    ],
    "S4 cancel rejected after a while": [
        (NEW, "NEW 0/10000"),
        (CANCEL, "NEW 0/10000 cancelling"),
        (PENDING_CANCEL, "NEW 0/10000 cancelling"),
        (cxl_rej(OrdStatus.NEW), "NEW 0/10000"),
    ],
    "S5 cancelled with fills in flight": [
        (NEW, "NEW 0/10000"),
        (fill(2000, 1), "PARTIALLY_FILLED 2000/8000"),
        (CANCEL, "PARTIALLY_FILLED 2000/8000 cancelling"),
        (fill(3000, 2), "PARTIALLY_FILLED 5000/5000 cancelling"),
        (PENDING_CANCEL, "PARTIALLY_FILLED 5000/5000 cancelling"),
        (fill(1000, 3), "PARTIALLY_FILLED 6000/4000 cancelling"),
        (CANCELED, "CANCELED 6000/0"),
    ],
    "S5 cancel rejected with fills in flight": [
        (NEW, "NEW 0/10000"),
        (fill(2000, 1), "PARTIALLY_FILLED 2000/8000"),
        (CANCEL, "PARTIALLY_FILLED 2000/8000 cancelling"),
        (fill(3000, 2), "PARTIALLY_FILLED 5000/5000 cancelling"),
        (PENDING_CANCEL, "PARTIALLY_FILLED 5000/5000 cancelling"),
        (fill(1000, 3), "PARTIALLY_FILLED 6000/4000 cancelling"),
        (cxl_rej(OrdStatus.PARTIALLY_FILLED), "PARTIALLY_FILLED 6000/4000"),
    ],
    "S7 cancel crosses the ack": [
        (CANCEL, "PENDING_NEW 0/10000 cancelling"),
        (NEW, "NEW 0/10000 cancelling"),
        (PENDING_CANCEL, "NEW 0/10000 cancelling"),
        (CANCELED, "CANCELED 0/0"),
    ],
    "S8 cancel of an order that the venue no longer knows": [
        (NEW, "NEW 0/10000"),
        (CANCEL, "NEW 0/10000 cancelling"),
        (UNKNOWN, "NEW 0/10000"),
    ],
    "S21 unsolicited cancel": [
        (NEW, "NEW 0/10000"),
        (fill(1000, 1), "PARTIALLY_FILLED 1000/9000"),
        (UNSOLICITED, "CANCELED 1000/0"),
    ],
    "S24 killed": [(NEW, "NEW 0/10000"), (UNSOLICITED, "CANCELED 0/0")],
    "S24 killed without an ack": [(UNSOLICITED, "CANCELED 0/0")],
    "S24 killed as expired": [(NEW, "NEW 0/10000"), (EXPIRED, "EXPIRED 0/0")],
    "S25 IOC, part filled": [
        (fill(1000, 1), "PARTIALLY_FILLED 1000/9000"),
        (UNSOLICITED, "CANCELED 1000/0"),
    ],
    "S25 IOC, part filled, the rest expired": [
        (fill(1000, 1), "PARTIALLY_FILLED 1000/9000"),
        (EXPIRED, "EXPIRED 1000/0"),
    ],
    "S30 cancel overtakes the new order": [
        (CANCEL, "PENDING_NEW 0/10000 cancelling"),
        (UNKNOWN, "PENDING_NEW 0/10000 doubt"),
        (NEW, "NEW 0/10000"),
    ],
    "S30 cancel overtakes a new order that fills": [
        (CANCEL, "PENDING_NEW 0/10000 cancelling"),
        (UNKNOWN, "PENDING_NEW 0/10000 doubt"),
        (fill(4000, 1), "PARTIALLY_FILLED 4000/6000"),
        (NEW, "PARTIALLY_FILLED 4000/6000"),
    ],
    "S31 rejected": [(REJECTED, "REJECTED 0/0")],
    "S31 accepted, then rejected": [(NEW, "NEW 0/10000"), (REJECTED, "REJECTED 0/0")],
}
every_scenario = pytest.mark.parametrize("steps", SCENARIOS.values(), ids=SCENARIOS)


@every_scenario
def test_each_row_of_a_scenario_leads_to_its_state(steps: Sequence[tuple[object, str]]) -> None:
    """The sums of the parent are those of its one child, and it is live as long as the child is."""
    parent = working()
    for what, after in steps:
        step(parent, what)
        assert state(parent) == after
        child = child_of(parent)
        assert parent.cum_qty == child.cum_qty and parent.notional == 100 * child.cum_qty
        assert parent.live == (child if child.leaves_qty else None)
        assert child.leaves_qty == (child.order_qty - child.cum_qty if child.live else 0)
        assert parent.in_doubt == child.in_doubt


@every_scenario
def test_each_row_of_a_scenario_delivered_twice_changes_nothing_the_second_time(
    steps: Sequence[tuple[object, str]],
) -> None:
    """Neither right after the first time, nor all of them again at the end."""
    parent = working()
    for what, after in steps:
        step(parent, what)
        if isinstance(what, Report):
            step(parent, what)
        assert state(parent) == after
    before = parent.children, parent.live, parent.cum_qty, parent.notional
    for what, _ in steps:
        if isinstance(what, Report):
            step(parent, what)
    assert (parent.children, parent.live, parent.cum_qty, parent.notional) == before


@every_scenario
def test_the_reports_of_a_scenario_in_any_order_end_the_same(steps: Sequence[tuple[object, str]]) -> None:
    """Request responses, streams and queries come by channels of their own; the requests here come first."""
    requests = [what for what, _ in steps if what is CANCEL]
    reports = [what for what, _ in steps if what is not CANCEL]
    ends = set()
    for order in permutations(reports):
        parent = working()
        for what in [*requests, *order]:
            step(parent, what)
        ends.add((state(parent), parent.cum_qty, parent.notional, parent.live is None))
    assert [end[0] for end in ends] == [steps[-1][1]]


@pytest.mark.parametrize("name", ["S4 cancelled", "S5 cancelled with fills in flight", "S7 cancel crosses the ack"])
def test_wherever_the_cancel_crosses_the_reports_of_a_cancelled_order_the_end_is_the_same(name: str) -> None:
    """Each direction keeps its order; a cancel that the venue's own would make useless is not sent at all."""
    steps = SCENARIOS[name]
    reports = [what for what, _ in steps if what is not CANCEL]
    for at in range(len(reports) + 1):
        parent = working()
        for what in reports[:at]:
            step(parent, what)
        request = parent.cancel(wanted(), "P")
        assert (request is None) == (at == len(reports))
        for what in reports[at:]:
            step(parent, what)
        assert state(parent) == steps[-1][1] and parent.live is None


def test_a_report_makes_a_new_child_and_leaves_the_old_one_as_it_was() -> None:
    """Whoever holds a child sees it as it stood."""
    before = child_of(working())
    after = before.after(fill(3, 1, 7)).after(fill(1, 2, 9))
    assert (before.cum_qty, before.ord_status, before.avg_px) == (0, OrdStatus.PENDING_NEW, None)
    assert (after.cum_qty, after.notional, after.avg_px) == (4, 30, D("7.5"))


def test_a_child_knows_what_was_asked_for() -> None:
    """Its terms are those of the request that made it."""
    request = Parent().work(wanted(7), "P", None, D("99.5"), DAY)
    assert isinstance(request, NewOrder)
    child = Child(request=request)
    assert (child.cl_ord_id, child.order_qty, child.price, child.time_in_force) == ("P-1", 7, D("99.5"), DAY)
    assert (request.order_id, request.side, request.symbol, request.ord_type) == ("P", Side.BUY, "A", OrdType.LIMIT)
    market = Parent().work(wanted(7), "P", D(2), None, IOC)
    assert isinstance(market, NewOrder)
    assert (market.ord_type, market.price, market.order_qty) == (OrdType.MARKET, None, 2)


def test_an_average_price_is_exact_to_60_digits() -> None:
    """Notional and quantity are kept, the quotient is made when it is asked for."""
    child = child_of(working()).after(fill(1, 1, 10)).after(fill(2, 2, 11))
    assert child.avg_px == D("10." + "6" * 57 + "7")


def test_what_the_venue_said_stays_with_the_child() -> None:
    """Its words are kept until it says something else."""
    parent = working()
    step(parent, told(ExecType.NEW, text="hello"))
    step(parent, fill(1, 1))
    assert child_of(parent).text == "hello"
    step(parent, REJECTED)
    assert child_of(parent).text == "no"


@pytest.mark.parametrize("end", [UNSOLICITED, EXPIRED, REJECTED], ids=["canceled", "expired", "rejected"])
def test_an_execution_that_comes_after_the_end_still_counts(end: Report) -> None:
    """The child does not come back to life by it, nor by a late acknowledgement."""
    parent = working()
    for report in (fill(1000, 1), end):
        step(parent, report)
    status = child_of(parent).ord_status
    for report in (fill(500, 2), NEW, PENDING_CANCEL, fill(500, 2)):
        step(parent, report)
    child = child_of(parent)
    assert (child.ord_status, child.cum_qty, child.leaves_qty, child.live) == (status, 1500, 0, False)
    assert parent.live is None and parent.cum_qty == 1500 and parent.notional == 150_000
    request = parent.work(wanted(), "P", None, D(100), GTC)
    assert isinstance(request, NewOrder) and request.order_qty == 8500


def test_an_execution_is_known_by_its_id_whichever_request_the_report_names() -> None:
    """While a cancel is pending a venue may name either; it is one execution of one child."""
    parent = working()
    step(parent, CANCEL)
    assert parent.apply(fill(2000, 7))
    assert not parent.apply(fill(2000, 7, cl_ord_id="P-2", orig_cl_ord_id="P-1"))
    assert not parent.apply(fill(3000, 7, 99))
    assert (parent.cum_qty, parent.notional, child_of(parent).cum_qty) == (2000, 200_000, 2000)


def test_an_execution_id_of_another_child_is_another_execution() -> None:
    """Venues count executions per order."""
    parent = working()
    step(parent, fill(2000, 1))
    step(parent, UNSOLICITED)
    second = parent.work(wanted(), "P", None, D(100), GTC)
    assert isinstance(second, NewOrder) and second.order_qty == 8000
    assert parent.apply(fill(3000, 1, cl_ord_id=second.cl_ord_id))
    assert [child.cum_qty for child in parent.children] == [2000, 3000] and parent.cum_qty == 5000


def test_executions_without_an_id_are_not_taken_for_repeats() -> None:
    """Nothing tells them apart, so nothing is thrown away."""
    parent = working()
    for _ in range(2):
        assert parent.apply(told(ExecType.TRADE, last_qty=D(5), last_px=D(1)))
    assert parent.cum_qty == child_of(parent).cum_qty == 10


def test_what_is_no_execution_may_be_told_again_and_is_no_repeat() -> None:
    """Only an execution is counted, and so only an execution is refused."""
    parent = working()
    assert parent.apply(NEW) and parent.apply(NEW)
    assert parent.apply(Report(order_id="P", transact_time=None, exec_id="1", cl_ord_id="P-1"))
    assert parent.apply(told(ExecType.ORDER_STATUS, exec_id="0", cum_qty=D(9), ord_status=OrdStatus.CANCELED))
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
    parent = Parent()
    names = []
    for _ in range(40):
        request = parent.work(wanted(100), "P", D(1), D(100), GTC)
        assert isinstance(request, NewOrder)
        names.append(request.cl_ord_id)
        parent.apply(told(ExecType.CANCELED, cl_ord_id=request.cl_ord_id))
    live = parent.work(wanted(100), "P", D(1), D(100), GTC)
    assert isinstance(live, NewOrder) and parent.live is not None
    assert [child.cl_ord_id for child in parent.children] == [*names[-16:], live.cl_ord_id]
    late = fill(3, 1, cl_ord_id=names[0])
    assert parent.apply(late) and not parent.apply(late)
    assert parent.cum_qty == 3 and parent.left_of(wanted(100)) == 97


def test_requests_are_named_by_the_order_and_their_number() -> None:
    """So the same run gives the same names, and no two are the same."""
    parent = working()
    cancel = parent.cancel(wanted(), "P")
    assert cancel == CancelOrder(order_id="P", cl_ord_id="P-2", orig_cl_ord_id="P-1", side=Side.BUY, symbol="A")
    parent.apply(CANCELED)
    again = parent.work(wanted(), "P", None, D(1), GTC)
    assert again is not None and again.cl_ord_id == "P-3"


def test_the_same_intent_asks_for_nothing() -> None:
    """Also when it is spelled differently: 100 is 100.00, and all is all that is left."""
    parent = working()
    for qty in (None, D(10_000), D("10000.0"), D(99_999)):
        assert parent.work(wanted(), "P", qty, D("100.00"), GTC) is None
    parent.apply(fill(4000, 1))
    for qty in (None, D(6000), D(6001)):
        assert parent.work(wanted(), "P", qty, D(100), GTC) is None


@pytest.mark.parametrize(
    ("qty", "price", "tif"),
    [(None, D(101), GTC), (None, None, GTC), (D(9999), D(100), GTC), (D(0), D(100), GTC), (None, D(100), DAY)],
)
def test_another_intent_first_cancels_what_stands(qty: Decimal | None, price: Decimal | None, tif: TimeInForce) -> None:
    """And waits for the end of that before it asks for the new one."""
    parent = working()
    request = parent.work(wanted(), "P", qty, price, tif)
    assert isinstance(request, CancelOrder) and request.orig_cl_ord_id == "P-1"
    for report in (NEW, PENDING_CANCEL, fill(1000, 1)):
        assert parent.work(wanted(), "P", qty, price, tif) is None
        parent.apply(report)
    parent.apply(CANCELED)
    after = parent.work(wanted(), "P", qty, price, tif)
    if qty == 0:
        assert after is None
    else:
        assert isinstance(after, NewOrder)
        assert (after.order_qty, after.price, after.time_in_force) == (min(qty or D(9000), D(9000)), price, tif)


@pytest.mark.parametrize("tif", [IOC, FOK])
def test_what_ends_by_itself_is_waited_for(tif: TimeInForce) -> None:
    """No cancel is sent to make room for another intent; asked for by name it is."""
    parent = working(tif=tif)
    assert parent.work(wanted(), "P", D(1), D(50), GTC) is None
    assert parent.cancel(wanted(), "P") is not None


def test_a_rejected_cancel_may_be_asked_again() -> None:
    """And an intent that differs asks for it by itself."""
    parent = working()
    step(parent, CANCEL)
    assert parent.cancel(wanted(), "P") is None
    step(parent, cxl_rej(OrdStatus.NEW))
    assert isinstance(parent.work(wanted(), "P", None, D(50), GTC), CancelOrder)
    assert parent.cancel(wanted(), "P") is None


def test_without_a_child_there_is_nothing_to_cancel() -> None:
    """Neither before the first nor after the last."""
    parent = Parent()
    assert parent.cancel(wanted(), "P") is None
    parent = working()
    parent.apply(fill(10_000, 1))
    assert parent.cancel(wanted(), "P") is None


@pytest.mark.parametrize(("asked", "given"), [(None, 10), (1, 1), (10, 10), (11, 10), ("1e50", 10)])
def test_a_quantity_is_cut_to_what_is_left(asked: object, given: int) -> None:
    """Of nothing, nothing is asked for."""
    parent = Parent()
    qty = None if asked is None else D(str(asked))
    request = parent.work(wanted(10), "P", qty, D(1), GTC)
    assert isinstance(request, NewOrder) and request.order_qty == given
    parent.apply(fill(10, 1, cl_ord_id=request.cl_ord_id))
    parent.apply(UNSOLICITED)
    assert parent.work(wanted(10), "P", qty, D(1), GTC) is None
    assert parent.left_of(wanted(10)) == 0 == parent.left_of(wanted(7))


def test_an_order_without_a_quantity_of_its_own_must_be_told_one() -> None:
    """It bounds nothing then; the error names the field and changes nothing."""
    parent = Parent()
    with pytest.raises(InvalidValue, match="order_qty"):
        parent.work(unbounded(), "P", None, D(1), GTC)
    assert parent.children == () and parent.left_of(unbounded()) is None
    request = parent.work(unbounded(), "P", D(10**9), D(1), GTC)
    assert isinstance(request, NewOrder) and request.order_qty == 10**9
    assert not parent.exceeds(unbounded())


@pytest.mark.parametrize("bad", [{"price": 1.5}, {"price": D("NaN")}, {"order_qty": 0.5}])
def test_a_term_that_cannot_be_is_refused_and_makes_no_child(bad: dict[str, Any]) -> None:
    """The next request takes the number that it did not."""
    parent = Parent()
    with pytest.raises(InvalidValue):
        parent.work(wanted(), "P", bad.get("order_qty"), bad.get("price", D(1)), GTC)
    assert parent.children == () and parent.live is None
    request = parent.work(wanted(), "P", None, D(1), GTC)
    assert request is not None and request.cl_ord_id == "P-1"


def test_a_child_in_doubt_counts_in_full_until_a_report_tells() -> None:
    """Nothing is asked for in its place; it may be cancelled."""
    parent = working()
    parent.unsent(parent.live.request)
    child = parent.live
    assert child is not None and parent.in_doubt and child.leaves_qty == 10_000
    assert parent.work(wanted(), "P", D(1), D(50), GTC) is None
    step(parent, CANCEL)
    step(parent, UNKNOWN)
    assert parent.in_doubt and parent.work(wanted(), "P", D(1), D(50), GTC) is None
    parent.apply(fill(4000, 1))
    assert not parent.in_doubt and state(parent) == "PARTIALLY_FILLED 4000/6000"


def test_terms_that_leave_less_than_what_stands_are_exceeded() -> None:
    """What stands is compared with what the new terms leave after what has been executed."""
    parent = working(10)
    assert not parent.exceeds(wanted(10)) and parent.exceeds(wanted(9))
    parent.apply(fill(4, 1))
    assert not parent.exceeds(wanted(10)) and parent.exceeds(wanted("9.5")) and parent.exceeds(wanted(3))
    parent.apply(UNSOLICITED)
    assert not parent.exceeds(wanted(3))


PRICES = st.sampled_from([D(100), D(101), None])
QUANTITIES = st.one_of(st.none(), st.integers(1, 15))
KINDS = {
    "ack": ExecType.NEW,
    "pending": ExecType.PENDING_CANCEL,
    "cancel": ExecType.CANCELED,
    "reject": ExecType.REJECTED,
    "expire": ExecType.EXPIRED,
}
ENDINGS = {"cancel": "CANCELED", "reject": "REJECTED", "expire": "EXPIRED"}


class ParentMachine(RuleBasedStateMachine):
    """A parent beside a plain book of whole numbers, while reports wait in the air and land in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.parent = Parent()
        self.total = 0
        self.filled = 0
        self.late = 0
        self.book: list[dict[str, Any]] = []
        self.air: list[tuple[dict[str, Any], str, Report]] = []
        self.landed: list[tuple[dict[str, Any], str, Report]] = []
        self.requests = 0
        self.executions = 0
        self.seen: set[str] = set()

    @initialize(total=st.integers(1, 20))
    def begin(self, total: int) -> None:
        self.total = total

    @property
    def open(self) -> dict[str, Any] | None:
        """The child that counts; there is at most one."""
        live = [child for child in self.book if child["end"] is None]
        assert len(live) <= 1
        return live[0] if live else None

    @rule(qty=QUANTITIES, price=PRICES, tif=st.sampled_from([GTC, GTC, DAY, IOC]))
    def work(self, qty: int | None, price: Decimal | None, tif: TimeInForce) -> None:
        child = self.open
        left = max(0, self.total - self.filled)
        want = left if qty is None else min(qty, left)
        request = self.parent.work(wanted(self.total), "P", None if qty is None else D(qty), price, tif)
        if child is None:
            if not want:
                assert request is None
                return
            assert isinstance(request, NewOrder) and request.order_qty == want
            self.requests += 1
            assert request.cl_ord_id == f"P-{self.requests}"
            terms = (want, price, tif)
            self.book.append(
                {"id": request.cl_ord_id, "terms": terms, "filled": 0, "known": False, "end": None}
                | {"cancel": None, "doubt": False, "at_venue": want}
            )
            return
        waits = child["cancel"] or child["doubt"] or child["terms"][2] is IOC
        same = (child["terms"][0] - child["filled"], *child["terms"][1:]) == (want, price, tif)
        if waits or same:
            assert request is None
        else:
            self._asked_to_cancel(child, request)

    @rule()
    def cancel(self) -> None:
        child = self.open
        request = self.parent.cancel(wanted(self.total), "P")
        if child is None or child["cancel"]:
            assert request is None
        else:
            self._asked_to_cancel(child, request)

    def _asked_to_cancel(self, child: dict[str, Any], request: object) -> None:
        assert isinstance(request, CancelOrder) and request.orig_cl_ord_id == child["id"]
        self.requests += 1
        assert request.cl_ord_id == f"P-{self.requests}"
        child["cancel"] = request.cl_ord_id

    @precondition(lambda self: self.open is None or not self.open["cancel"])
    @rule()
    def doubt(self) -> None:
        child = self.open
        if self.parent.live is not None:
            self.parent.unsent(self.parent.live.request)
        if child is not None:
            child["doubt"] = True

    @precondition(lambda self: any(child["at_venue"] for child in self.book))
    @rule(data=st.data())
    def venue_says(self, data: st.DataObject) -> None:
        """The venue does something with a child that it still has; the report takes off."""
        child = data.draw(st.sampled_from([child for child in self.book if child["at_venue"]]))
        kinds = ["ack", "fill", "fill", *ENDINGS] + ["pending", "refuse", "unknown"] * (child["cancel"] is not None)
        kind = data.draw(st.sampled_from(kinds))
        ids = {"cl_ord_id": child["id"]}
        if child["cancel"] and data.draw(st.booleans()):
            ids = {"cl_ord_id": child["cancel"], "orig_cl_ord_id": child["id"]}
        if kind == "fill":
            qty = data.draw(st.integers(1, child["at_venue"]))
            child["at_venue"] -= qty
            self.executions += 1
            report = fill(qty, f"E{self.executions}", **ids)
        elif kind in ("refuse", "unknown"):
            status = OrdStatus.NEW if kind == "refuse" else OrdStatus.REJECTED
            report = cxl_rej(status, cl_ord_id=child["cancel"], orig_cl_ord_id=child["id"])
            if any(each is child and what in ("refuse", "unknown") for each, what, _ in self.air):
                return
        else:
            report = told(KINDS[kind], **ids)
            if kind in ENDINGS:
                child["at_venue"] = 0
        self.air.append((child, kind, report))

    @precondition(lambda self: self.air)
    @rule(data=st.data())
    def a_report_lands(self, data: st.DataObject) -> None:
        landing = self.air.pop(data.draw(st.integers(0, len(self.air) - 1)))
        if landing[1] not in ("refuse", "unknown"):
            self.landed.append(landing)
        self._land(*landing)

    @precondition(lambda self: self.landed)
    @rule(data=st.data())
    def a_report_lands_again(self, data: st.DataObject) -> None:
        child, kind, report = data.draw(st.sampled_from(self.landed))
        self._land(child, kind, report)

    def _land(self, child: dict[str, Any], kind: str, report: Report) -> None:
        new = self.parent.apply(report)
        if kind == "fill":
            assert new == (report.exec_id not in self.seen)
            if not new:
                return
            self.seen.add(str(report.exec_id))
            child["filled"] += int(report.last_qty)
            self.filled += int(report.last_qty)
            self.late += int(report.last_qty) if child["end"] else 0
        assert new
        if child["end"]:
            return
        if kind in ("refuse", "unknown"):
            child["cancel"], child["doubt"] = None, kind == "unknown" and not child["known"]
        elif kind != "pending":
            child["known"], child["doubt"] = True, False
            child["end"] = ENDINGS.get(kind)
            if child["filled"] == child["terms"][0]:
                child["end"] = "FILLED"

    @invariant()
    def the_parent_is_as_the_book_says(self) -> None:
        assert self.parent.cum_qty == self.filled and self.parent.notional == 100 * self.filled
        live = self.parent.live
        child = self.open
        assert (live.cl_ord_id if live else None) == (child["id"] if child else None)
        by_id = {each["id"]: each for each in self.book}
        kept = self.parent.children
        assert [each.cl_ord_id for each in kept] == [each["id"] for each in self.book][len(self.book) - len(kept) :]
        for each in kept:
            plain = by_id[each.cl_ord_id]
            assert each.cum_qty == plain["filled"]
            assert (each.cancel_id, each.in_doubt) == (
                (None, False) if plain["end"] else (plain["cancel"], plain["doubt"])
            )
            status = plain["end"] or ("PARTIALLY_FILLED" if plain["filled"] else "NEW" if plain["known"] else None)
            told_late = {"FILLED"} if plain["end"] and plain["filled"] == plain["terms"][0] else set()
            assert each.ord_status.name in {status or "PENDING_NEW"} | told_late
            assert each.leaves_qty == (0 if plain["end"] else plain["terms"][0] - plain["filled"])

    @invariant()
    def what_is_filled_and_live_never_exceeds_the_quantity(self) -> None:
        """Except by what a venue reports of an order after it has reported its end: nobody could know."""
        live = self.parent.live
        assert self.parent.cum_qty + (live.leaves_qty if live else 0) <= self.total + self.late
        if not self.late:
            assert self.filled + (self.open["terms"][0] - self.open["filled"] if self.open else 0) <= self.total


TestParentMachine = ParentMachine.TestCase
TestParentMachine.settings = settings(max_examples=150, stateful_step_count=40, derandomize=True, deadline=None)
