"""A live feed against a venue that the test plays: what is news, what is stale, and how it recovers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from exo.mkt import FeedState, Quote, Trade
from exo.venue.binance.dialect import BinanceDialect
from exo.venue.bitmex.dialect import BitmexDialect
from exo.venue.coinbase.dialect import CoinbaseDialect
from exo.venue.feed import LiveFeed
from exo.venue.frames import Level, Levels, Pooled
from exo.venue.heard import Heard
from exo.venue.levels import Depth, Pools
from exo.venue.network import Kind, Message, Refused, Unreachable
from exo.venue.numbering import Numbering
from tests.contract.helpers import settled, virtual
from tests.venue.wire.scripted import Scripted, ScriptedNetwork, Told

D = Decimal
LIVE, GAP, SILENT, DOWN = FeedState.LIVE, FeedState.GAP, FeedState.SILENT, FeedState.DOWN
A, B = "AAAUSDT.BINANCE", "BBBUSDT.BINANCE"


def ticker(name: str = "AAAUSDT", u: int = 1, bid: object = "1.5", ask: object = "1.6") -> dict[str, Any]:
    return {"u": u, "s": name, "b": str(bid), "B": "2", "a": str(ask), "A": "3"}


def printed(t: int, name: str = "AAAUSDT") -> dict[str, Any]:
    return {"e": "trade", "E": 1, "s": name, "t": t, "p": "1.5", "q": "2", "T": 1000, "m": True, "M": True}


class Live:
    """A feed of Binance's with its network and its sink."""

    def __init__(self, dialect: Any) -> None:
        self.network = ScriptedNetwork()
        self.told = Told()
        self.feed = LiveFeed(dialect, self.network)
        self.feed.connect(self.told)

    @property
    def venue(self) -> Scripted:
        return self.network.last

    async def subscribed(self, *symbols: str) -> None:
        """Subscribe, and have the venue confirm."""
        for symbol in symbols:
            self.feed.subscribe(symbol)
        await settled()
        self.confirm()
        await settled()

    def confirm(self) -> None:
        """Answer what has been asked of Binance and not been answered."""
        self.venue.tell(*({"result": None, "id": sent["id"]} for sent in self.venue.sent))


@asynccontextmanager
async def live(dialect: Any = None) -> AsyncIterator[Live]:
    here = Live(dialect or BinanceDialect("wss://x/ws"))
    try:
        yield here
    finally:
        await here.feed.close()


@virtual
async def test_a_symbol_is_down_until_it_is_subscribed_and_then_live() -> None:
    """One message for both of its streams; its data comes under its own name."""
    async with live() as here:
        here.feed.subscribe(A)
        await settled()
        [request] = here.venue.sent
        assert (request["method"], request["params"]) == ("SUBSCRIBE", ["aaausdt@bookTicker", "aaausdt@trade"])
        assert here.told.states(A) == [DOWN]
        here.confirm()
        here.venue.tell(ticker(), printed(7))
        await settled()
        assert here.told.states(A) == [DOWN, LIVE]
        assert [quote.symbol for quote in here.told.quotes] == [A] and here.told.trades == ["7"]


@virtual
async def test_all_frames_of_a_read_are_pushed_and_then_delivered_once() -> None:
    """The time is that of the read."""
    async with live() as here:
        await here.subscribed(A)
        here.told.all.clear()
        await asyncio.sleep(1)
        here.venue.tell(*(ticker(u=u) for u in range(2, 52)))
        await settled()
        assert here.told.all.index(None) == 50 and here.told.all.count(None) == 1
        assert len({quote.received_ns for quote in here.told.quotes}) == 1


@virtual
async def test_a_huge_read_is_cut_and_the_loop_has_its_turn() -> None:
    """Its end does not wait for all of its beginning, and keeps its age."""
    async with live() as here:
        await here.subscribed(A)
        here.told.all.clear()
        here.venue.tell(*(ticker(u=u) for u in range(2, 3002)))
        seen = []
        for _ in range(20):
            await asyncio.sleep(0)
            seen.append(len(here.told.quotes))
        assert {1024, 2048, 3000} <= set(seen)
        delivered = [i for i, each in enumerate(here.told.all) if each is None]
        assert len(here.told.quotes) == 3000 and len(delivered) >= 3000 // 128 and delivered[0] <= 128
        assert len({quote.received_ns for quote in here.told.quotes}) == 1


@virtual
async def test_a_gap_in_the_trades_is_told_and_over_with_the_next_quote() -> None:
    """A missing trade that comes late is news all the same; one that came before is none."""
    async with live() as here:
        await here.subscribed(A)
        here.venue.tell(printed(7), printed(9), printed(9), printed(7))
        await settled()
        assert here.told.states(A)[-1] is GAP and here.told.trades == ["7", "9"]
        assert "9" in here.told.text(A)
        here.venue.tell(ticker(), printed(8))
        await settled()
        assert here.told.trades == ["7", "9", "8"] and here.told.states(A)[-1] is LIVE
        assert here.feed.counts["gap"] == 1 and here.feed.counts["trade again"] == 2


@virtual
async def test_a_quote_that_a_newer_one_has_overtaken_is_none() -> None:
    """Nor is one that comes twice."""
    async with live() as here:
        await here.subscribed(A)
        here.venue.tell(ticker(u=5, bid="1.5"), ticker(u=4, bid="1.4"), ticker(u=5, bid="1.5"), ticker(u=6, bid="1.3"))
        await settled()
        assert [quote.bid_px for quote in here.told.quotes] == [D("1.5"), D("1.3")]
        assert here.feed.counts["old quote"] == 2


@virtual
async def test_a_quiet_symbol_on_a_healthy_connection_is_never_stale() -> None:
    """Pongs are a sign of life."""
    async with live(BinanceDialect("wss://x/ws", heartbeat_s=10)) as here:
        await here.subscribed(A)
        await asyncio.sleep(1800)
        assert here.told.states(A) == [DOWN, LIVE] and 300 <= here.venue.pings <= 400
        assert len(here.network.connections) == 1


@virtual
async def test_a_connection_that_is_half_open_is_noticed_within_its_heartbeat() -> None:
    """SILENT, then a new connection, then LIVE again; the old one is closed."""
    async with live(BinanceDialect("wss://x/ws", heartbeat_s=10)) as here:
        await here.subscribed(A)
        here.venue.tell(ticker())
        await settled()
        first = here.venue
        first.deaf = True
        await asyncio.sleep(9.9)
        assert here.told.states(A)[-1] is LIVE
        await asyncio.sleep(0.2)
        assert here.told.states(A)[-1] is SILENT and first.closed and here.feed.counts["silent"] == 1
        await asyncio.sleep(1)
        here.confirm()
        here.venue.tell(ticker(u=1))  # numbers may begin anew
        await settled()
        assert here.told.states(A)[-1] is LIVE and len(here.told.quotes) == 2


@virtual
async def test_a_lost_connection_is_told_and_comes_again_with_all_subscriptions() -> None:
    """After a pause that grows from failure to failure and is never twice the same."""
    async with live() as here:
        await here.subscribed(A, B)
        here.network.errors.extend(Unreachable("wss://x/ws", "no route") for _ in range(8))
        here.venue.end(1001, "going away")
        await settled()
        assert here.told.states(A)[-1] is DOWN and "going away" in here.told.text(A)
        while len(here.network.connections) == 1:
            await asyncio.sleep(1)
        await settled()
        pauses = [b - a for a, b in zip(here.network.tried_ns[1:], here.network.tried_ns[2:], strict=False)]
        assert len(here.network.connections) == 2 and len(pauses) == 8
        assert pauses[-1] > 10 * pauses[0] and max(pauses) <= 30e9 and len(set(pauses)) == 8
        here.confirm()
        await settled()
        params = [topic for sent in here.venue.sent for topic in sent["params"]]
        assert sorted(params) == ["aaausdt@bookTicker", "aaausdt@trade", "bbbusdt@bookTicker", "bbbusdt@trade"]
        assert here.told.states(B)[-1] is LIVE


@virtual
async def test_what_a_venue_says_of_when_to_come_again_is_kept() -> None:
    """Not a second earlier."""
    async with live() as here:
        here.network.errors.append(Refused("wss://x/ws", 429, "too many", 60.0))
        here.feed.subscribe(A)
        await asyncio.sleep(59.9)
        assert len(here.network.tried_ns) == 1 and "429" in here.told.text(A)
        await asyncio.sleep(0.2)
        assert len(here.network.tried_ns) == 2


@virtual
async def test_one_bad_symbol_does_not_end_the_others() -> None:
    """They are asked for again one by one; the bad one stays down with the venue's words, and is tried again later."""
    async with live() as here:
        for symbol in (A, B):
            here.feed.subscribe(symbol)
        await settled()
        [both] = here.venue.sent
        assert len(both["params"]) == 4
        here.venue.tell({"error": {"code": 2, "msg": "Invalid request"}, "id": both["id"]})
        await asyncio.sleep(2)
        one, other = here.venue.sent[1:]
        assert one["params"][0].startswith("aaa") and other["params"][0].startswith("bbb")
        here.venue.tell({"result": None, "id": one["id"]}, {"error": {"code": 2, "msg": "no such"}, "id": other["id"]})
        await asyncio.sleep(2)
        assert here.told.states(A)[-1] is LIVE and here.told.states(B)[-1] is DOWN
        assert "no such" in here.told.text(B)
        await asyncio.sleep(30)
        assert here.venue.sent[-1]["params"][0].startswith("bbb") and len(here.venue.sent) == 4
        here.confirm()
        await settled()
        assert here.told.states(B)[-1] is LIVE


@virtual
async def test_a_subscription_that_is_never_answered_is_asked_for_again() -> None:
    """It stays down meanwhile."""
    async with live() as here:
        here.feed.subscribe(A)
        await asyncio.sleep(11)
        assert "not answered" in here.told.text(A)
        await asyncio.sleep(31)
        assert len(here.venue.sent) == 2


@virtual
async def test_subscriptions_keep_to_the_venues_rate() -> None:
    """250 symbols, 100 in a message, four messages a second."""
    async with live() as here:
        for number in range(450):
            here.feed.subscribe(f"S{number}USDT.BINANCE")
        await asyncio.sleep(0.5)
        assert len(here.venue.sent) == 4
        await asyncio.sleep(1)
        assert len(here.venue.sent) == 5 and len(here.venue.sent[-1]["params"]) == 100


@virtual
async def test_unsubscribing_is_told_to_the_venue_and_the_last_ends_the_connection() -> None:
    """What still comes of it is nobody's news."""
    async with live() as here:
        await here.subscribed(A, B)
        await here.feed.unsubscribe(B)
        await settled()
        assert here.venue.sent[-1]["method"] == "UNSUBSCRIBE"
        here.venue.tell(ticker("BBBUSDT"), ticker())
        await settled()
        assert [quote.symbol for quote in here.told.quotes] == [A] and here.feed.counts["Stray"] == 1
        await here.feed.unsubscribe(A)
        assert here.venue.closed


@virtual
async def test_to_subscribe_twice_changes_nothing() -> None:
    """No status, and no message to the venue; after the feed was closed it is a new beginning."""
    async with live() as here:
        await here.subscribed(A)
        here.feed.subscribe(A)
        await settled()
        assert here.told.states(A) == [DOWN, LIVE] and len(here.venue.sent) == 1
        await here.feed.close()
        await here.subscribed(A)
        assert here.told.states(A) == [DOWN, LIVE, DOWN, LIVE] and len(here.network.connections) == 2


@virtual
async def test_what_is_unsubscribed_and_at_once_subscribed_again_is_asked_for_anew() -> None:
    """What the venue said in between was not looked at, so that it is LIVE only when the venue confirms it again."""
    async with live() as here:
        await here.subscribed(A, B)
        await here.feed.unsubscribe(A)
        here.feed.subscribe(A)
        assert here.told.states(A) == [DOWN, LIVE, DOWN]
        await asyncio.sleep(2)
        assert [sent["method"] for sent in here.venue.sent] == ["SUBSCRIBE", "UNSUBSCRIBE", "SUBSCRIBE"]
        assert here.told.states(A) == [DOWN, LIVE, DOWN]
        here.confirm()
        await settled()
        assert here.told.states(A) == [DOWN, LIVE, DOWN, LIVE] and here.told.states(B) == [DOWN, LIVE]


@virtual
async def test_pings_of_the_venue_are_answered_with_their_payload() -> None:
    """Binance ends a connection that does not."""
    async with live() as here:
        await here.subscribed(A)
        here.venue._told.append(Message(Kind.PING, b"17"))
        here.venue._news.set()
        await settled()
        assert here.venue.pongs == [b"17"]


@virtual
async def test_a_rollover_leaves_no_gap_and_tells_nothing_twice() -> None:
    """Both connections live for a while; trades of both count once, quotes of the first until the second has all."""
    async with live(BinanceDialect("wss://x/ws", lifetime_s=3600 / 4)) as here:
        await here.subscribed(A)
        first = here.venue
        first.tell(ticker(u=1), printed(1))
        await asyncio.sleep(901)
        second = here.venue
        assert second is not first and not first.closed
        second.tell(ticker(u=9))
        await settled()
        first.tell(ticker(u=2), printed(2))
        second.tell({"result": None, "id": second.sent[0]["id"]}, printed(2), ticker(u=2))
        first.tell(printed(3))
        second.tell(printed(3), printed(4))
        await asyncio.sleep(1)
        assert first.closed and not second.closed and here.feed.counts["rolled over"] == 1
        second.tell(ticker(u=3), printed(5))
        await settled()
        assert here.told.quotes[1].rpt_seq == 2  # not the second's, which came before it
        assert here.told.trades == ["1", "2", "3", "4", "5"] and here.told.states(A) == [DOWN, LIVE]
        assert [quote.rpt_seq for quote in here.told.quotes] == [1, 2, 3]


@virtual
async def test_a_rollover_waits_until_the_first_connection_has_caught_up() -> None:
    """The second may be ahead of it; what the first was sent before is told by it alone, and then the second's."""
    async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
        await here.subscribed(A)
        first = here.venue
        first.tell(ticker(u=1), printed(1))
        await asyncio.sleep(901)
        first.deaf = True
        here.confirm()
        here.venue.tell(printed(4), ticker(u=4))
        asked = first.pings
        await asyncio.sleep(1)
        assert first.pings == asked + 1 and not first.closed
        first.tell(printed(2), printed(3))
        first.deaf = False
        await first.ping()  # as if it had been answered only now
        await asyncio.sleep(1)
        assert first.closed and here.feed.counts["gap"] == 0
        assert here.told.trades == ["1", "2", "3", "4"] and here.told.states(A) == [DOWN, LIVE]


@virtual
async def test_a_rollover_that_fails_leaves_the_first_connection_alone() -> None:
    """It is tried again; a symbol that the second never confirms keeps the first."""
    async with live(BinanceDialect("wss://x/ws", lifetime_s=900)) as here:
        await here.subscribed(A)
        first = here.venue
        here.network.errors.append(Unreachable("wss://x/ws", "no route"))
        await asyncio.sleep(920)
        assert len(here.network.connections) == 2 and not first.closed
        await asyncio.sleep(15)
        assert here.network.connections[1].closed and not first.closed  # not ready in time
        here.confirm()
        await asyncio.sleep(1)
        assert first.closed and here.told.states(A) == [DOWN, LIVE]


@virtual
async def test_a_venue_that_says_it_will_end_is_left_in_good_time() -> None:
    """As with a lifetime."""
    async with live() as here:
        await here.subscribed(A)
        first = here.venue
        first.tell({"e": "serverShutdown", "E": 1})
        await settled()
        assert here.venue is not first
        here.confirm()
        await asyncio.sleep(1)
        assert first.closed and here.told.states(A) == [DOWN, LIVE]


@virtual
async def test_bad_frames_are_counted_kept_and_survived() -> None:
    """The data after them is as good as before."""
    async with live() as here:
        await here.subscribed(A)
        here.venue.tell(b"<html>", b"\xff", b'{"u":', {"e": "new thing"}, ticker())
        await settled()
        assert here.feed.counts["Bad"] == 3 and here.feed.counts["Other"] == 1 and len(here.told.quotes) == 1
        assert [type(problem).__name__ for problem in here.feed.problems] == ["Bad"] * 3
        assert here.told.states(A) == [DOWN, LIVE, GAP, LIVE]  # any of them may have been its quote
        here.venue.tell(printed(1) | {"p": "x"}, ticker("BBBUSDT") | {"b": "x"})  # these are not
        await settled()
        assert here.told.states(A) == [DOWN, LIVE, GAP, LIVE] and here.feed.counts["Bad"] == 5
        here.venue.tell(ticker() | {"b": "x"})
        await settled()
        assert here.told.states(A)[-1] is GAP and "could not be read" in here.told.text(A)


SNAPSHOT = {
    "type": "snapshot",
    "product_id": "X-USD",
    "bids": [["10", "1"], ["9", "2"]],
    "asks": [["11", "3"], ["12", "4"]],
}


def update(*changes: list[str]) -> dict[str, Any]:
    return {"type": "l2update", "product_id": "X-USD", "changes": list(changes), "time": "2024-01-01T00:00:00Z"}


def match(trade_id: int, kind: str = "match") -> dict[str, Any]:
    return {
        "type": kind,
        "trade_id": trade_id,
        "side": "sell",
        "size": "2",
        "price": "10",
        "product_id": "X-USD",
        "sequence": trade_id,
        "time": "2024-01-01T00:00:00Z",
    }


def beat(trade_id: int) -> dict[str, Any]:
    return {"type": "heartbeat", "product_id": "X-USD", "last_trade_id": trade_id, "sequence": 1, "time": "x"}


def subscriptions(*channels: str) -> dict[str, Any]:
    return {"type": "subscriptions", "channels": [{"name": name, "product_ids": ["X-USD"]} for name in channels]}


ALL = subscriptions("level2_batch", "matches", "heartbeat")


@virtual
async def test_coinbases_touch_comes_of_its_levels_and_is_live_once_they_are_whole() -> None:
    """A change of what lies deeper is no quote; an empty side has no price."""
    async with live(CoinbaseDialect("wss://x")) as here:
        here.feed.subscribe("X-USD.COINBASE")
        await settled()
        [request] = here.venue.sent
        assert request["channels"] == ["level2_batch", "matches", "heartbeat"] and request["product_ids"] == ["X-USD"]
        here.venue.tell(update(["buy", "9.5", "1"]), ALL)
        await settled()
        assert here.told.states("X-USD.COINBASE") == [DOWN] and here.told.quotes == []
        here.venue.tell(update(["buy", "9.5", "1"]), SNAPSHOT, update(["buy", "9", "5"]), update(["buy", "10.5", "7"]))
        here.venue.tell(
            update(["buy", "10.5", "0"], ["sell", "11", "1"]), update(["sell", "11", "0"], ["sell", "12", "0"])
        )
        await settled()
        assert here.told.states("X-USD.COINBASE") == [DOWN, LIVE]
        touches = [(q.bid_px, q.bid_size, q.ask_px, q.ask_size) for q in here.told.quotes]
        assert touches == [(10, 1, 11, 3), (D("10.5"), 7, 11, 3), (10, 1, 11, 1), (10, 1, None, None)]


@virtual
async def test_a_gap_at_coinbase_lasts_until_the_levels_are_whole_again() -> None:
    """They are subscribed anew; a trade that a heartbeat has known for a second is missing too."""
    symbol = "X-USD.COINBASE"
    async with live(CoinbaseDialect("wss://x")) as here:
        here.feed.subscribe(symbol)
        await settled()
        here.venue.tell(ALL, match(6, "last_match"), SNAPSHOT, match(7), beat(8), match(8), beat(9))
        await settled()
        assert here.told.states(symbol)[-1] is LIVE and here.told.trades == ["7", "8"]
        here.venue.tell(beat(9))
        await settled()
        assert here.told.states(symbol)[-1] is GAP
        await asyncio.sleep(1)
        assert [sent["type"] for sent in here.venue.sent] == ["subscribe", "unsubscribe", "subscribe"]
        before = len(here.told.quotes)
        here.venue.tell(update(["buy", "10.5", "7"]))
        await settled()
        assert len(here.told.quotes) == before  # nothing is built on what may be broken
        here.venue.tell(ALL, match(9, "last_match"), SNAPSHOT)
        await settled()
        assert here.told.states(symbol)[-1] is LIVE and len(here.told.quotes) == before + 1


@virtual
async def test_coinbase_refuses_a_product_and_the_others_are_asked_for_again() -> None:
    """The venue subscribes to nothing of a message with a bad product in it."""
    async with live(CoinbaseDialect("wss://x")) as here:
        here.feed.subscribe("X-USD.COINBASE")
        here.feed.subscribe("NO-USD.COINBASE")
        await settled()
        reason = "NO-USD is not a valid product"
        here.venue.tell({"type": "error", "message": "Failed to subscribe", "reason": reason})
        await asyncio.sleep(1)
        assert reason in here.told.text("NO-USD.COINBASE")
        assert here.venue.sent[-1]["product_ids"] == ["X-USD"]
        here.venue.tell(ALL, SNAPSHOT)
        await settled()
        assert here.told.states("X-USD.COINBASE")[-1] is LIVE


def row(bid: float, ask: float, pool: str | None = None, size: int = 5) -> dict[str, Any]:
    base = {"timestamp": "2024-01-01T00:00:00.000Z", "symbol": "XBTUSD", "bidSize": size, "bidPrice": bid}
    return base | {"askPrice": ask, "askSize": size} | ({} if pool is None else {"pool": pool})


@virtual
async def test_bitmex_confirms_topic_by_topic_and_its_pools_make_one_touch() -> None:
    """The best of any pool, and what stands there in all of them; a partial of trades is no trade."""
    symbol = "XBTUSD.BITMEX"
    async with live(BitmexDialect("wss://x")) as here:
        here.feed.subscribe(symbol)
        await settled()
        assert here.venue.sent == [{"op": "subscribe", "args": ["quote:XBTUSD", "trade:XBTUSD"]}]
        here.venue.tell({"info": "Welcome"}, {"success": True, "subscribe": "quote:XBTUSD", "request": {}})
        await settled()
        assert here.told.states(symbol) == [DOWN]
        trade = {"timestamp": "2024-01-01T00:00:00.000Z", "symbol": "XBTUSD", "side": "Buy", "size": 1, "price": 2}
        here.venue.tell(
            {"success": True, "subscribe": "trade:XBTUSD", "request": {}},
            {"table": "trade", "action": "partial", "data": [trade | {"trdMatchID": "a"}]},
            {"table": "quote", "action": "insert", "data": [row(10, 13, "Primary"), row(11, 14, "Secondary")]},
            {"table": "quote", "action": "insert", "data": [row(11, 13, "Primary", 7)]},
            {"table": "trade", "action": "insert", "data": [trade | {"trdMatchID": i} for i in "bcb"]},
        )
        await settled()
        assert here.told.states(symbol) == [DOWN, LIVE] and here.told.trades == ["b", "c"]
        touches = [(q.bid_px, q.bid_size, q.ask_px, q.ask_size) for q in here.told.quotes]
        assert touches == [(10, 5, 13, 5), (11, 5, 13, 5), (11, 12, 13, 7)]


@virtual
async def test_with_listings_a_symbol_that_is_not_listed_is_down_and_asks_for_nothing() -> None:
    """Binance would confirm it and then say nothing."""
    network, told = ScriptedNetwork(), Told()
    feed = LiveFeed(BinanceDialect("wss://x/ws"), network, {})
    feed.connect(told)
    feed.subscribe(A)
    await settled()
    assert told.text(A) == "BINANCE does not list it" and network.connections == []


@pytest.mark.parametrize("dialect", [BinanceDialect("wss://x"), BitmexDialect("wss://x"), CoinbaseDialect("wss://x")])
@virtual
async def test_a_feed_that_is_closed_leaves_nothing_behind(dialect: Any) -> None:
    """No task, no timer that does anything, no open connection."""
    async with live(dialect) as here:
        for number in range(5):
            here.feed.subscribe(f"S{number}")
        await asyncio.sleep(3)
    assert all(connection.closed for connection in here.network.connections)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@virtual
async def test_what_is_refused_is_tried_again_ever_more_seldom_until_it_is_taken_once() -> None:
    """After 30 s, then 60; and after it was live for a while, after 30 again."""
    async with live() as here:
        here.feed.subscribe(A)
        await settled()

        async def refuse() -> None:
            here.venue.tell({"error": {"code": 2, "msg": "no"}, "id": here.venue.sent[-1]["id"]})
            await settled()

        for pause_s in (30, 60):
            sent = len(here.venue.sent)
            await refuse()
            await asyncio.sleep(pause_s - 1)
            assert len(here.venue.sent) == sent
            await asyncio.sleep(1.5)
            assert len(here.venue.sent) == sent + 1
        here.confirm()
        await settled()
        assert here.told.states(A)[-1] is LIVE
        here.venue.end()
        await asyncio.sleep(1)
        await refuse()
        await asyncio.sleep(31)
        assert len(here.venue.sent) == 2


@virtual
async def test_the_receive_time_is_that_of_the_read_and_not_of_the_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that moves on with each look shows who looks."""

    class Ticking:
        now = 0

        def now_ns(self) -> int:
            self.now += 1
            return self.now

    monkeypatch.setattr("exo.venue.feed.current_clock", Ticking)
    async with live() as here:
        await here.subscribed(A)
        here.venue.tell(*(ticker(u=u) for u in range(2, 12)))
        await settled()
        assert len(here.told.quotes) == 10 and len({quote.received_ns for quote in here.told.quotes}) == 1


def test_what_is_remembered_of_numbers_is_bounded() -> None:
    """A gap of a million is a gap, and costs no more than a thousand; ids that are no numbers likewise."""
    numbering, counter = Numbering(True), Heard()
    assert numbering.trade(trade_of(1), counter) == (True, False)
    for number in range(1, 50):
        assert numbering.trade(trade_of(number * 1_000_000), counter) == (True, True)
    assert len(numbering._missing) <= 1000
    assert numbering.trade(trade_of(49_000_000 - 1), counter) == (True, False)
    assert numbering.trade(trade_of(49_000_000 - 1), counter) == (False, False)
    names = Numbering(False)
    for number in range(5000):
        assert names.trade(trade_of(number), counter) == (True, False)
    assert len(names._seen) <= 1000 and names.trade(trade_of(4999), counter) == (False, False)


def trade_of(number: int) -> Trade:
    return Trade(A, D(1), D(1), trade_id=str(number))


def test_levels_without_a_whole_have_no_touch() -> None:
    """Nothing is built on changes alone."""
    depth = Depth()
    change = Levels(A, (Level(D(1), D(1)),), (), False, 1)
    assert depth.take(change) is None
    quote = depth.take(change._replace(whole=True))
    assert quote is not None and (quote.bid_px, quote.ask_px) == (1, None)
    assert depth.take(change) is None  # it changes nothing


def test_a_touch_that_is_aggregated_already_takes_the_place_of_the_pools() -> None:
    """Their quotes are older."""
    pools = Pools()
    quote = Quote(A, D(10), D(1), D(11), D(1), 1)
    pools.take(Pooled("Primary", quote))
    whole = Quote(A, D(8), D(1), D(12), D(1), 2)
    assert pools.take(Pooled("Aggregated", whole)) is whole
    later = Quote(A, D(7), D(1), D(13), D(1), 3)
    assert pools.take(Pooled("Secondary", later)).bid_px == 7
    unknown = Quote(A, D(7), None, D(13), D(1), 4)
    assert pools.take(Pooled("Primary", unknown)).bid_size is None
