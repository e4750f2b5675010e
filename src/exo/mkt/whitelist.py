"""Whitelist: the instruments that may be traded, by symbol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from exo.mkt.listing import Listing


class Whitelist:
    """Finds the listing of a symbol, among those it was given or by a `lookup` that stands behind it.

    With a lookup, what is found is kept, what is not is asked for again each time, and `add` does nothing: the list is
    then somebody else's.
    """

    def __init__(self, listings: Iterable[Listing] = (), lookup: Callable[[str], Listing | None] | None = None) -> None:
        self._listings = {listing.symbol: listing for listing in listings}
        self._lookup = lookup

    def __contains__(self, symbol: object) -> bool:
        return isinstance(symbol, str) and self.get(symbol) is not None

    def __iter__(self) -> Iterator[Listing]:
        return iter(list(self._listings.values()))

    def __len__(self) -> int:
        return len(self._listings)

    def get(self, symbol: str) -> Listing | None:
        """The symbol's listing, None if it may not be traded."""
        listing = self._listings.get(symbol)
        if listing is None and self._lookup is not None:
            listing = self._lookup(symbol)
            if listing is not None:
                self._listings[symbol] = listing
        return listing

    def add(self, listing: Listing) -> None:
        """Let an instrument be traded, or change how it is listed."""
        if self._lookup is None:
            self._listings[listing.symbol] = listing
