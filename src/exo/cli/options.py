"""Options: what the commands' options can be, and how one that cannot is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

from cyclopts import Parameter
from cyclopts.validators import Number

from exo.errors import InvalidValue, UserError
from exo.flow.delays import duration_ns
from exo.mkt import Order
from exo.replay import Script

T = TypeVar("T")

_FEE: Final = re.compile(r"-?\d{1,5}(\.\d{1,9})?", re.ASCII)

Count = Annotated[int, Parameter(validator=Number(gte=1, lte=10_000))]
Positive = Annotated[float, Parameter(validator=Number(gt=0, lte=1e6))]
Switch = Annotated[bool, Parameter(negative=())]


class BadOption(UserError):
    """An option with a value that cannot be."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(option, problem)
        self.option = option
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem} at {self.option}"


def orders_of(text: str, order_type: type[Order]) -> int | Script:
    """How many orders, or a script of them."""
    if not text.isdecimal():
        return Script(text, order_type)
    if not 1 <= int(text) <= 1_000_000:
        raise BadOption("--orders", f"expected a file, or from 1 to 1000000, got {text:.40}")
    return int(text)


def option(name: str, read: Callable[[str], T], text: str) -> T:
    """What an option says, BadOption if it cannot be read."""
    try:
        return read(text)
    except InvalidValue as error:
        raise BadOption(name, error.problem) from None


def url_of(text: str | None) -> str | None:
    """Where a WebSocket is."""
    if text is not None:
        try:
            at = urlsplit(text)
            good = at.scheme in ("ws", "wss") and bool(at.hostname) and (at.port is None or at.port > 0)
        except ValueError:
            good = False
        if not good:
            raise BadOption("--url", f"expected ws://HOST:PORT/PATH or wss://, got {text!r:.60}")
    return text


def some(name: str, values: list[str]) -> list[str]:
    """The values of an option that has at least one, each once."""
    if not all(values) or not values:
        raise BadOption(name, "expected at least one")
    return list(dict.fromkeys(values))


def deadline_ns_of(text: str) -> int:
    """A deadline, a millisecond at least."""
    return max(duration_ns(text), 1_000_000)


def fee_bps(name: str, text: str) -> Decimal:
    """A fee in basis points."""
    if not _FEE.fullmatch(text) or Decimal(text).copy_abs() > 10_000:
        raise BadOption(name, f"expected basis points from -10000 to 10000, got {text!r:.40}")
    return Decimal(text)
