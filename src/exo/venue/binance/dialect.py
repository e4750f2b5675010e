"""Dialect: Binance's raw streams, spot and USD-M.

Sources: binance-spot-api-docs, web-socket-streams (five messages a second, 1,024 streams and 24 hours a connection,
a ping each 20 seconds); the USD-M ones allow ten messages a second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from exo.flow.rate import Window
from exo.venue.binance.decoding import BinanceDecoder
from exo.venue.dialect import Habits
from exo.venue.frames import Decoder, Event, Failed, Taken

SPOT: Final = "wss://stream.binance.com:9443/ws"
USD_M: Final = "wss://fstream.binance.com/ws"
_DAY_S: Final = 86_400.0


def usd_m(url: str = USD_M) -> BinanceDialect:
    """The dialect of USD-M futures."""
    return BinanceDialect(url, "BINANCE-USDM", messages=9)


class BinanceDialect:
    """The touch of `bookTicker`, trades of `trade`."""

    def __init__(
        self,
        url: str = SPOT,
        venue: str = "BINANCE",
        *,
        heartbeat_s: float = 10.0,
        lifetime_s: float = _DAY_S - 600,
        messages: int = 4,  # a second; one less than five, for pings and pongs count too
    ) -> None:
        self.url = url
        self.venue = venue
        windows = (Window(messages, 1.0),)
        self.habits = Habits(windows, batch=100, heartbeat_s=heartbeat_s, lifetime_s=lifetime_s, most=512)

    def decoder(self, names: Mapping[str, str]) -> Decoder:
        """What reads frames."""
        return BinanceDecoder(names)

    def name(self, text: str) -> str:
        """In upper case, as it answers."""
        return text.upper()

    def topics(self, name: str, *, whole: bool = False) -> Sequence[str]:
        """Its two streams, in lower case."""
        return (f"{name.lower()}@bookTicker", f"{name.lower()}@trade")

    def request(self, names: Sequence[str], subscribe: bool, number: int, *, whole: bool = False) -> str:
        """A SUBSCRIBE or UNSUBSCRIBE."""
        topics = [topic for name in names for topic in self.topics(name)]
        return json.dumps({"method": "SUBSCRIBE" if subscribe else "UNSUBSCRIBE", "params": topics, "id": number})

    def confirmed(self, event: Event) -> tuple[str | None, Sequence[str]]:
        """Answers carry the number of their request."""
        return (event.what, ()) if isinstance(event, Taken | Failed) else (None, ())
