"""News: what of all that a venue's connections say is news, and what it means for an instrument's data."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Protocol

from exo.dma.venue import Sink
from exo.errors import InvalidValue
from exo.flow.clock import current_clock
from exo.mkt.enums import FeedState
from exo.mkt.quote import Quote
from exo.mkt.status import FeedStatus
from exo.mkt.trade import Trade
from exo.venue.frames import Aside, Bad, Beat, Ending, Event, Failed, Levels, Past, Pooled, Taken, bad
from exo.venue.heard import Heard, Hearsay
from exo.venue.instrument import Instrument
from exo.venue.levels import Depth
from exo.venue.network import NetworkError

_log = logging.getLogger("exo.venue")

_SHOWN: Final = 20
_CARRIED: Final = (FeedState.LIVE, FeedState.GAP)
_OF_TRADES: Final = (Trade, Past, Aside, Beat)


class Source(Protocol):
    """What the news are from: one connection, with what is known by it alone.

    `held` is what it has said of trades while another's counted.
    """

    heard: Hearsay
    held: deque[Event]
    ending: bool

    def is_confirmed(self, name: str) -> bool:
        """Whether all topics of an instrument are."""
        ...

    def is_denied(self, name: str) -> bool:
        """Whether the venue has refused an instrument."""
        ...

    def again(self, name: str) -> None:
        """Ask for a new whole."""

    def answered(self, event: Taken | Failed) -> None:
        """The venue has answered a request."""


class News:
    """Takes the events of a feed's streams and gives the sink what is news; `current` is the stream whose quotes count.

    Trades count once each, though two streams tell the same during a rollover: what a successor says of them is held
    until it is chosen, for it may be ahead. `ends` is told that the venue will close the current connection soon.
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
        self._quoted: set[str] = set()

    def add(self, name: str, symbol: str) -> Instrument:
        """An instrument is wanted."""
        # One that was quoted before has a touch somewhere that is not of now.
        instrument = Instrument(name, symbol, self._counted, symbol not in self._quoted)
        self.instruments[name] = self.symbols[symbol] = instrument
        self.names[name] = symbol
        return instrument

    def remove(self, symbol: str) -> Instrument | None:
        """It is wanted no longer; None if it was not."""
        instrument = self.symbols.pop(symbol, None)
        if instrument is not None:
            del self.instruments[instrument.name], self.names[instrument.name]
            if instrument.quote is not None:
                self._quoted.add(symbol)
        return instrument

    def whole(self, stream: Source, name: str) -> bool:
        """Whether this stream has all that it takes to show an instrument's touch."""
        return stream.is_confirmed(name) and (not self._snapshots or stream.heard[name].depth is not None)

    def carries(self, stream: Source) -> bool:
        """Whether this stream has all that the current one tells, but for what was refused to it."""
        return all(
            self.whole(stream, name)
            or stream.is_denied(name)
            or not (of.state in _CARRIED or (self.current is not None and self.whole(self.current, name)))
            for name, of in self.instruments.items()
        )

    def ready(self, stream: Source, name: str) -> None:
        """An instrument's data is LIVE once the stream that counts has all of it, and its touch is that of now."""
        instrument = self.instruments.get(name)
        if instrument is not None and stream is self.current and instrument.fresh and self.whole(stream, name):
            instrument.refusals = 0
            self.tell(instrument, FeedState.LIVE, "whole again" if instrument.state is FeedState.GAP else "subscribed")

    def tell(self, instrument: Instrument, state: FeedState, text: str) -> None:
        """Tell the sink of a change; also of another reason why data is not LIVE."""
        if instrument.state is not state or (state is not FeedState.LIVE and instrument.text != text):
            now_ns = current_clock().now_ns()
            self.sink.on_status(FeedStatus(symbol=instrument.symbol, state=state, text=text, received_ns=now_ns))
            instrument.state, instrument.text = state, text  # known, unless that has raised

    def problem(self, problem: Bad | Failed | NetworkError) -> None:
        """Keep it, with the last of its kind, and log it."""
        self.problems.append(problem)
        _log.warning("%s: %s", self._venue, problem)

    def choose(self, stream: Source) -> None:
        """From now on its quotes are those that count; after a time with none nobody knows what was missed."""
        first, self.current = self.current is None, stream
        held = list(stream.held)
        stream.held.clear()
        for event in held:
            self.take(stream, event)
        for name, instrument in self.instruments.items():
            if first:
                instrument.numbering.begin()
                instrument.fresh = instrument.fresh and instrument.quote is None
            else:
                self._taken_over(stream, stream.heard[name], instrument)
            self.ready(stream, name)
        if stream.ending:
            self._ends()

    def _taken_over(self, stream: Source, heard: Heard, instrument: Instrument) -> None:
        """What the predecessor has not told of an instrument, its successor knows, or nobody."""
        instrument.numbering.taken_over(heard)
        latest, heard.latest = heard.latest, None
        if latest is not None and not _older(latest, instrument.quote):
            self._quote(stream, latest)
        if not self.whole(stream, instrument.name) and instrument.state in _CARRIED:
            instrument.fresh = False
            self.tell(instrument, FeedState.DOWN, instrument.refusal or "the new connection has not all of it")
        elif instrument.numbering.missing():
            instrument.numbering.told_missing()
            self._gap(stream, instrument, "trades between two connections are missing")
        elif heard.pools.doubted:
            self._gap(stream, instrument, "a message could not be read")

    def take(self, stream: Source, event: Event) -> None:
        """Take in an event of a stream."""
        if type(event) is Quote:
            self._quote(stream, event)
        elif stream is not self.current and self.current is not None and isinstance(event, _OF_TRADES):
            stream.held.append(event)
        elif type(event) is Trade:
            self._trade(stream, event)
        else:
            self._rare(stream, event)

    def _quote(self, stream: Source, quote: Quote, doubted: bool = False) -> None:
        instrument = self.symbols.get(quote.symbol)
        if instrument is None:
            return
        if stream is not self.current:
            stream.heard[instrument.name].latest = quote
        elif instrument.numbering.quote(quote):
            instrument.quote = quote
            self.sink.on_quote(quote)
            if not doubted and (not instrument.fresh or instrument.state is not FeedState.LIVE):
                instrument.fresh = True
                self.ready(stream, instrument.name)
        else:
            self.counts["old quote"] += 1

    def _trade(self, stream: Source, trade: Trade) -> None:
        instrument = self.symbols.get(trade.symbol)
        if instrument is None:
            return
        news, gap = instrument.numbering.trade(trade, stream.heard[instrument.name])
        if gap:
            self._gap(stream, instrument, f"trades before {trade.trade_id} are missing")
        if news:
            self.sink.on_trade(trade)
        else:
            self.counts["trade again"] += 1

    def _rare(self, stream: Source, event: Event) -> None:
        self.counts[type(event).__name__] += 1
        if isinstance(event, Levels):
            self._levels(stream, event)
        elif isinstance(event, Pooled):
            self._pooled(stream, event)
        elif isinstance(event, Past | Aside | Beat):
            self._numbered(stream, event)
        elif isinstance(event, Taken | Failed):
            stream.answered(event)
        elif isinstance(event, Ending):
            stream.ending = True
            if stream is self.current:
                self._ends()
        if isinstance(event, Bad | Failed):
            self.problem(event)
        if isinstance(event, Bad) and event.touch:
            self._unread(stream, event.name)

    def _levels(self, stream: Source, levels: Levels) -> None:
        instrument = self.symbols.get(levels.symbol)
        if instrument is None:
            return
        heard = stream.heard[instrument.name]
        if levels.whole:
            heard.depth = Depth()
        if heard.depth is None:
            return
        try:
            quote = heard.depth.take(levels)
        except InvalidValue as error:
            self._rare(stream, bad(error, b"", instrument.name))
            return
        if quote is not None:
            self._quote(stream, quote)

    def _pooled(self, stream: Source, pooled: Pooled) -> None:
        instrument = self.symbols.get(pooled.quote.symbol)
        if instrument is None:
            return
        pools = stream.heard[instrument.name].pools
        try:
            quote = pools.take(pooled)
        except (InvalidValue, ArithmeticError) as error:
            self._rare(stream, bad(error, b"", instrument.name))
            return
        self._quote(stream, quote, pools.doubted)

    def _numbered(self, stream: Source, event: Past | Aside | Beat) -> None:
        """A trade that is no news, but has a number: from before, not of the market, or known by a heartbeat."""
        symbol = event.trade.symbol if isinstance(event, Past) else event.symbol
        instrument = self.symbols.get(symbol or "")
        if instrument is None or not self._counted:
            return
        heard, numbering = stream.heard[instrument.name], instrument.numbering
        if isinstance(event, Aside):
            if numbering.counted(event.trade_id, event.received_ns, heard).gap:
                self._gap(stream, instrument, f"trades before {event.trade_id} are missing")
            return
        if isinstance(event, Past):
            number: int | None = int(event.trade.trade_id or 0)
        else:
            # What the heartbeat before this one knew: this one may tell of a trade just before its own message comes.
            number, heard.beat = heard.beat, event.trade_id
        if number and numbering.reached(number, heard):
            self._gap(stream, instrument, f"trades up to {number} are missing")

    def _unread(self, stream: Source, name: str | None) -> None:
        """Something could not be read that may have been about the touch of an instrument, or of any."""
        for instrument in list(self.instruments.values()) if name is None else [self.instruments.get(name)]:
            if instrument is not None:
                stream.heard[instrument.name].pools.doubt()
                self._gap(stream, instrument, "a message could not be read")

    def _gap(self, stream: Source, instrument: Instrument, text: str) -> None:
        """What is known of an instrument's touch may be wrong."""
        if self._snapshots:
            stream.again(instrument.name)
        if stream is self.current:
            self.counts["gap"] += 1
            instrument.fresh = False
            if instrument.state in _CARRIED:
                self.tell(instrument, FeedState.GAP, text)


def _older(quote: Quote, than: Quote | None) -> bool:
    """Whether a quote is from before another, by the venue's own time."""
    if than is None or quote.transact_time is None or than.transact_time is None:
        return False
    return quote.transact_time < than.transact_time
