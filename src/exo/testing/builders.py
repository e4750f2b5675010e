"""Builders: market values as a test wants to write them, with text for numbers.

Numbers are text, ints or Decimals; a float is refused, for it is rarely the number that was written. What is built
while a loop runs is received now, by the current clock; what is built before, when a Tape plays it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, TypeAlias, TypeVar, get_type_hints, overload

import msgspec

from exo.errors import InvalidValue
from exo.flow.clock import current_clock, running_loop
from exo.mkt import FeedState, FeedStatus, Order, Quote, Report, Side, Trade
from exo.mkt.value import camel, plain_types

OrderT = TypeVar("OrderT", bound=Order)

Number: TypeAlias = str | int | Decimal


def quote(
    symbol: str,
    bid: Number | None,
    ask: Number | None,
    *,
    bid_size: Number | None = None,
    ask_size: Number | None = None,
    received_ns: int | None = None,
    rpt_seq: int | None = None,
    transact_time: datetime.datetime | None = None,
) -> Quote:
    """A quote; None is an empty side or an unknown size."""
    return Quote(
        symbol,
        _number("bid", bid),
        _number("bid_size", bid_size),
        _number("ask", ask),
        _number("ask_size", ask_size),
        _received(received_ns),
        rpt_seq,
        transact_time,
    )


def trade(
    symbol: str,
    last_px: Number,
    last_qty: Number,
    *,
    aggressor: Side | None = None,
    received_ns: int | None = None,
    rpt_seq: int | None = None,
    trade_id: str | None = None,
    transact_time: datetime.datetime | None = None,
) -> Trade:
    """A trade between others."""
    return Trade(
        symbol,
        _decimal("last_px", last_px),
        _decimal("last_qty", last_qty),
        aggressor,
        _received(received_ns),
        rpt_seq,
        trade_id,
        transact_time,
    )


@overload
def order(*, side: Side = ..., symbol: str = ..., order_id: str | None = ...) -> Order: ...
@overload
def order(
    cls: type[OrderT], *, side: Side = ..., symbol: str = ..., order_id: str | None = ..., **terms: object
) -> OrderT: ...
def order(
    cls: type[Any] = Order,
    *,
    side: Side = Side.BUY,
    symbol: str = "A",
    order_id: str | None = None,
    **terms: object,
) -> Any:
    """An order of any type, to buy A unless told otherwise; InvalidValue names a term that it does not have."""
    return cls(side=side, symbol=symbol, order_id=order_id, **exact_terms(cls, terms))


def report(order_id: str = "", *, transact_time: datetime.datetime | None = None, **members: object) -> Report:
    """A report; without an order id, the Tape addresses it to the order under rehearsal."""
    received_ns = members.pop("received_ns", None)
    return Report(
        order_id=order_id,
        transact_time=transact_time,
        received_ns=_received(received_ns),  # type: ignore[arg-type] # the Report checks it
        **exact_terms(Report, members),
    )


def feed(state: FeedState, symbol: str | None = None, *, text: str = "", received_ns: int | None = None) -> FeedStatus:
    """What a feed says of its data, of one symbol or of all it carries."""
    return FeedStatus(state=state, symbol=symbol, text=text, received_ns=_received(received_ns))


def exact_terms(cls: type[msgspec.Struct], terms: Mapping[str, object]) -> dict[str, Any]:
    """The terms with a Decimal wherever this type has one; InvalidValue names one that it does not have."""
    has_decimal = _decimals(cls)
    for name in terms:
        if name not in has_decimal:
            raise InvalidValue(f"$.{camel(name)}", f"{cls.__name__} has no such term")
    return {name: _number(name, value) if has_decimal[name] else value for name, value in terms.items()}


@cache
def _decimals(cls: type[msgspec.Struct]) -> dict[str, bool]:
    hints = get_type_hints(cls, include_extras=True)
    return {field.name: Decimal in plain_types(hints[field.name]) for field in msgspec.structs.fields(cls)}


def _number(name: str, value: object) -> Decimal | None:
    return None if value is None else _decimal(name, value)


def _decimal(name: str, value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str | int) or isinstance(value, bool):
        hint = f': write "{value}"' if isinstance(value, float) else ""
        raise InvalidValue(f"$.{camel(name)}", f"expected a number as text, got {type(value).__name__} {value!r}{hint}")
    try:
        return Decimal(value)
    except InvalidOperation:
        raise InvalidValue(f"$.{camel(name)}", f"expected a number, got {value!r:.40}") from None


def _received(received_ns: int | None) -> int | None:
    if received_ns is None and running_loop() is not None:
        return current_clock().now_ns()
    return received_ns
