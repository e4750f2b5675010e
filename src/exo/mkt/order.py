"""Order and Instruction: what is wanted, and what is asked of exo about it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Generic, TypeVar

from exo.errors import InvalidValue
from exo.mkt import fields
from exo.mkt.enums import ExecInst, MsgType, OrdType, Side, TimeInForce
from exo.mkt.value import Tag, Value, vocabulary

_ORDER_ID = re.compile(r"[0-9A-Za-z-]{1,20}")


class Order(Value):
    """An order's terms; subclass it with the fields your delegate needs.

    `side`, `symbol` and `order_id` are its identity and never change (contract C1). `order_id` is up to 20 of
    0-9A-Za-z-; left out, the Dispatcher assigns one.
    """

    order_id: Annotated[str | None, Tag(37)] = None
    side: Annotated[Side, Tag(54)]
    symbol: Annotated[str, Tag(55)]

    def __post_init__(self) -> None:
        """Check every field, the order id's alphabet and the symbol."""
        super().__post_init__()
        if self.order_id is not None and not _ORDER_ID.fullmatch(self.order_id):
            raise InvalidValue("$.orderID", f"expected up to 20 of 0-9A-Za-z-, got {self.order_id!r:.40}")
        check_symbol(self.symbol)


OrderT = TypeVar("OrderT", bound=Order)
OrderT_co = TypeVar("OrderT_co", bound=Order, covariant=True)
OrderT_contra = TypeVar("OrderT_contra", bound=Order, contravariant=True)


class Instruction(Value, Generic[OrderT_co]):
    """One message from the order's owner: NEW, RPL or CXL with the terms that hold once it is taken.

    HOLD and RELEASE are replaces that change no term and carry an ExecInst, as in FIX. `received_ns` is when the
    Dispatcher recorded it. In JSON the terms stand beside `msgType`, not inside a member of their own.
    """

    msg_type: Annotated[MsgType, Tag(35)]
    order: OrderT_co
    exec_inst: Annotated[ExecInst | None, Tag(18)] = None
    received_ns: int | None = None

    def __post_init__(self) -> None:
        """Check by hand what a good one passes quickly, and find the words only for a bad one."""
        good = (
            type(self.msg_type) is MsgType
            and isinstance(self.order, Order)
            and (self.exec_inst is None or type(self.exec_inst) is ExecInst)
            and (self.received_ns is None or type(self.received_ns) is int)
        )
        if not good:
            super().__post_init__()


@vocabulary
class _Terms:
    """Terms that users' orders commonly carry, checked by name."""

    order_qty: fields.OrderQty
    price: fields.Price
    stop_px: fields.StopPx
    ord_type: Annotated[OrdType, Tag(40)]
    time_in_force: Annotated[TimeInForce, Tag(59)]


@lru_cache(maxsize=4096)  # every tick asks
def good_symbol(symbol: str) -> bool:
    """Whether this text can name an instrument: not empty, printable, no blanks."""
    return symbol != "" and symbol.isprintable() and " " not in symbol


def check_symbol(symbol: object) -> None:
    """InvalidValue unless this is a text that can name an instrument."""
    if not isinstance(symbol, str) or not good_symbol(symbol):
        raise InvalidValue("$.symbol", f"expected a symbol without blanks, got {symbol!r:.40}")
