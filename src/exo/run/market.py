"""Market: the boards of a dispatcher, and how ticks come to them."""

from __future__ import annotations

import msgspec

from exo.mkt.exact import ZERO
from exo.mkt.quote import Quote
from exo.mkt.span import Passed, fold
from exo.mkt.status import FeedStatus
from exo.mkt.trade import Trade
from exo.run.board import Board
from exo.run.delivery import Delivery
from exo.run.door import Crossing
from exo.run.statistics import Statistics


class Market:
    """A board for each symbol that has orders; ticks of other symbols are counted as unwatched.

    What a feed last said of all symbols, and of one that is stale or good unlike all, is remembered for boards that
    come later.
    """

    def __init__(self, delivery: Delivery, statistics: Statistics) -> None:
        self.boards: dict[str, Board] = {}
        self._status: FeedStatus | None = None
        self._said: dict[str, FeedStatus] = {}
        self._delivery = delivery
        self._statistics = statistics

    def board(self, symbol: str) -> Board:
        """The board of a symbol, or a new one that nobody watches yet."""
        return self.boards.get(symbol) or Board(symbol, self._said.get(symbol, self._status))

    def drop(self, symbol: str, subscribed: bool = False) -> None:
        """Forget the board of a symbol, unless it has orders again; if it was subscribed, also what was said of it."""
        board = self.boards.get(symbol)
        if board is not None and not board.live:
            del self.boards[symbol]
            if subscribed:
                self._said.pop(symbol, None)

    def on_quote(self, quote: Quote) -> None:
        """Take in a quote; one that is crossed or below 0 is counted as odd."""
        statistics = self._statistics
        statistics.ticks += 1
        board = self.boards.get(quote.symbol)
        if board is None:
            statistics.unwatched += 1
            return
        bid, ask = quote.bid_px, quote.ask_px
        if bid is not None and ask is not None and (bid > ask or bid < ZERO):  # quote.odd, at half the cost
            statistics.odd += 1
        board.quote = quote
        head = board.head  # from here as board.record does; most ticks are quotes
        passed = head.passed
        head.passed = quote if passed is None else fold(passed, quote)
        board.unseen = len(board.standing)
        if not board.queued and board.upright:
            self._delivery.news(board)

    def on_trade(self, trade: Trade) -> None:
        """Take in a trade."""
        self._take(trade.symbol, trade, 1)

    def on_status(self, status: FeedStatus) -> None:
        """Take in what a feed says of its data, of one symbol or of all."""
        if status.symbol is not None:
            if status.stale or (self._status is not None and self._status.stale):
                self._said[status.symbol] = status
            else:
                self._said.pop(status.symbol, None)
            self._take(status.symbol, status, 1, status=status)
            return
        self._status = status
        self._said.clear()
        for symbol in self.boards:
            self.on_status(msgspec.structs.replace(status, symbol=symbol))

    def on_crossing(self, crossing: Crossing) -> None:
        """Take in what conflated on its way from another thread."""
        self._statistics.odd += crossing.odd
        self._take(crossing.symbol, crossing.passed, crossing.ticks, crossing.quote)

    def _take(
        self, symbol: str, passed: Passed, ticks: int, quote: Quote | None = None, status: FeedStatus | None = None
    ) -> None:
        self._statistics.ticks += ticks
        board = self.boards.get(symbol)
        if board is None:
            self._statistics.unwatched += ticks
            return
        board.quote = quote or board.quote
        board.status = status or board.status
        board.record(passed)
        if board.upright and not board.queued:
            self._delivery.news(board)
