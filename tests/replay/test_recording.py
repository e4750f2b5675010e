"""Recordings: several files as one stream by time, never with the same ticks twice."""

from __future__ import annotations

import gzip
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exo
from exo.replay import BadTicks, Overlap, recording, survey
from exo.replay.survey import Extent

HEADER = "ts_ns,symbol,type,bid_px,bid_size,ask_px,ask_size,last_px,last_qty"


def written(path: Path, *ticks: tuple[int, str]) -> str:
    """A file of a trade for each time and symbol; its price is its number."""
    rows = [f"{at_ns},{symbol},trade,,,,,{number},1" for number, (at_ns, symbol) in enumerate(ticks, 1)]
    path.write_text("\n".join([HEADER, *rows, ""]))
    return str(path)


def told(files: list[str]) -> list[tuple[int | None, str]]:
    return [(tick.received_ns, tick.symbol) for tick in recording(files)]


def check(files: list[str]) -> int:
    return recording(files).extent().ticks


def test_files_are_merged_by_time(tmp_path):
    """Whatever order they are named in."""
    a = written(tmp_path / "a.csv", (1, "A"), (4, "A"), (9, "A"))
    b = written(tmp_path / "b.csv", (2, "B"), (3, "B"), (10, "B"))
    c = written(tmp_path / "c.csv", (0, "C"))
    expected = [(0, "C"), (1, "A"), (2, "B"), (3, "B"), (4, "A"), (9, "A"), (10, "B")]
    assert told([a, b, c]) == told([c, b, a]) == expected
    assert check([a, b, c]) == len(expected)


def test_ticks_of_one_time_stand_in_the_order_of_the_files_beginnings(tmp_path):
    """Those of one file stay together; files that begin together stand as they are named."""
    early = written(tmp_path / "z.csv", (1, "A"), (5, "A"), (5, "A"))
    later = written(tmp_path / "a.csv", (2, "B"), (5, "B"))
    also = written(tmp_path / "b.csv", (2, "C"), (5, "C"))
    assert told([later, also, early])[3:] == [(5, "A"), (5, "A"), (5, "B"), (5, "C")]
    assert told([also, early, later])[3:] == [(5, "A"), (5, "A"), (5, "C"), (5, "B")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=8).map(sorted), min_size=1, max_size=4))
def test_a_merge_is_the_stable_sort_of_all(tmp_path, times):
    """And its extent is that of all its ticks."""
    files = [
        written(tmp_path / f"{number}.csv", *((at_ns, f"S{number}") for at_ns in file))
        for number, file in enumerate(times)
    ]
    together = recording(files)
    begun = sorted(files, key=lambda file: times[files.index(file)][0])
    one_by_one = [tick for file in begun for tick in recording([file])]
    assert list(together) == sorted(one_by_one, key=attrgetter("received_ns"))
    whole, pieces = Extent(), together.extent()
    whole.add_heads((tick.received_ns or 0, tick.symbol, False) for tick in together)
    assert (pieces.ticks, pieces.sessions) == (whole.ticks, whole.sessions)


TWENTY_MINUTES_NS = 1_200_000_000_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(st.integers(0, 20), st.sampled_from("AB")), min_size=1, max_size=6), max_size=4))
def test_files_add_up_or_overlap_as_their_merged_ticks_tell(tmp_path, pieces):
    """Sessions go on as long as any file does; a piece of a symbol that is come back to overlaps another."""
    files = [
        written(tmp_path / f"{number}.csv", *((step * TWENTY_MINUTES_NS, symbol) for step, symbol in sorted(piece)))
        for number, piece in enumerate(pieces)
    ]
    begun = sorted(range(len(pieces)), key=lambda number: min(pieces[number])[0])
    merged = sorted(
        ((step, symbol, rank) for rank, number in enumerate(begun) for step, symbol in sorted(pieces[number])),
        key=lambda tick: (tick[0], tick[2]),
    )
    ways = {symbol: [key for key, _ in groupby(rank for _, of, rank in merged if of == symbol)] for symbol in "AB"}
    if any(len(way) > len(set(way)) for way in ways.values()):
        with pytest.raises(Overlap):
            check(files)
        return
    whole, together = Extent(), recording(files).extent()
    whole.add_heads((step * TWENTY_MINUTES_NS, symbol, False) for step, symbol, _ in merged)
    assert (together.ticks, together.sessions) == (whole.ticks, whole.sessions)
    assert (together.first_ns, together.last_ns) == (whole.first_ns, whole.last_ns)


def test_a_suffix_keeps_the_symbols_of_two_venues_apart(tmp_path):
    """Of each named file, or of both."""
    a = written(tmp_path / "a.csv", (1, "A"), (3, "A"))
    b = written(tmp_path / "b.csv", (2, "A"))
    assert told([a, f"{b}@BITMEX"]) == [(1, "A"), (2, "A.BITMEX"), (3, "A")]
    assert told([f"{a}@X", f"{b}@Y"]) == [(1, "A.X"), (2, "A.Y"), (3, "A.X")]
    extent = recording([f"{a}@X", f"{b}@Y"]).extent()
    assert (extent.first_ns, extent.last_ns) == ({"A.X": 1, "A.Y": 2}, {"A.X": 3, "A.Y": 2})


def test_the_same_file_twice_is_refused(tmp_path):
    """Its ticks would be played twice; under two suffixes they are two markets."""
    a = written(tmp_path / "a.csv", (1, "A"), (3, "A"))
    with pytest.raises(Overlap) as caught:
        check([a, a])
    assert (
        str(caught.value)
        == f"{a} and {a} both have A for the same time: leave one out, or keep them apart with {a}@NAME"
    )
    assert len(told([f"{a}@X", f"{a}@Y"])) == check([f"{a}@X", f"{a}@Y"]) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([(1, "A"), (5, "A")], [(3, "A")]),
        ([(1, "A"), (5, "A")], [(3, "A"), (9, "A")]),
        ([(1, "A"), (5, "B"), (6, "A")], [(2, "B"), (8, "B")]),
        ([(1, "A"), (3, "B"), (4, "A")], [(2, "A"), (2, "B"), (5, "C")]),
        ([(1, "A"), (1, "A"), (2, "A")], [(1, "A"), (3, "A")]),
    ],
    ids=["inside", "beyond", "of one symbol of two", "around", "from the same nanosecond on"],
)
def test_files_that_overlap_are_refused_and_both_are_named(tmp_path, one, other):
    """The one that begins first is named first."""
    first, second = written(tmp_path / "one.csv", *one), written(tmp_path / "other.csv", *other)
    for files in ([first, second], [second, first]):
        with pytest.raises(Overlap) as caught:
            check(files)
        assert {caught.value.one, caught.value.other} == {Path(first), Path(second)}
    with pytest.raises(Overlap):
        survey(recording([first, second]))


def test_the_symbol_that_overlaps_is_named(tmp_path):
    """Others may go on beside it."""
    first = written(tmp_path / "one.csv", (1, "A"), (1, "B"), (6, "B"), (7, "A"))
    second = written(tmp_path / "other.csv", (2, "B"), (8, "B"))
    with pytest.raises(Overlap, match="both have B for the same time") as caught:
        check([second, first])
    assert (caught.value.symbol, caught.value.one, caught.value.other) == ("B", Path(first), Path(second))


def test_pieces_of_a_symbol_may_follow_one_another(tmp_path):
    """In files named in any order, and even if the next begins at the time the last one ended."""
    pieces = [
        written(tmp_path / "1.csv", (1, "A"), (2, "B"), (3, "A")),
        written(tmp_path / "2.csv", (3, "A"), (4, "B"), (5, "A")),
        written(tmp_path / "3.csv", (6, "A"), (6, "B")),
    ]
    assert check(pieces) == check(pieces[::-1]) == 8
    assert told(pieces[::-1]) == told(pieces)
    assert survey_of(tmp_path, pieces) == 9


def survey_of(tmp_path: Path, pieces: list[str]) -> int:
    path = tmp_path / "quote.csv"
    path.write_text(f"{HEADER}\n9,A,quote,1,1,2,1,,\n")
    return survey(recording([*pieces, str(path)])).ticks


@pytest.mark.parametrize("name", ["ticks@home.csv", "@ticks.csv", "a@b@c.csv", "ticks.csv@OLD"])
def test_a_file_name_may_have_an_at_sign(tmp_path, name):
    """The file that is there is meant; what follows the last sign is the suffix of any other."""
    file = written(tmp_path / name, (1, "A"))
    assert told([file]) == [(1, "A")]
    if name.endswith(".csv"):
        assert told([f"{file}@X"]) == [(1, "A.X")]


def test_a_folder_name_may_have_an_at_sign(tmp_path):
    """A suffix stands in the file's own name."""
    folder = tmp_path / "my@folder"
    folder.mkdir()
    file = written(folder / "a.csv", (1, "A"))
    assert told([file]) == [(1, "A")]
    with pytest.raises(BadTicks, match=r"my@folder/none\.csv: No such file or directory"):
        told([str(folder / "none.csv")])


def test_a_gzipped_file_with_a_suffix_is_still_gzipped(tmp_path):
    """Its name is what stands before the sign."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n1,A,quote,1,,2,,,\n".encode()))
    [tick] = recording([f"{path}@X"])
    assert tick == exo.Quote("A.X", Decimal(1), None, Decimal(2), None, received_ns=1)


def test_a_file_that_is_not_there_is_named_without_its_suffix(tmp_path):
    """Wherever it stands among others."""
    good = written(tmp_path / "a.csv", (1, "A"))
    for files in ([f"{tmp_path}/none.csv@X"], [good, f"{tmp_path}/none.csv@X"]):
        with pytest.raises(BadTicks) as caught:
            told(files)
        assert str(caught.value) == f"{tmp_path}/none.csv: No such file or directory"


def test_what_is_wrong_with_a_file_is_told_in_its_own_lines(tmp_path):
    """Merged or not."""
    good = written(tmp_path / "a.csv", (1, "A"), (9, "A"))
    bad = written(tmp_path / "b.csv", (2, "B"), (1, "B"))
    with pytest.raises(BadTicks, match=r"b\.csv:3: 1 is earlier than 2 in the row before"):
        told([good, bad])
    with pytest.raises(BadTicks, match=r"b\.csv:3: 1 is earlier than 2 in the row before"):
        check([good, bad])


def test_an_empty_file_adds_nothing(tmp_path):
    """A header alone is no error."""
    good, empty = written(tmp_path / "a.csv", (1, "A")), written(tmp_path / "b.csv")
    assert told([empty, good]) == [(1, "A")]
    assert check([empty, good]) == 1


def test_the_recorded_pair_is_the_stable_sort_of_both(shared):
    """Binance spot, half of which lies beside the other; their surveys add up."""
    names = ["binance_spot_btcusdt_20240808", "binance_spot_ethusdt_20240809"]
    files = [str(shared / "data" / "ticks" / f"{name}.shared.csv.gz") for name in names]
    merged = list(recording(files))
    assert merged == sorted([tick for file in files for tick in recording([file])], key=attrgetter("received_ns"))
    found = survey(recording(files))
    assert (found.ticks, sum(found.quotes.values())) == (37_797 + 43_090, 28_040 + 34_681)
