"""Quote: the best bid and offer at one instant."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated

from exo.mkt import fields
from exo.mkt.enums import Side
from exo.mkt.exact import CEILING, EXACT, FLOOR, TWO, ZERO, add, fit, subtract
from exo.mkt.order import check_symbol, good_symbol
from exo.mkt.value import Tag, Value, vocabulary


@vocabulary
class Quote(Value, kw_only=False, gc=False):
    """The best bid and offer of a symbol, both from one instant.

    A price of None is an empty side, a size of None an unknown size (never 0). Locked (bid = ask) and crossed
    (bid > ask) quotes are states, not errors (contract C16); a negative size or NaN is an error. `received_ns` is the
    local receive time on the clock of `exo.flow`; `transact_time` is the venue's and is only carried.
    """

    symbol: Annotated[str, Tag(55)]
    bid_px: fields.BidPx | None
    bid_size: fields.BidSize | None
    ask_px: fields.AskPx | None
    ask_size: fields.AskSize | None
    received_ns: int | None = None
    rpt_seq: Annotated[int | None, Tag(83)] = None
    transact_time: Annotated[datetime.datetime | None, Tag(60)] = None

    def __post_init__(self) -> None:
        """Check by hand what a full quote passes quickly, then any good one, and find the words only for a bad one."""
        bid_px, bid_size, ask_px, ask_size = self.bid_px, self.bid_size, self.ask_px, self.ask_size
        time = self.transact_time
        good = False
        if not (bid_px is None or ask_px is None or bid_size is None or ask_size is None):
            try:
                # What is no Decimal has no `is_finite`; most of the time goes into the four calls of `fit`.
                fit(bid_px), fit(bid_size), fit(ask_px), fit(ask_size)
                good = (
                    bid_px.is_finite()
                    and ask_px.is_finite()
                    and bid_size.is_finite()
                    and ask_size.is_finite()
                    and not (bid_size.is_signed() or ask_size.is_signed())
                    and (self.received_ns is None or type(self.received_ns) is int)
                    and (self.rpt_seq is None or type(self.rpt_seq) is int)
                    and (time is None or (type(time) is datetime.datetime and time.tzinfo is not None))
                    and good_symbol(self.symbol)
                )
            except (ArithmeticError, TypeError, AttributeError):
                pass
        if not (good or self._good):
            check_symbol(self.symbol)
            super().__post_init__()

    @property
    def _good(self) -> bool:
        bid_px, bid_size, ask_px, ask_size = self.bid_px, self.bid_size, self.ask_px, self.ask_size
        time = self.transact_time
        try:
            return (
                (bid_px is None or (type(bid_px) is Decimal and FLOOR < fit(bid_px) < CEILING))
                and (ask_px is None or (type(ask_px) is Decimal and FLOOR < fit(ask_px) < CEILING))
                and (bid_size is None or (type(bid_size) is Decimal and ZERO <= fit(bid_size) < CEILING))
                and (ask_size is None or (type(ask_size) is Decimal and ZERO <= fit(ask_size) < CEILING))
                and (self.received_ns is None or type(self.received_ns) is int)
                and (self.rpt_seq is None or type(self.rpt_seq) is int)
                and (time is None or (type(time) is datetime.datetime and time.tzinfo is not None))
                and type(self.symbol) is str
                and good_symbol(self.symbol)
            )
        except ArithmeticError:
            return False

    @property
    def odd(self) -> bool:
        """Whether it is crossed or below 0, which happens but is worth counting."""
        bid, ask = self.bid_px, self.ask_px
        return bid is not None and ask is not None and not ZERO <= bid <= ask

    def near(self, side: Side) -> tuple[Decimal | None, Decimal | None]:
        """Price and size of one's own side: the bid for a buyer."""
        return (self.bid_px, self.bid_size) if side is Side.BUY else (self.ask_px, self.ask_size)

    def far(self, side: Side) -> tuple[Decimal | None, Decimal | None]:
        """Price and size of the other side: the ask for a buyer."""
        return (self.ask_px, self.ask_size) if side is Side.BUY else (self.bid_px, self.bid_size)

    @property
    def spread(self) -> Decimal:
        """Ask less bid, negative when crossed; 0 where a side is empty or its price is 0."""
        return subtract(self.ask_px, self.bid_px) if self.bid_px and self.ask_px else ZERO

    @property
    def mid(self) -> Decimal:
        """The middle of bid and ask; 0 where a side is empty or its price is 0."""
        if self.bid_px and self.ask_px:
            return EXACT.divide(add(self.bid_px, self.ask_px), TWO)
        return ZERO

    @property
    def locked(self) -> bool:
        """Whether bid and ask meet."""
        return self.bid_px is not None and self.bid_px == self.ask_px

    @property
    def crossed(self) -> bool:
        """Whether the bid is above the ask."""
        return self.bid_px is not None and self.ask_px is not None and self.bid_px > self.ask_px
