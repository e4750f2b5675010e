"""Voice: lines to whoever reads them, from anywhere in a program; nobody there any more ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

Say = Callable[[str], object]


class Voice:
    """Says a line, and never raises: what cannot be said ends the program, not the sink or gate that said it."""

    def __init__(self, say: Say, program: asyncio.Task[Any]) -> None:
        self.problem: OSError | None = None
        self._say = say
        self._program = program

    def __call__(self, text: str) -> None:
        if self.problem is None:
            try:
                self._say(text)
            except OSError as error:
                self.problem = error
                self._program.cancel()


@asynccontextmanager
async def speaking(say: Say) -> AsyncIterator[Voice]:
    """A voice for this block, which raises OSError in the end if a line could not be said."""
    program = asyncio.current_task()
    assert program is not None
    voice = Voice(say, program)
    try:
        yield voice
    except asyncio.CancelledError:
        if voice.problem is None:
            raise
    if voice.problem is not None:
        raise voice.problem
