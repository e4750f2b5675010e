"""Listings: what BitMEX's /instrument/active says of its instruments.

Source: its API explorer. An inverse contract is so many units of the quote currency; a linear one a part of the
underlying (`underlyingToPositionMultiplier` of them are one); a quanto one so much of the settlement currency a point.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from exo.errors import InvalidValue
from exo.mkt.exact import divide, multiply
from exo.mkt.listing import Listing
from exo.venue.catalogue import Listed
from exo.venue.frames import Fields

URL: Final = "https://www.bitmex.com/api/v1/instrument/active"
_SATOSHI: Final = Decimal("1E-8")


def read(document: Any) -> Iterator[Listed | InvalidValue]:
    """A listing for each instrument that can be traded, or what is wrong with it."""
    if not isinstance(document, list):
        raise InvalidValue("$", f"expected a list of instruments, got {document!r:.40}")
    for index, instrument in enumerate(document):
        try:
            of = Fields(instrument, f"$[{index}]")
            if not of.text("symbol").startswith("."):  # else an index
                yield _listed(of)
        except InvalidValue as error:
            yield error
        except ArithmeticError:
            yield InvalidValue(f"$[{index}]", "the size of a contract is beyond all bounds")


def _listed(of: Fields) -> Listed:
    name, members = of.text("symbol"), of.members
    inverse, quanto = members.get("isInverse") is True, members.get("isQuanto") is True
    lot = of.number("lotSize")
    multiplier = of.number_or_none("multiplier") or Decimal(1)
    parts = of.number_or_none("underlyingToPositionMultiplier") or Decimal(1)
    size = multiply(multiplier.copy_abs(), _SATOSHI) if inverse or quanto else divide(Decimal(1), parts)
    settled = of.text("settlCurrency") if members.get("settlCurrency") else of.text("quoteCurrency")
    listing = Listing(
        symbol=f"{name}.BITMEX",
        security_id=name,
        venue="BITMEX",
        tick=of.number("tickSize"),
        lot=lot,
        min_qty=lot,
        contract_multiplier=size,
        currency="XBT" if settled == "XBt" else settled,
        inverse=inverse,
    )
    state = of.text("state")
    return Listed(listing, state == "Open", state)
