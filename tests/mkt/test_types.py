"""What a type checker sees of a user's order: mypy and pyright each read the same source."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import exo.mkt

ROOT = Path(exo.mkt.__file__).parents[2]
SOURCE = """\
from decimal import Decimal

from exo.mkt import Instruction, MsgType, Order, Quote, Side, decode, decode_instruction


class PegOrder(Order):
    order_qty: Decimal
    price: Decimal
    offset: Decimal = Decimal(0)


class Iceberg(PegOrder):
    show: Decimal


good = PegOrder(side=Side.BUY, symbol="A", order_qty=Decimal(1), price=Decimal(2))
ice = Iceberg(order_id="a", side=Side.BUY, symbol="A", order_qty=Decimal(1), price=Decimal(2), show=Decimal(1))
asked = Instruction(msg_type=MsgType.NEW, order=good)
base: Instruction[Order] = asked
reveal_type(good.price)  # is Decimal
reveal_type(good.order_id)  # is str | None
reveal_type(ice.side)  # is Side
reveal_type(asked)  # is Instruction[PegOrder]
reveal_type(asked.order.offset)  # is Decimal
reveal_type(decode(b"", Iceberg))  # is Iceberg
reveal_type(decode_instruction(b"", PegOrder))  # is Instruction[PegOrder]
reveal_type(Quote("A", None, None, None, None).bid_px)  # is Decimal | None
PegOrder(side=Side.BUY, symbol="A", order_qty=1.5, price=Decimal(2))  # wrong: a float
PegOrder(side="BUY", symbol="A", order_qty=Decimal(1), price=Decimal(2))  # wrong: a str for a Side
PegOrder(side=Side.BUY, symbol="A", order_qty=Decimal(1))  # wrong: no price
PegOrder(Side.BUY, "A", Decimal(1), Decimal(2))  # wrong: by position
Iceberg(side=Side.BUY, symbol="A", order_qty=Decimal(1), price=Decimal(2), show=Decimal(1), hide=1)  # wrong: no hide
good.price = Decimal(3)  # wrong: frozen
ice.show = Decimal(3)  # wrong: frozen
good.qty  # wrong: no such field
Instruction(msg_type=MsgType.NEW, order="an order")  # wrong: no order
decode_instruction(b"", Quote)  # wrong: no order
narrow: Instruction[Iceberg] = asked  # wrong: another order
Quote("A", 1.5, None, None, None)  # wrong: a float
"""
LINES = SOURCE.splitlines()
WRONG = {number for number, text in enumerate(LINES, 1) if "# wrong" in text}
REVEALED = {number: text.partition("# is ")[2] for number, text in enumerate(LINES, 1) if "# is " in text}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's source, in a folder of its own."""
    path = tmp_path_factory.mktemp("typed") / "orders.py"
    path.write_text(SOURCE)
    return path


def need(module: str) -> None:
    """Skip where a checker is not installed, but not in CI."""
    if importlib.util.find_spec(module) is None:
        cannot(f"{module} is not installed")


def cannot(why: str) -> None:
    """Skip, or fail in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def short(shown: str) -> str:
    """A type as both checkers may write it: without module names."""
    return re.sub(r"[\w.]*\.", "", shown).replace("Union[Decimal, None]", "Decimal | None")


def test_c13_mypy_sees_a_users_order(source: Path) -> None:
    """Every wrong line is an error, no right line is, and the types are inferred."""
    need("mypy")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--no-error-summary",
        "--no-pretty",
        "--no-color-output",
    ]
    command += ["--follow-imports=silent", "--cache-dir", str(source.parent / "cache"), source.name]
    done = subprocess.run(
        command,
        cwd=source.parent,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"^orders\.py:(\d+): (error|note): (.*)$", done.stdout, re.MULTILINE)
    errors = {int(number) for number, kind, _ in found if kind == "error"}
    types = re.compile(r'Revealed type is "(.*)"')
    revealed = {int(number): short(shown[1]) for number, _, text in found if (shown := types.match(text))}
    assert (errors, revealed) == (WRONG, REVEALED), done.stdout + done.stderr


def test_c13_pyright_sees_a_users_order(source: Path) -> None:
    """The same lines, the same types."""
    need("pyright")
    config = {"extraPaths": [str(ROOT)], "include": [source.name], "reportUnusedExpression": False}
    (source.parent / "pyrightconfig.json").write_text(json.dumps(config))
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "-p",
        str(source.parent),
    ]
    done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["generalDiagnostics"]
    except ValueError:
        cannot(f"pyright does not run here (it needs node): {(done.stderr or done.stdout)[-200:]}")
    rows = [(row["range"]["start"]["line"] + 1, row["severity"], row["message"]) for row in found]
    errors = {line for line, severity, _ in rows if severity == "error"}
    types = re.compile(r'Type of ".*" is "(.*)"')
    revealed = {line: short(shown[1]) for line, _, text in rows if (shown := types.match(text))}
    assert (errors, revealed) == (WRONG, REVEALED), done.stdout
