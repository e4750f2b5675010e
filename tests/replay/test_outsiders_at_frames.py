"""What an outsider tried on files of frames: whatever a recorder can write, a replay can read."""

from __future__ import annotations

import asyncio
import errno
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exo.delegates import SweepOrder
from exo.mkt import Listing, Quote, Trade
from exo.replay import Drawing
from exo.replay.frames import FrameFile, Told, head_line
from exo.replay.recorder import FrameRecorder, TickRecorder
from exo.replay.ticks import TickFile
from exo.venue.binance.dialect import BinanceDialect
from exo.venue.coinbase.dialect import CoinbaseDialect
from exo.venue.feed import LiveFeed
from exo.venue.tap import Note, What
from tests.contract.helpers import virtual
from tests.venue.wire.scripted import ScriptedNetwork
from tests.venue.wire.test_feed import ALL, SNAPSHOT, A, match, printed, ticker, update

D = Decimal
HEAD = head_line("binance", {"AAAUSDT": A})


@virtual
async def test_a_recording_goes_on_after_a_connection_that_was_lost_before_the_venue_answered(tmp_path: Path) -> None:
    """The whole day after it is refused for a word about a connection that had ended."""
    framed, ticked = FrameRecorder(tmp_path / "a.frames", "binance", {"AAAUSDT": A}), TickRecorder(tmp_path / "a.csv")
    network = ScriptedNetwork()
    feed = LiveFeed(BinanceDialect("wss://x/ws"), network, None, framed.tap)
    feed.connect(ticked)
    feed.subscribe(A)
    await asyncio.sleep(0.5)
    network.last.end()
    await asyncio.sleep(2)
    network.last.tell(*({"result": None, "id": sent["id"]} for sent in network.last.sent))
    for u in range(1, 30):
        network.last.tell(ticker(u=u), printed(u))
        await asyncio.sleep(1)
    await feed.close()
    framed.close()
    ticked.close()
    assert len(list(TickFile(tmp_path / "a.csv"))) == 58
    assert len(list(FrameFile(tmp_path / "a.frames"))) == 58


@pytest.mark.parametrize("ending", [".frames", ".frames.gz"])
def test_a_disk_that_was_full_for_a_moment_leaves_a_file_that_can_be_read(tmp_path: Path, ending: str) -> None:
    """A part of a piece was written, and at the end there was room again for the last."""
    recorder = FrameRecorder(tmp_path / f"a{ending}", "binance", {"AAAUSDT": A})
    file: Any = recorder._file
    recorder.tap(Note(1, 1, What.OPENED))
    recorder.tap(Note(2, 1, What.CHOSEN))
    for u in range(1, 5):
        recorder.tap(Note(10 + u, 1, What.FRAME, json.dumps(ticker(u=u), separators=(",", ":")).encode()))
    recorder.write()
    raw = file._file

    class Full:
        """Has room for so many bytes, and then none for a moment."""

        room = 40

        def write(self, view: memoryview) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = raw.write(view[: self.room])
            self.room = 0
            return int(written)

    file._file = Full()
    for u in range(5, 9):
        recorder.tap(Note(10 + u, 1, What.FRAME, json.dumps(ticker(u=u), separators=(",", ":")).encode()))
    with pytest.raises(OSError, match="No space"):
        recorder.write()
    file._file = raw
    recorder.tap(Note(30, 1, What.CLOSED))
    recorder.close()
    assert len(list(FrameFile(tmp_path / f"a{ending}"))) >= 4


@pytest.mark.parametrize("cut", range(1, 60))
@pytest.mark.parametrize("ending", [".frames", ".frames.gz"])
def test_a_recording_of_many_pieces_is_read_up_to_any_cut(tmp_path: Path, ending: str, cut: int) -> None:
    """What is read is a beginning of what was recorded."""
    path = tmp_path / f"a{ending}"
    recorder = FrameRecorder(path, "binance", {"AAAUSDT": A})
    recorder.write()
    head = path.stat().st_size
    recorder.tap(Note(1, 1, What.OPENED))
    recorder.tap(Note(2, 1, What.CHOSEN))
    for u in range(1, 20):
        frame = json.dumps(ticker(u=u), separators=(",", ":")).encode()
        recorder.tap(Note(10 + u, 1, What.FRAME, b"<html>\n" if u % 3 == 0 else frame))
        recorder.write()
    recorder.close()
    whole, data = list(FrameFile(path)), path.read_bytes()
    path.write_bytes(data[: head + (len(data) - head) * cut // 60])
    ticks = list(FrameFile(path))
    assert ticks == whole[: len(ticks)] and len(ticks) >= len(whole) * cut // 60 - 2


def test_frames_of_any_bytes_and_size_are_read_back(tmp_path: Path) -> None:
    """Line feeds, no UTF-8, a megabyte of garbage, and between them quotes."""
    path = tmp_path / "a.frames.gz"
    recorder = FrameRecorder(path, "binance", {"AAAUSDT": A})
    recorder.tap(Note(1, 1, What.OPENED))
    recorder.tap(Note(2, 1, What.CHOSEN))
    for u, odd in enumerate([b"\n", b"\n" * 1000, b"\xff\xfe\n\x00", b"x" * (1 << 20), b"\r\n", b" ", b""], 1):
        recorder.tap(Note(10 * u, 1, What.FRAME, odd))
        recorder.tap(Note(10 * u + 1, 1, What.FRAME, json.dumps(ticker(u=u), separators=(",", ":")).encode()))
        recorder.write()
    recorder.close()
    assert [tick.received_ns for tick in FrameFile(path)] == [10 * u + 1 for u in range(1, 8)]


def test_a_clock_that_steps_back_steps_alike_in_both_files(tmp_path: Path) -> None:
    """The ticks of the frames are those that were recorded."""
    path = tmp_path / "a.frames"
    lines = [b"1 1 opened ", b"2 1 chosen "]
    for u, at_ns in enumerate([50, 60, 20, 30, 70, 10, 80], 1):
        lines.append(b"%d 1 frame " % at_ns + json.dumps(ticker(u=u), separators=(",", ":")).encode())
    path.write_bytes(HEAD + b"".join(line + b"\n" for line in lines))
    assert [tick.received_ns for tick in FrameFile(path)] == [50, 60, 60, 60, 70, 70, 80]


@pytest.mark.parametrize("px", ["0.01", "0.02", "1", "62000"])
def test_orders_are_drawn_at_prices_that_can_be(px: str) -> None:
    """A limit a little below the least price there is would be 0."""
    listing = Listing(symbol="A", tick=D("0.01"), lot=D(1), min_qty=D(1))
    quote = Quote("A", D(px), D(5), D(px) + D("0.01"), D(5), 1)
    drawing = Drawing(200, 1, SweepOrder)
    for number in range(1, 201):
        order = drawing.order(number, quote, listing)
        assert order.price is None or order.price > 0, order


@virtual
async def test_a_handover_amid_a_renewal_is_retold_alike(tmp_path: Path) -> None:
    """Coinbase: the successor's whole has come and its answer has not, and trades are missing between the two."""
    framed = FrameRecorder(tmp_path / "a.frames", "coinbase", {"X-USD": "X-USD.COINBASE"})
    told = Told()
    network = ScriptedNetwork()
    dialect = CoinbaseDialect("wss://x")
    dialect.habits = dialect.habits._replace(lifetime_s=100.0)
    feed = LiveFeed(dialect, network, None, framed.tap)
    feed.connect(told)
    feed.subscribe("X-USD.COINBASE")
    await asyncio.sleep(1)
    first = network.last
    first.tell(ALL, match(5, "last_match"), SNAPSHOT, match(6))
    await asyncio.sleep(1)
    first.tell({"type": "error", "message": "Failed to subscribe", "reason": "X-USD is not a valid product"})
    await asyncio.sleep(98.01)
    second = network.last
    assert second is not first
    second.tell(match(10, "last_match"), SNAPSHOT)  # and no answer yet
    await asyncio.sleep(1)
    second.tell(update(["buy", "10.5", "7"]), match(11))
    await asyncio.sleep(1)
    second.tell(ALL)
    second.tell(update(["buy", "10.7", "7"]))
    await asyncio.sleep(1)
    await feed.close()
    framed.close()
    assert list(FrameFile(tmp_path / "a.frames")) == told.ticks


@pytest.mark.parametrize("room", [200, 243, 300])
def test_a_disk_that_was_full_for_a_moment_tells_no_tick_twice(tmp_path: Path, room: int) -> None:
    """What was written of a piece is there, and at the end the piece is written again."""
    path = tmp_path / "a.csv"
    recorder = TickRecorder(path)
    recorder.write()
    raw, left = recorder._file._file, [room]

    class Full:
        """Has room for so many bytes, and then none for a moment."""

        def write(self, view: memoryview) -> int:
            if not left[0]:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = raw.write(view[: left[0]])
            left[0] = 0
            return int(written or 0)

    recorder._file._file = Full()  # type: ignore[assignment]
    for at_ns in range(1, 20):
        recorder.on_trade(Trade(A, D("1.5"), D(2), None, at_ns, None, str(at_ns)))
    with pytest.raises(OSError, match="No space"):
        recorder.write()
    recorder._file._file = raw
    recorder.close()
    times = [tick.received_ns for tick in TickFile(path)]
    assert len(times) == len(set(times)), times
