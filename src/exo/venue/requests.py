"""Requests: what the paper venue makes of new orders, replaces and cancels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exo.dma import CancelOrder, NewOrder, Replace, ReplaceOrder, Request
from exo.dma.request import new_of
from exo.dma.transitions import DUPLICATE_ORDER
from exo.mkt import ExecType, OrdStatus, TimeInForce
from exo.mkt.exact import ZERO, subtract
from exo.venue.faults import Fault, Faults
from exo.venue.orders import Orders
from exo.venue.standing import Standing, cxl_rej, ids_of
from exo.venue.trading import Rules, TellOf, Trading

SPOKEN: Final = frozenset({TimeInForce.GTC, TimeInForce.DAY, TimeInForce.IOC, TimeInForce.FOK})
_OTHER: Final = 99


class Requests:
    """Takes requests as they arrive; `later` calls a decision in its time, None decides at once."""

    def __init__(
        self,
        rules: Rules,
        faults: Faults,
        orders: Orders,
        trading: Trading,
        tell_of: TellOf,
        later: Callable[[Callable[[], None]], object] | None,
    ) -> None:
        self._orders = orders
        self._rules = rules
        self._faults = faults
        self._trading = trading
        self._tell_of = tell_of
        self._later = later
        trading.too_late = self.too_late

    def arrive(self, request: Request) -> None:
        """Take a request."""
        if self._faults.strikes(Fault.REJECT):
            self.refuse(request, "rejected by the script")
        elif isinstance(request, NewOrder):
            self._new(request)
        else:
            standing = self._orders.find(request)
            if standing is None or standing.ended is not None or not _agrees(request, standing):
                self.too_late(request, standing)
                return
            standing.asked.append(request)
            if not (self._rules.in_turn and len(standing.asked) > 1):
                self._consider(standing, request)

    def _consider(self, standing: Standing, request: ReplaceOrder | CancelOrder) -> None:
        """Take up a request: say that it is pending, and decide in its time."""
        if self._rules.pending:
            kind = ExecType.PENDING_CANCEL if isinstance(request, CancelOrder) else ExecType.PENDING_REPLACE
            self._trading.tell(standing, kind, answer=True, **ids_of(request))
        if self._later is None:
            self._decide(standing, request)
        else:
            self._later(lambda: self._decide(standing, request))

    def _decide(self, standing: Standing, request: ReplaceOrder | CancelOrder) -> None:
        if request not in standing.asked:
            return
        standing.asked.remove(request)
        if self._faults.strikes(Fault.REJECT):
            self.refuse(request, "rejected by the script")
        elif isinstance(request, CancelOrder):
            if standing.ended is None and standing.leaves_qty:
                self._trading.end(standing, ExecType.CANCELED, OrdStatus.CANCELED, "", request)
            else:
                self._tell_of(cxl_rej(request, standing), answer=True)
        elif self._rules.replace is Replace.CANCEL_NEW:
            if standing.ended is None and standing.leaves_qty:
                self._trading.end(standing, ExecType.CANCELED, OrdStatus.CANCELED, "", request)
                self._new(new_of(request))
            else:
                self.too_late(request, standing)
        else:
            self._replace(standing, request)
        if self._rules.in_turn and standing.asked:
            self._consider(standing, standing.asked[0])

    def _replace(self, standing: Standing, request: ReplaceOrder) -> None:
        touch = self._trading.touch(request.symbol)
        before = standing.terms
        alike = (request.price, request.time_in_force) == (before.price, before.time_in_force)
        smaller = alike and subtract(request.order_qty, standing.cum_qty) <= standing.leaves_qty
        known = self._orders.named.get(request.cl_ord_id)
        taken = known is not None and not (self._rules.names_reusable and known.number in self._orders.ended)
        over = standing.ended is not None or not (standing.leaves_qty or self._rules.broker)
        grows = request.order_qty > standing.cum_qty or standing.leaves_qty
        may = {Replace.TOTAL: True, Replace.REDUCE: smaller}.get(self._rules.replace, False)
        takes = request.post_only and touch.crosses(Standing(new_of(request), 0))
        unspoken = request.time_in_force not in SPOKEN
        if over or not may or takes or not grows or request.order_qty < standing.cum_qty or taken or unspoken:
            self._tell_of(cxl_rej(request, standing), answer=True)
            return
        if not smaller:
            touch.leave(standing)
            standing.turn = self._orders.number()
        standing.terms, standing.off_book = request, ZERO
        self._orders.named[request.cl_ord_id] = standing
        standing.names.append(request.cl_ord_id)
        self._orders.stand(standing)
        self._trading.tell(standing, ExecType.REPLACED, answer=True, **ids_of(request))
        if not standing.waits and not standing.day_over:
            self._trading.work(standing)
        self._trading.end_if_filled(standing)

    def _new(self, request: NewOrder) -> None:
        known = self._orders.named.get(request.cl_ord_id)
        if known is not None and request.poss_resend:
            self._trading.tell(known, ExecType.ORDER_STATUS)
            return
        if known is not None and not (self._rules.names_reusable and known.number in self._orders.ended):
            self._trading.tell(
                known, ExecType.REJECTED, ord_rej_reason=DUPLICATE_ORDER, text="duplicate id", answer=True
            )
            return
        touch = self._trading.touch(request.symbol)
        standing = self._orders.make(request)
        if request.time_in_force not in SPOKEN:
            self._refuse_new(standing, f"{request.time_in_force.value} is not known here")
        elif request.post_only and touch.crosses(standing):
            self._refuse_new(standing, "it would take liquidity")
        else:
            self._orders.stand(standing)
            self._trading.tell(standing, ExecType.NEW, answer=True)
            self._trading.work(standing)
            if standing.number in self._orders.open:
                self._trading.surprise(standing)

    def too_late(self, request: ReplaceOrder | CancelOrder, standing: Standing | None) -> None:
        """Reject what is asked of an order that has ended, is not known, or is another; both halves of it."""
        self._tell_of(cxl_rej(request, standing), answer=True)
        if isinstance(request, ReplaceOrder) and self._rules.replace is Replace.CANCEL_NEW:
            self.refuse(new_of(request), "what it replaces is not there")

    def refuse(self, request: Request, text: str) -> None:
        """Reject a request whatever it asks."""
        if isinstance(request, NewOrder):
            self._refuse_new(self._orders.make(request), text)
        else:
            self._tell_of(cxl_rej(request, self._orders.find(request)), answer=True)
            if isinstance(request, ReplaceOrder) and self._rules.replace is Replace.CANCEL_NEW:
                self.refuse(new_of(request), text)

    def _refuse_new(self, standing: Standing, text: str) -> None:
        standing.ended = OrdStatus.REJECTED
        self._orders.end(standing)
        self._trading.tell(standing, ExecType.REJECTED, ord_rej_reason=_OTHER, text=text, answer=True)


def _agrees(request: ReplaceOrder | CancelOrder, standing: Standing) -> bool:
    """Whether a replace names the side and symbol of its order, which never change; a cancel is plain by its name."""
    terms = standing.terms
    return isinstance(request, CancelOrder) or (request.side, request.symbol) == (terms.side, terms.symbol)
