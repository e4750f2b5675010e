"""Tick files: good ones are read as they are, bad ones refused with file and line."""

from __future__ import annotations

import gzip
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exo
from exo.replay import BadTicks, TickFile

HEADER = "ts_ns,symbol,type,bid_px,bid_size,ask_px,ask_size,last_px,last_qty"
ROWS = ["10,A,quote,42.10,5,43,1e-8,,", "10,A,trade,,,,,42.5,0.10", "12,B,quote,-1,,,,,"]
GOOD = "\n".join([HEADER, *ROWS, ""])
TICKS = [
    exo.Quote("A", Decimal("42.10"), Decimal(5), Decimal(43), Decimal("1E-8"), received_ns=10),
    exo.Trade("A", Decimal("42.5"), Decimal("0.10"), received_ns=10),
    exo.Quote("B", Decimal(-1), None, None, None, received_ns=12),
]


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    return tmp_path / "ticks.csv"


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def problem_of(path: Path) -> str:
    with pytest.raises(BadTicks) as caught:
        list(TickFile(path))
    return str(caught.value)


def test_quotes_and_trades_are_read_exactly(ticks):
    """An empty price is an empty side, an empty size an unknown one; zeros at the end stay."""
    assert list(TickFile(written(ticks, GOOD))) == TICKS
    assert str(TICKS[0].bid_px) == "42.10"


def test_every_iteration_reads_the_file_anew(ticks):
    """So it can be surveyed and then played."""
    file = TickFile(str(written(ticks, GOOD)))
    assert list(file) == list(file)


def test_a_gzipped_file_is_read_by_its_name(tmp_path):
    """The name ends in .gz."""
    assert list(TickFile(written(tmp_path / "ticks.csv.gz", gzip.compress(GOOD.encode())))) == TICKS


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.rstrip(),
        GOOD + "\n\n",
        GOOD.replace("A,", '"A",'),
        "symbol,ts_ns,type,bid_px,bid_size,ask_px,ask_size,last_px,last_qty\n"
        "A,10,quote,42.10,5,43,1e-8,,\nA,10,trade,,,,,42.5,0.10\nB,12,quote,-1,,,,,\n",
    ],
    ids=["Windows line ends", "byte order mark", "no last line end", "blank lines", "quotes", "columns in any order"],
)
def test_the_same_ticks_may_be_written_in_other_ways(ticks, text):
    """As other programs write them."""
    assert list(TickFile(written(ticks, text))) == TICKS


def test_a_file_with_a_header_alone_has_no_ticks(ticks):
    """That is no error of the file."""
    assert list(TickFile(written(ticks, HEADER))) == []


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("", "no header"),
        ("\n", "no header"),
        (HEADER + ",extra", "unknown column 'extra'"),
        (HEADER.replace("bid_px", "bidPx"), "unknown column 'bidPx'"),
        (HEADER.replace(",last_qty", ""), "no column last_qty"),
        (HEADER + ",symbol", "a column is named twice"),
        (ROWS[0], "unknown column '10'"),
    ],
)
def test_a_header_that_is_not_known_is_refused(ticks, header, problem):
    """Also one that is not there."""
    assert problem_of(written(ticks, header)) == f"{ticks}:1: {problem}"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("10,A,quote", "expected 9 fields, got 3"),
        ("10,A,quote,1,1,2,1,,,", "expected 9 fields, got 10"),
        ("9,A,quote,1,1,2,1,,", "9 is earlier than 10 in the row before"),
        ("x,A,quote,1,1,2,1,,", "expected nanoseconds, got 'x' at ts_ns"),
        (",A,quote,1,1,2,1,,", "expected nanoseconds, got '' at ts_ns"),
        ("1_0,A,quote,1,1,2,1,,", "expected nanoseconds, got '1_0' at ts_ns"),
        ("-10,A,quote,1,1,2,1,,", "expected nanoseconds, got '-10' at ts_ns"),
        ("1e1,A,quote,1,1,2,1,,", "expected nanoseconds, got '1e1' at ts_ns"),
        ("10.5,A,quote,1,1,2,1,,", "expected nanoseconds, got '10.5' at ts_ns"),
        ("10,A,book,1,1,2,1,,", "expected quote or trade, got 'book' at type"),
        ("10,A,quote,x,1,2,1,,", "expected a number, got 'x'"),
        ("10,A,quote,1 ,1,2,1,,", "expected a number, got '1 '"),
        ("10,A,quote,1_0,1,2,1,,", "expected a number, got '1_0'"),
        ("10,A,quote,NaN,1,2,1,,", "expected a number, got 'NaN'"),
        ("10,A,quote,Infinity,1,2,1,,", "expected a number, got 'Infinity'"),
        ("10,A,quote,0x10,1,2,1,,", "expected a number, got '0x10'"),
        ("10,A,quote,１,1,2,1,,", "expected a number, got '１'"),
        ("10,A,quote,1e99999999999999999999,1,2,1,,", "1e99999999999999999999 is too large"),
        ("10,A,quote,1e60,1,2,1,,", "number below 1E60 with at most 60 digits and 60 places, got 1E+60 at $.bidPx"),
        ("10,A,quote,1,-1,2,1,,", "expected at least 0, got -1 at $.bidSize"),
        ("10,,quote,1,1,2,1,,", "expected a symbol without blanks, got '' at $.symbol"),
        ("10,A B,quote,1,1,2,1,,", "expected a symbol without blanks, got 'A B' at $.symbol"),
        ("10,A,quote,1,1,2,1,5,", "a quote has no last_px or last_qty"),
        ("10,A,trade,1,,,,5,1", "a trade has no bid or ask"),
        ("10,A,trade,,,,,5,", "a trade has a last_px and a last_qty"),
        ("10,A,trade,,,,,5,0", "expected more than 0, got 0 at $.lastQty"),
        ('10,"A,quote,1,1,2,1,,', "unexpected end of data"),
        ('10,"A"B,quote,1,1,2,1,,', "',' expected after '\"'"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(ticks, row, problem):
    """The rows before it have been read."""
    written(ticks, "\n".join([HEADER, *ROWS[:2], row]))
    read = []
    with pytest.raises(BadTicks) as caught:
        read.extend(TickFile(ticks))
    assert str(caught.value).startswith(f"{ticks}:4: ")
    assert str(caught.value).endswith(problem)
    assert "\n" not in str(caught.value)


def test_what_is_not_utf_8_is_refused_with_its_line(ticks):
    """Wherever it stands."""
    text = GOOD.encode()
    assert problem_of(written(ticks, text.replace(b"B,", b"\xff,"))).startswith(f"{ticks}:4: expected a symbol")
    assert problem_of(written(ticks, text.replace(b"42.5", b"\xc3"))).startswith(f"{ticks}:3: expected a number")


def test_a_gzip_that_ends_too_soon_is_refused_wherever_it_ends(tmp_path):
    """None of its prefixes passes for a whole file."""
    path = tmp_path / "ticks.csv.gz"
    whole = gzip.compress(GOOD.encode())
    for length in range(1, len(whole)):
        assert "gzip" in problem_of(written(path, whole[:length]))


@pytest.mark.parametrize("spoilt", [b"plain text", GOOD.encode(), gzip.compress(GOOD.encode()) + b"more"])
def test_what_is_not_gzip_is_refused(tmp_path, spoilt):
    """The name says that it should be."""
    path = written(tmp_path / "ticks.csv.gz", spoilt)
    assert problem_of(path).startswith(f"{path}:")
    assert "bad gzip data" in problem_of(path)


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    """With the system's own reason."""
    assert problem_of(tmp_path / "none.csv") == f"{tmp_path / 'none.csv'}: No such file or directory"
    assert problem_of(tmp_path) == f"{tmp_path}: Is a directory"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, len(GOOD)), cut=st.integers(0, 12), text=st.binary(max_size=8), packed=st.booleans())
def test_no_damage_raises_anything_but_bad_ticks(tmp_path, at, cut, text, packed):
    """The error is one line and names the file."""
    data = gzip.compress(GOOD.encode(), mtime=0) if packed else GOOD.encode()
    path = written(tmp_path / ("ticks.csv.gz" if packed else "ticks.csv"), data[:at] + text + data[at + cut :])
    problem = ""
    try:
        assert all(isinstance(tick, exo.Quote | exo.Trade) for tick in TickFile(path))
    except BadTicks as error:
        problem = str(error)
    assert not problem or (problem.startswith(str(path)) and len(problem.splitlines()) == 1)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Even if no number recurs."""
    path = tmp_path / "ticks.csv.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        print(HEADER, file=file)
        for n in range(60_000):
            print(f"{n},A,quote,{n}.01,{n}.02,{n}.03,{n}.04,,", file=file)
    tracemalloc.start()
    try:
        assert sum(1 for _ in TickFile(path)) == 60_000
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
