"""RandomWalk: a synthetic market, drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from exo.errors import InvalidValue
from exo.flow import VIRTUAL_START_NS, seeded
from exo.mkt import Quote, Side, Trade

_CENT: Final = Decimal("0.01")
_CALM, _BURST = 0.5, 6.0  # times the average rate
_CALM_S, _BURST_S = 5.0, 0.5  # how long each lasts, on average
_STORM: Final = 20.0  # times the average rate


class RandomWalk:
    """Quotes and trades of some symbols, `rate` a second on average, calm most of the time and in bursts.

    Each price takes a walk in cents, with one to three cents between bid and ask; one tick in five is a trade at
    either. A `storm`, (from, until) in seconds, has 20 times the rate. Every iteration gives the same ticks, received
    from `start_ns` on.
    """

    def __init__(
        self,
        symbols: Sequence[str] = ("A",),
        *,
        seconds: float = 60.0,
        rate: float = 100.0,
        seed: int = 0,
        storm: tuple[float, float] | None = None,
        start_ns: int = VIRTUAL_START_NS,
    ) -> None:
        if not symbols:
            raise InvalidValue("symbols", "expected at least one")
        for name, value in (("seconds", seconds), ("rate", rate)):
            if not 0 < value < float("inf"):
                raise InvalidValue(name, f"expected more than 0, got {value}")
        self.symbols = tuple(symbols)
        self.seconds = seconds
        self.rate = rate
        self.seed = seed
        self.storm = storm or (0.0, 0.0)
        self.start_ns = start_ns

    def __iter__(self) -> Iterator[Quote | Trade]:
        rng = seeded(self.seed)
        walks = [_Walk(symbol, rng.randrange(2_000, 50_000)) for symbol in self.symbols]
        for walk in walks:  # every market opens with a quote
            yield walk.quote(rng.randint(1, 50), rng.randint(1, 50), self.start_ns)
        at_s, until_s, bursting = 0.0, 0.0, True
        while True:
            if at_s >= until_s:
                bursting = not bursting
                until_s = at_s + rng.expovariate(1 / (_BURST_S if bursting else _CALM_S))
            storming = self.storm[0] <= at_s < self.storm[1]
            at_s += rng.expovariate(self.rate * (_STORM if storming else _BURST if bursting else _CALM))
            if at_s >= self.seconds:
                return
            at_ns = self.start_ns + int(at_s * 1e9)
            walk = rng.choice(walks)
            if rng.random() < 0.2:
                yield walk.trade(rng.choice((Side.BUY, Side.SELL)), rng.randint(1, 20), at_ns)
            else:
                walk.bid = max(1, walk.bid + rng.choice((-1, 0, 0, 1)))
                walk.spread = rng.choice((1, 1, 1, 2, 3))
                yield walk.quote(rng.randint(1, 50), rng.randint(1, 50), at_ns)


class _Walk:
    """One symbol's market, in cents."""

    def __init__(self, symbol: str, bid: int) -> None:
        self.symbol = symbol
        self.bid = bid
        self.spread = 1

    def quote(self, bid_size: int, ask_size: int, at_ns: int) -> Quote:
        bid_px, ask_px = self.bid * _CENT, (self.bid + self.spread) * _CENT
        return Quote(self.symbol, bid_px, Decimal(bid_size * 100), ask_px, Decimal(ask_size * 100), at_ns)

    def trade(self, aggressor: Side, lots: int, at_ns: int) -> Trade:
        px = (self.bid + (self.spread if aggressor is Side.BUY else 0)) * _CENT
        return Trade(self.symbol, px, Decimal(lots * 100), aggressor, at_ns)
