"""Exposure: what all children together may still execute, by symbol - in doubt in full - and what is held."""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal
from typing import NamedTuple

from exo.dma.child import Child
from exo.dma.request import ReplaceOrder, Terms
from exo.mkt.enums import Side
from exo.mkt.exact import ZERO, add, multiply, subtract
from exo.mkt.listing import Listing


class Stake(NamedTuple):
    """What one child may still do: quantity, notional, and the best price that it may give the other side.

    `px` is None for what never rests, a market order and one that is immediate: nothing of ours can meet it.
    """

    side: Side
    qty: Decimal
    notional: Decimal
    px: Decimal | None


class Exposure:
    """One symbol's sums over all orders; `position` is signed, and starts at what is held before."""

    __slots__ = ("_prices", "mark", "notional", "open_qty", "position")

    def __init__(self, position: Decimal = ZERO) -> None:
        self.position = position
        self.open_qty = {Side.BUY: ZERO, Side.SELL: ZERO}
        self.notional = ZERO
        self.mark = ZERO
        self._prices: dict[Side, list[Decimal]] = {Side.BUY: [], Side.SELL: []}  # sorted

    def worst(self, side: Side) -> Decimal:
        """The position if everything open on this side is executed, and nothing on the other; positive where long."""
        qty = self.open_qty[side]
        return add(self.position, qty) if side is Side.BUY else subtract(self.position, qty)

    def would_meet(self, side: Side, px: Decimal | None) -> Decimal | None:
        """The price of an own order that rests and an order of this side and price could trade with, None if none."""
        other = side.opposite
        prices = self._prices[other]
        if not prices:
            return None
        best = prices[0] if other is Side.SELL else prices[-1]
        return best if side.within(px, best) else None

    def add(self, stake: Stake) -> None:
        """Count it."""
        side = stake.side
        self.open_qty[side] = add(self.open_qty[side], stake.qty)
        self.notional = add(self.notional, stake.notional)
        if stake.px is not None:
            insort(self._prices[side], stake.px)

    def remove(self, stake: Stake) -> None:
        """Count it no more."""
        side = stake.side
        self.open_qty[side] = subtract(self.open_qty[side], stake.qty)
        self.notional = subtract(self.notional, stake.notional)
        if stake.px is not None:
            prices = self._prices[side]
            del prices[bisect_left(prices, stake.px)]


def stake_of(child: Child, listing: Listing | None, mark: Decimal) -> Stake | None:
    """What this child may still do, None if nothing: of a replace that is unanswered, the larger and the bolder side.

    `mark` values what has no price of its own.
    """
    qty = child.open_qty
    if not qty:
        return None
    terms: list[Terms] = [child.terms]
    terms += [asked.request for asked in child.unanswered if isinstance(asked.request, ReplaceOrder)]
    prices = [each.price for each in terms]
    side = child.request.side
    px: Decimal | None = None
    known = [price for price in prices if price is not None]
    rests = not child.terms.immediate or child.in_doubt or not child.acknowledged  # or may arrive only later
    if len(known) == len(prices) and rests:
        px = max(known) if side is Side.BUY else min(known)
    largest = mark if not known else max(price.copy_abs() for price in known)
    if side is Side.SELL:
        largest = max(largest, mark)  # it may trade at any better price
    return Stake(side, qty, notional_of(qty, largest, listing), px)


def notional_of(qty: Decimal, px: Decimal, listing: Listing | None) -> Decimal:
    """What a quantity is worth at a price, never negative; an inverse contract is worth its size."""
    if listing is None:
        return multiply(qty, px.copy_abs())
    worth = multiply(qty, listing.contract_multiplier)
    return worth if listing.inverse else multiply(worth, px.copy_abs())
