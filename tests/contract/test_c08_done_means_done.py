"""C8: done means done."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest

import exo
from exo.errors import UnknownOrder
from exo.run import End

from .helpers import D, Made, buy, done, done_when_cancelled, live, quote, report, settled, until, virtual


@virtual
async def test_c08_an_order_leaves_when_its_delegate_says_done() -> None:
    """Its outcome says so, and no call follows."""
    made = Made(lambda me, update: exo.DONE if update.quote else None)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy(price=D(2))).order_id
        await settled()
        assert d.outcome(x) is None and len(d) == 1
        d.on_quote(quote())
        outcome = await d.ended(x)
        assert (len(d), outcome.end, outcome.error, outcome.traceback) == (0, End.DONE, "", "")
        assert outcome.order == buy(order_id=x, price=D(2)) and outcome.undelivered == ()
        assert d.outcome(x) == outcome == await d.ended(x)
        d.on_quote(quote(2, 3))
        await asyncio.sleep(10)
        assert len(made[0].updates) == 2
        await d.all_ended()


@virtual
async def test_c08_done_may_be_the_first_answer() -> None:
    """Also for an order whose submitter drops the acknowledgement."""
    made = Made(done)
    async with exo.Dispatcher(made) as d:
        for _ in range(5):
            d.submit(buy())
        await d.all_ended()
    assert [len(m.updates) for m in made.all] == [1] * 5
    assert [m.cleaned for m in made.all] == [1] * 5


@pytest.mark.parametrize("how", ["def", "async", "suspended"])
@virtual
async def test_c08_facts_that_arrive_during_the_act_that_says_done_get_a_call(how: str) -> None:
    """From inside act: the order is called again with them, and its answer then counts."""

    def plain(me: Any, update: exo.Update[Any]) -> Any:
        if len(me.updates) == 1:
            d.on_report(report(me.desk.order_id, "a"))
            d.cancel(me.desk.order_id)
        return exo.DONE

    async def asynchronous(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(how == "suspended")
        return plain(me, update)

    made = Made(plain if how == "def" else asynchronous)
    async with exo.Dispatcher(made) as d:
        outcome = await d.ended(d.submit(buy()).order_id)
    assert outcome.end is End.DONE and outcome.undelivered == () and outcome.cancelled
    assert len(made[0].updates) == 2
    assert [type(f).__name__ for f in made[0].last.facts] == ["Report", "Instruction"]
    assert made[0].cleaned == 1 and made[0].late == 0


@virtual
async def test_c08_after_done_with_facts_the_delegate_may_change_its_mind() -> None:
    """The second answer is the one that counts."""

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if len(me.updates) == 1:
            d.on_report(report(me.desk.order_id))
            return exo.DONE
        return exo.DONE if update.quote else None

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await settled()
        assert d.outcome(x) is None and len(made[0].updates) == 2
        d.on_quote(quote())
        assert (await d.ended(x)).end is End.DONE


@virtual
async def test_c08_facts_that_arrive_while_a_done_is_suspended_get_a_call() -> None:
    """From outside, during the await before the answer."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        await asyncio.sleep(1)
        return exo.DONE

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await asyncio.sleep(0.5)
        d.on_report(report(x, "a"))
        d.replace(buy(order_id=x, price=D(4)))
        await asyncio.sleep(1)
        assert len(made[0].updates) == 2 and d.outcome(x) is None
        outcome = await d.ended(x)
    assert outcome.order.price == D(4)  # type: ignore[attr-defined]
    assert made[0].exec_ids == ["a"] and outcome.undelivered == ()


@live
async def test_c08_facts_that_arrive_during_a_blocking_done_get_a_call() -> None:
    """The same for a delegate in a thread, and a report from another."""
    go = threading.Event()

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if len(me.updates) == 1:
            go.set()
            time.sleep(0.03)
        return exo.DONE

    made = Made(act, blocking=True)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await until(go.is_set)
        feed = threading.Thread(target=d.on_report, args=(report(x, "a"),))
        feed.start()
        assert (await d.ended(x)).end is End.DONE
        feed.join()
    assert made[0].exec_ids == ["a"] and len(made[0].updates) == 2


@virtual
async def test_c08_prices_and_wake_ups_during_the_act_that_says_done_get_no_call() -> None:
    """Only facts do."""

    async def act(me: Any, update: exo.Update[Any]) -> Any:
        me.desk.wake_in(0.1)
        await asyncio.sleep(1)
        return exo.DONE

    made = Made(act)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        await asyncio.sleep(0.5)
        d.on_quote(quote())
        await d.ended(x)
        await asyncio.sleep(10)
    assert len(made[0].updates) == 1


@virtual
async def test_c08_a_delegate_that_says_done_and_feeds_itself_for_ever_starves_nobody() -> None:
    """It is called again each time; others are served in between, and the end comes when it stops."""

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if me is made[0]:
            if going:
                d.on_report(report(me.desk.order_id))
            return exo.DONE
        return None

    going = [1]
    made = Made(act)
    async with exo.Dispatcher(made, turn_calls=50) as d:
        x = d.submit(buy()).order_id
        d.submit(buy())
        for i in range(10):
            d.on_quote(quote(i, 99))
            for _ in range(5):
                await asyncio.sleep(0)
        assert d.outcome(x) is None
        assert made[1].quotes == 10
        going.clear()
        assert (await d.ended(x)).undelivered == ()


@virtual
async def test_c08_a_report_for_an_unknown_order_surfaces_in_on_orphan() -> None:
    """Each of them, once, in order, and is counted."""
    orphans: list[exo.Report] = []
    async with exo.Dispatcher(Made(), on_orphan=orphans.append) as d:
        sent = [report("nobody", i) for i in range(3)] + [report("", 4), report("no id at all, never one", 5)]
        for r in sent:
            d.on_report(r)
        await settled()
        assert orphans == sent and d.totals.orphans == 5


@virtual
async def test_c08_a_report_for_a_finished_order_surfaces_in_on_orphan() -> None:
    """A late fill is never dropped, and the delegate is not called for it."""
    orphans: list[exo.Report] = []
    made = Made(done)
    async with exo.Dispatcher(made, on_orphan=orphans.append) as d:
        x = d.submit(buy()).order_id
        await d.ended(x)
        d.on_report(report(x, "late"))
        await settled()
    assert [r.exec_id for r in orphans] == ["late"] and len(made[0].updates) == 1


@live
async def test_c08_a_report_from_a_thread_for_an_unknown_order_surfaces_in_on_orphan() -> None:
    """On the loop's own thread."""
    orphans: list[int] = []
    async with exo.Dispatcher(Made(), on_orphan=lambda r: orphans.append(threading.get_ident())) as d:
        feed = threading.Thread(target=d.on_report, args=(report("nobody"),))
        feed.start()
        await until(lambda: orphans)
        feed.join()
    assert orphans == [threading.get_ident()]


@virtual
async def test_c08_without_on_orphan_a_stray_report_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Never dropped, never a crash."""
    with caplog.at_level(logging.INFO, "exo"):
        async with exo.Dispatcher(Made()) as d:
            d.on_report(report("nobody", "e77"))
            await settled()
    assert any("nobody" in r.getMessage() and "e77" in r.getMessage() for r in caplog.records)


@virtual
async def test_c08_an_on_orphan_that_raises_disturbs_nobody() -> None:
    """Not who brought the report, and not the next one."""
    calls: list[exo.Report] = []

    def on_orphan(r: exo.Report) -> None:
        calls.append(r)
        raise ValueError("boom")

    made = Made()
    async with exo.Dispatcher(made, on_orphan=on_orphan) as d:
        x = d.submit(buy()).order_id
        d.on_report(report("nobody", 1))
        d.on_report(report("nobody", 2))
        d.on_report(report(x, 3))
        await settled()
    assert len(calls) == 2 and made[0].exec_ids == ["3"]


@virtual
async def test_c08_an_orphan_brought_in_inside_act_fails_nobody() -> None:
    """A delegate may bring reports of orders that just ended."""
    orphans: list[exo.Report] = []

    def act(me: Any, update: exo.Update[Any]) -> Any:
        if me is made[0]:
            return exo.DONE
        d.on_report(report(made[0].desk.order_id, len(made.calls)))
        return None

    made = Made(act)
    async with exo.Dispatcher(made, on_orphan=orphans.append) as d:
        d.submit(buy())
        d.submit(buy())
        await settled()
        assert len(d) == 1
    assert len(orphans) == 1


@virtual
async def test_c08_on_orphan_may_use_the_dispatcher() -> None:
    """To submit an order for what it found, say."""

    def on_orphan(r: exo.Report) -> None:
        d.submit(buy(order_id="found"))
        d.on_report(report("found", "again"))
        d.deliver()

    made = Made()
    async with exo.Dispatcher(made, on_orphan=on_orphan) as d:
        d.on_report(report("nobody"))
        await settled()
        assert made.of("found").exec_ids == ["again"]


@virtual
async def test_c08_who_waits_for_an_end_is_told_and_who_gives_up_disturbs_nobody() -> None:
    """Several wait, one with a timeout; asking for what never was is an error."""
    made = Made(done_when_cancelled)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        waiting = [asyncio.create_task(d.ended(x)) for _ in range(3)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(d.ended(x), 1)
        waiting[0].cancel()
        await settled()
        d.cancel(x)
        first, *others = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(first, asyncio.CancelledError)
        assert [o.end for o in others if isinstance(o, exo.Outcome)] == [End.DONE] * 2
        for ask in (d.outcome, d.ended):
            with pytest.raises(UnknownOrder):
                answer = ask("never")
                await answer  # type: ignore[misc]


@virtual
async def test_c08_done_for_one_order_in_mid_sweep_does_not_skip_another() -> None:
    """Every order of the symbol is called, whichever leave."""
    made = Made(lambda me, update: exo.DONE if update.quote and made.all.index(me) % 3 == 0 else None)
    async with exo.Dispatcher(made) as d:
        for _ in range(31):
            d.submit(buy())
        await settled()
        d.on_quote(quote(1, 2))
        await settled()
        d.on_quote(quote(2, 3))
        await settled()
    assert [m.quotes for m in made.all] == [1 if i % 3 == 0 else 2 for i in range(31)]
    assert all(len(m.updates) == m.quotes + 1 for m in made.all)


@virtual
async def test_c08_the_last_terms_and_the_times_are_in_the_outcome() -> None:
    """On the clock that stamps receive times."""
    made = Made(done_when_cancelled)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy(price=D(1))).order_id
        await asyncio.sleep(2)
        d.replace(buy(order_id=x, price=D(2)))
        await asyncio.sleep(3)
        d.cancel(x)
        outcome = await d.ended(x)
    assert outcome.ended_ns - outcome.submitted_ns == 5_000_000_000
    assert outcome.order == buy(order_id=x, price=D(2)) and outcome.cancelled
