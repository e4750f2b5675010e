"""What an outsider has broken once: child orders, the risk gate, the outbox and positions (C17, C20, C21)."""

from __future__ import annotations

from itertools import count
from typing import Any

from exo.dma import Intent, Outbox, Parent, Replace, RiskGate, RiskLimits, Rule, Weights
from exo.dma.capabilities import Capabilities
from exo.dma.ids import Ids
from exo.dma.risk import Market
from exo.flow import Window
from exo.mkt import Book, ExecType, OrdStatus, Report, Side
from exo.mkt.position import Position
from tests.dma.test_children import D, Wanted, fill, told
from tests.dma.test_outbox import cancel, new
from tests.dma.test_risk import QUOTE, Desk

S = 1_000_000_000


def parent() -> Parent:
    numbers = count(1)
    return Parent("P", lambda of: f"{of}-{next(numbers)}")


def of(order_qty: object) -> Wanted:
    return Wanted(side=Side.BUY, symbol="A", order_id="P", order_qty=D(str(order_qty)))


def test_c21_a_replace_after_the_venue_has_reduced_a_child_does_not_open_more_than_is_left() -> None:
    """Its total counts what was taken away; once it is accepted, by our own sums more is open than the order has."""
    order, p = of(100), parent()
    p.work(order, Intent(price=D(10)), Replace.TOTAL)
    p.apply(told(ExecType.NEW))
    p.apply(told(ExecType.RESTATED, cum_qty=D(0), leaves_qty=D(50)))
    assert p.work(order, Intent(price=D(11)), Replace.TOTAL) is not None
    p.apply(told(ExecType.REPLACED, cl_ord_id="P-2", orig_cl_ord_id="P-1"))
    assert p.cum_qty + p.open_qty <= order.order_qty


def test_c21_a_repeated_reduction_does_not_end_a_child_that_was_replaced_since() -> None:
    """The old RESTATED says what was left of the old total: the new one is live, and in full."""
    order, p = of(200), parent()
    p.work(order, Intent(price=D(10), order_qty=D(100)), Replace.TOTAL)
    p.apply(told(ExecType.NEW))
    reduction = told(ExecType.RESTATED, cum_qty=D(0), leaves_qty=D(50))
    p.apply(reduction)
    p.work(order, Intent(price=D(10), order_qty=D(150)), Replace.TOTAL)
    p.apply(told(ExecType.REPLACED, cl_ord_id="P-2", orig_cl_ord_id="P-1"))
    before = p.open_qty
    p.apply(reduction)
    assert p.open_qty == before


def test_c21_a_lost_execution_after_a_bust_is_a_hole_and_not_executed_once_more() -> None:
    """60 filled and busted, 50 filled and lost, cancelled with CumQty 50: the next child is for 50, not for 100."""
    order, p = of(100), parent()
    p.work(order, Intent(price=D(10)), Replace.TOTAL)
    p.apply(told(ExecType.NEW))
    p.apply(fill(60, "E1", 10, cum_qty=D(60), leaves_qty=D(40)))
    p.apply(told(ExecType.TRADE_CANCEL, exec_id="E2", exec_ref_id="E1", cum_qty=D(0), leaves_qty=D(100)))
    p.apply(told(ExecType.CANCELED, ord_status=OrdStatus.CANCELED, cum_qty=D(50), leaves_qty=D(0)))
    assert p.cum_qty == 50
    request: Any = p.work(order, Intent(price=D(10)), Replace.TOTAL)
    assert request.order_qty == 50


def test_c20_a_replace_at_a_price_that_makes_the_notional_larger_is_refused() -> None:
    """10 at 100 are within 2000; the same 10 moved to 1000 are not."""
    desk = Desk(RiskGate(RiskLimits(max_open_notional=D(2000))))
    assert desk.work(10, 100) is None
    desk.parent("P").apply(told(ExecType.NEW, cl_ord_id="P-1"))
    refused = desk.work(10, 1000)
    assert refused is not None and refused.rule is Rule.OPEN_NOTIONAL


def test_c20_a_market_order_without_a_price_to_value_it_at_is_refused_where_notional_is_limited() -> None:
    """It is not worth 0: without a quote nobody knows how much it opens."""
    gate = RiskGate(RiskLimits(max_open_notional=D(2000)))
    numbers = count(1)
    p = Parent("P", lambda of: f"{of}-{next(numbers)}", gate.note)
    request: Any = p.work(of(1_000_000), Intent(price=None), Replace.TOTAL)
    child = p.find(request.cl_ord_id)
    assert child is not None
    refused = gate.judge(request, child, Market(None, None), 0)
    assert refused is not None and refused.rule is Rule.NO_PRICE


def test_c20_a_seller_far_below_the_market_is_counted_at_what_it_would_trade_at() -> None:
    """1000 offered at 0.01 into a bid of 99 are worth 99000, and not 10."""
    desk = Desk(RiskGate(RiskLimits(max_notional=D(2000), max_open_notional=D(2000))))
    assert QUOTE.bid_px == 99
    assert desk.work(1000, "0.01", Side.SELL) is not None


def test_c20_a_heavy_cancel_is_not_starved_by_light_news() -> None:
    """It needs more room than the reserve: news must not take again and again what it waits for."""
    weights = Weights(new=(1,), replace=(1,), cancel=(5,))
    box = Outbox(Capabilities(windows=(Window(10, 1),), weights=weights))
    now_ns, number = 0, 0
    for _ in range(8):  # room is taken one by one, so that it is freed one by one
        number += 1
        box.put(new(1, number), now_ns, str(number))
        assert box.next(now_ns) is not None
        now_ns += S // 8
    box.put(cancel(2), now_ns)
    left = []
    for _ in range(80):
        number += 1
        box.put(new(1, number), now_ns, str(number))
        while (next_ := box.next(now_ns)) is not None:
            left.append(next_)
        now_ns += S // 8
    assert cancel(2) in left


def test_c17_a_run_that_begins_within_a_tenth_of_a_second_of_another_gives_no_name_again() -> None:
    """Nor one that begins while the clock has been set back."""
    assert Ids("x", 1_000_000_000_000).give("P") != Ids("x", 1_000_000_000_000 + S // 20).give("P")


def test_a_fee_in_the_base_asset_is_a_cost() -> None:
    """Buy 1 at 100 less 0.001 as fee, sell 0.999 at 100: the cash is 0.1 less, and so is the profit."""
    flat = Position(symbol="A", base="BTC").traded(Side.BUY, D(1), D(100), D("0.001"), "BTC")
    flat = flat.traded(Side.SELL, D("0.999"), D(100))
    assert flat.quantity == 0
    assert flat.realised - flat.fees == D("-0.1")


def executed(kind: ExecType, **more: Any) -> Report:
    return told(kind, symbol="A", side=Side.BUY, **more)


def test_a_book_takes_a_bust_back() -> None:
    """An execution that was busted is not held."""
    book = Book()
    book.on_report(executed(ExecType.TRADE, exec_id="E1", last_qty=D(10), last_px=D(100)))
    book.on_report(executed(ExecType.TRADE_CANCEL, exec_id="E2", exec_ref_id="E1", last_qty=D(10), last_px=D(100)))
    position = book.get("A")
    assert position is not None and position.quantity == 0


def test_a_book_counts_an_execution_that_is_told_twice_once() -> None:
    """One execution per ExecID, as everywhere."""
    book = Book()
    for _ in range(2):
        book.on_report(executed(ExecType.TRADE, exec_id="E1", last_qty=D(10), last_px=D(100)))
    position = book.get("A")
    assert position is not None and position.quantity == 10
