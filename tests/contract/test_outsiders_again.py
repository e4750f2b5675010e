"""What an outsider has broken once: turns that facts fill, answers that cannot be closed, ends at odd moments."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

import exo
from exo.dma import Capabilities, StatusQuery
from exo.errors import FactoryFailed
from exo.flow import Window, current_clock
from exo.mkt import ExecType, OrdStatus, Report
from exo.run import End

from .helpers import D, Made, buy, live, quote, report, settled, until, virtual
from .venues import Wire


async def quotes_of(quiet: str, made: Made, d: exo.Dispatcher[Any]) -> int:
    """How many quotes an order of B has seen, a thousand turns after one was shown."""
    d.on_quote(quote(symbol="B"))
    for _ in range(1000):
        await asyncio.sleep(0)
    return made.of(quiet).quotes


@virtual
async def test_c06_orders_whose_facts_fill_a_turn_do_not_starve_prices() -> None:
    """As many orders as a turn has calls post to themselves at each call; a quote still reaches the quiet order."""
    left = [20_000]

    def act(me: Any, update: exo.Update[Any]) -> None:
        if me.desk.order.symbol == "A" and left[0]:
            left[0] -= 1
            d.on_report(report(me.desk.order_id, left[0]))

    made = Made(act)
    async with exo.Dispatcher(made, turn_calls=4) as d:
        quiet = d.submit(buy(symbol="B")).order_id
        await settled()
        for _ in range(4):
            d.submit(buy(symbol="A"))
        seen = await quotes_of(quiet, made, d)
        assert left[0], "the flood outlasts the test"
        left[0] = 0
    assert seen == 1


@virtual
async def test_c06_an_order_slower_than_a_turn_does_not_starve_prices() -> None:
    """One order's facts take 6 ms each of a turn of 5 ms and never end; a quote still reaches the quiet order."""
    left = [20_000]
    clock = current_clock()

    def act(me: Any, update: exo.Update[Any]) -> None:
        if me.desk.order.symbol == "A" and left[0]:
            left[0] -= 1
            clock.advance_to(clock.now_ns() + 6_000_000)  # type: ignore[attr-defined]
            d.on_report(report(me.desk.order_id, left[0]))

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        quiet = d.submit(buy(symbol="B")).order_id
        await settled()
        d.submit(buy(symbol="A"))
        seen = await quotes_of(quiet, made, d)
        assert left[0], "the flood outlasts the test"
        left[0] = 0
    assert seen == 1


@virtual
async def test_c06_orders_late_in_every_turn_do_not_starve_a_board() -> None:
    """Orders that are late for a quote whenever a turn begins leave its last call to the boards now and then."""
    running = [True]

    async def act(me: Any, update: exo.Update[Any]) -> None:
        while running[0] and me.desk.order.symbol == "A":
            await asyncio.sleep(0)
            d.on_quote(quote(symbol="A"))
            return

    made = Made(act)
    async with exo.Dispatcher(made, turn_calls=4) as d:
        quiet = d.submit(buy(symbol="B")).order_id
        await settled()
        for _ in range(8):
            d.submit(buy(symbol="A"))
        for _ in range(100):
            await asyncio.sleep(0)
        seen = await quotes_of(quiet, made, d)
        running[0] = False
    assert seen == 1


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@live
async def test_c07_a_blocking_act_that_exits_does_not_stop_the_others_in_silence(error: type[BaseException]) -> None:
    """The other orders go on, or the program ends; not that they live on and are never called again."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        if me.desk.order_id == "bad":
            raise error(3)

    made = Made(act, blocking=True)
    ended = False
    try:
        async with exo.Dispatcher(made) as d:
            d.submit(buy(order_id="good"))
            await until(lambda: made.of("good").updates)
            d.submit(buy(order_id="bad"))
            await d.ended("bad")
            d.on_quote(quote())
            await asyncio.sleep(0.3)
    except error:
        ended = True
    assert ended or made.of("good").quotes == 1


class Rude:
    """What raises when it is looked at."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("do not look")


@virtual
async def test_c07_a_clean_up_that_answers_what_cannot_be_looked_at_disturbs_nobody() -> None:
    """The others in the same turn are called, and nothing leaves deliver()."""
    made = Made(
        lambda me, u: exo.DONE if me.desk.order_id == "bad" and u.quote else None,
        lambda me: Rude() if me.desk.order_id == "bad" else None,
    )
    async with exo.Dispatcher(made) as d:
        d.submit(buy(order_id="bad"))
        d.submit(buy(order_id="good"))
        d.deliver()
        d.on_quote(quote())
        d.deliver()
    assert made.of("good").quotes == 1


@pytest.mark.parametrize("suspends", [False, True])
@virtual
async def test_c07_an_answer_that_does_not_let_itself_be_closed_fails_its_order_only(suspends: bool) -> None:
    """An act answers a coroutine that has begun and raises when it is closed: FAILED, and nothing leaves deliver()."""

    async def begun() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            raise ValueError("not closed")

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if me.desk.order_id == "bad" and update.quote:
            coro = begun()
            coro.send(None)
            if suspends:
                await asyncio.sleep(1)
            return coro
        return None

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        d.submit(buy(order_id="bad"))
        d.submit(buy(order_id="good"))
        await settled()
        d.on_quote(quote())
        d.deliver()
        await asyncio.sleep(5)
        assert made.of("good").quotes == 1
        outcome = d.outcome("bad")
        assert outcome is not None and outcome.end is End.FAILED


@virtual
async def test_c01_an_assigned_id_never_takes_one_that_is_being_admitted() -> None:
    """The factory of an order with the id that comes next submits one without an id."""
    submitted: list[str] = []

    def factory(desk: exo.Desk[Any]) -> Any:
        if desk.order_id == f"{epoch}-2" and not submitted:
            submitted.append("")
            submitted[0] = d.submit(buy()).order_id
        return made(desk)

    made = Made()
    epoch = ""
    async with exo.Dispatcher(factory) as d:
        epoch = d.submit(buy()).order_id.split("-")[0]
        given = d.submit(buy(order_id=f"{epoch}-2")).order_id
        assert submitted[0] != given
        assert len(d) == 3


@virtual
async def test_a_desk_whose_factory_failed_wakes_nobody() -> None:
    """A wake-up asked for afterwards at the desk of an order that was never admitted does nothing."""
    kept: list[exo.Desk[Any]] = []

    def factory(desk: exo.Desk[Any]) -> Any:
        kept.append(desk)
        raise ValueError

    async with exo.Dispatcher(factory) as d:
        with pytest.raises(FactoryFailed):
            d.submit(buy())
        kept[0].wake_in(1)
        await asyncio.sleep(5)


@virtual
async def test_c16_a_symbol_said_to_be_live_again_is_not_stale_to_the_orders_that_come_later() -> None:
    """All was down, then one symbol came back, before it had orders: its first order does not see it down."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.on_status(exo.FeedStatus(state=exo.FeedState.DOWN))
        d.on_status(exo.FeedStatus(state=exo.FeedState.LIVE, symbol="A"))
        d.submit(buy())
        await settled()
        assert not made[0].last.stale


class Narrow(Wire):
    capabilities = Capabilities(windows=(Window(1, 60.0),))


@virtual
async def test_c07_a_failed_order_whose_child_was_never_sent_leaves_at_once() -> None:
    """Its child still waits for the venue's limits when the delegate raises: it is taken back."""
    wire = Narrow()

    def act(me: Any, update: Any) -> Any:
        if update.quote:
            raise ValueError("boom")
        me.desk.work(price=D(10))

    made = Made(act)
    async with exo.Dispatcher(made, wire, max_age_s=1000) as d:
        for i in range(3):
            d.submit(buy(order_id=f"X{i}", order_qty=D(10)))
        await settled()
        assert len(wire.news) < 3
        d.on_quote(quote())
        await asyncio.sleep(1)
        x = d.outcome("X2")
        assert x is not None and x.end is End.FAILED
        await asyncio.sleep(500)


@virtual
async def test_c09_a_report_from_a_clean_up_does_not_end_an_order_twice() -> None:
    """At the end one delegate's clean-up makes the venue report the end of the child of another, failed, order."""
    wire = Wire()

    def act(me: Any, update: Any) -> Any:
        if me.desk.order_id == "failed":
            if update.quote:
                raise ValueError("boom")
            me.desk.work(price=D(10))

    def clean_up(me: Any) -> None:
        if me.desk.order_id == "good":
            wire.end()

    made = Made(act, clean_up)
    async with exo.Dispatcher(made, wire, exit_s=1) as d:
        d.submit(buy(order_id="good"))
        d.submit(buy(order_id="failed", order_qty=D(10)))
        await settled()
        wire.accept()
        d.on_quote(quote())
        await settled()
        reader = d.events()
    outcome = d.outcome("failed")
    ends = [e.outcome.end async for e in reader if e.outcome is not None and e.order_id == "failed"]
    assert outcome is not None and outcome.end is End.FAILED, outcome
    assert d.totals.ended == 2 and ends == [End.FAILED]


class Standing(Wire):
    """A venue where the one child that it was sent stands, whenever it is asked."""

    async def query(self, query: StatusQuery) -> Sequence[Report]:
        return await self.open_orders()

    async def open_orders(self) -> Sequence[Report]:
        new = self.news[0]
        ids = {"order_id": new.order_id, "cl_ord_id": new.cl_ord_id, "symbol": new.symbol, "side": new.side}
        return [Report(**ids, exec_type=ExecType.ORDER_STATUS, ord_status=OrdStatus.NEW, transact_time=None)]


@virtual
async def test_c07_the_child_of_a_failed_order_is_cancelled_again_after_a_rejected_cancel() -> None:
    """The venue refuses the cancel and says that the child stands: it is not left there without an owner."""
    wire = Standing()

    def act(me: Any, update: Any) -> Any:
        if update.quote:
            raise ValueError("boom")
        me.desk.work(price=D(10))

    async with exo.Dispatcher(Made(act), wire) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wire.accept()
        d.on_quote(quote())
        await settled()
        assert len(wire.cancels) == 1
        wire.refuse()
        for _ in range(10):
            await asyncio.sleep(60)
        asked = len(wire.cancels)
        wire.end()
        await settled()
        assert not len(d)
    assert asked > 1


@virtual
async def test_c11_what_waits_for_a_late_call_is_bounded_by_the_orders() -> None:
    """Facts fill every turn while one order is late again and again: it waits in line once, not once each time."""
    running = [True]

    async def slow() -> None:
        await asyncio.sleep(0)

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if me.desk.order.symbol == "X":
            return slow()
        if running[0]:
            d.on_report(report(me.desk.order_id))
        return None

    made = Made(act)
    async with exo.Dispatcher(made, turn_calls=4) as d:
        late = d.submit(buy(symbol="X")).order_id
        for _ in range(4):
            d.submit(buy(symbol="A"))
        for i in range(3000):
            d.on_quote(quote(symbol="X"))
            if not made.of(late).inside:
                d.on_report(report(late, i))
            await asyncio.sleep(0)
        waiting = len(d._delivery._late)
        running[0] = False
    assert waiting <= 5


@virtual
async def test_c06_slow_orders_that_are_late_for_quotes_do_not_starve_another_board() -> None:
    """Late orders take 6 ms each of a turn of 5 ms; a quote of another symbol still reaches the quiet order."""
    running = [True]
    clock = current_clock()

    async def act(me: Any, update: exo.Update[Any]) -> None:
        if running[0] and me.desk.order.symbol == "A":
            clock.advance_to(clock.now_ns() + 6_000_000)  # type: ignore[attr-defined]
            await asyncio.sleep(0)
            d.on_quote(quote(symbol="A"))

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        quiet = d.submit(buy(symbol="B")).order_id
        await settled()
        for _ in range(4):
            d.submit(buy(symbol="A"))
        for _ in range(100):
            await asyncio.sleep(0)
        seen = await quotes_of(quiet, made, d)
        running[0] = False
    assert seen == 1
