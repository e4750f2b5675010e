"""Tick files spoilt at random: read exactly or refused, never anything else, and never a float."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exo
from exo.replay import COLUMNS, BadTicks, TickFile

HEADER = ",".join(COLUMNS)
ODD = ["", "1", "-1", "0", "1e-8", "1e60", "NaN", "inf", "0x1", "1_0", " 1", "1 ", "+5", ".5", "5.", "1e9999", "quote"]
ODD += ["trade", "A", "A B", "\x00", "é", '"', '""', "9" * 61, "1e-61", "999999999999999999999", "-0", "1,5", "\r"]
FIELD = st.one_of(st.sampled_from(ODD), st.text(max_size=3))
ROW = st.one_of(
    st.lists(FIELD, max_size=11),
    st.tuples(
        st.integers(0, 30).map(str), st.just("A"), st.just("quote"), FIELD, FIELD, FIELD, FIELD, *[st.just("")] * 2
    ),
    st.tuples(st.integers(0, 30).map(str), st.just("A"), st.just("trade"), *[st.just("")] * 4, FIELD, FIELD),
)
PATIENT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)


def look(path: Path, data: bytes) -> None:
    """Read a file both ways: good ticks in order of time with numbers that are exact, or one sentence."""
    path.write_bytes(data)
    last_ns, read = 0, 0
    problems = []
    try:
        for tick in TickFile(path):
            numbers = (
                (tick.bid_px, tick.bid_size, tick.ask_px, tick.ask_size)
                if isinstance(tick, exo.Quote)
                else (tick.last_px, tick.last_qty)
            )
            assert all(number is None or (type(number) is Decimal and number.is_finite()) for number in numbers)
            assert type(tick.received_ns) is int and tick.received_ns >= last_ns
            last_ns = tick.received_ns
            read += 1
    except BadTicks as error:
        problems.append(str(error))
    try:
        assert TickFile(path).extent().ticks == read or problems
    except BadTicks as error:
        problems.append(str(error))
    for problem in problems:
        assert problem.startswith(str(path)) and len(problem.splitlines()) == 1, problem


@PATIENT
@given(data=st.binary(max_size=200), headed=st.booleans(), packed=st.booleans())
def test_any_bytes_are_ticks_or_bad_ticks(tmp_path, data, headed, packed):
    """With a header or without, packed or not."""
    whole = HEADER.encode() + b"\n" + data if headed else data
    look(tmp_path / ("a.csv.gz" if packed else "a.csv"), gzip.compress(whole, mtime=0) if packed else whole)
    if packed:
        look(tmp_path / "a.csv.gz", whole)


@PATIENT
@given(st.lists(ROW, max_size=6), st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
def test_any_fields_are_ticks_or_bad_ticks(tmp_path, rows, end):
    """What looks like a number too."""
    text = end.join([HEADER, *(",".join(row) for row in rows), ""])
    look(tmp_path / "a.csv", text.encode(errors="replace"))


@PATIENT
@given(st.permutations(COLUMNS), st.lists(st.tuples(st.sampled_from(COLUMNS), FIELD), max_size=3), st.booleans())
def test_any_header_is_understood_or_refused(tmp_path, columns, spoilt, good):
    """Columns in any order, with one spoilt or not."""
    names = list(columns)
    for name, text in [] if good else spoilt:
        names = [text if each == name else each for each in names]
    fields = dict(zip(COLUMNS, ["1", "A", "quote", "1", "", "2", "3", "", ""], strict=True))
    row = [fields.get(name, "") for name in names]
    data = f"{','.join(names)}\n{','.join(row)}\n".encode(errors="replace")
    look(tmp_path / "a.csv", data)
    if good:
        quote = exo.Quote("A", Decimal(1), None, Decimal(2), Decimal(3), received_ns=1)
        assert list(TickFile(tmp_path / "a.csv")) == [quote]
