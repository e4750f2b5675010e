"""Faults: what real venues do now and then, by a seeded script - forced, or drawn as often as told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import Enum

from exo.errors import InvalidValue
from exo.flow.clock import seeded


class Fault(Enum):
    """What can go wrong at a venue, or surprise."""

    LOSE_REQUEST = "LOSE_REQUEST"
    """A request never arrives."""
    LOSE_ANSWER = "LOSE_ANSWER"
    """What a request did is not told: no acknowledgement, no reject."""
    LOSE_FILL = "LOSE_FILL"
    """An execution is not told."""
    DUPLICATE = "DUPLICATE"
    """A report is told twice."""
    LATE_FILL = "LATE_FILL"
    """An execution is told long after, behind what came later."""
    REJECT = "REJECT"
    """A request is rejected."""
    BUST = "BUST"
    """An execution is taken back."""
    CORRECT = "CORRECT"
    """An execution is corrected, to half of its quantity."""
    REDUCE = "REDUCE"
    """Half of what rests is taken off the book unasked, and the order restated."""
    DONE_FOR_DAY = "DONE_FOR_DAY"
    """An order is done for the day."""
    CANCEL = "CANCEL"
    """An order is cancelled unasked."""
    FORGET = "FORGET"
    """A query does not find an order for a while."""
    DISCONNECT = "DISCONNECT"
    """The line goes down for a while; what is on its way is lost, both ways."""


class Faults:
    """Decides when a fault strikes, by seed; `hits` counts how often each has.

    `rates` are the probabilities for each occasion: a request that is sent, a report, an execution. `for_s` is how long
    what lasts a while does: a late fill, a forgetful query, a lost line.
    """

    def __init__(self, seed: int = 0, rates: Mapping[Fault, float] | None = None, *, for_s: float = 1.0) -> None:
        self.rates = dict(rates or {})
        for fault, rate in self.rates.items():
            if not 0 <= rate <= 1:
                raise InvalidValue(f"rates[{fault.value}]", f"expected a probability, got {rate}")
        self.for_s = for_s
        self.hits: Counter[Fault] = Counter()
        self._rng = seeded(f"faults {seed}")
        self._forced: Counter[Fault] = Counter()

    def force(self, fault: Fault, times: int = 1) -> None:
        """Let a fault strike at its next occasions."""
        self._forced[fault] += times

    def strikes(self, fault: Fault) -> bool:
        """Whether a fault strikes on this occasion."""
        if self._forced[fault]:
            self._forced[fault] -= 1
        elif not (rate := self.rates.get(fault)) or self._rng.random() >= rate:
            return False
        self.hits[fault] += 1
        return True
