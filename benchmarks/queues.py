"""Queues: pushing into a ConflatingQueue and popping from it, with more and more keys that wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import msgspec

import exo
from benchmarks.containers import quotes_of
from benchmarks.rows import Row, compared, interleaved
from exo.flow import ConflatingQueue

FLAT, CACHES = 1.5, 10.0
KEYS = {1: None, 100: FLAT, 10_000: FLAT, 1_000_000: CACHES}


def conflating(keys: int, pairs: int) -> float:
    """Nanoseconds of a push and a pop while so many keys wait; a key is pushed anew just after it was taken."""
    queue: ConflatingQueue[str, exo.Quote] = ConflatingQueue(lambda quote: quote.symbol)
    quotes, _ = quotes_of(keys)
    for quote in quotes:
        queue.push(quote)
    push, pop = queue.push, queue.pop
    start = time.perf_counter_ns()
    for _ in range(max(1, pairs // keys)):
        for quote in quotes:
            pop()
            push(quote)
    elapsed = time.perf_counter_ns() - start
    return elapsed / (max(1, pairs // keys) * keys)


def zmq_conflate(pairs: int) -> float:
    """The same of a ZeroMQ socket pair with ZMQ_CONFLATE, which holds one message for all keys, of bytes."""
    import zmq

    context = zmq.Context()
    try:
        with context.socket(zmq.PULL) as taker, context.socket(zmq.PUSH) as giver:
            for socket in (taker, giver):
                socket.setsockopt(zmq.CONFLATE, 1)
            taker.bind("inproc://quotes")
            giver.connect("inproc://quotes")
            [quote], _ = quotes_of(1)
            encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(exo.Quote).decode
            start = time.perf_counter_ns()
            for _ in range(pairs):
                giver.send(encode(quote))
                decode(taker.recv())
            return (time.perf_counter_ns() - start) / pairs
    finally:
        context.term()


def rows(quick: bool) -> Iterator[Row]:
    """Each number of keys beside one."""
    pairs, rounds = (20_000, 3) if quick else (200_000, 5)
    variants: dict[str, Callable[[], float]] = {f"{keys:,} keys": partial(conflating, keys, pairs) for keys in KEYS}
    if find_spec("zmq"):
        variants["zmq conflate"] = partial(zmq_conflate, pairs)
    targets = {f"{keys:,} keys": target for keys, target in KEYS.items() if target}
    yield from compared("conflating-queue", "ns", interleaved(variants, rounds), "1 keys", targets)
