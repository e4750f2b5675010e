"""The FIX fields: each type carries its tag, quantities also what they must not be."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from exo.mkt.exact import ZERO
from exo.mkt.value import Tag

AvgPx = Annotated[Decimal, Tag(6)]
Commission = Annotated[Decimal, Tag(12)]
CumQty = Annotated[Decimal, Tag(14, ZERO)]
LastPx = Annotated[Decimal, Tag(31)]
LastQty = Annotated[Decimal, Tag(32, ZERO)]
TradedQty = Annotated[Decimal, Tag(32, ZERO, not_zero=True)]
LeavesQty = Annotated[Decimal, Tag(151, ZERO)]
OrderQty = Annotated[Decimal, Tag(38, ZERO, not_zero=True)]
Price = Annotated[Decimal, Tag(44)]
StopPx = Annotated[Decimal, Tag(99)]
BidPx = Annotated[Decimal, Tag(132)]
AskPx = Annotated[Decimal, Tag(133)]
BidSize = Annotated[Decimal, Tag(134, ZERO)]
AskSize = Annotated[Decimal, Tag(135, ZERO)]
ContractMultiplier = Annotated[Decimal, Tag(231, ZERO, not_zero=True)]
RoundLot = Annotated[Decimal, Tag(561, ZERO, not_zero=True)]
MinTradeVol = Annotated[Decimal, Tag(562, ZERO)]
MinPriceIncrement = Annotated[Decimal, Tag(969, ZERO, not_zero=True)]
MinNotional = Annotated[Decimal, Tag(0, ZERO)]
