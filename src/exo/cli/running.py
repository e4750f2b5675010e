"""Running: a program of coroutines that ends in good order when it is asked to, by Ctrl-C or by SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


def run(program: Coroutine[Any, Any, None]) -> None:
    """Run it; KeyboardInterrupt, once it has cleaned up, if it was asked to end."""
    asyncio.run(_until_terminated(program))


async def _until_terminated(program: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    running = asyncio.current_task()
    assert running is not None
    asked = False

    def terminate() -> None:
        nonlocal asked
        asked = True
        running.cancel()

    # Not every loop and system has signals; those without end as they always did.
    try:
        loop.add_signal_handler(signal.SIGTERM, terminate)
    except (NotImplementedError, RuntimeError):
        pass
    try:
        await program
    except asyncio.CancelledError:
        if asked:
            raise KeyboardInterrupt from None
        raise
