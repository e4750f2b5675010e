"""Drawing: the terms of an order, drawn about a quote from a seed and the order's number."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Any, Final

import msgspec

from exo.dma.exposure import notional_of
from exo.errors import UserError
from exo.flow import seeded
from exo.mkt import Listing, Order, Quote, Side, places
from exo.mkt.exact import EXACT, ZERO, divide, multiply

_TENTH: Final = Decimal("0.1")
_BASIS_POINT: Final = Decimal("0.0001")
_ROOM: Final = Decimal("1.05")  # for the price to fall, and the notional with it
_DRAWN: Final = frozenset({"order_id", "side", "symbol", "order_qty", "price", "lot"})


class CannotDraw(UserError):
    """An order type with a term that has no default and that cannot be drawn."""

    def __init__(self, order_type: str, term: str) -> None:
        super().__init__(order_type, term)
        self.order_type = order_type
        self.term = term

    def __str__(self) -> str:
        return f"{self.order_type} needs a {self.term}, which is not drawn: give the orders in a file"


class Drawing:
    """Draws up to so many orders of a type, each by its number; CannotDraw if the type needs more.

    Side, quantity and limit are drawn about a quote: a tenth up to four times of the size at the far side, and for
    every other order a limit within 5 basis points of the far price, as far as the order type has these terms and
    `lot`. With a listing prices are on its tick, and quantities and `lot` in pieces that it lets trade by themselves;
    else the quote shows the steps.
    """

    def __init__(self, orders: int, seed: int, order_type: type[Order]) -> None:
        fields = msgspec.structs.fields(order_type)
        for field in fields:
            if field.required and field.name not in _DRAWN:
                raise CannotDraw(order_type.__name__, field.encode_name)
        self._order_type = order_type
        self._terms = {field.name: field.required for field in fields}
        self._seed = seed
        self._width = len(str(orders))

    def order(self, number: int, quote: Quote, listing: Listing | None = None) -> Order:
        """The order of this number, as it arrives with this quote."""
        rng = seeded(f"{self._seed} order {number}")
        side = rng.choice((Side.BUY, Side.SELL))
        px, size = quote.far(side)
        size = size or Decimal(1)
        if listing is None:
            listing = Listing(symbol=quote.symbol, tick=_step(quote.bid_px, quote.ask_px), lot=_step(size))
        listing = msgspec.structs.replace(listing, lot=_piece(listing, px))
        qty = listing.round_qty(multiply(size, multiply(_TENTH, Decimal(rng.randint(1, 40)))))
        price = None
        limited = rng.random() < 0.5 or self._terms.get("price", False)
        if limited and px is not None:
            away = multiply(px.copy_abs(), multiply(_BASIS_POINT, Decimal(rng.randint(-5, 5))))
            price = listing.round_px(side.improve(px, away), side)
        drawn: dict[str, Any] = {"order_qty": qty or listing.lot, "price": price, "lot": listing.lot}
        terms = {name: value for name, value in drawn.items() if name in self._terms and value is not None}
        return self._order_type(order_id=f"{number:0{self._width}}", side=side, symbol=quote.symbol, **terms)


def _piece(listing: Listing, px: Decimal | None) -> Decimal:
    """The least in whole lots that may trade by itself at about this price."""
    lots = divide(listing.min_qty, listing.lot)
    unit = ZERO if px is None else notional_of(listing.lot, px, listing)
    if unit:
        lots = max(lots, divide(multiply(listing.min_notional, _ROOM), unit))
    return multiply(listing.lot, max(Decimal(1), lots.to_integral_value(ROUND_CEILING)))


def _step(*numbers: Decimal | None) -> Decimal:
    """The smallest step these numbers show."""
    return EXACT.scaleb(Decimal(1), -max((places(number) for number in numbers if number is not None), default=0))
