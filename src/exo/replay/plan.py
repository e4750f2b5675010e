"""Plan: what a replay, or a live session, is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from exo.delegates import Sweep, SweepOrder
from exo.flow.delays import Delay
from exo.mkt import Order
from exo.mkt.value import Frozen
from exo.replay.account import Settings
from exo.replay.script import Script
from exo.run import Delegate, Desk
from exo.venue import PaperVenue

Factory = Callable[[Desk[Any]], Delegate[Any]]


class Plan(Frozen):
    """What a replay is asked to do.

    `orders` is how many to draw from the seed (see Arrivals), or a Script of them; `factory` makes their delegates, of
    whose `order_type` they are. A delegate is busy for `act_time` before each decision, and ticks reach the dispatcher
    `feed_latency` after the venue has them, in order. Fees are basis points. Orders that a session leaves are
    cancelled, and have the deadline to end; in a replay it is virtual time, and a delegate that keeps that from passing
    for as long in real time ends it. With `live` the market is not recorded, and time is real.
    """

    orders: int | Script = 100
    seed: int = 0
    factory: Factory = Sweep
    order_type: type[Order] = SweepOrder
    delegate: str = "exo.delegates:Sweep"
    files: tuple[str, ...] = ()
    act_time: Delay = Delay()
    feed_latency: Delay = Delay()
    venue: PaperVenue = msgspec.field(default_factory=PaperVenue)
    deadline_ns: int = 60_000_000_000
    live: bool = False

    @property
    def settings(self) -> Settings:
        """What an account tells of it."""
        return Settings(
            files=self.files,
            delegate=self.delegate,
            seed=self.seed,
            act_time_ns=(self.act_time.low_ns, self.act_time.high_ns),
            feed_latency_ns=(self.feed_latency.low_ns, self.feed_latency.high_ns),
            maker_bps=self.venue.maker_bps,
            taker_bps=self.venue.taker_bps,
            deadline_ns=self.deadline_ns,
            live=self.live,
        )
