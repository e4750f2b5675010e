"""Markup: how values stand in a page - exact, escaped, and a dash for what is not known."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import Decimal
from html import escape
from typing import Final

from exo.flow.delays import duration
from exo.replay.figures import plain

DASH: Final = "–"

_LONGEST: Final = 600
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_UNSEEN: Final = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")


def text(value: str) -> str:
    """A text from outside, escaped; what cannot be encoded or seen is replaced, and of a long one the start is left."""
    if len(value) > _LONGEST:
        value = f"{value[:_LONGEST]} …"
    encodable = value.encode("utf-8", "backslashreplace").decode()
    return escape(encodable.translate(_UNSEEN), quote=True)


def number(value: Decimal | int | None) -> str:
    """A figure in plain digits."""
    if value is None:
        return DASH
    return plain(value) if isinstance(value, Decimal) else str(value)


def lasting(ns: int | None) -> str:
    """A duration, exactly."""
    return DASH if ns is None else duration(ns)


def extent(low: str, high: str) -> str:
    """From one figure to another, or the one that is both."""
    return low if low == high else f"{low} to {high}"


def moment(at_ns: int) -> str:
    """A time in UTC, to the nanosecond."""
    seconds, ns = divmod(at_ns, 1_000_000_000)
    try:
        whole = _EPOCH + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return f"{at_ns} ns"
    return f"{whole.isoformat(' ')[:19]}.{ns:09}"


class Times:
    """Writes times, without the date where it is that of the first."""

    def __init__(self, first_ns: int) -> None:
        self.day = moment(first_ns)[:10]

    def __call__(self, at_ns: int | None) -> str:
        """A time of this day, or a date and time."""
        return DASH if at_ns is None else moment(at_ns).removeprefix(f"{self.day} ")


def cells(values: Iterable[str], tag: str = "td") -> str:
    """Markup as the cells of a row."""
    return "".join(f"<{tag}>{value}</{tag}>" for value in values)


def table(name: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of markup, in a box that scrolls where it is too wide."""
    body = "\n".join(f"<tr>{cells(row)}</tr>" for row in rows)
    head = f"<thead><tr>{cells(heads, 'th')}</tr></thead>"
    return f'<div class="wide"><table class="{name}">{head}\n<tbody>\n{body}\n</tbody></table></div>'


def terms(name: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Markup as a list of terms and what they stand for."""
    body = "\n".join(f"<div><dt>{term}</dt><dd>{value}</dd></div>" for term, value in pairs)
    return f'<dl class="{name}">\n{body}\n</dl>'


def more(left: int, of: str) -> str:
    """Says how many are not shown; nothing if none."""
    return f'<p class="note">… and {left} more {of}</p>' if left > 0 else ""
