"""Children against a venue that misbehaves and a plain model of it that shares no code with exo.dma."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import exo
import exo.dma.reported
from exo.dma import TRANSITIONS, CancelOrder, Event, Intent, NewOrder, Parent, Phase, Replace, ReplaceOrder
from exo.mkt import ExecType, MsgType, OrdStatus, Report, Side, TimeInForce
from exo.run.own import gone, not_asked, replaced

D = Decimal
ENDS = {"cancel": "CANCELED", "expire": "EXPIRED"}
NOW = 1_700_000_000_000_000_000


class Wanted(exo.Order):
    order_qty: Decimal


class Counted(dict[tuple[Phase, Event], Phase]):
    """The table, which counts how often each cell is asked for."""

    def __init__(self) -> None:
        super().__init__(TRANSITIONS)
        self.asked: Counter[tuple[Phase, Event]] = Counter()

    def __getitem__(self, cell: tuple[Phase, Event]) -> Phase:
        self.asked[cell] += 1
        return super().__getitem__(cell)


class Book:
    """The venue as plainly as it can be: orders are dicts of whole numbers."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.execs = count(1)
        self.executed = 0
        self.most = 0

    def find(self, name: str) -> dict[str, Any] | None:
        return next((order for order in self.orders if name in order["names"]), None)

    def leaves(self, order: dict[str, Any]) -> int:
        return max(0, order["total"] - order["cum"] - order["less"]) if order["end"] is None else 0

    def status(self, order: dict[str, Any]) -> str:
        if order["end"]:
            return str(order["end"])
        if order["rests"]:
            return "DONE_FOR_DAY"
        if not self.leaves(order):
            return "FILLED" if order["cum"] >= order["total"] else "CANCELED"
        return "PARTIALLY_FILLED" if order["cum"] else "NEW"

    def told(self, order: dict[str, Any], kind: str, **more: Any) -> dict[str, Any]:
        """A report in plain words."""
        return {
            "kind": kind,
            "name": order["names"][-1],
            "status": self.status(order),
            "total": order["total"],
            "cum": order["cum"],
            "leaves": self.leaves(order),
            "number": order["number"],
        } | more

    def new(self, name: str, total: int, refuse: bool) -> list[dict[str, Any]]:
        order = {"names": [name], "total": total, "cum": 0, "less": 0, "end": None, "rests": False, "fills": {}}
        order["number"] = len(self.orders) + 1
        self.orders.append(order)
        if refuse:
            order["end"] = "REJECTED"
            return [self.told(order, "REJECTED")]
        return [self.told(order, "NEW")]

    def replace(self, name: str, orig: str, total: int, refuse: bool) -> list[dict[str, Any]]:
        order = self.find(orig)
        if order is None or not self.leaves(order) or total <= order["cum"] + order["less"] or refuse:
            return self.refused(order, name, orig)
        order["names"].append(name)
        order["total"], order["less"] = total, 0
        return [self.told(order, "REPLACED", orig=orig)]

    def cancel(self, name: str, orig: str, refuse: bool) -> list[dict[str, Any]]:
        order = self.find(orig)
        if order is None or not self.leaves(order) or refuse:
            return self.refused(order, name, orig)
        order["end"] = "CANCELED"
        return [self.told(order, "CANCELED", name=name, orig=orig)]

    def refused(self, order: dict[str, Any] | None, name: str, orig: str) -> list[dict[str, Any]]:
        status = "REJECTED" if order is None else self.status(order)
        return [{"kind": "CXL_REJ", "name": name, "orig": orig, "status": status, "unknown": order is None}]

    def fill(self, order: dict[str, Any], qty: int) -> dict[str, Any]:
        order["cum"] += qty
        exec_id = f"E{next(self.execs)}"
        order["fills"][exec_id] = {"qty": qty, "ref": None, "stands": True}
        self._sum()
        return self.told(order, "TRADE", exec_id=exec_id, last=qty)

    def amend(self, order: dict[str, Any], exec_id: str, qty: int) -> dict[str, Any]:
        """What is taken back does not stand on the book again."""
        old = order["fills"][exec_id]
        old["stands"] = False
        new_id = f"E{next(self.execs)}"
        order["fills"][new_id] = {"qty": qty, "ref": exec_id, "stands": qty > 0}
        order["cum"] += qty - old["qty"]
        order["less"] += old["qty"] - qty
        self._sum()
        kind = "TRADE_CORRECT" if qty else "TRADE_CANCEL"
        return self.told(order, kind, exec_id=new_id, ref=exec_id, last=qty)

    def all_of(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        """The answer to a query: every execution, and the status."""
        kinds = {True: "TRADE_CORRECT", False: "TRADE_CANCEL"}
        told = [
            self.told(
                order,
                "TRADE" if fill["ref"] is None else kinds[fill["qty"] > 0],
                exec_id=exec_id,
                ref=fill["ref"],
                last=fill["qty"],
            )
            for exec_id, fill in order["fills"].items()
        ]
        return [*told, self.told(order, "ORDER_STATUS")]

    def _sum(self) -> None:
        self.executed = sum(order["cum"] for order in self.orders)
        self.most = max(self.most, self.executed)


def report_of(told: dict[str, Any]) -> Report:
    """The plain words as a Report."""
    ids = {"order_id": "P", "cl_ord_id": told["name"], "orig_cl_ord_id": told.get("orig"), "transact_time": None}
    if told["kind"] == "CXL_REJ":
        reason = 1 if told["unknown"] else 0
        status = OrdStatus[told["status"]]
        return Report(**ids, msg_type=MsgType.CXL_REJ, ord_status=status, cxl_rej_reason=reason)
    return Report(
        **ids,
        exec_type=ExecType[told["kind"]],
        ord_status=OrdStatus[told["status"]],
        secondary_order_id=str(told["number"]),
        order_qty=D(told["total"]),
        cum_qty=D(told["cum"]),
        leaves_qty=D(told["leaves"]),
        exec_id=told.get("exec_id"),
        exec_ref_id=told.get("ref"),
        last_qty=D(told.get("last", 0)),
        last_px=D(100) if "last" in told else D(0),
    )


class Machine(RuleBasedStateMachine):
    """A parent that works up to three children, a wire that loses, doubles and reorders, and the book at its end."""

    table = Counted()
    steps = 0

    @initialize(total=st.integers(1, 30), replace=st.sampled_from([Replace.TOTAL, Replace.NONE]))
    def begin(self, total: int, replace: Replace) -> None:
        numbers = count(1)
        self.replace = replace
        self.total = total
        self.order = Wanted(side=Side.BUY, symbol="A", order_id="P", order_qty=D(total))
        self.parent = Parent("P", lambda order_id: f"{order_id}-{next(numbers)}")
        self.book = Book()
        self.way_out: list[Any] = []
        self.air: list[dict[str, Any]] = []
        self.asked: list[Any] = []

    def told(self, reports: list[dict[str, Any]]) -> None:
        self.air += reports

    def open_orders(self) -> list[dict[str, Any]]:
        return [order for order in self.book.orders if self.book.leaves(order) and not order["rests"]]

    @rule(
        qty=st.one_of(st.none(), st.integers(0, 12)),
        price=st.sampled_from([D(100), D(101)]),
        slot=st.sampled_from(["", "", "b", "c"]),
    )
    def work(self, qty: int | None, price: Decimal, slot: str) -> None:
        intent = Intent(price=price, order_qty=None if qty is None else D(qty), slot=slot)
        request = self.parent.work(self.order, intent, self.replace)
        if request is not None:
            self.way_out.append(request)

    @rule(slot=st.sampled_from(["", "b", "c"]))
    def cancel(self, slot: str) -> None:
        child = self.parent.at(slot)
        request = None if child is None else self.parent.cancel(self.order, child)
        if request is not None:
            self.way_out.append(request)

    @precondition(lambda self: self.way_out)
    @rule(data=st.data(), refuse=st.integers(0, 5), overtakes=st.integers(0, 9))
    def a_request_arrives(self, data: st.DataObject, refuse: int, overtakes: int) -> None:
        at = len(self.way_out) - 1 if overtakes == 0 else 0
        self._arrive(self.way_out.pop(at), refuse == 0)

    def _arrive(self, request: Any, refuse: bool = False) -> None:
        if isinstance(request, NewOrder):
            self.told(self.book.new(request.cl_ord_id, int(request.order_qty), refuse))
        elif isinstance(request, ReplaceOrder):
            qty = int(request.order_qty)
            self.told(self.book.replace(request.cl_ord_id, request.orig_cl_ord_id, qty, refuse))
        else:
            assert isinstance(request, CancelOrder)
            self.told(self.book.cancel(request.cl_ord_id, request.orig_cl_ord_id, refuse))

    @precondition(lambda self: self.way_out)
    @rule(at=st.integers(0, 10))
    def a_request_is_lost(self, at: int) -> None:
        self.parent.doubt(self.way_out.pop(at % len(self.way_out)))

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data())
    def the_market_fills(self, data: st.DataObject) -> None:
        order = data.draw(st.sampled_from(self.open_orders()))
        self.told([self.book.fill(order, data.draw(st.integers(1, self.book.leaves(order))))])

    @precondition(lambda self: self.open_orders())
    @rule(data=st.data(), how=st.sampled_from(["cancel", "expire", "reduce", "rest", "pend"]))
    def the_venue_surprises(self, data: st.DataObject, how: str) -> None:
        order = data.draw(st.sampled_from(self.open_orders()))
        if how in ENDS:
            order["end"] = ENDS[how]
            self.told([self.book.told(order, ENDS[how])])
        elif how == "reduce" and self.book.leaves(order) > 1:
            order["less"] += data.draw(st.integers(1, self.book.leaves(order) - 1))
            self.told([self.book.told(order, "RESTATED")])
        elif how == "rest":
            order["rests"] = True
            self.told([self.book.told(order, "DONE_FOR_DAY")])
        else:
            self.told([self.book.told(order, "ORDER_STATUS")])

    @precondition(lambda self: any(order["rests"] for order in self.book.orders))
    @rule()
    def a_new_day_begins(self) -> None:
        for order in self.book.orders:
            if order["rests"]:
                order["rests"] = False
                self.told([self.book.told(order, "RESTATED")])

    @precondition(lambda self: any(order["cum"] for order in self.book.orders))
    @rule(data=st.data(), half=st.booleans())
    def an_execution_is_amended(self, data: st.DataObject, half: bool) -> None:
        order = data.draw(st.sampled_from([order for order in self.book.orders if order["cum"]]))
        exec_id = data.draw(st.sampled_from([e for e, fill in order["fills"].items() if fill["stands"]]))
        qty = order["fills"][exec_id]["qty"] // 2 if half else 0
        self.told([self.book.amend(order, exec_id, qty)])

    @precondition(lambda self: self.air)
    @rule(at=st.integers(0, 30), again=st.integers(0, 4), lost=st.integers(0, 9))
    def a_report_lands(self, at: int, again: int, lost: int) -> None:
        told = self.air[at % len(self.air)]
        if again:
            self.air.remove(told)
        if lost:
            self._land(told)

    def _land(self, told: dict[str, Any]) -> None:
        self.parent.apply(report_of(told))

    @invariant()
    def nothing_is_ever_over_executed(self) -> None:
        type(self).steps += 1
        if hasattr(self, "book"):
            assert self.book.most <= self.total

    @invariant()
    def the_sums_of_the_parent_are_those_of_its_children(self) -> None:
        if hasattr(self, "parent"):
            unfinished = self.parent.unfinished
            assert self.parent.open_qty == sum((child.open_qty for child in unfinished), D(0))
            for child in self.parent.children:
                assert child.open_qty >= child.leaves_qty >= child.working_qty >= 0

    def teardown(self) -> None:
        """Let all come to rest: every request arrives, reports land or are lost, and whatever is in doubt is asked."""
        if not hasattr(self, "parent"):
            return
        for request in self.way_out:
            self._arrive(request)
        for told in self.air:
            self._land(told)
        for order in self.book.orders:
            for told in self.book.all_of(order):
                self._land(told)
        for child in self.parent.unfinished:
            for report in self._settled(child):
                self.parent.apply(report)
        self._check_at_rest()

    def _settled(self, child: Any) -> Iterator[Report]:
        order = self.book.find(child.request.cl_ord_id)
        if order is None:
            yield gone(child, "not found", NOW)
            return
        for asked in child.asked:
            if asked.request.cl_ord_id in order["names"]:
                assert isinstance(asked.request, ReplaceOrder)
                yield replaced(asked.request, "accepted", NOW)
            else:
                yield not_asked(child, asked.request, "did not arrive", NOW)

    def _check_at_rest(self) -> None:
        assert self.parent.cum_qty == self.book.executed
        children = {child.request.cl_ord_id: child for child in self.parent.children}
        for order in self.book.orders:
            child = children.get(order["names"][0])
            if child is None:
                assert not self.book.leaves(order), "live at the venue, and its owner does not know"
                continue
            assert child.cum_qty == order["cum"] and child.inferred_qty == 0
            assert (not child.in_doubt and not child.asked) or child.finished
            assert child.live or not self.book.leaves(order), "live at the venue, and its owner does not know"
            if self.book.leaves(order):
                assert child.open_qty >= self.book.leaves(order)


def run(examples: int) -> None:
    settings_ = settings(
        max_examples=examples, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Machine, settings=settings_)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    Machine.table = Counted()
    Machine.steps = 0
    monkeypatch.setattr(exo.dma.reported, "TRANSITIONS", Machine.table)
    return Machine.table


def show(table: Counted) -> str:
    """How often each cell was asked for."""
    lines = [" " * 13 + " ".join(f"{event.value:>10}" for event in Event)]
    lines += [f"{phase.value:<13}" + " ".join(f"{table.asked[phase, e]:>10,}" for e in Event) for phase in Phase]
    return "\n".join(lines)


def test_children_agree_with_a_misbehaving_venue(counted: Counted) -> None:
    """At rest CumQty is the venue's, nothing was ever over-executed, nothing is live that its owner does not know."""
    run(100)
    print(f"\n{Machine.steps:,} steps\n{show(counted)}")
    assert Machine.steps >= 3000


@pytest.mark.nightly
def test_children_agree_with_a_misbehaving_venue_at_length(counted: Counted) -> None:
    """The same for 100,000 steps."""
    run(2600)
    print(f"\n{Machine.steps:,} steps\n{show(counted)}")
    assert Machine.steps >= 100_000


EVENTS: dict[Event, dict[str, Any]] = {
    Event.HEARD: {"exec_type": ExecType.PENDING_NEW},
    Event.KNOWN: {"exec_type": ExecType.NEW},
    Event.WORKS: {"exec_type": ExecType.RESTATED},
    Event.TRADED: {"exec_type": ExecType.TRADE, "last_qty": D(1), "last_px": D(1)},
    Event.STOPPED: {"exec_type": ExecType.STOPPED},
    Event.SUSPENDED: {"exec_type": ExecType.SUSPENDED},
    Event.RESTS: {"exec_type": ExecType.DONE_FOR_DAY, "leaves_qty": D(5)},
    Event.REJECTED: {"exec_type": ExecType.REJECTED},
    Event.EXPIRED: {"exec_type": ExecType.EXPIRED},
    Event.CANCELED: {"exec_type": ExecType.CANCELED},
    Event.CALCULATED: {"exec_type": ExecType.CALCULATED},
    Event.ENDED_DAY: {"exec_type": ExecType.DONE_FOR_DAY, "leaves_qty": D(0)},
    Event.DOUBTED: {"exec_type": ExecType.REJECTED, "ord_rej_reason": 6},
}
WAYS: dict[Phase, list[Event]] = {
    Phase.SENT: [],
    Phase.WORKING: [Event.KNOWN],
    Phase.STOPPED: [Event.STOPPED],
    Phase.SUSPENDED: [Event.SUSPENDED],
    Phase.RESTING: [Event.RESTS],
    Phase.REJECTED: [Event.REJECTED],
    Phase.EXPIRED: [Event.EXPIRED],
    Phase.CANCELED: [Event.CANCELED],
    Phase.CALCULATED: [Event.CALCULATED],
    Phase.DONE_FOR_DAY: [Event.ENDED_DAY],
}
RANKS = [Phase.REJECTED, Phase.EXPIRED, Phase.CANCELED, Phase.CALCULATED, Phase.DONE_FOR_DAY]


def after(*events: Event) -> Phase:
    """The phase of an order of ten after these."""
    names = count(1)
    parent = Parent("P", lambda order_id: f"C{next(names)}")
    order = Wanted(side=Side.BUY, symbol="A", order_id="P", order_qty=D(10))
    parent.work(order, Intent(price=D(1), time_in_force=TimeInForce.DAY), Replace.NONE)
    for number, event in enumerate(events):
        told = {"order_id": "P", "cl_ord_id": "C1", "transact_time": None, "exec_id": str(number)} | EVENTS[event]
        parent.apply(Report(**told))
    return parent.children[0].phase


def test_every_cell_of_the_table_is_what_the_rules_say(counted: Counted) -> None:
    """Of the real world, in words: ends give way to higher ends only; all else revives nothing that has ended."""
    for phase in Phase:
        for event in Event:
            to = after(*WAYS[phase], event)
            of_event = WAYS_TO.get(event)
            if event in (Event.HEARD, Event.DOUBTED):
                expected = phase
            elif phase in RANKS:
                expected = max(phase, of_event, key=RANKS.index) if of_event in RANKS else phase
            elif of_event is not None:
                expected = of_event
            elif event is Event.KNOWN:
                expected = Phase.WORKING if phase is Phase.SENT else phase
            elif event is Event.WORKS:
                expected = Phase.WORKING
            else:
                assert event is Event.TRADED
                expected = Phase.STOPPED if phase is Phase.STOPPED else Phase.WORKING
            assert to is expected, (phase, event)
    print(f"\n{show(counted)}")
    assert all(counted.asked[phase, event] for phase in Phase for event in Event)


WAYS_TO: dict[Event, Phase] = {
    Event.STOPPED: Phase.STOPPED,
    Event.SUSPENDED: Phase.SUSPENDED,
    Event.RESTS: Phase.RESTING,
    Event.REJECTED: Phase.REJECTED,
    Event.EXPIRED: Phase.EXPIRED,
    Event.CANCELED: Phase.CANCELED,
    Event.CALCULATED: Phase.CALCULATED,
    Event.ENDED_DAY: Phase.DONE_FOR_DAY,
}


def test_any_two_events_in_either_order_end_the_same_save_that_what_suspends_and_resumes_has_an_order() -> None:
    """From every phase."""
    ordered = {Event.STOPPED, Event.SUSPENDED, Event.RESTS, Event.WORKS, Event.TRADED}
    for way in WAYS.values():
        for a in Event:
            for b in Event:
                if not {a, b} <= ordered:
                    assert after(*way, a, b) is after(*way, b, a), (way, a, b)
