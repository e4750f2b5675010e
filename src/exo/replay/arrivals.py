"""Arrivals: orders drawn from a seed, each due with a certain quote."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from exo.errors import UserError
from exo.flow import seeded
from exo.mkt import Listing, Order, Quote, Side, places
from exo.mkt.exact import EXACT, multiply
from exo.replay.survey import Survey

_TENTH: Final = Decimal("0.1")
_BASIS_POINT: Final = Decimal("0.0001")
_DRAWN: Final = frozenset({"order_id", "side", "symbol", "order_qty", "price", "lot"})


class CannotDraw(UserError):
    """An order type with a term that has no default and that cannot be drawn."""

    def __init__(self, order_type: str, term: str) -> None:
        super().__init__(order_type, term)
        self.order_type = order_type
        self.term = term

    def __str__(self) -> str:
        return f"{self.order_type} needs a {self.term}, which is not drawn: give the orders in a file"


class Arrivals:
    """So many orders, evenly spread over the symbols of a survey; every one arrives with a quote drawn from the seed.

    Side, quantity and limit are drawn about that quote: a tenth up to four times of the size at the far side, and for
    every other order a limit within 5 basis points of the far price, as far as the order type has these terms and
    `lot`. Order ids count from 1. CannotDraw if the type needs more.
    """

    def __init__(self, survey: Survey, orders: int, seed: int, order_type: type[Order]) -> None:
        fields = msgspec.structs.fields(order_type)
        for field in fields:
            if field.required and field.name not in _DRAWN:
                raise CannotDraw(order_type.__name__, field.encode_name)
        self._order_type = order_type
        self._terms = {field.name: field.required for field in fields}
        self._seed = seed
        self._width = len(str(orders))
        due: defaultdict[str, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        symbols = list(survey.quotes)
        rng = seeded(f"{seed} arrivals")
        for number in range(1, orders + 1):
            symbol = symbols[(number - 1) % len(symbols)]
            place = rng.randrange(survey.quotes[symbol])
            due[symbol][place].append(number)
        self._due = {symbol: deque(sorted(due[symbol].items())) for symbol in symbols}
        # How many quotes there are to go, this one included, to the next that orders arrive with; -1 after the last.
        self._left = {symbol: waiting[0][0] + 1 if waiting else -1 for symbol, waiting in self._due.items()}

    def with_quote(self, quote: Quote) -> Sequence[Order]:
        """The orders that arrive with the next quote of its symbol, which this is."""
        symbol = quote.symbol
        left = self._left[symbol] = self._left[symbol] - 1
        if left:
            return ()
        waiting = self._due[symbol]
        place, numbers = waiting.popleft()
        self._left[symbol] = waiting[0][0] - place if waiting else -1
        return [self._draw(number, quote) for number in numbers]

    def _draw(self, number: int, quote: Quote) -> Order:
        rng = seeded(f"{self._seed} order {number}")
        side = rng.choice((Side.BUY, Side.SELL))
        px, size = quote.far(side)
        size = size or Decimal(1)
        listing = Listing(symbol=quote.symbol, tick=_step(quote.bid_px, quote.ask_px), lot=_step(size))
        qty = listing.round_qty(multiply(size, multiply(_TENTH, Decimal(rng.randint(1, 40)))))
        price = None
        limited = rng.random() < 0.5 or self._terms.get("price", False)
        if limited and px is not None:
            away = multiply(px.copy_abs(), multiply(_BASIS_POINT, Decimal(rng.randint(-5, 5))))
            price = listing.round_px(side.improve(px, away), side)
        drawn: dict[str, Any] = {"order_qty": qty or listing.lot, "price": price, "lot": listing.lot}
        terms = {name: value for name, value in drawn.items() if name in self._terms and value is not None}
        return self._order_type(order_id=f"{number:0{self._width}}", side=side, symbol=quote.symbol, **terms)


def _step(*numbers: Decimal | None) -> Decimal:
    """The smallest step these numbers show."""
    return EXACT.scaleb(Decimal(1), -max((places(number) for number in numbers if number is not None), default=0))
