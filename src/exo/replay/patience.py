"""Patience: ends a replay that does not get on, and says whose order it is.

A delegate that spins, or awaits nothing for ever, keeps virtual time from passing. Only real time can tell. As the
watchdog's, this thread reads no clock and steers nothing that a replay which gets on could show (contract C15).
"""

from __future__ import annotations

import threading
from _thread import interrupt_main
from collections import Counter
from collections.abc import Callable
from typing import Final

from exo.errors import DelegateError

_LOOKS: Final = 20


class NeverFinishes(DelegateError):
    """A delegate did not let time pass: `order_id` and `delegate` are empty if it could not be told which."""

    def __init__(self, order_id: str, delegate: str, held_s: float) -> None:
        super().__init__(order_id, delegate, held_s)
        self.order_id = order_id
        self.delegate = delegate
        self.held_s = held_s

    def __str__(self) -> str:
        who = f"the delegate of order {self.order_id} ({self.delegate})" if self.order_id else "some delegate"
        return (
            f"{who} did not come to an end within {self.held_s:g} s, and nothing else could go on: the replay is over"
        )


class Patience:
    """Looks again and again whether `progress` has changed; if not for `within_s`, interrupts the main thread.

    It goes on to interrupt until it is left. `acting` names the order that runs at the moment; the one seen most often
    is the `culprit`. Of use on the main thread only: elsewhere it does nothing.
    """

    def __init__(self, progress: Callable[[], object], acting: Callable[[], str | None], within_s: float) -> None:
        self.over = False
        self.culprit = ""
        self._progress = progress
        self._acting = acting
        self._within_s = within_s
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Patience:
        if threading.current_thread() is threading.main_thread():
            self._thread = threading.Thread(target=self._watch, name="exo.patience", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        seen: object = None
        looks = 0
        acting: Counter[str] = Counter()
        while not self._done.wait(self._within_s / _LOOKS):
            progress = self._progress()
            if progress != seen:
                seen, looks = progress, 0
                acting.clear()
                continue
            looks += 1
            who = self._acting()
            if who is not None:
                acting[who] += 1
            if looks >= _LOOKS:
                self.over = True
                self.culprit = next((name for name, _ in acting.most_common(1)), "")
                interrupt_main()
