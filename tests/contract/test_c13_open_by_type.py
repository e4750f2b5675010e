"""C13: a user's order type flows through Dispatcher, Desk, Update and Delegate, and type checkers see it."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import exo

from .helpers import D, Made, settled, virtual

GOOD = '''
from decimal import Decimal
from typing import assert_type
import exo

class PegOrder(exo.Order):
    order_qty: Decimal
    price: Decimal
    note: str = ""

class Peg:
    def __init__(self, desk: exo.Desk[PegOrder]) -> None:
        self.desk = desk
    def act(self, update: exo.Update[PegOrder]) -> exo.Next:
        assert_type(self.desk.order, PegOrder)
        assert_type(self.desk.order.price, Decimal)
        for instruction in update.instructions:
            assert_type(instruction, exo.Instruction[PegOrder])
            assert_type(instruction.order.price, Decimal)
        if update.quote:
            assert_type(update.quote.near(self.desk.order.side), tuple[Decimal | None, Decimal | None])
        return exo.DONE if self.desk.cancelled else None
    def clean_up(self) -> None: ...

class Slow:
    blocking = True
    def __init__(self, desk: exo.Desk[PegOrder]) -> None: ...
    async def act(self, update: exo.Update[PegOrder]) -> exo.Next:
        return None
    async def clean_up(self) -> None: ...

class Any_:
    """Works any order."""
    def __init__(self, desk: exo.Desk[exo.Order]) -> None: ...
    def act(self, update: exo.Update[exo.Order]) -> exo.Next:
        return exo.DONE
    def clean_up(self) -> None: ...

peg: exo.Delegate[PegOrder]

async def main() -> None:
    async with exo.Dispatcher(Peg) as d:
        assert_type(d, exo.Dispatcher[PegOrder])
        ack = d.submit(PegOrder(side=exo.Side.BUY, symbol="A", order_qty=Decimal(1), price=Decimal(2)))
        assert_type(ack.order, PegOrder)
        assert_type(await ack, PegOrder)
        assert_type(ack.order.price, Decimal)
    async with exo.Dispatcher[PegOrder](Slow) as e:
        await e.all_ended()
    async with exo.Dispatcher(Any_) as f:
        f.submit(exo.Order(side=exo.Side.BUY, symbol="A"))
'''

WRONG = {
    "an unknown field of the order": "        self.desk.order.pric",
    "an unknown field of an instruction's order": "        [i.order.pric for i in update.instructions]",
    "an unknown field of the update": "        update.quotes",
    "a field of the wrong type": "        x: str = self.desk.order.price",
    "a side that is a size": "        y: Decimal = self.desk.order.side",
    "writing to the terms": "        self.desk.order.price = Decimal(1)",
    "an answer that is a number": "        return 5",
    "an answer that is True": "        return True",
    "terms left out": '        PegOrder(side=exo.Side.BUY, symbol="A", price=Decimal(1))',
    "a float as a price": '        PegOrder(side=exo.Side.BUY, symbol="A", order_qty=Decimal(1), price=1.5)',
    "terms by position": '        PegOrder("X", exo.Side.BUY, "A", Decimal(1), Decimal(2))',
    "a quote that may be missing": "        update.quote.bid_px",
}

OUTSIDE = {
    "another type of order submitted": """
async def wrong() -> None:
    async with exo.Dispatcher(Peg) as d:
        d.submit(exo.Order(side=exo.Side.BUY, symbol="A"))  # WRONG
""",
    "another type of order in a replace": """
async def wrong() -> None:
    async with exo.Dispatcher(Peg) as d:
        d.replace(exo.Order(order_id="X", side=exo.Side.BUY, symbol="A"))  # WRONG
""",
    "a delegate without clean_up": """
class NoEnd:
    def __init__(self, desk: exo.Desk[PegOrder]) -> None: ...
    def act(self, update: exo.Update[PegOrder]) -> exo.Next:
        return None
exo.Dispatcher(NoEnd)  # WRONG
""",
    "a delegate whose act answers a number": """
class Number:
    def __init__(self, desk: exo.Desk[PegOrder]) -> None: ...
    def act(self, update: exo.Update[PegOrder]) -> float:
        return 0.5
    def clean_up(self) -> None: ...
exo.Dispatcher(Number)  # WRONG
""",
    "a delegate of another order": """
class Other(exo.Order):
    legs: int
class ForOther:
    def __init__(self, desk: exo.Desk[Other]) -> None: ...
    def act(self, update: exo.Update[Other]) -> exo.Next:
        return None
    def clean_up(self) -> None: ...
exo.Dispatcher[PegOrder](ForOther)  # WRONG
""",
}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, list[int]], dict[int, str]]:
    """What mypy, strict, says: of the good file, and of the wrong lines, which are marked, in the bad one."""
    pytest.importorskip("mypy")
    home = tmp_path_factory.mktemp("typed")
    (home / "good.py").write_text(GOOD)
    head = "    def act{}(self, update: exo.Update[PegOrder]) -> exo.Next:\n{}  # WRONG\n        return None\n"
    acts = "".join(head.format(n, line) for n, line in enumerate(WRONG.values()))
    end = "    def clean_up(self) -> None: ...\n"
    bad = GOOD.replace(end, acts + end, 1)
    bad += "".join(OUTSIDE.values()).replace("wrong()", "wrong_()")
    for n in range(2):
        bad = bad.replace("def wrong_()", f"def wrong_{n}()", 1)
    (home / "bad.py").write_text(bad)
    source = Path(exo.__file__).parents[1]
    run = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(home / "cache")),
            *("--no-warn-unreachable", "--config-file", "", "good.py", "bad.py"),
        ],
        cwd=home,
        env={"MYPYPATH": str(source), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "bad.py" in run.stdout, run.stdout + run.stderr
    lines = bad.splitlines()
    marked = {n: line for n, line in enumerate(lines, 1) if line.endswith("# WRONG")}
    said: dict[str, list[int]] = {"good.py": [], "bad.py": []}
    for message in run.stdout.splitlines():
        if ": error:" in message:
            file, number, *_ = message.split(":")
            said.setdefault(file, []).append(int(number))
    return run.stdout, said, marked


def test_c13_mypy_sees_the_users_type_everywhere(complaints: Any) -> None:
    """The good file has no complaint."""
    output, said, _ = complaints
    assert not said["good.py"], output


@pytest.mark.parametrize("mistake", [*WRONG, *OUTSIDE])
def test_c13_mypy_sees_a_mistake(mistake: str, complaints: Any) -> None:
    """Each wrong line is complained of."""
    output, said, marked = complaints
    text = WRONG.get(mistake) or next(line for line in OUTSIDE[mistake].splitlines() if line.endswith("# WRONG"))
    [number] = [n for n, line in marked.items() if line.removesuffix("  # WRONG") == text.removesuffix("  # WRONG")]
    assert number in said["bad.py"], output


def test_c13_mypy_complains_of_nothing_else(complaints: Any) -> None:
    """Only of the marked lines."""
    output, said, marked = complaints
    assert set(said["bad.py"]) <= set(marked), output


class IcebergOrder(exo.Order):
    """An order with fields that exo does not know."""

    order_qty: Decimal
    display_qty: Decimal
    notes: tuple[str, ...] = ()
    parent: str | None = None


@virtual
async def test_c13_fields_that_exo_does_not_know_flow_through() -> None:
    """Desk, instructions, outcome and events all carry the user's own type."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        order = IcebergOrder(
            order_id="X", side=exo.Side.SELL, symbol="A", order_qty=D(10), display_qty=D(1), notes=("a", "b")
        )
        ack = d.submit(order)
        assert ack.order is order or ack.order == order
        event = await anext(aiter(d.events()))
        await settled()
        assert made[0].desk.order == order and type(made[0].desk.order) is IcebergOrder
        assert made[0].instructions[0].order.display_qty == D(1)
        assert event.order == order
    outcome = d.outcome("X")
    assert outcome is not None and outcome.order == order


@virtual
async def test_c13_an_id_is_assigned_to_a_users_type_without_losing_its_fields() -> None:
    """The assigned id is the only change."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        ack = d.submit(IcebergOrder(side=exo.Side.SELL, symbol="A", order_qty=D(10), display_qty=D(1), notes=("n",)))
    assert ack.order == IcebergOrder(
        order_id=ack.order_id, side=exo.Side.SELL, symbol="A", order_qty=D(10), display_qty=D(1), notes=("n",)
    )


@virtual
async def test_c13_different_order_types_live_in_one_dispatcher() -> None:
    """Each with the fields it has."""
    made = Made()
    async with exo.Dispatcher(made) as d:
        d.submit(exo.Order(side=exo.Side.BUY, symbol="A"))
        d.submit(IcebergOrder(side=exo.Side.BUY, symbol="A", order_qty=D(1), display_qty=D(1)))
        await settled()
        assert [type(m.desk.order) for m in made.all] == [exo.Order, IcebergOrder]
