"""The scenarios of the FIX order state matrices, from one table, for whoever plays either side.

A row is a request, sent by us, or what the venue tells; a row of the venue has the state after it:
`ExecType/OrdStatus OrderQty/CumQty/LeavesQty/LastQty`, `@` the price of the execution or the average after it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NamedTuple

from exo.dma import CancelOrder, NewOrder, ReplaceOrder, Request
from exo.mkt import ExecType, MsgType, OrdStatus, Report, Side, TimeInForce

D = Decimal
PRICE = D(100)

TABLE = """
S1 filled
    New X 10000; X New/New 10000/0/10000/0
    X F/PF 10000/2000/8000/2000; X F/PF 10000/3000/7000/1000; X F/Filled 10000/10000/0/7000
S2 done for day
    Day X 10000; X New/New 10000/0/10000/0; X F/PF 10000/2000/8000/2000; X F/PF 10000/3000/7000/1000
    X DFD/DFD 10000/3000/0/0
S3 filled before any ack
    New X 10000; X F/Filled 10000/10000/0/10000
S3 filled in part before any ack
    New X 10000; X F/PF 10000/7000/3000/7000
S4 cancelled
    New X 10000; X New/New 10000/0/10000/0; Cxl Y,X; Y,X PC/PC 10000/0/10000/0; Y,X Canceled/Canceled 10000/0/0/0
S4 cancel rejected at once
    New X 10000; X New/New 10000/0/10000/0; Cxl Y,X; Y,X CxlRej/New 10000/0/10000/0
S4 cancel rejected after a while
    New X 10000; X New/New 10000/0/10000/0; Cxl Y,X; Y,X PC/PC 10000/0/10000/0; Y,X CxlRej/New 10000/0/10000/0
S5 cancelled with fills in flight
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/2000/8000/2000; Cxl Y,X; X F/PF 10000/5000/5000/3000
    Y,X PC/PC 10000/5000/5000/0; X F/PC 10000/6000/4000/1000; Y,X Canceled/Canceled 10000/6000/0/0
S5 cancel rejected at once with fills in flight
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/2000/8000/2000; Cxl Y,X; X F/PF 10000/5000/5000/3000
    Y,X CxlRej/PF 10000/5000/5000/0
S5 cancel rejected after a while with fills in flight
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/2000/8000/2000; Cxl Y,X; X F/PF 10000/5000/5000/3000
    Y,X PC/PC 10000/5000/5000/0; X F/PC 10000/6000/4000/1000; Y,X CxlRej/PF 10000/6000/4000/0
S7 cancel crosses the ack
    New X 10000; Cxl Y,X; X New/New 10000/0/10000/0; Y,X PC/PC 10000/0/10000/0; Y,X Canceled/Canceled 10000/0/0/0
S9 replaced up, nothing filled
    New X 10; X New/New 10/0/10/0; Rpl Y,X 11; Y,X PR/PR 10/0/10/0; Y,X Replaced/New 11/0/11/0
S9 replace rejected
    New X 10; X New/New 10/0/10/0; Rpl Y,X 11; Y,X PR/PR 10/0/10/0; Y,X CxlRej/New 10/0/10/0
S10 replaced up while filling
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/1000/9000/1000; Rpl Y,X 12000; Y,X PR/PR 10000/1000/9000/0
    X F/PR 10000/1100/8900/100; Y,X Replaced/PF 12000/1100/10900/0; Y F/Filled 12000/12000/0/10900
S12 replace loses to a fill
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/1000/9000/1000; Rpl Y,X 10000 101
    X F/Filled 10000/10000/0/9000; Y,X CxlRej/Filled 10000/10000/0/0
S13 replaced down, quantity above CumQty
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/1000/9000/1000; Rpl Y,X 8000; X F/PF 10000/1500/8500/500
    Y,X PR/PR 10000/1500/8500/0; X F/PR 10000/1600/8400/100; Y,X Replaced/PF 8000/1600/6400/0
    Y F/Filled 8000/8000/0/6400
S14 replaced down, quantity equal to CumQty
    New X 10000; X New/New 10000/0/10000/0; Rpl Y,X 7000; X F/PF 10000/7000/3000/7000
    Y,X Replaced/Filled 7000/7000/0/0
S16 chained replaces
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/1000/9000/1000; Rpl Y,X 8000; Y,X PR/PR 10000/1000/9000/0
    X F/PR 10000/1500/8500/500; Y,X Replaced/PF 8000/1500/6500/0; Y F/PF 8000/3500/4500/2000; Rpl Z,Y 6000
    Z,Y PR/PR 8000/3500/4500/0; Y F/PR 8000/4000/4000/500; Z,Y Replaced/PF 6000/4000/2000/0
    Z F/Filled 6000/6000/0/2000
S17 replace rejected, then another
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/1000/9000/1000; Rpl Y,X 8000; Y,X CxlRej/PF 10000/1000/9000/0
    X F/PF 10000/1500/8500/500; X F/PF 10000/3500/6500/2000; Rpl Z,X 6000; Z,X PR/PR 10000/3500/6500/0
    Z,X Replaced/PF 6000/3500/2500/0; Z F/PF 6000/5000/1000/1500
S19 two replaces outstanding, in sequence
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/1000/9000/1000; Rpl Y,X 8000; Rpl Z,Y 7000
    Y,X PR/PR 10000/1000/9000/0; Y,X Replaced/PR 8000/1000/7000/0; Z,Y PR/PR 8000/1000/7000/0
    Z,Y Replaced/PF 7000/1000/6000/0; Z F/Filled 7000/7000/0/6000
S19 two replaces outstanding, both pending first
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/1000/9000/1000; Rpl Y,X 8000; Rpl Z,Y 7000
    Y,X PR/PR 10000/1000/9000/0; Z,Y PR/PR 10000/1000/9000/0; Y,X Replaced/PR 8000/1000/7000/0
    Z,Y Replaced/PF 7000/1000/6000/0; Z F/Filled 7000/7000/0/6000
S21 unsolicited cancel
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/1000/9000/1000; X Canceled/Canceled 10000/1000/0/0
S23 sent again with a flag that says so
    New X 10000; X New/New 10000/0/10000/0; X Status/New 10000/0/10000/0
S23 sent again without the flag
    New X 10000; X New/New 10000/0/10000/0; X Duplicate/New 10000/0/10000/0
S24 killed
    Fok X 10000; X New/New 10000/0/10000/0; X Canceled/Canceled 10000/0/0/0
S24 killed without an ack
    Fok X 10000; X Canceled/Canceled 10000/0/0/0
S24 killed, as many venues say it
    Fok X 10000; X New/New 10000/0/10000/0; X Expired/Expired 10000/0/0/0
S25 immediate or cancel, filled in part
    Ioc X 10000; X F/PF 10000/1000/9000/1000; X Canceled/Canceled 10000/1000/0/0
S25 immediate or cancel, the rest expired
    Ioc X 10000; X F/PF 10000/1000/9000/1000; X Expired/Expired 10000/1000/0/0
S26 busts and corrections
    New X 10000; X New/New 10000/0/10000/0
    X F/PF 10000/1000/9000/1000@100 C avg 100; X F/Filled 10000/10000/0/9000@110 D avg 109
    X Bust/PF 10000/9000/1000/0 E(C) avg 110; X Correct/PF 10000/9000/1000/9000@100 F(D) avg 100
    X F/Filled 10000/10000/0/1000@120 G avg 102; X Correct/Filled 10000/10000/0/9000@120 H(F) avg 120
    Rpl Y,X 12000; Y,X PR/PR 10000/10000/0/0 avg 120; Y,X Replaced/PF 12000/10000/2000/0 avg 120
    Y Correct/PF 12000/10500/1500/9500@120 K(H) avg 120
S28 good till cancel over two days
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/2000/8000/2000; X DFD/DFD 10000/2000/8000/0
    X Restated/PF 10000/2000/8000/0; Cxl Y,X; Y,X PC/PC 10000/2000/8000/0; Y,X Canceled/Canceled 10000/2000/0/0
S29 cancel while a replace is pending
    New X 10000; X New/New 10000/0/10000/0; X F/PF 10000/1000/9000/1000; Rpl Y,X 8000; Cxl Z,Y
    Y,X PR/PR 10000/1000/9000/0; Z,Y PC/PC 10000/1000/9000/0; Y,X Replaced/PC 8000/1000/7000/0
    Z,Y Canceled/Canceled 8000/1000/0/0
S30 cancel overtakes the new order
    New X 10000; Cxl Y,X; Y,X Unknown/PN 10000/0/10000/0 doubt; X New/New 10000/0/10000/0
S31 rejected
    New X 10000; X Rejected/Rejected 10000/0/0/0
S31 accepted, then rejected
    New X 10000; X New/New 10000/0/10000/0; X Rejected/Rejected 10000/0/0/0
"""

_EXEC_TYPES = {
    "New": ExecType.NEW,
    "F": ExecType.TRADE,
    "PC": ExecType.PENDING_CANCEL,
    "PR": ExecType.PENDING_REPLACE,
    "Canceled": ExecType.CANCELED,
    "Expired": ExecType.EXPIRED,
    "Rejected": ExecType.REJECTED,
    "Duplicate": ExecType.REJECTED,
    "Replaced": ExecType.REPLACED,
    "DFD": ExecType.DONE_FOR_DAY,
    "Status": ExecType.ORDER_STATUS,
    "Bust": ExecType.TRADE_CANCEL,
    "Correct": ExecType.TRADE_CORRECT,
    "Restated": ExecType.RESTATED,
}
_STATUSES = {
    "PN": OrdStatus.PENDING_NEW,
    "New": OrdStatus.NEW,
    "PF": OrdStatus.PARTIALLY_FILLED,
    "Filled": OrdStatus.FILLED,
    "PC": OrdStatus.PENDING_CANCEL,
    "PR": OrdStatus.PENDING_REPLACE,
    "Canceled": OrdStatus.CANCELED,
    "Expired": OrdStatus.EXPIRED,
    "Rejected": OrdStatus.REJECTED,
    "DFD": OrdStatus.DONE_FOR_DAY,
}
_TIMES = {"New": TimeInForce.GTC, "Day": TimeInForce.DAY, "Ioc": TimeInForce.IOC, "Fok": TimeInForce.FOK}
_TOLD = re.compile(
    r"(\w)(?:,(\w))? (\w+)/(\w+) (\d+)/(\d+)/(\d+)/(\d+)(?:@(\d+))?(?: (\w)(?:\((\w)\))?)?(?: avg (\d+))?( doubt)?"
)


class Row(NamedTuple):
    """A request of ours, or a report; and the state after it."""

    text: str
    request: Request | None = None
    report: Report | None = None
    ord_status: OrdStatus | None = None
    order_qty: Decimal = D(0)
    cum_qty: Decimal = D(0)
    leaves_qty: Decimal = D(0)
    avg_px: Decimal | None = None
    doubt: bool = False


def _request(words: list[str]) -> Request:
    kind, names, *terms = words
    name, _, orig = names.partition(",")
    of: dict[str, Any] = {"order_id": "P", "cl_ord_id": name, "side": Side.BUY, "symbol": "A"}
    if kind == "Cxl":
        return CancelOrder(**of, orig_cl_ord_id=orig)
    price = D(terms[1]) if len(terms) > 1 else PRICE
    if kind == "Rpl":
        return ReplaceOrder(**of, orig_cl_ord_id=orig, order_qty=D(terms[0]), price=price)
    return NewOrder(**of, order_qty=D(terms[0]), price=price, time_in_force=_TIMES[kind])


def _row(text: str, number: int) -> Row:
    words = text.split()
    if words[0] in {*_TIMES, "Cxl", "Rpl"}:
        return Row(text, request=_request(words))
    found = _TOLD.fullmatch(text)
    assert found, text
    name, orig, kind, status, order_qty, cum, leaves, last, px, exec_id, ref, avg, doubt = found.groups()
    ids: dict[str, Any] = {"order_id": "P", "cl_ord_id": name, "orig_cl_ord_id": orig, "transact_time": None}
    state = Row(
        text,
        ord_status=_STATUSES[status],
        order_qty=D(order_qty),
        cum_qty=D(cum),
        leaves_qty=D(leaves),
        avg_px=None if avg is None else D(avg),
        doubt=bool(doubt),
    )
    if kind in ("CxlRej", "Unknown"):
        status_ = OrdStatus.REJECTED if kind == "Unknown" else state.ord_status
        ids |= {"ord_status": status_, "cxl_rej_reason": int(kind == "Unknown"), "msg_type": MsgType.CXL_REJ}
        return state._replace(report=Report(**ids))
    report = Report(
        **ids,
        exec_type=_EXEC_TYPES[kind],
        exec_id=exec_id or f"{number}",
        exec_ref_id=ref,
        ord_status=state.ord_status,
        ord_rej_reason=6 if kind == "Duplicate" else None,
        order_qty=state.order_qty,
        cum_qty=state.cum_qty,
        leaves_qty=state.leaves_qty,
        last_qty=D(last),
        last_px=D(px) if px else PRICE if kind == "F" else D(0),
        avg_px=state.avg_px if state.avg_px is not None else PRICE if state.cum_qty else D(0),
    )
    return state._replace(report=report)


def _scenarios() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    name = ""
    for line in TABLE.strip("\n").splitlines():
        if not line.startswith(" "):
            name = line
            found[name] = []
            continue
        for text in line.strip().split("; "):
            found[name].append(_row(text, len(found[name])))
    return found


SCENARIOS = _scenarios()
