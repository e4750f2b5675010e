"""What an outsider tried on the wire the second time: numbers, pools, sinks and notes where connections change."""

from __future__ import annotations

import asyncio
import json
import random
from decimal import Decimal
from typing import Any

import pytest

from exo.mkt import FeedState, FeedStatus, Quote, Trade
from exo.testing.exchange import At, Fault
from exo.venue.binance.dialect import BinanceDialect
from exo.venue.bitmex.dialect import BitmexDialect
from exo.venue.coinbase.dialect import CoinbaseDialect
from exo.venue.feed import LiveFeed
from exo.venue.retelling import Retelling
from exo.venue.tap import Note
from tests.contract.helpers import settled, virtual
from tests.venue.wire.scripted import ScriptedNetwork, Told
from tests.venue.wire.test_feed import ALL, SNAPSHOT, A, Live, live, match, printed, ticker
from tests.venue.wire.test_live_exchange import Played

D = Decimal
LIVE, GAP, SILENT, DOWN = FeedState.LIVE, FeedState.GAP, FeedState.SILENT, FeedState.DOWN
X = "X-USD.COINBASE"
XBT = "XBTUSD.BITMEX"


def rolling() -> BinanceDialect:
    return BinanceDialect("wss://x/ws", lifetime_s=900)


async def rolled(here: Live) -> None:
    """Have the venue say that it ends, and the successor take over."""
    before = here.feed.counts["rolled over"]
    here.venue.tell({"e": "serverShutdown", "E": 1})
    await asyncio.sleep(0.5)
    here.confirm()
    await asyncio.sleep(1)
    assert here.feed.counts["rolled over"] == before + 1


# Numbers that begin anew


@virtual
async def test_quotes_whose_numbers_begin_anew_at_a_rollover_are_followed() -> None:
    """A server that shuts down is followed by one that counts anew: the likeliest moment for it."""
    async with live(rolling()) as here:
        await here.subscribed(A)
        here.venue.tell(ticker(u=1_000_000))
        await settled()
        await rolled(here)
        for second in range(60):
            here.venue.tell(ticker(u=second + 1, bid="1.1", ask="1.2"))
            await asyncio.sleep(1)
        assert here.told.states(A)[-1] is not LIVE or here.told.quotes[-1].bid_px == D("1.1"), here.feed.counts


@virtual
async def test_trades_whose_numbers_begin_anew_at_a_rollover_are_followed() -> None:
    """Nor are they taken for old ones for ever."""
    async with live(rolling()) as here:
        await here.subscribed(A)
        here.venue.tell(ticker(u=1), printed(1_000_000))
        await settled()
        await rolled(here)
        for second in range(60):
            here.venue.tell(ticker(u=second + 2), printed(second + 1))
            await asyncio.sleep(1)
        assert here.told.trades[-1] == "60", here.told.trades


@virtual
async def test_one_wild_number_just_before_a_rollover_does_not_freeze_a_live_symbol() -> None:
    """The new connection knows nothing of it."""
    async with live(rolling()) as here:
        await here.subscribed(A)
        here.venue.tell(ticker(u=5), ticker(u=10**15))
        await settled()
        await rolled(here)
        for second in range(60):
            here.venue.tell(ticker(u=second + 6, bid="1.1", ask="1.2"))
            await asyncio.sleep(1)
        assert here.told.states(A)[-1] is not LIVE or here.told.quotes[-1].bid_px == D("1.1"), here.feed.counts


# Trades lost at a rollover


@virtual
async def test_trades_missing_before_the_successors_first_are_told_to_be() -> None:
    """The predecessor told 10, the successor's first is 15: nobody will ever tell those between."""
    async with live(rolling()) as here:
        await here.subscribed(A)
        here.venue.tell(ticker(u=1), printed(10))
        await settled()
        await rolled(here)
        here.venue.tell(printed(15), ticker(u=2))
        await settled()
        assert here.told.trades == ["10", "15"]
        assert GAP in here.told.states(A)


@virtual
async def test_a_symbol_that_waits_for_its_quote_does_not_lose_trades_at_a_rollover() -> None:
    """It is DOWN after a loss until the next quote, and its trades come all the same."""
    async with live(rolling()) as here:
        await here.subscribed(A)
        here.venue.tell(ticker(u=1))
        await settled()
        here.venue.end()
        await asyncio.sleep(2)
        here.confirm()
        here.venue.tell(printed(10))
        await settled()
        first = here.venue
        first.tell({"e": "serverShutdown", "E": 1})
        await asyncio.sleep(0.5)
        assert here.venue is not first
        for number in (11, 12, 13):  # told by the first alone: the second has not been subscribed yet
            first.tell(printed(number))
            await asyncio.sleep(0.1)
        here.confirm()
        await settled()
        here.venue.tell(printed(14), ticker(u=9))
        await asyncio.sleep(1)
        here.venue.tell(printed(15), ticker(u=10))
        await settled()
        told = here.told.trades
        assert told == ["10", "11", "12", "13", "14", "15"] or GAP in here.told.states(A), told


# Pools


@virtual
async def test_a_pools_quote_that_cannot_be_read_is_not_made_good_by_another_pools() -> None:
    """The best bid was of the pool that moved away, unread: the other's next quote says nothing of it."""
    async with live(BitmexDialect("wss://x/realtime")) as here:

        def row(pool: str, bid: Any, ask: Any) -> dict[str, Any]:
            row = {"timestamp": "2026-01-01T00:00:00.000Z", "symbol": "XBTUSD", "bidSize": 100, "bidPrice": bid}
            return {
                "table": "quote",
                "action": "insert",
                "data": [row | {"askPrice": ask, "askSize": 100, "pool": pool}],
            }

        here.feed.subscribe(XBT)
        await settled()
        for topic in ("quote:XBTUSD", "trade:XBTUSD"):
            here.venue.tell({"success": True, "subscribe": topic, "request": {}})
        here.venue.tell(row("Primary", 100.5, 101), row("Secondary", 99, 101))
        await settled()
        assert here.told.states(XBT)[-1] is LIVE and here.told.quotes[-1].bid_px == D("100.5")
        here.venue.tell(row("Primary", "soon", 101))  # it was 90
        await settled()
        assert here.told.states(XBT)[-1] is GAP
        here.venue.tell(row("Secondary", 99, 101))
        await settled()
        assert here.told.states(XBT)[-1] is not LIVE or here.told.quotes[-1].bid_px != D("100.5")


# Sinks that raise


@virtual
async def test_a_sink_that_raises_for_a_while_does_not_end_the_feed_for_ever() -> None:
    """A disk that is full for two seconds, say: the word that the data is DOWN raises as the data did."""
    async with live() as here:
        full = False
        whole = here.told.on_quote, here.told.on_status

        def on_quote(quote: Quote) -> None:
            if full:
                raise OSError(28, "No space left on device")
            whole[0](quote)

        def on_status(status: Any) -> None:
            if full:
                raise OSError(28, "No space left on device")
            whole[1](status)

        here.told.on_quote, here.told.on_status = on_quote, on_status  # type: ignore[method-assign]
        await here.subscribed(A)
        full = True
        here.venue.tell(ticker(u=1))
        await asyncio.sleep(2)
        full = False
        for u in range(2, 122):
            await asyncio.sleep(1)
            here.confirm()
            here.venue.tell(ticker(u=u, bid="1.1", ask="1.2"))
        await settled()
        assert here.told.states(A)[-1] is LIVE and here.told.quotes and here.told.quotes[-1].bid_px == D("1.1")


@virtual
async def test_a_sink_that_raises_as_a_successor_takes_over_leaves_no_connection_open() -> None:
    """What the successor has held is told then, and the first was still to be ended."""
    before = asyncio.all_tasks()
    async with live(rolling()) as here:
        await here.subscribed(A)
        here.venue.tell(ticker(u=1), printed(1))
        await settled()
        here.venue.tell({"e": "serverShutdown", "E": 1})
        await asyncio.sleep(0.5)
        whole = here.told.on_quote

        def on_quote(quote: Quote) -> None:
            here.told.on_quote = whole  # type: ignore[method-assign]
            raise ZeroDivisionError

        here.told.on_quote = on_quote  # type: ignore[method-assign]
        here.venue.tell(ticker(u=2))
        here.confirm()
        await asyncio.sleep(10)
        here.confirm()
        await asyncio.sleep(10)
        opened = [each for each in here.network.connections if not each.closed]
        assert len(opened) == 1, len(opened)
        await here.feed.close()
        assert asyncio.all_tasks() - before == set()


# Ends and beginnings


@pytest.mark.parametrize("turns", range(1, 8))
@virtual
async def test_the_last_symbol_that_ends_and_comes_back_at_once_is_live(turns: int) -> None:
    """An order ends, and another of the same symbol begins so many turns later, while the connection is closed."""
    before = asyncio.all_tasks()
    async with live() as here:
        await here.subscribed(A)
        here.venue.tell(ticker(u=1))
        await settled()
        ending = asyncio.create_task(here.feed.unsubscribe(A))
        for _ in range(turns):
            await asyncio.sleep(0)
        here.feed.subscribe(A)
        await ending
        for u in range(2, 12):
            await asyncio.sleep(1)
            here.confirm()
            here.venue.tell(ticker(u=u))
        await settled()
        assert here.told.states(A)[-1] is LIVE and here.told.quotes[-1].rpt_seq == 11
        await here.feed.close()
        assert asyncio.all_tasks() - before == set()


# Coinbase's book


@pytest.mark.parametrize(
    "torn",
    [
        {"product_id": "X-USD", "changes": [["buy", "10", "0"]], "time": "2024-01-01T00:00:00Z"},
        {"type": None, "product_id": "X-USD", "changes": [["buy", "10", "0"]], "time": "2024-01-01T00:00:00Z"},
        {"type": "l2updat", "product_id": "X-USD", "changes": [["buy", "10", "0"]], "time": "2024-01-01T00:00:00Z"},
        ["l2update", "X-USD", [["buy", "10", "0"]]],
        None,
        7,
    ],
    ids=["no type", "null type", "torn type", "list", "null", "number"],
)
@virtual
async def test_what_may_have_been_a_change_of_the_book_is_a_gap(torn: Any) -> None:
    """A frame that does not even say what it is may have been one."""
    async with live(CoinbaseDialect("wss://x")) as here:
        here.feed.subscribe(X)
        await settled()
        here.venue.tell(ALL, match(6, "last_match"), SNAPSHOT, match(7))
        await settled()
        assert here.told.states(X)[-1] is LIVE
        here.venue.tell(json.dumps(torn).encode())
        await settled()
        assert here.told.states(X)[-1] is GAP


# Retelling


def retold(notes: list[Note], dialect: Any, names: dict[str, str]) -> list[Quote | Trade]:
    again = Told()
    retelling = Retelling(dialect, names, again)
    for note in notes:
        retelling.take(note)
    return [each for each in again.all if isinstance(each, Quote | Trade)]


@virtual
async def test_a_connection_that_is_lost_before_the_venue_answers_leaves_notes_that_can_be_read() -> None:
    """Ten seconds later the request is given up; by then nobody knows that connection any more."""
    notes: list[Note] = []
    network, told = ScriptedNetwork(), Told()
    feed = LiveFeed(BinanceDialect("wss://x/ws"), network, None, notes.append)
    feed.connect(told)
    feed.subscribe(A)
    await asyncio.sleep(0.5)
    network.last.end()
    await asyncio.sleep(2)
    network.last.tell(*({"result": None, "id": sent["id"]} for sent in network.last.sent))
    for u in range(1, 30):
        network.last.tell(ticker(u=u), printed(u))
        await asyncio.sleep(1)
    await feed.close()
    ticks = [each for each in told.all if isinstance(each, Quote | Trade)]
    assert len(ticks) == 58
    assert retold(notes, BinanceDialect("wss://x/ws"), {"AAAUSDT": A}) == ticks


@virtual
async def test_a_request_given_up_on_a_connection_that_is_gone_is_no_refusal() -> None:
    """The venue has refused nothing; the symbol that it refuses later waits for the first pause, not the second."""
    async with live() as here:
        here.feed.subscribe(A)
        await asyncio.sleep(0.5)
        here.venue.end()
        await asyncio.sleep(2)
        await asyncio.sleep(20)
        assert here.feed._news.instruments["AAAUSDT"].refusals <= 1


# A model of the venue


UNDETECTED = 0.3  # s: latency both ways, Coinbase's batch, and a look in between


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("venue", ["binance", "bitmex", "coinbase"])
@virtual
async def test_whatever_happens_a_touch_that_is_live_is_the_venues(venue: str, seed: int) -> None:
    """Connections dropped, closed and refused, garbage, frames twice, rollovers, symbols that come and go.

    Each twentieth of a second the last quote told of every LIVE symbol is one that the venue showed a moment ago; each
    trade comes once, in the order of its number; GAP and DOWN end; nothing is left.
    """
    tasks = asyncio.all_tasks()
    played = Played(venue, 250, rate=20, seed=seed)
    played.dialect.habits = played.dialect.habits._replace(lifetime_s=17.0)
    rng, loop = random.Random(f"{venue} {seed}"), asyncio.get_running_loop()
    shown: dict[str, list[tuple[float, Any]]] = {symbol: [] for symbol in played.symbols}
    show = played.exchange._show

    def showing(moment: Any) -> None:
        for tick in moment:
            if isinstance(tick, Quote):
                touch = tick.bid_px, tick.bid_size, tick.ask_px, tick.ask_size
                shown[f"{tick.symbol}.{played.dialect.venue}"].append((loop.time(), touch))
        show(moment)

    played.exchange._show = showing  # type: ignore[method-assign]
    await played.subscribed()
    faults = [Fault.DROP, Fault.DUPLICATE, Fault.GARBAGE, Fault.HTML, Fault.MAINTENANCE, Fault.REFUSE, None, None]
    wanted = set(played.symbols)
    not_live_s = dict.fromkeys(played.symbols, 0.0)
    longest_s = 0.0
    next_s = loop.time()
    calm_s = loop.time() + 180
    last: dict[str, Any] = {}
    states: dict[Any, FeedState] = {}
    seen = 0
    while loop.time() < calm_s + 60:
        await asyncio.sleep(0.05)
        for each in played.told.all[seen:]:
            if isinstance(each, Quote):
                last[each.symbol] = each
            elif isinstance(each, FeedStatus):
                states[each.symbol] = each.state
        seen = len(played.told.all)
        for symbol in wanted:
            if states[symbol] is LIVE:
                quote = last[symbol]
                told = quote.bid_px, quote.bid_size, quote.ask_px, quote.ask_size
                late = shown[symbol]
                while len(late) > 1 and late[1][0] < loop.time() - UNDETECTED:
                    del late[0]
                assert told in [touch for _, touch in late], (symbol, loop.time(), told, late)
                not_live_s[symbol] = loop.time()
            longest_s = max(longest_s, loop.time() - not_live_s[symbol])
            assert longest_s < 90, [each for each in played.told.all if isinstance(each, FeedStatus)][-12:]
        if next_s <= loop.time() < calm_s:
            next_s = loop.time() + rng.uniform(0.1, 6)
            fault = rng.choice(faults)
            if fault is not None:
                at = At.NOW if fault in (Fault.DROP, Fault.MAINTENANCE) else At.MESSAGE
                played.exchange.fault(fault, at=at, hold_s=0.5, times=rng.choice([1, 1, 3]))
            else:
                symbol = rng.choice(played.symbols)
                if symbol in wanted:
                    wanted.discard(symbol)
                    await played.feed.unsubscribe(symbol)
                else:
                    wanted.add(symbol)
                    played.feed.subscribe(symbol)
                    not_live_s[symbol] = loop.time()
    for symbol in wanted:
        assert played.state(symbol) is LIVE, (symbol, played.told.text(symbol))
    for symbol in played.symbols:
        ids = [each.trade_id for each in played.told.all if isinstance(each, Trade) and each.symbol == symbol]
        assert len(ids) == len(set(ids)) > 30
        if venue != "bitmex":
            assert ids == sorted(ids, key=lambda text: int(text or 0))
    await played.close()
    await asyncio.sleep(1)
    assert asyncio.all_tasks() - tasks == set()
