"""Every scenario of the FIX order state matrices once more, from the other side: the paper venue tells the rows."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import exo
from exo.dma import NewOrder
from exo.flow.delays import Delay
from exo.mkt import ExecType, MsgType, OrdStatus, Quote, Report
from exo.venue import Fault, Faults, PaperVenue
from tests.dma.scenarios import SCENARIOS, Row

D = Decimal
S = 1_000_000_000


class Counterparty:
    """Does at the venue what a row says next, and keeps what the venue tells."""

    def __init__(self, name: str, rows: list[Row]) -> None:
        pends = any(row.text.split("/")[0].endswith((" PC", " PR")) for row in rows)
        self.faults = Faults()
        self.venue = PaperVenue(
            pending=pends,
            decide=Delay(S, S) if pends else Delay(),
            in_turn="in sequence" in name,
            kills_as=OrdStatus.EXPIRED if any("Expired" in row.text for row in rows) else OrdStatus.CANCELED,
            broker="S26" in name,
            faults=self.faults,
        )
        self.venue.connect(self)  # type: ignore[arg-type]
        self.in_turn = "in sequence" in name
        self.rows = rows
        self.sent: set[str] = set()
        self.told: list[Report] = []
        self.exec_ids: dict[str, str] = {}
        self.display(0)

    def on_report(self, report: Report) -> None:
        self.told.append(report)

    def on_status(self, status: object) -> None:
        raise AssertionError(status)

    def display(self, ask_size: int | Decimal, ask: object = 101) -> None:
        self.venue.on_quote(Quote("A", D(1), D(1), D(str(ask)), D(ask_size)))

    def send(self, name: str | None, **changes: Any) -> None:
        """Have the request of this name arrive."""
        for row in self.rows:
            if row.request is not None and row.request.cl_ord_id == name:
                changes |= {"price": D(120)} if self.high and hasattr(row.request, "price") else {}
                self.sent.add(str(name))
                self.venue.send(msgspec.structs.replace(row.request, **changes))

    @property
    def high(self) -> bool:
        return any("@" in row.text for row in self.rows)

    async def do(self, row: Row) -> Report:
        """What leads to the row; the one report it leads to."""
        report = row.report
        assert report is not None
        kind = report.exec_type
        kind_name = row.text.split()[1].split("/")[0]
        new = report.cl_ord_id not in self.sent
        if kind_name == "Duplicate":
            self.send(report.cl_ord_id, order_qty=D(20_000))
        elif kind_name == "Status":
            self.send(report.cl_ord_id, poss_resend=True)
        elif kind is ExecType.TRADE:
            if new:
                self.faults.force(Fault.LOSE_ANSWER)
                self.display(report.last_qty, report.last_px)
                self.send(report.cl_ord_id)
            else:
                self.display(report.last_qty, report.last_px)
            self.display(0)
        elif kind is ExecType.TRADE_CANCEL:
            self.venue.bust(self.exec_ids[str(report.exec_ref_id)])
        elif kind is ExecType.TRADE_CORRECT:
            self.venue.correct(self.exec_ids[str(report.exec_ref_id)], report.last_qty, report.last_px)
        elif kind is ExecType.DONE_FOR_DAY:
            self.venue.end_day()
        elif kind is ExecType.RESTATED:
            self.venue.start_day()
        elif kind is ExecType.REJECTED:
            if new:
                self.faults.force(Fault.REJECT)
                self.send(report.cl_ord_id)
            else:
                self.venue.reject_late(str(report.cl_ord_id))
        elif kind_name == "CxlRej":
            if row.ord_status is not OrdStatus.FILLED:
                self.faults.force(Fault.REJECT)
            self.send(report.cl_ord_id) if new else await asyncio.sleep(1)
        elif kind is ExecType.CANCELED and report.orig_cl_ord_id is None and not new:
            if not self.told:
                self.venue.cancel_unasked(str(report.cl_ord_id))
        elif new:
            if kind in (ExecType.CANCELED, ExecType.EXPIRED) and report.orig_cl_ord_id is None:
                self.faults.force(Fault.LOSE_ANSWER)
            self.send(report.cl_ord_id)
        elif kind is not ExecType.EXPIRED and not self.told:
            if self.in_turn:  # the other replace has come, and waits for its turn
                for name in {row.request.cl_ord_id for row in self.rows if row.request is not None} - self.sent:
                    self.send(name)
            await asyncio.sleep(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert self.told, row.text
        told = self.told.pop(0)
        if told.exec_id is not None:
            self.exec_ids[str(report.exec_id)] = told.exec_id
        return told


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_paper_venue_tells_every_row(name: str) -> None:
    """Kind, status and quantities of each report, the reason of a reject; and the order as it stands."""
    rows = SCENARIOS[name]

    async def program() -> bool:
        other = Counterparty(name, rows)
        for row in rows:
            if row.report is None:
                continue
            told = await other.do(row)
            wanted = row.report
            assert (told.cl_ord_id, told.orig_cl_ord_id) == (wanted.cl_ord_id, wanted.orig_cl_ord_id), row.text
            if wanted.msg_type is MsgType.CXL_REJ:
                assert told.msg_type is MsgType.CXL_REJ and told.ord_status is wanted.ord_status, row.text
                assert told.cxl_rej_reason == wanted.cxl_rej_reason
                continue
            assert (told.exec_type, told.ord_status) == (wanted.exec_type, wanted.ord_status), row.text
            assert (told.order_qty, told.cum_qty, told.leaves_qty) == (row.order_qty, row.cum_qty, row.leaves_qty)
            assert told.last_qty == wanted.last_qty, row.text
            assert told.ord_rej_reason == wanted.ord_rej_reason or wanted.ord_rej_reason is None
            if row.avg_px is not None:
                assert told.avg_px == row.avg_px, row.text
            standing = other.venue.standing("X")
            assert standing is not None
            if not other.told:
                state = (standing.status, standing.terms.order_qty, standing.cum_qty, standing.leaves_qty)
                assert state == (row.ord_status, row.order_qty, row.cum_qty, row.leaves_qty), row.text
        assert other.told == []
        return True

    assert exo.run_virtually(program(), until_s=600)


def test_a_new_order_that_says_it_is_sent_again_is_taken_if_it_was_never_seen() -> None:
    """S23: under a name of its own."""

    async def program() -> list[Any]:
        other = Counterparty("S1 filled", SCENARIOS["S1 filled"])
        first = SCENARIOS["S1 filled"][0].request
        assert isinstance(first, NewOrder)
        other.venue.send(msgspec.structs.replace(first, cl_ord_id="Y", order_qty=D(15_000), poss_resend=True))
        await asyncio.sleep(0)
        [told] = other.told
        return [told.exec_type, told.ord_status, told.order_qty, told.leaves_qty]

    assert exo.run_virtually(program(), until_s=60) == [ExecType.NEW, OrdStatus.NEW, 15_000, 15_000]
