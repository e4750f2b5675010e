"""Retelling: the news of a feed made again from the notes of its connections, the same quotes and trades."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from exo.dma.venue import Sink
from exo.venue.dialect import Dialect
from exo.venue.frames import Event, Failed, Taken
from exo.venue.heard import Hearsay
from exo.venue.news import News
from exo.venue.tap import Note, What


class Retelling:
    """Makes of notes the news that the feed made of the same; `names` has the symbol of each of the venue's names."""

    def __init__(self, dialect: Dialect, names: Mapping[str, str], sink: Sink) -> None:
        habits = dialect.habits
        self._dialect = dialect
        self._names = names
        self._news = News(dialect.venue, habits.counted, habits.snapshots, _nothing)
        self._news.sink = sink
        for name, symbol in names.items():
            self._news.add(name, symbol)
        self._connections: dict[int, _Connection] = {}

    def take(self, note: Note) -> None:
        """Take in the next note; KeyError if its connection was never opened, or is closed."""
        at_ns, number, what, data = note
        if what is What.OPENED:
            self._connections[number] = _Connection(self._dialect, self._names)
            return
        connection = self._connections[number]
        if what is What.FRAME:
            for event in connection.decode(data, at_ns):
                self._news.take(connection, event)
        elif what is What.FORGOTTEN:
            connection.heard.pop(data.decode(), None)
        elif what is What.TORN:
            connection.again(data.decode())
        elif what is What.CHOSEN:
            self._news.choose(connection)
        else:
            del self._connections[number]
            if self._news.current is connection:
                self._news.current = None


class _Connection:
    """A connection of which there are but notes."""

    def __init__(self, dialect: Dialect, names: Mapping[str, str]) -> None:
        self.decode = dialect.decoder(names).decode
        self.heard = Hearsay()
        self.held: deque[Event] = deque()
        self.ending = False

    def is_confirmed(self, name: str) -> bool:
        """Whatever came of it counts."""
        return True

    def is_denied(self, name: str) -> bool:
        """What came of a refusal has notes of its own."""
        return False

    def again(self, name: str) -> None:
        """It was asked for, then."""
        self.heard[name].depth = None

    def answered(self, event: Taken | Failed) -> None:
        """What came of the answer has notes of its own."""


def _nothing() -> None:
    """Connections end as they have ended."""
