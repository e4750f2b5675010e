"""C17: a request whose fate is unknown is asked about; nothing is sent again before it is proved dead."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import exo
from exo.dma import Capabilities, NewOrder, Replace
from exo.flow.delays import Delay
from exo.mkt import OrdStatus, TimeInForce
from exo.run import End
from exo.venue import Fault, Faults, PaperVenue

from .helpers import D, Made, buy, quote, settled, virtual
from .venues import Wire

MS = 1_000_000


class Counting(PaperVenue):
    """A paper venue that keeps what it was sent."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.sent: list[Any] = []

    def send(self, request: Any) -> None:
        self.sent.append(request)
        super().send(request)

    @property
    def news(self) -> list[NewOrder]:
        return [request for request in self.sent if isinstance(request, NewOrder)]


def rests(me: Any, update: Any) -> Any:
    """Keep the whole order at 10 until it is cancelled."""
    if me.desk.cancelled:
        me.desk.cancel()
    else:
        me.desk.work(price=D(10))
    return exo.DONE if me.desk.finished else None


@virtual
async def test_c17_a_lost_acknowledgement_and_a_venue_that_forgets_make_exactly_one_order() -> None:
    """In doubt it counts in full; when the venue remembers, it is the same order."""
    faults = Faults(for_s=1.0)
    venue = Counting(faults=faults, answer_s=0.5, expiry_s=3.0)
    made = Made(rests)
    async with exo.Dispatcher(made, venue) as d:
        faults.force(Fault.LOSE_ANSWER)
        faults.force(Fault.FORGET)
        x = d.submit(buy(order_qty=D(10))).order_id
        await asyncio.sleep(0.6)
        desk = made[0].desk
        assert desk.in_doubt and desk.working.open_qty == 10
        d.on_quote(quote())
        await settled()
        assert len(venue.news) == 1
        await asyncio.sleep(5)
        assert not desk.in_doubt and desk.working.ord_status is OrdStatus.NEW
        assert faults.hits[Fault.FORGET] == 1 == len(venue.news) == len(await venue.open_orders())
        d.cancel(x)
        assert (await d.ended(x)).end is End.DONE
    assert len(venue.news) == 1


@virtual
async def test_c17_a_new_order_that_never_arrived_is_dead_only_after_all_its_time() -> None:
    """Not found at once, and not found again after the window: then, and no earlier, another one leaves."""
    faults = Faults()
    venue = Counting(faults=faults, answer_s=0.5, expiry_s=3.0)
    made = Made(rests)
    async with exo.Dispatcher(made, venue) as d:
        faults.force(Fault.LOSE_REQUEST)
        x = d.submit(buy(order_qty=D(10))).order_id
        await asyncio.sleep(3.1)
        assert made[0].desk.in_doubt and len(venue.news) == 1
        await asyncio.sleep(1.5)
        assert len(venue.news) == 2 and made[0].desk.children[0].ord_status is OrdStatus.REJECTED
        assert "not found" in made[0].desk.children[0].text
        assert len(await venue.open_orders()) == 1
        d.cancel(x)
        await d.ended(x)


@virtual
async def test_c17_a_fill_that_was_not_told_is_found_by_the_query_and_counted_once() -> None:
    """The acknowledgement and the fill were lost: the query brings both."""
    faults = Faults()
    venue = Counting(faults=faults, answer_s=0.5)
    made = Made(rests)
    async with exo.Dispatcher(made, venue) as d:
        venue.on_quote(exo.Quote("A", D(9), D(1), D(10), D(10)))
        faults.force(Fault.LOSE_ANSWER)
        faults.force(Fault.LOSE_FILL)
        x = d.submit(buy(order_qty=D(10))).order_id
        outcome = await d.ended(x)
    assert outcome.end is End.DONE and len(venue.news) == 1 and made[0].desk.cum_qty == 10


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_ANSWER])
@virtual
async def test_c20_a_cancel_that_is_lost_is_asked_again_until_it_has_effect(fault: Fault) -> None:
    """The delegate asks once; the order it belongs to is being cancelled."""
    faults = Faults()
    venue = Counting(faults=faults, answer_s=0.5, expiry_s=1.0)
    async with exo.Dispatcher(Made(rests), venue) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await asyncio.sleep(1)
        faults.force(fault)
        d.cancel(x)
        outcome = await d.ended(x)
    assert outcome.end is End.DONE and nothing_open(venue)


def nothing_open(venue: PaperVenue) -> bool:
    return not venue._orders.open


@virtual
async def test_c17_a_filled_child_whose_cancel_has_lost_its_reject_does_not_hang() -> None:
    """It is finished once a query has settled the cancel."""
    wire = Wire()
    wire.capabilities = Capabilities(answer_s=0.5, expiry_s=1.0)
    made = Made(rests)
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        d.cancel(x)
        await settled()
        wire.fill(10)
        await settled()
        assert not made[0].desk.finished
        assert (await d.ended(x)).end is End.DONE


@pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.LOSE_ANSWER])
@virtual
async def test_c21_of_a_replace_in_doubt_the_larger_side_counts_until_it_is_settled(fault: Fault) -> None:
    """Whichever side it was, the venue's answer to the query tells."""
    faults = Faults()
    venue = Counting(faults=faults, answer_s=0.5, expiry_s=1.0)
    made = Made()
    async with exo.Dispatcher(made, venue) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        desk = made[0].desk
        desk.work(price=D(10), order_qty=D(4))
        await settled()
        faults.force(fault)
        desk.work(price=D(10), order_qty=D(9))
        await asyncio.sleep(0.7)
        assert desk.working.open_qty == 9 and desk.in_doubt
        desk.work(price=D(9), order_qty=D(9), slot="other")
        await settled()
        assert desk.at("other").order_qty == 1
        await asyncio.sleep(3)
        wanted = 4 if fault is Fault.LOSE_REQUEST else 9
        assert not desk.in_doubt and desk.children[0].order_qty == wanted == desk.children[0].open_qty
        desk.cancel()
        await settled()
        d.cancel(x)


@virtual
async def test_c17_after_the_line_was_down_every_child_is_asked_for() -> None:
    """What was filled or cancelled meanwhile is found; what still stands is known to stand."""
    venue = Counting(replace=Replace.NONE)
    made = Made()
    async with exo.Dispatcher(made, venue, exit_s=1) as d:
        for _ in range(3):
            d.submit(buy(order_qty=D(10)))
        await settled()
        for number, one in enumerate(made):
            one.desk.work(price=D(10 - number))
        await settled()
        venue.disconnect(5)
        await settled()
        assert all(one.desk.in_doubt for one in made)
        made[0].desk.work(price=D(5), slot="waits")
        venue.on_quote(exo.Quote("A", D(9), D(1), D(10), D(10)))
        venue.cancel_unasked(made[1].desk.working.cl_ord_id)
        await asyncio.sleep(7)
        assert [one.desk.children[0].ord_status.name for one in made] == ["FILLED", "CANCELED", "NEW"]
        assert [one.desk.cum_qty for one in made] == [10, 0, 0] and not any(one.desk.in_doubt for one in made)


@virtual
async def test_c17_what_a_crashed_run_has_sent_is_adopted_and_not_sent_again() -> None:
    """The acknowledgement was lost with the process: the next run finds the very order by its name."""
    venue = Counting(request_latency=Delay(5 * MS, 5 * MS), report_latency=Delay(5 * MS, 5 * MS), answer_s=0.5)
    made = Made(rests)
    async with exo.Dispatcher(made, venue, exit_s=0.001) as d:
        d.submit(buy(order_id="X", order_qty=D(10)))
        await settled()
        [request] = venue.news
        d._parts.working.close()  # as if the process had died: nothing is cancelled, nothing is heard any more
        venue.connect(Made())  # type: ignore[arg-type]
        d._parts._working = None
    after = Made()
    async with exo.Dispatcher(after, venue, exit_s=1) as d:
        d.submit(buy(order_id="X", order_qty=D(10)))
        process = d._parts.orders.live["X"]
        d._parts.working.adopt(process, request)
        await asyncio.sleep(0.001)
        assert after[0].desk.in_doubt and after[0].desk.work(price=D(10)) is None
        await asyncio.sleep(20)
        assert len(venue.news) == 1 == len(await venue.open_orders())
        assert after[0].desk.working.ord_status is OrdStatus.NEW and not after[0].desk.in_doubt


@virtual
async def test_c17_an_immediate_order_that_vanished_is_settled_too() -> None:
    """Nothing of it is filled, and it is not there any more: all is left to work."""
    faults = Faults()
    venue = Counting(faults=faults, answer_s=0.5, expiry_s=1.0)
    made = Made()
    async with exo.Dispatcher(made, venue, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        faults.force(Fault.LOSE_ANSWER, 2)
        made[0].desk.work(price=D(10), time_in_force=TimeInForce.IOC)
        await asyncio.sleep(3)
        assert made[0].desk.working is None and made[0].desk.leaves_qty == 10


@pytest.mark.parametrize("lost", [Fault.LOSE_FILL, None])
@virtual
async def test_c17_what_nobody_waits_for_and_was_not_told_is_found_by_an_audit(lost: Fault | None) -> None:
    """A fill is lost, or an end while nothing was listening: the venue is asked what is open, every so often."""
    faults = Faults()
    venue = Counting(faults=faults)
    made = Made(rests)
    async with exo.Dispatcher(made, venue, audit_s=10) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        if lost is None:
            faults.force(Fault.LOSE_FILL)
            faults.force(Fault.FORGET)
        else:
            faults.force(lost)
        venue.on_quote(exo.Quote("A", D(9), D(1), D(10), D(10)))
        await asyncio.sleep(9)
        assert made[0].desk.cum_qty == 0 and len(d) == 1
        outcome = await d.ended(x)
        assert outcome.end is End.DONE and made[0].desk.cum_qty == 10


@virtual
async def test_c17_an_audit_leaves_alone_what_is_open_and_what_is_on_its_way() -> None:
    """Nothing is asked about it, and nothing is ever in doubt."""
    queries: list[Any] = []

    class Asked(Counting):
        async def query(self, query: Any) -> Any:
            queries.append(query)
            return await super().query(query)

    latency = Delay(100 * MS, 300 * MS)
    venue = Asked(report_latency=latency, request_latency=latency, faults=Faults())
    made = Made()
    async with exo.Dispatcher(made, venue, audit_s=0.05, exit_s=5) as d:
        for _ in range(20):
            d.submit(buy(order_qty=D(10)))
        await settled()
        for number in range(50):
            await asyncio.sleep(0.1)
            for one in made:
                one.desk.work(price=D(10 + number // 10))
                assert not one.desk.in_doubt
    assert queries == []


@virtual
async def test_c07_the_lost_cancel_of_a_failed_order_is_asked_again_by_the_container() -> None:
    """Nobody else is there to do it."""
    faults = Faults()
    venue = Counting(faults=faults, answer_s=0.5, expiry_s=1.0)

    def act(me: Any, update: Any) -> None:
        if update.quote:
            faults.force(Fault.LOSE_REQUEST)
            raise ValueError("boom")
        me.desk.work(price=D(10))

    async with exo.Dispatcher(Made(act), venue, exit_s=1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote())
        async with asyncio.timeout(10):
            assert (await d.ended(x)).end is End.FAILED
    assert nothing_open(venue)


@virtual
async def test_c17_an_audit_doubts_nothing_that_has_changed_while_it_was_asked() -> None:
    """The answer is older than the child: it was filled, and its report was only late."""

    class Slow(Counting):
        async def open_orders(self) -> Any:
            reports = await super().open_orders()
            await asyncio.sleep(1)
            return reports

    venue = Slow(report_latency=Delay(500 * MS, 500 * MS), faults=Faults())
    made = Made()
    async with exo.Dispatcher(made, venue, audit_s=5, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        await asyncio.sleep(4.8)
        venue.on_quote(exo.Quote("A", D(9), D(1), D(10), D(10)))
        await asyncio.sleep(2)
        assert desk.cum_qty == 10 and desk.working is None and not desk.in_doubt


@virtual
async def test_c17_an_audit_that_cannot_ask_comes_again() -> None:
    """The line is down at the first."""
    venue = Counting(faults=(faults := Faults()))
    made = Made(rests)
    async with exo.Dispatcher(made, venue, audit_s=5) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        faults.force(Fault.LOSE_FILL)
        venue.on_quote(exo.Quote("A", D(9), D(1), D(10), D(10)))
        venue._down = True
        await asyncio.sleep(7)
        venue._down = False
        assert (await d.ended(x)).end is End.DONE and made[0].desk.cum_qty == 10


@virtual
async def test_c17_where_nothing_can_be_lost_nothing_is_audited() -> None:
    """A paper venue without faults: three years may pass in virtual time and cost nothing."""
    asked: list[int] = []

    class Asked(Counting):
        async def open_orders(self) -> Any:
            asked.append(1)
            return await super().open_orders()

    async with exo.Dispatcher(Made(rests), Asked(), audit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await asyncio.sleep(50)
        assert asked == []
