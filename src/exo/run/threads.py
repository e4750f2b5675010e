"""Threads: where the acts of blocking delegates run, and how these ask the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from contextvars import Context
from functools import partial
from queue import SimpleQueue
from threading import Semaphore, Thread, get_ident
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from exo.run.process import OrderProcess
    from exo.run.stepping import Finished
    from exo.run.update import Update

T = TypeVar("T")


class Threads:
    """At most `size` threads, made when first needed; `finished` hears on the loop of each act that ended.

    More acts than threads wait their turn. An act that never returns keeps its thread, but not the process: the threads
    are daemons, which a ThreadPoolExecutor's are not.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context, size: int, finished: Finished) -> None:
        self._loop = loop
        self._context = context
        self._pool = _Pool(size)
        self._finished = finished
        self.running: dict[OrderProcess[Any], asyncio.Future[Any]] = {}

    def run(self, process: OrderProcess[Any], act: Callable[[Update[Any]], Any], update: Update[Any]) -> None:
        """Have a thread call an act, in the order's own contextvars context."""
        if process.context is None:
            process.context = self._context.copy()
        future = self._loop.run_in_executor(self._pool, _guarded, process.context, act, update)
        self.running[process] = future
        future.add_done_callback(partial(self._done, process))

    def close(self) -> None:
        """Let the threads end when they are idle."""
        self._pool.shutdown()

    def _done(self, process: OrderProcess[Any], future: asyncio.Future[Any]) -> None:
        del self.running[process]
        answer, error = (None, asyncio.CancelledError()) if future.cancelled() else future.result()
        self._finished(process, answer, error)


class _Pool(Executor):
    """Daemon threads that take jobs from one queue; None in it tells one of them to end."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = 0
        self._idle = Semaphore(0)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a thread call a function."""
        future: Future[Any] = Future()
        if not self._idle.acquire(blocking=False) and self._threads < self._size:
            self._threads += 1
            Thread(target=self._work, name=f"exo.act-{self._threads}", daemon=True).start()
        self._jobs.put(partial(_call, future, partial(fn, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end after the jobs that wait; there is no waiting for it."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._idle.release()


def _call(future: Future[Any], job: Callable[[], Any]) -> None:
    if future.set_running_or_notify_cancel():
        future.set_result(job())


def _guarded(context: Context, act: Callable[[Update[Any]], Any], update: Update[Any]) -> tuple[Any, Any]:
    """The answer of an act, or what it raised: a future cannot carry every exception (StopIteration)."""
    try:
        answer = context.run(act, update)
        if isinstance(answer, Coroutine):
            answer.close()
    except BaseException as error:
        return None, error
    return answer, None


def on_loop(loop: asyncio.AbstractEventLoop, thread: int, call: Callable[..., T], *args: object) -> T:
    """Call on the loop, whose thread this is; from any other the act that asks waits for the answer, or the error."""
    if get_ident() == thread:
        return call(*args)
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call(*args))
        except BaseException as error:
            done.set_exception(error)

    loop.call_soon_threadsafe(run)
    return done.result()
