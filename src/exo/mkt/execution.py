"""Execution: one fill, as far as it changes what is held."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from exo.mkt import fields
from exo.mkt.enums import Side
from exo.mkt.exact import ZERO
from exo.mkt.value import Tag, Value


class Execution(Value):
    """One fill of an order, and what it cost; `commission` is less than 0 where it was earned.

    `exec_id` and `order_id` are what a bust or a correction will call it by.
    """

    side: Annotated[Side, Tag(54)]
    last_qty: fields.LastQty
    last_px: fields.LastPx
    commission: fields.Commission = ZERO
    comm_currency: Annotated[str | None, Tag(479)] = None
    exec_id: Annotated[str | None, Tag(17)] = None
    order_id: Annotated[str | None, Tag(37)] = None

    @property
    def signed_qty(self) -> Decimal:
        """The quantity, less than 0 if it was sold."""
        return self.last_qty if self.side is Side.BUY else self.last_qty.copy_negate()
