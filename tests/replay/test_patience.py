"""A delegate that never finishes: the replay ends, and says whose it was."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import exo
from exo.delegates import Sweep
from exo.errors import DelegateError
from exo.replay import Fate, NeverFinishes, Plan, replay

DEADLINE_NS = 300_000_000
TICKS = [exo.Quote("A", Decimal(1), Decimal(5), Decimal(2), Decimal(5), received_ns=at) for at in range(1, 50)]


class Sound:
    """Does nothing."""

    def __init__(self, desk: exo.Desk[Any]) -> None:
        self.desk = desk

    def act(self, update: exo.Update[Any]) -> Any:
        """Wait for ever, as most do."""

    def clean_up(self) -> None:
        """Nothing is held."""


class Spins(Sound):
    """Order 3 never comes back."""

    def act(self, update: exo.Update[Any]) -> Any:
        """Spin."""
        while self.desk.order_id == "3":
            pass


class SpinsAsync(Sound):
    """Order 3 comes back, but never to an end, and no time passes."""

    async def act(self, update: exo.Update[Any]) -> Any:
        """Yield for ever."""
        while self.desk.order_id == "3":
            await asyncio.sleep(0)


class SpinsAtStart(Sound):
    """Order 3 has no delegate, ever."""

    def __init__(self, desk: exo.Desk[Any]) -> None:
        super().__init__(desk)
        while desk.order_id == "3":
            pass


class Waits(Sound):
    """Waits for what never comes; time passes."""

    async def act(self, update: exo.Update[Any]) -> Any:
        """Wait."""
        await asyncio.Event().wait()


@pytest.mark.parametrize("delegate", [Spins, SpinsAsync], ids=["def", "async"])
def test_a_delegate_that_keeps_time_from_passing_ends_the_replay_and_is_named(delegate):
    """Its order and its class."""
    with pytest.raises(NeverFinishes) as caught:
        replay(TICKS, Plan(orders=5, factory=delegate, deadline_ns=DEADLINE_NS))
    assert (caught.value.order_id, caught.value.delegate, caught.value.held_s) == ("3", delegate.__name__, 0.3)
    assert isinstance(caught.value, DelegateError)
    assert str(caught.value) == (
        f"the delegate of order 3 ({delegate.__name__}) did not come to an end within 0.3 s, and nothing else could go "
        "on: the replay is over"
    )


def test_a_factory_that_never_comes_back_ends_the_replay_too():
    """Though nobody can tell whose."""
    with pytest.raises(NeverFinishes, match=r"^some delegate did not come to an end within 0\.3 s"):
        replay(TICKS, Plan(orders=5, factory=SpinsAtStart, deadline_ns=DEADLINE_NS))


def test_a_delegate_that_waits_for_ever_is_ended_with_the_session():
    """In virtual time the deadline costs nothing; each order tells it."""
    account = replay(TICKS, Plan(orders=5, factory=Waits))
    assert account.fates[Fate.STOPPED] == 5
    assert {line.why for line in account.lines} == {"its delegate Waits did not end within 60s of the session's end"}


def test_the_threads_of_a_replay_end_with_it():
    """Also of one that was ended."""
    before = set(threading.enumerate())
    with pytest.raises(NeverFinishes):
        replay(TICKS, Plan(orders=5, factory=Spins, deadline_ns=DEADLINE_NS))
    replay(TICKS, Plan(orders=5, factory=Sweep, deadline_ns=DEADLINE_NS))
    assert set(threading.enumerate()) == before


def test_the_command_line_tells_it_in_one_line(tmp_path: Path):
    """And exits with 1."""
    (tmp_path / "spins.py").write_text(
        "import exo\n"
        "class Spins:\n"
        "    def __init__(self, desk: exo.Desk[exo.Order]): pass\n"
        "    def act(self, update):\n"
        "        while True: pass\n"
        "    def clean_up(self): pass\n"
    )
    ticks = tmp_path / "ticks.csv"
    ticks.write_text(
        "ts_ns,symbol,type,bid_px,bid_size,ask_px,ask_size,last_px,last_qty\n"
        + "".join(f"{at},A,quote,1,5,2,5,,\n" for at in range(1, 20))
    )
    command = [sys.executable, "-m", "exo.cli", "replay", str(ticks), "--delegate", "spins.py:Spins"]
    done = subprocess.run(
        [*command, "--orders", "1", "--deadline", "300ms"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "exo: the delegate of order 1 (Spins) did not come to an end within 0.3 s, and nothing else could go on: "
        "the replay is over\n"
    )
