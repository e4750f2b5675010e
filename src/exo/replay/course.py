"""Course: what a symbol's market did while each order was there, by raw ticks.

A tick is added to the latest stretch only, so its cost is the same however many orders are there. A new stretch begins
where an order arrives; what the market did since is the sum of the stretches from there, and they are summed once (as
in `run/board.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from exo.mkt import Quote, Side, Trade
from exo.mkt.exact import ZERO, add, multiply


class Stretch:
    """What the market did between two arrivals: the range of its quotes, whether sizes were shown, and its trades."""

    __slots__ = ("ask_low", "ask_sized", "bid_high", "bid_sized", "next", "notional", "volume")

    def __init__(self) -> None:
        self.bid_high: Decimal | None = None
        self.ask_low: Decimal | None = None
        self.bid_sized = False
        self.ask_sized = False
        self.volume = ZERO
        self.notional = ZERO
        self.next: Stretch | None = None

    def best_far(self, side: Side) -> Decimal | None:
        """The best price that was quoted on the other side."""
        return self.ask_low if side is Side.BUY else self.bid_high

    def sized(self, side: Side) -> bool:
        """Whether a size was ever displayed on the other side."""
        return self.ask_sized if side is Side.BUY else self.bid_sized

    def plus(self, later: Stretch) -> Stretch:
        """Both, one after the other."""
        both = Stretch()
        both.bid_high = _or(self.bid_high, later.bid_high, max)
        both.ask_low = _or(self.ask_low, later.ask_low, min)
        both.bid_sized = self.bid_sized or later.bid_sized
        both.ask_sized = self.ask_sized or later.ask_sized
        both.volume = add(self.volume, later.volume)
        both.notional = add(self.notional, later.notional)
        return both


class Course:
    """One symbol's market: its latest quote, samples of it, and the chain of stretches.

    A sample is a quote at least `every_ns` after the last one, and the quote that held until then.
    """

    __slots__ = ("_every_ns", "_next_ns", "_stretch", "quote", "samples")

    def __init__(self, every_ns: int) -> None:
        self.quote: Quote | None = None
        self.samples: list[Quote] = []
        self._every_ns = every_ns
        self._next_ns = 0
        self._stretch = Stretch()

    def on_quote(self, quote: Quote) -> None:
        """Take in a quote."""
        before, self.quote = self.quote, quote
        stretch = self._stretch
        bid, ask, high, low = quote.bid_px, quote.ask_px, stretch.bid_high, stretch.ask_low
        if bid is not high and bid is not None and (high is None or bid > high):
            stretch.bid_high = bid
        if ask is not low and ask is not None and (low is None or ask < low):
            stretch.ask_low = ask
        if not stretch.bid_sized and quote.bid_size:
            stretch.bid_sized = True
        if not stretch.ask_sized and quote.ask_size:
            stretch.ask_sized = True
        at_ns = quote.received_ns or 0
        if at_ns >= self._next_ns:
            if before is not None and before is not self.samples[-1]:
                self.samples.append(before)  # what held until now
            self.samples.append(quote)
            self._next_ns = at_ns + self._every_ns

    def on_trade(self, trade: Trade) -> None:
        """Take in a trade."""
        stretch = self._stretch
        stretch.volume = add(stretch.volume, trade.last_qty)
        stretch.notional = add(stretch.notional, multiply(trade.last_qty, trade.last_px))

    @property
    def curve(self) -> tuple[Quote, ...]:
        """The samples, and the latest quote."""
        last = () if self.quote is None or self.quote is self.samples[-1] else (self.quote,)
        return (*self.samples, *last)

    def arrive(self) -> Stretch:
        """Where an order stands that arrives now; it sees the quote that is there, and no trade that has been."""
        latest = self._stretch
        self._stretch = latest.next = Stretch()
        if self.quote is not None:
            self.on_quote(self.quote)
        return self._stretch

    def since(self, arrived: Stretch) -> Stretch:
        """What the market did since an order arrived there."""
        if arrived is self._stretch:
            return arrived.plus(Stretch())  # a copy: this one goes on
        way = []
        step: Stretch | None = arrived
        while step is not None and step is not self._stretch:
            way.append(step)
            step = step.next
        summed = way[-1]
        for step in reversed(way[:-1]):
            summed = step.plus(summed)
            step.bid_high, step.ask_low = summed.bid_high, summed.ask_low
            step.bid_sized, step.ask_sized = summed.bid_sized, summed.ask_sized
            step.volume, step.notional = summed.volume, summed.notional
            step.next = self._stretch
        return summed.plus(self._stretch)


def _or(a: Decimal | None, b: Decimal | None, choose: Callable[[Decimal, Decimal], Decimal]) -> Decimal | None:
    if a is None or b is None:
        return b if a is None else a
    return choose(a, b)
