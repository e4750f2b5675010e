"""Record: a venue's live market into files - its raw frames, and the ticks made of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from exo.cli.listed import listed
from exo.cli.live import status_line
from exo.cli.options import BadOption
from exo.cli.voice import Say, speaking
from exo.dma import VenueStatus
from exo.flow.clock import current_clock, utc
from exo.mkt import FeedStatus, Quote, Report, Trade
from exo.replay.frames import ENDINGS
from exo.replay.recorder import FrameRecorder, TickRecorder
from exo.venue.feed import LiveFeed
from exo.venue.known import known
from exo.venue.sockets import SocketNetwork

_WRITE_S: Final = 0.25
_SUM_UP_S: Final = 10.0
_TICKS: Final = (".csv", ".csv.gz")


def outs(names: Sequence[str]) -> tuple[Path | None, Path | None]:
    """Where frames and ticks go, by the names' endings; a name without one stands for both. BadOption."""
    frames: list[Path] = []
    ticks: list[Path] = []
    for name in names:
        if name.endswith(ENDINGS):
            frames.append(Path(name))
        elif name.endswith(_TICKS):
            ticks.append(Path(name))
        elif Path(name).suffix or name.endswith(("/", os.sep)) or Path(name).is_dir():
            raise BadOption("--out", f"expected a name that ends in {', '.join(ENDINGS + _TICKS)}, or in none: {name}")
        else:
            frames.append(Path(name + ENDINGS[-1]))
            ticks.append(Path(name + _TICKS[-1]))
    if len(frames) > 1 or len(ticks) > 1:
        raise BadOption("--out", "expected one file of frames, or one of ticks, or one of each")
    for path in frames + ticks:
        if path.exists():
            raise BadOption("--out", f"there is a {path} already, and it stays as it is")
    return next(iter(frames), None), next(iter(ticks), None)


class Listener:
    """The sink of a recording: ticks go where they are recorded, if anywhere, and statuses are said."""

    def __init__(self, recorder: TickRecorder | None, say: Say) -> None:
        self.count = 0
        self._recorder = recorder
        self._say = say

    def on_quote(self, quote: Quote) -> None:
        """Count it, and pass it on."""
        self.count += 1
        if self._recorder is not None:
            self._recorder.on_quote(quote)

    def on_trade(self, trade: Trade) -> None:
        """Likewise."""
        self.count += 1
        if self._recorder is not None:
            self._recorder.on_trade(trade)

    def on_status(self, status: FeedStatus | VenueStatus) -> None:
        """Say it."""
        if isinstance(status, FeedStatus):
            self._say(status_line(status))

    def on_report(self, report: Report) -> None:
        """Nothing: a feed has none."""


async def record(
    name: str,
    url: str | None,
    symbols: Sequence[str],
    frames: Path | None,
    ticks: Path | None,
    seconds: float | None,
    say: Say,
) -> None:
    """Record until so many seconds have passed, or it is cancelled; four times a second it is on disk.

    NotTraded for a symbol that is not listed or not traded, NetworkError where the venue cannot be reached, OSError for
    a file that cannot be written.
    """
    venue, network = known(name), SocketNetwork()
    dialect = venue.dialect(url or venue.url)
    try:
        found = await listed(network, venue, url, symbols)
        names = {found[symbol].listing.security_id or symbol: symbol for symbol in symbols}
        async with speaking(say) as voice:
            with ExitStack() as files:
                framed = None if frames is None else files.enter_context(closing(FrameRecorder(frames, name, names)))
                try:
                    ticked = None if ticks is None else files.enter_context(closing(TickRecorder(ticks)))
                except OSError:
                    if framed is not None:
                        files.callback(framed.path.unlink)  # there is nothing in it
                    raise
                listener = Listener(ticked, voice)
                feed = LiveFeed(dialect, network, found, None if framed is None else framed.tap)
                feed.connect(listener)
                for symbol in symbols:
                    feed.subscribe(symbol)
                try:
                    await _write(feed, [each for each in (framed, ticked) if each], listener, seconds, voice)
                finally:
                    await feed.close()
                    voice(f"{_now()} {_sum(feed, listener)}")
    finally:
        await network.close()


async def _write(
    feed: LiveFeed,
    recorders: Sequence[FrameRecorder | TickRecorder],
    listener: Listener,
    seconds: float | None,
    say: Say,
) -> None:
    loop = asyncio.get_running_loop()
    began_s = told_s = loop.time()
    while seconds is None or loop.time() < began_s + seconds:
        left_s = _WRITE_S if seconds is None else min(_WRITE_S, began_s + seconds - loop.time())
        await asyncio.sleep(max(0.0, left_s))
        for recorder in recorders:
            recorder.write()
        if loop.time() >= told_s + _SUM_UP_S:
            told_s = loop.time()
            say(f"{_now()} {_sum(feed, listener)}")


def _sum(feed: LiveFeed, listener: Listener) -> str:
    last = f", the last: {feed.problems[-1]}" if feed.problems else ""
    counts = feed.counts
    unread, refused = counts["Bad"], counts["Failed"]
    said = f"{listener.count:,} ticks, {counts['lost']:,} connections lost"
    return f"{said}, {unread + refused + counts['lost']:,} problems{last}"


def _now() -> str:
    return f"{utc(current_clock().now_ns()):%H:%M:%S}"
