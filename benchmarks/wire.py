"""Wire: from a socket until delegates have acted, beside a loop that only receives, and the most that either takes.

The sender is a process of its own and stamps each quote with when it was due. So there are two ages: the own one, since
the read of the socket was stamped, and the one since the frame was due, of which the sender and the kernel have a part.
A quote counts where it is handled: the bare loop handles each, exo the latest of a read, once with each delegate.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import aiohttp

import exo
from benchmarks.containers import run
from benchmarks.rows import Row, interleaved
from benchmarks.sender import Report, Sender
from exo.flow import current_clock
from exo.venue.binance.dialect import BinanceDialect
from exo.venue.feed import LiveFeed
from exo.venue.reading import told_before_waiting
from exo.venue.sockets import SocketNetwork

RATE = 20_000
NAMES = [f"S{number:02}USDT" for number in range(20)]
ORDERS = 100
WARM_S = 0.5
OLD_US = 10_000.0  # a rate is held while the own age is less than this
LATE_US, ON_PACE = 1_000.0, 0.98  # the sender keeps its pace while it is not later, and sends this much of it
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}

Taken = Callable[[], int]


class Seen:
    """How old quotes were when they were handled."""

    def __init__(self) -> None:
        self.own, self.due = array("q"), array("q")
        self._now_ns = current_clock().now_ns
        self._offset_ns = self._now_ns() - time.monotonic_ns()
        self.begun = asyncio.Event()

    def note(self, received_ns: int, due_ns: int) -> None:
        """One is handled."""
        if not self.own:
            self.begun.set()
        now_ns = self._now_ns()
        self.own.append(now_ns - received_ns)
        self.due.append(now_ns - self._offset_ns - due_ns)

    def forget(self) -> None:
        """What was noted while all was still cold does not count."""
        del self.own[:], self.due[:]


class Found(NamedTuple):
    """What a run found: ages in microseconds, frames taken per second, and how the sender fared."""

    own: dict[str, float]
    due: dict[str, float]
    taken: float
    sent: Report

    def on_pace(self, rate: float) -> bool:
        """Whether the frames came when they should, without which ages mean nothing."""
        return self.share(rate) >= ON_PACE and self.sent.late_p99_us <= LATE_US

    def share(self, rate: float) -> float:
        """How much of a rate was sent."""
        return self.sent.frames / self.sent.seconds / rate


@asynccontextmanager
async def bare(url: str, seen: Seen) -> AsyncIterator[Taken]:
    """Receive messages, with the options that exo has, and do no more than look at their stamps."""
    taken = 0
    async with (
        aiohttp.ClientSession(auto_decompress=True, trust_env=True) as session,
        session.ws_connect(url, autoping=False, max_msg_size=16 * 1024 * 1024, decode_text=False) as ws,
    ):
        await ws.send_str(BinanceDialect(url).request(NAMES, True, 1))

        async def receive() -> None:
            nonlocal taken
            now_ns, received_ns = current_clock().now_ns, 0

            def waits() -> None:
                nonlocal received_ns
                received_ns = 0

            while True:
                frame = (await told_before_waiting(ws.receive(), waits)).data
                received_ns = received_ns or now_ns()
                taken += 1
                if frame[2:3] == b"u":
                    seen.note(received_ns, int(frame[5 : frame.index(b",")]))

        receiving = asyncio.create_task(receive())
        yield lambda: taken
        receiving.cancel()


@asynccontextmanager
async def acted(url: str, seen: Seen) -> AsyncIterator[Taken]:
    """Exo: a live feed, a dispatcher, and a hundred delegates that note the age of each new quote."""

    class Noting:
        def __init__(self, _: object) -> None:
            self.last: exo.Quote | None = None

        def act(self, update: exo.Update[Any]) -> None:
            quote = update.quote
            if quote is not None and quote is not self.last:
                self.last = quote
                assert quote.received_ns is not None and quote.rpt_seq is not None
                seen.note(quote.received_ns, quote.rpt_seq)

        def clean_up(self) -> None:
            pass

    network = SocketNetwork()
    feed = LiveFeed(BinanceDialect(url), network)
    async with exo.Dispatcher(Noting, feed) as dispatcher:
        feed.connect(dispatcher)
        for number in range(ORDERS):
            dispatcher.submit(exo.Order(side=exo.Side.BUY, symbol=f"{NAMES[number % len(NAMES)]}.BINANCE"))
        yield lambda: dispatcher.totals.ticks
        assert not feed.problems, feed.problems
    await network.close()


CLIENTS = {"bare loop": bare, "exo": acted}


async def measure(client: str, rate: float, seconds: float) -> Found:
    """Receive at this rate (0: as fast as the socket gives), and look at all but the beginning."""
    seen = Seen()
    with Sender(rate, WARM_S + seconds, NAMES) as sender:
        async with CLIENTS[client](sender.url, seen) as taken, asyncio.timeout(10 + 2 * seconds):
            await seen.begun.wait()
            await asyncio.sleep(WARM_S / 2)
            seen.forget()
            before, start = taken(), time.perf_counter()
            await asyncio.sleep(seconds)
            per_s = (taken() - before) / (time.perf_counter() - start)
            own, due = quantiles_us(seen.own), quantiles_us(seen.due)
            sent = await asyncio.to_thread(sender.report)
    return Found(own, due, per_s, sent)


def quantiles_us(ages: array[int]) -> dict[str, float]:
    """Percentiles in microseconds."""
    ordered = sorted(ages)
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e3 for name, share in SHARES.items()}


def held(client: str, most: float, seconds: float, steps: int) -> float:
    """The highest rate, by halving the range below what it takes at most, at which quotes do not get old."""
    low, high = 0.0, most
    for _ in range(steps):
        rate = (low + high) / 2
        found = run(measure(client, rate, seconds))
        ok = found.own["p99"] < OLD_US and found.taken >= ON_PACE * rate and found.share(rate) >= ON_PACE
        low, high = (rate, high) if ok else (low, rate)
    return low


def saturated(client: str, seconds: float, steps: int) -> dict[str, float]:
    """Frames a second as fast as the socket gives them, and paced; `blocked`: the share of its time the sender waited.

    Where it hardly waited, it was the sender that could do no more.
    """
    most = run(measure(client, 0, seconds))
    return {
        "saturation": most.taken,
        "saturation-blocked": most.sent.blocked,
        "saturation-held": held(client, most.taken, seconds, steps),
    }


def rows(quick: bool) -> Iterator[Row]:
    """Ages at 20,000 frames a second, of those rounds in which the sender kept its pace; then the most."""
    seconds, rounds = (0.5, 1) if quick else (2.0, 20)  # short ones: of a busy machine's, some are on pace
    found = interleaved({name: partial(_measure, name, seconds) for name in CLIENTS}, rounds)
    pairs = list(zip(found["exo"], found["bare loop"], strict=True))
    kept = [pair for pair in pairs if all(each.on_pace(RATE) for each in pair)]
    yield from paces(found, len(kept))
    for number, name in enumerate(("exo", "bare loop")) if kept else ():
        for kind in ("own", "due"):
            for share in SHARES:
                ages = [[getattr(each, kind)[share] for each in pair] for pair in kept]
                ratio = median(pair[number] / pair[1] for pair in ages)
                yield Row(f"wire-{kind}-age-{share}", name, median(pair[number] for pair in ages), "us", ratio)
    most = interleaved({name: partial(saturated, name, seconds / 2, 3 if quick else 6) for name in CLIENTS}, 1)
    [base] = most["bare loop"]
    for name, [figures] in most.items():
        for what, value in figures.items():
            unit, ratio = ("share", None) if "blocked" in what else ("frames/s", value / (base[what] or 1))
            yield Row(f"wire-{what}", name, value, unit, ratio)


def paces(found: dict[str, list[Found]], kept: int) -> Iterator[Row]:
    """Whether the sender kept its pace, and in how many rounds for both: only of those there are ages."""
    every = [each for rounds in found.values() for each in rounds]
    yield Row("wire-rounds-on-pace", "sender", kept, "rounds", target=1, at_least=True, judged=kept)
    yield Row("wire-sent", "sender", RATE * median(each.share(RATE) for each in every), "frames/s")
    yield Row("wire-late-p99", "sender", median(each.sent.late_p99_us for each in every), "us")
    for name, rounds in found.items():
        yield Row("wire-taken", name, median(each.taken for each in rounds), "frames/s")


def _measure(client: str, seconds: float) -> Found:
    return run(measure(client, RATE, seconds))
