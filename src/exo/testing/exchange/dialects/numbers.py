"""How venues write numbers, moments and ids."""

from __future__ import annotations

from decimal import Decimal

from exo.flow.clock import Rng, utc
from exo.mkt.exact import EXACT

MS = 1_000_000
_LARGEST_PLAIN = 21  # ECMA-262, Number::toString: from 1e21 up and below 1e-6 a number is written with an exponent
_SMALLEST_PLAIN = -6


def places(step: Decimal) -> int:
    """How many decimals a step is written with: 2 for 0.10."""
    exponent = step.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def padded(value: Decimal, digits: int) -> str:
    """Plain, with at least so many decimals; none that counts is cut off."""
    exponent = value.as_tuple().exponent
    if exponent == -digits:
        return f"{value:f}"
    needed = places(value.normalize(EXACT))
    return f"{value:.{max(digits, needed)}f}"


def trimmed(value: Decimal) -> str:
    """Plain, without zeros at the end: 12.5 and 400."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def bare(value: Decimal) -> str:
    """As a JSON number of a JavaScript server: 20500, 0.00001234 and 1.5e-7."""
    if not value:
        return "0"
    sign, digits, exponent = value.normalize(EXACT).as_tuple()
    assert isinstance(exponent, int)
    magnitude = len(digits) + exponent  # the value is 0.digits times ten to this
    if _SMALLEST_PLAIN < magnitude <= _LARGEST_PLAIN:
        return trimmed(value)
    text = "".join(map(str, digits))
    fraction = f".{text[1:]}" if text[1:] else ""
    return f"{'-' if sign else ''}{text[0]}{fraction}e{magnitude - 1:+d}"


def micros(ns: int) -> str:
    """A moment as 2021-01-02T03:04:05.678901Z."""
    return utc(ns).isoformat(timespec="microseconds")[:26] + "Z"


def millis(ns: int) -> str:
    """A moment as 2021-01-02T03:04:05.678Z."""
    return utc(ns).isoformat(timespec="milliseconds")[:23] + "Z"


def guid(rng: Rng) -> str:
    """A UUID of version 4, drawn."""
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) % 4]}{text[17:20]}-{text[20:]}"
