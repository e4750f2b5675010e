"""Outbox: requests on their way out - conflated by whoever puts them in, within the venue's limits, cancels first."""

from __future__ import annotations

from collections import OrderedDict, deque
from math import ceil
from typing import Final, NamedTuple

from exo.dma.capabilities import Capabilities
from exo.dma.request import CancelOrder, NewOrder, ReplaceOrder, Request

_S: Final = 1_000_000_000


class Waiting(NamedTuple):
    """A request that waits and is no cancel, in its order's slot, and since when it has been wanted."""

    request: NewOrder | ReplaceOrder
    slot: str
    since_ns: int


class Outbox:
    """Tells which request may leave next, and when to ask again; it sends nothing and reads no clock.

    A cancel goes before all that is not one, is never dropped, and has room of its own: `reserve`, a fraction of each
    window, is kept for cancels. Orders take turns, for cancels and for the rest; within an order first come, first
    served. What has been wanted for longer than `max_age_s`, and not affirmed, is not sent (contract C20). While the
    venue asks for silence, or it is `closed`, nothing leaves. In a slot of an order at most one request waits that is
    no cancel: whoever puts in a newer one takes the older one back first, and its order keeps its turn.
    """

    def __init__(self, capabilities: Capabilities, *, reserve: float = 0.2, max_age_s: float = 2.0) -> None:
        self.silent_until_ns = 0
        self.closed = False
        self._windows = capabilities.windows
        self._weights = capabilities.weights
        self._tallies = [window.tally() for window in capabilities.windows]
        self._reserves = [min(window.limit - 1, ceil(window.limit * reserve)) for window in capabilities.windows]
        self.max_age_s = max_age_s
        self._max_age_ns = round(max_age_s * _S)
        self._cancels: _Turns = OrderedDict()
        self._others: _Turns = OrderedDict()
        self._since: OrderedDict[tuple[str, str], Waiting] = OrderedDict()  # the longest wanted first
        self._slots: dict[str, tuple[str, str]] = {}  # of each name in `_since`
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def put(self, request: Request, now_ns: int, slot: str = "") -> None:
        """Let a request wait its turn."""
        self._waiting += 1
        if isinstance(request, CancelOrder):
            self._cancels.setdefault(request.order_id, deque()).append(request)
            return
        self._others.setdefault(request.order_id, deque()).append(request)
        self._since[request.order_id, slot] = Waiting(request, slot, now_ns)
        self._slots[request.cl_ord_id] = request.order_id, slot

    def waiting(self, order_id: str, slot: str = "") -> NewOrder | ReplaceOrder | None:
        """What waits in this slot."""
        waiting = self._since.get((order_id, slot))
        return None if waiting is None else waiting.request

    def named(self, cl_ord_id: str) -> NewOrder | ReplaceOrder | None:
        """What waits under this name and is no cancel."""
        key = self._slots.get(cl_ord_id)
        return None if key is None else self._since[key].request

    def affirm(self, order_id: str, slot: str, now_ns: int) -> None:
        """What waits in this slot is still wanted, by a newer decision."""
        waiting = self._since.pop((order_id, slot))
        self._since[order_id, slot] = waiting._replace(since_ns=now_ns)

    def take_back(self, request: NewOrder | ReplaceOrder) -> bool:
        """Have a request not leave; False if it has left. Its order keeps its turn."""
        key = self._slots.pop(request.cl_ord_id, None)
        if key is None:
            return False
        del self._since[key]
        self._others[request.order_id].remove(request)
        self._waiting -= 1
        return True

    def next(self, now_ns: int) -> Request | None:
        """The request that leaves now, None if none may."""
        if self.closed or now_ns < self.silent_until_ns:
            return None
        held: tuple[int, ...] = ()
        for turns, reserves in ((self._cancels, None), (self._others, self._reserves)):
            queue = _first(turns)
            if queue is None:
                continue
            request = queue[0]
            weights = self._weight(request)
            if _share(held, weights):
                return None
            if self._admitted_ns(weights, reserves, now_ns) > now_ns:
                held = weights  # what is no cancel must not take the room that a cancel waits for
                continue
            for tally, weight in zip(self._tallies, weights, strict=True):
                tally.take(weight, now_ns)
            queue.popleft()
            turns.move_to_end(request.order_id)
            self._waiting -= 1
            key = self._slots.pop(request.cl_ord_id, None)
            if key is not None:
                del self._since[key]
            return request
        return None

    def too_old(self, now_ns: int) -> list[Waiting]:
        """What has waited for too long; it waits no more."""
        old: list[Waiting] = []
        for waiting in self._since.values():
            if now_ns - waiting.since_ns <= self._max_age_ns:
                break
            old.append(waiting)
        for waiting in old:
            self.take_back(waiting.request)
        return old

    def drop(self) -> list[Waiting]:
        """Let nothing wait any more but cancels; answers what has waited."""
        dropped = list(self._since.values())
        for waiting in dropped:
            self.take_back(waiting.request)
        return dropped

    def due_ns(self, now_ns: int) -> int | None:
        """When to ask again, for what may leave or has grown too old then; None if nothing waits."""
        times: list[int] = []
        if not self.closed:
            from_ns = max(now_ns, self.silent_until_ns)
            held: tuple[int, ...] = ()
            for turns, reserves in ((self._cancels, None), (self._others, self._reserves)):
                queue = _first(turns)
                if queue is not None and not _share(held, self._weight(queue[0])):
                    held = self._weight(queue[0])
                    times.append(self._admitted_ns(held, reserves, from_ns))
        if self._since:
            oldest = next(iter(self._since.values()))
            times.append(oldest.since_ns + self._max_age_ns + 1)
        return min(times, default=None)

    def _weight(self, request: Request) -> tuple[int, ...]:
        if self._weights is None:
            return (1,) * len(self._windows)
        if isinstance(request, CancelOrder):
            return self._weights.cancel
        return self._weights.replace if isinstance(request, ReplaceOrder) else self._weights.new

    def _admitted_ns(self, weights: tuple[int, ...], reserves: list[int] | None, now_ns: int) -> int:
        """When this weight fits into every window, with the reserve left free."""
        at_ns = now_ns
        for index, (tally, weight) in enumerate(zip(self._tallies, weights, strict=True)):
            if weight:
                kept = 0 if reserves is None else reserves[index]
                at_ns = max(at_ns, tally.admitted_ns(min(tally.limit, weight + kept), now_ns))
        return at_ns


_Turns = OrderedDict[str, deque[Request]]


def _share(held: tuple[int, ...], weights: tuple[int, ...]) -> bool:
    """Whether two requests count in one window."""
    return any(a and b for a, b in zip(held, weights, strict=False))


def _first(turns: _Turns) -> deque[Request] | None:
    """The queue of the order whose turn it is; orders that have nothing left give theirs up."""
    while turns:
        order_id, queue = next(iter(turns.items()))
        if queue:
            return queue
        del turns[order_id]
    return None
