"""What the documents show is what works: their Python is run, their links lead somewhere."""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
import types
from pathlib import Path

import pytest

import exo

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_python_of_a_document_runs_as_it_stands(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks run in order in one module; its tests are called, and `main` runs in virtual time."""
    module = types.ModuleType(f"document_{document.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names = vars(module)
    for block in BLOCK.findall(document.read_text()):
        exec(compile(block, document.name, "exec"), names)
    for name, made in list(names.items()):
        if name.startswith("test_"):
            made()
    main = names.get("main")
    if inspect.iscoroutinefunction(main):

        async def in_time() -> None:
            async with asyncio.timeout(36_000):
                await main()

        exo.run_virtually(in_time())


def test_the_readme_shows_a_delegate_with_its_test() -> None:
    """So that the test above cannot pass on an empty page."""
    text = "".join(BLOCK.findall((ROOT / "README.md").read_text()))
    assert "def act(" in text and "def test_" in text and "async def main" in text


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name)
def test_links_between_documents_lead_to_files(document: Path) -> None:
    """Relative links only; the sites of others are theirs."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), target
