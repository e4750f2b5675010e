"""Coinbase Exchange: its WebSocket feed and its list of products.

Sources: docs.cdp.coinbase.com/exchange/websocket-feed (channels, rate-limits), recorded frames. Its words for broken
JSON, an unknown type and too many messages are made up: only their shape is documented.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from exo.flow.clock import Rng
from exo.mkt import Listing, Quote, Side, Trade
from exo.testing.exchange.dialects import coinbase_wire as wire
from exo.testing.exchange.dialects.dialect import (
    Dialect,
    End,
    Pace,
    Refusal,
    Reply,
    Said,
    Talk,
    Tick,
    compact,
    heard,
)
from exo.testing.exchange.dialects.documents import coinbase_products
from exo.testing.exchange.dialects.levels import Change, Levels
from exo.testing.exchange.dialects.numbers import guid

CHANNELS = ("ticker", "matches", "level2", "level2_batch", "heartbeat")
_MESSAGES, _WITHIN_S = 100, 1.0
_BATCH_S = 0.05  # how often level2_batch speaks


class Coinbase(Dialect):
    """Coinbase Exchange.

    A `modern` one says `account_ids` in its acknowledgements and calls level2_batch level2_50, as since 2023; without
    it acknowledgements are those recorded in 2021. `locked` refuses level2 to all, for no one is logged in here.
    """

    name: ClassVar[str] = "coinbase"
    beat_every_s = 1.0
    hold_s = _BATCH_S

    def __init__(self, *, modern: bool = True, locked: bool = False) -> None:
        super().__init__()
        self.modern = modern
        self.locked = locked
        self.products: dict[str, Product] = {}

    def open(self, listings: dict[str, Listing], rng: Rng) -> None:
        """Begin to trade these."""
        super().open(listings, rng)
        self.products = {symbol: Product(symbol, listing, rng) for symbol, listing in listings.items()}

    def talk(self, path: str) -> Talk | Refusal:
        """The feed is at the root."""
        if path.partition("?")[0] in ("", "/"):
            return CoinbaseTalk(self)
        return Refusal(404, b'{"message":"NotFound"}')

    def tell(self, ticks: Sequence[Tick], now_ns: int, wanted: Container[str]) -> Iterable[Said]:
        """Frames of each tick, in order."""
        for tick in ticks:
            product = self.products[tick.symbol]
            if isinstance(tick, Quote):
                yield from product.quoted(tick, now_ns, wanted)
            else:
                yield from product.traded(tick, now_ns)

    @property
    def held(self) -> bool:
        """Whether level2_batch has something to say."""
        return any(product.batch for product in self.products.values())

    def flush(self, now_ns: int, wanted: Container[str]) -> Iterable[Said]:
        """What level2_batch has to say."""
        for product in self.products.values():
            if product.batch:
                changes = [(side, px, size) for (side, px), size in product.batch.items()]
                product.batch = {}
                frame = wire.l2update(changes, product.listing, product.symbol, now_ns)
                yield Said(f"level2_batch:{product.symbol}", frame)

    def beat(self, now_ns: int, wanted: Container[str]) -> Iterable[Said]:
        """A heartbeat of every product."""
        for symbol, product in self.products.items():
            if f"heartbeat:{symbol}" in wanted:
                frame = wire.heartbeat(symbol, sequence=product.sequence, last_trade_id=product.trade_id, at_ns=now_ns)
                yield Said(f"heartbeat:{symbol}", frame, data=False)

    def document(self, path: str, now_ns: int) -> bytes | None:
        """`/products`."""
        return coinbase_products(self.listings.values()) if path.partition("?")[0] == "/products" else None


class Product:
    """What the venue knows of one product."""

    def __init__(self, symbol: str, listing: Listing, rng: Rng) -> None:
        self.symbol = symbol
        self.listing = listing
        self.sequence = rng.randrange(10**7, 10**10)
        self.trade_id = rng.randrange(10**5, 10**8)
        self.levels = Levels(listing.tick, listing.lot)
        self.batch: dict[tuple[Side, Decimal], Decimal] = {}  # what level2_batch has yet to say
        self.ticker = b""  # the last one
        self.last_match = b""
        self._rng = rng
        self._quote: Quote | None = None
        self._day: wire.Day | None = None
        self._numbered = False

    def quoted(self, quote: Quote, now_ns: int, wanted: Container[str]) -> Iterator[Said]:
        """The touch has moved: a snapshot for who came before there was one, else changes."""
        first, self._quote = self._quote is None, quote
        self.sequence += 1
        changes: list[Change] = self.levels.follow(quote)
        if first:
            frame = self.snapshot()
            yield Said(f"level2:{self.symbol}", frame)
            yield Said(f"level2_batch:{self.symbol}", frame)
        elif changes:
            if f"level2_batch:{self.symbol}" in wanted:
                self.batch.update({(side, px): size for side, px, size in changes})
            topic = f"level2:{self.symbol}"
            if topic in wanted:
                yield Said(topic, wire.l2update(changes, self.listing, self.symbol, now_ns))

    def traded(self, trade: Trade, now_ns: int) -> Iterator[Said]:
        """A trade: a match, and a ticker where there is a touch to tell."""
        if not self._numbered and trade.trade_id is not None and trade.trade_id.isdecimal():
            self.trade_id = int(trade.trade_id) - 1
        self._numbered = True
        self.trade_id += 1
        self.sequence = max(self.sequence + 1, trade.rpt_seq or 0)
        self._day = self._day.after(trade) if self._day else wire.Day.opening(trade)
        ids = {"sequence": self.sequence, "trade_id": self.trade_id, "at_ns": now_ns}
        orders = {"maker_order_id": self._order_id(), "taker_order_id": self._order_id()}
        self.last_match = wire.match(trade, kind="last_match", **ids, **orders)  # type: ignore[arg-type]
        yield Said(f"matches:{self.symbol}", self.last_match.replace(b"last_match", b"match", 1))
        if self._quote is not None:
            self.ticker = wire.ticker(self._quote, trade, self._day, self.listing, **ids)
            yield Said(f"ticker:{self.symbol}", self.ticker)

    def snapshot(self) -> bytes:
        """The book as it stands, empty where there is none yet."""
        if self._quote is None:
            return b""
        return wire.snapshot(self.levels.side(Side.BUY), self.levels.side(Side.SELL), self.listing, self.symbol)

    def _order_id(self) -> str:
        return guid(self._rng)


class CoinbaseTalk(Talk):
    """One connection to the feed."""

    def __init__(self, venue: Coinbase) -> None:
        super().__init__()
        self.venue = venue
        self.pace = Pace(_MESSAGES, _WITHIN_S)

    def hear(self, data: bytes, now_ns: int) -> Reply:
        """Subscribe or unsubscribe, and say what is subscribed to."""
        if self.pace.exceeded(now_ns):
            return self.too_many(data)
        message = heard(data)
        if message is None:
            return [error("Failed to parse JSON", "Malformed JSON")]
        kind = message.get("type")
        if kind not in ("subscribe", "unsubscribe"):
            return [error(f"Type {kind} is not valid", "Type has to be either subscribe or unsubscribe")]
        asked, problems = self._asked(message)
        news = [topic for topic in asked if topic not in self.topics] if kind == "subscribe" else []
        for topic in asked:
            if kind == "subscribe":
                self.topics[topic] = None
            else:
                self.topics.pop(topic, None)
        replies: list[bytes] = [error(f"Failed to {kind}", problem) for problem in problems]
        if asked or not problems:
            replies.append(self._subscriptions())
        replies += [frame for topic in news if (frame := self._first(topic))]
        return list(replies)

    def too_many(self, data: bytes) -> Reply:
        """An error, and the connection stays."""
        return [error("Failed to subscribe", "Too many requests")]

    def maintenance(self, now_ns: int) -> tuple[list[bytes], End]:
        """The feed just closes."""
        return [], End(1001, "CloudFlare WebSocket proxy restarting")

    def _asked(self, message: dict[str, Any]) -> tuple[list[str], list[str]]:
        """The topics a message means, and the reasons why others cannot be."""
        topics: list[str] = []
        problems: dict[str, None] = {}
        for channel in message.get("channels") or ():
            if isinstance(channel, dict):
                name, symbols = channel.get("name"), channel.get("product_ids") or message.get("product_ids")
            else:
                name, symbols = channel, message.get("product_ids")
            if name not in CHANNELS:
                problems[f"{name} is not a valid channel"] = None
            elif name == "level2" and self.venue.locked:
                problems["level2, level3, and full channels now require authentication."] = None
            else:
                for symbol in symbols or ():
                    if symbol in self.venue.products:
                        topics.append(f"{name}:{symbol}")
                    else:
                        problems[f"{symbol} is not a valid product"] = None
        if not topics and not problems and message.get("type") == "subscribe":
            problems["No channels or product_ids provided"] = None
        return topics, list(problems)

    def _subscriptions(self) -> bytes:
        channels: dict[str, list[str]] = {}
        for topic in self.topics:
            name, _, symbol = topic.partition(":")
            channels.setdefault(name, []).append(symbol)
        return subscriptions(channels, modern=self.venue.modern)

    def _first(self, topic: str) -> bytes:
        name, _, symbol = topic.partition(":")
        product = self.venue.products[symbol]
        if name == "ticker":
            return product.ticker
        if name == "matches":
            return product.last_match
        return product.snapshot() if name.startswith("level2") else b""


def subscriptions(channels: dict[str, list[str]], *, modern: bool) -> bytes:
    """An acknowledgement: all that is subscribed to, by channel."""
    names = {"level2_batch": "level2_50"} if modern else {}
    rest = {"account_ids": None} if modern else {}
    told = [{"name": names.get(name, name), "product_ids": symbols} | rest for name, symbols in channels.items()]
    return compact({"type": "subscriptions", "channels": told})


def error(message: str, reason: str) -> bytes:
    """An `error` frame."""
    return compact({"type": "error", "message": message, "reason": reason})
