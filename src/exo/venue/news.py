"""News: what of all that a venue's connections say is news, and what it means for an instrument's data."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Protocol

from exo.dma.venue import Sink
from exo.flow.clock import current_clock
from exo.mkt.enums import FeedState
from exo.mkt.quote import Quote
from exo.mkt.status import FeedStatus
from exo.mkt.trade import Trade
from exo.venue.frames import Bad, Beat, Ending, Event, Failed, Levels, Past, Pooled, Taken
from exo.venue.levels import Depth, Pools
from exo.venue.network import NetworkError
from exo.venue.numbering import Numbering, Verdict

_log = logging.getLogger("exo.venue")

_SHOWN: Final = 20


class Source(Protocol):
    """What the news are from: one connection, with what is known by it alone."""

    depths: dict[str, Depth]
    pools: dict[str, Pools]

    def is_confirmed(self, name: str) -> bool:
        """Whether all topics of an instrument are."""
        ...

    def again(self, name: str) -> None:
        """Subscribe anew, for a new whole."""

    def answered(self, event: Taken | Failed) -> None:
        """The venue has answered a request."""


class Instrument:
    """One instrument that is wanted: its numbers, and what was last said of its data."""

    def __init__(self, name: str, symbol: str, counted: bool) -> None:
        self.name = name
        self.symbol = symbol
        self.numbering = Numbering(counted)
        self.state: FeedState | None = None
        self.text = ""
        self.refusals = 0
        self._known = 0  # the last trade, as the last heartbeat knew it

    def begin(self) -> None:
        """The connection is a new one, and nobody knows what was said in between."""
        self.numbering.begin()
        self._known = 0

    def beat(self, trade_id: int) -> int:
        """What the heartbeat before this one knew, which may tell of a trade just before its own message comes."""
        known, self._known = self._known, trade_id
        return known


class News:
    """Takes the events of a feed's streams and gives the sink what is news; `current` is the stream whose quotes count.

    Trades count from every stream, once each: during a rollover two of them tell the same. `ends` is told that the
    venue will close a connection soon.
    """

    def __init__(self, venue: str, counted: bool, snapshots: bool, ends: Callable[[], object]) -> None:
        self.counts: Counter[str] = Counter()
        self.problems: deque[Bad | Failed | NetworkError] = deque(maxlen=_SHOWN)
        self.instruments: dict[str, Instrument] = {}  # by the venue's name
        self.symbols: dict[str, Instrument] = {}
        self.names: dict[str, str] = {}
        self.current: Source | None = None
        self.sink: Sink
        self._venue = venue
        self._counted = counted
        self._snapshots = snapshots
        self._ends = ends

    def add(self, name: str, symbol: str) -> Instrument:
        """An instrument is wanted."""
        instrument = Instrument(name, symbol, self._counted)
        self.instruments[name] = self.symbols[symbol] = instrument
        self.names[name] = symbol
        return instrument

    def remove(self, symbol: str) -> Instrument | None:
        """It is wanted no longer; None if it was not."""
        instrument = self.symbols.pop(symbol, None)
        if instrument is not None:
            del self.instruments[instrument.name], self.names[instrument.name]
        return instrument

    def whole(self, stream: Source, name: str) -> bool:
        """Whether this stream has all that it takes to show an instrument's touch."""
        return stream.is_confirmed(name) and (not self._snapshots or name in stream.depths)

    def ready(self, stream: Source, name: str) -> None:
        """An instrument's data is LIVE once the stream that counts has all of it."""
        instrument = self.instruments.get(name)
        if instrument is not None and stream is self.current and self.whole(stream, name):
            instrument.refusals = 0
            self.tell(instrument, FeedState.LIVE, "subscribed")

    def tell(self, instrument: Instrument, state: FeedState, text: str) -> None:
        """Tell the sink of a change; also of another reason why data is not LIVE."""
        if instrument.state is not state or (state is not FeedState.LIVE and instrument.text != text):
            instrument.state, instrument.text = state, text
            now_ns = current_clock().now_ns()
            self.sink.on_status(FeedStatus(symbol=instrument.symbol, state=state, text=text, received_ns=now_ns))

    def problem(self, problem: Bad | Failed | NetworkError) -> None:
        """Keep what went wrong, the last of it, and log it."""
        self.problems.append(problem)
        _log.warning("%s: %s", self._venue, problem)

    def choose(self, stream: Source) -> None:
        """From now on its quotes are those that count; after a time with none nobody knows what was missed."""
        if self.current is None:
            for instrument in self.instruments.values():
                instrument.begin()
        self.current = stream
        for name in self.instruments:
            self.ready(stream, name)

    def take(self, stream: Source, event: Event) -> None:
        """Take in an event of a stream."""
        if type(event) is Quote:
            if stream is self.current:
                self._quote(event)
        elif type(event) is Trade:
            self._trade(event)
        else:
            self._rare(stream, event)

    def _quote(self, quote: Quote) -> None:
        instrument = self.symbols.get(quote.symbol)
        if instrument is None:
            return
        if not instrument.numbering.quote(quote):
            self.counts["old quote"] += 1
            return
        if instrument.state is FeedState.GAP and not self._snapshots:
            self.tell(instrument, FeedState.LIVE, "whole again")
        self.sink.on_quote(quote)

    def _trade(self, trade: Trade) -> None:
        instrument = self.symbols.get(trade.symbol)
        if instrument is None:
            return
        verdict = instrument.numbering.trade(trade)
        if verdict is Verdict.AGAIN:
            self.counts["trade again"] += 1
            return
        if verdict is Verdict.GAP:
            self._gap(instrument, f"trades before {trade.trade_id} are missing")
        self.sink.on_trade(trade)

    def _rare(self, stream: Source, event: Event) -> None:
        kind = type(event).__name__
        self.counts[kind] += 1
        if isinstance(event, Levels):
            self._levels(stream, event)
        elif isinstance(event, Pooled):
            instrument = self.symbols.get(event.quote.symbol)
            if instrument is not None:
                quote = stream.pools.setdefault(instrument.name, Pools()).take(event)
                if stream is self.current:
                    self._quote(quote)
        elif isinstance(event, Past):
            self._past(event.trade)
        elif isinstance(event, Beat):
            self._beat(event)
        elif isinstance(event, Taken | Failed):
            stream.answered(event)
        elif isinstance(event, Ending):
            self._ends()
        if isinstance(event, Bad | Failed):
            self.problem(event)

    def _levels(self, stream: Source, levels: Levels) -> None:
        instrument = self.symbols.get(levels.symbol)
        if instrument is None:
            return
        depth = stream.depths.get(instrument.name)
        if levels.whole:
            depth = stream.depths[instrument.name] = Depth()
        if depth is None:
            return
        quote = depth.take(levels)
        if stream is not self.current:
            return
        if levels.whole:
            self.ready(stream, instrument.name)
        if quote is not None:
            self._quote(quote)

    def _past(self, trade: Trade) -> None:
        instrument = self.symbols.get(trade.symbol)
        if instrument is not None and trade.trade_id is not None and self._counted:
            self._counted_up_to(instrument, int(trade.trade_id))

    def _counted_up_to(self, instrument: Instrument, trade_id: int) -> None:
        """There has been a trade of this id."""
        if instrument.numbering.counted(trade_id, told=False) is Verdict.GAP:
            self._gap(instrument, f"trades up to {trade_id} are missing")

    def _beat(self, beat: Beat) -> None:
        instrument = self.symbols.get(beat.symbol or "")
        if instrument is not None and beat.trade_id is not None:
            known = instrument.beat(beat.trade_id)
            if known:
                self._counted_up_to(instrument, known)

    def _gap(self, instrument: Instrument, text: str) -> None:
        self.counts["gap"] += 1
        self.tell(instrument, FeedState.GAP, text)
        if self._snapshots and self.current is not None:
            self.current.again(instrument.name)
