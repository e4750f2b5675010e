"""Cleaning: calls `clean_up` once per delegate, however its order ended (contract C9)."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable
from contextvars import Context
from typing import Any

from exo.run.process import OrderProcess

_log = logging.getLogger("exo.run")


class Cleaning:
    """Runs the clean-ups; one that raises is logged and disturbs nothing, one that is `async def` runs as a Task."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, process: OrderProcess[Any], context: Context) -> None:
        """Have the delegate clean up in this contextvars context, and let go of it."""
        delegate, process.delegate = process.delegate, None
        if delegate is None:
            return
        try:
            answer = context.run(delegate.clean_up)
            finish = self._finish(process.order_id, answer) if inspect.isawaitable(answer) else None
        except BaseException as error:
            _log.exception("clean_up of order %s raised", process.order_id)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return
        if finish is not None:
            task = asyncio.get_running_loop().create_task(finish, name="exo.clean_up", context=context)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finish(self, within_s: float) -> None:
        """Wait so long for the clean-ups that run."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)

    def cancel(self) -> list[asyncio.Task[None]]:
        """Cut short what still runs; these are the tasks that are about to end."""
        for task in self._tasks:
            task.cancel()
        return list(self._tasks)

    async def _finish(self, order_id: str, answer: Awaitable[object]) -> None:
        try:
            await answer
        except asyncio.CancelledError:
            _log.error("clean_up of order %s was cut short", order_id)
            raise
        except Exception:
            _log.exception("clean_up of order %s raised", order_id)
