"""What outsiders have broken at the delegates: those that never trade, or never end."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

import exo
from exo import Side, testing
from exo.delegates import Peg, PegOrder, Pov, PovOrder, Sweep, SweepOrder, Twap, TwapOrder
from exo.run import End
from exo.testing import Tape, quote, rehearse, trade
from exo.venue import Fault, Faults, PaperVenue
from tests.contract.helpers import Made, buy, virtual
from tests.contract.venues import Wire

D = Decimal


def deep(ask: object) -> Any:
    return quote("A", "42", str(ask), bid_size="500", ask_size="600")


def every_second(until_s: int) -> Tape:
    return Tape(*((at, deep(100 + at)) for at in range(until_s)))


@pytest.mark.parametrize(
    ("qty", "slices", "catch_up"), [("3", 12, 3), ("1", 12, 3), ("5", 60, 3), ("10", 4, 1), ("7", 4, 1), ("9", 12, 1)]
)
def test_a_twap_whose_slices_are_no_whole_lots_takes_all_of_a_deep_market(qty: str, slices: int, catch_up: int) -> None:
    """All it wants is displayed every second for its whole time: what is due in whole lots is taken."""
    order = testing.order(TwapOrder, order_qty=qty, duration_s="60", slices=slices, lot="1", catch_up=catch_up)
    seen = rehearse(Twap, order, every_second(60))
    assert sum(got for got, _ in seen.fills) == D(qty)


def test_a_pov_of_no_whole_number_of_lots_ends() -> None:
    """Less than a lot is left, which it can never take: it is done, or says why not, and does not wait for ever."""
    order = testing.order(PovOrder, order_qty="2.5", rate="0.5", lot="1", clip="0")
    ticks = [event for at in range(50) for event in ((at, trade("A", 42, 100)), (at + 0.5, deep(100 + at)))]
    seen = rehearse(Pov, order, Tape(*ticks))
    assert seen.outcome is not None and seen.outcome.end is End.DONE


@pytest.mark.parametrize("busts", [False, True])
@virtual
async def test_a_sweep_ends_after_a_bust_at_a_broker(busts: bool) -> None:
    """The busted part of its immediate child is on no book: the next quote is taken for it."""
    venue = PaperVenue(broker=True)
    async with exo.Dispatcher(Sweep, venue, hog_s=None) as d:
        d.submit(SweepOrder(side=Side.BUY, symbol="A", order_qty=D(20), price=D(60)))

        def show(one: Any) -> None:
            venue.on_quote(one)
            d.on_quote(one)

        show(quote("A", "42", "43", bid_size="10", ask_size="10"))
        await asyncio.sleep(0.1)
        [execution] = list(venue._orders.ended.values())[-1].executions
        if busts:
            venue.bust(execution)
        for at in range(1, 11):  # within its limit, and displayed every second
            await asyncio.sleep(1)
            show(quote("A", "42", str(43 + at), bid_size="10", ask_size="10"))
        await asyncio.sleep(60)
        assert len(d) == 0


@pytest.mark.parametrize("cancels", [False, True])
@virtual
async def test_an_order_ends_though_the_venue_has_taken_all_of_its_child_off_the_book(cancels: bool) -> None:
    """A child that was restated to nothing can neither trade nor be cancelled: its owner's cancel ends the order."""

    def act(me: Any, update: Any) -> Any:
        if me.desk.cancelled:
            me.desk.cancel()
        elif not me.desk.children:
            me.desk.work(price=D(40))
        return exo.DONE if me.desk.finished else None

    venue = PaperVenue()
    async with exo.Dispatcher(Made(act), venue, hog_s=None) as d:
        order = d.submit(buy(order_qty=D(10))).order
        one = quote("A", "42", "43", bid_size="10", ask_size="10")
        venue.on_quote(one)
        d.on_quote(one)
        await asyncio.sleep(0.1)
        [standing] = venue._orders.open.values()
        if cancels:
            venue.cancel_unasked(standing.terms.cl_ord_id)
        else:
            venue.reduce(standing.terms.cl_ord_id, D(10))
        await asyncio.sleep(1)
        assert list(venue._orders.open) == []
        d.cancel(order)
        await asyncio.sleep(600)
        assert len(d) == 0


def test_a_peg_that_shows_a_part_keeps_its_place_until_that_is_filled() -> None:
    """It is replaced when the touch moves or what it shows has been filled, not at each partial fill."""
    order = testing.order(PegOrder, order_qty="30", price="50", show="10")
    asked: list[Any] = []
    venue = PaperVenue()
    send = venue.send

    def noted(request: Any) -> None:
        asked.append(type(request).__name__)
        send(request)

    venue.send = noted  # type: ignore[method-assign]
    bid = quote("A", "42", "60", bid_size="5", ask_size="5")
    rehearse(Peg, order, Tape((0, bid), (1, trade("A", 42, 8, aggressor=Side.SELL))), 3, venue=venue)
    assert asked[:2] != ["NewOrder", "ReplaceOrder"]


@pytest.mark.parametrize("kind", ["twap", "pov"])
def test_whole_lots_are_asked_for_where_what_is_displayed_is_none(kind: str) -> None:
    """One and a half are displayed: one is taken, for the order trades in whole lots."""
    if kind == "twap":
        order: Any = testing.order(TwapOrder, order_qty="12", duration_s="60", slices=4, lot="1")
        factory: Any = Twap
    else:
        order = testing.order(PovOrder, order_qty="12", rate="0.5", lot="1", clip="0")
        factory = Pov
    ticks = [
        event
        for at in range(30)
        for event in (
            (at, trade("A", 42, 100)),
            (at + 0.5, quote("A", "42", str(100 + at), bid_size="500", ask_size="1.5")),
        )
    ]
    seen = rehearse(factory, order, Tape(*ticks))
    assert [qty for qty, _ in seen.fills if qty % 1] == []


@pytest.mark.parametrize("factory", [Peg, Sweep, Twap, Pov])
@virtual
async def test_a_delegate_does_not_ask_again_at_once_for_a_cancel_that_is_rejected_each_time(factory: Any) -> None:
    """A venue that cannot cancel for a minute and is 20 ms away: some tries, not fifty in a second."""
    orders = {Peg: PegOrder, Sweep: SweepOrder, Twap: TwapOrder, Pov: PovOrder}

    class Stubborn(Wire):
        def send(self, request: Any) -> None:
            super().send(request)
            later = asyncio.get_running_loop().call_later
            later(0.02, self.accept) if len(self.requests) == 1 else later(0.02, self.refuse)

    wire = Stubborn()
    async with exo.Dispatcher(factory, wire, hog_s=None) as d:
        order = d.submit(orders[factory](side=Side.BUY, symbol="A", order_qty=D(10), price=D(50))).order
        if factory is Pov:
            d.on_trade(trade("A", 42, 1000))
        d.on_quote(deep(43))
        await asyncio.sleep(1)
        assert len(wire.news) == 1
        d.cancel(order)
        await asyncio.sleep(60)
        asked = len(wire.cancels)
        wire.end()
        await asyncio.sleep(1)
        assert asked <= 120


@virtual
async def test_a_paper_venue_that_rejects_every_cancel_does_not_stop_time() -> None:
    """Without latency each reject is answered by the next cancel in the same instant: a replay would never go on."""
    faults = Faults()
    venue = PaperVenue(faults=faults)
    send, sent = venue.send, [0]

    def counted(request: Any) -> None:
        sent[0] += 1
        if sent[0] == 2000:
            faults._forced.clear()  # else this test would never end
        send(request)

    venue.send = counted  # type: ignore[method-assign]
    async with exo.Dispatcher(Peg, venue, hog_s=None) as d:
        order = d.submit(PegOrder(side=Side.BUY, symbol="A", order_qty=D(10), price=D(50))).order
        venue.on_quote(deep(60))
        d.on_quote(deep(60))
        await asyncio.sleep(1)
        faults.force(Fault.REJECT, 1_000_000)
        d.cancel(order)
        await asyncio.sleep(1)
        faults._forced.clear()
        assert sent[0] < 100
