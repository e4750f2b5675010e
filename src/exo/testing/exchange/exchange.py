"""Exchange: a market data exchange that is a fake, whole but for its sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from exo.errors import InvalidValue
from exo.flow import current_clock, seeded
from exo.mkt import Listing
from exo.testing.exchange.dialects import Dialect, Refusal, Said, Talk, Tick
from exo.testing.exchange.faults import HTML, At, Fault, Faults, Plan
from exo.testing.exchange.link import Line, Link
from exo.testing.exchange.listings import listings_of

_NANOSECOND: Final = 1e-9
_PAUSE_S: Final = 0.001  # between the end and the beginning of what is played in a loop
_MOST_AT_ONCE: Final = 200  # moments played without a look at who else wants to run


class Exchange:
    """A venue that plays ticks to whoever has subscribed, on the clock of the running loop, virtual or not.

    Ticks are told at the distances of their `received_ns` (those without follow at once), `speed` times as fast, from
    the first subscription on, or from `start`; `loop` begins again at their end. A connection is ended after
    `lifetime_s`, or after the venue's own lifetime. Without `listings` they are made up for the symbols of the ticks,
    with the finest steps that occur; without ticks nothing happens but what is told to `show`. `hits` counts the faults
    that struck. An Exchange serves one event loop.
    """

    def __init__(
        self,
        dialect: Dialect,
        ticks: Iterable[Tick],
        *,
        speed: float = 1.0,
        loop: bool = False,
        lifetime_s: float | None = None,
        seed: int = 0,
        listings: Iterable[Listing] | None = None,
    ) -> None:
        if not 0 < speed < float("inf"):
            raise InvalidValue("speed", f"expected more than 0, got {speed}")
        self.dialect = dialect
        self.ticks: Iterable[Tick] = tuple(ticks) if isinstance(ticks, Iterator) else ticks
        self.speed = speed
        self.loop = loop
        self.lifetime_s = dialect.lifetime_s if lifetime_s is None else lifetime_s
        self.rng = seeded(seed)
        self.faults = Faults(seeded(f"faults {seed}"))
        self.links: dict[Link, None] = {}
        self.playing = False
        self.ended = False
        dialect.open(listings_of(self.ticks, listings, bitmex=dialect.name == "bitmex"), self.rng)
        self._topics: dict[str, dict[Link, None]] = {}
        self._source: Iterator[Tick] = iter(())
        self._next: Tick | None = None
        self._from_ns = 0  # the first tick's time, told at _from_s
        self._from_s = 0.0
        self._timer: asyncio.Handle | None = None
        self._beat: asyncio.Handle | None = None
        self._flush: asyncio.Handle | None = None

    @property
    def hits(self) -> dict[Fault, int]:
        """How often each fault struck."""
        return self.faults.hits

    def fault(
        self,
        fault: Fault,
        *,
        at: At | None = None,
        times: int | None = None,
        probability: float = 1.0,
        for_s: float | None = None,
        hold_s: float = 1.0,
        status: int | None = None,
    ) -> None:
        """Have a fault strike: once, at the next frame of data (REFUSE: at the next handshake) unless told otherwise.

        `times` strikes that often; a `probability` is drawn anew at each frame, without end unless `times` or `for_s`
        end it; `for_s` is how long it may strike. `hold_s` is how long STALL and SLOW last, and what Retry-After says.
        `status` is what a handshake or request is answered. InvalidValue for a fault that cannot strike there.
        """
        now_s = asyncio.get_running_loop().time()
        plan = self.faults.plan(
            fault, now_s, at=at, times=times, probability=probability, for_s=for_s, hold_s=hold_s, status=status
        )
        if plan.at is At.NOW:
            for link in list(self.links):
                link.strike(plan)

    # Connections

    def admit(self, path: str) -> Talk | Refusal | Fault:
        """Whether a WebSocket at a path comes about; DROP and HALF_OPEN mean that nothing is answered."""
        plan = self._drawn(At.HANDSHAKE)
        return self.dialect.talk(path) if plan is None else refusal(plan)

    def connect(self, talk: Talk, line: Line) -> Link:
        """Open an admitted connection; its first frames go to the line at once."""
        link = Link(self, talk, line)
        if not link.over:
            self.links[link] = None
            self.subscribed(link)
            if self._beat is None and self.dialect.beat_every_s is not None:
                self._beat = asyncio.get_running_loop().call_later(self.dialect.beat_every_s, self._heartbeat)
        return link

    def request(self, path: str) -> Refusal | Fault:
        """Answer a request over HTTP, documents as `Refusal`s of status 200."""
        plan = self._drawn(At.REQUEST)
        if plan is not None:
            return refusal(plan)
        body = self.dialect.document(path, current_clock().now_ns())
        return Refusal(404, b'{"message":"NotFound"}') if body is None else Refusal(200, body)

    def subscribed(self, link: Link) -> None:
        """A link's topics have changed."""
        for topic in [topic for topic, links in self._topics.items() if link in links]:
            if topic not in link.talk.topics:
                self._leave(link, topic)
        for topic in link.talk.topics:
            self._topics.setdefault(topic, {})[link] = None
        if self._topics and not self.playing and not self.ended:
            self.start()

    def left(self, link: Link) -> None:
        """A link is over."""
        self.links.pop(link, None)
        for topic in [topic for topic, links in self._topics.items() if link in links]:
            self._leave(link, topic)

    def _leave(self, link: Link, topic: str) -> None:
        links = self._topics[topic]
        del links[link]
        if not links:
            del self._topics[topic]

    def _drawn(self, at: At) -> Plan | None:
        plan = self.faults.draw(at, asyncio.get_running_loop().time()) if self.faults.planned else None
        if plan is not None:
            self.faults.hit(plan.fault)
        return plan

    def garbage(self, frame: bytes) -> bytes:
        """A frame nobody can read: random bytes, or half of the JSON it should have been."""
        if self.rng.random() < 0.5:
            return self.rng.randbytes(self.rng.randint(1, 64))
        return frame[: self.rng.randint(1, max(1, len(frame) - 1))]

    # Playing

    def start(self) -> None:
        """Begin to play, whether anyone listens or not."""
        self._source = iter(self.ticks)
        self._next = next(self._source, None)
        self.playing = self._next is not None
        self.ended = not self.playing
        self._from_s = asyncio.get_running_loop().time()
        self._from_ns = (self._next.received_ns or 0) if self._next is not None else 0
        if self.playing:
            self._timer = asyncio.get_running_loop().call_soon(self._play)

    def show(self, *ticks: Tick) -> None:
        """Tell these at once to whoever has subscribed, whatever plays; they share a moment.

        InvalidValue for a tick of what is not listed.
        """
        for tick in ticks:
            if tick.symbol not in self.dialect.listings:
                raise InvalidValue("symbol", f"{tick.symbol} is not listed")
        self._show(ticks)

    def close(self) -> None:
        """Abort every connection and play no more."""
        for link in list(self.links):
            link.end()
        for handle in (self._timer, self._beat, self._flush):
            if handle is not None:
                handle.cancel()
        self._timer = self._beat = self._flush = None
        self.playing, self.ended = False, True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _play(self) -> None:
        """Tell what is due, and wake up for the rest."""
        loop = asyncio.get_running_loop()
        for _ in range(_MOST_AT_ONCE):
            if self._next is None:
                self._rewind()
            if self._next is None:
                self.playing, self.ended = False, True
                return
            due_s = self._due_s(self._next)
            if due_s > loop.time() + _NANOSECOND:
                self._timer = loop.call_at(due_s, self._play)
                return
            self._show(self._moment(self._next))
        self._timer = loop.call_soon(self._play)

    def _show(self, moment: Sequence[Tick]) -> None:
        self._tell(self.dialect.tell(moment, current_clock().now_ns(), self._topics))
        if self.dialect.held and self._flush is None and self.dialect.hold_s is not None:
            self._flush = asyncio.get_running_loop().call_later(self.dialect.hold_s, self._flushed)

    def _moment(self, first: Tick) -> list[Tick]:
        """The ticks that were received together with this one, but for those of what is not listed."""
        moment, listed = [first], self.dialect.listings
        while True:
            self._next = next(self._source, None)
            if self._next is None or self._next.received_ns is None or self._next.received_ns != first.received_ns:
                return [tick for tick in moment if tick.symbol in listed]
            moment.append(self._next)

    def _due_s(self, tick: Tick) -> float:
        if tick.received_ns is None:
            return self._from_s
        return self._from_s + (tick.received_ns - self._from_ns) / 1e9 / self.speed

    def _rewind(self) -> None:
        """Begin anew, a millisecond after the end, if that is wanted."""
        if self.loop:
            self._source = iter(self.ticks)
            self._next = next(self._source, None)
            self._from_s = asyncio.get_running_loop().time() + _PAUSE_S
            self._from_ns = (self._next.received_ns or 0) if self._next is not None else 0

    def _tell(self, frames: Iterable[Said]) -> None:
        topics = self._topics
        for said in frames:
            links = topics.get(said.topic)
            if links:
                for link in tuple(links):
                    link.tell(said)

    def _flushed(self) -> None:
        self._flush = None
        self._tell(self.dialect.flush(current_clock().now_ns(), self._topics))

    def _heartbeat(self) -> None:
        self._beat = None
        if self.links and self.dialect.beat_every_s is not None:
            self._tell(self.dialect.beat(current_clock().now_ns(), self._topics))
            self._beat = asyncio.get_running_loop().call_later(self.dialect.beat_every_s, self._heartbeat)


def refusal(plan: Plan) -> Refusal | Fault:
    """How a fault answers a handshake or request."""
    if plan.fault is Fault.HTML:
        return Refusal(plan.status, HTML, "text/html")
    if plan.fault is Fault.MAINTENANCE:
        return Refusal(plan.status, b'{"message":"Service Unavailable"}', retry_after_s=plan.hold_s)
    if plan.fault is Fault.REFUSE:
        return Refusal(plan.status, b'{"message":"Too Many Requests"}', retry_after_s=plan.hold_s)
    return plan.fault
