"""Every fault strikes, in memory and over a socket, and is counted when it did."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from exo.testing.exchange import At, Bitmex, Coinbase, Dialect, Fault
from exo.venue.network import Closed, Kind, Refused, Unreachable

from .places import PLACES, Place, at, ending, numbers, texts, within

pytestmark = pytest.mark.parametrize("place", PLACES)


def steps(values: list[int]) -> list[int]:
    """Differences."""
    return [b - a for a, b in pairwise(values)]


def test_drop_aborts_without_a_word(place: str):
    """And the next connection is good again."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        await numbers(connection, 3)
        there.exchange.fault(Fault.DROP)
        _, closed = await ending(connection)
        assert closed.code in (None, 1006)
        assert there.exchange.hits[Fault.DROP] == 1
        assert steps(await numbers(await there.connect(), 10)) == [1] * 9

    at(place, test)


def test_half_open_lets_bytes_vanish_in_both_directions(place: str):
    """Nothing closes, and pings get no answer."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        await numbers(connection, 3)
        there.exchange.fault(Fault.HALF_OPEN)
        await within(connection, 0.1)
        await connection.ping()
        await connection.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        assert await within(connection, 0.2) == []
        assert there.exchange.hits[Fault.HALF_OPEN] == 1
        assert [link.half_open for link in there.exchange.links] == [True]
        assert len(await numbers(await there.connect(), 3)) == 3

    at(place, test)


def test_a_client_that_leaves_a_half_open_connection_is_no_error(place: str, caplog: pytest.LogCaptureFixture):
    """Nor is an exchange that ends before it does."""

    async def test(there: Place) -> None:
        for _ in range(2):
            connection = await there.connect()
            await numbers(connection, 3)
            there.exchange.fault(Fault.HALF_OPEN)
            await within(connection, 0.1)
        await connection.close()

    at(place, test)
    assert not caplog.records


def test_stall_answers_pings_but_sends_no_data(place: str):
    """For a while; what would have come is lost."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        before = await numbers(connection, 3)
        there.exchange.fault(Fault.STALL, hold_s=0.8)
        await within(connection, 0.05)
        await connection.ping()
        await connection.send('{"method":"LIST_SUBSCRIPTIONS","id":7}')
        quiet = await within(connection, 0.2)
        assert [message.kind for message in quiet] == [Kind.PONG, Kind.TEXT]
        [after] = await numbers(connection, 1)
        assert after - before[-1] > 20
        assert there.exchange.hits[Fault.STALL] == 1

    at(place, test)


@pytest.mark.parametrize(
    ("fault", "step"),
    [(Fault.DUPLICATE, [0]), (Fault.GAP, [2]), (Fault.REORDER, [2, -1, 2])],
)
def test_frames_are_doubled_lost_and_swapped(place: str, fault: Fault, step: list[int]):
    """As often as asked; the rest are as they should be."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        told = await numbers(connection, 3)
        for _ in range(2):
            there.exchange.fault(fault)
            told += await numbers(connection, 20)
        assert sorted(each for each in steps(told) if each != 1) == sorted(step * 2)
        assert there.exchange.hits[fault] == 2

    at(place, test)


def test_garbage_comes_between_frames(place: str):
    """Random bytes or half a frame; the frames themselves all come."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        await numbers(connection, 3)
        there.exchange.fault(Fault.GARBAGE, times=10)
        good, bad = [], 0
        for text in await texts(connection, 100):
            try:
                good.append(json.loads(text)["u"])
            except (ValueError, TypeError):
                bad += 1
        assert bad == there.exchange.hits[Fault.GARBAGE] == 10
        assert steps(good) == [1] * 89

    at(place, test)


def test_a_web_page_comes_between_frames(place: str):
    """As a text."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        there.exchange.fault(Fault.HTML)
        told = await texts(connection, 20)
        assert sum(text.startswith(b"<!DOCTYPE html>") for text in told) == there.exchange.hits[Fault.HTML] == 1

    at(place, test)


def test_maintenance_closes_as_the_venue_does(place: str):
    """Binance says that it shuts down, and a while later it does."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        await numbers(connection, 3)
        there.exchange.fault(Fault.MAINTENANCE, hold_s=0.1)
        told, closed = await ending(connection)
        assert sum(b'"e":"serverShutdown"' in text for text in told) == 1
        assert closed.code == 1001
        assert there.exchange.hits[Fault.MAINTENANCE] == 1

    at(place, test)


def test_slow_holds_everything_back_and_then_sends_it_at_once(place: str):
    """Nothing is lost."""

    async def test(there: Place) -> None:
        loop = asyncio.get_running_loop()
        connection = await there.connect()
        told = await numbers(connection, 3)
        there.exchange.fault(Fault.SLOW, hold_s=0.3)
        times = [loop.time()]
        for _ in range(100):
            told += await numbers(connection, 1)
            times.append(loop.time())
        waits = [b - a for a, b in pairwise(times)]
        longest = waits.index(max(waits))
        assert waits[longest] > 0.2
        assert times[longest + 30] - times[longest + 1] < 0.1
        assert steps(told) == [1] * 102
        assert there.exchange.hits[Fault.SLOW] == 1

    at(place, test)


def test_refuse_answers_a_client_as_one_who_sends_too_much(place: str):
    """Binance closes, with its code and reason."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        there.exchange.fault(Fault.REFUSE, at=At.MESSAGE)
        await numbers(connection, 3)
        await connection.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        _, closed = await ending(connection)
        assert closed.code == 1008
        assert there.exchange.hits[Fault.REFUSE] == 1

    at(place, test)


@pytest.mark.parametrize(
    ("fault", "options", "status", "retry_after_s"),
    [
        (Fault.HTML, {"status": 200}, 200, None),
        (Fault.HTML, {}, 502, None),
        (Fault.MAINTENANCE, {"hold_s": 30}, 503, 30),
        (Fault.REFUSE, {"hold_s": 7}, 429, 7),
    ],
)
def test_a_handshake_or_request_is_answered_otherwise(
    place: str, fault: Fault, options: dict[str, Any], status: int, retry_after_s: float | None
):
    """Once; the next one is good again."""

    async def test(there: Place) -> None:
        there.exchange.fault(fault, at=At.HANDSHAKE, **options)
        there.exchange.fault(fault, at=At.REQUEST, **options)
        with pytest.raises(Refused) as refused:
            await there.connect()
        assert (refused.value.status, refused.value.retry_after_s) == (status, retry_after_s)
        answer = await there.get()
        assert (answer.status, answer.retry_after_s) == (status, retry_after_s)
        assert answer.body.startswith(b"<!DOCTYPE" if fault is Fault.HTML else b"{")
        assert there.exchange.hits[fault] == 2
        assert len(await numbers(await there.connect(), 2)) == 2
        assert (await there.get()).body.startswith(b'{"timezone"')

    at(place, test)


def test_a_handshake_or_request_is_dropped_or_never_answered(place: str):
    """A client loses patience."""

    async def test(there: Place) -> None:
        for fault in (Fault.DROP, Fault.HALF_OPEN):
            for where, asked in ((At.HANDSHAKE, there.connect), (At.REQUEST, there.get)):
                there.exchange.fault(fault, at=where, for_s=10)  # aiohttp asks again when it is dropped
                with pytest.raises(Unreachable if fault is Fault.DROP else TimeoutError):
                    await asyncio.wait_for(asked(), 5 if fault is Fault.DROP else 0.2)
                there.exchange.faults.clear()
            assert 2 <= there.exchange.hits[fault] <= 4

    at(place, test)


def test_now_strikes_all_connections_at_once(place: str):
    """Each is counted, and no frame is needed."""

    async def test(there: Place) -> None:
        connections = [await there.connect("/ws/nothing@trade") for _ in range(3)]
        there.exchange.fault(Fault.DROP, at=At.NOW)
        for connection in connections:
            await ending(connection)
        assert there.exchange.hits[Fault.DROP] == 3
        assert not there.exchange.links

    at(place, test)


def test_a_connection_that_closes_is_let_go(place: str):
    """Nothing is kept of it."""

    async def test(there: Place) -> None:
        connection = await there.connect()
        await numbers(connection, 3)
        await connection.close()
        with pytest.raises(Closed):
            while True:
                await connection.receive()
        await asyncio.sleep(0.05)
        assert not there.exchange.links

    at(place, test)


@pytest.mark.parametrize(
    ("venue", "path", "request_", "code"),
    [
        (Coinbase, "/", {"type": "subscribe", "product_ids": ["BTCUSDT"], "channels": ["level2"]}, 1001),
        (Bitmex, "/realtime", {"op": "subscribe", "args": ["quote:BTCUSDT"]}, 1012),
    ],
)
def test_other_venues_refuse_and_close_in_their_own_way(
    place: str, venue: type[Dialect], path: str, request_: dict[str, Any], code: int
):
    """Coinbase and BitMEX answer with an error, and just close for maintenance."""

    async def test(there: Place) -> None:
        connection = await there.connect(path)
        there.exchange.fault(Fault.REFUSE, at=At.MESSAGE)
        await connection.send(json.dumps(request_))
        await connection.send(json.dumps(request_))
        told = [json.loads(text) for text in await texts(connection, 6)]
        refusals = [each for each in told if each.get("type") == "error" or each.get("status") == 429]
        assert len(refusals) == 1
        there.exchange.fault(Fault.MAINTENANCE)
        _, closed = await ending(connection)
        assert closed.code == code

    at(place, test, dialect=venue())
