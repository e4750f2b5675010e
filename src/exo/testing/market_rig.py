"""MarketRig: a venue's market data under test with a market that can be set, and the watcher who looks at it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final, Protocol, TypeAlias, runtime_checkable

from exo.dma import VenueStatus
from exo.dma.venue import Feed, Sink
from exo.flow import current_clock
from exo.mkt import FeedState, FeedStatus, Quote, Report, Side, Trade
from exo.mkt.exact import multiply
from exo.testing.exchange.faults import Fault
from exo.testing.rig import check

Tick: TypeAlias = Quote | Trade
Touch: TypeAlias = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]

_PATIENCE_S: Final = 10.0
_LOOK_S: Final = 0.005


class MarketFeed(Feed, Protocol):
    """A feed that is connected to a sink and can be closed."""

    def connect(self, sink: Sink, /) -> object:
        """Tell everything to this sink from now on."""

    async def close(self) -> None:
        """Tell nothing any more, and leave nothing running."""


@runtime_checkable
class MarketRig(Protocol):
    """A venue's market data under test, with a market that is only what it is told. A new one is made for each case.

    `symbol` and `other` are two that the venue lists, in steps of `tick` and `lot`, `unlisted` is one that it does not.
    `heartbeat_s` is how long a feed may hear nothing, `numbered` whether the venue counts its trades. Any method may
    raise Skip with the reason why it cannot do that; the case is skipped.
    """

    feed: MarketFeed
    symbol: str
    other: str
    unlisted: str
    tick: Decimal
    lot: Decimal
    heartbeat_s: float
    numbered: bool

    async def start(self) -> None:
        """Have the venue up; what comes of the feed goes to the sink it has been given."""

    async def stop(self) -> None:
        """Close the feed if it is not, and let go of the venue."""

    async def tell(self, *ticks: Tick) -> None:
        """Have the venue tell these to whoever has subscribed, all at once and in this order."""

    async def fault(self, fault: Fault) -> None:
        """Have this go wrong once.

        At once what is of a connection (DROP, HALF_OPEN, SLOW, MAINTENANCE), with the next tick what is of a frame
        (DUPLICATE, REORDER, GAP, GARBAGE, HTML), and REFUSE when the feed asks for the next connection.
        """

    def unreadable(self) -> int:
        """How many frames the feed has counted as those it cannot read."""
        ...

    async def settle(self) -> None:
        """Wait until what was told has arrived."""


class Watcher:
    """Keeps what a feed tells, in order; the sink of a case. None stands for a `deliver`."""

    def __init__(self, rig: MarketRig) -> None:
        self.rig = rig
        self.told: list[Tick | FeedStatus | None] = []
        self.tasks = asyncio.all_tasks()
        self._size = 0
        rig.feed.connect(self)

    # The sink

    def on_quote(self, quote: Quote) -> None:
        """Keep it."""
        self.told.append(quote)

    def on_trade(self, trade: Trade) -> None:
        """Keep it."""
        self.told.append(trade)

    def on_status(self, status: FeedStatus | VenueStatus) -> None:
        """Keep what is of market data."""
        if isinstance(status, FeedStatus):
            self.told.append(status)

    def on_report(self, report: Report) -> None:
        """Nothing: this is not about orders."""

    def deliver(self) -> None:
        """Keep that it was called."""
        self.told.append(None)

    # What was told

    def quotes(self, symbol: str = "", since: int = 0) -> list[Quote]:
        """The quotes of a symbol (the rig's first), of what was told from an index on."""
        symbol = symbol or self.rig.symbol
        return [each for each in self.told[since:] if isinstance(each, Quote) and each.symbol == symbol]

    def trades(self, symbol: str = "", since: int = 0) -> list[Trade]:
        """The trades."""
        symbol = symbol or self.rig.symbol
        return [each for each in self.told[since:] if isinstance(each, Trade) and each.symbol == symbol]

    def statuses(self, symbol: str = "", since: int = 0) -> list[FeedStatus]:
        """What was said of a symbol's data, or of all."""
        mine = (symbol or self.rig.symbol, None)
        return [each for each in self.told[since:] if isinstance(each, FeedStatus) and each.symbol in mine]

    def state(self, symbol: str = "") -> FeedState | None:
        """The last of that."""
        statuses = self.statuses(symbol)
        return statuses[-1].state if statuses else None

    def is_live(self, symbol: str = "") -> bool:
        """Whether that is LIVE."""
        return self.state(symbol) is FeedState.LIVE

    def was_stale(self, since: int, symbol: str = "") -> bool:
        """Whether it was told that a symbol's data is not LIVE."""
        return any(each.stale for each in self.statuses(symbol, since))

    def has(self, tick: Tick, since: int = 0) -> bool:
        """Whether the last that was told of this kind and symbol is this."""
        told = self.quotes(tick.symbol, since) if isinstance(tick, Quote) else self.trades(tick.symbol, since)
        return bool(told) and shown(told[-1]) == shown(tick)

    # A market, in steps

    def quote(
        self,
        bid: int | None,
        ask: int | None,
        bid_size: int | None = None,
        ask_size: int | None = None,
        symbol: str = "",
    ) -> Quote:
        """A quote in ticks and lots; unless they are told, its sizes differ from those of every other."""
        self._size += 1
        bid_px, bid_lots = self._side(bid, bid_size or self._size)
        ask_px, ask_lots = self._side(ask, ask_size or self._size + 1000)
        return Quote(symbol or self.rig.symbol, bid_px, bid_lots, ask_px, ask_lots)

    def _side(self, px: int | None, size: int) -> tuple[Decimal, Decimal] | tuple[None, None]:
        if px is None:
            return None, None
        return multiply(self.rig.tick, Decimal(px)), multiply(self.rig.lot, Decimal(size))

    def trade(self, px: int, qty: int = 1, side: Side = Side.BUY, symbol: str = "") -> Trade:
        """A trade in ticks and lots; the venue numbers it."""
        last_px, last_qty = multiply(self.rig.tick, Decimal(px)), multiply(self.rig.lot, Decimal(qty))
        return Trade(symbol or self.rig.symbol, last_px, last_qty, side)

    # What a case does

    async def subscribe(self, *symbols: str) -> None:
        """Subscribe to symbols, or to the rig's first, and wait until it was told of each that it is LIVE."""
        since = len(self.told)
        for symbol in symbols or (self.rig.symbol,):
            await done(self.rig.feed.subscribe(symbol))
        for symbol in symbols or (self.rig.symbol,):
            await self.heard(FeedState.LIVE, since, symbol)

    async def unsubscribe(self, symbol: str) -> None:
        """Unsubscribe."""
        await done(self.rig.feed.unsubscribe(symbol))

    async def live(self, *symbols: str) -> None:
        """Wait until these are LIVE."""
        for symbol in symbols or (self.rig.symbol,):
            await self.until(partial(self.is_live, symbol), f"{symbol} is LIVE")

    async def heard(self, state: FeedState, since: int, symbol: str = "") -> None:
        """Wait until it was told that a symbol's data is in this state."""
        await self.until(
            lambda: any(each.state is state for each in self.statuses(symbol, since)),
            f"{symbol or self.rig.symbol} is {state.value}",
        )

    async def stale(self, since: int, *symbols: str) -> None:
        """Wait until it was told that these are not LIVE, even if they are again."""
        for symbol in symbols or (self.rig.symbol,):
            await self.until(partial(self.was_stale, since, symbol), f"{symbol} is not LIVE")

    async def see(self, *ticks: Tick) -> None:
        """Have the venue tell these, and wait until the last of each kind and symbol has come as the last of it."""
        since = len(self.told)
        await self.rig.tell(*ticks)
        for tick in {(type(tick), tick.symbol): tick for tick in ticks}.values():
            what = f"the last {type(tick).__name__} of {tick.symbol} is {shown(tick)}"
            await self.until(partial(self.has, tick, since), what)

    async def fresh(self, *symbols: str) -> None:
        """Wait until these are LIVE with a quote of now: it shows one after another, for some may be lost."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._patience_s
        for symbol in symbols or (self.rig.symbol,):
            while True:
                quote, since = self.quote(100, 110, symbol=symbol), len(self.told)
                await self.rig.tell(quote)
                await self.rig.settle()
                if self.has(quote, since) and self.is_live(symbol):
                    break
                state = self.state(symbol)
                check(loop.time() < until_s, f"no fresh quote of {symbol} was told, which is {state and state.value}")

    @property
    def _patience_s(self) -> float:
        return _PATIENCE_S + 2 * self.rig.heartbeat_s

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds; AssertionError if that takes too long."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._patience_s
        while not holds():
            if loop.time() > until_s:
                told = [each for each in self.told if each is not None]
                raise AssertionError(f"it should be that {what}; the last it told is {told[-1] if told else 'nothing'}")
            await asyncio.sleep(_LOOK_S)


async def done(answer: object) -> None:
    """Wait for what may be `async def`."""
    if inspect.isawaitable(answer):
        await answer


def shown(tick: Tick) -> Touch | tuple[Decimal, Decimal, Side | None]:
    """What a market shows in a tick."""
    if isinstance(tick, Quote):
        return tick.bid_px, tick.bid_size, tick.ask_px, tick.ask_size
    return tick.last_px, tick.last_qty, tick.aggressor


def audit(watcher: Watcher) -> None:
    """Whatever the case: exact values with receive times that never step back, no trade twice, and all delivered."""
    latest_ns = 0
    seen: set[tuple[str, str]] = set()
    for each in watcher.told:
        if isinstance(each, FeedStatus):
            check(not each.stale or bool(each.text), f"that {each.symbol} is {each.state.value} was told without words")
        if not isinstance(each, Quote | Trade):
            check(each is None or isinstance(each, FeedStatus), f"told what is neither quote nor trade: {each!r:.80}")
            continue
        received_ns = each.received_ns
        check(received_ns is not None, "a receive time is missing")
        check((received_ns or 0) >= latest_ns, f"receive times step back {latest_ns - (received_ns or 0)} ns")
        latest_ns = received_ns or 0
        if isinstance(each, Trade) and each.trade_id is not None:
            key = each.symbol, each.trade_id
            check(key not in seen, f"trade {each.trade_id} of {each.symbol} was told twice")
            seen.add(key)
    check(latest_ns <= current_clock().now_ns(), "a receive time is yet to come")
    news = [index for index, each in enumerate(watcher.told) if isinstance(each, Quote | Trade)]
    check(not news or None in watcher.told[news[-1] :], "the last news was not delivered")
