"""Conflating queues: in one thread, in tasks, and between threads."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exo.errors import UserError
from exo.flow import ConflatingQueue, NoItem, QueueClosed, run_virtually

Item = tuple[str, int]


def by_first() -> ConflatingQueue[str, Item]:
    return ConflatingQueue(lambda item: item[0])


def adding() -> ConflatingQueue[str, Item]:
    return ConflatingQueue(lambda item: item[0], lambda old, new: (old[0], old[1] + new[1]))


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def shared_cases() -> list[int]:
    return [0, 1, 2, 3]


@pytest.mark.parametrize("case", shared_cases())
def test_the_original_cases_hold(shared: Path, case: int):
    """The queue does what the Go original was tested for."""
    cases = json.loads((shared / "data/vectors/mkt_cases.shared.json").read_text())["conflating_queue"]
    assert sum("ops" in each for each in cases) == len(shared_cases())
    key = cases[case].get("key", "id" if case == 3 else "symbol")
    conflate = (lambda old, new: old | new) if "conflate" in cases[case] else None
    queue: ConflatingQueue[str, dict[str, Any]] = ConflatingQueue(lambda item: item[key], conflate)

    async def play() -> None:
        for op, value in cases[case]["ops"]:
            if op == "push":
                queue.push(value)
            elif op == "ready?":
                assert bool(queue) is value
            elif op == "drain_by_notification":
                for expected in value:
                    await queue.wait()
                    item = queue.pop()
                    assert item is not None
                    assert item[key] == expected
            elif value == "not none":
                assert queue.pop() is not None
            else:
                assert op == "pop"
                assert queue.pop() == value

    run_virtually(play())


def test_c02_the_newer_replaces_the_older_in_its_place():
    """Unless told otherwise."""
    queue = by_first()
    for item in [("A", 1), ("B", 2), ("A", 3)]:
        queue.push(item)
    assert (len(queue), queue.pushed, queue.conflated) == (2, 3, 1)
    assert [queue.pop(), queue.pop(), queue.pop()] == [("A", 3), ("B", 2), None]


def test_conflate_makes_one_item_of_two():
    """The one that waits comes first."""
    queue = ConflatingQueue[str, str](lambda item: item[0], lambda waiting, item: f"{waiting}+{item}")
    for item in ["a1", "a2", "a3"]:
        queue.push(item)
    assert queue.drain() == ["a1+a2+a3"]


def test_a_popped_key_goes_to_the_back():
    """Its place was that of its first item."""
    queue = by_first()
    queue.push(("A", 1))
    queue.push(("B", 2))
    queue.pop()
    queue.push(("A", 3))
    assert queue.drain() == [("B", 2), ("A", 3)]


def test_an_item_may_be_false():
    """Only None is no item."""
    queue = ConflatingQueue[int, int](lambda item: 0)
    queue.push(0)
    queue.push(0)
    assert (len(queue), queue.conflated, queue.pop()) == (1, 1, 0)


def test_none_is_refused():
    """From a caller and from conflate; the queue is as it was."""
    queue: ConflatingQueue[int, Any] = ConflatingQueue(lambda item: 0, lambda old, new: None)
    with pytest.raises(NoItem, match="cannot push None") as caught:
        queue.push(None)
    assert isinstance(caught.value, UserError)
    queue.push(1)
    with pytest.raises(NoItem, match="conflate answered None"):
        queue.push(2)
    assert (queue.drain(), queue.pushed, queue.conflated) == ([1], 1, 0)


def test_a_function_that_raises_leaves_the_queue_as_it_was():
    """Neither an item nor a count changes, and it goes on working."""

    def key(item: int) -> int:
        return item // (item != 13)

    def conflate(waiting: int, item: int) -> int:
        raise ArithmeticError(f"{waiting} and {item}")

    queue = ConflatingQueue(key, conflate)
    queue.push(1)
    for item in (1, 13):
        with pytest.raises(ArithmeticError):
            queue.push(item)
    assert (len(queue), queue.pushed, queue.conflated) == (1, 1, 0)
    queue.push(2)
    assert queue.drain() == [1, 2]


OPS = st.lists(
    st.one_of(st.tuples(st.just("push"), st.sampled_from("ABCDE")), st.just(("pop", "")), st.just(("drain", ""))),
    max_size=60,
)


@given(OPS)
def test_c02_it_behaves_as_a_plain_list_of_slots(ops: list[tuple[str, str]]):
    """Whatever is pushed, popped and drained in whatever order; nothing is lost, and the counts agree."""
    queue = ConflatingQueue[str, tuple[str, list[int]]](lambda item: item[0], lambda a, b: (a[0], a[1] + b[1]))
    model: list[tuple[str, list[int]]] = []
    pushed = conflated = 0
    for op, key in ops:
        if op == "push":
            slot = next((slot for slot in model if slot[0] == key), None)
            conflated += slot is not None
            if slot is None:
                model.append((key, [pushed]))
            else:
                slot[1].append(pushed)
            queue.push((key, [pushed]))
            pushed += 1
        elif op == "pop":
            assert queue.pop() == (model.pop(0) if model else None)
        else:
            assert queue.drain() == model
            model = []
        assert (len(queue), bool(queue)) == (len(model), bool(model))
        assert (queue.pushed, queue.conflated) == (pushed, conflated)


def test_taking_from_a_long_queue_is_not_quadratic():
    """The last of many costs what the first does."""

    def drain_s(length: int) -> float:
        queue = ConflatingQueue[int, int](lambda item: item)
        for item in range(length):
            queue.push(item)
        started_s = time.process_time()
        while queue:
            queue.pop()
        return time.process_time() - started_s

    assert min(drain_s(40_000) for _ in range(3)) < 40 * min(drain_s(4_000) for _ in range(3))


def test_a_getter_waits_for_an_item_and_sees_it_conflated():
    """Between its wake-up and its turn, news still merges."""

    async def program() -> Item:
        queue = adding()
        getter = asyncio.create_task(queue.get())
        await settle()
        queue.push(("A", 1))
        queue.push(("A", 2))
        return await getter

    assert run_virtually(program()) == ("A", 3)


def test_a_get_with_something_there_does_not_wait():
    """It takes it within the same turn of the loop."""

    async def program() -> bool:
        queue = by_first()
        queue.push(("A", 1))
        getter = queue.get()
        with pytest.raises(StopIteration):
            getter.send(None)
        return not queue

    assert run_virtually(program())


def test_c06_getters_are_served_first_come_first_served():
    """A late one does not overtake, even if it runs before the one that was woken."""

    async def program() -> list[tuple[int, Item]]:
        queue = by_first()
        served: list[tuple[int, Item]] = []

        async def getter(number: int) -> None:
            served.append((number, await queue.get()))

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(getter(number))
            await settle()
            group.create_task(getter(3))
            for number, key in enumerate("ABCD"):
                queue.push((key, number))
        return served

    assert run_virtually(program()) == [(number, (key, number)) for number, key in enumerate("ABCD")]


def test_a_cancelled_getter_loses_no_item_and_no_wake_up():
    """Cancelled just after it was woken, it makes way for the next."""

    async def program() -> tuple[Item, int]:
        queue = by_first()
        first, second = (asyncio.create_task(queue.get()) for _ in range(2))
        await settle()
        queue.push(("A", 1))
        first.cancel()
        return await second, len(queue)

    assert run_virtually(program()) == (("A", 1), 0)


def test_a_getter_whose_item_was_popped_keeps_its_place():
    """It was woken in vain and is still first."""

    async def program() -> list[Item]:
        queue = by_first()
        first, second = (asyncio.create_task(queue.get()) for _ in range(2))
        await settle()
        queue.push(("A", 1))
        assert queue.pop() == ("A", 1)
        await settle()
        queue.push(("B", 2))
        queue.push(("C", 3))
        return [await first, await second]

    assert run_virtually(program()) == [("B", 2), ("C", 3)]


STEPS = st.lists(st.sampled_from(["get", "push", "push", "pop", "cancel", "run", "wait"]), max_size=40)


@given(STEPS, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_c06_whatever_is_cancelled_every_item_has_one_taker_and_no_getter_waits_in_vain(steps: list[str], random: Any):
    """Getters, pops and cancellations in any order; those who are served are served in the order they came."""

    async def program() -> None:
        queue = ConflatingQueue[int, int](lambda item: item)
        taken: list[int] = []
        served: list[int] = []
        getters: list[asyncio.Task[None]] = []
        watchers: list[asyncio.Task[None]] = []

        async def getter(number: int) -> None:
            item = await queue.get()
            taken.append(item)
            served.append(number)

        for item, step in enumerate(steps):
            if step == "get":
                getters.append(asyncio.create_task(getter(len(getters))))
            elif step == "wait":
                watchers.append(asyncio.create_task(queue.wait()))
            elif step == "push":
                queue.push(item)
            elif step == "pop" and (popped := queue.pop()) is not None:
                taken.append(popped)
            elif step == "cancel" and getters + watchers:
                random.choice(getters + watchers).cancel()
            elif step == "run":
                await asyncio.sleep(0)
        await settle()
        waiting = [task for task in getters + watchers if not task.done()]
        assert not (queue and waiting)
        taken += queue.drain()
        assert sorted(taken) == [item for item, step in enumerate(steps) if step == "push"]
        assert served == sorted(served)
        queue.close()
        await settle()
        for task in waiting:
            assert isinstance(task.exception(), QueueClosed)
        await asyncio.gather(*getters, *watchers, return_exceptions=True)

    run_virtually(program())


def test_wait_leaves_the_item_there():
    """All who wait return, and the next does so at once."""

    async def program() -> int:
        queue = by_first()
        waits = [asyncio.create_task(queue.wait()) for _ in range(2)]
        await settle()
        assert not any(wait.done() for wait in waits)
        queue.push(("A", 1))
        await asyncio.gather(*waits)
        await queue.wait()
        return len(queue)

    assert run_virtually(program()) == 1


def test_wait_does_not_return_for_an_item_that_is_gone():
    """A getter or a pop was faster."""

    async def program() -> None:
        queue = by_first()
        wait = asyncio.create_task(queue.wait())
        await settle()
        queue.push(("A", 1))
        queue.pop()
        await settle()
        assert not wait.done()
        queue.push(("B", 2))
        await wait

    run_virtually(program())


def test_wait_selects_over_several_sources():
    """As its docstring shows; nothing is lost by cancelling the waits."""

    async def program() -> list[Item]:
        facts, prices = by_first(), by_first()
        seen: list[Item] = []

        async def feed() -> None:
            for number in range(3):
                await asyncio.sleep(1)
                prices.push(("price", number))
                if number == 1:
                    facts.push(("fact", number))

        feeding = asyncio.create_task(feed())
        while len(seen) < 4:
            waits = [asyncio.ensure_future(queue.wait()) for queue in (facts, prices)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            seen += facts.drain() + prices.drain()
        await feeding
        return seen

    assert run_virtually(program()) == [("price", 0), ("fact", 1), ("price", 1), ("price", 2)]


def test_after_close_what_is_there_is_delivered_and_nothing_is_taken_in():
    """Iteration ends after the last; each says what it could not do."""

    async def program() -> list[Item]:
        queue = by_first()
        queue.push(("A", 1))
        queue.push(("B", 2))
        queue.close()
        queue.close()
        assert queue.closed
        with pytest.raises(QueueClosed, match=r"^cannot push: the queue is closed$"):
            queue.push(("A", 3))
        await queue.wait()
        items = [item async for item in queue]
        for doing in ("get", "wait"):
            with pytest.raises(QueueClosed, match=f"^cannot {doing}: the queue is closed and empty$") as caught:
                await getattr(queue, doing)()
            assert caught.value.doing == doing
        return items

    assert run_virtually(program()) == [("A", 1), ("B", 2)]


def test_close_wakes_all_who_wait():
    """Getters, watchers and iterations alike."""

    async def program() -> list[BaseException | list[Item] | None]:
        queue = by_first()

        async def iterate() -> list[Item]:
            return [item async for item in queue]

        waiting = [asyncio.create_task(each) for each in (queue.get(), queue.wait(), iterate(), queue.get())]
        await settle()
        queue.close()
        return await asyncio.gather(*waiting, return_exceptions=True)

    get, wait, items, last = run_virtually(program())
    assert isinstance(get, QueueClosed)
    assert isinstance(wait, QueueClosed)
    assert items == []
    assert isinstance(last, QueueClosed)


@pytest.fixture
def hurried():
    """Threads that change places as often as they can."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval_s)


@pytest.mark.usefixtures("hurried")
def test_threads_push_while_a_loop_takes():
    """The loop is woken, and every push arrives, alone or conflated; the counts agree."""

    async def program() -> tuple[int, int]:
        queue = adding()

        def push() -> None:
            for number in range(2_000):
                queue.push(("ABC"[number % 3], 1))

        async def take() -> tuple[int, int]:
            items = [item async for item in queue]
            return len(items), sum(count for _, count in items)

        async with asyncio.timeout(10):
            taking = [asyncio.create_task(take()) for _ in range(2)]
            await asyncio.gather(*(asyncio.to_thread(push) for _ in range(3)))
            queue.close()
            parts = await asyncio.gather(*taking)
        items, total = (sum(part) for part in zip(*parts, strict=True))
        assert queue.pushed == total
        assert queue.conflated == total - items
        return total, len(queue)

    assert asyncio.run(program()) == (6_000, 0)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in the loop", "in a thread"])
def test_a_loop_is_woken_across_threads_once_and_within_its_own_not_at_all(elsewhere: bool):
    """However many items come before its getter runs."""

    async def program() -> tuple[int, Item]:
        loop = asyncio.get_running_loop()
        woken: list[object] = []
        wake = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *args: (woken.append(args), wake(*args))[1]  # type: ignore[method-assign]
        queue = by_first()
        getter = asyncio.create_task(queue.get())
        await settle()

        def push() -> None:
            for number, key in enumerate("ABCDE"):
                queue.push((key, number))

        if elsewhere:
            thread = threading.Thread(target=push)
            thread.start()
            thread.join()
        else:
            push()
        return len(woken), await getter

    assert asyncio.run(program()) == (int(elsewhere), ("A", 0))


@pytest.mark.usefixtures("hurried")
def test_threads_pop_each_item_once():
    """However they race."""
    queue = ConflatingQueue[int, int](lambda item: item)
    for item in range(3_000):
        queue.push(item)
    taken: list[list[int]] = [[], [], []]

    def pop(into: list[int]) -> None:
        while (item := queue.pop()) is not None:
            into.append(item)

    threads = [threading.Thread(target=pop, args=(into,)) for into in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(itertools.chain(*taken)) == list(range(3_000))


def test_a_loop_that_is_gone_does_not_hinder_a_push():
    """Its getter was never cleaned up; the item stays for others."""
    queue = by_first()
    loop = asyncio.new_event_loop()
    getter = queue.get()
    asyncio.set_event_loop(None)

    async def begin() -> None:
        getter.send(None)

    loop.run_until_complete(begin())
    loop.close()
    queue.push(("A", 1))
    assert len(queue) == 1
    getter.close()
    assert asyncio.run(queue.get()) == ("A", 1)
