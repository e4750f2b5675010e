"""Reports that come twice, late, or for a copy: a child is what they say together."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any

import msgspec

import exo
from exo.dma import CancelOrder, Intent, NewOrder, Parent, Replace
from exo.mkt import ExecType, MsgType, OrdStatus, Report, Side

D = Decimal


class Wanted(exo.Order):
    order_qty: Decimal = D(10)


ORDER = Wanted(side=Side.BUY, symbol="A", order_id="P")


def told(kind: ExecType, **more: Any) -> Report:
    return Report(**({"order_id": "P", "cl_ord_id": "P-1", "exec_type": kind, "transact_time": None} | more))


def refused(cancel_id: str) -> Report:
    return Report(
        msg_type=MsgType.CXL_REJ,
        order_id="P",
        cl_ord_id=cancel_id,
        orig_cl_ord_id="P-1",
        ord_status=OrdStatus.NEW,
        cxl_rej_reason=0,
        transact_time=None,
    )


def working() -> Parent:
    numbers = count(1)
    parent = Parent("P", lambda order_id: f"{order_id}-{next(numbers)}")
    assert isinstance(parent.work(ORDER, Intent(price=D(100)), Replace.NONE), NewOrder)
    return parent


def cancel(parent: Parent) -> CancelOrder | None:
    assert parent.live is not None
    return parent.cancel(ORDER, parent.live)


def test_a_cancel_reject_told_twice_does_not_answer_the_next_cancel() -> None:
    """Each row delivered twice changes nothing the second time; nor is the cancel forgotten that is on its way."""
    parent = working()
    parent.apply(told(ExecType.NEW))
    cancel(parent)
    parent.apply(refused("P-2"))
    second = cancel(parent)
    assert second is not None and parent.live is not None
    parent.apply(refused("P-2"))
    assert [asked.request for asked in parent.live.asked] == [second]


def test_a_duplicate_id_reject_does_not_finish_an_order_we_know() -> None:
    """S23: ExecType Rejected, OrdStatus New, OrdRejReason 6 is about the copy."""
    parent = working()
    parent.apply(told(ExecType.NEW))
    parent.apply(told(ExecType.REJECTED, ord_status=OrdStatus.NEW, ord_rej_reason=6))
    assert parent.live is not None


def test_of_an_order_in_doubt_a_duplicate_id_reject_means_that_it_is_there() -> None:
    """Even when the venue says OrdStatus Rejected."""
    parent = working()
    parent.doubt(parent.live.request)
    parent.apply(told(ExecType.REJECTED, ord_status=OrdStatus.REJECTED, ord_rej_reason=6))
    assert parent.live is not None


def test_a_cancel_reject_without_orig_cl_ord_id_finds_its_child() -> None:
    """OrigClOrdID is required in FIX, but venues answer a cancel by its own id."""
    parent = working()
    parent.apply(told(ExecType.NEW))
    cancel(parent)
    report = Report(
        msg_type=MsgType.CXL_REJ,
        order_id="P",
        cl_ord_id="P-2",
        ord_status=OrdStatus.NEW,
        cxl_rej_reason=0,
        transact_time=None,
    )
    parent.apply(report)
    assert parent.live is not None and not parent.live.cancelling


def test_all_executed_is_filled_whichever_report_came_first() -> None:
    """The same reports in any order end the same, and Filled takes precedence over Canceled."""
    ends = []
    reports = [told(ExecType.TRADE, last_qty=D(10), last_px=D(1), exec_id="1"), told(ExecType.CANCELED)]
    for order in (reports, reports[::-1]):
        parent = working()
        for report in order:
            parent.apply(report)
        ends.append(parent.children[0].ord_status)
    assert ends[0] == ends[1]


def test_a_cancel_reject_of_an_order_that_is_done_for_the_day_does_not_finish_it() -> None:
    """Good till cancel, it stands again tomorrow: the status in the reject says nothing else."""
    parent = working()
    parent.apply(told(ExecType.NEW))
    parent.apply(told(ExecType.DONE_FOR_DAY, ord_status=OrdStatus.DONE_FOR_DAY, leaves_qty=D(10)))
    cancel(parent)
    parent.apply(msgspec.structs.replace(refused("P-2"), ord_status=OrdStatus.DONE_FOR_DAY))
    assert parent.live is not None and parent.live.leaves_qty == 10 and not parent.live.cancelling
