"""Recording: several files of ticks as one stream, merged by time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from exo.errors import UserError
from exo.replay.parquet import ParquetFile
from exo.replay.survey import Head, Tick, Ticks
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

    Pieces of one symbol may follow one another, but not overlap: its heads raise Overlap where they do.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._sorted: list[Source] | None = None

    def __iter__(self) -> Iterator[Tick]:
        sources = self._in_order()
        return iter(sources[0]) if len(sources) == 1 else merge(*sources, key=attrgetter("received_ns"))

    def heads(self) -> Iterator[Head]:
        """The head of each tick."""
        sources = self._in_order()
        return sources[0].heads() if len(sources) == 1 else self._merged(sources)

    def _merged(self, sources: list[Source]) -> Iterator[Head]:
        last: dict[str, int] = {}
        done: set[tuple[str, int]] = set()
        streams = [_numbered(source, number) for number, source in enumerate(sources)]
        for _, number, head in merge(*streams):
            symbol = head[1]
            before = last.setdefault(symbol, number)
            if before != number:
                if (symbol, number) in done:
                    raise Overlap(symbol, sources[min(before, number)].path, sources[max(before, number)].path)
                done.add((symbol, before))
                last[symbol] = number
            yield head

    def _in_order(self) -> list[Source]:
        if self._sorted is None:
            begins = {id(source): next((at_ns for at_ns, _, _ in source.heads()), 0) for source in self._sources}
            self._sorted = sorted(self._sources, key=lambda source: begins[id(source)])
        return self._sorted


def recording(files: Sequence[str]) -> Recording:
    """The recording in these files, each named `FILE` or `FILE@SUFFIX`; `.parquet` by its name."""
    return Recording([_source(name) for name in files])


def _source(name: str) -> Source:
    path, suffix = Path(name), ""
    if not path.exists() and "@" in path.name:
        bare, _, suffix = name.rpartition("@")
        path = Path(bare)
    return (ParquetFile if path.suffix == ".parquet" else TickFile)(path, suffix)


def _numbered(source: Source, number: int) -> Iterator[tuple[int, int, Head]]:
    return ((head[0], number, head) for head in source.heads())
