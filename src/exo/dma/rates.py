"""Rates: how many requests an order and the account have made, and how many of these have left, in a window of time."""

from __future__ import annotations

from exo.dma.limits import AccountLimits, Rule
from exo.flow.rate import Tally, Window


class Rates:
    """Counts a request twice, as the gate sees it twice: what has waited may leave at once with others that have."""

    def __init__(self, account: AccountLimits) -> None:
        self._window = account.order_rate
        self._of_orders: tuple[dict[str, Tally], dict[str, Tally]] = {}, {}
        self._of_account = _tally(account.account_rate), _tally(account.account_rate)

    def problem(self, order_id: str, now_ns: int, leaves: bool) -> tuple[Rule, object, object] | None:
        """The rule that one more would break, and its limit."""
        tallies = self._of_orders[leaves].get(order_id), self._of_account[leaves]
        for rule, tally in zip((Rule.ORDER_RATE, Rule.ACCOUNT_RATE), tallies, strict=True):
            if tally is not None and tally.free(now_ns) < 1:
                return rule, tally.limit, tally.limit
        return None

    def count(self, order_id: str, now_ns: int, leaves: bool) -> None:
        """One more was made, or leaves."""
        if self._window is not None:
            orders = self._of_orders[leaves]
            tally = orders.get(order_id)
            if tally is None:
                tally = orders[order_id] = self._window.tally()
            tally.take(1, now_ns)
        of_account = self._of_account[leaves]
        if of_account is not None:
            of_account.take(1, now_ns)

    def forget(self, order_id: str) -> None:
        """An order has ended."""
        for orders in self._of_orders:
            orders.pop(order_id, None)

    def __len__(self) -> int:
        """How many orders are counted."""
        return sum(map(len, self._of_orders))


def _tally(window: Window | None) -> Tally | None:
    return None if window is None else window.tally()
