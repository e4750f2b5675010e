"""The cases of venue_conformance, by their numbers; a number is never used again for anything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final, TypeAlias

from exo.dma import Replace
from exo.mkt import ExecInst, ExecType, LastLiquidityInd, OrdStatus, Side, TimeInForce
from exo.mkt.exact import ZERO, add, subtract
from exo.testing.rig import LOT, QTY, Trader, check, equal, need

Case: TypeAlias = Callable[[Trader], Awaitable[None]]

_DUPLICATE_ORDER: Final = 6
_UNKNOWN_ORDER: Final = 1
_TWICE: Final = add(QTY, QTY)


async def rests(trader: Trader) -> None:
    """A limit order that does not reach the other side is accepted and rests."""
    request = await trader.new()
    report = trader.told(request, ExecType.NEW)
    equal("OrdStatus", report.ord_status, OrdStatus.NEW)
    equal("quantities", (report.order_qty, report.cum_qty, report.leaves_qty), (QTY, ZERO, QTY))


async def names(trader: Trader) -> None:
    """A report names exo's order, the request, the venue's own id, symbol and side."""
    request = await trader.new(side=Side.SELL, price=120)
    report = trader.told(request, ExecType.NEW)
    equal("ids", (report.order_id, report.cl_ord_id), (request.order_id, request.cl_ord_id))
    equal("symbol and side", (report.symbol, report.side), (request.symbol, request.side))
    check(bool(report.secondary_order_id), "the venue's own id is missing")
    check(report.received_ns is not None, "the receive time is missing")


async def duplicates(trader: Trader) -> None:
    """A second order under the name of one that is open is rejected, and the first is not disturbed."""
    first = await trader.new()
    second = await trader.new(_TWICE, cl_ord_id=first.cl_ord_id)
    report = trader.told(second, ExecType.REJECTED)
    equal("OrdRejReason", report.ord_rej_reason, _DUPLICATE_ORDER)
    equal("open orders", [r.leaves_qty for r in await trader.rig.venue.open_orders()], [QTY])


async def cancels(trader: Trader) -> None:
    """A cancel ends an order; the report names both."""
    request = await trader.new()
    cancel = await trader.cancel(request)
    report = trader.told(cancel, ExecType.CANCELED)
    equal("OrigClOrdID", report.orig_cl_ord_id, request.cl_ord_id)
    equal("state", (report.ord_status, report.leaves_qty), (OrdStatus.CANCELED, ZERO))
    equal("open orders", list(await trader.rig.venue.open_orders()), [])


async def unknown(trader: Trader) -> None:
    """A cancel of what the venue does not know is rejected as unknown (S8)."""
    request = await trader.new()
    report = trader.rejected(await trader.cancel(request, "x-70000000-nobody"))
    equal("reject", (report.ord_status, report.cxl_rej_reason), (OrdStatus.REJECTED, _UNKNOWN_ORDER))


async def too_late(trader: Trader) -> None:
    """A cancel of an order that has ended is rejected with the status it ended in, not as unknown."""
    request = await trader.new()
    await trader.cancel(request)
    report = trader.rejected(await trader.cancel(request))
    equal("OrdStatus", report.ord_status, OrdStatus.CANCELED)
    check(report.cxl_rej_reason != _UNKNOWN_ORDER, "it said that it does not know the order")


async def fills(trader: Trader) -> None:
    """An order that reaches the other side is filled at its price, and takes liquidity."""
    await trader.rig.show(trader.rig.symbol, 100, 110, QTY)
    request = await trader.new(price=115)
    [report] = trader.executions(request)
    equal("execution", (report.last_qty, report.last_px), (QTY, Decimal(110)))
    equal("state", (report.ord_status, report.cum_qty, report.leaves_qty), (OrdStatus.FILLED, QTY, ZERO))
    equal("liquidity", report.last_liquidity_ind, LastLiquidityInd.REMOVED)


async def fills_in_parts(trader: Trader) -> None:
    """What is not displayed is not filled; the rest stands and is filled later."""
    await trader.rig.show(trader.rig.symbol, 100, 110, LOT)
    request = await trader.new(price=115)
    await trader.rig.show(trader.rig.symbol, 100, 111, _TWICE)
    await trader.rig.settle()
    first, second = trader.executions(request)
    equal("first", (first.last_qty, first.ord_status), (LOT, OrdStatus.PARTIALLY_FILLED))
    equal("second", (second.last_qty, second.ord_status), (subtract(QTY, LOT), OrdStatus.FILLED))


async def immediate(trader: Trader) -> None:
    """Of an immediate-or-cancel order what is not filled at once ends."""
    need(TimeInForce.IOC in trader.rig.venue.capabilities.times_in_force, "IOC")
    await trader.rig.show(trader.rig.symbol, 100, 110, LOT)
    request = await trader.new(price=115, time_in_force=TimeInForce.IOC)
    equal("executed", [r.last_qty for r in trader.executions(request)], [LOT])
    check(trader.reports[-1].ord_status in (OrdStatus.CANCELED, OrdStatus.EXPIRED), "it did not end")
    equal("open orders", list(await trader.rig.venue.open_orders()), [])


async def fill_or_kill(trader: Trader) -> None:
    """A fill-or-kill order is filled whole or not at all."""
    need(TimeInForce.FOK in trader.rig.venue.capabilities.times_in_force, "FOK")
    await trader.rig.show(trader.rig.symbol, 100, 110, LOT)
    killed = await trader.new(price=115, time_in_force=TimeInForce.FOK)
    equal("executed", trader.executions(killed), [])
    await trader.rig.show(trader.rig.symbol, 100, 111, QTY)
    filled = await trader.new(price=115, time_in_force=TimeInForce.FOK)
    equal("executed", [r.last_qty for r in trader.executions(filled)], [QTY])


async def post_only(trader: Trader) -> None:
    """A post-only order that would take is rejected; one that would not rests."""
    need(trader.rig.venue.capabilities.post_only, "post-only orders")
    await trader.rig.show(trader.rig.symbol, 100, 110, QTY)
    takes = await trader.new(price=110, exec_inst=ExecInst.POST_ONLY)
    rests_ = await trader.new(price=109, exec_inst=ExecInst.POST_ONLY)
    equal("executed", trader.executions(takes, rests_), [])
    equal("open orders", [r.cl_ord_id for r in await trader.rig.venue.open_orders()], [rests_.cl_ord_id])


async def market(trader: Trader) -> None:
    """A market order takes what is displayed, and never rests."""
    need(trader.rig.venue.capabilities.market, "market orders")
    await trader.rig.show(trader.rig.symbol, 100, 110, LOT)
    request = await trader.new(price=None, side=Side.SELL)
    equal("executed", [(r.last_qty, r.last_px) for r in trader.executions(request)], [(LOT, Decimal(100))])
    equal("open orders", list(await trader.rig.venue.open_orders()), [])


async def replaces(trader: Trader) -> None:
    """A replace works on the total, and CumQty goes on over it (S10)."""
    need(trader.rig.venue.capabilities.replace is Replace.TOTAL, "replace by total")
    await trader.rig.show(trader.rig.symbol, 100, 110, LOT)
    request = await trader.new(price=110)
    replace = await trader.replace(request, _TWICE, 111)
    report = trader.told(replace, ExecType.REPLACED)
    equal("OrigClOrdID", report.orig_cl_ord_id, request.cl_ord_id)
    equal("quantities", (report.order_qty, report.cum_qty, report.leaves_qty), (_TWICE, LOT, subtract(_TWICE, LOT)))
    await trader.rig.show(trader.rig.symbol, 100, 111, _TWICE)
    await trader.rig.settle()
    last = trader.executions(request, replace)[-1]
    equal("name", last.cl_ord_id, replace.cl_ord_id)
    equal("state", (last.cum_qty, last.leaves_qty, last.ord_status), (_TWICE, ZERO, OrdStatus.FILLED))


async def replaces_to_what_is_filled(trader: Trader) -> None:
    """A replace down to CumQty fills an order, one below it is rejected (S14)."""
    need(trader.rig.venue.capabilities.replace is Replace.TOTAL, "replace by total")
    await trader.rig.show(trader.rig.symbol, 100, 110, add(LOT, LOT))
    request = await trader.new(price=110)
    below = await trader.replace(request, LOT, 110)
    equal("OrdStatus", trader.rejected(below).ord_status, OrdStatus.PARTIALLY_FILLED)
    replace = await trader.replace(request, add(LOT, LOT), 110)
    report = trader.told(replace, ExecType.REPLACED)
    equal("state", (report.ord_status, report.leaves_qty), (OrdStatus.FILLED, ZERO))


async def replaces_too_late(trader: Trader) -> None:
    """A replace of an order that is filled is rejected with that status (S12)."""
    need(trader.rig.venue.capabilities.replace is Replace.TOTAL, "replace by total")
    await trader.rig.show(trader.rig.symbol, 100, 110, QTY)
    request = await trader.new(price=110)
    report = trader.rejected(await trader.replace(request, QTY, 111))
    equal("OrdStatus", report.ord_status, OrdStatus.FILLED)


async def replace_then_cancel(trader: Trader) -> None:
    """An order is cancelled by the name that its last replace gave it (S29)."""
    need(trader.rig.venue.capabilities.replace is Replace.TOTAL, "replace by total")
    request = await trader.new()
    replace = await trader.replace(request, _TWICE, 91)
    cancel = await trader.cancel(replace)
    report = trader.told(cancel, ExecType.CANCELED)
    equal("quantities", (report.order_qty, report.leaves_qty), (_TWICE, ZERO))


async def answers_queries(trader: Trader) -> None:
    """A query tells the status and every execution, by any name; of what is not known, nothing."""
    await trader.rig.show(trader.rig.symbol, 100, 110, LOT)
    request = await trader.new(price=110)
    told = await trader.query(request)
    equal("kinds", sorted(str(r.exec_type) for r in told), ["ExecType.ORDER_STATUS", "ExecType.TRADE"])
    status = next(r for r in told if r.exec_type is ExecType.ORDER_STATUS)
    equal("status", (status.ord_status, status.cum_qty), (OrdStatus.PARTIALLY_FILLED, LOT))
    equal("ExecIDs", [r.exec_id for r in told if r.exec_id], [r.exec_id for r in trader.executions(request)])
    stranger = request.__class__(**{f: getattr(request, f) for f in request.__struct_fields__} | {"cl_ord_id": "x-7-n"})
    equal("of what is not known", list(await trader.query(stranger)), [])


async def answers_queries_after_the_end(trader: Trader) -> None:
    """An order that has ended is still known to a query."""
    request = await trader.new()
    await trader.cancel(request)
    [status] = await trader.query(request)
    equal("OrdStatus", status.ord_status, OrdStatus.CANCELED)


async def lists_open_orders(trader: Trader) -> None:
    """The open orders are those that are open, of every symbol."""
    first = await trader.new()
    second = await trader.new(symbol=trader.rig.other, price=91)
    third = await trader.new(price=92)
    await trader.cancel(first)
    found = sorted((r.cl_ord_id, r.leaves_qty) for r in await trader.rig.venue.open_orders())
    equal("open orders", found, sorted([(second.cl_ord_id, QTY), (third.cl_ord_id, QTY)]))


async def cancels_all(trader: Trader) -> None:
    """A mass cancel ends all that is open, and each is told."""
    need(trader.rig.venue.capabilities.mass_cancel, "mass cancel")
    requests = [await trader.new(price=price) for price in (90, 91, 92)]
    await trader.rig.venue.cancel_all()
    await trader.rig.settle()
    equal("open orders", list(await trader.rig.venue.open_orders()), [])
    for request in requests:
        equal("OrdStatus", trader.told(request, ExecType.CANCELED).ord_status, OrdStatus.CANCELED)


async def keeps_symbols_apart(trader: Trader) -> None:
    """What one symbol displays fills no order of another."""
    await trader.rig.show(trader.rig.other, 100, 105, QTY)
    request = await trader.new(price=109)
    equal("executed", trader.executions(request), [])


async def is_exact(trader: Trader) -> None:
    """Quantities and prices come back to the last digit."""
    qty = Decimal("1.234")
    report = trader.told(await trader.new(qty, price=91), ExecType.NEW)
    equal("terms", (report.order_qty, report.price), (qty, Decimal(91)))


async def subscribes_twice(trader: Trader) -> None:
    """To subscribe again, or to unsubscribe what is not subscribed, is no error."""
    for _ in range(2):
        trader.rig.venue.subscribe(trader.rig.symbol)
    for _ in range(2):
        trader.rig.venue.unsubscribe(trader.rig.symbol)


CASES: Final[dict[str, Case]] = {
    "V01": rests,
    "V02": names,
    "V03": duplicates,
    "V04": cancels,
    "V05": unknown,
    "V06": too_late,
    "V10": fills,
    "V11": fills_in_parts,
    "V12": immediate,
    "V13": fill_or_kill,
    "V14": post_only,
    "V15": market,
    "V20": replaces,
    "V21": replaces_to_what_is_filled,
    "V22": replaces_too_late,
    "V23": replace_then_cancel,
    "V30": answers_queries,
    "V31": answers_queries_after_the_end,
    "V32": lists_open_orders,
    "V33": cancels_all,
    "V40": keeps_symbols_apart,
    "V41": is_exact,
    "V42": subscribes_twice,
}
