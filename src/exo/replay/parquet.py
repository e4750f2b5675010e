"""Parquet: a recorded file of ticks in that format; needs the extra `parquet`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from exo.errors import InvalidValue
from exo.replay.survey import Extent, Tick
from exo.replay.ticks import COLUMNS, BadRow, BadTicks, head_of, tick_of

T = TypeVar("T")

_ROWS: Final = 8192


class ParquetFile:
    """The ticks of a Parquet file with the COLUMNS of a TickFile; every iteration reads it anew, a batch at a time.

    Prices and sizes are decimals, integers or text: floats are refused, for they are not exact (contract C19). An error
    names the row, counted from 1.
    """

    def __init__(self, path: Path | str, suffix: str = "") -> None:
        self.path = Path(path)
        self.suffix = suffix

    def __iter__(self) -> Iterator[Tick]:
        return self._read(tick_of)

    def extent(self) -> Extent:
        """What a survey asks of the ticks."""
        extent = Extent()
        extent.add_heads(self._read(head_of))
        return extent

    def _read(self, made_of: Callable[[list[str]], T]) -> Iterator[T]:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise BadTicks(
                self.path, None, "reading Parquet needs pyarrow: pip install 'exo-execution[parquet]'"
            ) from None
        row_number: int | None = None
        try:
            with self.path.open("rb") as raw, pyarrow.parquet.ParquetFile(raw) as file:
                self._check(file.schema_arrow, pyarrow.types)
                row_number, before_ns = 0, 0
                suffix = f".{self.suffix}" if self.suffix else ""
                for batch in file.iter_batches(batch_size=_ROWS, columns=list(COLUMNS)):
                    columns = [_texts(batch.column(name)) for name in COLUMNS]
                    for fields in zip(*columns, strict=True):
                        row_number += 1
                        row = list(fields)
                        row[1] += suffix
                        made = made_of(row)
                        at_ns = int(row[0])
                        if at_ns < before_ns:
                            raise BadRow(f"{at_ns} is earlier than {before_ns} in the row before")
                        before_ns = at_ns
                        yield made
        except (BadRow, InvalidValue) as error:
            raise BadTicks(self.path, row_number, str(error)) from None
        except (OSError, UnicodeError, pyarrow.ArrowException) as error:
            problem = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
            raise BadTicks(self.path, None, problem) from None

    def _check(self, schema: Any, types: Any) -> None:
        for name in schema.names:
            if name not in COLUMNS:
                raise BadTicks(self.path, None, f"unknown column {name!r:.40}")
        for name in COLUMNS:
            if name not in schema.names:
                raise BadTicks(self.path, None, f"no column {name}")
            if types.is_floating(schema.field(name).type):
                problem = f"column {name} holds floats, which are not exact: store decimals or text"
                raise BadTicks(self.path, None, problem)


def _texts(column: Any) -> list[str]:
    return ["" if value is None else str(value) for value in column.to_pylist()]
