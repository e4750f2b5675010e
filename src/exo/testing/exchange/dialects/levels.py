"""Levels: a plausible book of a few levels whose best ones are the quotes'."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

from exo.mkt import Quote, Side
from exo.mkt.exact import EXACT

Change: TypeAlias = tuple[Side, Decimal, Decimal]

_DEPTH: Final = 5
_MOST: Final = 20
_ZERO: Final = Decimal(0)


class Levels:
    """The book of one symbol, told as changes of levels, a size of 0 for one that has gone."""

    def __init__(self, tick: Decimal, lot: Decimal) -> None:
        self.tick = tick
        self.lot = lot
        self._sides: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}

    def side(self, side: Side) -> list[tuple[Decimal, Decimal]]:
        """Prices and sizes, best first."""
        return sorted(self._sides[side].items(), reverse=side is Side.BUY)

    def follow(self, quote: Quote) -> list[Change]:
        """Make the quote's bid and ask the best levels; the changes that took."""
        return [
            *self._touch(Side.BUY, quote.bid_px, quote.bid_size),
            *self._touch(Side.SELL, quote.ask_px, quote.ask_size),
        ]

    def _touch(self, side: Side, px: Decimal | None, size: Decimal | None) -> list[Change]:
        levels = self._sides[side]
        before = dict(levels)
        if px is None or size == _ZERO:
            levels.clear()
        else:
            for better in [p for p in levels if (p > px if side is Side.BUY else p < px)]:
                del levels[better]
            levels[px] = size or self.lot  # of an unknown size the least that can be
            deepest = min(levels) if side is Side.BUY else max(levels)
            away = self.tick.copy_negate() if side is Side.BUY else self.tick
            while len(levels) < _DEPTH and (side is Side.SELL or EXACT.add(deepest, away) > _ZERO):
                deepest = EXACT.add(deepest, away)
                levels[deepest] = EXACT.multiply(self.lot, Decimal(10 * (len(levels) + 1)))
            for extra in [p for p, _ in self.side(side)[_MOST:]]:
                del levels[extra]
        gone = [(side, p, _ZERO) for p in before if p not in levels]
        return gone + [(side, p, q) for p, q in levels.items() if before.get(p) != q]
