"""Subscribing: what is asked of a venue on one connection, kept in line with what is wanted, and what is confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from exo.flow.clock import Clock
from exo.flow.rate import RateLimiter
from exo.venue.dialect import Dialect
from exo.venue.frames import Failed, Taken
from exo.venue.heard import Hearsay
from exo.venue.network import Closed
from exo.venue.tap import What

_S: Final = 1_000_000_000
_ANSWER_S: Final = 10.0
_FIRST_S: Final = 0.25
_LONGEST_S: Final = 1.0
_GOOD_NS: Final = 2 * _S


class Subscribing:
    """Subscriptions to instruments, by the venue's names, each with its topics.

    `send` sends a message, `confirmed` is called of each name whose topics all are, `refused` of each that was refused,
    with the venue's words. A book is asked for anew by its own topics, so that trades go on meanwhile.
    """

    def __init__(
        self,
        dialect: Dialect,
        clock: Clock,
        heard: Hearsay,
        send: Callable[[str], Awaitable[None]],
        note: Callable[[What, bytes], None],
        confirmed: Callable[[str], object],
        refused: Callable[[str, str], object],
    ) -> None:
        self._dialect = dialect
        self._clock = clock
        self._heard = heard
        self._send = send
        self._note = note
        self._confirmed = confirmed
        self._refused = refused
        self._limiter = RateLimiter(*dialect.habits.windows)
        self._wanted: dict[str, None] = {}
        self._asked: dict[str, None] = {}
        self._missing: dict[str, set[str]] = {}  # the topics of what was asked that are not confirmed
        self._requests: dict[str, tuple[str, ...]] = {}
        self._alone: dict[str, None] = {}  # to be asked for in a request of its own
        self._denied: dict[str, None] = {}
        self._stale: dict[str, None] = {}  # asked for, and not wanted any more; maybe wanted again since
        self._torn: dict[str, int] = {}  # a new whole is wanted then
        self._renewed: dict[str, tuple[int, int]] = {}  # how often of late, and when last
        self._rests_until_s = 0.0  # as the venue has asked for
        self._over = False
        self._number = 0
        self._changed = asyncio.Event()

    def want(self, name: str, wanted: bool) -> None:
        """Have an instrument subscribed, or no longer."""
        self._denied.pop(name, None)
        if wanted:
            self._wanted[name] = None
        else:
            self._wanted.pop(name, None)
            self._alone.pop(name, None)
            if name in self._asked:
                self._stale[name] = None
        self._changed.set()

    def again(self, name: str) -> None:
        """Ask for a new whole: at once, or ever later if the last ones were of no use."""
        self._heard[name].depth = None
        if name in self._asked and name not in self._torn:
            now_ns = self._clock.now_ns()
            times, last_ns = self._renewed.get(name, (0, 0))
            times = 0 if now_ns - last_ns > _GOOD_NS else times
            wait_s = min(_LONGEST_S, _FIRST_S * 2.0**times) if times else 0.0
            self._torn[name] = now_ns + round(wait_s * _S)
            self._renewed[name] = times + 1, self._torn[name]
            asyncio.get_running_loop().call_later(wait_s, self._changed.set)

    def is_confirmed(self, name: str) -> bool:
        """Whether all topics of an instrument are, and it is not to be asked for anew."""
        return name in self._asked and not self._missing.get(name) and name not in self._stale

    def is_denied(self, name: str) -> bool:
        """Whether the venue has refused an instrument."""
        return name in self._denied

    async def run(self) -> None:
        """Send what brings the subscriptions in line, a batch at a time, as fast as the venue allows."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                gone = [name for name in self._asked if name not in self._wanted or name in self._stale]
                new = [name for name in self._wanted if name not in self._asked]
                now_ns = self._clock.now_ns()
                torn = [name for name, due_ns in self._torn.items() if due_ns <= now_ns]
                if not (gone or new or torn) or self._rests_until_s > loop.time():
                    self._changed.clear()
                    await self._changed.wait()
                    continue
                batch = self._batch(gone or new or torn)
                await self._limiter.acquire()
                if gone:
                    await self._unsubscribe(batch)
                    continue
                batch = tuple(name for name in batch if name in self._wanted)  # it may have waited
                if batch:
                    await (self._subscribe if new else self._renew)(batch)
        except Closed:
            return  # the reader knows it too
        finally:
            self._over = True

    def _batch(self, names: Sequence[str]) -> tuple[str, ...]:
        if names[0] in self._alone:
            return (names[0],)
        together = [name for name in names if name not in self._alone]
        return tuple(together[: self._dialect.habits.batch])

    async def _subscribe(self, names: tuple[str, ...], whole: bool = False) -> None:
        self._number += 1
        number = str(self._number)
        for name in names:
            self._asked[name] = None
            self._missing[name] = set(self._dialect.topics(name, whole=whole))
        self._requests[number] = names
        asyncio.get_running_loop().call_later(_ANSWER_S, self._due, number, names)
        await self._send(self._dialect.request(names, True, self._number, whole=whole))

    async def _unsubscribe(self, names: tuple[str, ...]) -> None:
        self._number += 1
        for name in names:
            self._forget(name)
        await self._send(self._dialect.request(names, False, self._number))

    async def _renew(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._torn.pop(name, None)
        names = tuple(name for name in names if self._heard[name].depth is None)  # else one was on its way
        if not names:
            return
        for name in names:
            self._missing[name] = set(self._dialect.topics(name, whole=True))
        self._number += 1
        await self._send(self._dialect.request(names, False, self._number, whole=True))
        await self._limiter.acquire()
        for name in names:  # what has come meanwhile does not go on
            self._heard[name].depth = None
            self._note(What.TORN, name.encode())
        await self._subscribe(names, whole=True)

    def answered(self, event: Taken | Failed) -> None:
        """The venue has answered a request: what it was about is confirmed, or refused."""
        number, topics = self._dialect.confirmed(event)
        if isinstance(event, Failed):
            self._failed(event, number, topics)
            return
        if number is not None:
            for name in self._requests.pop(number, ()):
                self._confirm(name, self._missing.get(name, set()).copy())
        told = set(topics)
        for name, missing in list(self._missing.items()):
            if missing and told:
                self._confirm(name, missing & told)

    def _confirm(self, name: str, topics: set[str]) -> None:
        missing = self._missing.get(name)
        if not missing or not topics:
            return
        missing -= topics
        if not missing:
            self._alone.pop(name, None)
            for number, names in list(self._requests.items()):
                if all(not self._missing.get(each) for each in names):
                    del self._requests[number]
            self._confirmed(name)

    def _failed(self, event: Failed, number: str | None, topics: Sequence[str]) -> None:
        names, named = self._about(number, topics)
        if event.retry_after_s is None:
            self._denied |= dict.fromkeys(named)
            self._fail(event.text, names, named)
            return
        for name in dict.fromkeys((*names, *named)):
            self._forget(name)
        loop = asyncio.get_running_loop()
        self._rests_until_s = loop.time() + event.retry_after_s
        loop.call_later(event.retry_after_s, self._changed.set)

    def _about(self, number: str | None, topics: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """The names of the request that failed, and of them those that it failed for, as far as that is known."""
        named: list[str] = []
        if number is None and topics:
            named = [name for name in self._asked if set(self._dialect.topics(name)) & set(topics)]
            number = next((n for n, names in self._requests.items() if set(named) & set(names)), None)
        elif number is None:
            number = next(iter(self._requests), None)
        names = self._requests.pop(number, ()) if number is not None else ()
        return names, named or (names if len(names) == 1 else ())

    def _fail(self, text: str, names: Sequence[str], named: Sequence[str]) -> None:
        """Refused are those that are named; the others of their request are asked for again, each by itself."""
        for name in names:
            if self._missing.get(name):
                self._forget(name)
                self._alone[name] = None
        for name in named:
            self._forget(name)
            self._wanted.pop(name, None)
            self._refused(name, text)
        self._changed.set()

    def _forget(self, name: str) -> None:
        self._note(What.FORGOTTEN, name.encode())
        self._heard.pop(name, None)
        for of in (self._asked, self._missing, self._stale, self._torn, self._renewed):
            of.pop(name, None)

    def _due(self, number: str, names: Sequence[str]) -> None:
        """Its answer should be there by now, and what it was to bring."""
        if self._over:
            return
        if number in self._requests:
            self._fail(f"not answered within {_ANSWER_S:g} s", *self._about(number, ()))
        for name in names if self._dialect.habits.snapshots else ():
            if self.is_confirmed(name) and self._heard[name].depth is None:
                self.again(name)
