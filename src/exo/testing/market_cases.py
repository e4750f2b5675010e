"""The market data cases of venue_conformance, by their numbers; a number is never used again for anything else.

Those from M30 on, about what goes wrong, are in `market_troubles`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from exo.flow import current_clock
from exo.mkt import FeedState, FeedStatus, Quote, Side, Trade
from exo.testing.market_rig import Watcher, done, shown
from exo.testing.market_troubles import TROUBLES, MarketCase
from exo.testing.rig import check, equal

_HUGE: Final = 123_456_789_012_345_678  # more digits than a float has


async def down_then_live(watcher: Watcher) -> None:
    """A symbol's data is DOWN until it is subscribed, then LIVE, and no quote is delivered before that."""
    equal("before it is subscribed", watcher.told, [])
    await watcher.subscribe()
    await watcher.fresh()
    equal("states", [each.state for each in watcher.statuses()], [FeedState.DOWN, FeedState.LIVE])
    first = next(number for number, each in enumerate(watcher.told) if isinstance(each, Quote | Trade))
    live = next(number for number, each in enumerate(watcher.told) if isinstance(each, FeedStatus) and not each.stale)
    check(None not in watcher.told[first:live], "a quote or trade came before it was LIVE")


async def quotes(watcher: Watcher) -> None:
    """A quote is told as it was shown, prices and sizes, and with the time it was received."""
    await watcher.subscribe()
    for bid, ask in ((100, 110), (99, 111), (105, 106), (1, 1_000_000)):
        before_ns = current_clock().now_ns()
        await watcher.see(watcher.quote(bid, ask))
        received_ns = watcher.quotes()[-1].received_ns or 0
        check(received_ns >= before_ns, f"it was received {before_ns - received_ns} ns before it was shown")


async def is_exact(watcher: Watcher) -> None:
    """The smallest and the largest numbers are exact, also those with more digits than a float has."""
    await watcher.subscribe()
    for low, high in ((1, 2), (1, _HUGE), (_HUGE, _HUGE + 1), (_HUGE + 1, _HUGE + 3), (3, 4)):
        await watcher.see(watcher.quote(low, high, high, low))
        await watcher.see(watcher.trade(high, low, Side.SELL), watcher.trade(low, high))


async def sizes(watcher: Watcher) -> None:
    """A size that changes alone, on either side, is a new quote."""
    await watcher.subscribe()
    for bid_size, ask_size in ((5, 6), (7, 6), (7, 3), (1, 3)):
        await watcher.see(watcher.quote(100, 110, bid_size, ask_size))


async def empty_sides(watcher: Watcher) -> None:
    """A side that is empty has no price and no size, neither 0 nor the last one; both may be empty."""
    await watcher.subscribe()
    for bid, ask in ((100, 110), (None, 110), (100, 111), (100, None), (None, None), (101, 109)):
        await watcher.see(watcher.quote(bid, ask))


async def odd_touches(watcher: Watcher) -> None:
    """A locked or crossed touch is told as it is."""
    await watcher.subscribe()
    for bid, ask in ((100, 110), (110, 110), (120, 110), (100, 110)):
        await watcher.see(watcher.quote(bid, ask))


async def trades(watcher: Watcher) -> None:
    """Every trade is told once, in order, exact, with its aggressor and an id of its own."""
    await watcher.subscribe()
    sides = (Side.BUY, Side.BUY, Side.SELL, Side.BUY, Side.SELL)
    told = [watcher.trade(100 + number, number + 1, side) for number, side in enumerate(sides)]
    told += told[-1:]  # two that are alike
    for trade in told[:3]:
        await watcher.see(trade)
    await watcher.see(*told[3:])
    await watcher.rig.settle()
    equal("trades", list(map(shown, watcher.trades())), list(map(shown, told)))
    ids = [each.trade_id for each in watcher.trades()]
    check(None not in ids and len(set(ids)) == len(ids), f"they need an id each, and have {ids}")
    if watcher.rig.numbered:
        numbers = [int(each or 0) for each in ids]
        check(all(b - a == 1 for a, b in pairwise(numbers)), f"they are not numbered one by one: {numbers}")


async def bursts(watcher: Watcher) -> None:
    """Of a burst every trade is told, and the last touch is right."""
    await watcher.subscribe()
    for start in (1000, 2000):
        since = len(watcher.told)
        prints = [watcher.trade(start + number, number + 1) for number in range(100)]
        touches = [watcher.quote(start + number, start + number + 10) for number in range(100)]
        await watcher.see(*(tick for pair in zip(touches, prints, strict=True) for tick in pair))
        equal("trades", list(map(shown, watcher.trades(since=since))), list(map(shown, prints)))


async def symbols_apart(watcher: Watcher) -> None:
    """Two symbols are kept apart, and nothing is told of what is not subscribed."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol)
    await watcher.rig.tell(watcher.quote(200, 210, symbol=other), watcher.trade(205, symbol=other))
    await watcher.see(watcher.quote(100, 110), watcher.trade(105))
    await watcher.rig.settle()
    check(all(each is None or each.symbol in (symbol, None) for each in watcher.told), f"{other} is not subscribed")
    await watcher.subscribe(other)
    await watcher.see(
        watcher.quote(101, 110),
        watcher.quote(201, 210, symbol=other),
        watcher.trade(106),
        watcher.trade(206, symbol=other),
    )
    equal(f"trades of {symbol}", len(watcher.trades()), 2)
    equal(f"trades of {other}", len(watcher.trades(other)), 1)


async def delivers(watcher: Watcher) -> None:
    """All of one read is told before it is delivered, once, and what comes together is one read or few."""
    await watcher.subscribe()
    since = len(watcher.told)
    await watcher.see(*(watcher.trade(100 + number) for number in range(40)))
    told = watcher.told[since:]
    news = [index for index, each in enumerate(told) if isinstance(each, Trade)]
    for index, following in pairwise(news):
        one, next_ = told[index], told[following]
        together = isinstance(one, Trade) and isinstance(next_, Trade) and one.received_ns == next_.received_ns
        check(not (together and None in told[index:following]), "it delivered in the middle of a read")
    delivered = told[: news[-1]].count(None)
    check(delivered < 10, f"it delivered {delivered} times among 40 trades that came together")


async def receive_times(watcher: Watcher) -> None:
    """The time of receipt is when it came, whatever the venue's own time says, and never steps back."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol, other)
    for number in range(10):
        since, before_ns = len(watcher.told), current_clock().now_ns()
        of = (symbol, other)[number % 2]
        await watcher.see(watcher.quote(100 + number, 200, symbol=of), watcher.trade(100 + number, symbol=of))
        for each in watcher.told[since:]:
            if isinstance(each, Quote | Trade):
                ahead_ns = before_ns - (each.received_ns or 0)
                check(ahead_ns <= 0, f"it was received {ahead_ns} ns before it was shown")


async def unsubscribes(watcher: Watcher) -> None:
    """What is unsubscribed is told no more; the others go on."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol, other)
    await watcher.unsubscribe(other)
    since = len(watcher.told)
    for number in range(3):
        await watcher.rig.tell(watcher.quote(200 + number, 210, symbol=other), watcher.trade(205, symbol=other))
        await watcher.see(watcher.quote(100 + number, 110), watcher.trade(105))
    await watcher.rig.settle()
    equal(f"news of {other}", watcher.quotes(other, since) + watcher.trades(other, since), [])
    check(not watcher.was_stale(since), f"{symbol} was disturbed")


async def subscribes_again(watcher: Watcher) -> None:
    """What was unsubscribed can be subscribed again, whether it was the last or not."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol, other)
    for each in (other, symbol):
        await watcher.unsubscribe(each)
        await watcher.rig.settle()
    for each in (symbol, other):
        await done(watcher.rig.feed.subscribe(each))
        await watcher.fresh(each)
    await watcher.unsubscribe(other)
    await watcher.rig.settle()
    await done(watcher.rig.feed.subscribe(other))
    await watcher.fresh(symbol, other)


async def changes_its_mind(watcher: Watcher) -> None:
    """What is unsubscribed and at once subscribed again is LIVE in the end, and told once."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol, other)
    for _ in range(2):
        await watcher.unsubscribe(symbol)
        await done(watcher.rig.feed.subscribe(symbol))
    await watcher.rig.settle()
    await watcher.fresh(symbol, other)
    since = len(watcher.told)
    await watcher.see(watcher.trade(105), watcher.trade(106))
    await watcher.rig.settle()
    equal("trades", len(watcher.trades(since=since)), 2)


async def subscribes_twice(watcher: Watcher) -> None:
    """To subscribe what is subscribed changes nothing: it is LIVE, and told once."""
    await watcher.subscribe()
    await done(watcher.rig.feed.subscribe(watcher.rig.symbol))
    await watcher.rig.settle()
    await watcher.fresh()
    since = len(watcher.told)
    await watcher.see(watcher.trade(105), watcher.trade(106))
    await watcher.rig.settle()
    equal("trades", len(watcher.trades(since=since)), 2)


async def unsubscribes_twice(watcher: Watcher) -> None:
    """To unsubscribe what is not subscribed is no error, and disturbs nothing."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.unsubscribe(other)
    await watcher.subscribe(symbol)
    since = len(watcher.told)
    for _ in range(2):
        await watcher.unsubscribe(other)
    await watcher.see(watcher.quote(101, 110))
    check(not watcher.was_stale(since), f"{symbol} was disturbed")


async def subscribes_later(watcher: Watcher) -> None:
    """A symbol that is subscribed later disturbs none that is LIVE."""
    symbol, other = watcher.rig.symbol, watcher.rig.other
    await watcher.subscribe(symbol)
    since = len(watcher.told)
    await watcher.subscribe(other)
    await watcher.see(watcher.quote(101, 110), watcher.quote(201, 210, symbol=other))
    check(not watcher.was_stale(since), f"{symbol} was disturbed")


async def unlisted(watcher: Watcher) -> None:
    """A symbol that the venue does not list is DOWN, with words that say so; the others go on."""
    symbol, other, none = watcher.rig.symbol, watcher.rig.other, watcher.rig.unlisted
    await watcher.subscribe(symbol)
    waiting = {each.text for each in watcher.statuses()}
    since = len(watcher.told)
    await done(watcher.rig.feed.subscribe(none))
    await watcher.subscribe(other)
    await watcher.until(
        lambda: any(each.stale and each.text not in waiting for each in watcher.statuses(none)), f"{none} is refused"
    )
    await watcher.fresh(symbol, other)
    equal(f"{none} is", watcher.state(none), FeedState.DOWN)
    check(all(each.stale for each in watcher.statuses(none)), f"{none} was told to be LIVE")
    check(not watcher.was_stale(since), f"{symbol} was disturbed")
    await watcher.unsubscribe(none)


MARKET_CASES: Final[dict[str, MarketCase]] = {
    "M01": down_then_live,
    "M02": quotes,
    "M03": is_exact,
    "M04": sizes,
    "M05": empty_sides,
    "M06": odd_touches,
    "M10": trades,
    "M11": bursts,
    "M12": symbols_apart,
    "M13": delivers,
    "M14": receive_times,
    "M20": unsubscribes,
    "M21": subscribes_again,
    "M22": changes_its_mind,
    "M23": subscribes_twice,
    "M24": unsubscribes_twice,
    "M25": subscribes_later,
    "M26": unlisted,
} | TROUBLES
