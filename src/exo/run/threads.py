"""Threads: where the acts of blocking delegates run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exo.run.process import OrderProcess
    from exo.run.stepping import Finished
    from exo.run.update import Update


class Threads:
    """At most `size` threads, made when first needed; `finished` hears on the loop of each act that ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context, size: int, finished: Finished) -> None:
        self._loop = loop
        self._context = context
        self._size = size
        self._finished = finished
        self._executor: Executor | None = None
        self.running: dict[OrderProcess[Any], asyncio.Future[Any]] = {}

    def run(self, process: OrderProcess[Any], act: Callable[[Update[Any]], Any], update: Update[Any]) -> None:
        """Have a thread call an act, in the order's own contextvars context."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._size, thread_name_prefix="exo.act")
        if process.context is None:
            process.context = self._context.copy()
        future = self._loop.run_in_executor(self._executor, _guarded, process.context, act, update)
        self.running[process] = future
        future.add_done_callback(partial(self._done, process))

    def close(self) -> None:
        """Let the threads end when they are idle."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _done(self, process: OrderProcess[Any], future: asyncio.Future[Any]) -> None:
        del self.running[process]
        answer, error = (None, asyncio.CancelledError()) if future.cancelled() else future.result()
        self._finished(process, answer, error)


def _guarded(context: Context, act: Callable[[Update[Any]], Any], update: Update[Any]) -> tuple[Any, Any]:
    """The answer of an act, or what it raised: a future cannot carry every exception (StopIteration)."""
    try:
        answer = context.run(act, update)
    except BaseException as error:
        return None, error
    if isinstance(answer, Coroutine):
        answer.close()
    return answer, None
