"""Sender: Binance's frames at an exact pace over real sockets, from a process of its own.

python -m benchmarks.sender RATE SECONDS SYMBOL...   rate 0: as fast as the sockets take them

It serves on loopback and says where, begins when somebody has subscribed to everything, says how it went when all is
sent, and ends with its standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from benchmarks.clients import Clients, framed
from benchmarks.histogram import Histogram

SHAPES = 64  # of a symbol's quotes
TRADE_EVERY = 5  # of a symbol's frames
AT_ONCE = 64  # frames in a write, where nothing is due at any time
HEAR_NS = 1_000_000  # between two looks at what clients say


class Report(NamedTuple):
    """What was sent: the last trade of each symbol has this id, and its first had 1.

    A frame is late by what passed from when it was due until it was handed to the sockets; `blocked` is the share of
    the time that they took to accept it.
    """

    frames: int
    seconds: float
    trades: dict[str, int]
    late_p99_us: float
    late_max_us: float
    blocked: float


class Sender:
    """`with Sender(20_000, 10.0, ["AUSDT"]) as sender:` has such a process, that frames are to be had from."""

    def __init__(self, rate: float, seconds: float, symbols: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "benchmarks.sender", str(rate), str(seconds), *symbols]
        self.url = ""

    def __enter__(self) -> Self:
        root = Path(__file__).parents[1]
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
        self.url = f"ws://127.0.0.1:{int(self._line())}/ws"
        return self

    def report(self) -> Report:
        """Wait until all is sent."""
        return Report(*json.loads(self._line()))

    def __exit__(self, *_: object) -> None:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            process.wait(2.0)
        except subprocess.TimeoutExpired:  # a socket that nobody reads holds it
            process.kill()
            process.wait()
        process.stdout.close()  # last, for a thread may wait for its report

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def qty(trade: int) -> str:
    """The quantity of the trade of this id: they differ, so that a lost one is not made up for by another."""
    return f"{(trade % 1009 + 1) / 1000:.3f}"


class Market:
    """Its symbols take turns; one in five of a symbol's frames is a trade. `u` of a quote is when it was due."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.trades = dict.fromkeys(symbols, 0)
        self._symbols = symbols
        self._shapes = [[shape(symbol, number) for number in range(SHAPES)] for symbol in symbols]

    def frame(self, number: int, due_ns: int) -> bytes:
        """The frame of this number."""
        turn, index = divmod(number, len(self._symbols))
        if turn % TRADE_EVERY < TRADE_EVERY - 1:
            return framed(self._shapes[index][turn % SHAPES] % due_ns)
        symbol = self._symbols[index]
        self.trades[symbol] = trade = self.trades[symbol] + 1
        return framed(
            b'{"e":"trade","E":1672515782136,"s":"%b","t":%d,"p":"61837.63000000","q":"%b","T":1672515782136,"m":%b,'
            b'"M":true}' % (symbol.encode(), trade, qty(trade).encode(), b"true" if trade & 1 else b"false")
        )


def shape(symbol: str, number: int) -> bytes:
    """A bookTicker that lacks its `u`."""
    bid, size = 6_183_763 + number % 7, 1_000_000 + 7919 * number
    px = [f"{cents // 100}.{cents % 100:02}000000" for cents in (bid, bid + 1)]
    sizes = [f"{each / 1e6:.8f}" for each in (size, 2 * size)]
    return f'{{"u":%d,"s":"{symbol}","b":"{px[0]}","B":"{sizes[0]}","a":"{px[1]}","A":"{sizes[1]}"}}'.encode()


def paced(rate: float, began_ns: int) -> Callable[[int], int]:
    """When the frame of a number is due."""
    step_ns = 1e9 / rate
    return lambda number: began_ns + int(number * step_ns)


def play(clients: Clients, market: Market, rate: float, seconds: float) -> Report:
    """Send each frame as soon as it is due, the clock being looked at as often as it can be slept."""
    late = Histogram()
    began_ns = heard_ns = now_ns = time.monotonic_ns()
    until_ns = began_ns + int(seconds * 1e9)
    due_ns = paced(rate, began_ns) if rate else None
    sent, blocked_ns = 0, 0
    while now_ns < until_ns or (due_ns is not None and due_ns(sent) < until_ns):
        first, parts = sent, []
        if due_ns is None:
            parts = [market.frame(sent + n, now_ns + n) for n in range(AT_ONCE)]
            sent += AT_ONCE
        else:
            while len(parts) < AT_ONCE and (at_ns := due_ns(sent)) <= now_ns and at_ns < until_ns:
                parts.append(market.frame(sent, at_ns))
                sent += 1
        if parts:
            before_ns = time.monotonic_ns()
            clients.send(b"".join(parts))
            now_ns = time.monotonic_ns()
            blocked_ns += now_ns - before_ns
            if due_ns is not None:
                late.note(before_ns - due_ns(first), len(parts))
        elif due_ns is not None:
            time.sleep(max(0, due_ns(sent) - now_ns) / 1e9)
        if now_ns - heard_ns > HEAR_NS:
            clients.hear(0)
            heard_ns = now_ns
        now_ns = time.monotonic_ns()
    elapsed_ns = now_ns - began_ns
    us = late.us()
    return Report(sent, elapsed_ns / 1e9, market.trades, us["p99"], us["max"], blocked_ns / elapsed_ns)


def serve(rate: float, seconds: float, symbols: Sequence[str]) -> None:
    """Wait for whoever subscribes, play, and answer what is said until standard input ends."""
    clients = Clients(2 * len(symbols), sys.stdin.fileno())
    print(clients.port, flush=True)
    while not clients.ready:
        clients.hear(None)
    print(json.dumps(play(clients, Market(symbols), rate, seconds)), flush=True)
    while True:
        clients.hear(None)


if __name__ == "__main__":
    serve(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
