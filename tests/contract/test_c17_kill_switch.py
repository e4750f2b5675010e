"""The kill switch: block, cancel, verify at the venue."""

from __future__ import annotations

import asyncio

import pytest

import exo
from exo.dma import NewOrder, TradingState
from exo.errors import NotRunning, NoVenue
from exo.flow import Window
from exo.flow.delays import Delay
from exo.mkt import Side
from exo.venue import Fault, Faults

from .helpers import D, Made, buy, settled, virtual
from .test_c17_in_doubt import Counting, rests

MS = 1_000_000


@pytest.mark.parametrize("mass_cancel", [False, True])
@virtual
async def test_c17_a_thousand_children_are_killed_at_a_venue_that_loses_acknowledgements(mass_cancel: bool) -> None:
    """Zero are open at the venue, which was asked; and nothing new leaves after it."""
    faults = Faults(1, {Fault.LOSE_ANSWER: 0.1, Fault.LOSE_REQUEST: 0.05})
    venue = Counting(
        faults=faults,
        mass_cancel=mass_cancel,
        windows=(Window(2000, 1),),
        request_latency=Delay(MS, 20 * MS),
        report_latency=Delay(MS, 20 * MS),
        answer_s=1.0,
        expiry_s=2.0,
    )
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, venue, exit_s=5, max_age_s=30) as d:
        for _ in range(1000):
            d.submit(buy(order_qty=D(10)))
        await asyncio.sleep(3.5)
        assert len(await venue.open_orders()) > 900
        killed = await d.kill(within_s=40)
        print(f"\n{killed}; hits: {dict(faults.hits)}")
        assert killed.verified and killed.children >= 990 and killed.still_open == ()
        assert not venue._orders.open and "nothing is open" in str(killed)
        sent = len([request for request in venue.sent if isinstance(request, NewOrder)])
        for one in made:
            assert one.desk.work(price=D(10)) is None and one.desk.refused is not None
        await asyncio.sleep(5)
        assert sent == len([request for request in venue.sent if isinstance(request, NewOrder)])
        assert d.gate.state is TradingState.HALTED


@virtual
async def test_c17_a_kill_finds_what_an_earlier_run_has_left_behind() -> None:
    """By the form of its name; what others have at the venue is not touched."""
    venue = Counting(mass_cancel=False)
    left = NewOrder(order_id="OLD", cl_ord_id="x-70000000a-OLD", side=Side.BUY, symbol="A", order_qty=D(1), price=D(1))
    other = NewOrder(order_id="B", cl_ord_id="theirs", side=Side.BUY, symbol="A", order_qty=D(1), price=D(1))
    async with exo.Dispatcher(Made(), venue, on_orphan=lambda report: None) as d:
        venue.send(left)
        venue.send(other)
        killed = await d.kill(within_s=5)
        assert killed.verified and [each.terms.cl_ord_id for each in venue._orders.open.values()] == ["theirs"]


@virtual
async def test_c17_a_kill_that_cannot_be_verified_says_so() -> None:
    """The venue cannot be asked: nobody claims that all is well."""
    venue = Counting(mass_cancel=False)
    made = Made(rests)
    async with exo.Dispatcher(made, venue, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        venue.disconnect(100)
        killed = await d.kill(within_s=3)
        assert not killed.verified and str(killed).startswith("NOT killed")


@virtual
async def test_c17_after_a_kill_trading_goes_on_when_the_gate_is_opened() -> None:
    """The delegates are still there."""
    venue = Counting()
    made = Made()
    async with exo.Dispatcher(made, venue, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        assert (await d.kill()).verified
        assert made[0].desk.work(price=D(10)) is None
        d.gate.state = TradingState.ACTIVE
        assert made[0].desk.work(price=D(10)) is not None


@virtual
async def test_c17_without_a_venue_there_is_nothing_to_kill() -> None:
    """It says so; so does one that does not run."""
    async with exo.Dispatcher(Made()) as d:
        with pytest.raises(NoVenue):
            await d.kill()
    with pytest.raises(NotRunning):
        await d.kill()


@virtual
async def test_c17_a_cancel_that_was_lost_is_sent_again_long_before_its_answer_is_due() -> None:
    """The venue was asked, and the order is still open."""
    faults = Faults()
    venue = Counting(faults=faults, mass_cancel=False, answer_s=100, expiry_s=200)
    async with exo.Dispatcher(Made(rests), venue, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        faults.force(Fault.LOSE_REQUEST)
        killed = await d.kill(within_s=10)
        assert killed.verified and killed.took_s < 5


@virtual
async def test_c17_cancels_that_wait_for_the_venues_limits_are_not_asked_again() -> None:
    """One for each child, however long the limits hold them back."""
    venue = Counting(mass_cancel=False, windows=(Window(10, 1),))
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, venue, exit_s=20, max_age_s=60) as d:
        for _ in range(50):
            d.submit(buy(order_qty=D(10)))
        await asyncio.sleep(20)
        sent = len(venue.sent)
        assert (await d.kill()).verified and len(venue.sent) == sent + 50
        assert not len(d._parts.working.sending.outbox)
