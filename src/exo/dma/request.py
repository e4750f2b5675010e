"""Request: what is asked of a venue about one child order."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeAlias

from exo.errors import InvalidValue
from exo.mkt import fields
from exo.mkt.enums import ExecInst, OrdType, Side, TimeInForce
from exo.mkt.order import check_symbol
from exo.mkt.value import Tag, Value

_IMMEDIATE = frozenset({TimeInForce.IOC, TimeInForce.FOK})


class Terms(Value):
    """What a new order and a replace have in common: what shall stand at the venue, and until when.

    `order_id` is exo's own order, the parent; `cl_ord_id` names the request, and what it makes. `order_qty` is the
    total, what has been executed included. `price` is None for a MARKET order only; a POST_ONLY order never takes.
    """

    order_id: Annotated[str, Tag(37)]
    cl_ord_id: Annotated[str, Tag(11)]
    side: Annotated[Side, Tag(54)]
    symbol: Annotated[str, Tag(55)]
    order_qty: fields.OrderQty
    price: fields.Price | None
    time_in_force: Annotated[TimeInForce, Tag(59)] = TimeInForce.GTC
    exec_inst: Annotated[ExecInst | None, Tag(18)] = None

    def __post_init__(self) -> None:
        """Check every field, the symbol, and that POST_ONLY has a price to rest at and time to rest."""
        super().__post_init__()
        check_symbol(self.symbol)
        if self.post_only and (self.price is None or self.immediate):
            raise InvalidValue("$.execInst", "POST_ONLY needs a price, and a time in force that lets the order rest")

    @property
    def ord_type(self) -> OrdType:
        """LIMIT with a price, else MARKET."""
        return OrdType.MARKET if self.price is None else OrdType.LIMIT

    @property
    def post_only(self) -> bool:
        """Whether it must not take liquidity."""
        return self.exec_inst is ExecInst.POST_ONLY

    @property
    def immediate(self) -> bool:
        """Whether it ends by itself at once: IOC and FOK."""
        return self.time_in_force in _IMMEDIATE

    def reaches(self, px: Decimal | None) -> bool:
        """Whether it would trade at this price of the other side; None is an empty side."""
        return px is not None and self.side.within(self.price, px)


class NewOrder(Terms):
    """A NewOrderSingle (D); `poss_resend`: it may have been sent before, under this name."""

    poss_resend: Annotated[bool, Tag(97)] = False


class ReplaceOrder(Terms):
    """An OrderCancelReplaceRequest (G): the child that was named `orig_cl_ord_id` last shall have these terms."""

    orig_cl_ord_id: Annotated[str, Tag(41)]


class CancelOrder(Value):
    """An OrderCancelRequest (F): `cl_ord_id` names the request, `orig_cl_ord_id` the child to cancel."""

    order_id: Annotated[str, Tag(37)]
    cl_ord_id: Annotated[str, Tag(11)]
    orig_cl_ord_id: Annotated[str, Tag(41)]
    side: Annotated[Side, Tag(54)]
    symbol: Annotated[str, Tag(55)]


class StatusQuery(Value):
    """An OrderStatusRequest (H): what became of one child; `names` are all it may have at the venue, newest first."""

    order_id: Annotated[str, Tag(37)]
    names: tuple[str, ...]
    side: Annotated[Side, Tag(54)]
    symbol: Annotated[str, Tag(55)]
    secondary_order_id: Annotated[str | None, Tag(198)] = None


Request: TypeAlias = NewOrder | ReplaceOrder | CancelOrder


def new_of(request: ReplaceOrder) -> NewOrder:
    """The new order that a replace is where a venue cancels and makes a new one."""
    members = {name: getattr(request, name) for name in Terms.__struct_fields__}
    return NewOrder(**members)
