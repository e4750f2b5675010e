"""Peers: the event buses of other trading frameworks behind the same face, where they are installed.

They fan out and no more: nothing conflates, no order has a busy delegate, no fact is owed. They serve `def` delegates.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from exo import Order, Quote


class NautilusBus:
    """The message bus of nautilus_trader (Cython): `publish` has called every subscriber when it returns."""

    def __init__(self, factory: Callable[[Any], Any]) -> None:
        from nautilus_trader.common.component import MessageBus, TestClock
        from nautilus_trader.model.identifiers import TraderId

        self._bus = MessageBus(trader_id=TraderId("BENCH-1"), clock=TestClock())
        self._factory = factory
        self._topics: dict[str, str] = {}

    async def __aenter__(self) -> NautilusBus:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._bus.dispose()

    def submit(self, order: Order) -> None:
        """Subscribe a delegate to its symbol's topic."""
        topic = self._topics.setdefault(order.symbol, f"data.quotes.BENCH.{order.symbol}")
        self._bus.subscribe(topic, self._factory(order).act)

    def on_quote(self, quote: Quote) -> None:
        """Publish a quote."""
        self._bus.publish(self._topics[quote.symbol], quote)


class VnpyEngine:
    """The event engine of vnpy: a queue, and a thread that calls the handlers of each event's type."""

    def __init__(self, factory: Callable[[Any], Any]) -> None:
        from vnpy.event.engine import Event, EventEngine

        self._engine = EventEngine()
        self._event = Event
        self._factory = factory

    async def __aenter__(self) -> VnpyEngine:
        self._engine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._engine.stop()

    def submit(self, order: Order) -> None:
        """Register a delegate for its symbol's events."""
        self._engine.register(f"eTick.{order.symbol}", self._factory(order).act)

    def on_quote(self, quote: Quote) -> None:
        """Put a quote into the engine's queue."""
        self._engine.put(self._event(f"eTick.{quote.symbol}", quote))


def installed() -> dict[str, Callable[[Callable[[Any], Any]], Any]]:
    """The peers that can be measured here."""
    found: dict[str, Callable[[Callable[[Any], Any]], Any]] = {}
    if find_spec("nautilus_trader"):
        found["nautilus"] = NautilusBus
    if find_spec("vnpy"):
        found["vnpy"] = VnpyEngine
    return found
