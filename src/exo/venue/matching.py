"""Matching: one symbol at the paper venue - what is displayed, what of it is left, and who waits for more."""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal
from typing import NamedTuple

from exo.dma import NewOrder
from exo.mkt import Quote, Side
from exo.mkt.exact import ZERO, add, multiply, subtract


class Standing:
    """An order as the paper venue has it; `number` is its place in the order of arrival."""

    __slots__ = ("cum_qty", "notional", "number", "passive", "request")

    def __init__(self, request: NewOrder, number: int) -> None:
        self.request = request
        self.number = number
        self.cum_qty = ZERO
        self.notional = ZERO
        self.passive = False

    @property
    def leaves_qty(self) -> Decimal:
        """What is still to be filled."""
        return subtract(self.request.order_qty, self.cum_qty)

    @property
    def place(self) -> tuple[Decimal, int]:
        """Price before time: the better price first, then who came first."""
        price = self.request.price or ZERO
        return price.copy_negate() if self.request.side is Side.BUY else price, self.number


class Match(NamedTuple):
    """So much of an order traded at this price."""

    standing: Standing
    qty: Decimal
    px: Decimal


class _Waiting(NamedTuple):
    place: tuple[Decimal, int]
    standing: Standing


class Touch:
    """The best bid and offer of a symbol. `taken` is how much of the displayed size is gone, by the taker's side.

    Who waits is either a taker, whose order has reached the other side ever since it came but found too little there,
    or a maker, who rests at his own price until the other side comes to him. Both stand in order of price, then time.
    """

    __slots__ = ("idle", "makers", "quote", "taken", "takers")

    def __init__(self) -> None:
        self.quote: Quote | None = None
        self.idle = True
        self.taken: dict[Side, Decimal] = {}
        self.takers: dict[Side, list[_Waiting]] = {Side.BUY: [], Side.SELL: []}
        self.makers: dict[Side, list[_Waiting]] = {Side.BUY: [], Side.SELL: []}

    def show(self, quote: Quote) -> list[Match]:
        """Take in a quote; what trades by it of those who wait."""
        before, self.quote = self.quote, quote
        if self.idle:
            return []
        for side in Side:
            if before is not None and side in self.taken and before.far(side) != quote.far(side):
                del self.taken[side]
        matches: list[Match] = []
        for side in Side:
            self._part(side, quote)
            while (best := self._best(side)) and (match := self.match(best[0].standing)):
                matches.append(match)
                if match.standing.leaves_qty:
                    break
                best.pop(0)
        self._rest()
        return matches

    def match(self, standing: Standing) -> Match | None:
        """What this order can have of what is displayed and left, taken from there."""
        side = standing.request.side
        px, size = (None, None) if self.quote is None else self.quote.far(side)
        if px is None or size is None or not standing.request.reaches(px):
            return None
        taken = self.taken.get(side, ZERO)
        qty = min(subtract(size, taken), standing.leaves_qty)
        if qty <= ZERO:
            return None
        self.taken[side] = add(taken, qty)
        self.idle = False
        if standing.passive and standing.request.price is not None:
            px = standing.request.price
        standing.cum_qty = add(standing.cum_qty, qty)
        standing.notional = add(standing.notional, multiply(qty, px))
        return Match(standing, qty, px)

    def wait(self, standing: Standing) -> None:
        """Let an order wait for what is to come."""
        px, _ = (None, None) if self.quote is None else self.quote.far(standing.request.side)
        standing.passive = not standing.request.reaches(px)
        queue = (self.makers if standing.passive else self.takers)[standing.request.side]
        insort(queue, _Waiting(standing.place, standing))
        self.idle = False

    def leave(self, standing: Standing) -> None:
        """Let an order wait no more."""
        queue = (self.makers if standing.passive else self.takers)[standing.request.side]
        del queue[bisect_left(queue, standing.place, key=lambda waiting: waiting.place)]
        self._rest()

    def waiting(self) -> list[Standing]:
        """Who waits."""
        queues = (*self.takers.values(), *self.makers.values())
        return [waiting.standing for queue in queues for waiting in queue]

    def _part(self, side: Side, quote: Quote) -> None:
        """Takers whom the other side has left rest from now on."""
        px, _ = quote.far(side)
        takers = self.takers[side]
        while takers and not takers[-1].standing.request.reaches(px):
            waiting = takers.pop()
            waiting.standing.passive = True
            insort(self.makers[side], waiting)

    def _best(self, side: Side) -> list[_Waiting]:
        """The queue whose first is next to trade."""
        takers, makers = self.takers[side], self.makers[side]
        if not takers or not makers:
            return takers or makers
        return min(takers, makers, key=lambda queue: queue[0].place)

    def _rest(self) -> None:
        self.idle = not (self.taken or any(self.takers.values()) or any(self.makers.values()))
