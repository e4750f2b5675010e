"""Feeds that are broken on purpose, each in one way: they stand between a good feed and its sink."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from exo.flow import current_clock
from exo.mkt import FeedState, FeedStatus, Quote, Side, Trade
from exo.testing import ExchangeRig, MarketFeed, Skip
from exo.testing.exchange import Fault

MS = 1_000_000


class Between:
    """Passes everything on, as it is."""

    def __init__(self, feed: MarketFeed) -> None:
        self.feed = feed
        self.sink: Any = None
        self.known: list[str] = []
        self.live: dict[str, FeedState] = {}

    def connect(self, sink: Any) -> None:
        self.sink = sink
        self.feed.connect(self)

    def subscribe(self, symbol: str) -> None:
        self.feed.subscribe(symbol)
        self.known.append(symbol)

    async def unsubscribe(self, symbol: str) -> None:
        await self.feed.unsubscribe(symbol)  # type: ignore[misc]

    async def close(self) -> None:
        await self.feed.close()

    def on_quote(self, quote: Quote) -> None:
        self.sink.on_quote(quote)

    def on_trade(self, trade: Trade) -> None:
        self.sink.on_trade(trade)

    def on_status(self, status: FeedStatus) -> None:
        self.sink.on_status(status)

    def on_report(self, report: Any) -> None: ...

    def deliver(self) -> None:
        self.sink.deliver()

    def say(self, symbol: str, state: FeedState, text: str = "a word") -> None:
        now_ns = current_clock().now_ns()
        self.sink.on_status(FeedStatus(symbol=symbol, state=state, text=text, received_ns=now_ns))


class Each(Between):
    """Passes on what becomes of each quote and trade."""

    def quote(self, quote: Quote) -> Quote | None:
        return quote

    def trade(self, trade: Trade) -> Trade | None:
        return trade

    def on_quote(self, quote: Quote) -> None:
        if (changed := self.quote(quote)) is not None:
            self.sink.on_quote(changed)

    def on_trade(self, trade: Trade) -> None:
        if (changed := self.trade(trade)) is not None:
            self.sink.on_trade(changed)


def touched(quote: Quote, change: Callable[[Decimal], Decimal]) -> Quote:
    """The quote with every price changed."""
    bid, ask = (None if px is None else change(px) for px in (quote.bid_px, quote.ask_px))
    return replace(quote, bid_px=bid, ask_px=ask)


class SwapsSides(Each):
    def quote(self, quote: Quote) -> Quote:
        return Quote(quote.symbol, quote.ask_px, quote.ask_size, quote.bid_px, quote.bid_size, quote.received_ns)


class SwapsSizes(Each):
    def quote(self, quote: Quote) -> Quote:
        return replace(quote, bid_size=quote.ask_size, ask_size=quote.bid_size)


class Rounds(Each):
    def quote(self, quote: Quote) -> Quote:
        return touched(quote, lambda px: round(px, 7))


class ThroughFloats(Each):
    def quote(self, quote: Quote) -> Quote:
        return touched(quote, lambda px: Decimal(str(float(px))))


class GivesFloats(Between):
    def on_trade(self, trade: Trade) -> None:
        class Print:
            symbol = trade.symbol
            last_px, last_qty = float(trade.last_px), float(trade.last_qty)

        self.sink.on_trade(Print())


class LooksAtPricesOnly(Each):
    last: tuple[Any, ...] = ()

    def quote(self, quote: Quote) -> Quote | None:
        before, self.last = self.last, (quote.bid_px, quote.ask_px)
        return None if self.last == before else quote


class EmptyIsZero(Each):
    def quote(self, quote: Quote) -> Quote:
        zero = Decimal(0)
        return replace(quote, bid_px=quote.bid_px or zero, ask_px=quote.ask_px or zero)


class KeepsTheLastBid(Each):
    last: Decimal | None = None

    def quote(self, quote: Quote) -> Quote:
        self.last = quote.bid_px or self.last
        return replace(quote, bid_px=self.last)


class Uncrosses(Each):
    def quote(self, quote: Quote) -> Quote | None:
        return None if quote.locked or quote.crossed else quote


class Late(Each):
    """Of the quotes of a read it tells the first."""

    last_ns: int | None = 0

    def quote(self, quote: Quote) -> Quote | None:
        before, self.last_ns = self.last_ns, quote.received_ns
        return None if before == self.last_ns else quote


class Loses(Each):
    count = 0

    def trade(self, trade: Trade) -> Trade | None:
        self.count += 1
        return None if self.count == 2 else trade


class Doubles(Between):
    def on_trade(self, trade: Trade) -> None:
        self.sink.on_trade(trade)
        self.sink.on_trade(replace(trade, trade_id=None))


class Repeats(Between):
    def on_trade(self, trade: Trade) -> None:
        self.sink.on_trade(trade)
        self.sink.on_trade(trade)


class NoAggressor(Each):
    def trade(self, trade: Trade) -> Trade:
        return replace(trade, aggressor=Side.BUY)


class NoIds(Each):
    def trade(self, trade: Trade) -> Trade:
        return replace(trade, trade_id=None)


class SkipsNumbers(Each):
    def trade(self, trade: Trade) -> Trade:
        return replace(trade, trade_id=str(2 * int(trade.trade_id or 0)))


class MixesSymbols(Each):
    def quote(self, quote: Quote) -> Quote:
        return replace(quote, symbol=self.known[0])

    def trade(self, trade: Trade) -> Trade:
        return replace(trade, symbol=self.known[0])


class TellsMore(Between):
    """Subscribes to two where one is wanted."""

    def subscribe(self, symbol: str) -> None:
        super().subscribe(symbol)
        if symbol.startswith("BTCUSDT"):
            self.feed.subscribe(symbol.replace("BTC", "ETH"))


class DeliversEach(Between):
    def on_trade(self, trade: Trade) -> None:
        self.sink.on_trade(trade)
        self.sink.deliver()


class NeverDelivers(Between):
    def deliver(self) -> None: ...


class StampsTooEarly(Each):
    def quote(self, quote: Quote) -> Quote:
        return replace(quote, received_ns=(quote.received_ns or 0) - 50 * MS)


class StampsTradesTooEarly(Each):
    def trade(self, trade: Trade) -> Trade:
        return replace(trade, received_ns=(trade.received_ns or 0) - 50 * MS)


class StampsInTheFuture(Each):
    def quote(self, quote: Quote) -> Quote:
        return replace(quote, received_ns=(quote.received_ns or 0) + 50_000 * MS)


class NoStamps(Each):
    def trade(self, trade: Trade) -> Trade:
        return replace(trade, received_ns=None)


class LiveAtOnce(Between):
    def subscribe(self, symbol: str) -> None:
        super().subscribe(symbol)
        self.say(symbol, FeedState.LIVE)


class LiveAlways(Between):
    def on_status(self, status: FeedStatus) -> None:
        self.say(status.symbol or "", FeedState.LIVE)


class QuotesAtOnce(Between):
    def subscribe(self, symbol: str) -> None:
        super().subscribe(symbol)
        price, size = Decimal("0.00000100"), Decimal(1)
        self.on_quote(Quote(symbol, price, size, price, size, current_clock().now_ns()))


class WithoutWords(Between):
    def on_status(self, status: FeedStatus) -> None:
        self.sink.on_status(replace(status, text=""))


class NeverUnsubscribes(Between):
    async def unsubscribe(self, symbol: str) -> None: ...


class SubscribesOnce(Between):
    def subscribe(self, symbol: str) -> None:
        if symbol not in self.known:
            super().subscribe(symbol)


class UnsubscribesLate(Between):
    async def unsubscribe(self, symbol: str) -> None:
        async def late() -> None:
            await asyncio.sleep(0.05)
            await self.feed.unsubscribe(symbol)  # type: ignore[misc]

        self.task = asyncio.get_running_loop().create_task(late())


class BeginsAnew(Between):
    """What is subscribed a second time is DOWN until it is confirmed, which nobody does."""

    def subscribe(self, symbol: str) -> None:
        if symbol in self.known:
            self.say(symbol, FeedState.DOWN)
        super().subscribe(symbol)

    def on_status(self, status: FeedStatus) -> None:
        if self.known.count(status.symbol or "") < 2:
            super().on_status(status)


class Strict(Between):
    async def unsubscribe(self, symbol: str) -> None:
        self.known.remove(symbol)
        await super().unsubscribe(symbol)


class Disturbs(Between):
    def subscribe(self, symbol: str) -> None:
        for other in self.known:
            self.say(other, FeedState.DOWN)
            self.say(other, FeedState.LIVE)
        super().subscribe(symbol)


class QuietIsSilent(Between):
    def on_status(self, status: FeedStatus) -> None:
        super().on_status(status)
        if status.state is FeedState.LIVE:
            asyncio.get_running_loop().call_later(1.5, self.say, status.symbol, FeedState.SILENT)


class NeverDown(Between):
    """Once LIVE, always LIVE."""

    def on_status(self, status: FeedStatus) -> None:
        if self.live.get(status.symbol or "") is not FeedState.LIVE:
            self.live[status.symbol or ""] = status.state
            super().on_status(status)


class TellsTheOldQuote(Between):
    last: Quote | None = None
    old: Quote | None = None

    def on_quote(self, quote: Quote) -> None:
        self.last = quote
        super().on_quote(quote)

    def on_status(self, status: FeedStatus) -> None:
        super().on_status(status)
        if status.stale and self.last is not None and self.last.symbol == status.symbol:
            self.old = self.last
        elif self.old is not None and self.old.symbol == status.symbol:
            self.on_quote(replace(self.old, received_ns=current_clock().now_ns()))


class SilentIsDown(Between):
    def on_status(self, status: FeedStatus) -> None:
        super().on_status(replace(status, state=FeedState.DOWN) if status.state is FeedState.SILENT else status)


class SilentLate(Between):
    def on_status(self, status: FeedStatus) -> None:
        if status.state is FeedState.SILENT:
            asyncio.get_running_loop().call_later(1, super().on_status, status)
        else:
            super().on_status(status)


class DeafWhileDown(Between):
    def on_status(self, status: FeedStatus) -> None:
        self.live[status.symbol or ""] = status.state
        super().on_status(status)

    def subscribe(self, symbol: str) -> None:
        if FeedState.DOWN not in self.live.values():
            super().subscribe(symbol)


class GivesUp(Between):
    """When a connection was lost it says nothing any more."""

    over = False

    def on_status(self, status: FeedStatus) -> None:
        if not self.over:
            super().on_status(status)
        self.over = self.over or (status.symbol in self.live and status.state is not FeedState.LIVE)
        if status.state is FeedState.LIVE:
            self.live[status.symbol or ""] = status.state

    def on_quote(self, quote: Quote) -> None:
        if not self.over:
            super().on_quote(quote)


class WithoutGaps(Between):
    def on_status(self, status: FeedStatus) -> None:
        if status.state is not FeedState.GAP:
            super().on_status(status)


class GapTooLate(Between):
    gap: FeedStatus | None = None

    def on_status(self, status: FeedStatus) -> None:
        if status.state is FeedState.GAP:
            self.gap = status
        else:
            super().on_status(status)

    def on_trade(self, trade: Trade) -> None:
        super().on_trade(trade)
        if self.gap is not None:
            super().on_status(self.gap)
            self.gap = None


class DropsTheLate(Each):
    last = 0

    def trade(self, trade: Trade) -> Trade | None:
        before, self.last = self.last, int(trade.trade_id or 0)
        return None if self.last < before else trade


class StampsWhenSent(Each):
    def trade(self, trade: Trade) -> Trade:
        return replace(trade, received_ns=(trade.received_ns or 0) - 320 * MS)


class TellsAfterwards(Between):
    async def close(self) -> None:
        await super().close()
        if self.known:
            asyncio.get_running_loop().call_later(0.3, self.say, self.known[0], FeedState.DOWN)


class LeavesATask(Between):
    def subscribe(self, symbol: str) -> None:
        super().subscribe(symbol)
        self.task = asyncio.get_running_loop().create_task(asyncio.sleep(1e6), name="forgotten")


class ClosesSlowly(Between):
    async def close(self) -> None:
        await asyncio.sleep(3)
        await super().close()


class BrokenRig(ExchangeRig):
    """A rig whose feed is broken."""

    def __init__(self, venue: str, broken: Callable[[MarketFeed], Any]) -> None:
        super().__init__(venue)
        self.feed = broken(self.feed)


class Uncounting(ExchangeRig):
    """A rig of a feed that counts nothing."""

    def unreadable(self) -> int:
        return 0


class Faultless(ExchangeRig):
    """A rig that cannot have anything go wrong."""

    async def fault(self, fault: Fault) -> None:
        raise Skip(f"no {fault.value} here")
