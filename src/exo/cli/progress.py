"""Progress: how far a replay is, on stderr, where that is a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from exo.replay import Replay


class Bar:
    """A progress bar that appears with the first look at a replay."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("reading", total=None)

    def __call__(self, replay: Replay) -> None:
        """Show how far it is."""
        live = len(replay.dispatcher)
        self._progress.update(
            self._task, description=f"{live:,} orders live", total=replay.survey.ticks, completed=replay.rows
        )


@contextmanager
def bar() -> Iterator[Bar | None]:
    """A bar while the block runs; None where nobody would see it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress)
