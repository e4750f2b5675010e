"""C1: an order's id, side and symbol never change."""

from __future__ import annotations

import re
from typing import Any

import pytest

import exo
from exo.errors import (
    DuplicateOrder,
    ExoError,
    FactoryFailed,
    IdentityChanged,
    InstructionRefused,
    InvalidValue,
    NotRunning,
    UnknownOrder,
    UserError,
)

from .helpers import D, Made, PegOrder, buy, done, done_when_cancelled, in_turn, quote, settled, virtual

MAY_BE = re.compile(r"[0-9A-Za-z-]{1,20}")


@virtual
async def test_c01_ids_are_assigned_in_the_alphabet_and_never_twice() -> None:
    """What exo assigns, exo would accept."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy(symbol=f"S{i % 7}")).order_id for i in range(2000)]
    assert len(set(ids)) == 2000
    assert all(MAY_BE.fullmatch(i) for i in ids)
    assert [m.desk.order_id for m in made.all] == ids


@virtual
async def test_c01_an_id_given_once_is_kept() -> None:
    """The delegate, the acknowledgement and the order all show it."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        ack = d.submit(buy(order_id="Given-1", price=D(3)))
        assert (ack.order_id, ack.order.order_id, (await ack).order_id) == ("Given-1",) * 3
        await settled()
    assert made[0].desk.order.order_id == "Given-1"
    assert made[0].instructions[0].order == buy(order_id="Given-1", price=D(3))


@pytest.mark.parametrize("order_id", ["0", "Z", "-", "a" * 20, "0-9A-Za-z"])
def test_c01_ids_of_the_alphabet_are_taken(order_id: str) -> None:
    """Up to 20 of 0-9A-Za-z-."""
    assert buy(order_id=order_id).order_id == order_id


@pytest.mark.parametrize("order_id", ["", "a" * 21, "a b", "a_b", "a.b", "A\n", "\nA", "٣", "é", "a/b", 7, b"A", True])
def test_c01_other_ids_are_refused(order_id: Any) -> None:
    """The error names the field."""
    with pytest.raises(InvalidValue, match="orderID"):
        buy(order_id=order_id)


@virtual
async def test_c01_the_id_of_a_live_order_is_refused_to_another() -> None:
    """The first order goes on undisturbed, and no second delegate is made or kept."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy(order_id="X"))
        with pytest.raises(DuplicateOrder, match="X"):
            d.submit(buy(order_id="X", symbol="B"))
        d.on_quote(quote())
        await settled()
        assert len(d) == 1
        assert made.of("X").quotes == 1
        assert d.totals.submitted == 1


@virtual
async def test_c01_the_id_of_an_ended_order_is_refused_to_another() -> None:
    """As long as its outcome is kept."""
    async with exo.Dispatcher(Made(done)) as d:
        d.submit(buy(order_id="X"))
        await d.ended("X")
        with pytest.raises(DuplicateOrder):
            d.submit(buy(order_id="X"))
        assert len(d) == 0


@virtual
async def test_c01_an_assigned_id_never_takes_a_given_one() -> None:
    """Also if the owner gives the very ids that exo would have assigned next."""
    async with exo.Dispatcher(Made()) as d:
        sample = d.submit(buy()).order_id
        head, last = sample[:-1], sample[-1]
        given = []
        for digit in "123456789abcdefghijklmnopqrstuvwxyzABC":
            if digit != last:
                given.append(d.submit(buy(order_id=head + digit)).order_id)
        assigned = [d.submit(buy()).order_id for _ in range(100)]
        assert len({sample, *given, *assigned}) == len(given) + 101 == len(d)


@virtual
async def test_c01_a_factory_that_submits_the_same_id_does_not_double_it() -> None:
    """The factory is the user's code and may submit too: one of the two is refused, and the other lives."""
    d: exo.Dispatcher[Any]
    made = Made()
    depth: list[int] = []
    refused: list[ExoError] = []

    def submit() -> None:
        try:
            d.submit(buy(order_id="X"))
        except ExoError as error:
            refused.append(error)

    def factory(desk: exo.Desk[Any]) -> Any:
        if not depth:
            depth.append(1)
            submit()
        return made(desk)

    async with exo.Dispatcher(factory) as d:
        submit()
        await settled()
        assert len(d) == len(refused) == 1
        assert len([m for m in made.all if m.updates]) == 1
    assert "X" in str(refused[0])


@pytest.mark.parametrize("changed", [{"side": exo.Side.SELL}, {"symbol": "B"}])
@virtual
async def test_c01_a_replace_that_changes_identity_is_refused(changed: dict[str, Any]) -> None:
    """A clear error; the delegate hears nothing and the terms stand."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy(order_id="X", price=D(1)))
        await settled()
        with pytest.raises(IdentityChanged, match="X") as caught:
            d.replace(buy(order_id="X", price=D(2), **changed))
        assert next(iter(changed)) in str(caught.value)
        await settled()
        assert len(made[0].updates) == 1
        assert made[0].desk.order == buy(order_id="X", price=D(1))
        d.replace(buy(order_id="X", price=D(3)))
        await settled()
        assert [i.order.price for i in made[0].instructions] == [D(1), D(3)]


@virtual
async def test_c01_a_replace_with_another_type_of_order_is_refused() -> None:
    """The delegate was made for this type's fields."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy(order_id="X"))
        with pytest.raises(IdentityChanged, match="PegOrder"):
            d.replace(exo.Order(order_id="X", side=exo.Side.BUY, symbol="A"))
        await settled()
        assert len(made[0].instructions) == 1


@virtual
async def test_c01_instructions_for_unknown_or_ended_orders_are_refused() -> None:
    """Each with an error that names the order."""
    async with exo.Dispatcher(Made(done)) as d:
        await d.ended(d.submit(buy(order_id="X")).order_id)
        for order_id in ("X", "never"):
            with pytest.raises(UnknownOrder, match=order_id):
                d.replace(buy(order_id=order_id))
            for instruct in (d.cancel, d.hold, d.release):
                with pytest.raises(UnknownOrder, match=order_id):
                    instruct(order_id)


@pytest.mark.parametrize("bad", [None, 7, "X", {"side": "BUY"}, object()])
@virtual
async def test_c01_what_is_no_order_is_refused(bad: Any) -> None:
    """By submit and by replace, with an error that says whose fault it is; nothing else is disturbed."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(buy(order_id="X"))
        with pytest.raises(UserError):
            d.submit(bad)
        with pytest.raises(UserError):
            d.replace(bad)
        await settled()
        assert len(d) == 1 and len(made) == 1
        assert len(made[0].updates) == 1


@pytest.mark.parametrize("bad", [None, 7, "", (), b"X"])
@virtual
async def test_c01_what_is_no_order_id_is_refused(bad: Any) -> None:
    """By cancel, hold and release, with one of exo's own errors."""
    async with exo.Dispatcher(Made()) as d:
        d.submit(buy(order_id="X"))
        for instruct in (d.cancel, d.hold, d.release):
            with pytest.raises(ExoError):
                instruct(bad)


@virtual
async def test_c01_a_replace_without_an_id_is_refused() -> None:
    """It names no order."""
    async with exo.Dispatcher(Made()) as d:
        d.submit(buy())
        with pytest.raises(UserError):
            d.replace(buy(price=D(2)))


@virtual
async def test_c01_every_instruction_accepted_is_delivered_and_none_that_was_refused() -> None:
    """Whatever is refused after a cancel leaves no trace."""
    made = Made(done_when_cancelled)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy(order_id="X")).order_id
        d.replace(buy(order_id="X", price=D(2)))
        d.hold(x)
        d.release(x)
        d.cancel(x)
        for late in (lambda: d.cancel(x), lambda: d.replace(buy(order_id="X", price=D(9))), lambda: d.hold(x)):
            with pytest.raises(InstructionRefused):
                late()
        outcome = await d.ended(x)
    assert [i.msg_type.value for i in made[0].instructions] == ["NEW", "RPL", "RPL", "RPL", "CXL"]
    assert made[0].instructions[-1].order.price == D(2)
    assert outcome.order == buy(order_id="X", price=D(2))


@pytest.mark.parametrize("field", ["order_id", "side", "symbol", "price"])
def test_c01_an_order_cannot_be_changed_in_place(field: str) -> None:
    """Not by assignment and not by deletion."""
    order = buy(order_id="X")
    with pytest.raises(AttributeError):
        setattr(order, field, getattr(order, field))
    with pytest.raises(AttributeError):
        delattr(order, field)


@pytest.mark.parametrize("bad", [{"side": "BUY"}, {"side": None}, {"symbol": ""}, {"symbol": "A B"}, {"symbol": None}])
def test_c01_an_order_without_an_identity_does_not_exist(bad: dict[str, Any]) -> None:
    """Side and symbol are checked when it is made."""
    with pytest.raises(InvalidValue):
        buy(**bad)


def _raises(desk: Any) -> Any:
    raise RuntimeError("no staff")


class _Acts:
    def act(self, update: Any) -> None: ...


class _CleansUp:
    def clean_up(self) -> None: ...


@pytest.mark.parametrize(
    "factory", [_raises, lambda desk: None, lambda desk: _Acts(), lambda desk: _CleansUp(), PegOrder]
)
@virtual
async def test_c01_an_order_without_a_delegate_is_not_admitted(factory: Any) -> None:
    """The id stays free, the count unchanged, and the next order is served."""
    good = Made()
    async with exo.Dispatcher(in_turn(factory, good)) as d:
        with pytest.raises(FactoryFailed, match="X"):
            d.submit(buy(order_id="X"))
        assert len(d) == 0 and d.totals.submitted == 0
        with pytest.raises(UnknownOrder):
            d.outcome("X")
        d.submit(buy(order_id="X"))
        d.on_quote(quote())
        await settled()
        assert good.of("X").quotes == 1


@virtual
async def test_c01_nothing_is_admitted_outside_the_block() -> None:
    """Before it and after it: a clear error."""
    d = exo.Dispatcher(Made())
    with pytest.raises(NotRunning):
        d.submit(buy())
    async with d:
        d.submit(buy(order_id="X"))
    for instruct in (lambda: d.submit(buy()), lambda: d.replace(buy(order_id="X")), lambda: d.cancel("X")):
        with pytest.raises(NotRunning):
            instruct()
