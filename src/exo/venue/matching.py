"""Matching: one symbol at the paper venue - what is displayed, what of it is left, and who waits for more."""

from __future__ import annotations

from bisect import bisect_left, insort
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from exo.mkt import Quote, Side, Trade
from exo.mkt.exact import ZERO, add, multiply, subtract
from exo.venue.standing import Standing


class Queue(Enum):
    """Who of those that show the same price is before a resting order, as nobody can know.

    CONSERVATIVE: all that was displayed when it came, and those who leave were behind it. OPTIMISTIC: those who leave
    were before it, nobody is before one whose price was not the best when it came, and a trade through its price fills
    it to the full.
    """

    CONSERVATIVE = "CONSERVATIVE"
    OPTIMISTIC = "OPTIMISTIC"


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
    or a maker, who rests at his own price until the other side comes to him, or trades at his price have used up what
    is before him. Both stand in order of price, then time.
    """

    __slots__ = ("idle", "makers", "queue", "quote", "taken", "takers")

    def __init__(self, queue: Queue = Queue.CONSERVATIVE) -> None:
        self.queue = queue
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
                best.pop(0)[1].waits = False
            if self.makers[side]:
                self._move_up(side, before, quote)
        self._rest()
        return matches

    def print(self, trade: Trade) -> list[Match]:
        """Take in a trade between others; whom of those that rest it fills too."""
        matches: list[Match] = []
        for side in Side:
            if trade.aggressor is not side and self.makers[side]:
                matches += self._fill_by(trade, side)
        if matches:
            self._rest()
        return matches

    def match(self, standing: Standing) -> Match | None:
        """What this order can have of what is displayed and left, taken from there."""
        side = standing.terms.side
        px, size = (None, None) if self.quote is None else self.quote.far(side)
        if px is None or size is None or not standing.terms.reaches(px):
            return None
        qty = min(self.left(side), standing.leaves_qty)
        if qty <= ZERO:
            return None
        self.taken[side] = add(self.taken.get(side, ZERO), qty)
        self.idle = False
        return self._traded(standing, qty, px)

    def left(self, side: Side) -> Decimal:
        """What is displayed for a taker of this side and not taken."""
        size = None if self.quote is None else self.quote.far(side)[1]
        return ZERO if size is None else max(ZERO, subtract(size, self.taken.get(side, ZERO)))

    def crosses(self, standing: Standing) -> bool:
        """Whether an order would take."""
        px, _ = (None, None) if self.quote is None else self.quote.far(standing.terms.side)
        return standing.terms.reaches(px)

    def wait(self, standing: Standing) -> None:
        """Let an order wait for what is to come, behind all that is displayed at its price."""
        side = standing.terms.side
        standing.passive = not self.crosses(standing)
        standing.waits = True
        if standing.passive:
            standing.ahead = self._ahead(standing)
        insort((self.makers if standing.passive else self.takers)[side], _Waiting(standing.place, standing))
        self.idle = False

    def leave(self, standing: Standing) -> None:
        """Let an order wait no more."""
        if standing.waits:
            queue = (self.makers if standing.passive else self.takers)[standing.terms.side]
            del queue[bisect_left(queue, standing.place, key=lambda waiting: waiting.place)]
            standing.waits = False
            self._rest()

    def waiting(self) -> list[Standing]:
        """Who waits."""
        queues = (*self.takers.values(), *self.makers.values())
        return [waiting.standing for queue in queues for waiting in queue]

    def _traded(self, standing: Standing, qty: Decimal, px: Decimal) -> Match:
        own_px = standing.terms.price
        if standing.passive and own_px is not None:
            px = own_px
        standing.cum_qty = add(standing.cum_qty, qty)
        standing.notional = add(standing.notional, multiply(qty, px))
        return Match(standing, qty, px)

    def _fill_by(self, trade: Trade, side: Side) -> list[Match]:
        """Of one side, whom a trade fills: those with a better price first, then those at it after what is ahead."""
        px, left = trade.last_px, trade.last_qty
        makers = self.makers[side]
        matches: list[Match] = []
        at_price: Decimal | None = None
        filled = ZERO
        for waiting in list(makers):
            standing = waiting.standing
            price = standing.terms.price
            if price is None or not side.within(price, px):
                break
            if price != px:
                all_of_it = self.queue is Queue.OPTIMISTIC
                qty = standing.leaves_qty if all_of_it else min(standing.leaves_qty, left)
                left = max(ZERO, subtract(left, qty))
            else:
                at_price = left if at_price is None else at_price
                if standing.ahead is None:
                    continue
                reaches = subtract(subtract(at_price, standing.ahead), filled)
                # what filled our own before it was not of those who are ahead
                standing.ahead = max(ZERO, subtract(standing.ahead, max(ZERO, subtract(at_price, filled))))
                qty = max(ZERO, min(standing.leaves_qty, reaches))
                filled = add(filled, qty)
            if qty > ZERO:
                matches.append(self._traded(standing, qty, price))
                if not standing.leaves_qty:
                    makers.remove(waiting)
                    standing.waits = False
        return matches

    def _ahead(self, standing: Standing) -> Decimal | None:
        """What is before an order that comes to rest now."""
        price, side = standing.terms.price, standing.terms.side
        near, size = (None, None) if self.quote is None else self.quote.near(side)
        if near is None or price is None or (price != near and side.within(price, near)):
            return ZERO  # nobody shows a price as good
        if price == near:
            return size
        return None if self.queue is Queue.CONSERVATIVE else ZERO

    def _move_up(self, side: Side, before: Quote | None, quote: Quote) -> None:
        """Let those at the best price or beyond it move up by what a new quote shows there."""
        near, size = quote.near(side)
        old = (None, None) if before is None else before.near(side)
        if old == (near, size):
            return
        for waiting in self.makers[side]:
            standing = waiting.standing
            price = standing.terms.price
            if price is None or (near is not None and price != near and side.within(near, price)):
                break  # others show a better price, to all behind as well
            if price != near:
                standing.ahead = ZERO  # all who showed its price are gone
            elif standing.ahead is None:
                standing.ahead = size
            elif size is not None:
                ahead = min(standing.ahead, size)
                if self.queue is Queue.OPTIMISTIC and old[0] == near and old[1] is not None and size < old[1]:
                    ahead = min(ahead, max(ZERO, subtract(standing.ahead, subtract(old[1], size))))
                standing.ahead = ahead

    def _part(self, side: Side, quote: Quote) -> None:
        """Takers whom the other side has left rest from now on."""
        px, _ = quote.far(side)
        takers = self.takers[side]
        while takers and not takers[-1].standing.terms.reaches(px):
            waiting = takers.pop()
            waiting.standing.passive = True
            waiting.standing.ahead = self._ahead(waiting.standing)
            insort(self.makers[side], waiting)

    def _best(self, side: Side) -> list[_Waiting]:
        """The queue whose first is next to trade."""
        takers, makers = self.takers[side], self.makers[side]
        if not takers or not makers:
            return takers or makers
        return min(takers, makers, key=lambda queue: queue[0].place)

    def _rest(self) -> None:
        self.idle = not (self.taken or any(self.takers.values()) or any(self.makers.values()))
