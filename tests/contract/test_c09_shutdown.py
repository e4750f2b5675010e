"""C9: shutdown - admit nothing, let running calls finish, clean up once; a second signal ends at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import exo
from exo.errors import NotRunning
from exo.run import End

from .helpers import D, Made, buy, done_when_cancelled, live, now_ns, quote, report, settled, trade, until, virtual


@virtual
async def test_c09_idle_orders_are_stopped_and_cleaned_up() -> None:
    """At once, without another call; their outcomes stay readable."""
    made = Made()
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        await settled()
        at = loop.time()
    assert loop.time() == at
    assert [len(m.updates) for m in made.all] == [1] * 3
    assert [m.cleaned for m in made.all] == [1] * 3
    assert [(o.end, o.error) for o in map(d.outcome, ids) if o] == [(End.STOPPED, "")] * 3
    assert len(d) == 0 and d.totals.ended == 3 and d.totals.failed == 0


@pytest.mark.parametrize("ends", ["done", "failed", "stopped"])
@pytest.mark.parametrize("how", ["def", "raises", "async", "slow", "too slow"])
@virtual
async def test_c09_clean_up_is_called_once_however_the_order_ended(ends: str, how: str) -> None:
    """And after its last call of act; a slow one has the deadline and no longer."""
    finished: list[Any] = []

    async def later(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        finished.append(delay_s)

    def clean_up(me: Any) -> Any:
        assert not me.inside
        if how == "raises":
            raise ValueError("boom")
        return None if how == "def" else later({"async": 0, "slow": 2, "too slow": 100}[how])

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if update.quote and ends == "failed":
            raise ValueError("boom")
        return exo.DONE if update.quote and ends == "done" else None

    made = Made(act, clean_up)
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made, exit_s=5) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        d.on_quote(quote())
        await settled()
        at = loop.time()
    assert [m.cleaned for m in made.all] == [1] * 3
    assert [o.end.value.lower() for o in map(d.outcome, ids) if o] == [ends] * 3
    assert len(finished) == (3 if how in ("async", "slow") else 0)
    assert loop.time() - at <= 5.001


@virtual
async def test_c09_a_slow_clean_up_does_not_hold_up_the_living() -> None:
    """It runs beside the dispatch path."""
    made = Made(lambda me, update: exo.DONE if me is made[0] else None, lambda me: asyncio.sleep(100))
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        d.submit(buy())
        await d.ended(x)
        at = asyncio.get_running_loop().time()
        d.on_quote(quote())
        await settled()
        assert made[1].quotes == 1 and asyncio.get_running_loop().time() - at < 0.001
    assert [m.cleaned for m in made.all] == [1, 1]


@virtual
async def test_c09_running_calls_finish_within_the_deadline_and_their_answers_count() -> None:
    """DONE is DONE, an error is FAILED, None is STOPPED; who is too late is cancelled and STOPPED."""
    cancelled: list[int] = []

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        n = made.all.index(me)
        try:
            await asyncio.sleep([1, 2, 3, 100][n])
        except asyncio.CancelledError:
            cancelled.append(n)
            raise
        if n == 1:
            raise ValueError("boom")
        return exo.DONE if n == 0 else None

    made = Made(act)
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made, exit_s=5) as d:
        ids = [d.submit(buy()).order_id for _ in range(4)]
        await settled()
        at = loop.time()
    assert [o.end for o in map(d.outcome, ids) if o] == [End.DONE, End.FAILED, End.STOPPED, End.STOPPED]
    assert cancelled == [3]
    assert loop.time() - at == pytest.approx(5, abs=0.01)
    assert [m.cleaned for m in made.all] == [1] * 4
    assert [m.late for m in made.all] == [0] * 4


@virtual
async def test_c09_when_all_are_finished_the_shutdown_does_not_wait_for_the_deadline() -> None:
    """It lasts as long as the longest running call."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(1)

    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(Made(act), exit_s=500) as d:
        for _ in range(10):
            d.submit(buy())
        await settled()
        at = loop.time()
    assert loop.time() - at == pytest.approx(1, abs=0.01)


@virtual
async def test_c09_nothing_is_admitted_while_it_shuts_down() -> None:
    """A running act that submits, replaces or cancels is told so, and that error is the act's own."""
    told: list[str] = []

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(1)
        x = me.desk.order_id
        for instruct in (
            lambda: d.submit(buy()),
            lambda: d.replace(buy(order_id=x, price=D(1))),
            lambda: d.cancel(x),
            lambda: d.hold(x),
        ):
            with pytest.raises(NotRunning):
                instruct()
            told.append("no")
        return exo.DONE

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await settled()
    outcome = d.outcome(x)
    assert told == ["no"] * 4 and outcome is not None and outcome.end is End.DONE
    assert len(made) == 1


@virtual
async def test_c09_prices_during_the_shutdown_start_no_new_calls() -> None:
    """Running calls finish; idle orders are not called any more."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if me is made[0]:
            await asyncio.sleep(1)

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        d.submit(buy())
        await settled()
        timer = asyncio.get_running_loop().call_later(0.5, d.on_quote, quote())
    timer.cancel()
    assert [len(m.updates) for m in made.all] == [1, 1]


@virtual
async def test_c09_facts_nobody_saw_are_in_the_outcome() -> None:
    """What came before or during the shutdown and found no call is not lost without a trace."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(1)

    made = Made(act)
    orphans: list[exo.Report] = []
    async with exo.Dispatcher(made, on_orphan=orphans.append) as d:
        x = d.submit(buy()).order_id
        await settled()
        d.on_report(report(x, "before"))
        asyncio.get_running_loop().call_later(0.5, d.on_report, report(x, "during"))
    outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.STOPPED
    seen = [f.exec_id for f in outcome.undelivered if isinstance(f, exo.Report)]
    assert made[0].exec_ids + seen + [r.exec_id for r in orphans] == ["before", "during"]


@virtual
async def test_c09_an_order_never_called_is_stopped_with_its_new_undelivered() -> None:
    """Submitted and stopped in one breath: cleaned up all the same."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
    outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.STOPPED
    assert made[0].cleaned == 1
    delivered = [i.msg_type.value for i in made[0].instructions]
    assert delivered + [f.msg_type.value for f in outcome.undelivered] == ["NEW"]


@pytest.mark.parametrize("swallows", [1, 2, 1000])
@virtual
async def test_c09_a_delegate_that_swallows_its_cancel_does_not_keep_the_program(swallows: int) -> None:
    """However often it does; its clean_up comes once, its outcome exists, and the shutdown ends."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        left = swallows
        while True:
            try:
                await asyncio.sleep(1000)
                return None
            except asyncio.CancelledError:
                left -= 1
                if left < 0:
                    raise

    made = Made(act)
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made, exit_s=5) as d:
        x = d.submit(buy()).order_id
        await settled()
    assert loop.time() < 30
    outcome = d.outcome(x)
    assert outcome is not None and made[0].cleaned == 1


@virtual
async def test_c09_a_delegate_that_answers_its_cancel_with_done_is_not_failed() -> None:
    """Swallowed once and answered: an end, and no crash of the rest."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return exo.DONE

    made = Made(act)
    async with exo.Dispatcher(made, exit_s=1) as d:
        ids = [d.submit(buy()).order_id for _ in range(3)]
        await settled()
    assert all(o is not None and o.end in (End.DONE, End.STOPPED) for o in map(d.outcome, ids))
    assert [m.cleaned for m in made.all] == [1] * 3


@pytest.mark.parametrize("what", ["act", "clean_up", "venue"])
@virtual
async def test_c09_a_second_signal_ends_at_once(what: str) -> None:
    """The first cancel begins the shutdown with its deadline; the next does not wait for anything any more."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        if what == "act":
            await asyncio.sleep(1000)

    async def clean_up() -> None:
        await asyncio.sleep(1000 if what == "clean_up" else 0)

    class Venue:
        def subscribe(self, symbol: str) -> None: ...

        async def unsubscribe(self, symbol: str) -> None:
            if what == "venue":
                await asyncio.sleep(1000)

    made = Made(act, lambda me: clean_up())
    ids: list[str] = []

    async def program() -> None:
        nonlocal d
        async with exo.Dispatcher(made, Venue(), exit_s=900) as d:
            for i in range(3):
                ids.append(d.submit(buy(symbol=f"S{i}")).order_id)
            await asyncio.sleep(1e9)

    d: Any = None
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(program())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(10)
    assert not task.done()
    task.cancel()
    at = loop.time()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert loop.time() - at < 0.001
    assert [m.cleaned for m in made.all] == [1] * 3
    assert [o.end for o in map(d.outcome, ids)] == [End.STOPPED] * 3
    await settled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual
async def test_c09_an_exception_that_leaves_the_body_goes_on_after_the_shutdown() -> None:
    """It is neither swallowed nor wrapped."""
    made = Made()
    with pytest.raises(ZeroDivisionError):
        async with exo.Dispatcher(made) as d:
            d.submit(buy())
            await settled()
            1 / 0  # noqa: B018
    assert made[0].cleaned == 1 and len(d) == 0


@pytest.mark.parametrize("kind", ["def", "async", "slow", "blocking"])
@virtual
async def test_c09_cancelling_the_program_in_mid_flood_shuts_down(kind: str) -> None:
    """Ticks, facts and submissions all the time, some from inside act: one clean_up each, an outcome each."""

    def flood(me: Any, update: exo.Update[Any]) -> Any:
        if me is made[0] and update.quote and kind != "blocking":
            d.on_quote(quote(len(made.calls), 10**9))
            d.on_report(report(me.desk.order_id, len(made.calls)))
        return None

    async def slow(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(0.003 if kind == "slow" else 0)
        return flood(me, update)

    made = Made(flood if kind in ("def", "blocking") else slow, blocking=kind == "blocking")
    ids: list[str] = []
    d: Any = None

    async def program() -> None:
        nonlocal d
        async with exo.Dispatcher(made, turn_calls=100) as d:
            for i in range(100_000):
                if i % 10 == 0 and i < 300:
                    ids.append(d.submit(buy()).order_id)
                d.on_quote(quote(i, 10**9))
                d.on_trade(trade())
                d.on_report(report(ids[i % len(ids)], i))
                await asyncio.sleep(0.001 if kind == "slow" else 0)

    task = asyncio.create_task(program())
    while len(ids) < 30:
        await asyncio.sleep(0.001 if kind == "slow" else 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(made) == len(ids) == 30 and len(d) == 0
    assert [m.cleaned for m in made.all] == [1] * 30
    assert [m.late for m in made.all] == [0] * 30
    assert all(d.outcome(x).end is End.STOPPED for x in ids)
    calls = len(made.calls)
    await asyncio.sleep(1)
    assert len(made.calls) == calls
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual
async def test_c09_who_waits_for_an_end_is_told_at_the_shutdown() -> None:
    """Waiters for one order, for all, and readers of events all come to their end."""

    async def read() -> list[str]:
        return [e.stage.value async for e in d.events()]

    async with exo.Dispatcher(Made()) as d:
        x = d.submit(buy()).order_id
        one, everyone, reader = (asyncio.create_task(c) for c in (d.ended(x), d.all_ended(), read()))
        await settled()
    assert (await one).end is End.STOPPED
    await everyone
    assert (await reader)[-1] == "STOPPED"


@virtual
async def test_c09_after_the_end_what_comes_in_disturbs_nobody() -> None:
    """A feed may be slower to stop: ticks are ignored, reports surface as orphans."""
    orphans: list[exo.Report] = []
    made = Made()
    async with exo.Dispatcher(made, on_orphan=orphans.append) as d:
        x = d.submit(buy()).order_id
        await settled()
    d.on_quote(quote())
    d.on_trade(trade())
    d.on_status(exo.FeedStatus(state=exo.FeedState.DOWN))
    d.on_report(report(x, "late"))
    d.deliver()
    await asyncio.sleep(1)
    assert len(made[0].updates) == 1
    assert [r.exec_id for r in orphans] == ["late"]


@live
async def test_c09_after_the_end_a_feed_on_another_thread_disturbs_nobody() -> None:
    """Nor does it crash itself."""
    made = Made()
    errors: list[BaseException] = []
    stop = threading.Event()

    def feed() -> None:
        try:
            while not stop.is_set():
                d.on_quote(quote())
                d.on_trade(trade())
                d.on_status(exo.FeedStatus(state=exo.FeedState.LIVE))
                time.sleep(0.0005)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=feed)
    async with exo.Dispatcher(made) as d:
        d.submit(buy())
        thread.start()
        await until(lambda: made[0].quotes > 3)
    calls = len(made[0].updates)
    await asyncio.sleep(0.02)
    stop.set()
    thread.join()
    assert errors == [] and len(made[0].updates) == calls


@live
async def test_c09_a_report_from_a_thread_just_before_the_end_is_not_dropped() -> None:
    """It is delivered, undelivered in an outcome, or an orphan: one of them."""
    orphans: list[exo.Report] = []
    made = Made()
    async with exo.Dispatcher(made, on_orphan=orphans.append) as d:
        x = d.submit(buy()).order_id
        await settled()
        feed = threading.Thread(target=lambda: [d.on_report(report(x, i)) for i in range(50)])
        feed.start()
        feed.join()
    await asyncio.sleep(0.01)
    outcome = d.outcome(x)
    assert outcome is not None
    undelivered = [f.exec_id for f in outcome.undelivered if isinstance(f, exo.Report)]
    assert made[0].exec_ids + undelivered + [r.exec_id for r in orphans] == [str(i) for i in range(50)]


@live
async def test_c09_a_blocking_call_finishes_within_the_deadline_and_its_answer_counts() -> None:
    """A thread is waited for."""
    made = Made(lambda me, update: (time.sleep(0.05), exo.DONE)[1], blocking=True)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await until(lambda: made[0].inside)
    outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.DONE and made[0].cleaned == 1


@live
async def test_c09_a_blocking_call_that_is_too_late_does_not_keep_the_shutdown() -> None:
    """Its order is STOPPED at the deadline and cleaned up once; a thread cannot be broken into, it ends by itself."""
    go = threading.Event()
    made = Made(lambda me, update: (go.wait(1), exo.DONE)[1], blocking=True)
    start = time.monotonic()
    async with exo.Dispatcher(made, exit_s=0.05) as d:
        x = d.submit(buy()).order_id
        await until(lambda: made[0].inside)
    took = time.monotonic() - start
    go.set()
    outcome = d.outcome(x)
    assert outcome is not None and outcome.end is End.STOPPED
    assert took < 0.5
    await asyncio.sleep(0.02)
    assert made[0].cleaned == 1 and len(made[0].updates) == 1


@live
async def test_c09_no_thread_is_left() -> None:
    """Neither the watchdog nor the pool outlives the block."""
    before = set(threading.enumerate())
    made = Made(lambda me, update: exo.DONE, blocking=True)
    async with exo.Dispatcher(made, hog_s=0.05) as d:
        await asyncio.gather(*(d.ended(d.submit(buy()).order_id) for _ in range(5)))
        assert len(set(threading.enumerate()) - before) >= 2
    await until(lambda: set(threading.enumerate()) <= before)


@virtual
async def test_c09_a_dispatcher_runs_once() -> None:
    """Used again or used outside its block: a clear error each time."""
    d = exo.Dispatcher(Made())
    async with d:
        with pytest.raises(NotRunning):
            await d.__aenter__()
    with pytest.raises(NotRunning):
        await d.__aenter__()


@virtual
async def test_c09_two_dispatchers_share_a_loop() -> None:
    """One ends while the other goes on."""
    made, other = Made(), Made(done_when_cancelled)
    async with exo.Dispatcher(other) as e:
        async with exo.Dispatcher(made) as d:
            d.submit(buy(order_id="X"))
            e.submit(buy(order_id="X"))
            await settled()
        assert made[0].cleaned == 1 and other[0].cleaned == 0
        e.on_quote(quote(received_ns=now_ns()))
        e.cancel("X")
        assert (await e.ended("X")).end is End.DONE


ENDS = """
import asyncio, sys, exo
class Ends:
    number = 0
    def __init__(self, desk):
        self.mine, Ends.number = Ends.number, Ends.number + 1
    def plain(self, update):
        if self.mine == 1 and update.quote:
            raise {error}(3)
    async def at_once(self, update):
        self.plain(update)
    async def later(self, update):
        await asyncio.sleep(1)
        self.plain(update)
    act = {how}
    def clean_up(self):
        print("cleaned", self.mine, flush=True)
async def main():
    async with exo.Dispatcher(Ends, exit_s=5) as d:
        for _ in range(3):
            d.submit(exo.Order(side=exo.Side.BUY, symbol="A"))
        await asyncio.sleep(5)
        d.on_quote(exo.Quote("A", None, None, None, None))
        await asyncio.sleep(100)
        print("went on", flush=True)
try:
    exo.run_virtually(main(), until_s=3600)
except BaseException as error:
    print(type(error).__name__, *error.args, flush=True)
"""


@pytest.mark.parametrize(
    ("how", "error"), [("plain", "SystemExit"), ("at_once", "KeyboardInterrupt"), ("later", "SystemExit")]
)
def test_c09_an_act_that_ends_the_program_ends_it_with_a_shutdown(how: str, error: str) -> None:
    """SystemExit and Ctrl-C are the program's, not the order's: they pass through, and all clean up once."""
    code = ENDS.format(how=how, error=error)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    *cleaned, last = run.stdout.splitlines()
    assert sorted(cleaned) == ["cleaned 0", "cleaned 1", "cleaned 2"], run.stdout + run.stderr
    assert last == f"{error} 3"


@virtual
async def test_c09_a_slow_async_clean_up_of_a_stopped_order_has_the_deadline_too() -> None:
    """It is cut short at the deadline, also where it swallows the cancel."""

    async def clean_up() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            await asyncio.sleep(1000)

    made = Made(None, lambda me: clean_up())
    loop = asyncio.get_running_loop()
    async with exo.Dispatcher(made, exit_s=2) as d:
        d.submit(buy())
        await settled()
    assert loop.time() < 10 and made[0].cleaned == 1
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await settled()
