"""JSON both ways: camelCase, Decimals as text, exact; errors name the place (`at $.orderQty`).

msgspec alone of the decoders tried is exact for both "0.10" and 0.10, but it takes "1_000", " 1 " and "NaN" for
Decimals; here the text of every Decimal is looked at first.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from functools import cache
from json import loads
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from exo.errors import InvalidValue
from exo.mkt.enums import ExecInst, MsgType
from exo.mkt.order import Instruction, Order
from exo.mkt.value import Value, parts, plain_types

ValueT = TypeVar("ValueT", bound=Value)
OrderT = TypeVar("OrderT", bound=Order)

_NUMBER = re.compile(rb'-?\d+(\.\d+)?([eE][+-]?\d+)?|"-?\d+(\.\d+)?([eE][+-]?\d+)?"|null')
_PLACED = re.compile(r"(.*?)(?: - at `\$([^`]*)`)?", re.DOTALL)
_MEMBER = re.compile(r"Object (?:missing required|contains unknown) field `(.+)`", re.DOTALL)
_raw_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Head(Value):
    """What an Instruction has beside its order's terms."""

    msg_type: MsgType
    exec_inst: ExecInst | None = None
    received_ns: int | None = None


_HEAD = frozenset(field.encode_name for field in msgspec.structs.fields(_Head))


def _check_clash(order: type[Order]) -> None:
    for field in msgspec.structs.fields(order):
        if field.encode_name in _HEAD:
            problem = f"a field of {order.__name__} has the name of an instruction's own member: rename it"
            raise InvalidValue(f"$.{field.encode_name}", problem)


def encode(value: Value) -> bytes:
    """The value as JSON; an Instruction's members and its order's stand side by side."""
    if isinstance(value, Instruction):
        _check_clash(type(value.order))
        head = _Head(msg_type=value.msg_type, exec_inst=value.exec_inst, received_ns=value.received_ns)
        return msgspec.json.encode(msgspec.to_builtins(head) | msgspec.to_builtins(value.order))
    return msgspec.json.encode(value)


def decode(data: bytes | str, cls: type[ValueT]) -> ValueT:
    """A value from JSON; InvalidValue names the member that is wrong, missing or unknown."""
    return _value(_members(data), cls)


def decode_instruction(data: bytes | str, order: type[OrderT]) -> Instruction[OrderT]:
    """An instruction from JSON, its terms of the given order type; InvalidValue as in `decode`."""
    _check_clash(order)
    members = _members(data)
    head = _value({name: members.pop(name) for name in _HEAD if name in members}, _Head)
    return Instruction(
        msg_type=head.msg_type,
        order=_value(members, order),
        exec_inst=head.exec_inst,
        received_ns=head.received_ns,
    )


def _members(data: bytes | str) -> dict[str, msgspec.Raw]:
    try:
        members = _raw_members(data)
        loads(data, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidValue("$", str(error)) from None
    return members


def _once(pairs: list[tuple[str, Any]]) -> None:
    [(name, times)] = Counter(name for name, _ in pairs).most_common(1) or [("", 1)]
    if times > 1:
        raise InvalidValue(f"$.{name}", f"expected it once, got it {times} times")


def _value(members: dict[str, msgspec.Raw], cls: type[ValueT]) -> ValueT:
    try:
        for name, hint, nested in _decimals(cls):
            text = bytes(members.get(name, b"null")).strip()
            if nested:
                _look_inside(loads(text, parse_int=str, parse_float=str), hint, f"$.{name}")
            elif not _NUMBER.fullmatch(text):
                raise InvalidValue(f"$.{name}", f"expected a number, got {text.decode(errors='replace'):.40}")
        return msgspec.json.decode(msgspec.json.encode(members), type=cls)
    except msgspec.ValidationError as error:
        problem, place = _PLACED.fullmatch(str(error)).groups("")  # type: ignore[union-attr] # it matches everything
        if isinstance(error.__cause__, InvalidValue):
            raise InvalidValue(f"${place}{error.__cause__.where[1:]}", error.__cause__.problem) from None
        named = _MEMBER.fullmatch(problem)
        raise InvalidValue(f"${place}.{named[1]}" if named else f"${place}", problem) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidValue("$", str(error)) from None


@cache
def _decimals(cls: type[Value]) -> tuple[tuple[str, Any, bool], ...]:
    """The members that are a Decimal or may hold one, their hints, and whether it is further inside."""
    hints = get_type_hints(cls, include_extras=True)
    members = [(field.encode_name, hints[field.name]) for field in msgspec.structs.fields(cls)]
    return tuple(
        (name, hint, Decimal not in plain_types(hint))
        for name, hint in members
        if any(part is Decimal or get_args(part) or _is_struct(part) for part in parts(hint))
    )


def _is_struct(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, msgspec.Struct)


def _look_inside(value: Any, hint: Any, place: str) -> None:
    """InvalidValue where a Decimal is due and the text would pass for one although it is no plain number."""
    for part in parts(hint):
        inside = [arg for arg in get_args(part) if arg is not ...]
        if part is Decimal and isinstance(value, str) and not _NUMBER.fullmatch(value.encode(errors="replace")):
            raise InvalidValue(place, f"expected a number, got {value:.40}")
        elif isinstance(value, dict) and _is_struct(get_origin(part) or part):
            cls = get_origin(part) or part
            hints = get_type_hints(cls, include_extras=True)
            for field in msgspec.structs.fields(cls):
                _look_inside(value.get(field.encode_name), hints[field.name], f"{place}.{field.encode_name}")
        elif isinstance(value, dict) and len(inside) == 2:
            for name, inner in value.items():
                _look_inside(inner, inside[1], f"{place}.{name}")
        elif isinstance(value, list) and inside:
            for index, inner in enumerate(value):
                _look_inside(inner, inside[min(index, len(inside) - 1)], f"{place}[{index}]")
