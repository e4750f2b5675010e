"""Parquet: the same ticks as from CSV, and nothing that is not exact."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exo
from exo.replay import COLUMNS, BadTicks, TickFile, recording, survey

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")

QUOTE = [10, "A", "quote", "42.10", "5", "43", "0.00000001", None, None]
TRADE = [12, "A", "trade", None, None, None, None, "42.5", "0.10"]
ONE_SIDED = [12, "B", "quote", "-1", None, None, None, None, None]
ROWS = [QUOTE, TRADE, ONE_SIDED]
TICKS = [
    exo.Quote("A", Decimal("42.10"), Decimal(5), Decimal(43), Decimal("1E-8"), received_ns=10),
    exo.Trade("A", Decimal("42.5"), Decimal("0.10"), received_ns=12),
    exo.Quote("B", Decimal(-1), None, None, None, received_ns=12),
]


def written(path: Path, rows: list[list[Any]], types: dict[str, Any] | None = None, **options: Any) -> Path:
    """A file of these rows; numbers are text unless another type is told."""
    kinds = {"ts_ns": pyarrow.int64(), **(types or {})}
    columns = {
        name: pyarrow.array(
            [row[place] for row in rows],
            type=kinds.get(name, pyarrow.string()),
        )
        for place, name in enumerate(COLUMNS)
    }
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def ticks_of(path: Path) -> list[Any]:
    return list(recording([str(path)]))


def problem_of(path: Path) -> str:
    with pytest.raises(BadTicks) as caught:
        ticks_of(path)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_text_is_read_as_it_is_written(tmp_path):
    """Zeros at the end stay; an empty text is no number, as null is."""
    path = written(tmp_path / "a.parquet", [*ROWS, [13, "B", "quote", "", "", "", "", "", ""]])
    ticks = ticks_of(path)
    assert ticks[:3] == TICKS
    assert str(ticks[0].bid_px) == "42.10"
    assert ticks[3] == exo.Quote("B", None, None, None, None, received_ns=13)


def test_decimals_are_read_exactly(tmp_path):
    """With more digits than a float has."""
    types = dict.fromkeys(COLUMNS[3:], pyarrow.decimal128(38, 10))
    exact = Decimal("1234567890123456789.0123456789")
    rows = [[row if place < 3 or row is None else Decimal(row) for place, row in enumerate(row)] for row in ROWS]
    rows.append([13, "B", "quote", exact, None, None, None, None, None])
    ticks = ticks_of(written(tmp_path / "a.parquet", rows, types))
    assert ticks[:3] == TICKS
    assert ticks[3].bid_px == exact


def test_integers_are_numbers(tmp_path):
    """They are exact; a time may be text, a symbol from a dictionary."""
    types = {"bid_px": pyarrow.int64(), "bid_size": pyarrow.uint32(), "ts_ns": pyarrow.string()}
    types["symbol"] = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    path = written(tmp_path / "a.parquet", [["10", "A", "quote", 42, 5, "43", None, None, None]], types)
    assert ticks_of(path) == [exo.Quote("A", Decimal(42), Decimal(5), Decimal(43), None, received_ns=10)]


@pytest.mark.parametrize("column", COLUMNS[3:])
@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_floats_are_refused_and_the_column_is_named(tmp_path, column, kind):
    """Even if all of them are null."""
    path = written(tmp_path / "a.parquet", [[10, "A", "quote", *[None] * 6]], {column: getattr(pyarrow, kind)()})
    expected = f"{path}: column {column} holds floats, which are not exact: store decimals or text"
    assert problem_of(path) == expected


def test_a_time_that_is_a_float_is_refused(tmp_path):
    """1.7e18 has no nanoseconds."""
    path = written(tmp_path / "a.parquet", [[10.0, *QUOTE[1:]]], {"ts_ns": pyarrow.float64()})
    assert "column ts_ns holds floats" in problem_of(path)


def test_columns_must_be_those_of_a_tick_file(tmp_path):
    """In any order, none more and none less."""
    table = parquet.read_table(written(tmp_path / "a.parquet", ROWS))
    path = tmp_path / "b.parquet"
    parquet.write_table(table.select(list(reversed(COLUMNS))), path)
    assert ticks_of(path) == TICKS
    parquet.write_table(table.append_column("extra", [[1, 2, 3]]), path)
    assert problem_of(path) == f"{path}: unknown column 'extra'"
    parquet.write_table(table.drop_columns(["ask_px"]), path)
    assert problem_of(path) == f"{path}: no column ask_px"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ([9, *QUOTE[1:]], "9 is earlier than 10 in the row before"),
        ([-1, *QUOTE[1:]], "expected nanoseconds, got '-1' at ts_ns"),
        ([None, *QUOTE[1:]], "expected nanoseconds, got '' at ts_ns"),
        ([10, None, *QUOTE[2:]], "expected a symbol without blanks, got '' at $.symbol"),
        ([10, "A", "book", *QUOTE[3:]], "expected quote or trade, got 'book' at type"),
        ([10, "A", None, *QUOTE[3:]], "expected quote or trade, got '' at type"),
        ([10, "A", "quote", "NaN", *QUOTE[4:]], "expected a number, got 'NaN'"),
        ([10, "A", "quote", "1", "-5", *QUOTE[5:]], "expected at least 0, got -5 at $.bidSize"),
        ([10, "A", "trade", None, None, None, None, "1", None], "a trade has a last_px and a last_qty"),
        ([10, "A", "quote", "1", "1", "2", "1", "3", None], "a quote has no last_px or last_qty"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_number(tmp_path, row, problem):
    """Rows count from 1; those before it have been read."""
    path = written(tmp_path / "a.parquet", [QUOTE, QUOTE, row, QUOTE])
    assert problem_of(path) == f"{path}:3: {problem}"


def test_rows_count_through_all_batches(tmp_path):
    """And nothing is lost between them."""
    rows = [[n, *QUOTE[1:]] for n in range(20_000)]
    path = written(tmp_path / "a.parquet", rows, row_group_size=3_000)
    assert [tick.received_ns for tick in ticks_of(path)] == list(range(20_000))
    path = written(tmp_path / "b.parquet", [*rows, QUOTE], row_group_size=3_000)
    assert problem_of(path) == f"{path}:20001: 10 is earlier than 19999 in the row before"


def test_a_file_that_is_damaged_is_named(tmp_path):
    """Cut anywhere, empty, or no Parquet at all."""
    path = written(tmp_path / "a.parquet", ROWS)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert problem_of(path).startswith(f"{path}: ")
    path.write_text("ts_ns,symbol")
    assert problem_of(path).startswith(f"{path}: ")


def test_a_file_that_is_not_there_is_named(tmp_path):
    """With the system's own reason."""
    path = tmp_path / "none.parquet"
    assert problem_of(path) == f"{path}: No such file or directory"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(at=st.integers(0, 4000), text=st.binary(min_size=1, max_size=6))
def test_no_damage_raises_anything_but_bad_ticks(tmp_path, at, text):
    """Bytes written over others, in the data or in the words about it."""
    path = tmp_path / "a.parquet"
    if not (tmp_path / "good.parquet").exists():
        written(tmp_path / "good.parquet", ROWS)
    whole = (tmp_path / "good.parquet").read_bytes()
    at %= len(whole)
    path.write_bytes(whole[:at] + text + whole[at + len(text) :])
    try:
        for tick in ticks_of(path):
            assert isinstance(tick, exo.Quote | exo.Trade)
    except BadTicks as error:
        assert str(error).startswith(str(path)) and len(str(error).splitlines()) == 1


def test_a_suffix_and_other_files_work_as_for_csv(tmp_path):
    """Parquet by its name, beside a CSV file."""
    one = written(tmp_path / "a.parquet", ROWS)
    other = tmp_path / "b.csv"
    other.write_text(f"{','.join(COLUMNS)}\n11,A,quote,1,,2,,,\n")
    both = list(recording([f"{one}@X", str(other)]))
    assert [(tick.received_ns, tick.symbol) for tick in both] == [(10, "A.X"), (11, "A"), (12, "A.X"), (12, "B.X")]


@pytest.mark.parametrize("name", ["bitmex_20210722", "cme_es_mbp1_20240701", "coinbase_20210417"])
def test_a_recorded_file_is_the_same_in_parquet(tmp_path, shared, name):
    """Tick by tick, and by its heads."""
    ticks = list(TickFile(shared / "data" / "ticks" / f"{name}.shared.csv.gz"))
    rows = []
    for tick in ticks:
        if isinstance(tick, exo.Quote):
            numbers = [tick.bid_px, tick.bid_size, tick.ask_px, tick.ask_size, None, None]
        else:
            numbers = [None] * 4 + [tick.last_px, tick.last_qty]
        texts = [None if number is None else str(number) for number in numbers]
        rows.append([tick.received_ns, tick.symbol, "quote" if isinstance(tick, exo.Quote) else "trade", *texts])
    path = written(tmp_path / "ticks.parquet", rows)
    assert ticks_of(path) == ticks
    assert survey(recording([str(path)])) == survey(ticks)
