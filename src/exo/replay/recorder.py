"""Recorder: files that market data is written to while it comes, whole up to the last write however it ends."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, Self

from exo.mkt.quote import Quote
from exo.mkt.trade import Trade
from exo.replay.frames import Told, head_line, note_line
from exo.replay.ticks import COLUMNS
from exo.venue.tap import Note

_LEVEL: Final = 4  # of gzip's nine: most of what the ninth saves, in a tenth of its time


class Growing:
    """A new file that grows by whole pieces; gzipped if its name ends in .gz, each piece by itself.

    So what was written can be read even if there is never an end. FileExistsError if there is one already.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._gzipped = path.suffix == ".gz"
        self._file = open(path, "xb", buffering=0, opener=_appending)  # noqa: SIM115 - closed at the exit
        self._size = 0
        self._pending = b""

    def write(self, piece: bytes) -> None:
        """Append a piece, whole or not at all: what a full disk has refused is appended with the next; OSError."""
        self._pending += piece
        if not self._pending:
            return
        data = gzip.compress(self._pending, _LEVEL, mtime=0) if self._gzipped else self._pending
        try:
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            os.truncate(self.path, self._size)
            raise
        self._size += len(data)
        self._pending = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Make sure that it is on disk, and close it."""
        with self._file:
            os.fsync(self._file.fileno())


class FrameRecorder:
    """Raw frames with their receive times; `tap` is where a feed puts its notes."""

    def __init__(self, path: Path, venue: str, names: Mapping[str, str]) -> None:
        self.path = path
        self._file = Growing(path)
        self._lines = [head_line(venue, names)]
        self.count = 0

    def tap(self, note: Note) -> None:
        """Take in a note."""
        self._lines.append(note_line(note))
        self.count += 1

    def write(self) -> None:
        """Put on disk what has come; OSError."""
        lines, self._lines = self._lines, []
        self._file.write(b"".join(lines))

    def close(self) -> None:
        """Do so for the last time, and make sure of it; OSError."""
        with self._file:
            self.write()


class TickRecorder(Told):
    """Quotes and trades, as a TickFile has them; the sink of a feed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = Growing(path)
        self._text = io.StringIO(newline="")
        self._row = csv.writer(self._text, lineterminator="\n").writerow
        self._row(COLUMNS)
        self.count = 0

    def write(self) -> None:
        """Put on disk what has come; OSError."""
        for tick in self.ticks:
            self._row(_row(tick))
        self.count += len(self.ticks)
        self.ticks.clear()
        piece = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        self._file.write(piece)

    def close(self) -> None:
        """Do so for the last time, and make sure of it; OSError."""
        with self._file:
            self.write()


def _appending(path: str, flags: int) -> int:
    """After a piece is taken back, the next begins where it began."""
    return os.open(path, flags | os.O_APPEND, 0o666)


def _row(tick: Quote | Trade) -> tuple[object, ...]:
    if isinstance(tick, Quote):
        touch = tick.bid_px, tick.bid_size, tick.ask_px, tick.ask_size
        return (tick.received_ns, tick.symbol, "quote", *map(_plain, touch), "", "")
    return (tick.received_ns, tick.symbol, "trade", "", "", "", "", _plain(tick.last_px), _plain(tick.last_qty))


def _plain(number: Decimal | None) -> str:
    return "" if number is None else format(number, "f")
