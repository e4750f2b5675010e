"""C21 at the desk: what `work` and `cancel` ask of a venue, and when they ask for nothing."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import exo
from exo.dma import CancelOrder, NewOrder
from exo.errors import InvalidValue, NoVenue
from exo.mkt import ExecType, OrdStatus, TimeInForce
from exo.run import End

from .helpers import D, Made, buy, quote, settled, virtual
from .venues import Wire

IOC, DAY, GTC = TimeInForce.IOC, TimeInForce.DAY, TimeInForce.GTC


class OneOrder:
    """A dispatcher over a wire with one order, and the desk of that."""

    def __init__(self, **terms: Any) -> None:
        self.wire = Wire()
        self.made = Made()
        self.d = exo.Dispatcher(self.made, self.wire, exit_s=1)
        self.terms = {"order_qty": D(10)} | terms

    async def __aenter__(self) -> OneOrder:
        await self.d.__aenter__()
        self.x = self.d.submit(buy(**self.terms)).order_id
        await settled()
        self.desk = self.made[0].desk
        return self

    async def __aexit__(self, *error: Any) -> None:
        for i, _ in enumerate(self.wire.news):
            self.wire.end(child=i)
        await self.d.__aexit__(*error)


@virtual
async def test_c21_work_sends_one_new_order_with_the_terms_asked_for() -> None:
    """And returns it; the child stands on the desk from then on."""
    async with OneOrder(side=exo.Side.SELL) as one:
        request = one.desk.work(price=D("9.5"), order_qty=D(4), time_in_force=DAY)
        assert one.wire.requests == [request] and isinstance(request, NewOrder)
        assert (request.order_id, request.side, request.symbol) == (one.x, exo.Side.SELL, "A")
        assert (request.price, request.order_qty, request.time_in_force) == (D("9.5"), 4, DAY)
        child = one.desk.working
        assert one.desk.children == (child,) and child.request == request
        assert child.ord_status is OrdStatus.PENDING_NEW and child.leaves_qty == 4


@virtual
async def test_c21_work_without_more_asks_for_all_until_cancelled() -> None:
    """No price is a market order."""
    async with OneOrder() as one:
        request = one.desk.work(price=None)
        assert (request.price, request.order_qty, request.time_in_force) == (None, 10, GTC)


@virtual
async def test_c21_work_that_is_as_wanted_sends_nothing() -> None:
    """However often it is asked, also after a part has filled."""
    async with OneOrder() as one:
        one.desk.work(price=D(9))
        one.wire.accept()
        one.wire.fill(3)
        for qty in (None, D(7), D(100)):
            assert one.desk.work(price=D("9.0"), order_qty=qty) is None
        assert len(one.wire.requests) == 1


@pytest.mark.parametrize("terms", [{"price": D(8)}, {"price": None}, {"order_qty": D(2)}, {"time_in_force": DAY}])
@virtual
async def test_c21_work_that_differs_cancels_first_and_asks_again_after_the_end(terms: dict[str, Any]) -> None:
    """One request at a time."""
    async with OneOrder() as one:
        one.desk.work(price=D(9))
        wanted = {"price": D(9)} | terms
        assert one.desk.work(**wanted) is None, "a cancel could overtake the new order"
        one.wire.accept()
        cancel = one.desk.work(**wanted)
        assert isinstance(cancel, CancelOrder) and cancel.orig_cl_ord_id == one.wire.news[0].cl_ord_id
        assert [asked.request for asked in one.desk.working.asked] == [cancel]
        assert one.desk.work(**wanted) is None and one.desk.cancel() is None
        one.wire.end()
        request = one.desk.work(**wanted)
        assert isinstance(request, NewOrder) and request.price == wanted["price"]
        assert len(one.wire.requests) == 3


@virtual
async def test_c21_an_ioc_is_waited_for() -> None:
    """It ends by itself."""
    async with OneOrder() as one:
        one.desk.work(price=D(9), time_in_force=IOC)
        assert one.desk.work(price=D(8)) is None and len(one.wire.requests) == 1
        one.wire.fill(2)
        one.wire.end()
        assert one.desk.work(price=D(8)).order_qty == 8


@virtual
async def test_c21_after_a_rejected_cancel_the_child_stands_and_may_be_cancelled_again() -> None:
    """The venue's answer is news for the delegate; its next cancel leaves a second after the rejected one."""
    async with OneOrder() as one:
        one.desk.work(price=D(9))
        one.wire.accept()
        first = one.desk.cancel()
        told = one.wire.refuse()
        await settled()
        assert one.made[0].last.reports[-1] == told and not one.desk.working.cancelling
        assert one.desk.cancel() is None
        await asyncio.sleep(1.1)
        _, second = one.wire.cancels
        assert second.cl_ord_id != first.cl_ord_id and second.orig_cl_ord_id == first.orig_cl_ord_id


@virtual
async def test_c21_a_rejected_child_leaves_all_to_work() -> None:
    """It says why."""
    async with OneOrder() as one:
        one.desk.work(price=D(9))
        one.wire.tell(ExecType.REJECTED, text="no such price")
        assert one.desk.working is None and one.desk.children[0].text == "no such price"
        assert one.desk.work(price=D(9)).order_qty == 10


@virtual
async def test_c21_nothing_to_cancel_is_no_error() -> None:
    """Before the first child, after the last, and without a venue."""
    async with OneOrder() as one:
        assert one.desk.cancel() is None
        one.desk.work(price=D(9))
        one.wire.end()
        assert one.desk.cancel() is None and len(one.wire.requests) == 1
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        assert made[0].desk.cancel() is None


@virtual
async def test_c21_a_held_order_is_not_worked_but_its_child_may_be_cancelled() -> None:
    """From the moment its owner asks, before the delegate knows; after the release it is worked again."""
    async with OneOrder() as one:
        one.d.hold(one.x)
        assert not one.desk.held and one.desk.work(price=D(9)) is None
        await settled()
        assert one.desk.held and one.desk.work(price=D(9)) is None and one.wire.requests == []
        one.d.release(one.x)
        assert isinstance(one.desk.work(price=D(9)), NewOrder)
        one.d.hold(one.x)
        assert one.desk.work(price=D(8)) is None
        assert isinstance(one.desk.cancel(), CancelOrder)


@virtual
async def test_c21_an_order_that_is_being_cancelled_is_not_worked() -> None:
    """From the moment its owner asks; its child may be cancelled, and the container leaves that to the delegate."""
    async with OneOrder() as one:
        one.desk.work(price=D(9))
        one.d.cancel(one.x)
        assert not one.desk.cancelled and one.desk.work(price=D(8)) is None
        await settled()
        assert one.desk.cancelled and one.desk.work(price=D(8)) is None
        assert len(one.wire.requests) == 1 and not one.desk.finished
        assert isinstance(one.desk.cancel(), CancelOrder)
        one.wire.end()
        assert one.desk.finished and one.desk.work(price=D(8)) is None


@virtual
async def test_c21_an_order_that_has_ended_is_not_worked() -> None:
    """Whoever has kept the desk asks in vain."""
    wire = Wire()
    made = Made(lambda me, update: exo.DONE if update.quote else None)
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote())
        await d.ended(x)
        assert made[0].desk.work(price=D(9)) is None and made[0].desk.cancel() is None
    assert made[0].desk.work(price=D(9)) is None and wire.requests == []


class FeedOnly:
    """A feed that takes no orders."""

    def subscribe(self, symbol: str) -> None: ...

    def unsubscribe(self, symbol: str) -> None: ...


@pytest.mark.parametrize("venue", [None, FeedOnly()])
@virtual
async def test_c21_without_a_venue_that_takes_orders_work_is_the_delegates_error(venue: Any) -> None:
    """It says what to do; the desk shows an order without children."""

    def act(me: Any, update: Any) -> None:
        desk = me.desk
        assert (desk.children, desk.working, desk.cum_qty, desk.avg_px) == ((), None, 0, None)
        assert (desk.leaves_qty, desk.in_doubt, desk.finished) == (10, False, False)
        desk.work(price=D(9))

    async with exo.Dispatcher(Made(act), venue) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        outcome = await d.ended(x)
    assert outcome.end is End.FAILED and NoVenue.__name__ in outcome.error and x in outcome.error


@pytest.mark.parametrize(
    "bad", [{"price": 9.5}, {"price": "9"}, {"price": D("NaN")}, {"price": D("Infinity")}, {"order_qty": 0.5}]
)
@virtual
async def test_c21_a_term_that_cannot_be_is_refused_and_nothing_is_sent(bad: dict[str, Any]) -> None:
    """The next good one goes through as if nothing had been."""
    async with OneOrder() as one:
        with pytest.raises(InvalidValue):
            one.desk.work(**({"price": D(9)} | bad))
        assert one.wire.requests == [] and one.desk.children == () and not one.desk.in_doubt
        assert one.desk.work(price=D(9)).cl_ord_id.endswith(f"1-{one.x}")


@virtual
async def test_c21_the_desk_is_finished_when_all_is_executed_or_cancelled_and_nothing_stands() -> None:
    """Not before, and not while an execution may come."""
    async with OneOrder() as one:
        desk = one.desk
        assert not desk.finished
        desk.work(price=D(9), order_qty=D(6))
        one.wire.fill(6)
        assert desk.working is None and not desk.finished and desk.leaves_qty == 4
        desk.work(price=D(9))
        one.wire.fill(4)
        assert desk.finished and desk.leaves_qty == 0 and desk.work(price=D(9)) is None


@pytest.mark.parametrize("raises", [False, True])
@virtual
async def test_c21_a_blocking_delegate_works_its_order_from_its_thread(raises: bool) -> None:
    """The request leaves on the loop's own thread, the answer and the errors come back to the delegate's."""
    here = threading.get_ident()
    sent: list[int] = []
    seen: list[Any] = []

    def sees(request: Any) -> None:
        sent.append(threading.get_ident())
        if raises:
            raise OSError("the line is down")

    wire = Wire(sees)

    def act(me: Any, update: Any) -> Any:
        assert threading.get_ident() != here
        desk = me.desk
        if desk.children:
            return exo.DONE if desk.finished else None
        with pytest.raises(InvalidValue):
            desk.work(price=9.5)
        if raises:
            desk.work(price=D(9))
            wire.fails = None
            seen.append(desk.in_doubt)
        else:
            seen.append(desk.work(price=D(9)))
            seen.append(desk.work(price=D(9)))
        seen.append(desk.working.leaves_qty)
        seen.append(desk.cancel())
        return None

    made = Made(act, blocking=True)
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await asyncio.sleep(1)
        assert sent and set(sent) == {here} and made[0].overlaps == 0
        if raises:
            assert seen[:2] == [True, 10]
            wire.requests.insert(0, made[0].desk.children[0].request)
        else:
            assert seen[:3] == [wire.news[0], None, 10]
        assert seen[-1] == wire.cancels[0]
        wire.fill(10)
        wire.refuse(OrdStatus.FILLED)
        outcome = await d.ended(x)
    assert outcome.end is End.DONE
