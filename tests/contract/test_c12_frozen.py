"""C12: values are frozen; conflation makes a new one; nobody shares a thing that changes."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import msgspec
import pytest

import exo
from exo.mkt import encode, fold, span_of
from exo.run import End, Stage

from .helpers import D, Made, PegOrder, buy, now_ns, quote, report, settled, trade, virtual

VALUES: list[Any] = [
    exo.Order(side=exo.Side.BUY, symbol="A"),
    buy(price=D(1)),
    quote(),
    trade(),
    report("X"),
    exo.FeedStatus(state=exo.FeedState.GAP),
    exo.Listing(symbol="A"),
    exo.Instruction(msg_type=exo.MsgType.NEW, order=buy()),
    fold(quote(), trade()),
    fold(trade(), trade()).trade,
    exo.Update("A", 1, quote(), None, None),
    exo.Outcome(order=buy(order_id="X"), end=End.DONE, submitted_ns=1, ended_ns=2),
    exo.Event(order_id="X", order=buy(order_id="X"), stage=Stage.WORKING, facts=1, time_ns=1),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_c12_no_field_of_a_value_can_be_set_or_deleted_or_added(value: Any) -> None:
    """Of none of the types that a delegate sees."""
    for field in msgspec.structs.fields(type(value)):
        with pytest.raises(AttributeError):
            setattr(value, field.name, getattr(value, field.name))
        with pytest.raises(AttributeError):
            delattr(value, field.name)
    with pytest.raises(AttributeError):
        value.something_new = 1


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_c12_values_compare_copy_and_pickle_by_what_they_hold(value: Any) -> None:
    """A copy is equal and as frozen; and a value can be a key."""
    for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert again == value and type(again) is type(value)
        with pytest.raises(AttributeError):
            setattr(again, msgspec.structs.fields(type(value))[0].name, None)
    assert {value: 1}[copy.deepcopy(value)] == 1


def test_c12_a_users_order_is_frozen_and_keyword_only_without_asking() -> None:
    """The subclass inherits both."""

    class Mine(PegOrder):
        urgency: int = 0

    order = Mine(side=exo.Side.BUY, symbol="A", urgency=3)
    with pytest.raises(AttributeError):
        order.urgency = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        Mine("X", exo.Side.BUY, "A")  # type: ignore[misc]


def test_c12_folding_changes_none_of_its_parts() -> None:
    """The conflation is a new value."""
    parts: list[Any] = [quote(1, 2), trade(3, 4), fold(quote(5, 6), trade(7, 8)), fold(trade(9, 1), quote(2, 3))]
    before = [msgspec.json.encode(span_of(p)) for p in parts]
    for a in parts:
        for b in parts:
            folded = fold(a, b)
            assert folded is not a and folded is not b
    assert [msgspec.json.encode(span_of(p)) for p in parts] == before


@virtual
async def test_c12_orders_that_looked_at_the_same_point_share_one_update() -> None:
    """The identical object, for those of the same symbol that have no news of their own."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(5)]
        d.submit(buy(symbol="B"))
        await settled()
        for i in range(3):
            d.on_quote(quote(i, 9))
            d.on_trade(trade())
            await settled()
            assert len({id(m.last) for m in made.all[:5]}) == 1
        d.on_quote(quote(7, 9))
        d.on_report(report(ids[2]))
        await settled()
        shared = [made[i].last for i in (0, 1, 3, 4)]
        assert len({id(u) for u in shared}) == 1
        own = made[2].last
        assert own is not shared[0] and len(own.reports) == 1 and shared[0].facts == ()
        assert own.quote is shared[0].quote and own.span == shared[0].span
        d.on_quote(quote(8, 9))
        await settled()
        assert len({id(m.last) for m in made.all[:5]}) == 1


@virtual
async def test_c12_orders_that_looked_at_different_points_do_not_share() -> None:
    """A wake-up or a longer gap is an update of one's own."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        if me is made[1]:
            await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        for _ in range(3):
            d.submit(buy())
        made[2].desk.wake_in(5)
        await asyncio.sleep(0.5)
        d.on_quote(quote(1, 9))
        await settled()
        d.on_quote(quote(2, 9))
        await asyncio.sleep(2)
        assert made[0].last.span is not None and made[1].last.span is not None
        assert (made[0].last.span.quotes, made[1].last.span.quotes) == (1, 2)
        assert made[0].last is made[2].last is not made[1].last
        await asyncio.sleep(5)
        assert made[2].last.woken and not made[0].last.woken


@virtual
async def test_c12_an_update_kept_is_the_same_ever_after() -> None:
    """Whatever comes later, what a delegate has in its hands does not change."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        kept.append((update, picture(update)))

    def picture(update: exo.Update[Any]) -> bytes:
        parts = [update.span, update.quote, update.facts, update.now_ns, update.stale, update.woken, update.status]
        return msgspec.json.encode(parts)

    kept: list[tuple[Any, bytes]] = []
    made = Made(act)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(4)]
        d.hold(ids[3])
        for i in range(100):
            d.on_quote(quote(i, 200, received_ns=now_ns()))
            d.on_trade(trade(i + 1))
            if i % 7 == 0:
                d.on_report(report(ids[i % 4], i))
                d.replace(buy(order_id=ids[i % 4], price=D(i)))
                d.on_status(exo.FeedStatus(state=exo.FeedState.GAP, symbol="A"))
            if i % 3:
                await asyncio.sleep(0.01)
    assert len(kept) > 200
    assert all(picture(update) == before for update, before in kept)


@virtual
async def test_c12_a_delegates_grip_on_its_terms_does_not_change_with_a_replace() -> None:
    """The old order object stands as it was, the desk shows the new one."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy(price=D(1))).order_id
        await settled()
        old = made[0].desk.order
        d.replace(buy(order_id=x, price=D(2)))
        await settled()
        assert old.price == D(1) and made[0].desk.order.price == D(2)
        assert made[0].instructions[0].order.price == D(1)


@virtual
async def test_c12_the_desk_cannot_be_written_to() -> None:
    """It is a window."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        await settled()
        for name in ("order", "order_id", "cancelled", "held", "status", "now", "now_ns", "anything"):
            with pytest.raises(AttributeError):
                setattr(made[0].desk, name, None)


def test_c12_encoding_and_decoding_gives_an_equal_value() -> None:
    """A value is what it holds."""
    from exo.mkt import decode

    for value in (buy(order_id="X", price=D("0.10")), quote(), trade(), report("X")):
        assert decode(encode(value), type(value)) == value
