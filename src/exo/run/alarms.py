"""Alarms: the wake-ups that delegates ask for at their desks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from threading import get_ident
from typing import TYPE_CHECKING, Any

from exo.flow.clock import Clock

if TYPE_CHECKING:
    from exo.run.process import OrderProcess


class Alarms:
    """One timer of the loop per order that asked; `owe` is called with the order when its wake-up is due."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        clock: Clock,
        owe: Callable[[OrderProcess[Any]], object],
    ) -> None:
        self._loop = loop
        self._context = context
        self._clock = clock
        self._owe = owe
        self._thread = get_ident()

    def set(self, process: OrderProcess[Any]) -> None:
        """Follow what the order asks for; any thread may call.

        A later time leaves the timer as it is, which sets itself anew when it fires: a delegate that asks with every
        tick costs the loop nothing (contract C11).
        """
        if get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self.set, process)
            return
        timer = process.timer
        if process.wake_ns is None or process.ended:
            if timer is not None:
                timer.cancel()
                process.timer = None
            return
        when = self._loop.time() + max(0, process.wake_ns - self._clock.now_ns()) / 1e9
        if timer is not None:
            if timer.when() <= when:
                return
            timer.cancel()
        process.timer = self._loop.call_at(when, self._fire, process, context=self._context)

    def _fire(self, process: OrderProcess[Any]) -> None:
        process.timer = None
        if process.wake_ns is None:
            return
        if self._clock.now_ns() < process.wake_ns:
            self.set(process)
            return
        process.wake_ns = None
        process.woken = True
        self._owe(process)
