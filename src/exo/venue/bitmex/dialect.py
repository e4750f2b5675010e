"""Dialect: BitMEX's realtime feed.

Sources: its WebSocket API page. Nothing in it is numbered, so that a lost message cannot be noticed; each row of
`quote` is the whole touch. It has no planned end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from exo.flow.rate import Window
from exo.venue.bitmex.decoding import BitmexDecoder
from exo.venue.dialect import Habits
from exo.venue.frames import Decoder, Event, Failed, Taken

URL: Final = "wss://ws.bitmex.com/realtime"


class BitmexDialect:
    """The tables `quote` and `trade`."""

    venue = "BITMEX"

    def __init__(self, url: str = URL, *, heartbeat_s: float = 10.0) -> None:
        self.url = url
        # One instrument a message: an error repeats its request, and so says which it was about.
        self.habits = Habits((Window(10, 1.0),), batch=1, heartbeat_s=heartbeat_s, counted=False)

    def decoder(self, names: Mapping[str, str]) -> Decoder:
        """What reads frames."""
        return BitmexDecoder(names)

    def name(self, text: str) -> str:
        """As it is."""
        return text

    def topics(self, name: str, *, whole: bool = False) -> Sequence[str]:
        """table:instrument."""
        return (f"quote:{name}", f"trade:{name}")

    def request(self, names: Sequence[str], subscribe: bool, number: int, *, whole: bool = False) -> str:
        """An op; BitMEX has no numbers for them."""
        topics = [topic for name in names for topic in self.topics(name)]
        return json.dumps({"op": "subscribe" if subscribe else "unsubscribe", "args": topics})

    def confirmed(self, event: Event) -> tuple[str | None, Sequence[str]]:
        """Each topic is answered by itself."""
        if isinstance(event, Taken | Failed) and event.what is not None and not event.what.startswith("-"):
            return None, (event.what,)
        return None, ()
