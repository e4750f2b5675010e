"""Levels: a symbol's touch, kept from the levels of its book or from the quotes of its pools."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from exo.mkt.exact import add
from exo.mkt.quote import Quote
from exo.venue.frames import Level, Levels, Pooled

_AGGREGATED: Final = "Aggregated"


class Ladder:
    """One side of a book, its best price last, so that changes near the touch move little."""

    def __init__(self, bids: bool) -> None:
        self._sign = 1 if bids else -1
        self._keys: list[Decimal] = []  # ascending: prices of bids, negated prices of asks
        self._sizes: dict[Decimal, Decimal] = {}

    def replace(self, levels: tuple[Level, ...]) -> None:
        """Have these levels and no others."""
        self._sizes = {self._key(px): size for px, size in levels if size}
        self._keys = sorted(self._sizes)

    def change(self, level: Level) -> None:
        """Have this size at this price; 0 takes the level away."""
        key = self._key(level.px)
        known = key in self._sizes
        if level.size:
            self._sizes[key] = level.size
            if not known:
                self._keys.insert(bisect_left(self._keys, key), key)
        elif known:
            del self._sizes[key]
            del self._keys[bisect_left(self._keys, key)]

    @property
    def best(self) -> tuple[Decimal | None, Decimal | None]:
        """Price and size of the best level, None and None of an empty side."""
        if not self._keys:
            return None, None
        key = self._keys[-1]
        return (key if self._sign > 0 else key.copy_negate()), self._sizes[key]

    def __len__(self) -> int:
        return len(self._keys)

    def _key(self, px: Decimal) -> Decimal:
        return px if self._sign > 0 else px.copy_negate()


class Depth:
    """A symbol's book as its venue tells it: whole once, then changes; it has a touch once it is whole."""

    def __init__(self) -> None:
        self._bids, self._asks = Ladder(True), Ladder(False)
        self._touch: tuple[Decimal | None, ...] | None = None

    def take(self, levels: Levels) -> Quote | None:
        """Take levels in; the touch as a quote where it has changed. Changes before the whole are of no use."""
        if levels.whole:
            self._bids.replace(levels.bids)
            self._asks.replace(levels.asks)
        elif self._touch is None:
            return None
        else:
            for level in levels.bids:
                self._bids.change(level)
            for level in levels.asks:
                self._asks.change(level)
        touch = (*self._bids.best, *self._asks.best)
        if touch == self._touch and not levels.whole:
            return None
        self._touch = touch
        return Quote(levels.symbol, *touch, levels.received_ns, None, levels.transact_time)


class Pools:
    """The touch over all pools of a symbol: the best price of any, and what stands there in all of them."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}
        self._doubted: set[str] = set()

    @property
    def doubted(self) -> bool:
        """Whether there is a pool whose last quote may not be of now."""
        return bool(self._doubted)

    def doubt(self) -> None:
        """One of them, nobody knows which, has told a quote that could not be read."""
        self._doubted = set(self._quotes)

    def take(self, pooled: Pooled) -> Quote:
        """Take one pool's quote in; the touch over all. One that is aggregated already is the touch."""
        if pooled.pool == _AGGREGATED:
            self._quotes.clear()
            self._doubted.clear()
            return pooled.quote
        self._doubted.discard(pooled.pool)
        self._quotes[pooled.pool] = pooled.quote
        quotes = self._quotes.values()
        bid = _best([(q.bid_px, q.bid_size) for q in quotes], max)
        ask = _best([(q.ask_px, q.ask_size) for q in quotes], min)
        last = pooled.quote
        return Quote(last.symbol, *bid, *ask, last.received_ns, None, last.transact_time)


def _best(
    sides: list[tuple[Decimal | None, Decimal | None]], best_of: Callable[[list[Decimal]], Decimal]
) -> tuple[Decimal | None, Decimal | None]:
    prices = [px for px, _ in sides if px is not None]
    if not prices:
        return None, None
    best = best_of(prices)
    total: Decimal | None = Decimal(0)
    for px, size in sides:
        if px == best:
            total = None if size is None or total is None else add(total, size)
    return best, total
