"""C10: subscribe at a symbol's first order, unsubscribe after its last, never on the dispatch path."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

import exo
from exo.errors import FactoryFailed

from .helpers import Made, buy, done, done_when_cancelled, quote, settled, virtual


class Venue:
    """A venue that keeps what it is told, takes its time and may fail."""

    def __init__(
        self,
        delay_s: float | None = None,
        fails: tuple[str, ...] = (),
        error: type[BaseException] = ConnectionError,
    ) -> None:
        self.delay_s = delay_s
        self.error = error
        self.fails = fails
        self.told: list[str] = []
        self.on: set[str] = set()
        self.inside: list[str] = []
        self.most = 0

    def subscribe(self, symbol: str) -> Any:
        """Plain or async, as the delay says."""
        return self._take(f"+{symbol}")

    def unsubscribe(self, symbol: str) -> Any:
        """Likewise."""
        return self._take(f"-{symbol}")

    def _take(self, what: str) -> Any:
        self.told.append(what)
        assert (what[0] == "+") == (what[1:] not in self.on), f"{what} twice"
        if self.delay_s is None:
            return self._done(what)
        return self._later(what)

    async def _later(self, what: str) -> None:
        self.inside.append(what[1:])
        self.most = max(self.most, self.inside.count(what[1:]))
        await asyncio.sleep(self.delay_s or 0)
        self.inside.remove(what[1:])
        self._done(what)

    def _done(self, what: str) -> None:
        if what in self.fails:
            raise self.error("boom")
        (self.on.add if what[0] == "+" else self.on.discard)(what[1:])


@pytest.mark.parametrize("delay_s", [None, 0, 1])
@virtual
async def test_c10_a_symbol_is_subscribed_at_its_first_order_and_unsubscribed_after_its_last(delay_s: Any) -> None:
    """Once each, however many orders it has."""
    venue = Venue(delay_s)
    async with exo.Dispatcher(Made(done_when_cancelled), venue) as d:
        await asyncio.sleep(5)
        assert venue.told == []
        ids = [d.submit(buy(symbol="A")).order_id for _ in range(3)]
        await asyncio.sleep(5)
        assert venue.told == ["+A"]
        b = d.submit(buy(symbol="B")).order_id
        d.cancel(ids[0])
        d.cancel(ids[1])
        await asyncio.sleep(5)
        assert venue.told == ["+A", "+B"]
        d.cancel(ids[2])
        await asyncio.sleep(5)
        assert venue.told == ["+A", "+B", "-A"] and venue.on == {"B"}
        again = d.submit(buy(symbol="A")).order_id
        await asyncio.sleep(5)
        assert venue.told == ["+A", "+B", "-A", "+A"] and venue.on == {"A", "B"}
        d.cancel(b)
        d.cancel(again)
        await asyncio.sleep(5)
        assert venue.on == set()
    assert venue.most <= 1 and len(venue.told) == 6


@virtual
async def test_c10_the_end_unsubscribes_everything() -> None:
    """Of an async venue too, before the block is left."""
    venue = Venue(0.1)
    async with exo.Dispatcher(Made(), venue) as d:
        for s in "ABC":
            d.submit(buy(symbol=s))
        await asyncio.sleep(1)
        assert venue.on == {"A", "B", "C"}
    assert venue.on == set()
    assert sorted(venue.told) == ["+A", "+B", "+C", "-A", "-B", "-C"]


@virtual
async def test_c10_the_venue_is_never_called_on_the_dispatch_path() -> None:
    """Not inside submit, not inside act or deliver, not in the task of who submits."""
    venue = Venue()
    tasks: list[Any] = []
    original = venue._take
    venue._take = lambda what: (tasks.append(asyncio.current_task()), original(what))[1]  # type: ignore[method-assign]

    def act(me: Any, update: exo.Update[Any]) -> Any:
        before = list(venue.told)
        if me is made[0] and len(made) == 1:
            d.submit(buy(symbol="B"))
        assert venue.told == before
        return exo.DONE if update.quote else None

    made = Made(act)
    async with exo.Dispatcher(made, venue) as d:
        x = d.submit(buy(symbol="A")).order_id
        assert venue.told == []
        d.deliver()
        assert venue.told == []
        await settled()
        assert venue.told == ["+A", "+B"]
        d.on_quote(quote(symbol="A"))
        d.deliver()
        assert d.outcome(x) is not None and venue.told == ["+A", "+B"]
        await settled()
        assert venue.told == ["+A", "+B", "-A"]
    assert asyncio.current_task() not in tasks


@virtual
async def test_c10_a_slow_venue_holds_up_no_delegate() -> None:
    """Orders are called, and prices of other symbols delivered, while it takes its time."""
    made = Made()
    async with exo.Dispatcher(made, Venue(50)) as d:
        d.submit(buy(symbol="A"))
        d.submit(buy(symbol="B"))
        await settled()
        d.on_quote(quote(symbol="A"))
        d.on_quote(quote(symbol="B"))
        await settled()
        assert asyncio.get_running_loop().time() < 1
        assert [m.quotes for m in made.all] == [1, 1]
        await asyncio.sleep(200)


@virtual
async def test_c10_a_flapping_symbol_ends_in_the_right_state() -> None:
    """Orders come and go at random, faster than the venue: never twice the same call, and the last word is right."""
    rng = random.Random(10)
    venue = Venue(0.05)
    live: dict[str, list[str]] = {"A": [], "B": [], "C": []}
    async with exo.Dispatcher(Made(done_when_cancelled), venue) as d:
        for _ in range(400):
            symbol = rng.choice("ABC")
            if live[symbol]:
                d.cancel(live[symbol].pop())
            else:
                live[symbol].append(d.submit(buy(symbol=symbol)).order_id)
            await asyncio.sleep(rng.choice([0, 0, 0.01, 0.2]))
        await asyncio.sleep(5)
        assert venue.on == {s for s in live if live[s]}
    assert venue.on == set()
    for s in "ABC":
        calls = [t[0] for t in venue.told if t[1:] == s]
        assert calls == ["+", "-"] * (len(calls) // 2)
    assert venue.most == 1


@virtual
async def test_c10_an_order_that_is_done_at_once_leaves_no_subscription() -> None:
    """Either the venue never hears of it, or it hears both."""
    venue = Venue(0.1)
    async with exo.Dispatcher(Made(done), venue) as d:
        for i in range(20):
            d.submit(buy(symbol=f"S{i}"))
        await d.all_ended()
        await asyncio.sleep(10)
        assert venue.on == set()


@pytest.mark.parametrize("error", [ConnectionError, asyncio.CancelledError, TimeoutError])
@pytest.mark.parametrize("delay_s", [None, 0.1])
@virtual
async def test_c10_a_venue_that_fails_for_one_symbol_disturbs_no_other(delay_s: Any, error: Any) -> None:
    """The delegate of that symbol is told that its data cannot be trusted; it may be cancelled; others trade on."""
    venue = Venue(delay_s, fails=("+A", "-B"), error=error)
    made = Made(done_when_cancelled)
    async with exo.Dispatcher(made, venue) as d:
        a, b, c = (d.submit(buy(symbol=s)).order_id for s in "ABC")
        await asyncio.sleep(5)
        assert {"+B", "+C"} <= set(venue.told)
        assert made.of(a).last.stale and made.of(a).desk.status is not None
        assert not made.of(b).last.stale and not made.of(c).last.stale
        d.cancel(b)
        d.on_quote(quote(symbol="C"))
        await asyncio.sleep(5)
        assert made.of(c).quotes == 1 and len(d) == 2
        d.cancel(a)
        await asyncio.sleep(5)
        assert len(d) == 1
    assert venue.on <= {"B"}


@virtual
async def test_c10_a_venue_that_never_answers_does_not_keep_the_shutdown() -> None:
    """The deadline holds for it too."""
    loop = asyncio.get_running_loop()
    made = Made()
    at = 0.0
    try:
        async with exo.Dispatcher(made, Venue(1e6), exit_s=3) as d:
            d.submit(buy())
            await settled()
            at = loop.time()
    except TimeoutError:
        pytest.fail("a venue's silence is no error of the program that shuts down")
    assert loop.time() - at <= 10 and made[0].cleaned == 1


@virtual
async def test_c10_a_refused_order_subscribes_nothing() -> None:
    """No delegate, no order, no subscription."""
    venue = Venue()
    async with exo.Dispatcher(lambda desk: 1 / 0, venue) as d:  # type: ignore[arg-type, return-value]
        with pytest.raises(FactoryFailed):
            d.submit(buy())
        await settled()
    assert venue.told == []


@virtual
async def test_c10_a_failed_order_unsubscribes_as_any_other() -> None:
    """However it ends."""
    venue = Venue(0)
    async with exo.Dispatcher(Made(lambda me, update: 1 / 0), venue) as d:
        d.submit(buy())
        await asyncio.sleep(1)
        assert venue.on == set() and len(d) == 0
        d.submit(buy(symbol="B"))
        await asyncio.sleep(1)
    assert venue.on == set()


@virtual
async def test_c10_a_venue_may_send_from_within_subscribe() -> None:
    """A first quote at once: it reaches the order."""

    class Eager(Venue):
        def _done(self, what: str) -> None:
            super()._done(what)
            if what[0] == "+":
                d.on_quote(quote(symbol=what[1:]))

    made = Made()
    async with exo.Dispatcher(made, Eager()) as d:
        d.submit(buy())
        await settled()
        assert made[0].quotes == 1


@virtual
async def test_c10_ticks_of_a_symbol_without_orders_are_counted_and_kept_nowhere() -> None:
    """After the last order has gone they are nobody's news."""
    made = Made(done_when_cancelled)
    async with exo.Dispatcher(made) as d:
        x = d.submit(buy()).order_id
        d.cancel(x)
        await d.ended(x)
        d.on_quote(quote())
        await settled()
        assert d.totals.unwatched == 1
        d.submit(buy())
        await settled()
        assert made[1].last.quote is None and made[1].last.span is None
