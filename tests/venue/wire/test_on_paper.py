"""A dispatcher on a live feed, filled on paper: what its delegates see when the feed is not well."""

from __future__ import annotations

import asyncio
from typing import Any

import exo
from exo.dma import RiskGate, Rule
from exo.mkt import FeedState
from exo.run import End
from exo.venue import PaperVenue
from exo.venue.binance.dialect import BinanceDialect, usd_m
from exo.venue.feed import LiveFeed
from exo.venue.known import NoSuchVenue, known
from exo.venue.onpaper import OnPaper
from tests.contract.helpers import D, Made, buy, settled, virtual
from tests.venue.wire.scripted import ScriptedNetwork

A = "AAAUSDT.BINANCE"


def ticker(u: int, bid: str = "1.5", ask: str = "1.6") -> dict[str, Any]:
    return {"u": u, "s": "AAAUSDT", "b": bid, "B": "20", "a": ask, "A": "30"}


def confirm(network: ScriptedNetwork) -> None:
    network.last.tell(*({"result": None, "id": sent["id"]} for sent in network.last.sent))


@virtual
async def test_a_delegate_sees_a_silent_feed_the_gate_refuses_and_both_recover() -> None:
    """Noticed within the heartbeat; nothing is sent on what nobody knows."""
    network = ScriptedNetwork()
    venue = OnPaper(LiveFeed(BinanceDialect("wss://x/ws", heartbeat_s=4), network), PaperVenue())
    seen: list[Any] = []

    def act(me: Any, update: Any) -> Any:
        if update.reports:
            return
        status = me.desk.status
        seen.append((update.stale, None if status is None else status.state))
        me.desk.work(price=D("1.4"), order_qty=D(len(seen)))
        seen[-1] += (me.desk.refused,)

    made = Made(act)
    async with exo.Dispatcher(made, venue, gate=RiskGate(), exit_s=1) as d:
        d.submit(buy(A, order_qty=D(1000)))
        await settled()
        confirm(network)
        network.last.tell(ticker(1))
        await settled()
        assert seen[-1] == (False, FeedState.LIVE, None)
        network.last.deaf = True
        await asyncio.sleep(4.01)
        stale, state, refused = seen[-1]
        assert (stale, state) == (True, FeedState.SILENT)
        assert refused.rule is Rule.STALE and "nothing was heard for 4 s" in made[0].desk.status.text
        await asyncio.sleep(1)
        confirm(network)
        network.last.tell(ticker(1))
        await settled()
        assert seen[-1] == (False, FeedState.LIVE, None)


@virtual
async def test_orders_are_filled_on_paper_by_what_the_feed_tells() -> None:
    """The paper venue sees each quote first; unsubscribing follows the last order."""
    network = ScriptedNetwork()
    venue = OnPaper(LiveFeed(BinanceDialect("wss://x/ws"), network), PaperVenue())

    def act(me: Any, update: Any) -> Any:
        me.desk.work(price=D("1.55"))
        return exo.DONE if me.desk.finished else None

    async with exo.Dispatcher(Made(act), venue) as d:
        x = d.submit(buy(A, order_qty=D(10))).order_id
        await settled()
        confirm(network)
        network.last.tell(ticker(1))
        await settled()
        assert len(await venue.open_orders()) == 1
        network.last.tell(ticker(2, ask="1.55"))
        outcome = await d.ended(x)
        assert (outcome.end, outcome.cum_qty, outcome.avg_px) == (End.DONE, 10, D("1.55"))
        await settled()
        assert network.last.closed


def test_venues_are_known_by_name() -> None:
    """Each with its own suffix of symbols; another is refused with the names there are."""
    assert {known(name).dialect("wss://x").venue for name in ("binance", "binance-usdm", "bitmex", "coinbase")} == {
        "BINANCE",
        "BINANCE-USDM",
        "BITMEX",
        "COINBASE",
    }
    assert usd_m().url != BinanceDialect().url
    try:
        known("mtgox")
    except NoSuchVenue as error:
        assert "coinbase" in str(error)
    else:
        raise AssertionError


@virtual
async def test_a_feed_alone_is_told_where_to_put_its_news() -> None:
    """A dispatcher that only looks needs no venue for orders."""
    network = ScriptedNetwork()
    seen: list[Any] = []
    made = Made(lambda me, update: seen.append((update.quote and update.quote.bid_px, update.stale)))
    async with exo.Dispatcher(made, LiveFeed(BinanceDialect("wss://x/ws"), network)) as d:
        d.submit(buy(A))
        await settled()
        confirm(network)
        network.last.tell(ticker(1))
        await settled()
        assert seen[-1] == (D("1.5"), False)
