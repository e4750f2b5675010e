"""Movement, without a word about markets: conflating queues, time and virtual time, rate limits."""

from exo.flow.clock import (
    VIRTUAL_START_NS,
    Clock,
    LiveClock,
    NaiveDatetime,
    TimeStepsBack,
    VirtualClock,
    current_clock,
    seeded,
    to_ns,
    utc,
)
from exo.flow.queue import ConflatingQueue, NoItem, QueueClosed
from exo.flow.rate import BadWeight, BadWindow, NeverAdmitted, RateLimiter, Window
from exo.flow.virtual import NothingDue, VirtualLoop, run_virtually

__all__ = [
    "Clock",
    "LiveClock",
    "VirtualClock",
    "VIRTUAL_START_NS",
    "current_clock",
    "seeded",
    "utc",
    "to_ns",
    "TimeStepsBack",
    "NaiveDatetime",
    "run_virtually",
    "VirtualLoop",
    "NothingDue",
    "ConflatingQueue",
    "QueueClosed",
    "NoItem",
    "RateLimiter",
    "Window",
    "BadWindow",
    "BadWeight",
    "NeverAdmitted",
]
