"""Frame files: raw frames are kept to the byte, and give the ticks that a live feed made of them."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exo.mkt import Quote, Trade
from exo.replay import BadTicks, TickFile, recording
from exo.replay.frames import FrameFile, _note, head_line, note_line
from exo.replay.recorder import FrameRecorder, Growing, TickRecorder
from exo.venue.tap import Note, What

HEAD = head_line("binance", {"BTCUSDT": "BTCUSDT.BINANCE"})
QUOTE = b'{"u":7,"s":"BTCUSDT","b":"42.50","B":"5","a":"43","A":"0.00000001"}'
TRADE = b'{"e":"trade","E":1,"s":"BTCUSDT","t":12,"p":"42.7","q":"0.1","T":1,"m":true}'
LINES = [b"10 1 opened ", b"11 1 chosen ", b"12 1 frame " + QUOTE, b"13 1 frame " + TRADE]
GOOD = HEAD + b"".join(line + b"\n" for line in LINES)
FIRST = Quote("BTCUSDT.BINANCE", Decimal("42.50"), Decimal(5), Decimal(43), Decimal("1E-8"), 12, 7)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def problem_of(path: Path) -> str:
    with pytest.raises(BadTicks) as caught:
        list(FrameFile(path))
    return str(caught.value)


@example(at_ns=1, connection=1, what=What.FRAME, data=b"<html>\n</html>\r\n")
@given(
    at_ns=st.integers(0, 10**19 - 1),
    connection=st.integers(1, 10**6),
    what=st.sampled_from(What),
    data=st.binary(max_size=200) | st.text(max_size=50).map(str.encode),
)
def test_a_note_of_any_bytes_is_one_line_and_comes_back(at_ns: int, connection: int, what: What, data: bytes) -> None:
    """Frames may be garbage, web pages, empty, or have line feeds; nothing else has."""
    note = Note(at_ns, connection, what, data if what is What.FRAME else data.replace(b"\n", b""))
    line = note_line(note)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert _note(line[:-1]) == note


def test_frames_are_read_as_the_quotes_and_trades_that_they_say(tmp_path: Path) -> None:
    """Each at the receive time of its frame, every time anew; frames before it was chosen count for trades only."""
    file = FrameFile(written(tmp_path / "a.frames", GOOD))
    first, second = file
    assert first == FIRST and str(first.bid_px) == "42.50"
    assert isinstance(second, Trade) and (second.trade_id, second.received_ns) == ("12", 13)
    assert list(file) == [first, second]
    extent = file.extent()
    assert (extent.ticks, dict(extent.quotes), extent.last_ns) == (2, {"BTCUSDT.BINANCE": 1}, {"BTCUSDT.BINANCE": 13})


def test_gzipped_ones_with_a_suffix_are_read_by_their_name(tmp_path: Path) -> None:
    """As any recording."""
    written(tmp_path / "a.frames.gz", gzip.compress(HEAD) + gzip.compress(GOOD[len(HEAD) :]))
    assert [tick.symbol for tick in recording([f"{tmp_path}/a.frames.gz@X"])] == ["BTCUSDT.BINANCE.X"] * 2


def test_time_never_steps_back(tmp_path: Path) -> None:
    """Where two connections are read in turns, one may bring what came before the other's latest."""
    late = b"9 1 frame " + QUOTE.replace(b'"u":7', b'"u":8') + b"\n"
    assert [tick.received_ns for tick in FrameFile(written(tmp_path / "a.frames", GOOD + late))] == [12, 13, 13]


@pytest.mark.parametrize("name", ["a.frames", "a.frames.gz"])
def test_a_file_whose_writer_was_killed_ends_before_the_cut(tmp_path: Path, name: str) -> None:
    """Wherever that is; a warning says so."""
    packed = HEAD if name == "a.frames" else gzip.compress(HEAD)
    rest = GOOD[len(HEAD) :]
    data = packed + (rest if name == "a.frames" else gzip.compress(rest))
    found = set()
    for cut in range(len(packed), len(data) + 1):
        ticks = list(FrameFile(written(tmp_path / name, data[:cut])))
        assert ticks == [FIRST, *ticks[1:]][: len(ticks)]
        found.add(len(ticks))
    assert 2 in found and (0 in found)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", '.frames:1: expected a line with "format":"exo frames 1"'),
        (b"nonsense\n", '.frames:1: expected a line with "format":"exo frames 1"'),
        (HEAD.replace(b"frames 1", b"frames 9"), '.frames:1: expected a line with "format":"exo frames 1"'),
        (HEAD.replace(b'"binance"', b'"mtgox"'), ".frames:1: there is no venue mtgox"),
        (GOOD + b"x 1 frame {}\n", ".frames:6: expected time, connection, what and frame"),
        (GOOD + b"-1 1 frame {}\n", ".frames:6: expected time, connection, what and frame"),
        (GOOD + "١ 1 frame {}\n".encode(), ".frames:6: expected time, connection, what and frame"),
        (GOOD + b"12345678901234567890 1 frame {}\n", ".frames:6: expected time, connection, what and frame"),
        (GOOD + b"1 1 sprained {}\n", ".frames:6: expected time, connection, what and frame"),
        (GOOD + b"\n", ".frames:6: expected time, connection, what and frame"),
        (GOOD + b"1 1 packed !\n", ".frames:6: expected time, connection, what and frame"),
        (GOOD + b"14 2 frame {}\n", ".frames:6: nothing was told of this connection before"),
        (GOOD + b"14 1 forgotten \xff\n", ".frames:6: "),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(tmp_path: Path, data: bytes, problem: str) -> None:
    """And nothing else is raised."""
    assert problem in problem_of(written(tmp_path / "a.frames", data))


@pytest.mark.parametrize(
    "data", [b"not gzip", gzip.compress(GOOD)[:12], gzip.compress(GOOD) + b"trash", b"\x1f\x8b", b""]
)
def test_what_is_no_gzip_data_is_refused(tmp_path: Path, data: bytes) -> None:
    """A cut in the first piece leaves nothing to go by."""
    assert "a.frames.gz" in problem_of(written(tmp_path / "a.frames.gz", data))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Whatever its ending."""
    assert "No such file" in problem_of(tmp_path / "none.frames")


def test_a_frame_that_nobody_can_read_is_kept_and_passed_over(tmp_path: Path) -> None:
    """As live: it is the next that counts."""
    for frame in (b"", b"<html>", b"\xff\xfe", b'{"u":', b"null"):
        lines = [*LINES[:2], b"12 1 frame " + frame, *LINES[2:]]
        data = HEAD + b"".join(line + b"\n" for line in lines)
        assert len(list(FrameFile(written(tmp_path / "a.frames", data)))) == 2


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_what_is_recorded_is_what_was_told(tmp_path: Path, ending: str) -> None:
    """Frames to the byte and ticks to the last digit, in pieces that each can be read without the next."""
    frames = FrameRecorder(tmp_path / f"a.frames{ending}", "binance", {"BTCUSDT": "BTCUSDT.BINANCE"})
    ticks = TickRecorder(tmp_path / f"a.csv{ending}")
    for note in (Note(10, 1, What.OPENED), Note(11, 1, What.CHOSEN), Note(12, 1, What.FRAME, QUOTE)):
        frames.tap(note)
    ticks.on_quote(FIRST)
    frames.write()
    ticks.write()
    assert list(FrameFile(tmp_path / f"a.frames{ending}")) == [FIRST]
    [quote] = TickFile(tmp_path / f"a.csv{ending}")
    assert quote == Quote(FIRST.symbol, FIRST.bid_px, FIRST.bid_size, FIRST.ask_px, FIRST.ask_size, 12)
    frames.tap(Note(13, 1, What.FRAME, TRADE))
    ticks.on_quote(Quote("BTCUSDT.BINANCE", Decimal("1E+3"), None, None, None, 9))
    ticks.on_trade(Trade('A,"B', Decimal("42.7"), Decimal("0.10"), received_ns=13, trade_id="12"))
    frames.close()
    ticks.close()
    assert len(list(FrameFile(tmp_path / f"a.frames{ending}"))) == 2
    _, quote, trade = TickFile(tmp_path / f"a.csv{ending}")
    assert quote == Quote("BTCUSDT.BINANCE", Decimal(1000), None, None, None, 12)
    assert trade == Trade('A,"B', Decimal("42.7"), Decimal("0.10"), received_ns=13)
    assert (frames.count, ticks.count) == (4, 3)
    text = (tmp_path / f"a.csv{ending}").read_bytes()
    assert b"quote,1000,," in (gzip.decompress(text) if ending else text)  # in plain digits, for other readers


def test_a_recording_never_takes_the_place_of_another(tmp_path: Path) -> None:
    """The one that is there stays as it is."""
    path = written(tmp_path / "a.csv", b"mine")
    with pytest.raises(FileExistsError):
        Growing(path)
    assert path.read_bytes() == b"mine"
