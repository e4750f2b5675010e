"""Child: an order at a venue as its reports make it (FIX 4.4 volume 7, Order State Change Matrices)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from exo.dma.asked import Asked
from exo.dma.request import CancelOrder, NewOrder, ReplaceOrder
from exo.dma.transitions import Phase
from exo.mkt.enums import OrdStatus, TimeInForce
from exo.mkt.exact import ZERO, add, divide, multiply, subtract
from exo.mkt.value import Frozen


class Child(Frozen):
    """An order at a venue, with every report so far applied; the next report makes a new one.

    `request` made it; `terms` hold now: those of the last replace in the chain that was accepted. `asked` are replaces
    and cancels without an answer, oldest first. `executed_qty` and `executed_notional` come from executions only;
    `told_qty` is the highest CumQty that a report told and `told_px` the AvgPx beside it; `end_qty` is the CumQty that
    its end told, `late_qty` what corrections and busts from after that have changed, `late_cum` the least CumQty that
    they told. `reduced_qty` is what the venue took away by itself, `reductions` what it took of replaces that it has
    not told to be accepted; `refused` are the last replaces that were rejected, or held for dead. `unsure`: the order
    itself may or may not be there. `text` is what the venue last said; `secondary_order_id` is its own id.

    The same reports in any order make the same child (fix-order-states.md), save that what suspends an order and what
    resumes it must keep their order.
    """

    request: NewOrder
    terms: NewOrder | ReplaceOrder
    phase: Phase = Phase.SENT
    asked: tuple[Asked, ...] = ()
    requests: int = 1
    accepted: int = 0
    executed_qty: Decimal = ZERO
    executed_notional: Decimal = ZERO
    explained_qty: Decimal = ZERO
    untold: int = 0
    told_qty: Decimal = ZERO
    told_px: Decimal | None = None
    end_qty: Decimal = ZERO
    late_qty: Decimal = ZERO
    late_cum: Decimal | None = None
    reduced_qty: Decimal = ZERO
    reductions: tuple[tuple[str, Decimal], ...] = ()
    refused: tuple[Asked, ...] = ()
    unsure: bool = False
    text: str = ""
    secondary_order_id: str | None = None

    @property
    def cl_ord_id(self) -> str:
        """Its name at the venue: that of the request whose terms hold."""
        return self.terms.cl_ord_id

    @property
    def order_qty(self) -> Decimal:
        """The total that holds, what has been executed included."""
        return self.terms.order_qty

    @property
    def price(self) -> Decimal | None:
        """Its limit; None for a market order."""
        return self.terms.price

    @property
    def time_in_force(self) -> TimeInForce:
        """How long it stands."""
        return self.terms.time_in_force

    @property
    def inferred_qty(self) -> Decimal:
        """What the venue says is executed and no execution has told: a hole, filled until the executions come.

        While a correction or bust of an unknown execution is here, how much that was is not known, and none is assumed
        but what the end tells.
        """
        hole = ZERO if self.untold else subtract(self.told_qty, self.explained_qty)
        if self.phase.over:  # what was busted before the end explains none of it
            end_qty = add(self.end_qty, self.late_qty)
            if self.late_cum is not None:
                end_qty = max(end_qty, min(self.late_cum, self.end_qty))
            hole = max(hole, subtract(end_qty, self.executed_qty))
        return max(ZERO, hole)

    @property
    def cum_qty(self) -> Decimal:
        """What has been executed: by reports only, a hole in them included."""
        return add(self.executed_qty, self.inferred_qty)

    @property
    def notional(self) -> Decimal:
        """Quantity times price of what has been executed; a hole at the price that AvgPx tells, else at the limit."""
        inferred = self.inferred_qty
        if not inferred:
            return self.executed_notional
        if self.told_px is not None and self.explained_qty == self.executed_qty:
            return multiply(self.told_qty, self.told_px)
        px = self.told_px if self.told_px is not None else self.price
        if px is None:
            px = divide(self.executed_notional, self.executed_qty) if self.executed_qty else ZERO
        return add(self.executed_notional, multiply(inferred, px))

    @property
    def avg_px(self) -> Decimal | None:
        """The average price of what has been executed and not busted, None before the first."""
        return divide(self.notional, self.cum_qty) if self.cum_qty else None

    @property
    def filled(self) -> bool:
        """Whether all that its terms ask for has been executed, or taken away by the venue."""
        return add(self.cum_qty, self.reduced_qty) >= self.order_qty

    @property
    def live(self) -> bool:
        """Whether it may still trade on the terms that hold, as far as is known."""
        return not (self.phase.over or self.filled)

    @property
    def acknowledged(self) -> bool:
        """Whether the venue has accepted it."""
        return self.phase is not Phase.SENT

    @property
    def unanswered(self) -> tuple[Asked, ...]:
        """The replaces and cancels that still need an answer: none once the venue has told the end."""
        return () if self.phase.over else self.asked

    @property
    def finished(self) -> bool:
        """Whether nothing more is expected: it has ended, and no request is unanswered."""
        return self.phase.over or (not self.asked and self.filled)

    @property
    def in_doubt(self) -> bool:
        """Whether a request about it may or may not have arrived; until that is settled it counts in full."""
        return not self.phase.over and (
            (self.unsure and not self.filled) or any(asked.in_doubt for asked in self.asked)
        )

    @property
    def cancelling(self) -> bool:
        """Whether a cancel is on its way."""
        return any(isinstance(asked.request, CancelOrder) for asked in self.unanswered)

    @property
    def leaves_qty(self) -> Decimal:
        """What may still be executed on the terms that hold (FIX: LeavesQty = OrderQty - CumQty while live)."""
        if not self.live:
            return ZERO
        return max(ZERO, subtract(subtract(self.order_qty, self.cum_qty), self.reduced_qty))

    @property
    def working_qty(self) -> Decimal:
        """What is believed to work on the venue's book: leaves, less what was busted and what is not there yet."""
        if not self.live or self.phase not in (Phase.WORKING, Phase.STOPPED):
            return ZERO
        return max(ZERO, subtract(self.leaves_qty, subtract(self.explained_qty, self.executed_qty)))

    @property
    def open_qty(self) -> Decimal:
        """The most that may still be executed: the larger side of each replace that is unanswered (contract C21)."""
        totals = [asked.request.order_qty for asked in self.unanswered if isinstance(asked.request, ReplaceOrder)]
        if not totals:
            return self.leaves_qty
        # a replace begins anew: what the venue has taken away by itself may come back with it
        return max(self.leaves_qty, *(subtract(total, self.cum_qty) for total in totals))

    @property
    def ord_status(self) -> OrdStatus:
        """Its state, by FIX's precedence of states."""
        for asked in reversed(self.unanswered):
            if asked.told and isinstance(asked.request, CancelOrder):
                return OrdStatus.PENDING_CANCEL
        if any(asked.told for asked in self.unanswered):
            return OrdStatus.PENDING_REPLACE
        if self.phase in (Phase.DONE_FOR_DAY, Phase.CALCULATED):
            return self.phase.ord_status
        if self.filled:
            return OrdStatus.FILLED if self.cum_qty else OrdStatus.CANCELED
        if self.phase is Phase.WORKING and self.cum_qty:
            return OrdStatus.PARTIALLY_FILLED
        if self.phase is Phase.SENT and self.cum_qty:
            return OrdStatus.PARTIALLY_FILLED  # by a hole alone
        return self.phase.ord_status

    @property
    def names(self) -> tuple[str, ...]:
        """The ClOrdIDs that it may have at the venue, newest first."""
        asked = [each.request.cl_ord_id for each in self.asked if isinstance(each.request, ReplaceOrder)]
        return tuple(dict.fromkeys([*reversed(asked), self.cl_ord_id, self.request.cl_ord_id]))

    def waits_for(self, cl_ord_id: str) -> bool:
        """Whether this request has no answer yet."""
        if cl_ord_id == self.request.cl_ord_id:
            return self.phase is Phase.SENT and not self.filled
        return any(asked.request.cl_ord_id == cl_ord_id for asked in self.unanswered)

    def asking(self, request: ReplaceOrder | CancelOrder) -> Child:
        """The same with this request on its way."""
        asked = Asked(request=request, number=self.requests)
        return self.changed(asked=(*self.asked, asked), requests=self.requests + 1)

    def unasked(self, cl_ord_id: str) -> Child:
        """The same without this request: it has never left, or is proved to be dead."""
        return self.changed(asked=tuple(asked for asked in self.asked if asked.request.cl_ord_id != cl_ord_id))

    def doubted(self, cl_ord_id: str | None = None) -> Child:
        """The same with this request in doubt, or without a name the order itself and all that is unanswered."""
        asked = tuple(
            msgspec.structs.replace(each, in_doubt=True) if cl_ord_id in (None, each.request.cl_ord_id) else each
            for each in self.asked
        )
        itself = cl_ord_id is None or (self.phase is Phase.SENT and cl_ord_id == self.request.cl_ord_id)
        return self.changed(asked=asked, unsure=self.unsure or itself)

    def changed(self, **new: Any) -> Child:
        """The same with these fields."""
        return msgspec.structs.replace(self, **new)


def child_of(request: NewOrder) -> Child:
    """The child that a new order makes, before anything is known of it."""
    return Child(request=request, terms=request)
