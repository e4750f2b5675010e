"""Listed: the instruments of a venue, and whether those that are wanted trade there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from urllib.parse import urlsplit

from exo.errors import UserError
from exo.venue.catalogue import Listed, catalogue
from exo.venue.known import Known
from exo.venue.network import Network


class NotTraded(UserError):
    """A symbol that the venue does not list, or does not trade now; `near` are those that look like it."""

    def __init__(self, symbol: str, status: str | None, near: Sequence[str]) -> None:
        super().__init__(symbol, status, near)
        self.symbol = symbol
        self.status = status
        self.near = near

    def __str__(self) -> str:
        if self.status is not None:
            return f"{self.symbol} is not traded now: {self.status}"
        near = f", but {', '.join(self.near)}" if self.near else ""
        return f"the venue does not list {self.symbol}{near}"


async def listed(network: Network, venue: Known, url: str | None, symbols: Sequence[str]) -> dict[str, Listed]:
    """All that a venue lists; with another `url` its documents are looked for there too.

    NotTraded for a symbol that is not listed or not traded, NetworkError where the venue cannot be reached.
    """
    documents = venue.listings_url if url is None else _beside(url, venue.listings_url)
    found = await catalogue(network, documents, venue.read)
    _check_traded(found, symbols)
    return found


def _check_traded(found: Mapping[str, Listed], symbols: Sequence[str]) -> None:
    for symbol in symbols:
        listed = found.get(symbol)
        if listed is None:
            raise NotTraded(symbol, None, get_close_matches(symbol, found, 3))
        if not listed.trades:
            raise NotTraded(symbol, listed.status, ())


def _beside(url: str, listings_url: str) -> str:
    at, document = urlsplit(url), urlsplit(listings_url)
    return document._replace(scheme="https" if at.scheme == "wss" else "http", netloc=at.netloc).geturl()
