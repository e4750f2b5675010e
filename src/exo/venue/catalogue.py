"""Catalogue: a venue's listings, from its own instrument endpoint, kept for a day."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from exo.errors import InvalidValue
from exo.flow.clock import current_clock
from exo.mkt.listing import Listing
from exo.venue.frames import message
from exo.venue.network import Network, NetworkError, Unreachable

_log = logging.getLogger("exo.venue")

_S: Final = 1_000_000_000
_DAY_S: Final = 86_400.0


class Listed(NamedTuple):
    """A listing, whether it trades now, and how the venue puts that."""

    listing: Listing
    trades: bool
    status: str


class Unlisted(NetworkError):
    """A venue's instruments cannot be had: what it answered is no list of them."""

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(url, problem)
        self.url = url
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.url} gave no instruments: {self.problem}"


class _Kept(msgspec.Struct):
    url: str
    fetched_ns: int
    body: str


Read = Callable[[Any], Iterable[Listed | InvalidValue]]


async def catalogue(
    network: Network, url: str, read: Read, *, cache: Path | None = None, max_age_s: float = _DAY_S
) -> dict[str, Listed]:
    """A venue's instruments by their symbol.

    With a cache, what was fetched less than `max_age_s` ago is not fetched again; what is older is better than nothing
    and is taken, with a warning, if the venue cannot be reached. An instrument that cannot be read is logged and left
    out. Unreachable or Unlisted if there is nothing to go by.
    """
    now_ns = current_clock().now_ns()
    kept = None if cache is None else _kept(cache, url)
    known = None if kept is None else _listed_or_none(kept, read)
    if kept is not None and known is not None and 0 <= now_ns - kept.fetched_ns < max_age_s * _S:
        return known
    try:
        answer = await network.get(url)
        if answer.status != 200:
            raise Unlisted(url, f"it answered with status {answer.status}")
        found = listed(url, answer.body, read)
    except (Unreachable, Unlisted) as error:
        if kept is None or known is None:
            raise
        _log.warning("%s: what was kept %d s ago is taken", error, (now_ns - kept.fetched_ns) // _S)
        return known
    if cache is not None:
        _keep(cache, _Kept(url, now_ns, answer.body.decode()))
    return found


def listed(url: str, body: bytes, read: Read) -> dict[str, Listed]:
    """The instruments of a document by their symbol; Unlisted if it is none."""
    found: dict[str, Listed] = {}
    try:
        for each in read(message(body)):
            if isinstance(each, InvalidValue):
                _log.warning("an instrument of %s cannot be read: %s", url, each)
            else:
                found[each.listing.symbol] = each
    except InvalidValue as error:
        raise Unlisted(url, str(error)) from None
    return found


def _listed_or_none(kept: _Kept, read: Read) -> dict[str, Listed] | None:
    try:
        return listed(kept.url, kept.body.encode(), read)
    except Unlisted:
        return None


def _kept(cache: Path, url: str) -> _Kept | None:
    try:
        kept = msgspec.json.decode(cache.read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return None  # there is none yet, or none that can be read
    return kept if kept.url == url else None


def _keep(cache: Path, kept: _Kept) -> None:
    """Write it beside and move it over: one who reads meanwhile finds the old or the new one."""
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        part = cache.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(kept))
        part.replace(cache)
    except OSError as error:
        _log.warning("listings cannot be kept in %s: %s", cache, error)
