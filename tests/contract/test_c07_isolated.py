"""C7: a delegate that raises, or answers nonsense, fails its own order only."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import exo
from exo.errors import NonsenseAnswer
from exo.run import End, Hog, Stage

from .helpers import Made, buy, in_turn, live, quote, report, settled, until, virtual


class Unheard(BaseException):
    """An error that no `except Exception` sees."""


class Mute(Exception):
    """An error that cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


ERRORS: list[Callable[[], BaseException]] = [
    lambda: ValueError("boom"),
    lambda: Unheard("boom"),
    lambda: asyncio.CancelledError("boom"),
    lambda: GeneratorExit("boom"),
    lambda: StopAsyncIteration("boom"),
    lambda: TimeoutError("boom"),
    lambda: asyncio.InvalidStateError("boom"),
    lambda: RecursionError("boom"),
    lambda: MemoryError("boom"),
    lambda: BaseExceptionGroup("boom", [Unheard("one"), ValueError("two")]),
    lambda: ExceptionGroup("boom", [ValueError("one")]),
    lambda: exo.ExoError("boom"),
    lambda: Mute("boom"),
]


def bad_second(error: Callable[[], BaseException], how: str) -> Any:
    """An act by which the second delegate of three raises at its first quote."""

    def raises(me: Any, update: exo.Update[Any]) -> None:
        if me is me.made[1] and update.quote:
            the_culprit(error())

    async def raises_at_once(me: Any, update: exo.Update[Any]) -> None:
        raises(me, update)

    async def raises_after_0(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(0)
        raises(me, update)

    async def raises_later(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(1)
        raises(me, update)

    return {
        "def": raises,
        "blocking": raises,
        "at once": raises_at_once,
        "after 0": raises_after_0,
        "later": raises_later,
    }[how]


def the_culprit(error: BaseException) -> None:
    """Raise: its name must be in the traceback."""
    raise error


@pytest.mark.parametrize("how", ["def", "at once", "after 0", "later", "blocking"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e()).__name__)
@virtual
async def test_c07_a_delegate_that_raises_fails_its_own_order_only(error: Any, how: str) -> None:
    """FAILED with its traceback; the others, before and after it in the sweep, are served on."""
    made = Made(bad_second(error, how), blocking=how == "blocking")
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        await asyncio.sleep(2)
        d.on_quote(quote(1, 2))
        outcome = await d.ended(ids[1])
        await asyncio.sleep(2)
        assert len(d) == 2
        d.on_quote(quote(3, 4))
        d.on_report(report(ids[0]))
        d.on_report(report(ids[2]))
        await asyncio.sleep(3)
        for me in (made[0], made[2]):
            assert me.last.quote == quote(3, 4) and me.exec_ids == ["1"] and me.quotes == 2
        assert d.totals.failed == 1
    assert outcome.end is End.FAILED
    assert type(error()).__name__ in outcome.error
    assert "the_culprit" in outcome.traceback and type(error()).__name__ in outcome.traceback
    assert [m.cleaned for m in made.all] == [1, 1, 1]
    assert [m.overlaps for m in made.all] == [0, 0, 0]


@pytest.mark.parametrize("how", ["def", "at once", "later"])
@virtual
async def test_c07_stop_iteration_is_an_error_too(how: str) -> None:
    """Python itself turns it into a RuntimeError in a coroutine; the order fails and the loop goes on."""
    made = Made(bad_second(lambda: StopIteration(exo.DONE), how))
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        await asyncio.sleep(2)
        d.on_quote(quote())
        outcome = await d.ended(ids[1])
        await asyncio.sleep(2)
        assert len(d) == 2
    assert outcome.end is End.FAILED and "StopIteration" in outcome.traceback


class Odd:
    """An answer that cannot be shown, compared or judged."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no likeness")

    __hash__ = None  # type: ignore[assignment]


async def _never() -> None: ...


NONSENSE = {
    "0": 0, "1": 1, "empty": "", "text": "DONE", "False": False, "True": True, "list": [], "tuple": (), "float": 1.5,
    "wake-up": 5, "Ellipsis": ..., "NotImplemented": NotImplemented, "class": exo.Update, "exception": ValueError("x"),
    "member": exo.Side.BUY, "end": End.DONE, "stage": Stage.DONE, "odd": Odd(), "long": "x" * 10_000, "function": print,
}  # fmt: skip


@pytest.mark.parametrize("how", ["def", "at once", "later", "blocking"])
@pytest.mark.parametrize("answer", NONSENSE)
@virtual
async def test_c07_an_answer_that_is_neither_done_nor_none_fails_the_order(answer: str, how: str) -> None:
    """The error names the delegate; nobody else is disturbed."""

    def plain(me: Any, update: exo.Update[Any]) -> Any:
        return NONSENSE[answer] if me is made[1] and update.quote else None

    async def later(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(how == "later")
        return plain(me, update)

    async def at_once(me: Any, update: exo.Update[Any]) -> Any:
        return plain(me, update)

    made = Made({"def": plain, "blocking": plain, "later": later, "at once": at_once}[how], blocking=how == "blocking")
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        await asyncio.sleep(2)
        d.on_quote(quote())
        outcome = await d.ended(ids[1])
        await asyncio.sleep(2)
        assert len(d) == 2 and made[2].quotes == made[0].quotes == 1
    assert outcome.end is End.FAILED
    assert NonsenseAnswer.__name__ in outcome.error and "Recorder" in outcome.error
    assert len(outcome.error) < 1000
    assert made[1].cleaned == 1


@virtual
async def test_c07_a_coroutine_as_an_async_answer_is_nonsense() -> None:
    """A forgotten `await` is an error that names the delegate, not a silent nothing."""

    class Forgetful:
        def __init__(self, desk: Any) -> None: ...

        async def act(self, update: Any) -> Any:
            return _never()

        def clean_up(self) -> None: ...

    async with exo.Dispatcher(Forgetful) as d:
        outcome = await d.ended(d.submit(buy()).order_id)
    assert outcome.end is End.FAILED and "Forgetful" in outcome.error


@pytest.mark.parametrize("kind", ["future", "sleep", "object", "coroutine"])
@virtual
async def test_c07_a_def_act_may_answer_an_awaitable(kind: str) -> None:
    """As the Delegate protocol says: what it gives in the end is the answer."""

    class Later:
        def __await__(self) -> Any:
            yield from asyncio.sleep(1).__await__()
            return exo.DONE

    async def coroutine() -> Any:
        await asyncio.sleep(1)
        return exo.DONE

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if kind == "future":
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(1, future.set_result, exo.DONE)
            return future
        return {"sleep": lambda: asyncio.sleep(1, exo.DONE), "object": Later, "coroutine": coroutine}[kind]()

    class Direct:
        def __init__(self, desk: Any) -> None: ...

        def act(self, update: Any) -> Any:
            return act(self, update)

        def clean_up(self) -> None: ...

    async with exo.Dispatcher(Direct) as d:
        start = asyncio.get_running_loop().time()
        outcome = await d.ended(d.submit(buy()).order_id)
        assert asyncio.get_running_loop().time() - start == pytest.approx(1)
    assert outcome.end is End.DONE


@pytest.mark.parametrize(
    "bad", ["raises", "raises base", "cancels", "async raises", "slow raises", "answers", "blocks nobody"]
)
@virtual
async def test_c07_a_clean_up_that_fails_disturbs_nobody(bad: str) -> None:
    """It was called once; the outcome stands; the others go on and the shutdown is clean."""

    async def fails_later() -> None:
        await asyncio.sleep(0.1 if bad == "slow raises" else 0)
        raise ValueError("boom")

    def clean_up(me: Any) -> Any:
        match bad:
            case "raises":
                raise ValueError("boom")
            case "raises base":
                raise Unheard("boom")
            case "cancels":
                raise asyncio.CancelledError
            case "answers":
                return 7
            case "blocks nobody":
                return asyncio.sleep(1000)
            case _:
                return fails_later()

    made = Made(lambda me, update: exo.DONE if update.quote and me is made[0] else None, clean_up)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        d.on_quote(quote())
        assert (await d.ended(ids[0])).end is End.DONE
        d.on_quote(quote(3, 4))
        await asyncio.sleep(1)
        assert [m.quotes for m in made.all] == [1, 2, 2]
    assert [m.cleaned for m in made.all] == [1, 1, 1]


@virtual
async def test_c07_a_failed_orders_later_reports_surface() -> None:
    """They go to on_orphan, and its instructions are refused."""
    orphans: list[exo.Report] = []
    made = Made(lambda me, update: 1 / 0)
    async with exo.Dispatcher(made, on_orphan=orphans.append) as d:
        x = d.submit(buy()).order_id
        assert (await d.ended(x)).end is End.FAILED
        d.on_report(report(x, "late"))
        await settled()
    assert [r.exec_id for r in orphans] == ["late"]


@virtual
async def test_c07_facts_a_failed_delegate_never_saw_are_kept_in_its_outcome() -> None:
    """In order, instructions and reports: nothing is lost without a trace."""

    async def act(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(1)
        raise ValueError("boom")

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await asyncio.sleep(0.5)
        d.on_report(report(x, "a"))
        d.cancel(x)
        d.on_report(report(x, "b"))
        outcome = await d.ended(x)
    seen = [f.exec_id if isinstance(f, exo.Report) else f.msg_type.value for f in outcome.undelivered]
    assert seen == ["a", "CXL", "b"] and outcome.cancelled


@virtual
async def test_c07_an_error_raised_in_act_for_a_bad_instruction_is_the_delegates() -> None:
    """A delegate that asks the dispatcher for nonsense fails; its neighbours do not."""
    made = Made(lambda me, update: d.cancel("nobody") if me is made[0] else None)
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(2)]
        outcome = await d.ended(ids[0])
        await settled()
        assert len(d) == 1
    assert "UnknownOrder" in outcome.error


@virtual
async def test_c07_a_thousand_failures_at_once_leave_the_rest_untouched() -> None:
    """Every other order of a symbol fails in one sweep; none is skipped, none is called twice."""
    made = Made(lambda me, update: 1 / 0 if update.quote and made.all.index(me) % 2 else None)
    async with exo.Dispatcher(made) as d:
        for _ in range(400):
            d.submit(buy())
        await settled()
        d.on_quote(quote())
        await settled()
        assert len(d) == 200 and d.totals.failed == 200
        d.on_quote(quote())
        await settled()
    assert [m.quotes for m in made.all] == [2, 1] * 200


@pytest.mark.parametrize("how", ["def", "async"])
@live
async def test_c07_the_watchdog_names_an_order_that_hogs_the_loop_while_it_is_stuck(how: str) -> None:
    """From another thread, with its stack, before the call is over."""
    told: list[tuple[Hog, bool, int]] = []
    stuck = threading.Event()

    def the_spinner() -> None:
        stuck.set()
        end = time.monotonic() + 3
        while not told and time.monotonic() < end:
            pass
        stuck.clear()

    def plain(me: Any, update: exo.Update[Any]) -> None:
        if me is made[1]:
            the_spinner()

    async def suspended(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(0)
        plain(me, update)

    made = Made(plain if how == "def" else suspended)
    async with exo.Dispatcher(
        made, hog_s=0.05, on_hog=lambda hog: told.append((hog, stuck.is_set(), threading.get_ident()))
    ) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        await until(lambda: all(m.updates for m in made.all))
        await asyncio.sleep(0.01)
        assert len(d) == 3
    [(hog, was_stuck, thread)] = told
    assert hog.order_id == ids[1] and "the_spinner" in hog.stack
    assert was_stuck and thread != threading.get_ident()
    assert hog.held_s == 0.05


@live
async def test_c07_the_watchdog_is_silent_about_patient_delegates() -> None:
    """A long await and a long blocking call in a thread hold up nobody."""
    told: list[Hog] = []

    async def act(me: Any, update: exo.Update[Any]) -> None:
        await asyncio.sleep(0.12)

    waits, blocks = Made(act), Made(lambda me, update: time.sleep(0.12), blocking=True)
    async with exo.Dispatcher(in_turn(waits, blocks), hog_s=0.03, on_hog=told.append) as d:
        d.submit(buy())
        d.submit(buy())
        await asyncio.sleep(0.15)
    assert told == []


@live
async def test_c07_an_on_hog_that_raises_disturbs_nobody() -> None:
    """The next hog is told again."""
    told: list[Hog] = []

    def on_hog(hog: Hog) -> None:
        told.append(hog)
        raise ValueError("boom")

    made = Made(lambda me, update: time.sleep(0.08))
    async with exo.Dispatcher(made, hog_s=0.02, on_hog=on_hog) as d:
        d.submit(buy())
        await until(lambda: len(made.calls) == 1)
        await asyncio.sleep(0.05)
        d.on_quote(quote())
        await until(lambda: len(made.calls) == 2)
        await asyncio.sleep(0.05)
        assert len(d) == 1
    assert len(told) == 2


HALT = """
import asyncio, exo, sys
class Spin:
    def __init__(self, desk): self.desk = desk
    def act(self, update):
        while True: pass
    def clean_up(self): print("cleaned", flush=True)
async def main():
    told = lambda hog: print("hog", hog.order_id, flush=True)
    async with exo.Dispatcher(Spin, hog_s=0.05, halt_hogs=True, on_hog=told) as d:
        d.submit(exo.Order(order_id="X", side=exo.Side.BUY, symbol="A"))
        await asyncio.sleep(100)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("halted", flush=True)
"""


def test_c07_the_watchdog_can_halt() -> None:
    """A delegate that spins for ever is broken into; the program shuts down and cleans up."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", HALT], capture_output=True, text=True, timeout=10, check=False
    )
    assert run.stdout.split() == ["hog", "X", "cleaned", "halted"], run.stdout + run.stderr


@virtual
async def test_c07_a_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """By the logger `exo...`, once."""
    with caplog.at_level(logging.DEBUG):
        async with exo.Dispatcher(Made(lambda me, update: the_culprit(ValueError("boom")))) as d:
            await d.ended(d.submit(buy(order_id="X")).order_id)
    failures = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(failures) == 1 and failures[0].name.startswith("exo")
    assert "X" in failures[0].getMessage() and failures[0].exc_info


def test_c07_the_documentation_says_that_spinning_stalls_and_points_to_threads() -> None:
    """Somebody who reads about the container or its watchdog is told."""
    root = Path(exo.__file__).parent
    text = " ".join(path.read_text() for path in (root / "run").glob("*.py"))
    assert "stalls a Python process" in text and "blocking = True" in text
