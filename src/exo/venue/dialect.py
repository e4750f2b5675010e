"""Dialect: what is a venue's own in a market data feed; all else is the same for every venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from exo.flow.rate import Window
from exo.venue.frames import Decoder, Event


class Habits(NamedTuple):
    """How a venue's connections behave.

    `windows` limit the messages one connection may send; one message may be about `batch` instruments. A connection is
    replaced `lifetime_s` after its start (None: it may stay). `counted`: the ids of trades count one by one.
    `snapshots`: after a gap the data is good again only with a new whole, which is asked for. A connection carries
    `most` instruments.
    """

    windows: tuple[Window, ...]
    batch: int = 50
    heartbeat_s: float = 10.0
    lifetime_s: float | None = None
    counted: bool = True
    snapshots: bool = False
    most: int = 1_000_000


class Dialect(Protocol):
    """One venue's market data over WebSockets. Instruments go by the venue's own names here."""

    venue: str
    url: str
    habits: Habits

    def decoder(self, names: Mapping[str, str], /) -> Decoder:
        """What reads frames; `names` has exo's symbol of each name."""
        ...

    def name(self, text: str, /) -> str:
        """The venue's own spelling of a name."""
        ...

    def topics(self, name: str, /, *, whole: bool = False) -> Sequence[str]:
        """What is subscribed to for an instrument; or of that, what brings a whole."""
        ...

    def request(self, names: Sequence[str], subscribe: bool, number: int, /, *, whole: bool = False) -> str:
        """The message that subscribes to these instruments, or to a whole of them, or no longer.

        `number` tells it from others.
        """
        ...

    def confirmed(self, event: Event, /) -> tuple[str | None, Sequence[str]]:
        """What an answer confirms or refuses: the number of its request if it says so, or else topics."""
        ...
