"""Link: the exchange's end of one connection, and everything that can go wrong on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from exo.flow import current_clock
from exo.testing.exchange.dialects import End, Reply, Said, Talk
from exo.testing.exchange.faults import HTML, At, Fault, Plan

if TYPE_CHECKING:
    from exo.testing.exchange.exchange import Exchange


class Line(Protocol):
    """What carries a link's messages to its client; nothing of it suspends."""

    def text(self, data: bytes) -> None:
        """Send a text message, whatever its bytes."""

    def ping(self, data: bytes) -> None:
        """Send a ping."""

    def pong(self, data: bytes) -> None:
        """Send a pong."""

    def close(self, code: int, reason: str) -> None:
        """Close, as RFC 6455 says."""

    def abort(self) -> None:
        """End at once, without a word."""

    def freeze(self) -> None:
        """Stop to read; nothing will be written either."""


class Link:
    """One connection: what its client says goes in, what the venue says goes out, if no fault prevents it."""

    def __init__(self, exchange: Exchange, talk: Talk, line: Line) -> None:
        self.talk = talk
        self.half_open = False
        self.over = False
        self._exchange = exchange
        self._faults = exchange.faults
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._stalled_until_s = 0.0
        self._slow: list[Callable[[], None]] | None = None
        self._waiting: bytes | None = None  # a frame that is to come after the next
        self._pings: list[bytes] = []
        self._timers: list[asyncio.TimerHandle] = []
        venue = exchange.dialect
        if venue.ping_every_s is not None:
            self._later(venue.ping_every_s, self._ping)
        if exchange.lifetime_s is not None:
            self._later(exchange.lifetime_s, lambda: self._end(End(1001, "")))
        self._reply(talk.greet(current_clock().now_ns()))

    # What its client says

    def hear(self, data: bytes) -> None:
        """A text."""
        if self.over or self.half_open:
            return
        now_ns = current_clock().now_ns()
        before = set(self.talk.topics)
        if self._faults.planned and self._faults.draw(At.MESSAGE, self._loop.time(), refusing=True):
            self._faults.hit(Fault.REFUSE)
            self._reply(self.talk.too_many(data))
            return
        self._reply(self.talk.hear(data, now_ns))
        if not self.over and self.talk.topics.keys() != before:
            self._exchange.subscribed(self)

    def hear_ping(self, data: bytes) -> None:
        """A ping: answered, whatever else is the matter."""
        if self.over or self.half_open:
            return
        self._reply(self.talk.control(current_clock().now_ns()))
        if not self.over:
            self._line.pong(data)

    def hear_pong(self, data: bytes) -> None:
        """A pong: it keeps the connection alive where it copies a ping."""
        if self.over or self.half_open:
            return
        if data in self._pings:
            self._pings = self._pings[self._pings.index(data) + 1 :]
        self._reply(self.talk.control(current_clock().now_ns()))

    def gone(self) -> None:
        """The client has left."""
        if not self.over:
            self.over = True
            for timer in self._timers:
                timer.cancel()
            self._exchange.left(self)

    # What the venue says

    def tell(self, said: Said) -> None:
        """A frame to its subscriber, through the faults."""
        if self.over or self.half_open:
            return
        frame = self.talk.put(said)
        if not said.data:
            self._send(frame)
        elif self._stalled_until_s <= self._loop.time():
            if self._faults.planned and self._waiting is None:
                plan = self._faults.draw(At.MESSAGE, self._loop.time())
                if plan is not None:
                    self._struck(plan, frame)
                    return
            self._deliver(frame)

    def strike(self, plan: Plan) -> None:
        """A fault of the whole connection, now."""
        if self.over or self.half_open:
            return
        fault = plan.fault
        self._faults.hit(fault)
        if fault is Fault.DROP:
            self._line.abort()
            self.gone()
        elif fault is Fault.HALF_OPEN:
            self.half_open = True
            self._line.freeze()
        elif fault is Fault.STALL:
            self._stalled_until_s = self._loop.time() + plan.hold_s
        elif fault is Fault.SLOW:
            if self._slow is None:
                self._slow = []
                self._later(plan.hold_s, self._hurry)
        else:
            frames, end = self.talk.maintenance(current_clock().now_ns())
            for frame in frames:
                self._send(frame)
            self._later(plan.hold_s if frames else 0.0, lambda: self._end(end))

    def end(self) -> None:
        """The exchange closes."""
        if not self.over:
            self._line.abort()
            self.gone()

    def _struck(self, plan: Plan, frame: bytes) -> None:
        fault = plan.fault
        if fault is Fault.REORDER:
            self._waiting = frame
            self._later(plan.hold_s, self._give_up_waiting)
            return
        if fault not in (Fault.DUPLICATE, Fault.GAP, Fault.GARBAGE, Fault.HTML):
            self.strike(plan)
            if fault in (Fault.SLOW, Fault.MAINTENANCE):
                self._deliver(frame)
            return
        self._faults.hit(fault)
        if fault is Fault.GAP:
            return
        if fault is Fault.GARBAGE:
            self._send(self._exchange.garbage(frame))
        elif fault is Fault.HTML:
            self._send(HTML)
        self._deliver(frame)
        if fault is Fault.DUPLICATE:
            self._send(frame)

    def _deliver(self, frame: bytes) -> None:
        self._send(frame)
        if self._waiting is not None:
            late, self._waiting = self._waiting, None
            self._faults.hit(Fault.REORDER)
            self._send(late)

    def _give_up_waiting(self) -> None:
        if self._waiting is not None:  # no other frame came: it is late and out of order of nothing
            late, self._waiting = self._waiting, None
            self._send(late)

    def _send(self, frame: bytes) -> None:
        if self.over or self.half_open:
            return
        if self._slow is None:
            self._line.text(frame)
        else:
            self._slow.append(lambda: self._line.text(frame))

    def _hurry(self) -> None:
        held, self._slow = self._slow or [], None
        for send in held:
            if not self.over and not self.half_open:
                send()

    def _reply(self, replies: Reply) -> None:
        for reply in replies:
            if isinstance(reply, End):
                self._end(reply)
                return
            self._send(reply)

    def _end(self, end: End) -> None:
        if not self.over and not self.half_open:
            self._line.close(end.code, end.reason)
            self.gone()

    def _ping(self) -> None:
        venue = self._exchange.dialect
        if self.over or venue.ping_every_s is None:
            return
        self._later(venue.ping_every_s, self._ping)
        payload = venue.ping_payload(current_clock().now_ns())
        self._pings.append(payload)
        if venue.pong_within_s is not None:
            self._later(venue.pong_within_s, lambda: self._missed(payload))
        if not self.half_open:
            self._line.ping(payload)

    def _missed(self, payload: bytes) -> None:
        if payload in self._pings:
            self._end(End(1008, "Pong timeout"))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        now_s = self._loop.time()
        self._timers = [timer for timer in self._timers if not timer.cancelled() and timer.when() > now_s]
        self._timers.append(self._loop.call_later(seconds, act))
