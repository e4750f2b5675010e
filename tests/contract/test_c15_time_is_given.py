"""C15: the same tape and seed give the same run, byte for byte; only flow/clock.py reads a clock or randomness."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import exo
from exo.flow import VIRTUAL_START_NS, current_clock

from .helpers import Made, buy, now_ns, quote, settled, virtual

ROOT = Path(exo.__file__).parent

PROGRAM = """
import asyncio, logging, sys
from decimal import Decimal as D
import msgspec
import exo
from exo.flow import current_clock, seeded

out = sys.stdout.write
logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s")

class PegOrder(exo.Order):
    price: D

def show(what, update, desk):
    out(f"{what} {desk.order_id} {desk.now} {desk.order} {desk.cancelled} {desk.held} {update!r} {update.span!r}\\n")

class Base:
    def __init__(self, desk):
        self.desk, self.rng, self.n = desk, seeded(f"{desk.order_id} {desk.order.symbol}"), 0
    def answer(self, update):
        self.n += 1
        show(type(self).__name__, update, self.desk)
        x = self.rng.random()
        if x < 0.1: self.desk.wake_in(round(self.rng.random(), 3))
        if x > 0.97: raise ValueError(f"bad luck {x}")
        return exo.DONE if self.desk.cancelled or x > 0.95 else None
    def clean_up(self): out(f"cleaned {self.desk.order_id} {self.desk.now_ns}\\n")

class Plain(Base):
    def act(self, update):
        if self.rng.random() < 0.1: D_.on_quote(exo.Quote(update.symbol, D(self.n), None, D(self.n + 1), None))
        return self.answer(update)

class Slow(Base):
    async def act(self, update):
        await asyncio.sleep(self.rng.choice([0, 0.001, 0.01]))
        return self.answer(update)
    async def clean_up(self):
        await asyncio.sleep(0.01)
        super().clean_up()

class Grouped(Base):
    async def act(self, update):
        try:
            async with asyncio.timeout(0.02), asyncio.TaskGroup() as g:
                for i in range(3):
                    g.create_task(asyncio.sleep(self.rng.random() / 40), name=f"child {i}")
        except TimeoutError:
            out(f"timeout {self.desk.order_id}\\n")
        return self.answer(update)

class Thread(Base):
    blocking = True
    def act(self, update):
        return self.answer(update)

class Venue:
    async def subscribe(self, symbol):
        await asyncio.sleep(0.003)
        out(f"subscribed {symbol}\\n")
    async def unsubscribe(self, symbol):
        out(f"unsubscribed {symbol}\\n")

KINDS = [Plain, Slow, Grouped] + ([Thread] if "threads" in sys.argv else [])

def factory(desk):
    return KINDS[len(made) % len(KINDS)](made.append(desk) or desk)

made = []

async def read(name, stream):
    async for event in stream:
        out(f"reader {name}: {event!r}\\n")

async def main():
    global D_
    rng, clock = seeded(15), current_clock()
    async with exo.Dispatcher(factory, Venue(), on_orphan=lambda r: out(f"orphan {r!r}\\n"), turn_calls=40) as D_:
        readers = [asyncio.create_task(read(i, D_.events())) for i in range(4)]
        ids = []
        for i in range(400):
            s = rng.choice("ABCD")
            x = rng.random()
            if i < 24 or x < 0.03:
                ids.append((D_.submit(PegOrder(side=rng.choice(list(exo.Side)), symbol=s, price=D(i))), s))
            elif x < 0.5:
                D_.on_quote(exo.Quote(s, D(i), D(1), D(i + 1), None, clock.now_ns(), i))
            elif x < 0.7:
                D_.on_trade(exo.Trade(s, D(i), D("0.1"), rng.choice([None, *exo.Side]), clock.now_ns()))
            elif x < 0.8:
                D_.on_report(exo.Report(order_id=rng.choice(ids)[0].order_id, transact_time=None, exec_id=str(i)))
            else:
                ack, s = rng.choice(ids)
                try:
                    match rng.randrange(4):
                        case 0: D_.cancel(ack.order_id)
                        case 1: D_.replace(msgspec.structs.replace(ack.order, price=D(i)))
                        case 2: D_.hold(ack.order_id)
                        case 3: D_.release(ack.order_id)
                except exo.ExoError as error:
                    out(f"refused {error}\\n")
            if x > 0.6:
                await asyncio.sleep(round(rng.random() / 50, 4))
        out(f"{D_.totals!r}\\n")
    await asyncio.gather(*readers)
    for ack, _ in ids:
        out(f"{D_.outcome(ack.order_id)!r}\\n")
    out(f"{D_.totals!r} {clock.now_ns()} {asyncio.get_running_loop().time()}\\n")

exo.run_virtually(main())
"""


def run_in_a_process(hash_seed: str, *args: str) -> bytes:
    """All that the program prints."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, *args],
        env=os.environ | {"PYTHONPATH": str(ROOT.parent), "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def test_c15_two_processes_with_different_hash_seeds_have_the_same_run() -> None:
    """Every update, event, outcome, log line and time of a program that does all that can be done, byte for byte."""
    first, *others = [run_in_a_process(seed) for seed in ("0", "1", "77", "4242")]
    assert len(first.splitlines()) > 1000
    for word in (
        b"Plain",
        b"Slow",
        b"Grouped",
        b"orphan",
        b"reader 3",
        b"refused",
        b"bad luck",
        b"timeout",
        b"STOPPED",
    ):
        assert word in first, f"the program should come by {word!r}"
    assert all(other == first for other in others), difference(first, next(o for o in others if o != first))


def difference(a: bytes, b: bytes) -> str:
    """The first lines that differ."""
    for x, y in zip(a.splitlines(), b.splitlines(), strict=False):
        if x != y:
            return f"{x.decode()[:300]}\n{y.decode()[:300]}"
    return "one is longer"


def scan() -> Iterator[tuple[Path, ast.AST]]:
    """Every node of every module but the clock."""
    for path in sorted(ROOT.rglob("*.py")):
        if path.relative_to(ROOT).as_posix() != "flow/clock.py":
            for node in ast.walk(ast.parse(path.read_text())):
                yield path.relative_to(ROOT), node


FORBIDDEN = {"time", "random", "secrets", "uuid", "timeit"}


def test_c15_no_module_but_the_clock_imports_time_or_randomness() -> None:
    """Found in the sources, however it is imported."""
    for path, node in scan():
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "importlib.import_module"):
            names = [ast.unparse(argument).strip("'\"") for argument in node.args]
        for name in names:
            assert name.split(".")[0] not in FORBIDDEN, f"{path}:{getattr(node, 'lineno', 0)} imports {name}"


CLOCKS = {
    "now",
    "utcnow",
    "today",
    "urandom",
    "getrandom",
    "monotonic",
    "perf_counter",
    "uuid1",
    "uuid4",
    "SystemRandom",
}
# `now` is also what exo's own desk and clock call the time that is given
OWN = {"self.now", "desk.now", "self.desk.now", "self._desk.now"}


def test_c15_no_module_but_the_clock_asks_a_datetime_or_the_system_for_the_time() -> None:
    """Calls such as datetime.now() and os.urandom()."""
    for path, node in scan():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            assert ast.unparse(node.func) in OWN, f"{path}:{node.lineno} {ast.unparse(node)}"


def test_c15_the_clock_is_where_time_and_randomness_are_read() -> None:
    """The scan above would see it."""
    imported = {
        alias.name
        for node in ast.walk(ast.parse((ROOT / "flow/clock.py").read_text()))
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert {"time", "random"} <= imported


@virtual
async def test_c15_virtual_time_moves_only_when_everything_waits() -> None:
    """What a delegate sees as now is the time of the tape, not of the machine."""

    def act(me: Any, update: exo.Update[Any]) -> None:
        time.sleep(0.002)
        seen.append((update.now_ns, me.desk.now_ns))

    seen: list[tuple[int, int]] = []
    async with exo.Dispatcher(Made(act)) as d:
        d.submit(buy())
        d.submit(buy())
        await settled()
        await asyncio.sleep(3600 / 2)
        d.on_quote(quote())
        await settled()
    start = VIRTUAL_START_NS
    later = seen[-1][0]
    assert seen == [(start, start)] * 2 + [(later, later)] * 2
    assert 1_800_000_000_000 <= later - start < 1_800_100_000_000


@virtual
async def test_c15_all_stamps_are_on_the_one_clock() -> None:
    """Instructions, updates, outcomes and events."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        await asyncio.sleep(7)
        x = d.submit(buy()).order_id
        event = await anext(aiter(d.events()))
        await settled()
        at = VIRTUAL_START_NS + 7_000_000_000
        assert made[0].instructions[0].received_ns == at == made[0].last.now_ns
        assert event.time_ns == at
        assert now_ns() == current_clock().now_ns() == made[0].desk.now_ns
    outcome = d.outcome(x)
    assert outcome is not None and outcome.submitted_ns == at


def test_c15_assigned_ids_depend_on_the_given_time_alone() -> None:
    """The same start gives the same ids, another start others."""

    async def ids() -> list[str]:
        async with exo.Dispatcher(Made()) as d:
            return [d.submit(buy()).order_id for _ in range(3)]

    assert exo.run_virtually(ids()) == exo.run_virtually(ids())
    assert exo.run_virtually(ids(), start_ns=1_700_000_000_000_000_000) != exo.run_virtually(ids())


@pytest.mark.parametrize("hog_s", [None, 0.001, 10])
def test_c15_the_watchdog_steers_nothing(hog_s: float | None) -> None:
    """Whether it looks often, seldom or never, the run is the same."""

    async def main() -> list[Any]:
        made = Made(lambda me, update: time.sleep(0.003))
        async with exo.Dispatcher(made, hog_s=hog_s, on_hog=lambda hog: None) as d:
            for _ in range(3):
                d.submit(buy())
            for i in range(5):
                d.on_quote(quote(i, 9))
                await asyncio.sleep(0.5)
        return [(x, repr(u)) for x, u in made.calls]

    async def unwatched() -> list[Any]:
        made = Made()
        async with exo.Dispatcher(made, hog_s=None) as d:
            for _ in range(3):
                d.submit(buy())
            for i in range(5):
                d.on_quote(quote(i, 9))
                await asyncio.sleep(0.5)
        return [(x, repr(u)) for x, u in made.calls]

    assert exo.run_virtually(main()) == exo.run_virtually(unwatched())
