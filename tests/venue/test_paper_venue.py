"""The paper venue: matches what it is sent against the quotes it is shown, by one rule that can be told in a minute."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exo
from exo.dma import CancelOrder, NewOrder, Venue
from exo.errors import NotRunning
from exo.flow import current_clock
from exo.flow.clock import utc
from exo.mkt import ExecType, LastLiquidityInd, MsgType, OrdStatus, Quote, Report, Side, TimeInForce, Trade
from exo.venue import PaperVenue

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
GTC, DAY, IOC, FOK = TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK
ADDED, REMOVED = LastLiquidityInd.ADDED, LastLiquidityInd.REMOVED

Test = Callable[..., Awaitable[None]]


def virtual(test: Test) -> Callable[..., None]:
    """Run an async test in virtual time, within a minute of it; nothing may reach the loop's exception handler."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        ended: list[bool] = []
        strays: list[dict[str, Any]] = []

        async def program() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: strays.append(context))
            await test(*args, **kwargs)
            ended.append(True)

        exo.run_virtually(program(), until_s=60)
        assert ended and not strays, strays

    return run


class Trader:
    """Sends to a paper venue and keeps what it reports; one quote a line, and orders named by their number."""

    def __init__(self, **fees: Decimal) -> None:
        self.venue = PaperVenue(**fees)
        self.venue.connect(self)
        self.reports: list[Report] = []
        self.sent = 0
        self.sending = False

    def on_report(self, report: Report) -> None:
        assert not self.sending, "a report came from within send"
        self.reports.append(report)

    def on_quote(self, quote: Quote) -> None:
        raise AssertionError("the venue passes no market data on")

    on_trade = on_status = on_quote

    def show(self, bid: object, bid_size: object, ask: object, ask_size: object, symbol: str = "A") -> None:
        self.venue.on_quote(Quote(symbol, number(bid), number(bid_size), number(ask), number(ask_size)))

    def send(
        self, side: Side, qty: object, px: object, tif: TimeInForce = GTC, symbol: str = "A", name: str | None = None
    ) -> str:
        self.sent += 1
        name = name or f"C{self.sent}"
        request = NewOrder(
            order_id=f"P-{name}",
            cl_ord_id=name,
            side=side,
            symbol=symbol,
            order_qty=D(str(qty)),
            price=number(px),
            time_in_force=tif,
        )
        self._send(request)
        return name

    def cancel(self, name: str, side: Side = BUY, symbol: str = "A") -> None:
        self._send(
            CancelOrder(order_id=f"P-{name}", cl_ord_id=f"X{name}", orig_cl_ord_id=name, side=side, symbol=symbol)
        )

    def _send(self, request: Any) -> None:
        self.sending = True
        try:
            assert self.venue.send(request) is None
        finally:
            self.sending = False

    async def told(self, name: str | None = None) -> list[tuple[Any, ...]]:
        """What was reported since the last time, of one order or of all with their names."""
        await asyncio.sleep(0)
        reports, self.reports = self.reports, []
        if name is not None:
            reports = [r for r in reports if name in (r.cl_ord_id, r.orig_cl_ord_id)]
            return [short(report) for report in reports]
        return [(report.orig_cl_ord_id or report.cl_ord_id, *short(report)) for report in reports]


def number(value: object) -> Decimal | None:
    return None if value is None else D(str(value))


def short(report: Report) -> tuple[Any, ...]:
    """A report in a few words: of an execution how much, at which price, by which liquidity."""
    if report.msg_type is MsgType.CXL_REJ:
        assert report.ord_status is not None
        return "CXL_REJ", report.ord_status.name
    assert report.exec_type is not None
    if report.exec_type is ExecType.TRADE:
        return report.last_qty, report.last_px, report.last_liquidity_ind
    return (report.exec_type.name,)


NEW, CANCELED, EXPIRED, REJECTED = ("NEW",), ("CANCELED",), ("EXPIRED",), ("REJECTED",)


def test_it_is_a_venue() -> None:
    """A dispatcher takes it for one that takes orders."""
    assert isinstance(PaperVenue(), Venue)


@pytest.mark.parametrize(("side", "px"), [(BUY, 11), (SELL, 10)])
@pytest.mark.parametrize("limit", ["far", "beyond", "market"])
@virtual
async def test_what_reaches_the_other_side_trades_at_its_price(side: Side, px: int, limit: str) -> None:
    """However far its own limit goes; it takes liquidity."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    far = {"far": px, "beyond": px + 7 if side is BUY else px - 7, "market": None}[limit]
    name = trader.send(side, 3, far)
    assert await trader.told(name) == [NEW, (3, px, REMOVED)]


@virtual
async def test_what_is_displayed_is_consumed_once_by_all_orders_together() -> None:
    """The second finds what the first has left, the third nothing."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    trader.send(BUY, 3, 11)
    trader.send(BUY, 3, 12)
    trader.send(BUY, 3, 11)
    trader.send(SELL, 2, 10)
    assert await trader.told() == [
        ("C1", *NEW),
        ("C1", 3, 11, REMOVED),
        ("C2", *NEW),
        ("C2", 2, 11, REMOVED),
        ("C3", *NEW),
        ("C4", *NEW),
        ("C4", 2, 10, REMOVED),
    ]


@pytest.mark.parametrize(
    "again", [(10, 5, 11, 5), (9, 5, 11, 5), (10, 4, 11, 5), (10, 5, 11, "5.00"), (None, None, 11, 5)]
)
@virtual
async def test_a_quote_that_does_not_change_a_side_displays_nothing_new_there(again: tuple[object, ...]) -> None:
    """The same price and size again, or a change on the other side, is no new size to take."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    trader.send(BUY, 5, 11)
    trader.send(BUY, 5, 11)
    await trader.told()
    for _ in range(3):
        trader.show(*again)
    trader.send(BUY, 5, 11, IOC)
    assert await trader.told() == [("C3", *NEW), ("C3", *CANCELED)]


@pytest.mark.parametrize(
    ("then", "fills"),
    [
        ((10, 5, 11, 6), [(6, 11)]),
        ((10, 5, 11, 4), [(4, 11)]),
        ((10, 5, "10.5", 5), [(5, "10.5")]),
        ((10, 5, 12, 5), [(5, 12)]),
        ((10, 5, 13, 5), []),
        ((10, 5, None, None), []),
        ((10, 5, 11, None), []),
        ((10, 5, 11, 0), []),
    ],
)
@virtual
async def test_takers_that_wait_get_what_the_next_change_displays(
    then: tuple[object, ...], fills: list[tuple[object, object]]
) -> None:
    """At the price of the other side as it is then, as long as they reach it."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    trader.send(BUY, 20, 12)
    assert await trader.told() == [("C1", *NEW), ("C1", 5, 11, REMOVED)]
    trader.show(*then)
    assert await trader.told() == [("C1", qty, D(str(px)), REMOVED) for qty, px in fills]


@virtual
async def test_a_size_that_was_unknown_is_new_when_it_is_known() -> None:
    """Unknown fills nothing, also not what is sent then; known again it is displayed again."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    trader.send(BUY, 8, 11)
    await trader.told()
    trader.show(10, 5, 11, None)
    trader.send(BUY, 1, 11)
    trader.send(BUY, 1, None)
    assert await trader.told() == [("C2", *NEW), ("C3", *NEW), ("C3", *CANCELED)]
    trader.show(10, 5, 11, 5)
    assert await trader.told() == [("C1", 3, 11, REMOVED), ("C2", 1, 11, REMOVED)]


@pytest.mark.parametrize("shown", [False, True])
@virtual
async def test_before_anything_is_displayed_nothing_trades(shown: bool) -> None:
    """No quote at all, or a quote with empty sides."""
    trader = Trader()
    if shown:
        trader.show(None, None, None, None)
    trader.send(BUY, 1, None)
    trader.send(SELL, 1, 1, IOC)
    trader.send(BUY, 1, 11)
    assert await trader.told() == [("C1", *NEW), ("C1", *CANCELED), ("C2", *NEW), ("C2", *CANCELED), ("C3", *NEW)]
    trader.show(9, 1, 10, 1)
    assert await trader.told() == [("C3", 1, 11, ADDED)]


@pytest.mark.parametrize(("side", "limit", "comes"), [(BUY, 10, (7, 5, 8, 2)), (SELL, 11, (13, 2, 14, 5))])
@virtual
async def test_a_resting_order_is_filled_at_its_own_price_when_the_market_comes_to_it(
    side: Side, limit: int, comes: tuple[int, ...]
) -> None:
    """It adds liquidity, takes no more than is displayed, and keeps its price for the rest."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    name = trader.send(side, 5, limit)
    trader.show(10, 6, 11, 6)
    assert await trader.told(name) == [NEW]
    trader.show(*comes)
    assert await trader.told(name) == [(2, limit, ADDED)]
    trader.show(*comes)
    assert await trader.told(name) == []
    trader.show(10, 5, 11, 5)
    assert await trader.told(name) == []
    trader.show(limit, 9, limit, 9)
    assert await trader.told(name) == [(3, limit, ADDED)]


@virtual
async def test_a_taker_that_the_market_has_left_rests_from_then_on() -> None:
    """When the other side comes back, it comes to the order, and pays the order's own price."""
    trader = Trader()
    trader.show(10, 5, 11, 1)
    trader.send(BUY, 3, 11)
    trader.show(11, 5, 12, 5)
    assert await trader.told() == [("C1", *NEW), ("C1", 1, 11, REMOVED)]
    trader.show(9, 5, 10, 1)
    assert await trader.told() == [("C1", 1, 11, ADDED)]
    trader.show(9, 5, None, None)
    trader.show(9, 5, 10, 1)
    assert await trader.told() == [("C1", 1, 11, ADDED)]


@pytest.mark.parametrize("tif", [IOC, GTC, DAY])
@pytest.mark.parametrize("px", [None, 11])
@virtual
async def test_of_what_must_be_immediate_the_remainder_is_cancelled(px: int | None, tif: TimeInForce) -> None:
    """An IOC, and whatever has no limit; others wait."""
    trader = Trader()
    trader.show(10, 5, 11, 2)
    name = trader.send(BUY, 5, px, tif)
    immediate = px is None or tif is IOC
    assert await trader.told(name) == [NEW, (2, 11, REMOVED)] + [CANCELED] * immediate
    trader.show(10, 5, 11, 9)
    assert await trader.told(name) == ([] if immediate else [(3, 11, REMOVED)])


@virtual
async def test_an_immediate_order_that_is_filled_is_not_cancelled() -> None:
    """To the last unit."""
    trader = Trader()
    trader.show(10, 5, 11, 2)
    name = trader.send(BUY, 2, 11, IOC)
    assert await trader.told(name) == [NEW, (2, 11, REMOVED)]


@virtual
async def test_a_better_price_comes_first_and_then_who_came_first() -> None:
    """Among makers, and among makers and takers."""
    trader = Trader()
    trader.show(10, 5, 20, 1)
    for px in (11, 13, 12, 13, 25, 25, 26):
        trader.send(BUY, 2, px)
    await trader.told()
    trader.show(5, 5, 10, 11)
    assert await trader.told() == [
        ("C7", 2, 10, REMOVED),
        ("C5", 1, 10, REMOVED),
        ("C6", 2, 10, REMOVED),
        ("C2", 2, 13, ADDED),
        ("C4", 2, 13, ADDED),
        ("C3", 2, 12, ADDED),
    ]
    trader.show(5, 5, 10, 3)
    assert await trader.told() == [("C1", 2, 11, ADDED)]


@virtual
async def test_a_seller_who_asks_less_comes_first() -> None:
    """Better is lower on that side."""
    trader = Trader()
    trader.show(10, 5, 20, 1)
    for px in (14, 12, 13, 12):
        trader.send(SELL, 2, px)
    await trader.told()
    trader.show(15, 5, 20, 1)
    assert await trader.told() == [("C2", 2, 12, ADDED), ("C4", 2, 12, ADDED), ("C3", 1, 13, ADDED)]


@virtual
async def test_an_order_keeps_its_place_after_a_partial_fill_and_gives_it_up_by_a_cancel() -> None:
    """Who came first is first until he goes."""
    trader = Trader()
    trader.show(10, 5, 20, 1)
    for _ in range(4):
        trader.send(BUY, 3, 15)
    trader.cancel("C2")
    await trader.told()
    trader.show(10, 5, 15, 1)
    trader.show(10, 5, 15, 4)
    assert await trader.told() == [("C1", 1, 15, ADDED), ("C1", 2, 15, ADDED), ("C3", 2, 15, ADDED)]


@virtual
async def test_symbols_do_not_know_each_other() -> None:
    """Neither their quotes nor what is left of them."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    trader.show(20, 5, 21, 5, "B")
    trader.send(BUY, 5, 11)
    trader.send(BUY, 5, 21, symbol="B")
    trader.send(BUY, 5, 99, symbol="C")
    assert await trader.told() == [
        ("C1", *NEW),
        ("C1", 5, 11, REMOVED),
        ("C2", *NEW),
        ("C2", 5, 21, REMOVED),
        ("C3", *NEW),
    ]


@pytest.mark.parametrize("tif", [GTC, DAY])
@virtual
async def test_an_order_stands_until_it_is_filled_or_cancelled(tif: TimeInForce) -> None:
    """Through any number of quotes and any time; trades that do not come to its price fill nobody."""
    trader = Trader()
    name = trader.send(BUY, 5, 10, tif)
    for px in range(11, 1000):
        trader.show(px - 1, 1, px, 1)
        trader.venue.on_trade(Trade("A", D(11), D(1000)))
    await asyncio.sleep(50)
    assert await trader.told(name) == [NEW]
    trader.show(9, 1, 10, 1)
    assert await trader.told(name) == [(1, 10, ADDED)]


@virtual
async def test_a_cancelled_order_trades_no_more() -> None:
    """The report names both requests; what is left of it is 0."""
    trader = Trader()
    trader.show(10, 5, 11, 2)
    name = trader.send(BUY, 5, 11)
    trader.cancel(name)
    trader.show(10, 5, 11, 9)
    await asyncio.sleep(0)
    *_, last = trader.reports
    assert (last.exec_type, last.ord_status) == (ExecType.CANCELED, OrdStatus.CANCELED)
    assert (last.cl_ord_id, last.orig_cl_ord_id, last.order_id) == ("XC1", "C1", "P-C1")
    assert (last.cum_qty, last.leaves_qty, last.order_qty) == (2, 0, 5)
    assert [short(r) for r in trader.reports] == [NEW, (2, 11, REMOVED), CANCELED]


@pytest.mark.parametrize(
    ("how", "status"), [("unknown", "REJECTED"), ("filled", "FILLED"), ("canceled", "CANCELED"), ("expired", "EXPIRED")]
)
@virtual
async def test_a_cancel_of_what_is_not_there_is_rejected(how: str, status: str) -> None:
    """Unknown, or too late, with the status that the order has."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    if how != "unknown":
        trader.send(BUY, 5, 11 if how == "filled" else 10)
    if how == "canceled":
        trader.cancel("C1")
    if how == "expired":
        trader.venue.expire()
    await trader.told()
    trader.cancel("C1")
    await asyncio.sleep(0)
    [report] = trader.reports
    assert short(report) == ("CXL_REJ", status)
    assert report.cxl_rej_reason == (1 if how == "unknown" else 0)
    assert (report.order_id, report.cl_ord_id, report.orig_cl_ord_id) == ("P-C1", "XC1", "C1")
    assert report.exec_type is None and report.text


@pytest.mark.parametrize("first", ["stands", "filled", "canceled", "expired", "rejected"])
@virtual
async def test_an_id_is_taken_once(first: str) -> None:
    """A second order of the same id is rejected and disturbs the first in nothing."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    tif = TimeInForce.OPG if first == "rejected" else GTC
    name = trader.send(BUY, 5, 11 if first == "filled" else 10, tif)
    if first == "canceled":
        trader.cancel(name)
    if first == "expired":
        trader.venue.expire()
    await trader.told()
    trader.show(10, 5, 11, 50)
    trader.send(BUY, 7, 12, name=name)
    await asyncio.sleep(0)
    [report] = trader.reports
    assert (report.exec_type, report.ord_status, report.ord_rej_reason) == (
        ExecType.REJECTED,
        OrdStatus.NEW if first == "stands" else OrdStatus[first.upper()],
        6,
    )
    assert report.order_qty == 5  # it tells of the one that it knows (S23)
    trader.reports.clear()
    trader.show(9, 5, 10, 50)
    assert await trader.told(name) == [(5, 10, ADDED)] * (first == "stands")


@pytest.mark.parametrize("tif", [tif for tif in TimeInForce if tif not in (GTC, DAY, IOC, FOK)])
@virtual
async def test_what_it_does_not_speak_is_rejected_and_trades_nothing(tif: TimeInForce) -> None:
    """It says which word it did not know."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    trader.send(BUY, 5, 11, tif)
    await asyncio.sleep(0)
    [report] = trader.reports
    assert short(report) == REJECTED and report.leaves_qty == 0 and tif.value in str(report.text)
    assert trader.venue.executed == {}


@virtual
async def test_at_the_end_of_a_session_all_that_wait_expire_and_nothing_is_displayed() -> None:
    """Takers and makers of every symbol; what comes after begins with an empty book."""
    trader = Trader()
    trader.show(10, 5, 11, 1)
    trader.send(BUY, 3, 11)
    trader.send(SELL, 3, 12, DAY)
    trader.send(BUY, 3, 5, symbol="B")
    await trader.told()
    trader.venue.expire()
    await asyncio.sleep(0)
    assert {(r.cl_ord_id, r.exec_type, r.ord_status, r.cum_qty, r.leaves_qty) for r in trader.reports} == {
        ("C1", ExecType.EXPIRED, OrdStatus.EXPIRED, 1, 0),
        ("C2", ExecType.EXPIRED, OrdStatus.EXPIRED, 0, 0),
        ("C3", ExecType.EXPIRED, OrdStatus.EXPIRED, 0, 0),
    }
    await trader.told()
    trader.send(BUY, 1, None)
    assert await trader.told() == [("C4", *NEW), ("C4", *CANCELED)]
    trader.venue.expire()
    trader.show(10, 5, 11, 1)
    trader.send(BUY, 3, 11)
    assert await trader.told() == [("C5", *NEW), ("C5", 1, 11, REMOVED)]


@virtual
async def test_fees_are_basis_points_of_the_notional_to_the_last_digit() -> None:
    """By liquidity, and a rebate is a fee below 0."""
    trader = Trader(maker_bps=D("-0.25"), taker_bps=D("7.5"))
    trader.show("10.01", 5, "11.03", "0.00000001")
    trader.send(BUY, "0.3", "11.03")
    trader.send(SELL, 1, "11.03")
    trader.show("12.5", 5, "12.6", 5)
    trader.show("9.99", 5, "11", 5)
    await asyncio.sleep(0)
    fees = [(r.cl_ord_id, r.last_px * r.last_qty, r.commission) for r in trader.reports if r.last_qty]
    assert fees == [
        ("C1", D("11.03E-8"), D("11.03E-8") * D("0.00075")),
        ("C2", D("11.03"), D("11.03") * D("-0.000025")),
        ("C1", D("11.03") * D("0.29999999"), D("11.03") * D("0.29999999") * D("-0.000025")),
    ]
    assert sum(account.fees for account in trader.venue.executed.values()) == sum(fee for *_, fee in fees)


@virtual
async def test_without_fees_the_commission_is_0() -> None:
    """It is known, so it is not None."""
    trader = Trader()
    trader.show(10, 5, 11, 5)
    trader.send(BUY, 1, 11)
    await asyncio.sleep(0)
    assert [r.commission for r in trader.reports if r.last_qty] == [0]


@virtual
async def test_reports_follow_on_the_loops_next_pass_and_never_from_within_send() -> None:
    """Nor from within the quote that caused them; they carry the time, and every execution its own id."""
    trader = Trader()
    trader.show(10, 5, 11, 1)
    for _ in range(3):
        trader.send(BUY, 1, 11)
    assert trader.reports == []
    await asyncio.sleep(0)
    before = len(trader.reports)
    assert before == 4
    await asyncio.sleep(1)
    now_ns = current_clock().now_ns()
    trader.show(10, 5, 11, 9)
    assert len(trader.reports) == before
    await asyncio.sleep(0)
    assert {(r.received_ns, r.transact_time) for r in trader.reports[before:]} == {(now_ns, utc(now_ns))}
    ids = [r.exec_id for r in trader.reports if r.exec_type is ExecType.TRADE]
    assert len(ids) == 3 and len(set(ids)) == 3 and None not in ids


@virtual
async def test_each_report_tells_all_of_its_order() -> None:
    """Quantities, average price, terms, and whose it is."""
    trader = Trader()
    trader.show(10, 5, 11, 1)
    trader.send(BUY, 4, 12, DAY)
    trader.show(10, 5, 12, 2)
    await asyncio.sleep(0)
    told = [(r.ord_status, r.order_qty, r.cum_qty, r.leaves_qty, r.last_qty) for r in trader.reports]
    assert told == [
        (OrdStatus.NEW, 4, 0, 4, 0),
        (OrdStatus.PARTIALLY_FILLED, 4, 1, 3, 1),
        (OrdStatus.PARTIALLY_FILLED, 4, 3, 1, 2),
    ]
    assert [r.avg_px for r in trader.reports[:2]] == [0, 11]
    assert abs(Fraction(trader.reports[2].avg_px or 0) - Fraction(35, 3)) < Fraction(1, 10**9)
    for r in trader.reports:
        assert (r.order_id, r.cl_ord_id, r.symbol, r.side) == ("P-C1", "C1", "A", BUY)
        assert (r.price, r.time_in_force, r.secondary_order_id) == (12, DAY, trader.reports[0].secondary_order_id)
    trader.show(10, 5, 12, 3)
    await asyncio.sleep(0)
    assert (trader.reports[-1].ord_status, trader.reports[-1].leaves_qty) == (OrdStatus.FILLED, 0)


@virtual
async def test_a_sink_may_send_while_it_is_told() -> None:
    """What follows from that comes later, in order, and nothing is lost."""
    trader = Trader()
    trader.show(10, 5, 11, 3)
    on_report = trader.on_report

    def sends_on(report: Report) -> None:
        on_report(report)
        if report.exec_type is ExecType.TRADE and trader.sent < 5:
            trader.send(BUY, 1, 11)

    trader.on_report = sends_on  # type: ignore[method-assign]
    trader.venue.connect(trader)
    trader.send(BUY, 1, 11)
    await asyncio.sleep(1)
    assert await trader.told() == [
        line for name in ("C1", "C2", "C3") for line in ((name, *NEW), (name, 1, 11, REMOVED))
    ] + [("C4", *NEW)]


@virtual
async def test_a_refusal_by_the_sink_is_logged_and_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """Such as of a dispatcher whose order has too many facts already, or of nobody at all."""
    trader = Trader()
    on_report = trader.on_report

    def refuses(report: Report) -> None:
        if report.cl_ord_id == "C1":
            raise NotRunning("report")
        on_report(report)

    trader.on_report = refuses  # type: ignore[method-assign]
    trader.venue.connect(trader)
    with caplog.at_level(logging.ERROR):
        trader.send(BUY, 1, 11)
        trader.send(BUY, 1, 11)
        assert await trader.told() == [("C2", *NEW)]
        assert "C1" in caplog.text
        lonely = Trader()
        lonely.venue = PaperVenue()
        lonely.send(BUY, 1, 11, name="unheard")
        await asyncio.sleep(0)
        assert "unheard" in caplog.text


# The rule once more, as plainly as it can be said: every order and every quantity is looked at every time.

prices = st.integers(9, 12).map(Decimal)
sizes = st.sampled_from([Decimal(n) for n in (1, 2, 3, 4, 5, 2, 3, 0)] + [None])
shown = st.one_of(st.tuples(prices, sizes), st.tuples(prices, sizes), st.tuples(prices, sizes), st.just((None, None)))
quotes = st.tuples(st.just("quote"), shown, shown)
orders = st.tuples(
    st.just("send"),
    st.sampled_from([BUY, SELL]),
    st.integers(1, 6).map(Decimal),
    st.sampled_from([*map(Decimal, (9, 10, 11, 12) * 2), None]),
    st.sampled_from([GTC, GTC, GTC, DAY, IOC, FOK]),
)
others = st.one_of(
    st.tuples(st.just("cancel"), st.integers(1, 12)),
    st.just(("again",)),
    st.tuples(st.just("half"), st.sampled_from([BUY, SELL]), shown),
    st.just(("settle",)),
)
begins = st.tuples(quotes, orders, orders, orders, quotes).map(list)
scripts = st.tuples(
    begins, st.lists(st.one_of(quotes, orders, orders, others, others), max_size=30), st.booleans(), begins
).map(lambda parts: [*parts[0], *parts[1], *[("expire",)] * parts[2], *parts[3]])


class Plain:
    """A model of the rule, in which `left` is what is displayed on each side and not taken yet."""

    def __init__(self, maker: Fraction, taker: Fraction) -> None:
        self.bps = {ADDED: maker, REMOVED: taker}
        self.orders: list[dict[str, Any]] = []
        self.display: dict[Side, Any] = {BUY: None, SELL: None}
        self.left: dict[Side, Fraction] = {BUY: Fraction(0), SELL: Fraction(0)}
        self.log: list[tuple[Any, ...]] = []

    def reaches(self, order: dict[str, Any]) -> bool:
        px = self.display[order["side"]] and self.display[order["side"]][0]
        if px is None:
            return False
        return order["px"] is None or (px <= order["px"] if order["side"] is BUY else px >= order["px"])

    def quote(self, bid: Any, ask: Any) -> None:
        for side, displayed in ((BUY, ask), (SELL, bid)):
            if displayed != self.display[side]:
                self.display[side] = displayed
                self.left[side] = Fraction(displayed[1] or 0)
        for side in (BUY, SELL):
            waiting = [o for o in self.orders if o["side"] is side and not o["end"]]
            for order in waiting:
                order["rests"] |= not self.reaches(order)
            waiting.sort(key=lambda o: (o["px"] if side is SELL else -o["px"], o["number"]))
            for order in waiting:
                self.fill(order)

    def fill(self, order: dict[str, Any]) -> None:
        side = order["side"]
        qty = min(self.left[side], order["leaves"]) if self.reaches(order) else Fraction(0)
        if qty == 0:
            return
        self.left[side] -= qty
        order["leaves"] -= qty
        liquidity = ADDED if order["rests"] else REMOVED
        px = order["px"] if order["rests"] else Fraction(self.display[side][0])
        fee = abs(px * qty) * self.bps[liquidity] / 10_000
        self.log.append((order["name"], qty, px, liquidity, fee))
        if order["leaves"] == 0:
            order["end"] = "FILLED"

    def send(self, name: str, side: Side, qty: Decimal, px: Decimal | None, tif: TimeInForce) -> None:
        order = {"name": name, "number": len(self.orders), "side": side, "leaves": Fraction(qty), "end": ""}
        order |= {"px": None if px is None else Fraction(px), "rests": False}
        self.orders.append(order)
        self.log.append((name, "NEW"))
        if tif is not FOK or self.left[side] >= order["leaves"]:
            self.fill(order)
        if not order["end"]:
            if tif in (IOC, FOK) or px is None:
                self.end(order, "CANCELED")
            order["rests"] = not self.reaches(order)

    def end(self, order: dict[str, Any], how: str) -> None:
        order["end"] = how
        self.log.append((order["name"], how))

    def cancel(self, name: str) -> None:
        [order] = [o for o in self.orders if o["name"] == name] or [None]
        if order is None or order["end"]:
            self.log.append((name, "CXL_REJ", order["end"] if order else "REJECTED"))
        else:
            self.end(order, "CANCELED")

    def expire(self) -> None:
        for order in self.orders:
            if not order["end"]:
                self.end(order, "EXPIRED")
        self.display = {BUY: None, SELL: None}
        self.left = {BUY: Fraction(0), SELL: Fraction(0)}


def line(report: Report) -> tuple[Any, ...]:
    """A report as the model writes it."""
    name = report.orig_cl_ord_id or report.cl_ord_id
    if report.exec_type is not ExecType.TRADE:
        return name, *short(report)
    qty, px, commission = map(Fraction, (report.last_qty, report.last_px, report.commission or 0))
    return name, qty, px, report.last_liquidity_ind, commission


def by_side(log: list[tuple[Any, ...]], of: dict[str, Side]) -> tuple[Any, ...]:
    """Every line of each order in order, and the executions of each side in order: between sides nothing is said."""
    orders: dict[Any, list[Any]] = {}
    for each in log:
        orders.setdefault(each[0], []).append(each)
    trades = {side: [each for each in log if len(each) == 5 and of[each[0]] is side] for side in Side}
    return orders, trades


@settings(max_examples=250)
@given(scripts)
def test_it_does_what_a_plain_model_of_its_rule_does(script: list[tuple[Any, ...]]) -> None:
    """Every order is told the same, the executions of a side come in the same order, the accounts agree."""
    plain = Plain(Fraction(-1, 2), Fraction(5))

    async def program() -> Trader:
        trader = Trader(maker_bps=D("-0.5"), taker_bps=D(5))
        bid: Any = (None, None)
        ask: Any = (None, None)
        for what, *terms in script:
            if what in ("quote", "again", "half"):
                if what == "quote":
                    bid, ask = terms
                elif what == "half":
                    bid, ask = (terms[1], ask) if terms[0] is BUY else (bid, terms[1])
                trader.show(*bid, *ask)
                plain.quote(bid, ask)
            elif what == "send":
                plain.send(trader.send(*terms), *terms)
            elif what == "cancel":
                trader.cancel(f"C{terms[0]}")
                plain.cancel(f"C{terms[0]}")
            elif what == "expire":
                trader.venue.expire()
                plain.expire()
            else:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        return trader

    trader = exo.run_virtually(program(), until_s=60)
    assert trader is not None
    sides = {order["name"]: order["side"] for order in plain.orders}
    assert by_side([line(report) for report in trader.reports], sides) == by_side(plain.log, sides)
    for side in Side:
        trades = [each for each in plain.log if len(each) == 5 and sides[each[0]] is side]
        account = trader.venue.executed.get(("A", side))
        if account is None:
            assert not trades
        else:
            sums = [sum(t[1] for t in trades), sum(t[1] * t[2] for t in trades), sum(t[4] for t in trades)]
            assert [Fraction(n) for n in (account.qty, account.notional, account.fees)] == sums
            assert account.executions == len(trades)


@virtual
async def test_what_it_executed_is_the_sum_of_its_reports() -> None:
    """By symbol and side."""
    trader = Trader(taker_bps=D(3))
    trader.show(10, 50, 11, 50)
    trader.show(7, 50, 8, 50, "B")
    for qty in range(1, 9):
        trader.send(BUY if qty % 2 else SELL, qty, None, symbol="AB"[qty % 3 == 0])
    await asyncio.sleep(0)
    sums: dict[Any, list[Any]] = {}
    for r in trader.reports:
        if r.exec_type is ExecType.TRADE:
            own = sums.setdefault((r.symbol, r.side), [0, 0, 0, 0])
            for i, more in enumerate((1, r.last_qty, r.last_qty * r.last_px, r.commission)):
                own[i] += more
    executed = {key: [a.executions, a.qty, a.notional, a.fees] for key, a in trader.venue.executed.items()}
    assert executed == sums and len(sums) == 4
