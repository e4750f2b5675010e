"""Aging: how old a quote is when a delegate sees it, under overload and beside a symbol that floods."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from statistics import median
from typing import Any

import exo
from benchmarks.containers import MAKERS, OURS, filled, run
from benchmarks.rows import Row, compared, interleaved
from exo.flow import current_clock

RATE = 50_000
TWICE, THRICE = 2.0, 3.0


class Watch:
    """The age, in ns, of the quote in each call of act, for the symbols that are watched."""

    def __init__(self, symbols: set[str] | None = None) -> None:
        self.ages: list[int] = []
        self.symbols = symbols
        self.clock = current_clock()
        self.on = False

    def look(self, given: Any) -> None:
        """Note the age of what a delegate was given: exo's Update, or the Quote itself."""
        quote = given.quote if isinstance(given, exo.Update) else given
        if self.on and quote is not None and (self.symbols is None or quote.symbol in self.symbols):
            self.ages.append(self.clock.now_ns() - quote.received_ns)

    def quantiles_us(self) -> dict[str, float]:
        """Percentiles in microseconds."""
        ages = sorted(self.ages)
        shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
        return {name: ages[min(len(ages) - 1, int(len(ages) * share))] / 1e3 for name, share in shares.items()}


async def produce(dispatcher: Any, symbol: Callable[[], str], rate: int, seconds: float) -> int:
    """Push quotes at this rate, as a feed does: whatever is due since the last pass of the loop is one read."""
    px, size, tick = Decimal("61837.63"), Decimal("3.78826"), Decimal("0.01")
    clock = current_clock()
    start = time.perf_counter()
    pushed = 0
    while (elapsed := time.perf_counter() - start) < seconds:
        due = int(elapsed * rate) - pushed
        read = [
            exo.Quote(symbol(), px, size, px + tick, size, received_ns=clock.now_ns()) for _ in range(min(due, 1000))
        ]
        pushed += len(read)
        if isinstance(dispatcher, exo.Dispatcher):
            dispatcher.on_ticks(read)
        else:
            for quote in read:
                dispatcher.on_quote(quote)
        await asyncio.sleep(0)
    return pushed


async def overload(container: str, seconds: float) -> dict[str, float]:
    """A hundred delegates that take a millisecond each, and 50,000 quotes a second of their symbol."""
    watch = Watch()

    class Slow:
        def __init__(self, _: object) -> None:
            pass

        async def act(self, given: Any) -> None:
            watch.look(given)
            await asyncio.sleep(0.001)

        def clean_up(self) -> None:
            pass

    async with MAKERS[container](Slow) as dispatcher:
        await filled(dispatcher, 1, 100)
        watch.on = True
        pushed = await produce(dispatcher, lambda: "S0", RATE, seconds)
        watch.on = False
    found = watch.quantiles_us()
    found["calls"] = len(watch.ages)
    found["conflated"] = 1 - len(watch.ages) / (100 * pushed)
    found["pushed"] = pushed / (RATE * seconds)
    return found


async def flood(factor: int, seconds: float, rate: int = 50) -> dict[str, float]:
    """A hundred symbols with ten orders each, the first at so many times the rate of the others."""
    watch = Watch({f"S{number}" for number in range(1, 100)})

    class Short:
        def __init__(self, _: object) -> None:
            pass

        def act(self, update: exo.Update[Any]) -> None:
            watch.look(update)

        def clean_up(self) -> None:
            pass

    symbols = [f"S{number}" for number in range(100)]
    rng = random.Random(1)
    weights = [factor, *[1] * 99]
    drawn = iter(rng.choices(symbols, weights, k=int(sum(weights) * rate * seconds) + 10_000))
    async with exo.Dispatcher(Short) as dispatcher:
        await filled(dispatcher, 100, 10)
        watch.on = True
        await produce(dispatcher, lambda: next(drawn), sum(weights) * rate, seconds)
        watch.on = False
    return watch.quantiles_us()


def rows(quick: bool) -> Iterator[Row]:
    """Overload, the careful design as the measure; then fairness, even load as the measure."""
    seconds, rounds = (2.0, 1) if quick else (10.0, 3)
    found = interleaved({name: partial(_overload, name, seconds) for name in OURS}, rounds)
    for name, each in found.items():
        for share in ("p50", "p99", "p99.9"):
            value = median(one[share] for one in each)
            ratio = median(one[share] / base[share] for one, base in zip(each, found["careful"], strict=True))
            target = TWICE if name == "exo" and share != "p99.9" else None
            yield Row(f"overload-age-{share}", name, value, "us", ratio, target)
        yield Row("overload-conflated", name, median(one["conflated"] for one in each), "share")
        yield Row("overload-pushed", name, median(one["pushed"] for one in each), "share")
    loads = {name: partial(_flood, factor, seconds / 2) for name, factor in (("even", 1), ("flood", 100))}
    found_p99 = interleaved(loads, 3 if quick else 5)
    yield from compared("quiet-symbols-age-p99", "us", found_p99, "even", {"flood": THRICE})


def _overload(container: str, seconds: float) -> dict[str, float]:
    return run(overload(container, seconds))


def _flood(factor: int, seconds: float) -> float:
    return run(flood(factor, seconds))["p99"]
