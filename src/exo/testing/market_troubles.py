"""The market data cases of venue_conformance about what goes wrong on the way, and about the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from exo.flow import current_clock
from exo.mkt import FeedState, FeedStatus, Trade
from exo.testing.exchange.faults import Fault
from exo.testing.market_rig import Watcher, done, shown
from exo.testing.rig import check, equal, need

MarketCase: TypeAlias = Callable[[Watcher], Awaitable[None]]

_SLACK_S: Final = 0.5
_S: Final = 1_000_000_000


async def quiet(watcher: Watcher) -> None:
    """A quiet market on a healthy connection is LIVE, however many heartbeats long."""
    await watcher.subscribe(watcher.rig.symbol, watcher.rig.other)
    since = len(watcher.told)
    await asyncio.sleep(4 * watcher.rig.heartbeat_s)
    equal("statuses of a quiet market", [each for each in watcher.told[since:] if isinstance(each, FeedStatus)], [])
    await watcher.see(watcher.quote(101, 110))


async def drops(watcher: Watcher) -> None:
    """When the connection ends, all it carried is told not to be LIVE; it comes again, with quotes of now only."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol, other)
    old = watcher.quote(90, 190)
    await watcher.see(old, watcher.trade(95))
    since = len(watcher.told)
    await watcher.rig.fault(Fault.DROP)
    await watcher.rig.tell(watcher.quote(91, 191), watcher.trade(96))
    await watcher.stale(since, symbol, other)
    await watcher.fresh(symbol, other)
    check(all(shown(each) != shown(old) for each in watcher.quotes(since=since)), "a quote of before was told again")
    await watcher.see(watcher.trade(97))


async def half_open(watcher: Watcher) -> None:
    """When nothing is heard any more, it is told to be SILENT within the heartbeat; it comes again."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol, other)
    await watcher.see(watcher.quote(101, 110), watcher.trade(105))
    since, before_ns = len(watcher.told), current_clock().now_ns()
    await watcher.rig.fault(Fault.HALF_OPEN)
    for each in (symbol, other):
        await watcher.heard(FeedState.SILENT, since, each)
    late_s = (current_clock().now_ns() - before_ns) / _S - watcher.rig.heartbeat_s
    check(late_s < _SLACK_S, f"it was noticed {late_s:.3f} s after the heartbeat")
    await watcher.fresh(symbol, other)
    await watcher.see(watcher.trade(106))


async def changes_while_down(watcher: Watcher) -> None:
    """What is subscribed or unsubscribed while there is no connection is so when there is one again."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol)
    since = len(watcher.told)
    await watcher.rig.fault(Fault.DROP)
    await watcher.stale(since)
    await done(watcher.rig.feed.subscribe(other))
    await watcher.unsubscribe(symbol)
    await watcher.fresh(other)
    since = len(watcher.told)
    await watcher.rig.tell(watcher.quote(150, 160))
    await watcher.see(watcher.quote(201, 210, symbol=other))
    await watcher.rig.settle()
    equal(f"quotes of {symbol}", watcher.quotes(since=since), [])


async def maintenance(watcher: Watcher) -> None:
    """When the venue ends the connection as planned, it comes again, and no trade is told twice."""
    await watcher.subscribe(watcher.rig.symbol, watcher.rig.other)
    await watcher.see(watcher.trade(105))
    await watcher.rig.fault(Fault.MAINTENANCE)
    for number in range(5):
        await watcher.rig.tell(watcher.trade(106 + number))
        await asyncio.sleep(2 * _SLACK_S / 5)
    await watcher.fresh(watcher.rig.symbol, watcher.rig.other)
    await watcher.see(watcher.trade(200))


async def refused_at_first(watcher: Watcher) -> None:
    """A venue that refuses a connection for too many requests is asked again; until then it is DOWN."""
    await watcher.rig.fault(Fault.REFUSE)
    await done(watcher.rig.feed.subscribe(watcher.rig.symbol))
    await watcher.rig.settle()
    equal("while it is refused", {each.state for each in watcher.statuses()}, {FeedState.DOWN})
    await watcher.fresh()


async def refused_again(watcher: Watcher) -> None:
    """A venue that refuses to be connected again is asked until it does not; until then it is not LIVE."""
    await watcher.subscribe()
    since = len(watcher.told)
    for fault in (Fault.REFUSE, Fault.DROP):
        await watcher.rig.fault(fault)
    await watcher.stale(since)
    await watcher.fresh()


async def garbage(watcher: Watcher) -> None:
    """Bytes that are no message, and messages that are cut, are counted, and nothing else is lost."""
    await _unreadable(watcher, Fault.GARBAGE)


async def web_pages(watcher: Watcher) -> None:
    """A web page in place of a message is counted, and nothing else is lost."""
    await _unreadable(watcher, Fault.HTML)


async def _unreadable(watcher: Watcher, fault: Fault) -> None:
    await watcher.subscribe()
    before = watcher.rig.unreadable()
    told = [watcher.trade(100 + number) for number in range(8)]
    for trade in told:
        await watcher.rig.fault(fault)
        await watcher.see(trade)
    equal("trades", list(map(shown, watcher.trades())), list(map(shown, told)))
    equal("what it could not read", watcher.rig.unreadable() - before, len(told))
    await watcher.fresh()


async def repeats(watcher: Watcher) -> None:
    """A message that comes twice is told once."""
    await watcher.subscribe()
    told = [watcher.trade(100 + number) for number in range(3)]
    await watcher.see(told[0])
    await watcher.rig.settle()  # else it may strike something else that is on its way
    await watcher.rig.fault(Fault.DUPLICATE)
    await watcher.see(told[1])
    await watcher.see(told[2])
    equal("trades", list(map(shown, watcher.trades())), list(map(shown, told)))


async def gaps(watcher: Watcher) -> None:
    """A trade that is missing is told as a GAP before the next trade, and with a fresh quote it is LIVE again."""
    need(watcher.rig.numbered, "numbers on its trades")
    await watcher.subscribe()
    await watcher.see(watcher.trade(100))
    since = len(watcher.told)
    await watcher.rig.settle()  # else it may strike something else that is on its way
    await watcher.rig.fault(Fault.GAP)
    await watcher.rig.tell(watcher.trade(101))
    await watcher.see(watcher.trade(102))
    equal("trades", len(watcher.trades(since=since)), 1)
    news = [each for each in watcher.told[since:] if isinstance(each, FeedStatus | Trade)]
    first = news[0]
    check(isinstance(first, FeedStatus) and first.state is FeedState.GAP, f"it told no GAP but first {first}")
    await watcher.rig.tell(watcher.quote(101, 110))
    await watcher.fresh()


async def out_of_order(watcher: Watcher) -> None:
    """Trades that change places on the way are told, each once."""
    await watcher.subscribe()
    await watcher.see(watcher.trade(100))
    since = len(watcher.told)
    told = [watcher.trade(101), watcher.trade(102)]
    await watcher.rig.settle()  # else it may strike something else that is on its way
    await watcher.rig.fault(Fault.REORDER)
    for trade in told:
        await watcher.rig.tell(trade)
    await watcher.until(lambda: len(watcher.trades(since=since)) == 2, "both trades were told")
    prices = sorted(each.last_px for each in watcher.trades(since=since))
    equal("trades", prices, [each.last_px for each in told])
    await watcher.rig.tell(watcher.quote(101, 110))
    await watcher.fresh()


async def held_up(watcher: Watcher) -> None:
    """What was held up on the way comes whole and in order, with the time at which it came."""
    await watcher.subscribe()
    since = len(watcher.told)
    await watcher.rig.fault(Fault.SLOW)
    told = [watcher.trade(100 + number) for number in range(3)]
    for trade in told:
        await watcher.rig.tell(trade)
    sent_ns = current_clock().now_ns()
    await watcher.see(watcher.quote(101, 110))
    equal("trades", list(map(shown, watcher.trades(since=since))), list(map(shown, told)))
    early = [each for each in watcher.trades(since=since) if (each.received_ns or 0) < sent_ns]
    equal("trades whose time is before they came", early, [])
    await watcher.live()


async def closes(watcher: Watcher) -> None:
    """Once it is closed nothing more is told, and nothing of it is left running."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol, other)
    await watcher.see(watcher.quote(101, 110), watcher.trade(105))
    await watcher.rig.feed.close()
    since = len(watcher.told)
    await watcher.rig.tell(watcher.quote(102, 110), watcher.trade(106), watcher.quote(201, 210, symbol=other))
    await watcher.rig.settle()
    await _gone(watcher)
    await asyncio.sleep(2 * watcher.rig.heartbeat_s)
    equal("told after it was closed", watcher.told[since:], [])


async def closes_deaf(watcher: Watcher) -> None:
    """It can be closed in good time while nothing is heard, before it was used, and twice."""
    await watcher.rig.feed.close()
    await watcher.subscribe()
    await watcher.rig.fault(Fault.HALF_OPEN)
    for _ in range(2):
        before_ns = current_clock().now_ns()
        await watcher.rig.feed.close()
        took_s = (current_clock().now_ns() - before_ns) / _S
        check(took_s < 2 * _SLACK_S, f"it took {took_s:.3f} s")
    await _gone(watcher)


async def _gone(watcher: Watcher) -> None:
    mine = asyncio.current_task()

    def left() -> list[str]:
        return [task.get_name() for task in asyncio.all_tasks() - watcher.tasks if task is not mine]

    await watcher.until(lambda: not left(), "no task of it is left")


TROUBLES: Final[dict[str, MarketCase]] = {
    "M30": quiet,
    "M31": drops,
    "M32": half_open,
    "M33": changes_while_down,
    "M34": maintenance,
    "M35": refused_at_first,
    "M36": refused_again,
    "M40": garbage,
    "M41": web_pages,
    "M42": repeats,
    "M43": gaps,
    "M44": out_of_order,
    "M45": held_up,
    "M50": closes,
    "M51": closes_deaf,
}
