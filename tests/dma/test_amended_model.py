"""A venue of plain numbers tells its story in any order, doubled, with losses: the child ends as the venue has it."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exo.dma import Intent, Parent, Replace
from exo.mkt import ExecType, OrdStatus, Report, Side
from tests.dma.test_children import D, Wanted

T = ExecType


class World:
    """One order at an exchange: quantities in whole numbers, reports as a venue writes them."""

    def __init__(self, p: Parent, order: Wanted) -> None:
        self.p, self.order = p, order
        request = p.work(order, Intent(price=D(10), order_qty=D(100)), Replace.TOTAL)
        self.name, self.qty = request.cl_ord_id, 100
        self.fills: dict[str, tuple[int, int]] = {}
        self.off = 0
        self.end: str | None = None
        self.reports: list[Report] = []
        self.n = 0

    @property
    def cum(self) -> int:
        return sum(q for q, _ in self.fills.values())

    @property
    def notional(self) -> int:
        return sum(q * px for q, px in self.fills.values())

    @property
    def leaves(self) -> int:
        return 0 if self.end else max(0, self.qty - self.cum - self.off)

    def tell(self, kind: ExecType, **more: Any) -> None:
        status = (
            OrdStatus(self.end)
            if self.end
            else (
                OrdStatus.FILLED if self.cum >= self.qty else OrdStatus.PARTIALLY_FILLED if self.cum else OrdStatus.NEW
            )
        )
        if not self.end and not self.leaves and self.cum < self.qty:
            status = OrdStatus.CANCELED
        avg = D(self.notional) / D(self.cum) if self.cum else D(0)
        base = {
            "order_id": "P",
            "cl_ord_id": self.name,
            "exec_type": kind,
            "ord_status": status,
            "transact_time": None,
            "cum_qty": D(self.cum),
            "leaves_qty": D(self.leaves),
            "avg_px": avg.quantize(D("1E-20")),
        }
        self.reports.append(Report(**(base | more)))

    def exec(self, kind: ExecType, qty: int, px: int, ref: str | None = None) -> None:
        self.n += 1
        name = f"E{self.n}"
        if ref:
            old, _ = self.fills.pop(ref)
            self.off += max(0, old - qty)
        if qty or kind is T.TRADE:
            self.fills[name] = (qty, px)
        self.tell(kind, exec_id=name, exec_ref_id=ref, last_qty=D(qty or 1), last_px=D(px))

    def step(self, r: random.Random, amends: bool) -> None:
        what = r.choice(["fill", "fill", "fill", "bust", "correct", "replace", "status"])
        if what == "fill" and self.leaves:
            self.exec(T.TRADE, r.randint(1, self.leaves), r.randint(9, 11))
        elif what == "bust" and amends and self.fills:
            self.exec(T.TRADE_CANCEL, 0, 10, r.choice(sorted(self.fills)))
        elif what == "correct" and amends and self.fills:
            ref = r.choice(sorted(self.fills))
            self.exec(T.TRADE_CORRECT, r.randint(1, self.fills[ref][0]), r.randint(9, 11), ref)
        elif what == "status":
            self.tell(T.ORDER_STATUS)


def parent() -> tuple[Parent, Wanted]:
    names = iter(range(1, 10_000))
    return Parent("P", lambda of: f"{of}-{next(names)}"), Wanted(
        side=Side.BUY, symbol="A", order_id="P", order_qty=D(1000)
    )


def story(seed: int, amends: bool, ends: bool) -> tuple[World, random.Random]:
    r = random.Random(seed)
    world = World(*parent())
    world.tell(T.NEW)
    for _ in range(r.randint(1, 7)):
        world.step(r, amends)
    if ends and not world.end and world.leaves:
        world.end = "CANCELED"
        world.tell(T.CANCELED)
        if amends and r.random() < 0.4:
            world.step(r, amends)
    return world, r


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_any_order_with_repeats_ends_as_the_venue_has_it(seed: int, amends: bool, ends: bool) -> None:
    """All reports come, in any order, some twice: CumQty and notional are the venue's to the last digit."""
    world, r = story(seed, amends, ends)
    told = world.reports + r.sample(world.reports, r.randint(0, len(world.reports)))
    r.shuffle(told)
    for report in told:
        world.p.apply(report)
        assert world.p.cum_qty >= 0 and world.p.open_qty >= 0
    assert (world.p.cum_qty, world.p.notional) == (world.cum, world.notional)
    [child] = world.p.children
    if world.end:
        assert child.finished and child.leaves_qty == 0


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, 2**32))
def test_fills_that_are_lost_are_in_cum_qty_once_the_end_is_told(seed: int) -> None:
    """Without busts: some executions never come; the end says what they were, and the late originals add nothing."""
    world, r = story(seed, False, True)
    lost = [x for x in world.reports if x.exec_type is T.TRADE and r.random() < 0.5]
    told = [x for x in world.reports if x not in lost]
    if r.random() < 0.5:
        r.shuffle(told)
    for report in told:
        world.p.apply(report)
    if world.end or world.reports[-1] not in lost:
        assert world.p.cum_qty == world.cum
    for report in lost:
        world.p.apply(report)
    assert (world.p.cum_qty, world.p.notional) == (world.cum, world.notional)


@settings(max_examples=3000, deadline=None)
@given(st.integers(0, 2**32))
def test_c21_with_busts_and_lost_reports_the_end_is_believed(seed: int) -> None:
    """Executions and amendments before the end are lost at will; what the end tells is what is executed."""
    r = random.Random(seed)
    world = World(*parent())
    world.tell(T.NEW)
    for _ in range(r.randint(1, 7)):
        world.step(r, True)
    if not world.leaves:
        return
    world.end = "CANCELED"
    world.tell(T.CANCELED)
    for report in world.reports:
        if report.exec_id is None or r.random() < 0.6:
            world.p.apply(report)
    assert world.p.cum_qty >= world.cum
