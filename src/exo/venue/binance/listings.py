"""Listings: what Binance's exchangeInfo says of its instruments, spot and USD-M."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from exo.errors import InvalidValue
from exo.mkt.exact import ZERO
from exo.mkt.listing import Listing
from exo.venue.catalogue import Listed
from exo.venue.frames import Fields

SPOT: Final = "https://api.binance.com/api/v3/exchangeInfo"
USD_M: Final = "https://fapi.binance.com/fapi/v1/exchangeInfo"


def read(document: Any, venue: str = "BINANCE") -> Iterator[Listed | InvalidValue]:
    """A listing for each symbol, or what is wrong with it."""
    for index, symbol in enumerate(Fields(document).rows("symbols")):
        try:
            yield _listed(Fields(symbol, f"$.symbols[{index}]"), venue)
        except InvalidValue as error:
            yield error


def read_usd_m(document: Any) -> Iterator[Listed | InvalidValue]:
    """The same of USD-M futures."""
    return read(document, "BINANCE-USDM")


def _listed(of: Fields, venue: str) -> Listed:
    name = of.text("symbol")
    filters = {str(each.get("filterType")): each for each in of.rows("filters") if isinstance(each, dict)}
    price, lot = (Fields(filters.get(kind), f"$.{name}.{kind}") for kind in ("PRICE_FILTER", "LOT_SIZE"))
    least = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    # USD-M calls it notional, spot minNotional.
    notional = Fields({"least": least.get("minNotional", least.get("notional", 0))}, f"$.{name}").number("least")
    listing = Listing(
        symbol=f"{name}.{venue}",
        security_id=name,
        venue=venue,
        tick=_step(price, "tickSize", Decimal("1E-8")),
        lot=_step(lot, "stepSize", Decimal("1E-8")),
        min_qty=lot.number("minQty"),
        min_notional=max(ZERO, notional),
        currency=of.text("quoteAsset"),
    )
    return Listed(listing, of.text("status") == "TRADING", of.text("status"))


def _step(of: Fields, name: str, none: Decimal) -> Decimal:
    """A step; 0 says that there is none."""
    step = of.number(name)
    return step if step else none
