"""Arrivals: orders drawn from a seed, each due with a certain quote."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import Final

from exo.delegates import FarOrder
from exo.flow import seeded
from exo.mkt import Listing, Quote, Side, places
from exo.mkt.exact import EXACT, multiply
from exo.replay.survey import Survey

_TENTH: Final = Decimal("0.1")
_BASIS_POINT: Final = Decimal("0.0001")


class Arrivals:
    """So many orders, evenly spread over the symbols of a survey; every one arrives with a quote drawn from the seed.

    Side, quantity and limit are drawn about that quote: a tenth up to four times of the size at the far side, and for
    every other order a limit within 5 basis points of the far price. Order ids count from 1.
    """

    def __init__(self, survey: Survey, orders: int, seed: int) -> None:
        self._seed = seed
        self._width = len(str(orders))
        self._seen: Counter[str] = Counter()
        self._due: defaultdict[str, dict[int, list[int]]] = defaultdict(dict)
        symbols = list(survey.quotes)
        rng = seeded(f"{seed} arrivals")
        for number in range(1, orders + 1):
            symbol = symbols[(number - 1) % len(symbols)]
            place = rng.randrange(survey.quotes[symbol])
            self._due[symbol].setdefault(place, []).append(number)

    def with_quote(self, quote: Quote) -> list[FarOrder]:
        """The orders that arrive with the next quote of its symbol, which this is."""
        symbol = quote.symbol
        place = self._seen[symbol]
        self._seen[symbol] = place + 1
        numbers = self._due[symbol].pop(place, None)
        return [self._draw(number, quote) for number in numbers] if numbers else []

    def _draw(self, number: int, quote: Quote) -> FarOrder:
        rng = seeded(f"{self._seed} order {number}")
        side = rng.choice((Side.BUY, Side.SELL))
        px, size = quote.far(side)
        size = size or Decimal(1)
        listing = Listing(symbol=quote.symbol, tick=_step(quote.bid_px, quote.ask_px), lot=_step(size))
        qty = listing.round_qty(multiply(size, multiply(_TENTH, Decimal(rng.randint(1, 40)))))
        price = None
        if rng.random() < 0.5 and px is not None:
            away = multiply(abs(px), multiply(_BASIS_POINT, Decimal(rng.randint(-5, 5))))
            price = listing.round_px(side.improve(px, away), side)
        return FarOrder(
            order_id=f"{number:0{self._width}}",
            side=side,
            symbol=quote.symbol,
            order_qty=qty or listing.lot,
            price=price,
        )


def _step(*numbers: Decimal | None) -> Decimal:
    """The smallest step these numbers show."""
    return EXACT.scaleb(Decimal(1), -max((places(number) for number in numbers if number is not None), default=0))
