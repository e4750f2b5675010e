"""Tapes: scripts of what happens."""

from __future__ import annotations

import asyncio

import pytest

import exo
from exo import testing
from exo.delegates import Sweep, SweepOrder
from exo.errors import InvalidValue, UnknownOrder
from exo.flow import VIRTUAL_START_NS
from exo.testing import BadTape, Tape, cancel, hold, quote, release, replace, report, submit, trade

LOW, HIGH = quote("A", "1", "2"), quote("A", "3", "4")


class Notes:
    """Notes every update of every order, and is done when cancelled."""

    seen: list[exo.Update[SweepOrder]]

    def __init__(self, desk: exo.Desk[SweepOrder]) -> None:
        self.desk = desk

    def act(self, update: exo.Update[SweepOrder]) -> exo.Next:
        self.seen.append(update)
        return exo.DONE if self.desk.cancelled else None

    def clean_up(self) -> None: ...


@pytest.fixture
def notes() -> type[Notes]:
    return type("Notes", (Notes,), {"seen": []})


def play(factory, tape: Tape, order: exo.Order | None = None, **options) -> exo.run.Totals:
    async def run() -> exo.run.Totals:
        async with exo.Dispatcher(factory, hog_s=None, **options) as dispatcher:
            about = None if order is None else dispatcher.submit(order).order
            await tape.play(dispatcher, about)
            await asyncio.sleep(0)
            return dispatcher.totals

    return exo.run_virtually(run())


def test_a_tape_is_sorted_by_time_and_keeps_the_order_within_one():
    """It may be written by theme."""
    trade_ = trade("A", "1", "1")
    tape = Tape((2, HIGH), (1, LOW), (2, trade_))
    assert tape.steps == ((1, LOW), (2, HIGH), (2, trade_))
    assert (tape.end_s, tape.steps[0].event) == (2, LOW)


def test_tapes_add_up():
    """Their times are those of one start."""
    assert (Tape((2, HIGH)) + Tape((1, LOW))).steps == ((1, LOW), (2, HIGH))


def test_an_empty_tape_plays_at_once():
    """It has no end to wait for."""
    assert Tape().end_s == 0
    assert play(Sweep, Tape()).ticks == 0


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ((-1, LOW), "expected seconds from 0 up, got -1"),
        ((float("nan"), LOW), "expected seconds from 0 up, got nan"),
        ((float("inf"), LOW), "expected seconds from 0 up, got inf"),
        (("1", LOW), "expected seconds from 0 up, got '1'"),
        ((1, "quote"), "expected an event, got str 'quote'"),
        ((1, testing.order()), "expected an event, got Order"),
        ((1,), r"expected \(seconds, event\), got \(1,\)"),
        (LOW, r"expected \(seconds, event\), got Quote"),
    ],
)
def test_a_step_that_cannot_be_played_is_named(step, problem):
    """Before anything is played."""
    with pytest.raises(BadTape, match=f"step 2 of the tape: {problem}"):
        Tape((0, LOW), step)


def test_events_happen_at_their_time_and_are_received_then(notes):
    """To the nanosecond, in virtual time."""
    play(notes, Tape((0.1, LOW), (0.3, HIGH), (7, LOW)), testing.order(SweepOrder, order_qty=1))
    at_ns = [0, 100_000_000, 300_000_000, 7_000_000_000]
    assert [update.now_ns - VIRTUAL_START_NS for update in notes.seen] == at_ns
    assert [update.age_s for update in notes.seen] == [None, 0, 0, 0]


def test_events_of_one_time_are_delivered_together(notes):
    """As if one read of a feed had brought them."""
    play(notes, Tape((1, LOW), (1, trade("A", "1", "1")), (1, HIGH)), testing.order(SweepOrder, order_qty=1))
    (_, update) = notes.seen
    assert update.quote is not None
    assert update.span is not None
    assert (update.quote.bid_px, update.span.quotes, update.span.trades) == (3, 2, 1)


def test_every_kind_of_event_reaches_the_order_it_is_about(notes):
    """Without an order id, that is the one the tape is played for."""
    tape = Tape(
        (1, testing.feed(exo.FeedState.GAP)),
        (2, report(last_qty="1", last_px="2")),
        (3, hold()),
        (4, replace(price="3")),
        (5, release()),
        (6, replace(order_qty=5)),
        (7, cancel()),
    )
    play(notes, tape, testing.order(SweepOrder, order_qty=1))
    _, gap, fill, held, priced, released, resized, cancelled = notes.seen
    assert gap.stale
    assert gap.gaps == 1
    assert fill.reports[0].received_ns == VIRTUAL_START_NS + 2_000_000_000
    assert [held.instructions[0].exec_inst, released.instructions[0].exec_inst] == [
        exo.mkt.ExecInst.HOLD,
        exo.mkt.ExecInst.RELEASE,
    ]
    assert priced.instructions[0].order.price == 3
    assert (resized.instructions[0].order.price, resized.instructions[0].order.order_qty) == (3, 5)
    assert cancelled.instructions[0].msg_type is exo.MsgType.CXL


def test_a_tape_can_submit_orders_and_ask_about_them_by_id(notes):
    """Any dispatcher will do."""
    order = testing.order(SweepOrder, order_id="x", order_qty=1)
    changed = testing.order(SweepOrder, order_id="x", order_qty=2)
    tape = Tape(
        (1, submit(order)), (2, replace(changed)), (3, replace(order_id="x", price="1")), (4, cancel(order_id="x"))
    )
    totals = play(notes, tape)
    assert (totals.submitted, totals.ended) == (1, 1)
    assert notes.seen[2].instructions[0].order == testing.order(SweepOrder, order_id="x", order_qty=2, price=1)


def test_a_refused_instruction_ends_the_play_and_says_where():
    """The note has the time and the step."""
    with pytest.raises(UnknownOrder, match="order y is not here") as caught:
        play(Sweep, Tape((1, LOW), (2.5, cancel("y"))))
    assert caught.value.__notes__[0].startswith("2.5 s into the tape, at Ask(verb='cancel'")


def test_terms_are_not_asked_of_an_order_nobody_knows():
    """Partly replaced can only be what the tape has seen."""
    with pytest.raises(UnknownOrder, match="order y is not here"):
        play(Sweep, Tape((1, replace(order_id="y", price="1"))))


def test_a_replace_by_terms_the_order_does_not_have_is_refused():
    """As when it was built."""
    with pytest.raises(InvalidValue, match=r"SweepOrder has no such term at \$\.limit"):
        play(Sweep, Tape((1, replace(limit="1"))), testing.order(SweepOrder, order_qty=1))


def test_a_report_for_no_order_is_an_orphan():
    """The tape does not judge."""
    orphans: list[exo.Report] = []
    play(Sweep, Tape((1, report("gone"))), on_orphan=orphans.append)
    assert [orphan.order_id for orphan in orphans] == ["gone"]
