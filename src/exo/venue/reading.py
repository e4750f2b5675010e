"""Reading: all frames of one read of a socket at once, and then a word before the next wait."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


@coroutine
def told_before_waiting(coro: Coroutine[Any, Any, T], waits: Callable[[], object]) -> Generator[Any, Any, T]:
    """Await this, and say so before the first time that it really suspends: until then all it needed was there.

    A WebSocket hands out one frame after another of what a read has brought, without suspending. So what happens
    between two words is one read.
    """
    try:
        waits_for = coro.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    try:
        waits()
    except BaseException:
        coro.close()
        raise
    step: tuple[Callable[[Any], Any], Any]
    while True:
        try:
            sent = yield waits_for
        except GeneratorExit:
            coro.close()
            raise
        except BaseException as error:
            step = coro.throw, error
        else:
            step = coro.send, sent
        try:
            waits_for = step[0](step[1])
        except StopIteration as stop:
            value = stop.value
            return value
