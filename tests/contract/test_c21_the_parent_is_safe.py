"""C21: what is filled and what may still fill never exceeds an order's quantity, whatever its delegate does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import pytest

import exo
from exo.dma import CancelOrder, NewOrder
from exo.errors import InstructionRefused, InvalidValue, UnknownOrder
from exo.flow import seeded
from exo.run import End

from .helpers import D, Made, buy, quote, settled, virtual
from .venues import Watched, Wire


def greedy(qty: object = None, price: object = 10) -> Any:
    """An act that asks for so much every time."""

    def act(me: Any, update: Any) -> Any:
        me.desk.work(price=D(str(price)), order_qty=None if qty is None else D(str(qty)))
        return exo.DONE if me.desk.finished else None

    return act


@pytest.mark.parametrize("asked", [None, 4, 10, 11, "1e40"])
@virtual
async def test_c21_a_delegate_that_asks_for_more_gets_what_is_left(asked: object) -> None:
    """Cut before it is sent, of an order that has filled a part as well."""
    wire = Wire()
    made = Made(greedy(asked))
    async with exo.Dispatcher(made, wire) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        first = min(10, int(D(str(asked)))) if asked else 10
        assert [new.order_qty for new in wire.news] == [first]
        wire.fill(3)
        wire.end()
        await settled()
        second = min(7, int(D(str(asked)))) if asked else 7
        assert [new.order_qty for new in wire.news] == [first, second]
        wire.end()
        await settled()


@virtual
async def test_c21_asking_again_before_the_venue_has_answered_sends_nothing_more() -> None:
    """What was sent counts from then on, though no report has come."""
    wire = Wire()
    seen: list[Any] = []

    def act(me: Any, update: Any) -> None:
        seen.extend(me.desk.work(price=D(10)) for _ in range(5))
        seen.append((me.desk.working.leaves_qty, me.desk.cum_qty, me.desk.leaves_qty))

    async with exo.Dispatcher(Made(act), wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        for i in range(20):
            d.on_quote(quote(i + 1, i + 2))
            await settled()
        assert [new.order_qty for new in wire.news] == [10]
        assert seen[0] == wire.news[0] and seen[1:6] == [None] * 4 + [(10, 0, 10)]


@virtual
async def test_c21_another_price_waits_for_the_end_of_what_stands() -> None:
    """And gets what is left after the executions that came meanwhile."""
    wire = Wire()
    prices = iter([10, 11, 11, 11, 11, 11, 11])

    def act(me: Any, update: Any) -> None:
        me.desk.work(price=D(next(prices)))

    async with exo.Dispatcher(Made(act), wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        wire.accept()
        await settled()
        assert [type(r) for r in wire.requests] == [NewOrder, CancelOrder]
        wire.fill(6)
        await settled()
        assert len(wire.requests) == 2
        wire.end()
        await settled()
        assert [(new.order_qty, new.price) for new in wire.news] == [(10, 10), (4, 11)]


@virtual
async def test_c21_a_child_in_doubt_counts_in_full() -> None:
    """A venue that raises may have got the request: nothing is sent in its place until a report tells."""

    wire = Wire()
    desks: list[Any] = []

    def act(me: Any, update: Any) -> None:
        desks.append(me.desk)
        try:
            me.desk.work(price=D(10))
        except OSError:
            assert me.desk.in_doubt and me.desk.working.leaves_qty == 10

    def first(request: Any) -> None:
        if not wire.requests:
            wire.requests.append(request)  # it has arrived all the same
            raise OSError("the line is down")

    wire.fails = first
    async with exo.Dispatcher(Made(act), wire, exit_s=1) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        for i in range(5):
            d.on_quote(quote(i + 1, i + 2))
            await settled()
        assert len(wire.requests) == 1 and desks[0].in_doubt and not desks[0].finished
        wire.accept()
        await settled()
        assert not desks[0].in_doubt and len(wire.requests) == 1
        wire.end()
        await settled()
        assert [new.order_qty for new in wire.news] == [10, 10]


@pytest.mark.parametrize("how", ["async", "blocking"])
@virtual
async def test_c21_new_terms_bind_before_the_delegate_knows_them(how: str) -> None:
    """A delegate in mid-call still sees the old quantity; what it asks for is cut by the new one."""
    wire = Wire()
    seen: list[Any] = []

    async def waits(me: Any, update: Any) -> None:
        if update.woken:
            await asyncio.sleep(1)
            seen.append(me.desk.order.order_qty)
            me.desk.work(price=D(10))
        else:
            me.desk.wake_in(1)

    def blocks(me: Any, update: Any) -> None:
        if update.woken:
            asyncio.run_coroutine_threadsafe(lowered(), loop).result()
            seen.append(me.desk.order.order_qty)
            me.desk.work(price=D(10))
        elif not seen:
            me.desk.wake_in(1)

    async def lowered() -> None:
        d.replace(buy(order_id=x, order_qty=D(4)))

    loop = asyncio.get_running_loop()
    made = Made(waits) if how == "async" else Made(blocks, blocking=True)
    async with exo.Dispatcher(made, wire, exit_s=5) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await asyncio.sleep(1.5)
        if how == "async":
            await lowered()
        await asyncio.sleep(1)
        assert seen[0] == 10 and [new.order_qty for new in wire.news] == [4]
        wire.end()


@pytest.mark.parametrize("lowered", [3, 6])
@virtual
async def test_c21_new_terms_below_what_is_working_cancel_the_child(lowered: int) -> None:
    """The container does it, not the delegate, which then gets what is left."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        wire.accept()
        wire.fill(5)
        d.replace(buy(order_id=x, order_qty=D(12)))
        d.replace(buy(order_id=x, order_qty=D(10), price=D(1)))
        assert wire.cancels == []
        d.replace(buy(order_id=x, order_qty=D(lowered)))
        assert [c.orig_cl_ord_id for c in wire.cancels] == [wire.news[0].cl_ord_id]
        d.replace(buy(order_id=x, order_qty=D(lowered), price=D(2)))
        assert len(wire.cancels) == 1
        wire.end()
        await settled()
        request = desk.work(price=D(10))
        if lowered == 3:
            assert request is None and desk.leaves_qty == 0 and desk.cum_qty == 5 and desk.finished
        else:
            assert request.order_qty == 1
            wire.end()


@virtual
async def test_c21_raised_terms_leave_more_to_work() -> None:
    """At once, before the delegate knows."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire) as d:
        x = d.submit(buy(order_qty=D(10))).order_id
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        wire.fill(10)
        assert desk.work(price=D(10)) is None
        d.replace(buy(order_id=x, order_qty=D(15)))
        assert desk.work(price=D(10)).order_qty == 5
        wire.end()


@virtual
async def test_c21_an_execution_told_twice_counts_once() -> None:
    """And the delegate hears of it once."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        for _ in range(3):
            wire.fill(4, exec_id="E")
            await settled()
        assert (desk.cum_qty, desk.leaves_qty, desk.working.leaves_qty) == (4, 6, 6)
        assert made[0].exec_ids == ["E"] and d.totals.repeated == 2
        wire.end()


@virtual
async def test_c21_cum_qty_comes_from_executions_and_not_from_requests() -> None:
    """Neither from asking, nor from being accepted, nor from the end."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        assert (desk.cum_qty, desk.avg_px) == (0, None)
        wire.accept()
        assert desk.cum_qty == 0
        wire.fill(1, 10)
        wire.fill(2, 13)
        assert (desk.cum_qty, desk.avg_px, desk.leaves_qty) == (3, 12, 7)
        wire.end()
        assert (desk.cum_qty, desk.avg_px) == (3, 12)


@virtual
async def test_c21_an_execution_after_the_end_lowers_what_may_be_asked_for() -> None:
    """It reaches the sums before the delegate's next question."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire) as d:
        d.submit(buy(order_qty=D(10)))
        await settled()
        desk = made[0].desk
        desk.work(price=D(10))
        wire.end()
        wire.fill(4)
        assert desk.cum_qty == 4 and desk.work(price=D(10)).order_qty == 6
        wire.end()


@virtual
async def test_c21_one_orders_quantity_is_not_anothers() -> None:
    """Each has its own child and its own sums."""
    wire = Wire()
    made = Made(greedy())
    async with exo.Dispatcher(made, wire) as d:
        for qty in (10, 20):
            d.submit(buy(order_qty=D(qty)))
        await settled()
        wire.fill(3, child=0)
        await settled()
        assert [new.order_qty for new in wire.news] == [10, 20]
        assert [m.desk.cum_qty for m in made.all] == [3, 0]
        wire.end(child=0)
        wire.end(child=1)
        await settled()
        assert [new.order_qty for new in wire.news] == [10, 20, 7, 20]
        wire.fill(7, child=2)
        wire.fill(20, child=3)
        await d.all_ended()


@virtual
async def test_c21_an_order_without_a_quantity_is_not_bounded_but_must_name_one() -> None:
    """Whatever it names is sent; without one its delegate fails."""
    wire = Wire()
    made = Made()
    async with exo.Dispatcher(made, wire) as d:
        d.submit(exo.Order(side=exo.Side.SELL, symbol="A"))
        await settled()
        desk = made[0].desk
        with pytest.raises(InvalidValue, match="order_qty"):
            desk.work(price=D(10))
        assert desk.work(price=D(10), order_qty=D(10**30)).order_qty == 10**30
        assert desk.leaves_qty == 0
        wire.end()


class Hostile:
    """Does at random whatever a desk lets it do, and in between what it must not."""

    blocking = False

    def __init__(self, desk: exo.Desk[Any], random: Any, errors: float) -> None:
        self.desk = desk
        self.random = random
        self.errors = errors
        self.done = 0

    def act(self, update: exo.Update[Any]) -> Any:
        random, desk = self.random, self.desk
        for _ in range(random.randint(0, 4)):
            if random.random() < 0.25:
                desk.cancel()
            else:
                desk.work(
                    price=random.choice([None, *map(D, range(95, 106))]),
                    order_qty=random.choice([None, None, D(random.randint(1, 40)), D("1e30")]),
                    time_in_force=random.choice(list(exo.TimeInForce)[:5]),
                )
        desk.wake_in(random.choice([0.02, 0.1, 1]))
        if random.random() < self.errors:
            raise ValueError("on purpose")
        if random.random() < 0.1 and (random.random() < self.errors * 10 or desk.finished):
            self.done += 1
            return exo.DONE
        return None

    def clean_up(self) -> None:
        """Too late for anything."""
        self.desk.work(price=None, order_qty=D(1))


class HostileAsync(Hostile):
    """Gives way in mid-call, twice, and goes on where it left off with what it thinks it knows."""

    async def act(self, update: exo.Update[Any]) -> Any:  # type: ignore[override]
        super().act(update)
        await asyncio.sleep(self.random.choice([0, 0.003, 0.5]))
        super().act(update)
        await asyncio.sleep(0)
        return super().act(update)


class HostileThread(Hostile):
    """Lives on a thread of its own."""

    blocking = True


@pytest.mark.parametrize("kind", [Hostile, HostileAsync, HostileThread])
@pytest.mark.parametrize("seed", range(4))
@virtual
async def test_c21_a_hostile_delegate_never_executes_too_much_and_leaves_nothing_live(kind: Any, seed: int) -> None:
    """Held, replaced, cancelled, failing and done too soon, through hundreds of requests on a moving market."""
    random = seeded(f"{kind.__name__}-{seed}")
    errors = 0.01 if seed % 3 else 0.0
    quantities = {f"O{i}": D(random.randint(20, 60)) for i in range(8)}
    sides = {order_id: random.choice(list(exo.Side)) for order_id in quantities}
    most = dict(quantities)
    venue = Watched(quantities)

    def made(desk: exo.Desk[Any]) -> Any:
        return kind(desk, seeded(f"{desk.order_id}-{seed}"), errors)

    def asks(d: exo.Dispatcher[Any], order_id: str) -> None:
        what = random.choice([d.hold, d.release, d.release, d.replace, d.replace, *[None] * 12])
        if what == d.replace:
            qty = quantities[order_id] + random.choice([5, -1 if seed % 2 else 1])
            d.replace(buy(order_id=order_id, side=sides[order_id], order_qty=qty))
            quantities[order_id], most[order_id] = qty, max(qty, most[order_id])
        elif what is not None:
            what(order_id)

    logging.getLogger("exo.run").disabled = True
    try:
        async with exo.Dispatcher(made, venue, exit_s=10) as d:
            for order_id, qty in quantities.items():
                d.submit(buy(order_id=order_id, side=sides[order_id], order_qty=qty))
            for _ in range(150):
                bid = random.randint(95, 104)
                shown = exo.Quote("A", D(bid), D(random.randint(0, 2)), D(bid + 1), random.choice([None, D(1), D(2)]))
                venue.on_quote(shown)
                d.on_quote(shown)
                await asyncio.sleep(random.choice([0, 0, 0.01] if kind is not HostileAsync else [0, 0.2, 0.5]))
                with contextlib.suppress(InstructionRefused, UnknownOrder):
                    asks(d, random.choice(list(quantities)))
            for order_id in list(quantities)[:4]:
                with contextlib.suppress(InstructionRefused, UnknownOrder):
                    d.cancel(order_id)
            await asyncio.sleep(random.choice([0, 1]))
    finally:
        logging.getLogger("exo.run").disabled = False
    assert venue.breaches == []
    assert venue.requests > 100
    assert venue.open() == 0
    filled = dict(venue.filled)
    assert any(filled.values()) and all(filled.get(order_id, 0) <= qty for order_id, qty in most.items())
    venue.trade_all()
    await asyncio.sleep(1)
    assert venue.filled == filled
    ends = [outcome.end for outcome in map(d.outcome, quantities) if outcome]
    assert len(ends) == 8 and (End.FAILED in ends) <= bool(errors)
