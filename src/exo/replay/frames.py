"""Frames: a recorded file of a venue's raw frames, each with its receive time, as a stream of quotes and trades."""

from __future__ import annotations

import logging
import zlib
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from exo.errors import ExoError
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade
from exo.replay.survey import Extent, Tick
from exo.replay.ticks import BadTicks
from exo.venue.known import known
from exo.venue.retelling import Retelling
from exo.venue.tap import Note, What

_log = logging.getLogger("exo.replay")

ENDINGS: Final = (".frames", ".frames.gz")

_FORMAT: Final = "exo frames 1"
_PACKED: Final = b"packed"
_PIECE: Final = 1 << 16
_GZIP: Final = 31  # zlib's word for it
_WHATS: Final = {what.value.encode(): what for what in What} | {_PACKED: What.FRAME}


class Head(msgspec.Struct, forbid_unknown_fields=True):
    """The first line of a file: whose frames they are, and the symbol of each of the venue's names."""

    format: str
    venue: str
    names: dict[str, str]


def head_line(venue: str, names: Mapping[str, str]) -> bytes:
    """The first line of a file."""
    return msgspec.json.encode(Head(_FORMAT, venue, dict(names))) + b"\n"


def note_line(note: Note) -> bytes:
    """The line of a note: its time, its connection, what it is, and a frame as it came.

    A frame with a line feed in it is packed, as base64, for a line is a note.
    """
    at_ns, connection, what, data = note
    if b"\n" in data:
        return b"%d %d %b %b" % (at_ns, connection, _PACKED, b2a_base64(data))
    return b"%d %d %b %b\n" % (at_ns, connection, what.value.encode(), data)


class FrameFile:
    """The quotes and trades of a file of raw frames, as a live feed made them; every iteration reads it anew.

    `received_ns` is that of the frame and never steps back. A file whose name ends in `.gz` is gzipped. A file that
    ends in the middle of a line, as a kill leaves it, ends before that. With a suffix, `A` is read as `A.SUFFIX`. What
    else is wrong with the file is raised as BadTicks when the iteration gets there.
    """

    def __init__(self, path: Path | str, suffix: str = "") -> None:
        self.path = Path(path)
        self.suffix = suffix

    def __iter__(self) -> Iterator[Tick]:
        line = None
        try:
            lines = _lines(self.path)
            head = next(lines, b"")
            line = 1
            told = Told()
            retelling = self._begun(head, told)
            for text in lines:
                line += 1
                retelling.take(_note(text))
                if told.ticks:
                    yield from told.ticks
                    told.ticks.clear()
        except (ExoError, ValueError, KeyError) as error:
            problem = "nothing was told of this connection before" if isinstance(error, KeyError) else str(error)
            raise BadTicks(self.path, line, problem) from None
        except zlib.error as error:
            raise BadTicks(self.path, line, f"bad gzip data: {error}") from None
        except OSError as error:
            raise BadTicks(self.path, None, error.strerror or str(error)) from None

    def extent(self) -> Extent:
        """What a survey asks of the ticks."""
        extent = Extent()
        extent.add_heads((tick.received_ns or 0, tick.symbol, type(tick) is Quote) for tick in self)
        return extent

    def _begun(self, line: bytes, told: Told) -> Retelling:
        try:
            head = msgspec.json.decode(line, type=Head)
        except msgspec.MsgspecError:
            head = None
        if head is None or head.format != _FORMAT:
            raise ValueError(f'expected a line with "format":"{_FORMAT}"')
        venue = known(head.venue)
        suffix = f".{self.suffix}" if self.suffix else ""
        names = {name: symbol + suffix for name, symbol in head.names.items()}
        return Retelling(venue.dialect(venue.url), names, told)


class Told:
    """A sink that keeps the ticks it is told, none of them earlier than that before it."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self._at_ns = 0

    def on_quote(self, quote: Quote) -> None:
        """Keep it."""
        self._keep(quote)

    def on_trade(self, trade: Trade) -> None:
        """Keep it."""
        self._keep(trade)

    def on_status(self, status: object) -> None:
        """Nothing: files of ticks have none."""

    def on_report(self, report: object) -> None:
        """Nothing: a feed has none."""

    def _keep(self, tick: Tick) -> None:
        # Of two connections that are read in turns, one may bring what it received before the other's latest.
        at_ns = tick.received_ns or 0
        if at_ns < self._at_ns:
            tick = msgspec.structs.replace(tick, received_ns=self._at_ns)
        else:
            self._at_ns = at_ns
        self.ticks.append(tick)


def _lines(path: Path) -> Iterator[bytes]:
    unpacked = _unpacked if path.suffix == ".gz" else iter
    with path.open("rb") as file:
        rest = b""
        for piece in unpacked(iter(partial(file.read, _PIECE), b"")):
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
    if rest:
        _log.warning("%s ends in the middle of a line: whoever wrote it was killed", path)


def _unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What is in gzip data of any number of members, the last of which may be cut; zlib.error."""
    member = zlib.decompressobj(_GZIP)
    for piece in pieces:
        while piece:
            yield member.decompress(piece)
            piece = member.unused_data
            if member.eof:
                member = zlib.decompressobj(_GZIP)


def _note(line: bytes) -> Note:
    try:
        at_ns, connection, word, data = line.split(b" ", 3)
        what = _WHATS[word]
        if not (at_ns.isdigit() and connection.isdigit() and len(at_ns) < 20):
            raise ValueError
        return Note(int(at_ns), int(connection), what, a2b_base64(data, strict_mode=True) if word == _PACKED else data)
    except (ValueError, KeyError, NotBase64):
        raise ValueError(f"expected time, connection, what and frame, got {line[:60]!r}") from None
