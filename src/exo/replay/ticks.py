"""Recorded ticks: a CSV file, plain or gzipped, as a stream of quotes and trades."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from exo.errors import InvalidValue, UserError
from exo.mkt.quote import Quote
from exo.mkt.trade import Trade

COLUMNS: Final = ("ts_ns", "symbol", "type", "bid_px", "bid_size", "ask_px", "ask_size", "last_px", "last_qty")

Tick: TypeAlias = Quote | Trade

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
    empty side, an empty size an unknown one. A file whose name ends in `.gz` is gzipped. What is wrong with it is
    raised as BadTicks when the iteration gets there.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __iter__(self) -> Iterator[Tick]:
        line = None
        try:
            with _open(self.path) as file:
                rows = csv.reader(file, strict=True)
                line = 1
                in_order = _columns(next(rows, []))
                before_ns = 0
                for row in rows:
                    line = rows.line_num
                    if not row:
                        continue
                    ts_ns, tick = _tick(row if in_order is None else in_order(row))
                    if ts_ns < before_ns:
                        raise _Problem(f"{ts_ns} is earlier than {before_ns} in the row before")
                    before_ns = ts_ns
                    yield tick
                    line += 1  # what is wrong now, is wrong with what follows
        except (_Problem, InvalidValue, csv.Error) as error:
            raise BadTicks(self.path, line, str(error)) from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            problem = "the gzip data ends too soon" if isinstance(error, EOFError) else f"bad gzip data: {error}"
            raise BadTicks(self.path, line, problem) from None
        except OSError as error:
            raise BadTicks(self.path, None, error.strerror or str(error)) from None


class _Problem(Exception):
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
        raise _Problem("no header")
    if unknown := [name for name in header if name not in COLUMNS]:
        raise _Problem(f"unknown column {unknown[0]!r:.40}")
    if missing := [name for name in COLUMNS if name not in header]:
        raise _Problem(f"no column {missing[0]}")
    if len(header) > len(COLUMNS):
        raise _Problem("a column is named twice")
    if tuple(header) == COLUMNS:
        return None
    places = [header.index(name) for name in COLUMNS]
    return lambda row: [row[place] for place in places] if len(row) == len(places) else row


def _tick(row: list[str]) -> tuple[int, Tick]:
    try:
        ts, symbol, kind, bid_px, bid_size, ask_px, ask_size, last_px, last_qty = row
    except ValueError:
        raise _Problem(f"expected {len(COLUMNS)} fields, got {len(row)}") from None
    if not _TIME.fullmatch(ts):
        raise _Problem(f"expected nanoseconds, got {ts!r:.40} at ts_ns")
    ts_ns = int(ts)
    if kind == "quote":
        if last_px or last_qty:
            raise _Problem("a quote has no last_px or last_qty")
        return ts_ns, Quote(
            symbol, _number(bid_px), _number(bid_size), _number(ask_px), _number(ask_size), received_ns=ts_ns
        )
    if kind == "trade":
        if bid_px or bid_size or ask_px or ask_size:
            raise _Problem("a trade has no bid or ask")
        px, qty = _number(last_px), _number(last_qty)
        if px is None or qty is None:
            raise _Problem("a trade has a last_px and a last_qty")
        return ts_ns, Trade(symbol, px, qty, received_ns=ts_ns)
    raise _Problem(f"expected quote or trade, got {kind!r:.40} at type")


@lru_cache(maxsize=1 << 14)  # prices and sizes recur
def _number(text: str) -> Decimal | None:
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise _Problem(f"expected a number, got {text!r:.40}")
    try:
        return Decimal(text)
    except ArithmeticError:
        raise _Problem(f"{text:.40} is too large") from None
