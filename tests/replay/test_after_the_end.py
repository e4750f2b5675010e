"""What the market prints after an order has ended is not the order's."""

from __future__ import annotations

from decimal import Decimal

import exo
from exo.delegates import SweepOrder
from exo.replay import Plan, Script, replay
from exo.replay.course import Course


def quote(at, bid="99", ask="101", size="5"):
    return exo.Quote("A", Decimal(bid), Decimal(size), Decimal(ask), Decimal(size), received_ns=at)


def test_trades_after_an_order_has_ended_are_not_of_its_time(tmp_path):
    """Its market volume and VWAP end with it, though no other order arrives after it."""
    file = tmp_path / "orders.json"
    file.write_text('{"side": "BUY", "symbol": "A", "orderQty": "5"}')
    ticks = [quote(0), exo.Trade("A", Decimal(101), Decimal(5), received_ns=10)]
    [line] = replay(ticks, Plan(orders=Script(file, SweepOrder))).lines
    assert line.ended_ns == 0
    assert (line.market_volume, line.vwap, line.participation) == (0, None, None)


def test_what_passed_since_an_arrival_does_not_change_afterwards():
    """Else it is not since then."""
    course = Course(1)
    passed = course.since(course.arrive())
    course.on_trade(exo.Trade("A", Decimal(1), Decimal(1), received_ns=1))
    assert passed.volume == 0
