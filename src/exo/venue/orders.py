"""Orders: those that stand at the paper venue, and the last that have ended, by every name they have had."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from exo.dma import CancelOrder, NewOrder, ReplaceOrder, StatusQuery
from exo.venue.standing import Standing

_REMEMBERED: Final = 10_000


class Orders:
    """Keeps what is open, and of what has ended the last 10,000."""

    def __init__(self) -> None:
        self.open: dict[int, Standing] = {}
        self.named: dict[str, Standing] = {}
        self.ended: OrderedDict[int, Standing] = OrderedDict()
        self._numbers = 0

    def number(self) -> int:
        """The next place in the order of arrival."""
        self._numbers += 1
        return self._numbers

    def make(self, request: NewOrder) -> Standing:
        """An order as it arrives, known by its name unless another is."""
        standing = Standing(request, self.number())
        known = self.named.get(request.cl_ord_id)
        if known is None or known.number in self.ended:
            self.named[request.cl_ord_id] = standing
        return standing

    def stand(self, standing: Standing) -> None:
        """It is open, or again."""
        self.open[standing.number] = standing
        self.ended.pop(standing.number, None)

    def end(self, standing: Standing) -> None:
        """It is not open any more; the oldest that has ended is forgotten."""
        self.open.pop(standing.number, None)
        self.ended[standing.number] = standing
        if len(self.ended) > _REMEMBERED:
            _, oldest = self.ended.popitem(last=False)
            for name in oldest.names:
                if self.named.get(name) is oldest:
                    del self.named[name]

    def find(self, request: ReplaceOrder | CancelOrder) -> Standing | None:
        """The order that a request is about: by the name it had last, also of a replace that is pending."""
        found = self.named.get(request.orig_cl_ord_id)
        if found is None:
            for standing in self.open.values():
                if any(asked.cl_ord_id == request.orig_cl_ord_id for asked in standing.asked):
                    return standing
        return found

    def asked_for(self, query: StatusQuery) -> Standing | None:
        """The order that a query is about."""
        for name in query.names:
            if name in self.named:
                return self.named[name]
        if query.secondary_order_id is not None and query.secondary_order_id.isdecimal():
            number = int(query.secondary_order_id)
            return self.open.get(number) or self.ended.get(number)
        return None

    def executed(self, exec_id: str) -> Standing | None:
        """The order with this execution."""
        for standing in (*self.open.values(), *self.ended.values()):
            if exec_id in standing.executions:
                return standing
        return None
