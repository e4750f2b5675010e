"""Loading a delegate by its import path, and the type of its orders by its annotations."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import exo
from exo.cli.loading import CannotLoad, load
from exo.delegates import Sweep, SweepOrder, Twap, TwapOrder
from exo.errors import UserError

GOOD = """
from dataclasses import dataclass
import exo

class MyOrder(exo.Order):
    count: int = 3

@dataclass
class Mine:
    desk: exo.Desk[MyOrder]

    def act(self, update): pass
    def clean_up(self): pass

class ByAct:
    def __init__(self, desk): pass
    def act(self, update: exo.Update[MyOrder]): pass
    def clean_up(self): pass

class Outer:
    class Inner(ByAct):
        pass

def factory(desk: exo.Desk[MyOrder]):
    return Mine(desk)

class Untold:
    def __init__(self, desk): pass
    def act(self, update): pass
    def clean_up(self): pass

class NoAct:
    def __init__(self, desk: exo.Desk[MyOrder]): pass
    def clean_up(self): pass

class Odd:
    def __init__(self, desk: "exo.Desk[Nowhere]"): pass
    def act(self, update): pass
    def clean_up(self): pass

value = 7
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with a module of delegates, forgotten afterwards."""
    (tmp_path / "mine_of_test.py").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


def test_a_delegate_of_the_library_is_loaded():
    """With the type of its orders."""
    assert load("exo.delegates:Sweep") == (Sweep, SweepOrder)
    assert load("exo.delegates:Twap") == (Twap, TwapOrder)


@pytest.mark.parametrize("name", ["Mine", "ByAct", "Outer.Inner", "factory"])
@pytest.mark.parametrize("module", ["mine_of_test", "mine_of_test.py", "./mine_of_test.py"])
def test_a_class_of_the_working_directory_is_loaded_by_module_or_file(module, name):
    """A nested one and a plain function too; the constructor or act tells the type of the orders."""
    factory, order_type = load(f"{module}:{name}")
    assert callable(factory)
    assert issubclass(order_type, exo.Order)
    assert order_type.__name__ == "MyOrder"


def test_a_file_does_not_hide_the_module_of_its_name(tmp_path):
    """Its own name may be one of the library's."""
    import statistics

    (tmp_path / "statistics.py").write_text(GOOD)
    load("statistics.py:Mine")
    assert sys.modules["statistics"] is statistics


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("Sweep", "expected MODULE:CLASS, such as exo.delegates:Sweep"),
        ("", "expected MODULE:CLASS, such as exo.delegates:Sweep"),
        (":Sweep", "expected MODULE:CLASS, such as exo.delegates:Sweep"),
        ("exo.delegates:", "expected MODULE:CLASS, such as exo.delegates:Sweep"),
        ("exo.delegates:Swoop", "exo.delegates has no Swoop"),
        ("no_such_module:X", "there is no module no_such_module"),
        ("exo.nowhere:X", "there is no module exo.nowhere"),
        ("nowhere.py:X", "there is no file nowhere.py"),
        ("mine_of_test:value", "value is 7, and not a class"),
        ("mine_of_test:NoAct", "NoAct has no method act"),
        ("mine_of_test:Untold", "Untold does not tell the type of its orders: annotate desk: exo.Desk[YourOrder]"),
        ("mine_of_test:Odd", "the annotations of Odd raised NameError: name 'Nowhere' is not defined"),
        ("broken.py:X", "importing broken.py raised ZeroDivisionError: division by zero"),
        ("broken:X", "importing broken raised ZeroDivisionError: division by zero"),
        ("typo.py:X", "importing typo.py raised SyntaxError: invalid syntax (typo.py, line 2)"),
        ("wants.py:X", "there is no module absent_of_test"),
        (".relative:X", "importing .relative raised TypeError"),
    ],
)
def test_a_path_that_leads_to_no_delegate_is_told_in_one_sentence(tmp_path, path, problem):
    """With what is wrong, and whose it is."""
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "typo.py").write_text("import exo\nclass\n")
    (tmp_path / "wants.py").write_text("import absent_of_test\n")
    with pytest.raises(CannotLoad) as caught:
        load(path)
    assert str(caught.value).startswith(f"cannot load the delegate {path}: {problem}")
    assert isinstance(caught.value, UserError)
    assert caught.value.path == path
