"""Asking: a question to a venue that is answered in time, or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from exo.errors import ExoError

T = TypeVar("T")


class NoAnswer(ExoError):
    """A venue has not answered a question: not in time, or its connection has dropped it."""

    def __init__(self, within_s: float | None) -> None:
        super().__init__(within_s)
        self.within_s = within_s

    def __str__(self) -> str:
        return "the question was dropped" if self.within_s is None else f"no answer within {self.within_s:g} s"


async def answer_of(question: Awaitable[T], within_s: float) -> T:
    """The answer; NoAnswer if it takes longer, or if a cancel comes out of it that was not meant for the asker.

    An adapter whose connection closes cancels what waits for it: that must not end whoever asked.
    """
    try:
        async with asyncio.timeout(within_s):
            return await question
    except TimeoutError:
        raise NoAnswer(within_s) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise NoAnswer(None) from None
