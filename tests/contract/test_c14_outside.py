"""C14: what is outside stays outside - no persistence, no logging set-up, no venue is imposed."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import exo

PROBE = """
import asyncio, decimal, faulthandler, gc, json, locale, logging, os, signal, sys, threading, warnings
def state():
    return {
        "root": [len(logging.root.handlers), logging.root.level, logging.root.disabled, len(logging.root.filters)],
        "raise": [logging.raiseExceptions, logging.Logger.manager.disable],
        "decimal": repr(decimal.getcontext()), "default": repr(decimal.DefaultContext),
        "gc": [gc.isenabled(), gc.get_threshold()],
        "threads": sorted(t.name for t in threading.enumerate()),
        "signals": [repr(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)],
        "hooks": [sys.excepthook is sys.__excepthook__, sys.unraisablehook is sys.__unraisablehook__,
                  threading.excepthook is threading.__excepthook__],
        "switch": sys.getswitchinterval(), "recursion": sys.getrecursionlimit(),
        "trace": [sys.gettrace() is None, sys.getprofile() is None],
        "warnings": repr(warnings.filters), "env": sorted(os.environ.items()), "path": sys.path,
        "cwd": sorted(os.listdir(".")), "fault": faulthandler.is_enabled(), "locale": locale.setlocale(locale.LC_ALL),
    }
before = state()
import exo
assert state() == before, [k for k in before if state()[k] != before[k]]
modules = sorted(sys.modules)
loggers = {n: [len(l.handlers), l.level, l.propagate, l.disabled] for n, l in logging.Logger.manager.loggerDict.items()
           if n.startswith("exo") and isinstance(l, logging.Logger)}
class Peg:
    def __init__(self, desk): self.desk = desk
    async def act(self, update):
        await asyncio.sleep(0)
        return exo.DONE if update.quote else None
    def clean_up(self): pass
async def main():
    async with exo.Dispatcher(Peg) as d:
        x = d.submit(exo.Order(side=exo.Side.BUY, symbol="A")).order_id
        await asyncio.sleep(0)
        d.on_quote(exo.Quote("A", decimal.Decimal(1), None, decimal.Decimal(2), None))
        await d.ended(x)
asyncio.run(main())
exo.run_virtually(main())
after = state()
assert after == before, [k for k in before if after[k] != before[k]]
print(json.dumps({"modules": modules, "loggers": loggers, "later": sorted(set(sys.modules) - set(modules))}))
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process of its own finds before, between and after importing and running exo."""
    home = tmp_path_factory.mktemp("outside")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROBE],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(Path(exo.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert list(home.iterdir()) == []
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize(
    "module", ["aiohttp", "sqlite3", "cyclopts", "rich", "pyarrow", "uvloop", "prometheus_client", "requests", "http"]
)
def test_c14_import_exo_loads_no(module: str, probe: dict[str, Any]) -> None:
    """Neither at the import nor while a dispatcher runs."""
    assert module not in probe["modules"]
    assert module not in probe["later"]


def test_c14_the_container_needs_msgspec_alone(probe: dict[str, Any]) -> None:
    """Of all that is not Python's own."""
    tops = {m.split(".")[0] for m in probe["modules"] + probe["later"]} - {"__main__", "__mp_main__"}
    foreign = {t for t in tops if t not in sys.stdlib_module_names and not t.startswith(("_", "sitecustomize"))}
    assert foreign <= {"exo", "msgspec", "typing_extensions"}, foreign  # the last is msgspec's, where it is installed


def test_c14_importing_and_running_changes_nothing_around_it(probe: dict[str, Any]) -> None:
    """Logging, decimal contexts, signals, hooks, threads, environment, the working directory: all as they were."""
    assert probe


def test_c14_its_loggers_are_left_as_they_are_made(probe: dict[str, Any]) -> None:
    """No handler but a null one, no level; they pass on to whatever the program set up."""
    for name, (handlers, level, propagate, disabled) in probe["loggers"].items():
        assert (handlers, level, propagate, disabled) == (0, 0, True, False), name


FORBIDDEN = {"print", "open", "stdout", "stderr", "basicConfig", "dictConfig", "fileConfig", "addHandler", "setLevel"}


def test_c14_nothing_is_printed_opened_or_set_up() -> None:
    """Neither print nor files nor the standard streams nor logging's set-up stand in the container."""
    root = Path(exo.__file__).parent
    for part in ("mkt", "flow", "run"):
        for path in (root / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                name = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
                assert name.rpartition(".")[2] not in FORBIDDEN, f"{name} in {path}:{node.lineno}"  # type: ignore[attr-defined]


def test_c14_a_dispatcher_needs_neither_venue_nor_journal() -> None:
    """Only a factory."""

    class Noop:
        def __init__(self, desk: exo.Desk[exo.Order]) -> None: ...

        def act(self, update: exo.Update[exo.Order]) -> exo.Next:
            return exo.DONE

        def clean_up(self) -> None: ...

    async def main() -> str:
        async with exo.Dispatcher(Noop) as d:
            return (await d.ended(d.submit(exo.Order(side=exo.Side.BUY, symbol="A")).order_id)).end.value

    assert exo.run_virtually(main(), until_s=60) == "DONE"
