"""Arrivals: orders drawn from a seed, each due with a certain quote."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from exo.flow import seeded
from exo.mkt import Order, Quote
from exo.replay.drawing import Drawing
from exo.replay.survey import Survey


class Arrivals:
    """So many orders, evenly spread over the symbols of a survey; every one arrives with a quote drawn from the seed.

    Its terms are drawn about that quote (see Drawing); order ids count from 1. CannotDraw if the type needs more.
    """

    def __init__(self, survey: Survey, orders: int, seed: int, order_type: type[Order]) -> None:
        self._drawing = Drawing(orders, seed, order_type)
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
        return [self._drawing.order(number, quote) for number in numbers]
