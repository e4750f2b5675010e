"""FeedStatus: what a feed says of its own data."""

from __future__ import annotations

from typing import Annotated

from exo.mkt.enums import FeedState
from exo.mkt.order import check_symbol
from exo.mkt.value import Tag, Value


class FeedStatus(Value, gc=False):
    """A change in a feed's state, for one symbol or (None) for all it carries.

    Data is stale when the feed says so - silence, gap or disconnect - and not when a market is quiet (contract C16).
    """

    state: FeedState
    symbol: Annotated[str | None, Tag(55)] = None
    text: Annotated[str, Tag(58)] = ""
    received_ns: int | None = None

    def __post_init__(self) -> None:
        """Check every field and the symbol."""
        super().__post_init__()
        if self.symbol is not None:
            check_symbol(self.symbol)

    @property
    def stale(self) -> bool:
        """Whether data under this status must not be traded on."""
        return self.state is not FeedState.LIVE
