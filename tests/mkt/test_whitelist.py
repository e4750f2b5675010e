"""Whitelists: which instruments may be traded."""

from __future__ import annotations

from decimal import Decimal

from exo.mkt import Listing, Whitelist

D = Decimal


def test_a_whitelist_finds_adds_and_changes() -> None:
    """A symbol has one listing."""
    whitelist = Whitelist([Listing(symbol="A")])
    assert "A" in whitelist and "B" not in whitelist and [] not in whitelist and len(whitelist) == 1
    whitelist.add(Listing(symbol="B", tick=D(1)))
    whitelist.add(Listing(symbol="A", tick=D(5)))
    assert [listing.tick for listing in whitelist] == [5, 1]


def test_what_a_lookup_does_not_find_is_asked_for_again() -> None:
    """It may be listed by then; what was found is kept."""
    asked: list[str] = []
    found = {"A": Listing(symbol="A")}

    def lookup(symbol: str) -> Listing | None:
        asked.append(symbol)
        return found.get(symbol)

    whitelist = Whitelist(lookup=lookup)
    for symbol in ("A", "A", "B"):
        whitelist.get(symbol)
    found["B"] = Listing(symbol="B")
    assert "B" in whitelist and asked == ["A", "B", "B"]


def test_a_list_that_somebody_else_keeps_is_not_added_to() -> None:
    """Neither what is new, nor another listing of what is there."""
    whitelist = Whitelist(lookup={"A": Listing(symbol="A", tick=D(1))}.get)
    whitelist.add(Listing(symbol="A", tick=D(5)))
    whitelist.add(Listing(symbol="B"))
    listing = whitelist.get("A")
    assert listing is not None and listing.tick == 1 and whitelist.get("B") is None
