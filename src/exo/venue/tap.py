"""Tap: what a feed's connections brought, note by note - all that its news depend on."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, TypeAlias


class What(Enum):
    """What is noted of a connection."""

    OPENED = "opened"
    FRAME = "frame"
    FORGOTTEN = "forgotten"
    """What was known of an instrument, which it names, does not hold any more."""
    TORN = "torn"
    """The book of an instrument, which it names, is asked for anew."""
    CHOSEN = "chosen"
    """From now on its quotes are those that count."""
    CLOSED = "closed"


class Note(NamedTuple):
    """Something that was noted of a connection, by its number, counted from 1."""

    at_ns: int
    connection: int
    what: What
    data: bytes = b""


Tap: TypeAlias = Callable[[Note], object]
