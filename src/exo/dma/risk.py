"""Risk: what may leave for a venue at all, whatever a delegate asks - the gate has no way round."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from exo.dma.child import Child
from exo.dma.exposure import Exposure, Stake, notional_of, stake_of
from exo.dma.limits import AccountLimits, Refusal, RiskLimits, Rule, TradingState
from exo.dma.rates import Rates
from exo.dma.request import NewOrder, ReplaceOrder
from exo.mkt.enums import Side
from exo.mkt.exact import EXACT, ZERO, add, multiply, subtract
from exo.mkt.listing import Listing
from exo.mkt.quote import Quote
from exo.mkt.status import FeedStatus

_ONE: Final = Decimal(1)


_log = logging.getLogger("exo.dma")


class Market(NamedTuple):
    """What is known of a symbol's market."""

    quote: Quote | None
    status: FeedStatus | None


class RiskGate:
    """Checks each request twice: when it is made, and when it leaves; what has been counted in between included.

    It is told of every child before it is asked, so its sums include what it judges. `listing` finds a symbol's
    listing; `listed_only` refuses those that have none. Cancels do not come here: they always may leave.
    """

    def __init__(
        self,
        limits: RiskLimits | None = None,
        *,
        symbols: Mapping[str, RiskLimits] | None = None,
        account: AccountLimits | None = None,
        listing: Callable[[str], Listing | None] | None = None,
        listed_only: bool = False,
        positions: Mapping[str, Decimal] | None = None,
    ) -> None:
        self.state = TradingState.ACTIVE
        self._limits = limits or RiskLimits()
        self._symbols = dict(symbols or {})
        self._account = account or AccountLimits()
        self._listing = listing
        self._known: dict[str, Listing | None] = {}
        self._listed_only = listed_only
        self._exposures = {symbol: Exposure(position) for symbol, position in (positions or {}).items()}
        self._stakes: dict[str, Stake] = {}
        self._children: dict[str, int] = {}  # open ones by order
        self._open = 0
        self._notional = ZERO
        self.rates = Rates(self._account)

    def exposure(self, symbol: str) -> Exposure:
        """What is open and held of a symbol."""
        exposure = self._exposures.get(symbol)
        if exposure is None:
            exposure = self._exposures[symbol] = Exposure()
        return exposure

    @property
    def open_notional(self) -> Decimal:
        """The notional of all that is open."""
        return self._notional

    def listing(self, symbol: str) -> Listing | None:
        """The symbol's listing, if it is known; the last that was, where it cannot be looked up."""
        if self._listing is None:
            return None
        try:
            listing = self._known[symbol] = self._listing(symbol)
        except Exception:
            _log.exception("the listing of %s cannot be looked up", symbol)
            return self._known.get(symbol)
        return listing

    def note(self, before: Child | None, after: Child | None) -> None:
        """Count a child as it is now; `before` None: it is new, `after` None: it was never sent."""
        child = after or before
        assert child is not None
        request = child.request
        exposure = self.exposure(request.symbol)
        old = self._stakes.pop(request.cl_ord_id, None)
        if old is not None:
            exposure.remove(old)
            self._notional = subtract(self._notional, old.notional)
        new = None if after is None else stake_of(after, self.listing(request.symbol), exposure.mark)
        if new is not None:
            self._stakes[request.cl_ord_id] = new
            exposure.add(new)
            self._notional = add(self._notional, new.notional)
        grown = (new is not None) - (old is not None)
        if grown:
            self._open += grown
            count = self._children.get(request.order_id, 0) + grown
            if count:
                self._children[request.order_id] = count
            else:
                del self._children[request.order_id]

    def mark(self, symbol: str, px: Decimal | None) -> None:
        """Value what has no price of its own at this one from now on."""
        if px is not None:
            self.exposure(symbol).mark = px

    def traded(self, symbol: str, side: Side, qty: Decimal) -> None:
        """Count what has been executed; of a bust, less than 0."""
        exposure = self.exposure(symbol)
        exposure.position = (add if side is Side.BUY else subtract)(exposure.position, qty)

    def forget(self, order_id: str) -> None:
        """An order has ended: its rate is of no more interest."""
        self.rates.forget(order_id)

    def judge(
        self,
        request: NewOrder | ReplaceOrder,
        child: Child,
        market: Market,
        now_ns: int,
        *,
        first: bool = True,
    ) -> Refusal | None:
        """Why this request may not leave now, None if it may; `child` is what it makes or changes, with it asked.

        What makes an exposure no larger is not refused for it. One that is judged again is about to leave.
        """
        problem = self._of_listing(request) or self._of_market(request, market) or self._of_size(request, market)
        if problem is None:
            problem = self.rates.problem(request.order_id, now_ns, not first)
        if problem is None and self._grows(request, child):
            problem = self._of_exposure(request)
        if problem is None:
            met = self.exposure(request.symbol).would_meet(request.side, request.price)
            problem = None if met is None else (Rule.SELF_CROSS, None, met)
        if problem is not None:
            rule, is_, limit = problem
            return Refusal(rule=rule, order_id=request.order_id, symbol=request.symbol, is_=is_, limit=limit)
        if first:
            self.rates.count(request.order_id, now_ns, False)
        return None

    def left(self, request: NewOrder | ReplaceOrder, now_ns: int) -> None:
        """A request has left."""
        self.rates.count(request.order_id, now_ns, True)

    def _grows(self, request: NewOrder | ReplaceOrder, child: Child) -> bool:
        """Whether more is open with the request than without, by quantity or by what it is worth."""
        if child.request.cl_ord_id == request.cl_ord_id:
            return True  # it makes the child
        before = child.unasked(request.cl_ord_id)
        if child.open_qty > before.open_qty:
            return True
        listing, mark = self.listing(request.symbol), self.exposure(request.symbol).mark
        old, new = stake_of(before, listing, mark), stake_of(child, listing, mark)
        if new is None or old is None or new.notional > old.notional:
            return new is not None
        return self.state is TradingState.REDUCING and _bolder(request, before)

    def _of_listing(self, request: NewOrder | ReplaceOrder) -> Problem:
        if self.state is TradingState.HALTED:
            return Rule.HALTED, None, None
        listing = self.listing(request.symbol)
        if listing is None:
            return (Rule.NOT_LISTED, None, None) if self._listed_only else None
        qty, price = request.order_qty, request.price
        if price is not None:
            if price <= ZERO and not listing.may_trade_negative:
                return Rule.PRICE, price, None
            if EXACT.remainder(price, listing.tick):
                return Rule.TICK, price, listing.tick
        if EXACT.remainder(qty, listing.lot):
            return Rule.LOT, qty, listing.lot
        if qty < listing.min_qty:
            return Rule.MIN_QTY, qty, listing.min_qty
        return None

    def _of_market(self, request: NewOrder | ReplaceOrder, market: Market) -> Problem:
        if market.status is not None and market.status.stale:
            return Rule.STALE, market.status.state.value, None
        collar = self._limit(request.symbol).collar
        if collar is None:
            return None
        mark = mark_of(market.quote, request.side)
        if mark is None:
            return Rule.NO_PRICE, None, None
        if request.price is None:
            return None
        edge = request.side.improve(mark, multiply(mark.copy_abs(), collar))
        return None if request.side.within(edge, request.price) else (Rule.COLLAR, request.price, edge)

    def _of_size(self, request: NewOrder | ReplaceOrder, market: Market) -> Problem:
        limits, listing = self._limit(request.symbol), self.listing(request.symbol)
        qty = request.order_qty
        if limits.max_qty is not None and qty > limits.max_qty:
            return Rule.MAX_QTY, qty, limits.max_qty
        least = ZERO if listing is None else listing.min_notional
        open_ = limits.max_open_notional is not None or self._account.max_open_notional is not None
        if limits.max_notional is None and not least and not (open_ and request.price is None):
            return None
        px = _worst_px(request, market)
        if px is None:
            return Rule.NO_PRICE, None, None
        notional = notional_of(qty, px, listing)
        if notional < least:
            return Rule.MIN_NOTIONAL, notional, least
        if limits.max_notional is not None and notional > limits.max_notional:
            return Rule.MAX_NOTIONAL, notional, limits.max_notional
        return None

    def _of_exposure(self, request: NewOrder | ReplaceOrder) -> Problem:
        symbol, account, limits = request.symbol, self._account, self._limit(request.symbol)
        exposure = self.exposure(symbol)
        if account.max_children is not None and self._open > account.max_children:
            return Rule.CHILDREN, self._open, account.max_children
        of_order = self._children.get(request.order_id, 0)
        if account.max_order_children is not None and of_order > account.max_order_children:
            return Rule.ORDER_CHILDREN, of_order, account.max_order_children
        worst = exposure.worst(request.side)
        if limits.max_position is not None and _grown(request.side, worst) > limits.max_position:
            return Rule.POSITION, worst, limits.max_position
        if self.state is TradingState.REDUCING and _grown(request.side, worst) > ZERO:
            return Rule.REDUCING, worst, ZERO
        if limits.max_open_notional is not None and exposure.notional > limits.max_open_notional:
            return Rule.OPEN_NOTIONAL, exposure.notional, limits.max_open_notional
        if account.max_open_notional is not None and self._notional > account.max_open_notional:
            return Rule.ACCOUNT_NOTIONAL, self._notional, account.max_open_notional
        return None

    def _limit(self, symbol: str) -> RiskLimits:
        return self._symbols.get(symbol, self._limits)


Problem = tuple[Rule, object, object] | None


def _bolder(request: NewOrder | ReplaceOrder, before: Child) -> bool:
    """Whether a request's price is nearer to a trade than that which holds."""
    if before.price is None or request.price is None:
        return request.price is None and before.price is not None
    return not request.side.within(before.price, request.price)


def _worst_px(request: NewOrder | ReplaceOrder, market: Market) -> Decimal | None:
    """The most that an order may trade at: a seller's limit is only the least of it."""
    mark = mark_of(market.quote, request.side)
    if request.price is None or mark is None:
        return mark if request.price is None else request.price
    return max(request.price, mark) if request.side is Side.SELL else request.price


def _grown(side: Side, position: Decimal) -> Decimal:
    """How far a position lies on the side that an order of this side pushes it to."""
    return position if side is Side.BUY else position.copy_negate()


def mark_of(quote: Quote | None, side: Side) -> Decimal | None:
    """The price to compare an order with: what it would trade at now, else the best of its own side."""
    if quote is None:
        return None
    far, _ = quote.far(side)
    return far if far is not None else quote.near(side)[0]
