"""C8: an order does not leave while a child of it may still trade, and hears of all that comes before it leaves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import exo
from exo.errors import DoneTooSoon
from exo.mkt import ExecType
from exo.run import End
from exo.venue import PaperVenue

from .helpers import D, Made, buy, quote, settled, virtual
from .venues import Wire


@pytest.mark.parametrize("how", ["def", "async", "suspended", "blocking"])
@virtual
async def test_c08_done_with_a_live_child_is_refused_and_named(how: str) -> None:
    """The order fails, its child is cancelled, and the error says which child it was and what to do."""
    wire = Wire()

    def plain(me: Any, update: Any) -> Any:
        me.desk.work(price=D(10))
        return exo.DONE if update.quote else None

    async def later(me: Any, update: Any) -> Any:
        await asyncio.sleep(how == "suspended")
        return plain(me, update)

    async def at_once(me: Any, update: Any) -> Any:
        return plain(me, update)

    act = {"def": plain, "blocking": plain, "async": at_once, "suspended": later}[how]
    made = Made(act, blocking=how == "blocking")
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await asyncio.sleep(2)
        d.on_quote(quote())
        await asyncio.sleep(2)
        assert len(d) == 1 and len(wire.cancels) == 1
        wire.end()
        outcome = await d.ended(x)
    assert outcome.end is End.FAILED and DoneTooSoon.__name__ in outcome.error
    for word in ("Recorder", wire.news[0].cl_ord_id, "desk.finished"):
        assert word in outcome.error
    assert made[0].cleaned == 1


@virtual
async def test_c08_done_with_a_child_in_doubt_is_refused_too() -> None:
    """It may have reached the venue."""

    def fails(request: Any) -> None:
        raise OSError("the line is down")

    wire = Wire()

    def act(me: Any, update: Any) -> Any:
        wire.fails = lambda request: (wire.requests.append(request), fails(request))
        me.desk.work(price=D(10))
        assert me.desk.in_doubt
        wire.fails = None
        return exo.DONE

    async with exo.Dispatcher(Made(act), wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        assert len(d) == 1 and len(wire.cancels) == 1
        wire.end()
        outcome = await d.ended(x)
    assert outcome.end is End.FAILED and DoneTooSoon.__name__ in outcome.error


@pytest.mark.parametrize("end", [ExecType.CANCELED, ExecType.EXPIRED, ExecType.REJECTED, ExecType.TRADE])
@virtual
async def test_c08_done_after_the_childs_end_is_done(end: ExecType) -> None:
    """Whichever end; every report was seen."""
    wire = Wire()

    def act(me: Any, update: Any) -> Any:
        if not me.desk.children:
            me.desk.work(price=D(10))
        return exo.DONE if me.desk.working is None else None

    made = Made(act)
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        told = [wire.accept(), wire.fill(10) if end is ExecType.TRADE else wire.end(end)]
        outcome = await d.ended(x)
    assert outcome.end is End.DONE and outcome.undelivered == ()
    assert [r for u in made[0].updates for r in u.reports] == told


@virtual
async def test_c08_a_fill_after_the_cancel_reaches_the_delegate() -> None:
    """The venue was faster; the delegate that waits for `finished` hears of it and then is done."""
    wire = Wire()
    seen: list[Any] = []

    def act(me: Any, update: Any) -> Any:
        desk = me.desk
        if desk.cancelled:
            desk.cancel()
        else:
            desk.work(price=D(10))
        seen.append((desk.cum_qty, desk.finished))
        return exo.DONE if desk.finished else None

    made = Made(act)
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.accept()
        d.cancel(x)
        await settled()
        assert len(wire.cancels) == 1
        fill = wire.fill(4)
        await settled()
        assert made[0].last.reports == (fill,) and seen[-1] == (4, False)
        wire.end()
        outcome = await d.ended(x)
    assert outcome.end is End.DONE and outcome.cancelled and seen[-1] == (4, True)


@virtual
async def test_c08_a_report_that_comes_during_the_act_that_says_done_gets_a_call() -> None:
    """Also where it is the end of the child, which makes that answer true after all."""
    wire = Wire()

    async def act(me: Any, update: Any) -> Any:
        if not me.desk.children:
            me.desk.work(price=D(10))
            return None
        await asyncio.sleep(1)
        return exo.DONE

    made = Made(act)
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        d.on_quote(quote())
        await asyncio.sleep(0.5)
        end = wire.end()
        outcome = await d.ended(x)
    assert outcome.end is End.DONE and made[0].last.reports == (end,)


@virtual
async def test_c08_what_a_desk_shows_is_never_behind_the_report_in_hand() -> None:
    """The child and the sums have every report applied, those that are not delivered yet as well."""
    wire = Wire()
    seen: list[Any] = []

    async def act(me: Any, update: Any) -> None:
        desk = me.desk
        desk.work(price=D(10))
        await asyncio.sleep(1)
        seen.append((desk.cum_qty, desk.working and desk.working.cum_qty, len(update.reports)))

    async with exo.Dispatcher(Made(act), wire, exit_s=3) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wire.fill(1)
        wire.fill(2)
        await asyncio.sleep(1.5)
        assert seen == [(3, 3, 0)]
        await asyncio.sleep(1)
        assert seen[1:] == [(3, 3, 2)]
        wire.end()


@virtual
async def test_c08_an_execution_of_an_order_that_has_left_surfaces_in_on_orphan() -> None:
    """Never dropped, also with a venue."""
    wire = Wire()
    orphans: list[Any] = []

    def act(me: Any, update: Any) -> Any:
        if not me.desk.children:
            me.desk.work(price=D(10))
        return exo.DONE if me.desk.working is None else None

    async with exo.Dispatcher(Made(act), wire, on_orphan=orphans.append) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        wire.end()
        await d.ended(x)
        late = wire.fill(2)
        assert orphans == [late] and d.totals.orphans == 1


@virtual
async def test_c08_on_paper_an_order_is_worked_until_it_is_finished() -> None:
    """The same seen from end to end: filled in three parts, done, and nothing stands."""
    venue = PaperVenue()

    def act(me: Any, update: Any) -> Any:
        if update.quote:
            me.desk.work(price=update.quote.ask_px)
        return exo.DONE if me.desk.finished else None

    made = Made(act)
    async with exo.Dispatcher(made, venue) as d:
        x = d.submit(buy(order_qty=D(3))).order_id
        for i in range(10, 60):
            shown = quote(i % 7 + 1, i % 7 + 2)
            venue.on_quote(shown)
            d.on_quote(shown)
            await settled()
        outcome = await d.ended(x)
        assert venue.executed["A", exo.Side.BUY].qty == 3 == made[0].desk.cum_qty
    assert outcome.end is End.DONE
