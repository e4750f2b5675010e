"""Dialect: Coinbase Exchange's feed.

Sources: its WebSocket overview and rate limits (eight messages a second and client at the time of writing). A ticker
comes with matches only, so that its bid and ask grow old without a word: the touch is taken of `level2_batch`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from exo.flow.rate import Window
from exo.venue.coinbase.decoding import CoinbaseDecoder, Touch, Trades
from exo.venue.dialect import Habits
from exo.venue.frames import Decoder, Event, Failed, Taken

_BOOK: Final = re.compile(r"^level2\w*:")
URL: Final = "wss://ws-feed.exchange.coinbase.com"


class CoinbaseDialect:
    """The touch of levels or tickers, trades of matches or tickers, and a heartbeat of each product."""

    venue = "COINBASE"

    def __init__(
        self,
        url: str = URL,
        *,
        touch: Touch = "level2_batch",
        trades: Trades = "matches",
        heartbeat_s: float = 10.0,
    ) -> None:
        self.url = url
        self._touch: Touch = touch
        self._trades: Trades = trades
        self._channels = list(dict.fromkeys((touch, trades, "heartbeat")))
        self.habits = Habits(
            (Window(7, 1.0),),
            batch=20,
            heartbeat_s=heartbeat_s,
            counted=trades == "matches",
            snapshots=touch != "ticker",
        )

    def decoder(self, names: Mapping[str, str]) -> Decoder:
        """What reads frames."""
        return CoinbaseDecoder(names, self._touch, self._trades)

    def name(self, text: str) -> str:
        """As it is."""
        return text

    def topics(self, name: str, *, whole: bool = False) -> Sequence[str]:
        """channel:product; `level2_batch` is confirmed as `level2_50` or so."""
        return [_BOOK.sub("level2:", f"{channel}:{name}") for channel in self._asked_of(whole)]

    def request(self, names: Sequence[str], subscribe: bool, number: int, *, whole: bool = False) -> str:
        """A subscribe or unsubscribe; Coinbase has no numbers for them."""
        kind = "subscribe" if subscribe else "unsubscribe"
        return json.dumps({"type": kind, "product_ids": list(names), "channels": self._asked_of(whole)})

    def _asked_of(self, whole: bool) -> list[str]:
        return [self._touch] if whole else self._channels

    def confirmed(self, event: Event) -> tuple[str | None, Sequence[str]]:
        """Every answer says all that is subscribed; an error names a product, if anything."""
        if isinstance(event, Taken):
            return None, [_BOOK.sub("level2:", topic) for topic in event.names]
        if isinstance(event, Failed) and event.what is not None:
            return None, self.topics(event.what)
        return None, ()
