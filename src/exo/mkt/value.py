"""Value: what every market value is made of - frozen, exact, and checked when it is made.

msgspec checks types only when it decodes; a Value checks itself however it was made, so a wrong one does not exist.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import Enum
from functools import cache
from itertools import compress
from operator import is_not
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec

from exo.errors import InvalidValue
from exo.mkt.exact import ZERO, problem_with

T = TypeVar("T")


class Tag(NamedTuple):
    """Data on a field's type: its FIX tag (0: FIX has none), and for a quantity what it must not be."""

    number: int
    at_least: Decimal | None = None
    not_zero: bool = False


def camel(name: str) -> str:
    """The JSON name of a field: clOrdID for cl_ord_id."""
    head, *tail = name.split("_")
    return head + "".join("ID" if part == "id" else part.capitalize() for part in tail)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class ValueMeta(msgspec.StructMeta):
    """Makes every subclass frozen and keyword-only, and lets type checkers know (mypy asks the class below too)."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        """Add the defaults that msgspec does not inherit."""
        return super().__new__(mcls, name, bases, namespace, **({"kw_only": True} | config | {"frozen": True}))


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, metaclass=ValueMeta, rename=camel, forbid_unknown_fields=True, omit_defaults=True):
    """A frozen value that exo makes of checked ones and so need not check."""


class Value(Frozen):
    """A frozen value whose fields are checked when it is made; InvalidValue names the field (`at $.orderQty`).

    Decimal fields take finite Decimals only: no float, NaN or Infinity (contract C19). A field named as in the FIX
    vocabulary (`order_qty`, `price`, ...) is checked as that field, in a user's own subclass too.
    """

    def __post_init__(self) -> None:
        """Check every field."""
        of_fields, defaults = checks(type(self))
        values = msgspec.structs.astuple(self)
        # Most fields of a Report are not told: these are passed over without a line of Python for each.
        for value, (place, good, check) in compress(zip(values, of_fields, strict=True), map(is_not, values, defaults)):
            if type(value) not in good and (problem := check(value)):
                raise InvalidValue(place, problem)


Check = Callable[[object], str | None]
_KNOWN: dict[str, Any] = {}
_NO_DEFAULT = object()


def vocabulary(cls: type[T]) -> type[T]:
    """Class decorator: the FIX fields of this class are known by name from now on, with their tags and checks."""
    for name, hint in get_type_hints(cls, include_extras=True).items():
        _KNOWN[name] = hint
    return cls


@cache
def tags(cls: type[msgspec.Struct]) -> dict[str, int]:
    """The FIX tag of each field that has one."""
    found = {}
    for name, hint in get_type_hints(cls, include_extras=True).items():
        tag = _tag(hint) or _tag(_KNOWN.get(name))
        if tag and tag.number:
            found[name] = tag.number
    return found


@cache
def checks(cls: type[msgspec.Struct]) -> tuple[tuple[tuple[str, frozenset[Any], Check], ...], tuple[object, ...]]:
    """Place, types of which all values are good, and check of each field; and for each the default that has passed."""
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        problem = f"{error}: what the fields of {cls.__name__} name must stand at the top of its module"
        raise InvalidValue("$", problem) from None
    found, defaults = [], []
    for field in msgspec.structs.fields(cls):
        hint = hints[field.name]
        check = _check(hint, _tag(hint) or _tag(_KNOWN.get(field.name)))
        default = _NO_DEFAULT if check(field.default) else field.default
        good = frozenset(t for t in plain_types(hint) if t in _PLAIN or (isinstance(t, type) and issubclass(t, Enum)))
        found.append((f"$.{field.encode_name}", good, check))
        defaults.append(default)
    return tuple(found), tuple(defaults)


def _tag(hint: Any) -> Tag | None:
    for part in (hint, *get_args(hint)):
        for note in get_args(part)[1:] if get_origin(part) is Annotated else ():
            if isinstance(note, Tag):
                return note
    return None


def parts(hint: Any) -> tuple[Any, ...]:
    """What a hint allows: Annotated, unions and bounds taken apart; Any where it cannot be known."""
    if get_origin(hint) is Annotated:
        return parts(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return tuple(m for part in get_args(hint) for m in parts(part))
    if isinstance(hint, TypeVar):
        return parts(hint.__bound__ or Any)
    return (hint,)


def plain_types(hint: Any) -> tuple[Any, ...]:
    """The plain types of a hint, without what they hold."""
    return tuple(get_origin(part) or part for part in parts(hint))


_PLAIN = (str, int, bool, NoneType)
_CONTAINERS = (tuple, list, set, frozenset, dict)
_CHECKED = (Decimal, str, int, bool, NoneType, datetime.datetime, Enum, msgspec.Struct, *_CONTAINERS)


def _check(hint: Any, tag: Tag | None) -> Check:
    types = plain_types(hint)
    if get_origin(hint) is Literal:
        return lambda value: None if value in get_args(hint) else f"expected one of {get_args(hint)}, got {value!r:.40}"
    if Decimal in types and set(types) <= {Decimal, NoneType}:
        return _decimal_check(NoneType in types, tag)
    if not all(isinstance(t, type) and issubclass(t, _CHECKED) for t in types):
        return _unknown_check
    items = _item_checks(hint, tag)
    names = " or ".join("null" if t is NoneType else t.__name__ for t in types)

    def check(value: object) -> str | None:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            return f"expected {names}, got {type(value).__name__} {value!r:.40}"
        if isinstance(value, datetime.datetime) and value.tzinfo is None:
            return f"expected a time with a zone, got {value}"
        if isinstance(value, _CONTAINERS):
            return next((p for at, item in enumerate(_items(value)) if (p := items(at)(item))), None)
        return problem_with(value) if isinstance(value, Decimal) else None

    return check


def _unknown_check(value: object) -> str | None:
    """Of a value whose type is not told: a Decimal must be a good one (contract C19)."""
    if isinstance(value, _CONTAINERS):
        return next((problem for item in _items(value) if (problem := _unknown_check(item))), None)
    return problem_with(value) if isinstance(value, Decimal) else None


def _items(value: Any) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


def _item_checks(hint: Any, tag: Tag | None) -> Callable[[int], Check]:
    """What checks the item at an index of a container: of a fixed tuple each its own, else one for all."""
    for part in parts(hint):
        origin, args = get_origin(part), get_args(part)
        if isinstance(origin, type) and issubclass(origin, _CONTAINERS) and args:
            checks = [_check(arg, tag) for arg in args if arg is not ...]
            if origin is tuple and args[-1] is not ...:
                return lambda at: checks[at] if at < len(checks) else _unknown_check
            return lambda at: checks[-1]
    return lambda at: _unknown_check


def _decimal_check(optional: bool, tag: Tag | None) -> Check:
    at_least = tag.at_least if tag else None
    not_zero = tag.not_zero if tag else False

    def check(value: object) -> str | None:
        if value is None and optional:
            return None
        problem = problem_with(value)
        if problem is None and isinstance(value, Decimal):
            if at_least is not None and value < at_least:
                return f"expected at least {at_least}, got {value}"
            if not_zero and value == ZERO:
                return "expected more than 0, got 0"
        return problem

    return check
