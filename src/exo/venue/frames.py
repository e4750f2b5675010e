"""Frames: what one frame of a venue can say, and what its decoders share.

A decoder is a pure function of the bytes, the receive time and what it was made for. It has two ways to the same
values: a typed one for the frames that come by the thousand, and a careful one for all others, which looks at every
member and can say what is wrong with it. What the typed way does not understand, the careful way decides.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from exo.errors import InvalidValue
from exo.mkt.exact import ZERO, fit, parse
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade

_BACKSLASH: Final = ord("\\")
_KEPT: Final = 4096
_SHOWN: Final = 200


class Level(NamedTuple):
    """A price and what stands there now; 0 is nothing."""

    px: Decimal
    size: Decimal


class Levels(NamedTuple):
    """Levels of a symbol's book: the `whole` of it, or those that have changed."""

    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    whole: bool
    received_ns: int
    transact_time: datetime.datetime | None = None


class Pooled(NamedTuple):
    """A quote of one of a venue's pools, by the pool's name."""

    pool: str
    quote: Quote


class Past(NamedTuple):
    """A trade from before the subscription, told with its answer: no news."""

    trade: Trade


class Aside(NamedTuple):
    """A trade that is not of the market, but numbered with those that are."""

    symbol: str
    trade_id: int
    kind: str
    received_ns: int


class Beat(NamedTuple):
    """The venue says that it is there: for a symbol, with the id of its last trade, or for the whole connection."""

    symbol: str | None = None
    trade_id: int | None = None


class Taken(NamedTuple):
    """A request was taken: by its id, its topic, or (Coinbase) the names of all that is subscribed now."""

    what: str
    names: tuple[str, ...] = ()


class Failed(NamedTuple):
    """A request was refused, with the venue's words; `what` is its id or the name it was about, if that was said.

    `retry_after_s` is when to ask again where it came too soon after others.
    """

    text: str
    what: str | None = None
    retry_after_s: float | None = None


class Ending(NamedTuple):
    """The venue says that it will close the connection soon."""

    text: str


class Stray(NamedTuple):
    """News of an instrument that nobody asked for, by the venue's name of it."""

    name: str


class Other(NamedTuple):
    """A good frame of a kind that is of no concern here."""

    kind: str


class Bad(NamedTuple):
    """A frame, or a part of one, that cannot be read; `frame` is its beginning.

    `name` is the venue's name of what it was about, if that was said; `touch` is whether that may have been its touch.
    """

    problem: str
    frame: bytes
    name: str | None = None
    touch: bool = True


Event: TypeAlias = Quote | Trade | Levels | Pooled | Past | Aside | Beat | Taken | Failed | Ending | Stray | Other | Bad


class Decoder(Protocol):
    """What makes values of a venue's frames."""

    def decode(self, frame: bytes, received_ns: int, /) -> Sequence[Event]:
        """All that this frame says, in its order; never raises."""
        ...


class Numbers(dict[str, Decimal]):
    """Prices by their text: those of a market are the same few thousand over and over; KeyError for 0."""

    def __missing__(self, text: str) -> Decimal:
        number = parse(text)
        if not number or not number.is_finite():
            raise KeyError(text)
        if len(self) >= _KEPT:
            self.clear()
        self[text] = number
        return number


class BareNumbers(dict[bytes, Decimal]):
    """The same of numbers that stand in JSON as such; ArithmeticError for what stands there in their place."""

    def __missing__(self, text: bytes) -> Decimal:
        number = parse(text.decode())
        if not number:
            raise KeyError(text)
        if len(self) >= _KEPT:
            self.clear()
        self[text] = number
        return number


def plain(frame: bytes) -> bool:
    """Whether it is all ASCII and without escapes: `decimal` takes other digits for digits."""
    return frame.isascii() and _BACKSLASH not in frame


def exact(value: object, where: str) -> Decimal:
    """A member as the number it is, InvalidValue if it is none."""
    number: Decimal | None
    try:
        if isinstance(value, Decimal):
            number = fit(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            number = fit(Decimal(value))
        else:
            number = parse(value) if isinstance(value, str) and value.isascii() else None
    except ArithmeticError:
        number = None
    if number is not None and number.is_finite():
        return number
    raise InvalidValue(where, f"expected a number, got {value!r:.40}")


class Fields:
    """The members of a JSON object, each as what it should be; `place` is where the object stands."""

    def __init__(self, members: object, place: str = "$") -> None:
        if not isinstance(members, dict):
            raise InvalidValue(place, f"expected an object, got {members!r:.40}")
        self.members: Mapping[str, Any] = members
        self._place = place

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self._get(name)
        if not isinstance(value, str) or not value:
            raise InvalidValue(f"{self._place}.{name}", f"expected a text, got {value!r:.40}")
        return value

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self._get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidValue(f"{self._place}.{name}", f"expected a whole number, got {value!r:.40}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise InvalidValue(f"{self._place}.{name}", f"expected true or false, got {value!r:.40}")
        return value

    def number(self, name: str) -> Decimal:
        """A number, bare or as text."""
        return exact(self._get(name), f"{self._place}.{name}")

    def number_or_none(self, name: str) -> Decimal | None:
        """A number, None where it is missing or null."""
        return None if self.members.get(name) is None else self.number(name)

    def time(self, name: str) -> datetime.datetime:
        """An instant in RFC 3339, with its zone."""
        value = self.text(name)
        try:
            time = _TIME(f'"{value}"')
        except (msgspec.MsgspecError, UnicodeEncodeError):
            time = None
        if time is None or time.tzinfo is None:
            raise InvalidValue(f"{self._place}.{name}", f"expected a time with its zone, got {value!r:.40}")
        return time

    def time_or_none(self, name: str) -> datetime.datetime | None:
        """An instant, None where it is missing or null."""
        return None if self.members.get(name) is None else self.time(name)

    def rows(self, name: str) -> list[Any]:
        """A list."""
        value = self._get(name)
        if not isinstance(value, list):
            raise InvalidValue(f"{self._place}.{name}", f"expected a list, got {value!r:.40}")
        return value

    def _get(self, name: str) -> Any:
        if name not in self.members:
            raise InvalidValue(f"{self._place}.{name}", "nothing is there")
        return self.members[name]


def side_of_book(px: Decimal | None, size: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """Price and size as a Quote has them: venues also say 0 for an empty side."""
    if px is None or (px == ZERO and not size):
        return None, None
    return px, size


def message(frame: bytes) -> Any:
    """The JSON value of a frame, numbers exact; InvalidValue if there is none."""
    try:
        return _ANY(frame)
    except (msgspec.MsgspecError, ArithmeticError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidValue("$", f"no JSON: {error}") from None


def bad(problem: object, frame: bytes, name: object = None, touch: bool = True) -> Bad:
    """What is wrong with a frame, and its beginning."""
    return Bad(str(problem), frame[:_SHOWN], name if isinstance(name, str) else None, touch)


_ANY: Final = msgspec.json.Decoder(float_hook=Decimal).decode
_TIME: Final = msgspec.json.Decoder(datetime.datetime).decode
