"""Intent: what a delegate wants to stand at the venue."""

from __future__ import annotations

from decimal import Decimal

from exo.errors import InvalidValue
from exo.mkt.enums import ExecInst, TimeInForce
from exo.mkt.exact import ZERO, problem_with
from exo.mkt.value import Frozen


class Intent(Frozen):
    """What a delegate wants to stand at the venue: so much of the order still to execute, at this price.

    `order_qty` None is all that is left, `price` None a market order. `slot` tells apart the children of one order
    where several shall stand: an intent is about the one in its slot.
    """

    price: Decimal | None
    order_qty: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    exec_inst: ExecInst | None = None
    slot: str = ""

    def check(self) -> None:
        """InvalidValue for a term that cannot be, before it is compared with what stands (contract C19)."""
        for where, number in (("$.orderQty", self.order_qty), ("$.price", self.price)):
            if number is not None and (problem := problem_with(number)):
                raise InvalidValue(where, problem)
        if self.order_qty is not None and self.order_qty < ZERO:
            raise InvalidValue("$.orderQty", f"expected at least 0, got {self.order_qty}")
        if not isinstance(self.time_in_force, TimeInForce):
            raise InvalidValue("$.timeInForce", f"expected a TimeInForce, got {self.time_in_force!r:.40}")
        if not isinstance(self.slot, str):
            raise InvalidValue("slot", f"expected a text, got {self.slot!r:.40}")
