"""Feed: a venue's market data, live - connections that come and go, and one that takes another's place."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from exo.dma.venue import Sink
from exo.flow.clock import current_clock, seeded
from exo.mkt.enums import FeedState
from exo.mkt.status import FeedStatus
from exo.venue.catalogue import Listed
from exo.venue.dialect import Dialect
from exo.venue.frames import Bad, Failed
from exo.venue.instrument import Instrument
from exo.venue.network import Broken, Network, NetworkError, NotReady
from exo.venue.news import News
from exo.venue.stream import Stream
from exo.venue.tap import Tap, What

_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 30.0
_AGAIN_S: Final = 30.0
_SETTLED_S: Final = 5.0
_ROLLED_S: Final = 30.0
_LOOK_S: Final = 0.05

_log = logging.getLogger("exo.venue")


class LiveFeed:
    """Market data of one venue for a sink: told which symbols are wanted, it does the rest.

    A symbol is `NAME.VENUE`; with listings, whatever they say. Its data is DOWN until it is subscribed, SILENT when
    nothing at all was heard for a heartbeat, DOWN while there is no connection, GAP from a missing number until what is
    known is whole again, else LIVE - however quiet its market (contract C16). A connection comes anew after a pause
    that grows, and in good time before the venue ends it, without a gap in between. `sink.deliver`, where there is one,
    is called once for each read. A `tap` gets a note of all that the connections bring.
    """

    def __init__(
        self,
        dialect: Dialect,
        network: Network,
        listings: Mapping[str, Listed] | None = None,
        tap: Tap | None = None,
    ) -> None:
        habits = dialect.habits
        self._dialect = dialect
        self._network = network
        self._listings = listings
        self._news = News(dialect.venue, habits.counted, habits.snapshots, self._ends)
        self._deliver: Any = _nothing
        self._tap = tap
        self._opened = 0
        self._current: Stream | None = None
        self._next: Stream | None = None
        self._silent = False
        self._main: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    @property
    def counts(self) -> Counter[str]:
        """How many events there were of each rarer kind, and what was made of them."""
        return self._news.counts

    @property
    def problems(self) -> Sequence[Bad | Failed | NetworkError]:
        """The last that could not be read, was refused or broke."""
        return self._news.problems

    def connect(self, sink: Sink) -> None:
        """Tell everything to this sink from now on."""
        self._news.sink = sink
        self._deliver = getattr(sink, "deliver", _nothing)

    def subscribe(self, symbol: str) -> None:
        """Start sending this symbol's data; one that is subscribed stays as it is."""
        name = self._name(symbol)
        if symbol in self._news.symbols:
            return
        problem = self._refusal(name)
        if name is None or problem is not None:
            self._news.sink.on_status(FeedStatus(symbol=symbol, state=FeedState.DOWN, text=problem or ""))
            return
        self._news.tell(self._news.add(name, symbol), FeedState.DOWN, "not subscribed yet")
        self._want(name, True)
        if self._main is None:
            self._main = asyncio.get_running_loop().create_task(self._run(), name=f"exo.feed.{self._dialect.venue}")

    async def unsubscribe(self, symbol: str) -> None:
        """Stop sending it; the last takes the connection with it."""
        instrument = self._news.remove(symbol)
        if instrument is not None:
            self._want(instrument.name, False)
            if not self._news.instruments:
                await self.close()

    async def close(self) -> None:
        """End every connection, and forget what was wanted."""
        main, self._main = self._main, None
        for symbol in list(self._news.symbols):
            self._news.remove(symbol)
        if main is not None:
            await _ended(main)

    def _name(self, symbol: str) -> str | None:
        if self._listings is not None:
            listed = self._listings.get(symbol)
            return None if listed is None else listed.listing.security_id
        name, dot, venue = symbol.rpartition(".")
        return self._dialect.name(name if dot and venue == self._dialect.venue else symbol)

    def _refusal(self, name: str | None) -> str | None:
        """Why an instrument cannot be had."""
        venue, most = self._dialect.venue, self._dialect.habits.most
        if name is None:
            return f"{venue} does not list it"
        if name in self._news.instruments:
            return f"it is subscribed already, as {self._news.instruments[name].symbol}"
        return f"{venue} has no more than {most} on a connection" if len(self._news.instruments) >= most else None

    def _want(self, name: str, wanted: bool) -> None:
        for stream in (self._current, self._next):
            if stream is not None:
                stream.want(name, wanted)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        rng = seeded(f"{self._dialect.url} {current_clock().now_ns()}")
        failures = 0
        while True:
            opened_s = None
            error: NetworkError
            try:
                stream = await self._open()
                opened_s = loop.time()
                await self._live(stream)
            except NetworkError as problem:
                error = problem
            except Exception as problem:  # data that nobody reads any more must not look live
                _log.exception("%s: the feed broke", self._dialect.venue)
                error = Broken(f"{type(problem).__name__}: {problem}")
            await self._lost(error)
            settled_s = min(_SETTLED_S, self._dialect.habits.heartbeat_s)
            failures = 1 if opened_s is not None and loop.time() - opened_s > settled_s else failures + 1
            pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10)) * rng.uniform(0.5, 1.0)
            await asyncio.sleep(max(pause_s, error.retry_after_s or 0.0))

    async def _open(self) -> Stream:
        """A connection that is being read."""
        connection = await self._network.connect(self._dialect.url)
        self._opened += 1
        news = self._news
        stream = Stream(
            self._opened,
            connection,
            self._dialect,
            news.names,
            current_clock(),
            news.take,
            self._deliver,
            news.ready,
            self._refused,
            self._tap,
        )
        for name in news.instruments:
            stream.want(name, True)
        stream.start()
        return stream

    async def _live(self, stream: Stream) -> None:
        """Live with this connection, and with its successors, until one is lost: then raise what it was lost by."""
        news, loop = self._news, asyncio.get_running_loop()
        self._ending.clear()
        self._choose(stream)
        rolling = loop.create_task(self._successor(), name="exo.feed.roll")
        try:
            while True:
                await asyncio.wait((stream.reading, rolling), return_when=asyncio.FIRST_COMPLETED)
                if not rolling.done():
                    stream.reading.result()
                predecessor, stream = stream, rolling.result()
                self._next = None
                news.counts["rolled over"] += 1
                self._ending.clear()  # whatever was said of the first
                try:
                    self._choose(stream)
                finally:
                    await predecessor.end()
                rolling = loop.create_task(self._successor(), name="exo.feed.roll")
        finally:
            await stream.end()
            if stream.silent:
                news.counts["silent"] += 1
            self._silent = stream.silent
            if news.current is stream:  # and not that of a new beginning
                self._current = news.current = None
            await _ended(rolling)
            if not rolling.cancelled() and rolling.exception() is None:
                await rolling.result().end()  # a successor that came too late, or this one again

    def _choose(self, stream: Stream) -> None:
        self._current = stream
        stream.note(What.CHOSEN)
        self._news.choose(stream)

    async def _successor(self) -> Stream:
        """Wait until the connection will soon be ended, then have another that carries all that is LIVE."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), self._dialect.habits.lifetime_s)
        pause_s = _FIRST_PAUSE_S
        while True:
            stream, wait_s = None, 0.0
            try:
                stream = self._next = await self._open()
                await self._ready(stream)
                return stream
            except NetworkError as error:
                self._news.problem(error)
                wait_s = error.retry_after_s or 0.0
            except BaseException:
                if stream is not None:
                    await stream.end()
                raise
            self._next = None
            if stream is not None:
                await stream.end()
            await asyncio.sleep(max(pause_s, wait_s))
            pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)

    async def _ready(self, stream: Stream) -> None:
        """Wait until it carries all that its predecessor does and that has caught up; NotReady if it takes too long."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + _ROLLED_S
        while not self._news.carries(stream):
            if stream.reading.done():
                stream.reading.result()
            if loop.time() >= until_s:
                raise NotReady(_ROLLED_S)
            await asyncio.sleep(_LOOK_S)
        if self._current is not None:
            await self._current.caught_up()  # what was sent before the successor was subscribed, only it can tell

    def _ends(self) -> None:
        self._ending.set()

    async def _lost(self, error: NetworkError) -> None:
        """Tell that there is no connection, until it is heard: before that there is no new beginning."""
        self._news.problem(error)
        self._news.counts["lost"] += 1
        state, text = FeedState.DOWN, str(error)
        if self._silent:
            state, text = FeedState.SILENT, f"nothing was heard for {self._dialect.habits.heartbeat_s:g} s"
        self._silent = False
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                for instrument in self._news.instruments.values():
                    self._news.tell(instrument, state, text)
                self._deliver()
                return
            except Exception:
                _log.exception("%s: the sink broke", self._dialect.venue)
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)

    def _refused(self, stream: Stream, name: str, text: str) -> None:
        """The others go on; this one is asked for again later, ever more seldom."""
        instrument = self._news.instruments.get(name)
        if instrument is None:
            return
        if stream is self._current:
            self._news.tell(instrument, FeedState.DOWN, text)
        pause_s = _AGAIN_S * 2.0 ** min(instrument.refusals, 5)
        instrument.refusals += 1
        instrument.refusal = text
        asyncio.get_running_loop().call_later(pause_s, self._want_again, stream, instrument)

    def _want_again(self, stream: Stream, instrument: Instrument) -> None:
        if self._news.instruments.get(instrument.name) is instrument:
            stream.want(instrument.name, True)


async def _ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended; whatever it has to say, it has said."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()


def _nothing() -> None:
    """Stands for a sink's `deliver`."""
