"""Instrument: what a feed knows of one instrument that is wanted, over all its connections."""

from __future__ import annotations

from exo.mkt.enums import FeedState
from exo.mkt.quote import Quote
from exo.venue.numbering import Numbering


class Instrument:
    """One instrument that is wanted: its numbers, and what was last said of its data.

    `fresh` is whether its touch is known to be that of now: none of it came before a loss or a gap.
    """

    def __init__(self, name: str, symbol: str, counted: bool, fresh: bool) -> None:
        self.name = name
        self.symbol = symbol
        self.numbering = Numbering(counted)
        self.state: FeedState | None = None
        self.text = ""
        self.fresh = fresh
        self.refusals = 0
        self.refusal = ""
        self.quote: Quote | None = None
