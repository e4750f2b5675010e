"""Ticks: a recorded file of them, CSV plain or gzipped, as a stream of quotes and trades."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Final, TextIO, TypeVar

from exo.errors import InvalidValue, UserError
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade
from exo.replay.survey import Extent, Head, Tick

COLUMNS: Final = ("ts_ns", "symbol", "type", "bid_px", "bid_size", "ask_px", "ask_size", "last_px", "last_qty")

T = TypeVar("T")

_COMMAS: Final = len(COLUMNS) - 1
_KINDS: Final = frozenset({"quote", "trade"})
_RUN: Final = 1 << 16  # characters

_TIME = re.compile(r"\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


class BadTicks(UserError):
    """A file of ticks that cannot be read: `line` counts from 1, the header; None is the file as a whole."""

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        super().__init__(path, line, problem)
        self.path = path
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        place = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.problem}"


class TickFile:
    """The ticks of a CSV file; every iteration reads it anew, in memory that does not grow with it.

    Its header names the COLUMNS, in any order. `ts_ns` never steps back and becomes `received_ns`; an empty price is an
    empty side, an empty size an unknown one. A file whose name ends in `.gz` is gzipped. With a suffix, `A` is read as
    `A.SUFFIX`. What is wrong with the file is raised as BadTicks when the iteration gets there.
    """

    def __init__(self, path: Path | str, suffix: str = "") -> None:
        self.path = Path(path)
        self.suffix = suffix

    def __iter__(self) -> Iterator[Tick]:
        return self._read(tick_of)

    def extent(self) -> Extent:
        """What a survey asks of the ticks; of the numbers in a row only the time is looked at.

        Rows as most files have them need no CSV reader. From a run with one that is unusual, or wrong, on one reads.
        """
        extent = Extent()
        suffix = f".{self.suffix}" if self.suffix else ""
        with suppress(OSError, EOFError, zlib.error, ValueError), _open(self.path) as file:
            if file.readline().rstrip("\r\n") == ",".join(COLUMNS):
                while rows := file.readlines(_RUN):
                    extent.add(*_heads_of(rows, suffix))
                return extent
        extent.add_heads(islice(self._read(head_of), extent.ticks, None))
        return extent

    def _read(self, made_of: Callable[[list[str]], T]) -> Iterator[T]:
        line = None
        try:
            with _open(self.path) as file:
                rows = csv.reader(file, strict=True)
                line = 1
                in_order = _columns(next(rows, []))
                suffix = f".{self.suffix}" if self.suffix else ""
                before, before_ns = "", 0
                for row in rows:
                    line = rows.line_num
                    if not row:
                        continue
                    if in_order is not None:
                        row = in_order(row)
                    if suffix and len(row) > 1:
                        row[1] += suffix
                    made = made_of(row)
                    if row[0] != before:
                        at_ns = int(row[0])
                        if at_ns < before_ns:
                            raise BadRow(f"{at_ns} is earlier than {before_ns} in the row before")
                        before, before_ns = row[0], at_ns
                    yield made
                    line += 1  # what is wrong now, is wrong with what follows
        except (BadRow, InvalidValue, csv.Error) as error:
            raise BadTicks(self.path, line, str(error)) from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            problem = "the gzip data ends too soon" if isinstance(error, EOFError) else f"bad gzip data: {error}"
            raise BadTicks(self.path, line, problem) from None
        except OSError as error:
            raise BadTicks(self.path, None, error.strerror or str(error)) from None


class BadRow(Exception):
    """What is wrong with a row."""


def _open(path: Path) -> TextIO:
    # What is not UTF-8 becomes characters that no field may have, so that it is refused with its own line.
    opened: TextIO = (gzip.open if path.suffix == ".gz" else open)(
        path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    return opened


def _columns(header: list[str]) -> Callable[[list[str]], list[str]] | None:
    """What puts a row's fields in the order of COLUMNS; None if they are."""
    if not header:
        raise BadRow("no header")
    if unknown := [name for name in header if name not in COLUMNS]:
        raise BadRow(f"unknown column {unknown[0]!r:.40}")
    if missing := [name for name in COLUMNS if name not in header]:
        raise BadRow(f"no column {missing[0]}")
    if len(header) > len(COLUMNS):
        raise BadRow("a column is named twice")
    if tuple(header) == COLUMNS:
        return None
    places = [header.index(name) for name in COLUMNS]
    return lambda row: [row[place] for place in places] if len(row) == len(places) else row


def _heads_of(rows: list[str], suffix: str) -> tuple[list[int], list[str], list[bool]]:
    """The columns of the heads of these rows, or ValueError if they are not as most are."""
    times, symbols, kinds, _ = zip(*(row.split(",", 3) for row in rows), strict=True)
    text = "".join(rows)
    if '"' in text or text.count(",") != _COMMAS * len(rows) or not _KINDS.issuperset(kinds):
        raise ValueError
    return list(map(int, times)), [symbol + suffix for symbol in symbols], [kind == "quote" for kind in kinds]


def head_of(row: list[str]) -> Head:
    """The head of a row in the order of COLUMNS, or BadRow."""
    try:
        ts, symbol, kind, _, _, _, _, _, _ = row
    except ValueError:
        raise BadRow(f"expected {len(COLUMNS)} fields, got {len(row)}") from None
    if not _TIME.fullmatch(ts):
        raise BadRow(f"expected nanoseconds, got {ts!r:.40} at ts_ns")
    if kind == "quote":
        return int(ts), symbol, True
    if kind == "trade":
        return int(ts), symbol, False
    raise BadRow(f"expected quote or trade, got {kind!r:.40} at type")


def tick_of(row: list[str]) -> Tick:
    """The tick in a row in the order of COLUMNS, or BadRow, or InvalidValue."""
    try:
        ts, symbol, kind, bid_px, bid_size, ask_px, ask_size, last_px, last_qty = row
    except ValueError:
        raise BadRow(f"expected {len(COLUMNS)} fields, got {len(row)}") from None
    if not _TIME.fullmatch(ts):
        raise BadRow(f"expected nanoseconds, got {ts!r:.40} at ts_ns")
    ts_ns = int(ts)
    if kind == "quote":
        if last_px or last_qty:
            raise BadRow("a quote has no last_px or last_qty")
        return Quote(symbol, _number(bid_px), _number(bid_size), _number(ask_px), _number(ask_size), received_ns=ts_ns)
    if kind == "trade":
        if bid_px or bid_size or ask_px or ask_size:
            raise BadRow("a trade has no bid or ask")
        px, qty = _number(last_px), _number(last_qty)
        if px is None or qty is None:
            raise BadRow("a trade has a last_px and a last_qty")
        return Trade(symbol, px, qty, received_ns=ts_ns)
    raise BadRow(f"expected quote or trade, got {kind!r:.40} at type")


@lru_cache(maxsize=1 << 14)  # prices and sizes recur
def _number(text: str) -> Decimal | None:
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise BadRow(f"expected a number, got {text!r:.40}")
    try:
        return Decimal(text)
    except ArithmeticError:
        raise BadRow(f"{text:.40} is too large") from None
