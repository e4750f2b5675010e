"""Asked: a replace or cancel on its way, as long as it has no answer."""

from __future__ import annotations

from exo.dma.request import CancelOrder, ReplaceOrder
from exo.mkt.value import Frozen


class Asked(Frozen):
    """A replace or cancel that has not been answered.

    `number` is its place in the child's chain of requests; `told`: the venue has said that it is pending; `in_doubt`:
    it may or may not have left, or has gone unanswered for too long.
    """

    request: ReplaceOrder | CancelOrder
    number: int
    told: bool = False
    in_doubt: bool = False
