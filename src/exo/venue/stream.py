"""Stream: one connection of a feed - read until it ends, and watched for whether it is still there."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from exo.flow.clock import Clock
from exo.venue.dialect import Dialect
from exo.venue.frames import Event, Failed, Taken
from exo.venue.heard import Hearsay
from exo.venue.network import Closed, Connection, Kind
from exo.venue.reading import told_before_waiting
from exo.venue.subscribing import Subscribing
from exo.venue.tap import Note, Tap, What

_S: Final = 1_000_000_000
_CUT: Final = 128  # frames
_BREATH: Final = 1024  # frames
_HELD: Final = 100_000  # events


class Stream:
    """Reads one connection from `start` on, and keeps its subscriptions in line with what is wanted.

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
        self.heard = Hearsay()
        self.held: deque[Event] = deque(maxlen=_HELD)
        self.silent = False
        self.ending = False
        self._opened = opened
        self._connection = connection
        self._dialect = dialect
        self._clock = clock
        self._take = take
        self._delivered = delivered
        self._tap = tap
        self._decode = dialect.decoder(names).decode
        self._subscribing = Subscribing(
            dialect,
            clock,
            self.heard,
            connection.send,
            self.note,
            lambda name: confirmed(self, name),
            lambda name, text: refused(self, name, text),
        )
        self._heard_ns = clock.now_ns()
        self._reading: asyncio.Task[None] | None = None
        self._ponged = asyncio.Event()

    @property
    def reading(self) -> asyncio.Task[None]:
        """What ends when the connection does, with the Closed that it ended by."""
        assert self._reading is not None
        return self._reading

    def want(self, name: str, wanted: bool) -> None:
        """Have an instrument subscribed, or no longer."""
        self._subscribing.want(name, wanted)

    def again(self, name: str) -> None:
        """Ask for a new whole."""
        self._subscribing.again(name)

    def answered(self, event: Taken | Failed) -> None:
        """The venue has answered a request."""
        self._subscribing.answered(event)

    def is_confirmed(self, name: str) -> bool:
        """Whether all topics of an instrument are."""
        return self._subscribing.is_confirmed(name)

    def is_denied(self, name: str) -> bool:
        """Whether the venue has refused an instrument."""
        return self._subscribing.is_denied(name)

    def note(self, what: What, data: bytes = b"") -> None:
        """Let whoever listens know."""
        if self._tap is not None:
            self._tap(Note(self._clock.now_ns(), self._opened, what, data))

    def start(self) -> None:
        """Begin to read."""
        self.note(What.OPENED)
        self._reading = asyncio.get_running_loop().create_task(self._run(), name="exo.feed.read")

    async def end(self) -> None:
        """End the connection, if it has not ended."""
        if not self.reading.done():
            self.reading.cancel()
            await asyncio.wait((self.reading,))
        if not self.reading.cancelled():
            self.reading.exception()  # whatever it has to say, it has said
        await self._connection.close()  # it may have been cancelled before its first step

    async def caught_up(self) -> None:
        """Wait until all that the venue has sent by now is taken, which its pong comes after; a heartbeat at most."""
        self._ponged.clear()
        with suppress(Closed, TimeoutError):
            await self._connection.ping()
            await asyncio.wait_for(self._ponged.wait(), self._dialect.habits.heartbeat_s)

    async def _run(self) -> None:
        await asyncio.sleep(0)  # a loop with eager tasks begins this before anybody knows of it
        asking = asyncio.get_running_loop().create_task(self._subscribing.run(), name="exo.feed.ask")
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
            else:
                self._ponged.set()
            count += 1
            if not count % _CUT:
                self._delivered()
                if not count % _BREATH:
                    # More may be there than can be taken, and no wait ever: what comes now did not come before.
                    self._heard_ns, fresh = self._clock.now_ns(), True
                    await asyncio.sleep(0)

    async def _watch(self) -> None:
        """Ask for a sign of life after half a heartbeat of silence, give up after another half."""
        half_ns = round(self._dialect.habits.heartbeat_s * _S / 2)
        while True:
            heard_ns = self._heard_ns
            wait_ns = heard_ns + half_ns - self._clock.now_ns()
            if wait_ns > 0:
                await asyncio.sleep(wait_ns / _S)
                continue
            try:
                await self._connection.ping()
            except Closed:
                return
            # Counted from the question: where the loop stood still, what came meanwhile has not been read.
            await asyncio.sleep(half_ns / _S)
            if self._heard_ns == heard_ns:
                self.silent = True
                await self._connection.close()
                return
