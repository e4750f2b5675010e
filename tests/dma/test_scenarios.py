"""Every scenario of the FIX order state matrices, against the child order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice, permutations
from math import factorial

import pytest

from exo.dma import Child, NewOrder, Parent
from exo.mkt import ExecType, Report
from tests.dma.scenarios import PRICE, SCENARIOS, Row

every_scenario = pytest.mark.parametrize("rows", SCENARIOS.values(), ids=SCENARIOS)


def parent() -> Parent:
    return Parent("P", lambda order_id: f"{order_id}-never")


def play(one: Parent, row: Row) -> None:
    if row.request is not None:
        one.ask(row.request)
    else:
        assert row.report is not None
        one.apply(row.report)


def child(one: Parent) -> Child:
    return one.children[0]


def state(one: Parent) -> tuple[object, ...]:
    """All that can be seen of the child and of its parent's sums, save the venue's words."""
    it = child(one)
    return (
        (it.ord_status, it.order_qty, it.price, it.cum_qty, it.leaves_qty, it.open_qty, it.notional, it.cl_ord_id)
        + (it.live, it.finished, it.in_doubt, it.unanswered, it.inferred_qty)
        + (one.cum_qty, one.notional, one.open_qty, len(one.unfinished))
    )


def check(one: Parent, row: Row) -> None:
    it = child(one)
    told = (row.ord_status, row.order_qty, row.cum_qty, row.leaves_qty)
    assert (it.ord_status, it.order_qty, it.cum_qty, it.leaves_qty) == told, row.text
    assert it.in_doubt == row.doubt, row.text
    assert it.inferred_qty == 0, row.text
    if row.avg_px is not None:
        assert it.avg_px == row.avg_px, row.text


@every_scenario
def test_each_row_leads_to_its_state(rows: list[Row]) -> None:
    """A request alone changes neither status nor quantities; the parent's sums are those of its one child."""
    one = parent()
    before: Row | None = None
    for row in rows:
        play(one, row)
        if row.report is not None:
            check(one, row)
            before = row
        elif before is not None:
            check(one, before)
        it = child(one)
        assert (one.cum_qty, one.notional, one.open_qty) == (it.cum_qty, it.notional, it.open_qty)
        assert it.open_qty >= it.leaves_qty >= it.working_qty
        assert (one.live is None) == it.finished


@every_scenario
def test_each_row_told_twice_changes_nothing_the_second_time(rows: list[Row]) -> None:
    """Neither right after the first time, nor all of them once more at the end."""
    one = parent()
    for row in rows:
        play(one, row)
        after = state(one)
        if row.report is not None:
            play(one, row)
            assert state(one) == after, row.text
    after = state(one)
    for row in rows:
        if row.report is not None and row.report.exec_type is not ExecType.RESTATED:
            play(one, row)
            assert state(one) == after, row.text


@every_scenario
def test_every_interleaving_of_the_two_directions_ends_as_the_last_row(rows: list[Row]) -> None:
    """Requests keep their order, and so do reports; no request comes after the venue has told of it."""
    ends = set()
    for way in interleavings(rows):
        one = parent()
        for row in way:
            play(one, row)
        ends.add(state(one))
    assert len(ends) == 1
    check(one, rows[-1])


def interleavings(rows: list[Row]) -> Iterator[list[Row]]:
    requests = [row for row in rows if row.request is not None]
    reports = [row for row in rows if row.request is None]

    def merge(sent: int, told: int) -> Iterator[list[Row]]:
        if sent == len(requests) and told == len(reports):
            yield []
        if sent < len(requests):
            for rest in merge(sent + 1, told):
                yield [requests[sent], *rest]
        if told < len(reports):
            report = reports[told].report
            known = {row.request.cl_ord_id for row in requests[:sent] if row.request is not None}
            assert report is not None
            if report.cl_ord_id in known:
                for rest in merge(sent, told + 1):
                    yield [reports[told], *rest]

    return islice(merge(0, 0), 5000)


@every_scenario
def test_the_same_reports_in_any_order_end_the_same(rows: list[Row]) -> None:
    """Responses, streams and queries come by channels of their own; the requests are made before all of them."""
    requests = [row for row in rows if row.request is not None]
    reports = [row for row in rows if row.request is None]
    if factorial(len(reports)) <= 5040:
        orders: list[tuple[Row, ...]] = list(permutations(reports))
    else:
        rng = random.Random(len(reports))
        orders = [tuple(rng.sample(reports, len(reports))) for _ in range(3000)]
    ends = set()
    for order in orders:
        one = parent()
        for row in [*requests, *order]:
            play(one, row)
        ends.add(state(one))
    assert len(ends) == 1
    check(one, rows[-1])


def test_a_new_order_sent_again_under_another_name_is_an_order_of_its_own() -> None:
    """S23: 15000 under a name that the venue has never seen, flagged as sent again."""
    one = parent()
    first = SCENARIOS["S1 filled"][0].request
    assert isinstance(first, NewOrder)
    one.ask(first)
    second = NewOrder(
        order_id="P", cl_ord_id="Y", side=first.side, symbol="A", order_qty=first.order_qty * 3 / 2, price=PRICE
    )
    one.ask(second, "other")
    one.apply(Report(order_id="P", cl_ord_id="Y", transact_time=None, exec_type=ExecType.NEW))
    assert [(it.ord_status.name, it.leaves_qty) for it in one.children] == [("PENDING_NEW", 10000), ("NEW", 15000)]
