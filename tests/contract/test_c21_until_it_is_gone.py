"""C7, C9, C19, C21: what must not stand at the venue is cancelled until it is gone, and nothing else is sent."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

import pytest

import exo
from contract.helpers import D, Made, buy, settled, virtual
from contract.venues import Wire
from exo.dma import CancelOrder
from exo.errors import InvalidValue
from exo.mkt import ExecType, OrdStatus
from exo.run import End


def works(me: Any, update: Any) -> Any:
    me.desk.work(price=D(10))


def works_and_fails(me: Any, update: Any) -> Any:
    me.desk.work(price=D(10))
    raise ValueError("boom")


@virtual
async def test_c07_the_child_of_a_failed_order_is_cancelled_again_when_the_cancel_overtook_the_new() -> None:
    """S30: the venue did not know it yet, then accepts it; nobody else will ever cancel it."""
    wire = Wire()
    async with exo.Dispatcher(Made(works_and_fails), wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        assert len(wire.cancels) == 1
        wire.lose()
        wire.accept()
        await asyncio.sleep(10)
        assert len(wire.cancels) == 2


@virtual
async def test_c09_the_shutdown_cancels_again_when_the_cancel_overtook_the_new() -> None:
    """The same at the shutdown: the child is known to stand and the deadline has not passed."""
    wire = Wire()
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(Made(works), wire, exit_s=5) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        loop.call_later(0.5, wire.lose)
        loop.call_later(1, wire.accept)
    assert len(wire.cancels) == 2


@virtual
async def test_c21_terms_exceeded_after_the_cancel_was_lost_are_cancelled_again() -> None:
    """S30 for the cancel that lower terms asked for: the child stands beyond the quantity until the delegate acts."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        made[0].desk.work(price=D(10))
        d.replace(buy(order_id=x, order_qty=D(4)))
        wire.lose()
        wire.accept()
        await settled()
        assert len(wire.cancels) == 2


@virtual
async def test_c21_a_late_execution_that_makes_the_live_child_too_large_cancels_it() -> None:
    """Filled 4 + working 10 of 10; the delegate does nothing about it, and the next tick fills 14 of 10."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        wire.accept()
        wire.end(child=0)
        desk.work(price=D(11))
        wire.accept()
        wire.fill(4, child=0)
        await settled()
        assert [c.orig_cl_ord_id for c in wire.cancels] == [wire.news[1].cl_ord_id]


@virtual
async def test_c21_a_quantity_that_the_end_says_is_executed_is_not_free_to_work() -> None:
    """The end says CumQty 4 and the execution is still on its way: 4 are not left, whether it has come or not."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        wire.tell(ExecType.CANCELED, cum_qty=D(4), leaves_qty=D(0), ord_status=OrdStatus.CANCELED)
        request = desk.work(price=D(10))
        assert request is None or request.order_qty <= 6
        wire.fill(4, child=0)
        child = desk.working
        assert desk.cum_qty + (child.leaves_qty if child else 0) <= 10


@pytest.mark.parametrize("raiser", ["cancel", "replace", "fail"])
@virtual
async def test_c20_a_cancel_that_could_not_be_sent_can_be_sent_again(raiser: str) -> None:
    """The venue raised: nobody knows whether it left, so asking again must be possible, also at the shutdown."""

    def fails(request: Any) -> None:
        if isinstance(request, CancelOrder) and tried.append(request) is None and len(tried) == 1:
            raise OSError("the line is down")

    tried: list[Any] = []
    wire = Wire(fails)
    made = Made(lambda me, update: works_and_fails(me, update) if raiser == "fail" else works(me, update))
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        await settled()
        if raiser == "cancel":
            made[0].desk.cancel()
            made[0].desk.cancel()
            assert len(wire.cancels) == 1
        elif raiser == "replace":
            with contextlib.suppress(OSError):
                d.replace(buy(order_id=x, order_qty=D(4)))
    assert len(wire.cancels) == 1


@virtual
async def test_c21_a_replace_that_was_recorded_does_not_raise_what_the_venue_raised() -> None:
    """The owner is told that it failed, and the delegate that it holds."""

    def fails(request: Any) -> None:
        if isinstance(request, CancelOrder):
            raise OSError("the line is down")

    wire = Wire(fails)
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        made[0].desk.work(price=D(10))
        error = None
        try:
            d.replace(buy(order_id=x, order_qty=D(4)))
        except OSError as raised:
            error = raised
        await settled()
        taken = made[0].desk.order.order_qty == 4
        wire.fails = None
        wire.end()
        assert taken == (error is None)


@virtual
async def test_c09_a_venue_that_raises_at_one_cancel_is_still_sent_the_others() -> None:
    """One bad line must not leave every other child at work, whatever becomes of its error."""

    def fails(request: Any) -> None:
        if isinstance(request, CancelOrder) and request.symbol == "A":
            raise OSError("the line is down")

    wire = Wire(fails)
    with contextlib.suppress(OSError):
        async with exo.Dispatcher(Made(works), wire, exit_s=1) as d:
            for symbol in "ABC":
                d.submit(buy(symbol=symbol, order_qty=D(10)))
            await settled()
    assert [c.symbol for c in wire.cancels] == ["B", "C"]


@virtual
async def test_c09_the_error_of_a_venue_does_not_leave_the_block() -> None:
    """The shutdown reports it (log) and goes on."""

    def fails(request: Any) -> None:
        if isinstance(request, CancelOrder):
            raise OSError("the line is down")

    wire = Wire(fails)
    async with exo.Dispatcher(Made(works), wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()


@virtual
async def test_c09_nothing_is_sent_any_more_once_the_children_are_withdrawn() -> None:
    """A call that outlives its cancel works its order while another's child is waited for: nobody cancels that one.

    A blocking act that is too late has the same window.
    """
    wire = Wire()
    loop = asyncio.get_running_loop()

    async def act(me: Any, update: Any) -> None:
        if me is made[0]:
            me.desk.work(price=D(10))
            return
        for _ in range(100):  # swallows every cancel
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.5)
            if len(wire.cancels) == 1 and len(wire.news) == 1:
                me.desk.work(price=D(11))

    made = Made(act)
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        for _ in range(2):
            d.submit(buy(order_qty=D(10)))
        await settled()
        loop.call_later(2.9, lambda: wire.end(child=0))
    sent = len(wire.news), len(wire.cancels)
    await asyncio.sleep(100)
    assert sent in {(1, 1), (2, 2)}


@pytest.mark.parametrize(
    "bad",
    [
        {"order_qty": 50.5},
        {"order_qty": D("Infinity")},
        {"order_qty": D("NaN")},
        {"order_qty": "3"},
        {"order_qty": D(-1)},
    ],
    ids=str,
)
@virtual
async def test_c19_a_quantity_that_cannot_be_is_refused_at_the_desk(bad: dict[str, Any]) -> None:
    """Cut to what is left, compared or ignored, it never reached the check."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        try:
            with pytest.raises(InvalidValue):
                made[0].desk.work(price=D(10), **bad)
        finally:
            for i, _ in enumerate(wire.news):
                wire.end(child=i)


@pytest.mark.parametrize(
    "bad", [{"price": 9.5}, {"price": D("NaN")}, {"time_in_force": "GTC"}, {"order_qty": 0.5}], ids=str
)
@virtual
async def test_c19_a_term_that_cannot_be_is_refused_also_while_a_child_stands(bad: dict[str, Any]) -> None:
    """It cancels a good child instead, and the error comes a round trip later."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        made[0].desk.work(price=D(10))
        try:
            with pytest.raises(InvalidValue):
                made[0].desk.work(**({"price": D(10)} | bad))
            assert wire.cancels == []
        finally:
            wire.end()


class OptionalQty(exo.Order):
    order_qty: Decimal | None = None


@virtual
async def test_c21_a_desk_shows_an_order_whose_quantity_is_none() -> None:
    """An order may have the field and not fill it; Parent takes it for one without a quantity, the Desk raises."""
    made = Made()
    async with exo.Dispatcher(made, Wire()) as d:
        d.submit(OptionalQty(side=exo.Side.BUY, symbol="A"))
        await settled()
        assert made[0].desk.leaves_qty == 0
        assert isinstance(made[0].desk.finished, bool)


@virtual
async def test_c21_an_order_without_a_quantity_is_not_finished_before_it_began() -> None:
    """`finished`: cancelled or all executed; of an order that bounds nothing neither is so."""
    made = Made(lambda me, update: exo.DONE if me.desk.finished else None)
    async with exo.Dispatcher(made, Wire()) as d:
        x = d.submit(exo.Order(side=exo.Side.BUY, symbol="A")).order_id
        await settled()
        assert d.outcome(x) is None


@virtual
async def test_c21_an_order_that_is_not_admitted_leaves_no_child() -> None:
    """A factory that works its order and then raises: a live child whose order does not exist."""
    wire = Wire()

    def factory(desk: Any) -> Any:
        desk.work(price=D(10))
        raise ValueError("boom")

    async with exo.Dispatcher(factory, wire, exit_s=1) as d:
        with pytest.raises(exo.errors.FactoryFailed):
            d.submit(buy(order_qty=D(10)))
        await settled()
        assert len(wire.news) == len(wire.cancels)


@virtual
async def test_c09_a_second_signal_while_calls_run_still_sends_the_cancels() -> None:
    """`withdraw` is behind the wait for running calls, so a second Ctrl-C leaves idle orders' children at work."""
    wire = Wire()

    async def act(me: Any, update: Any) -> None:
        if me is made[0]:
            me.desk.work(price=D(10))
        else:
            await asyncio.sleep(1000)

    made = Made(act)

    async def program() -> None:
        async with exo.Dispatcher(made, wire, exit_s=900) as d:
            for _ in range(2):
                d.submit(buy(order_qty=D(10)))
            await asyncio.sleep(1e6)

    task = asyncio.create_task(program())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(wire.cancels) == 1


@virtual
async def test_c21_a_child_is_cancelled_when_a_failing_delegate_left_one_and_the_venue_raised_then_recovered() -> None:
    """C7 with one bad send of the cancel: the order can never leave (until the shutdown, which does not ask either)."""
    down = [True]

    def fails(request: Any) -> None:
        if isinstance(request, CancelOrder) and down[0]:
            raise OSError("the line is down")

    wire = Wire(fails)
    async with exo.Dispatcher(Made(works_and_fails), wire, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        down[0] = False
        wire.accept()
        wire.fill(1)
        await settled()
        assert len(wire.cancels) == 1
        wire.end()
        assert (await d.ended(x)).end is End.FAILED


@virtual
async def test_c02_an_execution_refused_by_a_full_mailbox_is_delivered_when_it_is_told_again() -> None:
    """It was applied when it was refused, so the venue's second attempt is dropped as a repeat: nobody hears of it."""
    wire = Wire()

    async def act(me: Any, update: Any) -> None:
        me.desk.work(price=D(10))
        await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made, wire, mailbox_limit=1, exit_s=3) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wire.accept()
        with pytest.raises(exo.errors.MailboxFull):
            wire.fill(1, exec_id="E")
        await asyncio.sleep(3)
        wire.fill(1, exec_id="E")
        await asyncio.sleep(3)
        wire.end()
        assert "E" in made[0].exec_ids and made[0].desk.cum_qty == 1
