"""Watchdog: names the order whose delegate holds up the loop, while it does.

A delegate that spins stalls a Python process, whatever its container. What can be done is to say which it is. The
watchdog is a thread of its own that looks in on real time, reads no clock and steers nothing (contract C15).
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from _thread import interrupt_main
from collections.abc import Callable

from exo.mkt.value import Frozen
from exo.run.delivery import Delivery

_log = logging.getLogger("exo.run")


class Hog(Frozen):
    """An order that has held up the loop for at least `held_s` seconds, and where its delegate is."""

    order_id: str
    held_s: float
    stack: str

    def __str__(self) -> str:
        return f"order {self.order_id} has held up the loop for {self.held_s:g} s; its delegate is at\n{self.stack}"


class Watchdog:
    """Looks every half of `patience_s` whether one call of act has lasted as long as that.

    It tells `on_hog` once per call, from its own thread. With `halt` it then does what Ctrl-C does, and again each time
    it looks until the call ends: the first asks the program to shut down, the second breaks into the call. That reaches
    a loop on the main thread only.
    """

    def __init__(
        self, delivery: Delivery, patience_s: float, on_hog: Callable[[Hog], object] | None = None, halt: bool = False
    ) -> None:
        self._delivery = delivery
        self._patience_s = patience_s
        self._on_hog = on_hog
        self._halt = halt
        self._stop = threading.Event()
        self._telling = False
        self._thread = threading.Thread(target=self._watch, name="exo.watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End; does not wait for an `on_hog` that runs."""
        self._stop.set()
        if not self._telling:
            self._thread.join(1)

    def _watch(self) -> None:
        delivery = self._delivery
        seen: tuple[object, ...] = ()
        looks = 0
        while not self._stop.wait(self._patience_s / 2):
            acting = delivery.answers.acting
            now = acting, delivery.answers.steps, delivery.statistics.turns
            if acting is None or now != seen:
                seen, looks = now, 0
                continue
            looks += 1
            if looks == 2:
                frame = sys._current_frames().get(delivery.thread)
                stack = "".join(traceback.format_stack(frame))
                self._tell(Hog(order_id=acting.order_id, held_s=self._patience_s, stack=stack))
            if looks >= 2 and self._halt:
                interrupt_main()

    def _tell(self, hog: Hog) -> None:
        self._telling = True
        try:
            if self._on_hog is not None:
                self._on_hog(hog)
            else:
                _log.error("%s", hog)
        except BaseException:
            _log.exception("on_hog raised")
        finally:
            self._telling = False
