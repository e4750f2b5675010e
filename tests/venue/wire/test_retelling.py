"""Retelling: of the notes of a feed's connections the same news are made again, whatever happened to them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from exo.flow import seeded
from exo.mkt import Quote, Trade
from exo.testing.exchange import At, Fault
from exo.venue.feed import LiveFeed
from exo.venue.retelling import Retelling
from exo.venue.tap import Note, What
from tests.contract.helpers import virtual
from tests.venue.wire.scripted import ScriptedNetwork, Told
from tests.venue.wire.test_live_exchange import FAULTS, VENUES, Played


class Tapped(Played):
    """A feed of which the notes are kept."""

    def __init__(self, venue: str, **options: Any) -> None:
        super().__init__(venue, 600, rate=40, **options)
        self.notes: list[Note] = []
        self.feed = LiveFeed(self.dialect, self.feed._network, None, self.notes.append)
        self.feed.connect(self.told)

    def ticks_told(self) -> list[Quote | Trade]:
        return [each for each in self.told.all if isinstance(each, Quote | Trade)]

    def retold(self, dialect: Any, names: list[str]) -> list[Quote | Trade]:
        again = Told()
        retelling = Retelling(dialect, dict(zip(names, self.symbols, strict=True)), again)
        for note in self.notes:
            retelling.take(note)
        return [each for each in again.all if isinstance(each, Quote | Trade)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("venue", VENUES)
@virtual
async def test_the_same_ticks_are_retold_after_any_faults_and_rollovers(venue: str, seed: int) -> None:
    """Gaps and new wholes, lost connections and successors, trades twice and garbage: tick by tick the same."""
    _, made, names = VENUES[venue]
    played = Tapped(venue, seed=seed)
    played.dialect.habits = played.dialect.habits._replace(lifetime_s=20.0)
    await played.subscribed()
    rng = seeded(f"faults {seed}")
    for _ in range(60):
        fault = rng.choice(list(FAULTS))
        played.exchange.fault(fault, at=FAULTS[fault], hold_s=0.5)
        await asyncio.sleep(rng.uniform(0.1, 8))
    await asyncio.sleep(30)
    await played.close()
    told, counts = played.ticks_told(), played.feed.counts
    assert len(told) > 1_000 and counts["rolled over"] >= 3 and counts["lost"] >= 3
    assert played.retold(made(), names) == told
    opened = [note.connection for note in played.notes if note.what is What.OPENED]
    assert opened == list(range(1, len(opened) + 1))


@virtual
async def test_a_whole_that_was_forgotten_is_not_built_on_in_the_retelling() -> None:
    """Coinbase: what changes between the unsubscription and the new whole is of no use to anybody."""
    _, made, _ = VENUES["coinbase"]
    network, told, notes = ScriptedNetwork(), Told(), list[Note]()
    feed = LiveFeed(made(), network, None, notes.append)
    feed.connect(told)
    feed.subscribe("BTC-USD.COINBASE")
    await asyncio.sleep(1)
    whole = {"type": "snapshot", "product_id": "BTC-USD", "bids": [["1", "1"]], "asks": [["2", "1"]]}
    match = {
        "type": "match",
        "trade_id": 5,
        "product_id": "BTC-USD",
        "price": "1",
        "size": "1",
        "side": "buy",
        "time": "2026-01-01T00:00:00Z",
        "sequence": 1,
    }
    channels = [{"name": name, "product_ids": ["BTC-USD"]} for name in ("level2", "matches", "heartbeat")]
    change = {"type": "l2update", "product_id": "BTC-USD", "changes": [["buy", "1.5", "9"]]}
    network.last.tell({"type": "subscriptions", "channels": channels}, whole, match)
    await asyncio.sleep(1)
    network.last.tell(match | {"trade_id": 9}, change)  # a gap: a new whole is asked for
    await asyncio.sleep(1)
    network.last.tell(whole | {"bids": [["1.25", "3"]]})  # one that was on its way
    network.last.tell(change)
    await asyncio.sleep(1)
    await feed.close()
    again = Told()
    retelling = Retelling(made(), {"BTC-USD": "BTC-USD.COINBASE"}, again)
    for note in notes:
        retelling.take(note)
    ticks = [each for each in told.all if isinstance(each, Quote | Trade)]
    assert [each for each in again.all if isinstance(each, Quote | Trade)] == ticks
    assert any(note.what is What.TORN for note in notes)


@pytest.mark.parametrize("what", [What.FRAME, What.CHOSEN, What.CLOSED, What.FORGOTTEN])
def test_notes_of_a_connection_that_never_was_are_refused(what: What) -> None:
    """A file of them may be torn."""
    retelling = Retelling(VENUES["binance"][1](), {}, Told())
    with pytest.raises(KeyError):
        retelling.take(Note(1, 7, what, b"x"))
    retelling.take(Note(1, 7, What.OPENED))
    retelling.take(Note(1, 7, What.CLOSED))
    with pytest.raises(KeyError):
        retelling.take(Note(1, 7, what, b"x"))


@virtual
async def test_a_fault_at_a_handshake_leaves_no_note() -> None:
    """Only connections that came about are told of."""
    played = Tapped("binance")
    played.exchange.fault(Fault.REFUSE, at=At.HANDSHAKE, times=3, hold_s=1)
    await played.subscribed()
    await played.close()
    assert [note.what for note in played.notes if note.what is not What.FRAME] == [
        What.OPENED,
        What.CHOSEN,
        What.CLOSED,
    ]
