"""Outbox: what may leave, when, and in which order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exo.dma import CancelOrder, Capabilities, NewOrder, Outbox, Request, Weights
from exo.flow import Window
from exo.mkt import Side

D = Decimal
S = 1_000_000_000
MS = 1_000_000


def new(order: object, number: object = 1, price: object = 10) -> NewOrder:
    return NewOrder(
        order_id=f"P{order}",
        cl_ord_id=f"P{order}-{number}",
        side=Side.BUY,
        symbol="A",
        order_qty=D(1),
        price=D(str(price)),
    )


def cancel(order: object, number: object = 1) -> CancelOrder:
    return CancelOrder(
        order_id=f"P{order}", cl_ord_id=f"X{order}-{number}", orig_cl_ord_id=f"P{order}-1", side=Side.BUY, symbol="A"
    )


def outbox(*windows: Window, weights: Weights | None = None, **more: Any) -> Outbox:
    return Outbox(Capabilities(windows=windows, weights=weights), **more)


def leaving(box: Outbox, now_ns: int) -> list[str]:
    """The names of all that leaves now."""
    names = []
    while (next_ := box.next(now_ns)) is not None:
        names.append(next_.cl_ord_id)
    return names


def test_without_limits_everything_leaves_at_once_and_in_order() -> None:
    """Of one order: the others' turns lie between."""
    box = outbox()
    for request in (new(1, 1), new(2, 1)):
        box.put(request, 0, "a")
    box.put(new(1, 2), 0, "b")
    assert leaving(box, 0) == ["P1-1", "P2-1", "P1-2"] and len(box) == 0 and box.due_ns(0) is None


def test_cancels_leave_first_and_have_room_of_their_own() -> None:
    """A fifth of the window is kept for them."""
    box = outbox(Window(10, 1))
    for number in range(20):
        box.put(new(number), 0)
    assert len(leaving(box, 0)) == 8
    for number in range(3):
        box.put(cancel(number), MS)
    assert leaving(box, MS) == ["X0-1", "X1-1"] and box.due_ns(MS) == S
    assert leaving(box, S)[0] == "X2-1"


def test_orders_take_turns_however_much_one_of_them_wants() -> None:
    """The one with a hundred children does not starve the one with one."""
    box = outbox(Window(2, 1), reserve=0, max_age_s=1000)
    for number in range(100):
        box.put(new(1, number), 0, f"slot {number}")
    box.put(new(2), 0)
    assert leaving(box, 0) == ["P1-0", "P2-1"]


def test_an_order_that_changes_its_mind_keeps_its_turn() -> None:
    """However often: the newest intent leaves in the place of the first."""
    box = outbox(Window(1, 1), reserve=0, max_age_s=1000)
    box.put(new(0), 0)
    assert leaving(box, 0) == ["P0-1"]
    box.put(new(1, 1), 0)
    box.put(new(2, 1), 0)
    for number in range(2, 50):
        waiting = box.waiting("P1")
        assert waiting is not None and box.take_back(waiting)
        box.put(new(1, number), number)
    assert leaving(box, S) == ["P1-49"] and leaving(box, 2 * S) == ["P2-1"]


def test_what_has_left_cannot_be_taken_back() -> None:
    """And what was taken back does not leave."""
    box = outbox()
    first, second = new(1, 1), new(1, 2)
    box.put(first, 0)
    assert leaving(box, 0) == ["P1-1"] and not box.take_back(first)
    box.put(second, 0)
    assert box.take_back(second) and not box.take_back(second)
    assert leaving(box, 0) == [] and len(box) == 0 and box.due_ns(0) is None


def test_what_has_waited_too_long_is_given_back_unless_it_was_affirmed() -> None:
    """A newer decision for the same makes it new."""
    box = outbox(max_age_s=2)
    box.silent_until_ns = 30 * S
    for order in (1, 2):
        box.put(new(order), 0)
    box.put(cancel(3), 0)
    box.affirm("P2", "", S)
    assert box.due_ns(S) == 2 * S + 1 and box.too_old(2 * S) == []
    assert [waiting.request.cl_ord_id for waiting in box.too_old(2 * S + 1)] == ["P1-1"]
    assert [waiting.request.cl_ord_id for waiting in box.too_old(10 * S)] == ["P2-1"]
    assert leaving(box, 30 * S - 1) == [] and leaving(box, 30 * S) == ["X3-1"]


def test_a_closed_outbox_keeps_everything_but_what_grows_old() -> None:
    """Until it is opened again."""
    box = outbox()
    box.closed = True
    box.put(cancel(1), 0)
    assert box.next(0) is None and box.due_ns(0) is None and len(box) == 1
    box.closed = False
    assert leaving(box, 5) == ["X1-1"]


def test_each_kind_of_request_has_its_own_weight_in_each_window() -> None:
    """Orders in one window, cost in the other; a cancel is no order."""
    weights = Weights(new=(1, 1), replace=(1, 4), cancel=(0, 1))
    box = outbox(Window(2, 10), Window(20, 1), weights=weights, reserve=0, max_age_s=100)
    for number in range(4):
        box.put(new(number), 0)
        box.put(cancel(number), 0)
    assert leaving(box, 0) == ["X0-1", "X1-1", "X2-1", "X3-1", "P0-1", "P1-1"]
    assert box.due_ns(0) == 10 * S


def test_dropping_leaves_the_cancels() -> None:
    """They are final."""
    box = outbox(Window(1, 1))
    box.put(new(1), 0)
    box.put(cancel(1), 0)
    box.put(new(2), 0)
    assert [waiting.request.cl_ord_id for waiting in box.drop()] == ["P1-1", "P2-1"]
    assert leaving(box, 0) == ["X1-1"]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("new"), st.integers(0, 5), st.integers(0, 2)),
        st.tuples(st.just("cancel"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 700), st.just(0)),
        st.tuples(st.just("silence"), st.integers(1, 900), st.just(0)),
    ),
    max_size=120,
)


@settings(max_examples=200)
@given(steps, st.lists(st.tuples(st.integers(2, 9), st.integers(1, 4)), min_size=1, max_size=3))
def test_no_window_is_ever_exceeded_and_no_cancel_is_behind_anything(
    program: list[tuple[str, int, int]], limits: list[tuple[int, int]]
) -> None:
    """Whatever is put in and whenever; cancels are all sent in the end, and what is sent is what was newest."""
    windows = [Window(limit, interval) for limit, interval in limits]
    box = outbox(*windows, max_age_s=0.9)
    now_ns = 0
    sent: list[tuple[int, Request]] = []
    newest: dict[tuple[str, str], str] = {}
    cancels = 0

    def pump() -> None:
        for waiting in box.too_old(now_ns):
            assert now_ns - waiting.since_ns > 0.9 * S
        while (next_ := box.next(now_ns)) is not None:
            request = next_
            assert now_ns >= box.silent_until_ns
            if not isinstance(request, CancelOrder):
                assert not box._cancels or all(not queue for queue in box._cancels.values()), "a cancel waits"
                assert request.cl_ord_id in newest.values()
            sent.append((now_ns, request))

    for number, (what, value, slot) in enumerate(program):
        if what == "new":
            waiting = box.waiting(f"P{value}", str(slot))
            if waiting is not None:
                box.take_back(waiting)
            request = new(value, number)
            newest[request.order_id, str(slot)] = request.cl_ord_id
            box.put(request, now_ns, str(slot))
        elif what == "cancel":
            cancels += 1
            box.put(cancel(value, number), now_ns)
        elif what == "silence":
            box.silent_until_ns = now_ns + value * MS
        else:
            until_ns = now_ns + value * MS
            while (due_ns := box.due_ns(now_ns)) is not None and due_ns <= until_ns:
                now_ns = max(now_ns, due_ns)
                pump()
            now_ns = until_ns
        pump()
    while (due_ns := box.due_ns(now_ns)) is not None:
        assert due_ns > now_ns, "it says when to ask again"
        now_ns = due_ns
        pump()
    assert len(box) == 0 and sum(isinstance(request, CancelOrder) for _, request in sent) == cancels
    for window in windows:
        for at_ns, _ in sent:
            within = [each for each, _ in sent if at_ns <= each < at_ns + window.interval_ns]
            assert len(within) <= window.limit
