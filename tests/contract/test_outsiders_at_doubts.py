"""What outsiders have broken at doubts and the kill switch."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import exo
from exo.dma import Capabilities, NewOrder, Replace, ReplaceOrder
from exo.dma.venue import Line, VenueStatus
from exo.flow import current_clock
from exo.mkt import ExecType, OrdStatus, Report, Side

from .helpers import D, Made, buy, settled, virtual
from .venues import Wire


class Book(Wire):
    """A venue with one book: it shows an order under the name that holds, and can forget for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = Capabilities(replace=Replace.TOTAL, answer_s=3.0, expiry_s=10.0)
        self.forgets = False
        self.name: str | None = None
        self.total = D(0)
        self.also: set[str] = set()  # the names it had before
        self.queries: list[float] = []

    async def query(self, query: Any) -> Any:
        self.queries.append(asyncio.get_running_loop().time())
        if self.forgets or not {self.name, *self.also} & {*query.names}:
            return ()
        return [
            Report(
                order_id=query.order_id,
                cl_ord_id=self.name,
                exec_type=ExecType.ORDER_STATUS,
                ord_status=OrdStatus.NEW,
                order_qty=self.total,
                cum_qty=D(0),
                leaves_qty=self.total,
                transact_time=None,
            )
        ]


@virtual
async def test_c17_a_replace_is_not_called_dead_by_the_clock_of_an_older_request() -> None:
    """Doubts of the new order still sleep when a replace is sent: its own time to take effect has to pass."""
    venue = Book()
    made = Made(lambda me, update: None)
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10), order_qty=D(5))  # t = 0
        venue.forgets = True
        await asyncio.sleep(4)  # no answer: asked at 3 s, not found
        assert desk.in_doubt and len(venue.queries) == 1
        venue.accept()  # at 4 s: the acknowledgement comes after all
        venue.name, venue.total, venue.forgets = venue.news[0].cl_ord_id, D(5), False
        assert not desk.in_doubt
        await asyncio.sleep(1)
        replace = desk.work(price=D(10), order_qty=D(10))  # at 5 s: may take effect until 15 s
        assert isinstance(replace, ReplaceOrder)
        await asyncio.sleep(6.5)  # at 11.5 s: it has no answer, and 3.5 s left to take effect
        assert desk.in_doubt, f"declared dead after 6.5 s of 10: {desk.children}"
        more = desk.work(price=D(10), order_qty=D(5), slot="b")
        # now it arrives at the venue, within its time
        standing = D(10) + (more.order_qty if isinstance(more, NewOrder) else D(0))
        assert standing <= 10, f"{standing} of 10 stand at the venue"


class Hangs(Wire):
    """A venue whose answers to some questions never come (a half-open line)."""

    hangs: tuple[str, ...] = ()

    async def query(self, query: Any) -> Any:
        if "query" in self.hangs:
            await asyncio.get_running_loop().create_future()
        return ()

    async def open_orders(self) -> Any:
        if "open_orders" in self.hangs:
            await asyncio.get_running_loop().create_future()
        return ()

    async def cancel_all(self) -> None:
        if "cancel_all" in self.hangs:
            await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("what", ["open_orders", "cancel_all"])
@virtual
async def test_c17_a_kill_answers_within_its_time_though_the_venue_never_does(what: str) -> None:
    """It says that it is not verified, and names what may be open."""
    venue = Hangs()
    venue.capabilities = Capabilities(mass_cancel=True)
    venue.hangs = (what,)
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        venue.accept()
        killing = asyncio.ensure_future(d.kill(within_s=3))
        done, _ = await asyncio.wait([killing], timeout=60)
        killing.cancel()
        assert done, "the kill switch still waits after 60 s of 3"
        assert not killing.result().verified


@virtual
async def test_c17_eight_questions_that_are_never_answered_do_not_keep_the_others_from_being_asked() -> None:
    """Half-open: a ninth child's doubt is settled all the same, and theirs when the venue answers again."""
    venue = Hangs()
    venue.capabilities = Capabilities(answer_s=0.5, expiry_s=1.0)
    venue.hangs = ("query",)
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None if len(me.updates) == 1 else None)
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        for _ in range(8):
            d.submit(buy(order_qty=D(10)))
        await asyncio.sleep(1)
        venue.hangs = ()
        d.submit(buy(order_qty=D(10)))
        await asyncio.sleep(600)
        assert [one.desk.in_doubt for one in made.all] == [False] * 9


@virtual
async def test_c17_a_question_that_is_cancelled_by_the_venues_own_end_is_asked_again() -> None:
    """An adapter that loses its connection cancels what waits there: the doubt must not be left for ever."""

    class Cuts(Hangs):
        cuts = 1

        async def query(self, query: Any) -> Any:
            if self.cuts:
                self.cuts -= 1
                waits: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_later(0.1, waits.cancel)
                await waits
            return ()

    venue = Cuts()
    venue.capabilities = Capabilities(answer_s=0.5, expiry_s=1.0)
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None if len(me.updates) == 1 else None)
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        d.submit(buy(order_qty=D(10)))
        await asyncio.sleep(600)
        assert not made[0].desk.in_doubt


@virtual
async def test_c17_a_kill_survives_a_question_that_is_cancelled_by_the_venues_own_end() -> None:
    """The kill switch asks again."""

    class Cuts(Hangs):
        cuts = 1

        async def open_orders(self) -> Any:
            if self.cuts:
                self.cuts -= 1
                waits: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_later(0.1, waits.cancel)
                await waits
            return ()

    venue = Cuts()
    made = Made()
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        assert (await d.kill(within_s=5)).verified


@virtual
async def test_c20_while_the_venue_asks_for_silence_nothing_is_asked_of_it_either() -> None:
    """A ban counts every request: whoever goes on asking makes it longer."""
    venue = Book()
    venue.capabilities = Capabilities(answer_s=0.5, expiry_s=2.0)
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None if len(me.updates) == 1 else None)
    async with exo.Dispatcher(made, venue, exit_s=0.1, audit_s=5) as d:
        for _ in range(20):
            d.submit(buy(order_qty=D(10)))
        await settled()
        until_ns = current_clock().now_ns() + 30_000_000_000
        d.on_status(VenueStatus(line=Line.SILENT, until_ns=until_ns))
        await asyncio.sleep(25)
        assert venue.queries == [], f"{len(venue.queries)} questions within the ban"


@virtual
async def test_c17_a_kill_leaves_alone_what_another_instance_has_at_the_venue_under_an_order_id_of_ours() -> None:
    """Order ids are the users': two instances may both have a P1. The name tells whose it is."""
    theirs = Report(
        order_id="P1", cl_ord_id="y-70000000a-P1", exec_type=ExecType.ORDER_STATUS, ord_status=OrdStatus.NEW,
        side=Side.BUY, symbol="A", order_qty=D(1), cum_qty=D(0), leaves_qty=D(1), transact_time=None,
    )  # fmt: skip

    class Shared(Wire):
        async def open_orders(self) -> Any:
            return [theirs]

    venue = Shared()
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, venue, exit_s=0) as d:
        d.submit(buy(order_id="P1", order_qty=D(10)))
        await settled()
        venue.accept()
        await d.kill(within_s=5)
        assert "y-70000000a-P1" not in {cancel.orig_cl_ord_id for cancel in venue.cancels}


@virtual
async def test_c11_an_audit_that_is_never_answered_is_not_asked_again_and_again() -> None:
    """One question at a time, not one more task every audit."""
    venue = Hangs()
    venue.hangs = ("open_orders",)
    made = Made(lambda me, update: me.desk.work(price=D(10)) and None)
    async with exo.Dispatcher(made, venue, exit_s=0.1, audit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        venue.accept()
        await asyncio.sleep(100)
        asking = [task for task in asyncio.all_tasks() if task.get_name() == "exo.audit"]
        assert len(asking) <= 1, f"{len(asking)} audits wait"
        assert d


@virtual
async def test_c17_an_answer_to_a_question_asked_before_a_replace_was_sent_says_nothing_of_the_replace() -> None:
    """The query of an older doubt is slow: it looked before the replace left, and tells the old terms."""

    class Slow(Book):
        async def query(self, query: Any) -> Any:
            reports = await super().query(query)
            await asyncio.sleep(self.slow)
            return reports

        slow = 0.0

    venue = Slow()
    venue.capabilities = Capabilities(replace=Replace.TOTAL, answer_s=1.0, expiry_s=4.0)
    made = Made(lambda me, update: None)
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10), order_qty=D(5))
        venue.forgets = True
        await asyncio.sleep(3)
        venue.name, venue.total, venue.forgets = venue.news[0].cl_ord_id, D(5), False
        venue.slow = 3.0
        await asyncio.sleep(1.5)  # at 4.5 s: it has been asked at 4 s, and answers at 7 s
        venue.accept()
        assert isinstance(desk.work(price=D(10), order_qty=D(10)), ReplaceOrder)
        await asyncio.sleep(3)  # at 7.5 s
        assert desk.working.open_qty == 10, f"declared dead after 2.5 s of 4: {desk.children}"


@virtual
async def test_c21_a_replace_that_was_held_for_dead_and_is_told_to_be_accepted_counts() -> None:
    """The report is the fact, whatever was believed before: the total at the venue is 10."""
    venue = Book()
    made = Made(lambda me, update: None)
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10), order_qty=D(5))
        venue.accept()
        venue.name, venue.total = venue.news[0].cl_ord_id, D(5)
        replace = desk.work(price=D(10), order_qty=D(10))
        assert isinstance(replace, ReplaceOrder)
        await asyncio.sleep(30)
        assert not desk.in_doubt and desk.working.order_qty == 5
        venue.name, venue.total = replace.cl_ord_id, D(10)
        venue.sink.on_report(
            Report(
                order_id=replace.order_id,
                cl_ord_id=replace.cl_ord_id,
                orig_cl_ord_id=replace.orig_cl_ord_id,
                exec_type=ExecType.REPLACED,
                ord_status=OrdStatus.NEW,
                order_qty=D(10),
                cum_qty=D(0),
                leaves_qty=D(10),
                transact_time=None,
            )
        )
        more = desk.work(price=D(10), order_qty=D(5), slot="b")
        assert more is None and desk.working.open_qty == 10, (more, desk.working)


@virtual
async def test_c17_an_order_that_the_venue_says_is_filled_does_not_hang_because_its_total_is_not_known_here() -> None:
    """Filled with 3 of 3 by a replace held for dead: the query says so, and the order ends."""

    class Filled(Book):
        filled = False

        async def query(self, query: Any) -> Any:
            reports = await super().query(query)
            if not self.filled:
                return reports
            ids: Any = {"order_id": query.order_id, "cl_ord_id": self.name, "transact_time": None, "cum_qty": D(3)}
            return [
                Report(exec_type=ExecType.TRADE, exec_id="F", last_qty=D(3), last_px=D(10), **ids),
                Report(
                    exec_type=ExecType.ORDER_STATUS,
                    ord_status=OrdStatus.FILLED,
                    order_qty=D(3),
                    leaves_qty=D(0),
                    **ids,
                ),
            ]

    venue = Filled()
    venue.capabilities = Capabilities(replace=Replace.TOTAL, answer_s=1.0, expiry_s=2.0)

    def act(me: Any, update: Any) -> Any:
        if me.desk.cancelled:
            me.desk.cancel()
        return exo.DONE if me.desk.finished else None

    made = Made(act)
    async with exo.Dispatcher(made, venue, exit_s=0.1) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        desk = made[0].desk
        desk.work(price=D(10), order_qty=D(5))
        venue.accept()
        venue.name, venue.total = venue.news[0].cl_ord_id, D(5)
        replace = desk.work(price=D(10), order_qty=D(3))
        assert isinstance(replace, ReplaceOrder)
        await asyncio.sleep(30)
        assert not desk.in_doubt
        venue.filled = True
        refused: set[Any] = set()
        venue.name, venue.also = replace.cl_ord_id, {venue.news[0].cl_ord_id}
        d.cancel(x)
        async with asyncio.timeout(900):
            while d.outcome(x) is None:
                await asyncio.sleep(0.1)
                if venue.cancels and venue.cancels[-1].cl_ord_id not in refused:
                    refused.add(venue.refuse(OrdStatus.FILLED, 0).cl_ord_id)
        assert d.outcome(x).cum_qty == 3
