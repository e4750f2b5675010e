"""What outsiders have broken at the paper venue."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from exo.dma import NewOrder, Replace, ReplaceOrder
from exo.flow.delays import Delay
from exo.mkt import ExecInst, ExecType, MsgType, Quote, TimeInForce
from exo.venue import Queue
from tests.venue.test_paper_queue import BUY, MS, SELL, Trader, run

D = Decimal


def replaced(trader: Trader, orig: str, qty: object, px: object, name: str = "R", **more: Any) -> None:
    ids = {"order_id": "P", "cl_ord_id": name, "orig_cl_ord_id": orig, "side": BUY, "symbol": "A"}
    trader.venue.send(ReplaceOrder(**(ids | {"order_qty": D(str(qty)), "price": D(str(px))} | more)))


@pytest.mark.parametrize("prints", [[20], [10, 10], [5, 5, 5, 5]])
def test_a_volume_fills_the_same_however_many_prints_it_comes_in(prints: list[int]) -> None:
    """Ten of ours, ten of others behind them, then ten of ours: after twenty have traded it is our first."""

    async def program() -> Any:
        trader = Trader(queue=Queue.CONSERVATIVE)
        trader.show(100, None)
        trader.venue.on_quote(Quote("A", D(99), D(1), D(200), D(9)))
        trader.send(10, 100)
        trader.show(100, 10)
        trader.send(10, 100)
        await trader.fills()
        for each in prints:
            trader.trade(100, each)
        return await trader.fills()

    got: dict[Any, Decimal] = {}
    for name, qty, _ in run(program):
        got[name] = got.get(name, D(0)) + qty
    assert got == {"C1": 10}


def test_a_post_only_order_that_the_next_day_finds_crossed_never_takes() -> None:
    """Overnight the offer has come below its price: what is post-only adds liquidity or goes."""

    async def program() -> Any:
        trader = Trader(taker_bps=D(10))
        trader.show(99, 5, 101, 5)
        trader.send(10, 100, exec_inst=ExecInst.POST_ONLY)
        trader.venue.end_day()
        trader.show(94, 5, 95, 5)
        trader.venue.start_day()
        trader.show(95, 5, 96, 20)
        await asyncio.sleep(0)
        return [r for r in trader.reports if r.exec_type is ExecType.TRADE]

    trades = run(program)
    assert [(r.last_liquidity_ind.name, r.last_px) for r in trades if r.last_liquidity_ind.name == "REMOVED"] == []


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_must_be_immediate_never_rests_also_after_a_bust_at_a_broker(tif: TimeInForce) -> None:
    """The busted quantity of an immediate order ends; it is not put on the book, to be filled minutes later in part."""

    async def program() -> Any:
        trader = Trader(broker=True)
        trader.show(99, 5, 101, 10)
        trader.send(10, 101, time_in_force=tif)
        await asyncio.sleep(0)
        [execution] = [r for r in trader.reports if r.exec_type is ExecType.TRADE]
        trader.venue.bust(execution.exec_id)
        await trader.fills()
        trader.show(98, 5, 100, 4)
        return await trader.fills(), [r.cl_ord_id for r in await trader.venue.open_orders()]

    assert run(program) == ([], [])


def test_a_market_order_is_not_open_after_a_bust_at_a_broker() -> None:
    """Of a market order what is not filled at once is cancelled: it cannot wait, so it cannot be open for ever."""

    async def program() -> Any:
        trader = Trader(broker=True)
        trader.show(99, 5, 101, 10)
        ids = {"order_id": "P", "cl_ord_id": "M", "side": BUY, "symbol": "A"}
        trader.venue.send(NewOrder(**ids, order_qty=D(10), price=None))
        await asyncio.sleep(0)
        [execution] = [r for r in trader.reports if r.exec_type is ExecType.TRADE]
        trader.venue.bust(execution.exec_id)
        await asyncio.sleep(0)
        return [(r.cl_ord_id, r.leaves_qty) for r in await trader.venue.open_orders()]

    assert run(program) == []


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
def test_a_replace_that_makes_an_order_immediate_leaves_nothing_resting(tif: TimeInForce) -> None:
    """Same price, same quantity: it kept its place, and its new time in force was forgotten."""

    async def program() -> Any:
        trader = Trader()
        trader.show(99, 5, 101, 10)
        name = trader.send(10, 100)
        replaced(trader, name, 10, 100, time_in_force=tif)
        await asyncio.sleep(0)
        return [(r.cl_ord_id, r.time_in_force) for r in await trader.venue.open_orders()]

    assert run(program) == []


def test_a_replace_to_a_time_in_force_that_it_does_not_speak_is_refused() -> None:
    """A new order with it is rejected, so a replace is too."""

    async def program() -> Any:
        trader = Trader()
        trader.show(99, 5, 101, 10)
        name = trader.send(10, 100)
        replaced(trader, name, 10, 98, time_in_force=TimeInForce.GTD)
        await asyncio.sleep(0)
        return trader.reports[-1].msg_type

    assert run(program) is MsgType.CXL_REJ


@pytest.mark.parametrize("wrong", [{"side": SELL}, {"symbol": "B"}])
@pytest.mark.parametrize("px", [100, 98])
def test_c01_a_replace_that_names_another_side_or_symbol_is_refused_and_harms_nobody(
    wrong: dict[str, Any], px: int
) -> None:
    """As a cancel that does: side and symbol of an order never change."""

    async def program() -> Any:
        trader = Trader()
        trader.show(99, 5, 101, 10)
        trader.venue.on_quote(Quote("B", D(99), D(1), D(200), D(9)))
        name = trader.send(10, 100)
        replaced(trader, name, 10, px, **wrong)
        await asyncio.sleep(0)
        [standing] = await trader.venue.open_orders()
        return trader.reports[-1].msg_type, standing.side, standing.symbol

    assert run(program) == (MsgType.CXL_REJ, BUY, "A")


def test_a_replace_under_the_name_of_another_open_order_is_refused() -> None:
    """Names are unique among open orders: else a cancel of the other one hits this one."""

    async def program() -> Any:
        trader = Trader()
        trader.show(99, 5, 101, 10)
        first, second = trader.send(10, 100), trader.send(10, 98)
        replaced(trader, first, 10, 97, name=second)
        await asyncio.sleep(0)
        trader.cancel(second)
        await asyncio.sleep(0)
        return [(r.cl_ord_id, r.price) for r in await trader.venue.open_orders()]

    assert run(program) == [("C1", 100)]


def test_what_was_taken_off_the_book_does_not_come_back_at_its_old_place() -> None:
    """A replace to the same total after a reduction shows more than before: more goes to the back."""

    async def program() -> Any:
        trader = Trader()
        trader.show(99, 5, 101, 10)
        first = trader.send(10, 100)
        trader.venue.reduce(first, D(8))
        trader.send(10, 100)
        replaced(trader, first, 10, 100)
        await trader.fills()
        trader.trade(100, 10)
        return await trader.fills()

    assert {name: qty for name, qty, _ in run(program)}.get("C2", D(0)) >= 8


def test_c11_the_names_of_an_order_replaced_often_are_forgotten_with_it() -> None:
    """After ten thousand later orders nothing is left of it."""

    async def program() -> Any:
        trader = Trader()
        trader.show(99, 5, 101, 10)
        name = trader.send(10, 50)
        for at in range(1000):
            replaced(trader, name, 10, 51 + at % 2, name=f"r{at}")
            name = f"r{at}"
        trader.cancel(name)
        for at in range(10_001):
            trader.send(1, 300, name=f"late{at}", exec_inst=ExecInst.POST_ONLY)
        await asyncio.sleep(0)
        return sum(key.startswith("r") for key in trader.venue._orders.named)

    assert run(program) == 0


def test_both_halves_of_a_cancel_and_new_are_answered_when_the_old_order_has_ended() -> None:
    """The cancel is rejected, and so is the new order: nobody need doubt it at a venue that loses nothing."""

    async def program() -> Any:
        trader = Trader(replace=Replace.CANCEL_NEW, request_latency=Delay(MS, MS))
        trader.show(99, 5, 101, 10)
        name = trader.send(10, 100)
        await asyncio.sleep(0.01)
        replaced(trader, name, 10, 99)
        trader.venue.cancel_unasked(name)
        await asyncio.sleep(0.01)
        return [(r.msg_type.name, r.ord_status.name) for r in trader.reports if r.cl_ord_id == "R"]

    assert ("REPORT", "REJECTED") in run(program)


def test_both_halves_of_a_pending_cancel_and_new_are_answered_when_the_order_ends() -> None:
    """The same where it is pending while the order is cancelled."""

    async def program() -> Any:
        trader = Trader(replace=Replace.CANCEL_NEW, decide=Delay(5 * MS, 5 * MS))
        trader.show(99, 5, 101, 10)
        name = trader.send(10, 100)
        await asyncio.sleep(0.01)
        replaced(trader, name, 10, 99)
        await asyncio.sleep(0.001)
        trader.venue.cancel_unasked(name)
        await asyncio.sleep(0.02)
        return [(r.msg_type.name, r.ord_status.name) for r in trader.reports if r.cl_ord_id == "R"]

    assert ("REPORT", "REJECTED") in run(program)


def test_a_stranger_does_not_take_what_was_there_before_an_order_that_the_day_has_woken() -> None:
    """Who stood first and reaches the other side takes what is displayed there first."""

    async def program() -> Any:
        trader = Trader()
        trader.show(99, 5, 101, 5)
        trader.send(5, 100)
        trader.venue.end_day()
        trader.show(94, 5, 95, 5)
        trader.venue.start_day()
        trader.send(5, 100)
        return await trader.fills()

    assert [name for name, _, _ in run(program)] == ["C1"]


def test_c19_a_fee_of_more_than_sixty_places_does_not_lose_the_execution() -> None:
    """What it cannot write into a report has been executed all the same, and must be told."""

    async def program() -> Any:
        trader = Trader(taker_bps=D(1))
        px, qty = "1.0000000000000000000000000000000001", "1.0000000000000000000000000001"
        trader.show(1, 1, px, 99)
        trader.send(qty, px)
        return len(await trader.fills()), trader.venue.executed["A", BUY].executions

    assert run(program) == (1, 1)
