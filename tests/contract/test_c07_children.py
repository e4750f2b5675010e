"""C7: of an order whose delegate fails, the container cancels the child and lets it go when that has ended."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

import exo
from exo.errors import InstructionRefused
from exo.mkt import ExecType, OrdStatus
from exo.run import End, Stage
from exo.venue import PaperVenue

from .helpers import D, Made, buy, done_when_cancelled, quote, report, settled, virtual
from .venues import Wire


def fails_at_a_quote(how: str) -> Made:
    """A delegate that works its order at once and fails at its first quote."""

    def plain(me: Any, update: Any) -> Any:
        if update.quote:
            raise ValueError("boom")
        me.desk.work(price=D(10))

    async def later(me: Any, update: Any) -> Any:
        await asyncio.sleep(0.1)
        plain(me, update)

    def nonsense(me: Any, update: Any) -> Any:
        return "nonsense" if update.quote else plain(me, update)

    act = {"def": plain, "blocking": plain, "async": later, "nonsense": nonsense}[how]
    return Made(act, blocking=how == "blocking")


every_way = pytest.mark.parametrize("how", ["def", "async", "blocking", "nonsense"])


@every_way
@virtual
async def test_c07_the_child_of_a_failed_order_is_cancelled_at_once_and_once(how: str) -> None:
    """By the container; the order stays until the venue has reported the end."""
    wire = Wire()
    made = fails_at_a_quote(how)
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await asyncio.sleep(1)
        wire.accept()
        await asyncio.sleep(1)
        assert wire.cancels == []
        d.on_quote(quote())
        await asyncio.sleep(1)
        assert [c.orig_cl_ord_id for c in wire.cancels] == [wire.news[0].cl_ord_id]
        assert len(d) == 1 and d.outcome(x) is None and d.totals.failed == 0
        calls = len(made.calls)
        d.on_quote(quote(12, 13))
        wire.fill(3)
        await asyncio.sleep(1)
        assert len(d) == 1 and len(wire.requests) == 2
        desk = made[0].desk
        assert (desk.cum_qty, desk.working.leaves_qty) == (3, 7)
        wire.end()
        outcome = await d.ended(x)
        assert (desk.cum_qty, desk.working) == (3, None)
        assert len(made.calls) == calls and len(d) == 0 and d.totals.failed == d.totals.ended == 1
    assert outcome.end is End.FAILED and outcome.traceback
    assert made[0].cleaned == 1 and made[0].late == 0


@every_way
@virtual
async def test_c07_a_failure_shows_at_once_though_the_order_has_not_left(how: str, caplog: Any) -> None:
    """In the events, in the log with its traceback, and to whoever begins to read later; the outcome comes last."""
    wire = Wire()
    made = fails_at_a_quote(how)
    stages: list[Any] = []

    async def follow(events: Any) -> None:
        async for event in events:
            stages.append((event.stage, event.outcome is not None))

    with caplog.at_level(logging.ERROR):
        async with exo.Dispatcher(made, wire) as d:
            x = d.submit(buy(order_qty=D(10))).order_id
            follower = asyncio.create_task(follow(d.events()))
            await asyncio.sleep(1)
            d.on_quote(quote())
            await asyncio.sleep(1)
            assert stages[-1] == (Stage.FAILED, False)
            [record] = caplog.records
            assert x in record.getMessage() and record.exc_info
            assert (await anext(d.events())).stage is Stage.FAILED
            wire.end()
            await d.ended(x)
        await follower
    assert stages[-1] == (Stage.FAILED, True) and (Stage.WORKING, False) not in stages[2:]


@pytest.mark.parametrize("kind", [ExecType.CANCELED, ExecType.EXPIRED, ExecType.REJECTED, ExecType.TRADE])
@virtual
async def test_c07_any_end_of_the_child_lets_a_failed_order_go(kind: ExecType) -> None:
    """Filled while the cancel was on its way, too."""
    wire = Wire()
    async with exo.Dispatcher(fails_at_a_quote("def"), wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote())
        await settled()
        assert len(d) == 1
        told = [wire.fill(10) if kind is ExecType.TRADE else wire.end(kind)]
        if kind is ExecType.TRADE:
            assert len(d) == 1  # the cancel is still to be answered
            told.append(wire.refuse(OrdStatus.FILLED))
        assert len(d) == 0
        outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.FAILED
    assert outcome.undelivered == tuple(told)


@virtual
async def test_c07_a_cancel_that_is_on_its_way_is_not_sent_again_by_the_failure() -> None:
    """The delegate had asked for it already."""
    wire = Wire()

    def act(me: Any, update: Any) -> None:
        me.desk.work(price=D(10))
        if update.quote:
            me.desk.cancel()
            raise ValueError("boom")

    async with exo.Dispatcher(Made(act), wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote())
        await settled()
        assert len(wire.cancels) == 1 and len(d) == 1
        wire.end()
        assert (await d.ended(x)).end is End.FAILED


@virtual
async def test_c07_a_failed_order_without_a_live_child_leaves_at_once() -> None:
    """None ever, or one that has ended."""
    wire = Wire()
    made = fails_at_a_quote("def")
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.end()
        await settled()
        wire.end(child=1)
        d.on_quote(quote())
        assert (await d.ended(x)).end is End.FAILED
        assert wire.cancels == []


@virtual
async def test_c07_a_failed_order_that_waits_for_its_child_takes_no_instruction() -> None:
    """Each is refused with the reason; the id stays taken."""
    wire = Wire()
    async with exo.Dispatcher(fails_at_a_quote("def"), wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote())
        await settled()
        for instruct in (d.cancel, d.hold, d.release, lambda x: d.replace(buy(order_id=x, order_qty=D(1)))):
            with pytest.raises(InstructionRefused, match="failed"):
                instruct(x)
        with pytest.raises(exo.errors.DuplicateOrder):
            d.submit(buy(order_id=x))
        wire.end()


@virtual
async def test_c07_a_desk_asks_for_nothing_once_its_delegate_has_failed() -> None:
    """Neither in its clean-up nor by somebody who has kept it."""
    wire = Wire()
    made = fails_at_a_quote("def")
    answers: list[Any] = []
    made.clean_up = lambda me: answers.append(me.desk.work(price=D(9)))
    async with exo.Dispatcher(made, wire) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        d.on_quote(quote())
        await settled()
        wire.end()
        answers.append(made[0].desk.work(price=D(9)))
        assert answers == [None, None] and len(wire.news) == 1


@virtual
async def test_c07_while_a_failed_order_waits_the_others_are_served() -> None:
    """And their children stand as they stood."""
    wire = Wire()
    made = Made(lambda me, update: None)

    def act(me: Any, update: Any) -> None:
        if me is made[1] and update.quote:
            raise ValueError("boom")
        me.desk.work(price=D(10))

    made.act = act
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        for _ in range(3):
            d.submit(buy(order_qty=D(10)))
        await settled()
        for i in range(3):
            d.on_quote(quote(i, i + 1))
            await settled()
        assert [c.orig_cl_ord_id for c in wire.cancels] == [wire.news[1].cl_ord_id]
        assert [m.quotes for m in made.all] == [3, 1, 3]
        wire.end(child=1)
        assert len(d) == 2


@virtual
async def test_c07_reports_of_a_failed_order_that_has_left_are_orphans() -> None:
    """Until then they are its own, unseen by its delegate, and in its outcome."""
    wire = Wire()
    orphans: list[Any] = []
    async with exo.Dispatcher(fails_at_a_quote("def"), wire, on_orphan=orphans.append) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote())
        await settled()
        told = [wire.fill(1), wire.fill(2), wire.end()]
        late = wire.fill(1)
        outcome = d.outcome(x)
    assert outcome is not None and list(outcome.undelivered) == told and orphans == [late]


@virtual
async def test_c07_a_failed_order_whose_mailbox_is_full_still_learns_of_its_childs_end() -> None:
    """A fact too many is refused, but applied."""
    wire = Wire()
    async with exo.Dispatcher(fails_at_a_quote("def"), wire, mailbox_limit=3) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote())
        await settled()
        for i in range(3):
            d.on_report(report(x, i))
        with pytest.raises(exo.errors.MailboxFull):
            wire.end()
        assert (await d.ended(x)).end is End.FAILED


@virtual
async def test_c07_on_paper_a_failed_order_leaves_without_its_child_at_the_venue() -> None:
    """Nothing trades for it any more."""
    venue = PaperVenue()
    made = fails_at_a_quote("def")
    async with exo.Dispatcher(made, venue) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        other = d.submit(buy(symbol="B", order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote())
        assert (await d.ended(x)).end is End.FAILED
        for symbol in "AB":
            venue.on_quote(exo.Quote(symbol, D(1), D(100), D(2), D(100)))
        await settled()
        assert list(venue.executed) == [("B", exo.Side.BUY)]
        assert made.of(other).desk.finished


@virtual
async def test_c07_a_venue_that_raises_fails_no_delegate_but_leaves_its_child_in_doubt() -> None:
    """A request may leave long after it was asked for; the order stays while it may be on its way."""

    def fails(request: Any) -> None:
        if request.symbol == "A":
            raise OSError("the line is down")

    wire = Wire(fails)

    def act(me: Any, update: Any) -> Any:
        me.desk.work(price=D(10))
        return done_when_cancelled(me, update) if me.desk.finished else None

    made = Made(act)
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        good = d.submit(buy(symbol="B", order_qty=D(10))).order_id
        await settled()
        assert len(d) == 2 and made[0].desk.in_doubt and not made[1].desk.in_doubt
        wire.fill(10)
        d.cancel(good)
        assert (await d.ended(good)).end is End.DONE
    assert d.totals.failed == 0 and d.totals.ended == 2
