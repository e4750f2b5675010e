"""Stream: one connection of a feed - what was asked of it and is confirmed, and whether it is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from exo.flow.clock import Clock
from exo.flow.rate import RateLimiter
from exo.venue.dialect import Dialect
from exo.venue.frames import Event, Failed, Taken
from exo.venue.levels import Depth, Pools
from exo.venue.network import Closed, Connection, Kind
from exo.venue.reading import told_before_waiting
from exo.venue.tap import Note, Tap, What

_S: Final = 1_000_000_000
_ANSWER_S: Final = 10.0
_CUT: Final = 128  # frames
_BREATH: Final = 1024  # frames


class Stream:
    """Reads one connection until it ends, and keeps its subscriptions in line with what is wanted.

    `take` gets every event, `delivered` is called when all of a read has been taken, `confirmed` of each name whose
    topics all are, `refused` of each that was refused, with the venue's words. A huge read is cut, so that its end does
    not wait for its beginning to be acted on, nor the loop for it. `opened` is its number among the feed's connections.
    """

    def __init__(
        self,
        opened: int,
        connection: Connection,
        dialect: Dialect,
        names: Mapping[str, str],
        clock: Clock,
        take: Callable[[Stream, Event], object],
        delivered: Callable[[], object],
        confirmed: Callable[[Stream, str], object],
        refused: Callable[[Stream, str, str], object],
        tap: Tap | None,
    ) -> None:
        self._opened = opened
        self._tap = tap
        self._connection = connection
        self._dialect = dialect
        self._clock = clock
        self._take = take
        self._delivered = delivered
        self._confirmed = confirmed
        self._refused = refused
        self._decode = dialect.decoder(names).decode
        self._limiter = RateLimiter(*dialect.habits.windows)
        self._wanted: dict[str, None] = {}
        self._asked: dict[str, None] = {}
        self._missing: dict[str, set[str]] = {}
        self._open_requests: dict[str, tuple[str, ...]] = {}
        self._alone: dict[str, None] = {}
        self._stale: dict[str, None] = {}
        self._number = 0
        self._changed = asyncio.Event()
        self._heard_ns = clock.now_ns()
        self.depths: dict[str, Depth] = {}
        self.pools: dict[str, Pools] = {}
        self.silent = False
        self.note(What.OPENED)

    def note(self, what: What, data: bytes = b"") -> None:
        """Let whoever listens know."""
        if self._tap is not None:
            self._tap(Note(self._clock.now_ns(), self._opened, what, data))

    @property
    def heard_ns(self) -> int:
        """When anything was last heard."""
        return self._heard_ns

    def want(self, name: str, wanted: bool) -> None:
        """Have an instrument subscribed, or no longer."""
        if wanted:
            self._wanted[name] = None
        else:
            self._wanted.pop(name, None)
        self._changed.set()

    def again(self, name: str) -> None:
        """Subscribe anew, for a new whole."""
        self.depths.pop(name, None)
        if name in self._asked:
            self._stale[name] = None
            self._changed.set()

    def is_confirmed(self, name: str) -> bool:
        """Whether all topics of an instrument are."""
        return name in self._asked and not self._missing.get(name)

    async def run(self) -> None:
        """Read until the connection ends, which raises Closed."""
        await asyncio.sleep(0)  # a loop with eager tasks begins this before anybody knows of it
        asking = asyncio.get_running_loop().create_task(self._ask(), name="exo.feed.ask")
        watching = asyncio.get_running_loop().create_task(self._watch(), name="exo.feed.watch")
        try:
            await self._read()
        finally:
            for task in (asking, watching):
                task.cancel()
            await asyncio.wait((asking, watching))
            self.note(What.CLOSED)
            await self._connection.close()

    async def _read(self) -> None:
        connection, decode, take = self._connection, self._decode, self._take
        tap, number = self._tap, self._opened
        fresh = True
        count = 0

        def waits() -> None:
            nonlocal fresh, count
            fresh, count = True, 0
            self._delivered()

        while True:
            kind, data = await told_before_waiting(connection.receive(), waits)
            if fresh:  # before anything of it is decoded
                self._heard_ns, fresh = self._clock.now_ns(), False
            if kind is Kind.TEXT:
                if tap is not None:
                    tap(Note(self._heard_ns, number, What.FRAME, data))
                for event in decode(data, self._heard_ns):
                    take(self, event)
            elif kind is Kind.PING:
                await connection.pong(data)
            count += 1
            if not count % _CUT:
                self._delivered()
                if not count % _BREATH:
                    await asyncio.sleep(0)

    async def _watch(self) -> None:
        """Ask for a sign of life after half a heartbeat of silence, give up after a whole one."""
        heartbeat_ns = round(self._dialect.habits.heartbeat_s * _S)
        asked_ns = -1  # when that was heard since which it was asked
        while True:
            since_ns = self._clock.now_ns() - self._heard_ns
            if since_ns >= heartbeat_ns:
                self.silent = True
                await self._connection.close()
                return
            if since_ns >= heartbeat_ns // 2 and asked_ns != self._heard_ns:
                asked_ns = self._heard_ns
                try:
                    await self._connection.ping()
                except Closed:
                    return
            due_ns = heartbeat_ns if asked_ns == self._heard_ns else heartbeat_ns // 2
            await asyncio.sleep(max(1, self._heard_ns + due_ns - self._clock.now_ns()) / _S)

    async def _ask(self) -> None:
        """Send what brings the subscriptions in line, a batch at a time, as fast as the venue allows."""
        try:
            while True:
                gone = [name for name in self._asked if name not in self._wanted or name in self._stale]
                new = [name for name in self._wanted if name not in self._asked]
                if not (gone or new):
                    self._changed.clear()
                    await self._changed.wait()
                    continue
                batch = self._batch(gone or new)
                await self._limiter.acquire()
                if gone:
                    await self._send(batch, False)
                    continue
                batch = tuple(name for name in batch if name in self._wanted)  # it may have waited
                if batch:
                    await self._send(batch, True)
        except Closed:
            return  # the reader knows it too

    def _batch(self, names: Sequence[str]) -> tuple[str, ...]:
        if names[0] in self._alone:
            return (names[0],)
        together = [name for name in names if name not in self._alone]
        return tuple(together[: self._dialect.habits.batch])

    async def _send(self, names: tuple[str, ...], subscribe: bool) -> None:
        self._number += 1
        number = str(self._number)
        for name in names:
            if subscribe:
                self._asked[name] = None
                self._missing[name] = set(self._dialect.topics(name))
            else:
                self._forget(name)
        if subscribe:
            self._open_requests[number] = names
            asyncio.get_running_loop().call_later(_ANSWER_S, self._unanswered, number)
        await self._connection.send(self._dialect.request(names, subscribe, self._number))

    def answered(self, event: Taken | Failed) -> None:
        """The venue has answered a request: what it was about is confirmed, or refused."""
        number, topics = self._dialect.confirmed(event)
        if isinstance(event, Failed):
            self._fail(event.text, number, topics)
            return
        if number is not None:
            for name in self._open_requests.pop(number, ()):
                self._missing_less(name, self._missing.get(name, set()).copy())
        told = set(topics)
        for name, missing in list(self._missing.items()):
            if missing and told:
                self._missing_less(name, missing & told)

    def _missing_less(self, name: str, topics: set[str]) -> None:
        missing = self._missing.get(name)
        if not missing or not topics:
            return
        missing -= topics
        if not missing:
            self._alone.pop(name, None)
            for number, names in list(self._open_requests.items()):
                if all(not self._missing.get(each) for each in names):
                    del self._open_requests[number]
            self._confirmed(self, name)

    def _fail(self, text: str, number: str | None, topics: Sequence[str]) -> None:
        if number is None and topics:
            named = [name for name in self._asked if set(self._dialect.topics(name)) & set(topics)]
            number = next((n for n, names in self._open_requests.items() if set(named) & set(names)), None)
        else:
            named = []
            number = next(iter(self._open_requests), None) if number is None else number
        names = self._open_requests.pop(number, ()) if number is not None else ()
        if not named and len(names) == 1:
            named = list(names)
        for name in names:
            if self._missing.get(name):
                self._forget(name)  # the others of its request are asked for again, each by itself
                self._alone[name] = None
        for name in named:
            self._forget(name)
            self._wanted.pop(name, None)
            self._refused(self, name, text)
        self._changed.set()

    def _forget(self, name: str) -> None:
        self.note(What.FORGOTTEN, name.encode())
        for of in (self._asked, self._missing, self._stale, self.depths, self.pools):
            of.pop(name, None)

    def _unanswered(self, number: str) -> None:
        if number in self._open_requests:
            self._fail(f"not answered within {_ANSWER_S:g} s", number, ())
