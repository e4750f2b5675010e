"""Listings: what Coinbase Exchange's /products says of its instruments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from exo.errors import InvalidValue
from exo.mkt.exact import ZERO
from exo.mkt.listing import Listing
from exo.venue.catalogue import Listed
from exo.venue.frames import Fields

URL: Final = "https://api.exchange.coinbase.com/products"


def read(document: Any) -> Iterator[Listed | InvalidValue]:
    """A listing for each product, or what is wrong with it."""
    if not isinstance(document, list):
        raise InvalidValue("$", f"expected a list of products, got {document!r:.40}")
    for index, product in enumerate(document):
        try:
            yield _listed(Fields(product, f"$[{index}]"))
        except InvalidValue as error:
            yield error


def _listed(of: Fields) -> Listed:
    name, lot = of.text("id"), of.number("base_increment")
    listing = Listing(
        symbol=f"{name}.COINBASE",
        security_id=name,
        venue="COINBASE",
        tick=of.number("quote_increment"),
        lot=lot,
        min_qty=lot,
        min_notional=of.number_or_none("min_market_funds") or ZERO,
        currency=of.text("quote_currency"),
    )
    status = of.text("status")
    disabled = of.members.get("trading_disabled") is True
    return Listed(listing, status == "online" and not disabled, "trading disabled" if disabled else status)
