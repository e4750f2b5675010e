"""Live feeds against the fake exchange, in memory and in virtual time: each venue's whole story, with every fault."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from exo.flow import current_clock
from exo.mkt import FeedState, FeedStatus, Quote, Trade
from exo.testing import RandomWalk
from exo.testing.exchange import At, Binance, BinanceUsdm, Bitmex, Coinbase, Exchange, Fault, MemoryNetwork
from exo.venue.binance.dialect import BinanceDialect, usd_m
from exo.venue.bitmex.dialect import BitmexDialect
from exo.venue.coinbase.dialect import CoinbaseDialect
from exo.venue.feed import LiveFeed
from tests.contract.helpers import virtual
from tests.venue.wire.scripted import Told

D = Decimal
LIVE = FeedState.LIVE

VENUES: dict[str, tuple[Any, Any, list[str]]] = {
    "binance": (Binance, lambda: BinanceDialect("wss://x/ws", heartbeat_s=2), ["BTCUSDT", "ETHUSDT"]),
    "binance-usdm": (BinanceUsdm, lambda: usd_m("wss://x/ws"), ["BTCUSDT", "ETHUSDT"]),
    "bitmex": (Bitmex, lambda: BitmexDialect("wss://x/realtime", heartbeat_s=2), ["XBTUSD", "ETHUSD"]),
    "coinbase": (Coinbase, lambda: CoinbaseDialect("wss://x/", heartbeat_s=2), ["BTC-USD", "ETH-USD"]),
}


class Played:
    """A feed of a venue, an exchange that plays a walk to it, and what it told."""

    def __init__(self, venue: str, seconds: float, rate: float = 50.0, seed: int = 0, **options: Any) -> None:
        made, dialect, names = VENUES[venue]
        self.ticks = list(RandomWalk(names, seconds=seconds, rate=rate, seed=seed))
        self.exchange = Exchange(made(), self.ticks, loop=False, **options)
        self.dialect = dialect()
        self.feed = LiveFeed(self.dialect, MemoryNetwork(self.exchange, latency_s=0.01))
        self.told = Told()
        self.feed.connect(self.told)
        self.symbols = [f"{name}.{self.dialect.venue}" for name in names]

    async def subscribed(self) -> None:
        for symbol in self.symbols:
            self.feed.subscribe(symbol)
        for _ in range(100):
            await asyncio.sleep(0.1)
            if all(self.state(symbol) is LIVE for symbol in self.symbols):
                return
        raise AssertionError([self.told.states(symbol) for symbol in self.symbols])

    def state(self, symbol: str) -> FeedState | None:
        states = self.told.states(symbol)
        return states[-1] if states else None

    async def close(self) -> None:
        await self.feed.close()
        self.exchange.close()


@pytest.mark.parametrize("venue", VENUES)
@virtual
async def test_every_trade_and_every_touch_of_the_exchange_arrives_once_and_in_order(venue: str) -> None:
    """From the subscription on; sizes and prices to the last digit, times those of the reads."""
    played = Played(venue, 20)
    await played.subscribed()
    await asyncio.sleep(30)
    for name, symbol in zip(VENUES[venue][2], played.symbols, strict=True):
        trades = [t for t in played.told.all if isinstance(t, Trade) and t.symbol == symbol]
        sent = [t for t in played.ticks if isinstance(t, Trade) and t.symbol == name]
        assert len(trades) > 20
        missing = len(sent) - len(trades)
        assert 0 <= missing < 60  # those from before the subscription
        seen = [(t.last_px, t.last_qty) for t in trades]
        assert seen == [(t.last_px, t.last_qty) for t in sent[missing:]]
        quotes = [q for q in played.told.quotes if q.symbol == symbol]
        last = [q for q in played.ticks if isinstance(q, Quote) and q.symbol == name][-1]
        assert (quotes[-1].bid_px, quotes[-1].ask_px) == (last.bid_px, last.ask_px)
        assert (quotes[-1].bid_size, quotes[-1].ask_size) == (last.bid_size, last.ask_size)
        assert played.told.states(symbol) == [FeedState.DOWN, LIVE]
    assert played.feed.counts["gap"] == played.feed.counts["lost"] == played.feed.counts["Bad"] == 0
    await played.close()


FAULTS = {
    Fault.DROP: At.NOW,
    Fault.HALF_OPEN: At.NOW,
    Fault.STALL: At.NOW,
    Fault.DUPLICATE: At.MESSAGE,
    Fault.REORDER: At.MESSAGE,
    Fault.GAP: At.MESSAGE,
    Fault.GARBAGE: At.MESSAGE,
    Fault.HTML: At.MESSAGE,
    Fault.MAINTENANCE: At.NOW,
    Fault.SLOW: At.NOW,
}


@pytest.mark.parametrize("venue", ["binance", "bitmex", "coinbase"])
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
@virtual
async def test_each_fault_strikes_fifty_times_and_the_feed_recovers_from_each(venue: str, fault: Fault) -> None:
    """All symbols are LIVE again after the last, with quotes that are of now, and no trade has come twice."""
    played = Played(venue, 1800, rate=20)
    await played.subscribed()
    exchange, struck = played.exchange, 0
    while exchange.hits.get(fault, 0) < 50:
        exchange.fault(fault, at=FAULTS[fault], hold_s=0.5)
        await asyncio.sleep(12 if fault in (Fault.HALF_OPEN, Fault.DROP, Fault.MAINTENANCE) else 2)
        struck += 1
        assert struck < 120, exchange.hits
    await asyncio.sleep(40)
    before = len(played.told.quotes)
    await asyncio.sleep(10)
    fresh = played.told.quotes[before:]
    for symbol in played.symbols:
        assert played.state(symbol) is LIVE, (symbol, played.told.text(symbol))
        mine = [q for q in fresh if q.symbol == symbol]
        assert mine and (mine[-1].received_ns or 0) > current_clock().now_ns() - 5_000_000_000
        ids = [t.trade_id for t in played.told.all if isinstance(t, Trade) and t.symbol == symbol]
        assert len(ids) == len(set(ids))
    assert exchange.hits[fault] >= 50
    if fault in (Fault.DROP, Fault.MAINTENANCE):
        # Binance says that it will shut down, and is left before it does.
        assert played.feed.counts["lost"] + played.feed.counts["rolled over"] >= 45
    if fault is Fault.HALF_OPEN:
        assert played.feed.counts["silent"] >= 45
    if fault in (Fault.GARBAGE, Fault.HTML):
        assert played.feed.counts["Bad"] >= 25
    await played.close()


@pytest.mark.parametrize("venue", ["binance", "bitmex", "coinbase"])
@virtual
async def test_refusals_and_maintenance_at_the_door_are_waited_out(venue: str) -> None:
    """The venue says when to come again; a web page in place of a handshake is a refusal too."""
    played = Played(venue, 900, rate=20)
    exchange = played.exchange
    for fault in (Fault.REFUSE, Fault.HTML, Fault.MAINTENANCE, Fault.DROP):
        exchange.fault(fault, at=At.HANDSHAKE, times=5)
    for symbol in played.symbols:
        played.feed.subscribe(symbol)
    for _ in range(900):
        await asyncio.sleep(1)
        if all(played.state(symbol) is LIVE for symbol in played.symbols):
            break
    assert all(played.state(symbol) is LIVE for symbol in played.symbols)
    assert {fault.name: exchange.hits[fault] for fault in (Fault.REFUSE, Fault.HTML, Fault.MAINTENANCE)} == {
        "REFUSE": 5,
        "HTML": 5,
        "MAINTENANCE": 5,
    }
    await played.close()


@pytest.mark.parametrize("venue", ["binance", "bitmex", "coinbase"])
@pytest.mark.parametrize("at", [At.HANDSHAKE, At.MESSAGE])
@virtual
async def test_refusals_for_the_rate_strike_fifty_times_and_are_waited_out(venue: str, at: At) -> None:
    """At the door and at a request; no symbol is taken for one that the venue does not have."""
    played = Played(venue, 1800, rate=20)
    await played.subscribed()
    exchange, struck = played.exchange, 0
    while exchange.hits.get(Fault.REFUSE, 0) < 50:
        exchange.fault(Fault.REFUSE, at=at, hold_s=1)
        exchange.fault(Fault.DROP, at=At.NOW)
        await asyncio.sleep(12)
        struck += 1
        assert struck < 120, exchange.hits
        assert all(played.state(symbol) is LIVE for symbol in played.symbols), played.told.text(played.symbols[0])
    texts = {each.text for each in played.told.all if isinstance(each, FeedStatus)}
    assert not any("status 429)" in text or "Too many requests" in text for text in texts if at is At.MESSAGE) or (
        venue == "binance"  # which closes the connection with these words
    )
    await played.close()


@virtual
async def test_binance_is_left_before_it_ends_a_connection_and_nothing_is_missed() -> None:
    """Five lifetimes: no loss, no gap, no trade twice."""
    made, _, names = VENUES["binance"]
    ticks = list(RandomWalk(names, seconds=600, rate=50))
    exchange = Exchange(made(), ticks, lifetime_s=120)
    feed = LiveFeed(BinanceDialect("wss://x/ws", lifetime_s=100), MemoryNetwork(exchange, latency_s=0.02))
    told = Told()
    feed.connect(told)
    for name in names:
        feed.subscribe(f"{name}.BINANCE")
    await asyncio.sleep(610)
    assert feed.counts["rolled over"] == 6 and feed.counts["lost"] == feed.counts["gap"] == 0
    for name in names:
        ids = [int(t.trade_id or 0) for t in told.all if isinstance(t, Trade) and t.symbol == f"{name}.BINANCE"]
        assert ids == list(range(ids[0], ids[-1] + 1)) and len(ids) > 1000
        assert told.states(f"{name}.BINANCE") == [FeedState.DOWN, LIVE]
    await feed.close()
    exchange.close()
