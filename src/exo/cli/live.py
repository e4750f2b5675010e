"""Live: orders worked on a venue's live market, and filled on paper."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from exo.cli.listed import listed
from exo.cli.voice import Say, speaking
from exo.dma import NewOrder, Refusal, ReplaceOrder, RiskGate, VenueStatus
from exo.errors import InvalidValue
from exo.flow.clock import utc
from exo.mkt import FeedStatus, Order, decode
from exo.run import Dispatcher, Event
from exo.venue import PaperVenue
from exo.venue.catalogue import Listed
from exo.venue.feed import LiveFeed
from exo.venue.known import Known
from exo.venue.onpaper import OnPaper
from exo.venue.sockets import SocketNetwork


class SayingGate(RiskGate):
    """A gate for what is listed, which says why it refuses something; once, while it goes on for the same reason."""

    def __init__(self, say: Say, **options: Any) -> None:
        super().__init__(listed_only=True, **options)
        self._say = say
        self._said: dict[str, str] = {}

    def judge(self, request: NewOrder | ReplaceOrder, *more: Any, **options: Any) -> Refusal | None:
        """As any gate."""
        refusal = super().judge(request, *more, **options)
        if refusal is not None and self._said.get(refusal.order_id) != str(refusal):
            self._said[refusal.order_id] = str(refusal)
            self._say(str(refusal))
        return refusal


class SayingMarket(OnPaper):
    """A live market with fills on paper, which says what its feed says of its data, but for its beginning."""

    def __init__(self, feed: LiveFeed, paper: PaperVenue, say: Say) -> None:
        super().__init__(feed, paper)
        self._say = say
        self._begun: set[str | None] = set()

    def on_status(self, status: FeedStatus | VenueStatus) -> None:
        """Pass it on, and say it."""
        super().on_status(status)
        if isinstance(status, FeedStatus) and status.symbol in self._begun:
            self._say(status_line(status))
        elif isinstance(status, FeedStatus):
            self._begun.add(status.symbol)


def status_line(status: FeedStatus) -> str:
    """What a feed says of its data, in one line."""
    at = utc(status.received_ns or 0).strftime("%H:%M:%S.%f")[:-3]
    return f"{at} {status.symbol} is {status.state.value}: {status.text}"


def orders_in(terms: str, order_type: type[Order], symbols: Sequence[str]) -> list[Order]:
    """One order for each symbol, of these terms as JSON; InvalidValue if they cannot be."""
    try:
        members = json.loads(terms, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("$", f"no JSON: {error}") from None
    if not isinstance(members, dict) or "symbol" in members:
        raise InvalidValue("$", "expected an object with the terms of the orders, but for the symbol")
    text = terms.strip().removesuffix("}").rstrip()
    comma = "," if members else ""
    return [decode(f'{text}{comma}"symbol":{json.dumps(symbol)}}}', order_type) for symbol in symbols]


async def run_live(
    venue: Known,
    url: str | None,
    orders: Sequence[Order],
    factory: Any,
    paper: PaperVenue,
    seconds: float | None,
    say: Say,
) -> None:
    """Work orders until all have ended, so many seconds have passed, or it is cancelled; every change is said.

    With another `url` the venue's documents are looked for there too. NotTraded for a symbol that is not listed or not
    traded, NetworkError where the venue cannot be reached.
    """
    network = SocketNetwork()
    try:
        found = await listed(network, venue, url, [order.symbol for order in orders])
        feed = LiveFeed(venue.dialect(url or venue.url), network, found)
        async with speaking(say) as voice:
            try:
                await _work(orders, factory, SayingMarket(feed, paper, voice), found, seconds, voice)
            finally:
                for problem in feed.problems:
                    voice(f"problem: {problem}")
    finally:
        await network.close()


async def _work(
    orders: Sequence[Order],
    factory: Any,
    market: OnPaper,
    found: Mapping[str, Listed],
    seconds: float | None,
    say: Say,
) -> None:
    gate = SayingGate(say, listing=lambda symbol: found[symbol].listing if symbol in found else None)
    async with Dispatcher(factory, market, gate=gate) as dispatcher:
        telling = asyncio.get_running_loop().create_task(_tell(dispatcher, say), name="exo.tell")
        for order in orders:
            dispatcher.submit(order)
        with suppress(TimeoutError):
            await asyncio.wait_for(dispatcher.all_ended(), seconds)
    await telling


def line(event: Event) -> str:
    """How an order stands, in one line."""
    at = utc(event.time_ns).strftime("%H:%M:%S.%f")[:-3]
    average = "" if event.avg_px is None else f" at {event.avg_px.normalize():f}"
    left = "" if event.leaves_qty is None else f", {event.leaves_qty:f} left"
    text = f"{at} {event.order_id} {event.order.side.name} {event.order.symbol}: {event.stage.value}"
    text += f", {event.ord_status.name}, {event.cum_qty:f} executed{average}{left}"
    if event.outcome is not None and event.outcome.error:
        text += f": {event.outcome.error}"
    return text


async def _tell(dispatcher: Dispatcher[Any], say: Say) -> None:
    said = ""
    async for event in dispatcher.events():
        text = line(event)
        if text[12:] != said[12:]:
            say(text)
        said = text
