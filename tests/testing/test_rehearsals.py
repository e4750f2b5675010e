"""Rehearsals: one delegate against a tape."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import exo
from exo import testing
from exo.delegates import Sweep, SweepOrder
from exo.errors import FactoryFailed, UnknownOrder
from exo.run import End, Stage
from exo.testing import Tape, cancel, quote, rehearse, submit

ORDER = testing.order(SweepOrder, order_qty="10")
TAPE = Tape((0, quote("A", "42", "43", ask_size="6")), (1.5, quote("A", "42", "44", ask_size="6")))


class Scripted:
    """Does what the test says, call by call."""

    answers: tuple[Any, ...] = ()

    def __init__(self, desk: exo.Desk[SweepOrder]) -> None:
        self.desk = desk
        self.cleaned = 0
        self._answers = iter(self.answers)

    def act(self, update: exo.Update[SweepOrder]) -> Any:
        answer = next(self._answers, None)
        if isinstance(answer, BaseException):
            raise answer
        return answer(self) if callable(answer) else answer

    def clean_up(self) -> None:
        self.cleaned += 1


def answering(*answers: Any) -> type[Scripted]:
    return type("Scripted", (Scripted,), {"answers": answers})


def test_a_rehearsal_is_five_lines():
    """As the package's docstring promises."""
    order = testing.order(SweepOrder, order_qty="10")
    tape = Tape((0, quote("A", "42", "43", ask_size="6")), (1, quote("A", "42", "44", ask_size="6")))
    seen = rehearse(Sweep, order, tape)
    assert seen.fills == [(6, 43), (4, 44)]
    assert seen.outcome.end is End.DONE


def test_it_tells_every_look_with_its_time_and_answer():
    """The first has the NEW and what the tape brings at 0 s; what the venue reports of it comes with the next."""
    seen = rehearse(Sweep, ORDER, TAPE)
    looks = [(look.at_s, len(look.update.reports), look.answer) for look in seen.looks]
    assert looks == [(0, 0, None), (0, 2, None), (1.5, 0, None), (1.5, 2, exo.DONE)]
    first = seen.updates[0]
    assert first.instructions[0].msg_type is exo.MsgType.NEW
    assert first.quote is not None


def test_it_tells_events_totals_and_when_the_order_ended():
    """All that the dispatcher told."""
    seen = rehearse(Sweep, ORDER, TAPE)
    assert {event.stage for event in seen.events} == {Stage.WORKING, Stage.DONE}
    assert (seen.totals.updates, seen.totals.ticks, seen.totals.ended) == (4, 2, 1)
    assert (seen.executed.qty, seen.executed.notional) == (10, 434)
    assert seen.ended_s == 1.5


def test_printed_it_is_a_line_a_look():
    """To read when a test fails."""
    tape = TAPE + Tape((1, testing.hold()), (1.2, testing.feed(exo.FeedState.GAP)), (2, testing.release()))
    seen = rehearse(Sweep, ORDER, tape, until_s=3)
    assert str(seen).splitlines() == [
        "    0.000000 s  NEW; 1 quotes, 0 trades; 42 x None / 43 x 6 -> None",
        "    0.000000 s  report; report; 42 x None / 43 x 6 -> None",
        "    1.000000 s  HOLD; 42 x None / 43 x 6 -> None",
        "    2.000000 s  RELEASE; 1 quotes, 0 trades; feed GAP; 42 x None / 44 x 6 -> None",
        "    3.000000 s  STOPPED",
    ]


def test_what_the_delegate_raises_is_in_its_look_and_its_outcome():
    """And nowhere else."""
    seen = rehearse(answering(None, ValueError("no")), ORDER, TAPE)
    assert isinstance(seen.looks[1].error, ValueError)
    assert (seen.outcome.end, seen.outcome.error) == (End.FAILED, "ValueError: no")
    assert str(seen).splitlines()[-2:] == [
        "    1.500000 s  1 quotes, 0 trades; 42 x None / 44 x 6 -> ValueError: no",
        "    1.500000 s  FAILED ValueError: no",
    ]


def test_a_nonsense_answer_is_told_under_the_name_of_the_delegate():
    """The observer in between is not seen."""
    seen = rehearse(answering(5), ORDER, TAPE)
    assert seen.outcome.error == "NonsenseAnswer: Scripted.act answered 5: it must return exo.DONE or None"
    assert seen.looks[0].answer == 5


def test_the_delegate_is_handed_out_as_it_ended():
    """Cleaned up, once."""
    seen = rehearse(answering(exo.DONE), ORDER, TAPE)
    assert seen.delegate.cleaned == 1


def test_an_async_delegate_is_noted_when_it_answers():
    """At the time of the update that it was handed; the market goes on meanwhile."""

    class Slow(Scripted):
        async def act(self, update: exo.Update[SweepOrder]) -> exo.Next:
            await asyncio.sleep(10)
            return exo.DONE if update.span and update.span.quotes == 3 else None

    tape = Tape((1, TAPE.steps[0].event), (2, TAPE.steps[1].event), (3, TAPE.steps[0].event))
    seen = rehearse(Slow, ORDER, tape)
    assert [(look.at_s, look.answer) for look in seen.looks] == [(0, None), (10, exo.DONE)]
    assert seen.ended_s == 20


def test_an_async_delegate_that_raises_is_noted_too():
    """Like any other."""

    class Raising(Scripted):
        async def act(self, update: exo.Update[SweepOrder]) -> exo.Next:
            await asyncio.sleep(1)
            raise ValueError("late")

    seen = rehearse(Raising, ORDER, TAPE)
    assert [str(look.error) for look in seen.looks] == ["late"]
    assert seen.ended_s == 1


def test_a_blocking_delegate_runs_in_its_thread():
    """Virtual time stands still meanwhile."""

    class Blocking(Scripted):
        blocking = True

        def act(self, update: exo.Update[SweepOrder]) -> exo.Next:
            time.sleep(0.01)
            return exo.DONE

    seen = rehearse(Blocking, ORDER, TAPE)
    assert (seen.looks[0].answer, seen.ended_s) == (exo.DONE, 0)


def test_wake_ups_come_after_the_tape_has_ended():
    """The rehearsal ends with the order."""

    def wake(delegate: Scripted) -> exo.Next:
        delegate.desk.wake_in(3600)
        return None

    seen = rehearse(answering(wake, wake, exo.DONE), ORDER, Tape())
    assert [look.at_s for look in seen.looks] == [0, 3600, 7200]


def test_an_order_that_goes_on_is_stopped_a_day_after_the_tape():
    """A test does not hang."""
    seen = rehearse(answering(), ORDER, TAPE)
    assert (seen.outcome.end, seen.ended_s) == (End.STOPPED, 86_401.5)


def test_until_s_ends_it_before_what_happens_then():
    """The tape is cut."""
    seen = rehearse(Sweep, ORDER, TAPE, until_s=1.5)
    assert (len(seen.looks), seen.outcome.end, seen.ended_s) == (2, End.STOPPED, 1.5)


def test_the_tape_plays_on_after_the_order_has_ended():
    """Reports then are orphans, as in life; an instruction is refused."""
    ended = Tape((3, testing.report()))
    assert rehearse(answering(exo.DONE), ORDER, TAPE + ended).totals.orphans == 1
    with pytest.raises(UnknownOrder):
        rehearse(answering(exo.DONE), ORDER, TAPE + Tape((3, cancel())))


def test_other_orders_may_take_part():
    """They are not observed, but take their share of what is displayed."""
    other = testing.order(SweepOrder, order_qty="3")
    seen = rehearse(Sweep, ORDER, Tape((0, submit(other))) + TAPE)
    assert (len(seen.looks), seen.totals.ended, seen.executed.qty) == (4, 2, 12)


def test_what_is_no_delegate_is_refused_as_by_any_dispatcher():
    """The error is the dispatcher's own."""
    with pytest.raises(FactoryFailed, match="object has no method act"):
        rehearse(lambda desk: object(), ORDER, TAPE)  # type: ignore[type-var]

    class AsyncBlocking(Scripted):
        blocking = True

        async def act(self, update: exo.Update[SweepOrder]) -> exo.Next: ...

    with pytest.raises(FactoryFailed, match="AsyncBlocking is blocking"):
        rehearse(AsyncBlocking, ORDER, TAPE)


def test_the_same_tape_gives_the_same_rehearsal():
    """To the last nanosecond."""
    once, again = rehearse(Sweep, ORDER, TAPE), rehearse(Sweep, ORDER, TAPE)
    assert (once.looks, once.outcome, once.events, once.totals) == (
        again.looks,
        again.outcome,
        again.events,
        again.totals,
    )
