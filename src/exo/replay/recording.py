"""Recording: several files of ticks, or raw frames, as one stream, merged by time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from exo.errors import UserError
from exo.replay.frames import ENDINGS, FrameFile
from exo.replay.parquet import ParquetFile
from exo.replay.survey import Extent, Tick, Ticks, together
from exo.replay.ticks import TickFile


class Source(Ticks, Protocol):
    """A file of ticks."""

    path: Path


class Overlap(UserError):
    """Two files that both have ticks of a symbol for the same time: it would be played twice."""

    def __init__(self, symbol: str, one: Path, other: Path) -> None:
        super().__init__(symbol, one, other)
        self.symbol = symbol
        self.one = one
        self.other = other

    def __str__(self) -> str:
        return (
            f"{self.one} and {self.other} both have {self.symbol} for the same time: leave one out, or keep them apart "
            f"with {self.other}@NAME"
        )


class Recording:
    """The ticks of some files in order of time, those of one time in the order of the files' beginnings.

    Pieces of one symbol may follow one another, but not overlap: their extent raises Overlap where they do.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._sorted: list[Source] | None = None

    def __iter__(self) -> Iterator[Tick]:
        sources = self._in_order()
        return iter(sources[0]) if len(sources) == 1 else merge(*sources, key=attrgetter("received_ns"))

    def extent(self) -> Extent:
        """What a survey asks of them."""
        sources = self._in_order()
        extents = [source.extent() for source in sources]
        for symbol in dict.fromkeys(chain.from_iterable(extent.first_ns for extent in extents)):
            _check(symbol, sources, extents)
        return together(extents)

    def _in_order(self) -> list[Source]:
        if self._sorted is None:
            begins = {id(source): next((tick.received_ns or 0 for tick in source), 0) for source in self._sources}
            self._sorted = sorted(self._sources, key=lambda source: begins[id(source)])
        return self._sorted


def _check(symbol: str, sources: list[Source], extents: list[Extent]) -> None:
    """Overlap if, merged, a piece of this symbol would begin before another has ended."""
    pieces = sorted(
        (extent.first_ns[symbol], number, extent.last_ns[symbol])
        for number, extent in enumerate(extents)
        if symbol in extent.first_ns
    )
    last: tuple[int, int] = (-1, -1)  # of ticks of one time, those of the file with the lower number are played first
    for first_ns, number, last_ns in pieces:
        if (first_ns, number) < last:
            one, other = sorted((number, last[1]))
            raise Overlap(symbol, sources[one].path, sources[other].path)
        last = max(last, (last_ns, number))


def recording(files: Sequence[str]) -> Recording:
    """The recording in these files, each named `FILE` or `FILE@SUFFIX`; its ending says what it holds."""
    return Recording([_source(name) for name in files])


def _source(name: str) -> Source:
    path, suffix = Path(name), ""
    if not path.exists() and "@" in path.name:
        bare, _, suffix = name.rpartition("@")
        path = Path(bare)
    if path.name.endswith(ENDINGS):
        return FrameFile(path, suffix)
    return (ParquetFile if path.suffix == ".parquet" else TickFile)(path, suffix)
