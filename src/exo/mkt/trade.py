"""Trade: one print of the market."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated

from exo.mkt import fields
from exo.mkt.enums import Side
from exo.mkt.exact import CEILING, FLOOR, ZERO, fit
from exo.mkt.order import check_symbol, good_symbol
from exo.mkt.value import Tag, Value


class Trade(Value, kw_only=False, gc=False):
    """One trade that happened on the market, ours or not.

    `last_qty` is more than 0. `aggressor` is the side that took liquidity, None where the venue does not say.
    """

    symbol: Annotated[str, Tag(55)]
    last_px: fields.LastPx
    last_qty: fields.TradedQty
    aggressor: Annotated[Side | None, Tag(2446)] = None
    received_ns: int | None = None
    rpt_seq: Annotated[int | None, Tag(83)] = None
    trade_id: Annotated[str | None, Tag(1003)] = None
    transact_time: Annotated[datetime.datetime | None, Tag(60)] = None

    def __post_init__(self) -> None:
        """Check by hand what a good trade passes quickly, and find the words only for a bad one."""
        last_px, last_qty, aggressor, time = self.last_px, self.last_qty, self.aggressor, self.transact_time
        try:
            good = (
                type(last_px) is Decimal
                and FLOOR < fit(last_px) < CEILING
                and type(last_qty) is Decimal
                and ZERO < fit(last_qty) < CEILING
                and (aggressor is None or type(aggressor) is Side)
                and (self.received_ns is None or type(self.received_ns) is int)
                and (self.rpt_seq is None or type(self.rpt_seq) is int)
                and (self.trade_id is None or type(self.trade_id) is str)
                and (time is None or (type(time) is datetime.datetime and time.tzinfo is not None))
                and type(self.symbol) is str
                and good_symbol(self.symbol)
            )
        except ArithmeticError:
            good = False
        if not good:
            check_symbol(self.symbol)
            super().__post_init__()
