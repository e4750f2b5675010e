"""Request: what is asked of a venue about one child order."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeAlias

from exo.mkt import fields
from exo.mkt.enums import OrdType, Side, TimeInForce
from exo.mkt.order import check_symbol
from exo.mkt.value import Tag, Value


class NewOrder(Value):
    """A NewOrderSingle (D); `order_id` is exo's own order, the parent, and `cl_ord_id` names the child.

    `price` is None for a MARKET order only.
    """

    order_id: Annotated[str, Tag(37)]
    cl_ord_id: Annotated[str, Tag(11)]
    side: Annotated[Side, Tag(54)]
    symbol: Annotated[str, Tag(55)]
    order_qty: fields.OrderQty
    price: fields.Price | None
    time_in_force: Annotated[TimeInForce, Tag(59)] = TimeInForce.GTC

    def __post_init__(self) -> None:
        """Check every field and the symbol."""
        super().__post_init__()
        check_symbol(self.symbol)

    @property
    def ord_type(self) -> OrdType:
        """LIMIT with a price, else MARKET."""
        return OrdType.MARKET if self.price is None else OrdType.LIMIT

    def reaches(self, px: Decimal | None) -> bool:
        """Whether it would trade at this price of the other side; None is an empty side."""
        return px is not None and self.side.within(self.price, px)


class CancelOrder(Value):
    """An OrderCancelRequest (F): `cl_ord_id` names the request, `orig_cl_ord_id` the child to cancel."""

    order_id: Annotated[str, Tag(37)]
    cl_ord_id: Annotated[str, Tag(11)]
    orig_cl_ord_id: Annotated[str, Tag(41)]
    side: Annotated[Side, Tag(54)]
    symbol: Annotated[str, Tag(55)]


Request: TypeAlias = NewOrder | CancelOrder
