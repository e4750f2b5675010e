"""What the paper venue may never do, whatever it is shown and sent: checked by plain sums beside it."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exo.dma import CancelOrder, NewOrder, Replace, ReplaceOrder
from exo.mkt import ExecInst, ExecType, LastLiquidityInd, Quote, Report, Side, TimeInForce, Trade
from exo.venue import PaperVenue, Queue
from tests.venue.test_paper_queue import run

D = Decimal
B, S = Side.BUY, Side.SELL
IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)


class Watch:
    def __init__(self, r: random.Random, queue: Queue, replace: Replace) -> None:
        self.r = r
        self.venue = PaperVenue(maker_bps=D(-1), taker_bps=D(7), queue=queue, replace=replace)
        self.venue.connect(self)  # type: ignore[arg-type]
        self.reports: list[Report] = []
        self.terms: dict[str, Any] = {}
        self.first: dict[str, str] = {}
        self.quote: Quote | None = None
        self.shown: dict[Side, Decimal] = {}
        self.taken: dict[Side, Decimal] = defaultdict(lambda: D(0))
        self.traded: dict[Side, Decimal] = defaultdict(lambda: D(0))
        self.n = 0

    def on_report(self, report: Report) -> None:
        self.reports.append(report)

    def on_status(self, status: Any) -> None: ...

    def step(self) -> str:
        r, what = self.r, self.r.choice(["quote", "quote", "trade", "new", "new", "replace", "cancel"])
        if what == "quote":
            bid = r.randint(96, 102)
            size = lambda: r.choice([None, D(0), D(r.randint(1, 9))])  # noqa: E731
            quote = Quote("A", D(bid), size(), D(bid + r.randint(0, 3)), size())
            for side in Side:
                if self.quote is None or self.quote.far(side) != quote.far(side):
                    self.taken[side] = D(0)
            self.quote = quote
            self.venue.on_quote(quote)
        elif what == "trade":
            self.trade = Trade("A", D(r.randint(95, 105)), D(r.randint(1, 9)), r.choice([B, S, None]))
            self.venue.on_trade(self.trade)
        elif what == "new":
            self.n += 1
            tif = r.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.DAY, *IMMEDIATE])
            inst = ExecInst.POST_ONLY if tif not in IMMEDIATE and r.random() < 0.3 else None
            px = None if inst is None and r.random() < 0.1 else D(r.randint(95, 105))
            ids = {"order_id": "P", "cl_ord_id": f"C{self.n}", "side": r.choice([B, S]), "symbol": "A"}
            new = NewOrder(**ids, order_qty=D(r.randint(1, 12)), price=px, time_in_force=tif, exec_inst=inst)
            self.terms[new.cl_ord_id] = new
            self.first[new.cl_ord_id] = new.cl_ord_id
            self.venue.send(new)
        elif self.terms:
            orig = r.choice(sorted(self.terms))
            old = self.terms[orig]
            self.n += 1
            ids = {"order_id": "P", "cl_ord_id": f"C{self.n}", "orig_cl_ord_id": orig, "side": old.side, "symbol": "A"}
            if what == "cancel":
                self.venue.send(CancelOrder(**ids))
            elif old.price is not None and not old.immediate:
                px = old.price if r.random() < 0.4 else D(r.randint(95, 105))
                more = {"time_in_force": old.time_in_force, "exec_inst": old.exec_inst}
                new = ReplaceOrder(**ids, order_qty=D(r.randint(1, 15)), price=px, **more)
                self.terms[new.cl_ord_id] = new
                self.first[new.cl_ord_id] = self.first[orig]
                self.venue.send(new)
        return what

    async def check(self, what: str) -> None:
        await asyncio.sleep(0)
        passive = D(0)
        for report in self.reports:
            if report.exec_type is not ExecType.TRADE:
                continue
            terms = self.terms[report.cl_ord_id]
            qty, px = report.last_qty, report.last_px
            assert qty > 0 and terms.side.within(terms.price, px), (report, terms)
            added = report.last_liquidity_ind is LastLiquidityInd.ADDED
            assert report.commission == qty * px * (D("-0.0001") if added else D("0.0007"))
            assert not (terms.post_only and not added)
            assert not (terms.immediate and added)
            if terms.time_in_force is TimeInForce.FOK:
                assert qty == terms.order_qty
            if added:
                assert px == terms.price
            if what == "trade":
                assert added
                passive += qty
                assert terms.side is not self.trade.aggressor and terms.side.within(terms.price, self.trade.last_px)
            else:
                assert self.quote is not None
                far, _ = self.quote.far(terms.side)
                assert far is not None and terms.side.within(terms.price, far)
                if not added:
                    assert px == far
                self.taken[terms.side] += qty
            assert report.cum_qty <= terms.order_qty
            assert report.leaves_qty == terms.order_qty - report.cum_qty
        for side in Side:
            size = None if self.quote is None else self.quote.far(side)[1]
            assert self.taken[side] <= (size or 0)
        self.reports.clear()
        for report in await self.venue.open_orders():
            terms = self.terms[report.cl_ord_id]
            assert not terms.immediate and terms.price is not None and report.leaves_qty > 0


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(Queue), st.sampled_from(Replace))
def test_displayed_size_limits_fees_and_times_in_force_hold_for_any_program(
    seed: int, queue: Queue, replace: Replace
) -> None:
    """No more than displayed, within the limit, post-only adds, immediate never rests, FOK whole, the fee is due."""

    async def program() -> bool:
        watch = Watch(random.Random(seed), queue, replace)
        for _ in range(25):
            await watch.check(watch.step())
        return True

    assert run(program)
