"""Loading: a delegate from its import path, and the type of its orders from its annotations."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, get_args, get_origin, get_type_hints

from exo.errors import UserError
from exo.mkt import Order
from exo.run import Desk, Update
from exo.run.outcome import sentence


class CannotLoad(UserError):
    """An import path that leads to no delegate."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot load the delegate {self.path}: {self.problem}"


def load(path: str) -> tuple[Callable[[Desk[Any]], Any], type[Order]]:
    """A delegate's class, or any factory, by `MODULE:CLASS` or `FILE.py:CLASS`, and its order type.

    Modules are looked for in the working directory first. The order type is that of `Desk[...]` in the annotations of
    its constructor, else of `Update[...]` in those of `act`; CannotLoad if neither tells, or there is no such class.
    """
    module_name, colon, name = path.rpartition(":")
    if not colon or not module_name or not name:
        raise CannotLoad(path, "expected MODULE:CLASS, such as exo.delegates:Sweep")
    found: Any = _module(path, module_name)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise CannotLoad(path, f"{module_name} has no {name}") from None
    if not callable(found):
        raise CannotLoad(path, f"{name} is {found!r:.40}, and not a class")
    for method in ("act", "clean_up") if isinstance(found, type) else ():
        if not callable(getattr(found, method, None)):
            raise CannotLoad(path, f"{name} has no method {method}")
    return found, _order_type(path, name, found)


def _module(path: str, name: str) -> ModuleType:
    try:
        if not name.endswith(".py"):
            if os.getcwd() not in sys.path:
                sys.path.insert(0, os.getcwd())
            return importlib.import_module(name)
        file = Path(name)
        if not file.is_file():
            raise CannotLoad(path, f"there is no file {name}")
        as_name = f"delegate_{file.stem}"  # its own would hide a module of that name, which may be the library's
        spec = importlib.util.spec_from_file_location(as_name, file)
        assert spec is not None and spec.loader is not None
        module = sys.modules[as_name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except CannotLoad:
        raise
    except ModuleNotFoundError as error:
        raise CannotLoad(path, f"there is no module {error.name}") from None
    except Exception as error:
        raise CannotLoad(path, f"importing {name} raised {sentence(error)}") from error


def _order_type(path: str, name: str, found: Any) -> type[Order]:
    constructor = getattr(found, "__init__") if isinstance(found, type) else found  # noqa: B009 - mypy minds
    for function, window in ((constructor, Desk), (getattr(found, "act", None), Update)):
        try:
            hints = get_type_hints(function) if function is not None else {}
        except Exception as error:
            raise CannotLoad(path, f"the annotations of {name} raised {sentence(error)}") from None
        for hint in hints.values():
            if get_origin(hint) is window:
                [order_type] = get_args(hint)
                if inspect.isclass(order_type) and issubclass(order_type, Order):
                    return order_type
    raise CannotLoad(path, f"{name} does not tell the type of its orders: annotate desk: exo.Desk[YourOrder]")
