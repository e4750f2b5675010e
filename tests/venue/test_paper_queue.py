"""Who is before a resting order at the paper venue, by either model; and what its faults do."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exo
from exo.dma import CancelOrder, NewOrder, Replace, ReplaceOrder, StatusQuery
from exo.flow import Window, current_clock
from exo.flow.delays import Delay
from exo.mkt import Book, ExecInst, ExecType, OrdStatus, Quote, Report, Side, Trade
from exo.venue import Fault, Faults, PaperVenue, Queue

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
CONSERVATIVE, OPTIMISTIC = Queue.CONSERVATIVE, Queue.OPTIMISTIC
MS = 1_000_000


class Trader:
    """Sends to a paper venue and keeps what it tells."""

    def __init__(self, **options: Any) -> None:
        self.venue = PaperVenue(**options)
        self.venue.connect(self)  # type: ignore[arg-type]
        self.reports: list[Report] = []
        self.statuses: list[Any] = []
        self.numbers = 0

    def on_report(self, report: Report) -> None:
        self.reports.append(report)

    def on_status(self, status: Any) -> None:
        self.statuses.append(status)

    def show(self, bid: object, size: object, ask: object = 200, ask_size: object = 9) -> None:
        sizes = [None if each is None else D(str(each)) for each in (size, ask_size)]
        self.venue.on_quote(Quote("A", D(str(bid)), sizes[0], D(str(ask)), sizes[1]))

    def trade(self, px: object, qty: object, aggressor: Side | None = SELL) -> None:
        self.venue.on_trade(Trade("A", D(str(px)), D(str(qty)), aggressor))

    def send(self, qty: object, px: object, side: Side = BUY, name: str | None = None, **more: Any) -> str:
        self.numbers += 1
        name = name or f"C{self.numbers}"
        ids = {"order_id": "P", "cl_ord_id": name, "side": side, "symbol": "A"}
        self.venue.send(NewOrder(**ids, order_qty=D(str(qty)), price=D(str(px)), **more))
        return name

    def replace(self, orig: str, qty: object, px: object) -> str:
        self.numbers += 1
        ids = {"order_id": "P", "cl_ord_id": f"R{self.numbers}", "orig_cl_ord_id": orig, "side": BUY, "symbol": "A"}
        self.venue.send(ReplaceOrder(**ids, order_qty=D(str(qty)), price=D(str(px))))
        return f"R{self.numbers}"

    def cancel(self, orig: str) -> str:
        self.numbers += 1
        ids = {"order_id": "P", "cl_ord_id": f"X{self.numbers}", "orig_cl_ord_id": orig, "side": BUY, "symbol": "A"}
        self.venue.send(CancelOrder(**ids))
        return f"X{self.numbers}"

    async def fills(self) -> list[tuple[str | None, Decimal, Decimal]]:
        await asyncio.sleep(0)
        found = [(r.cl_ord_id, r.last_qty, r.last_px) for r in self.reports if r.exec_type is ExecType.TRADE]
        self.reports.clear()
        return found


def run(program: Any) -> Any:
    return exo.run_virtually(program(), until_s=600)


@pytest.mark.parametrize("queue", Queue)
def test_trades_at_its_price_fill_an_order_after_what_was_there_when_it_came(queue: Queue) -> None:
    """Ten were: the first eight fill nobody, the next four two of it."""

    async def program() -> list[Any]:
        trader = Trader(queue=queue)
        trader.show(100, 10)
        trader.send(5, 100)
        for qty in (8, 4, 3):
            trader.trade(100, qty)
        return [fill[1] for fill in await trader.fills()]

    assert run(program) == [2, 3]


@pytest.mark.parametrize(("queue", "filled"), [(CONSERVATIVE, []), (OPTIMISTIC, [2])])
def test_those_who_leave_were_behind_it_or_before_it(queue: Queue, filled: list[int]) -> None:
    """Ten were there, ten more come, eight leave without a trade: of four that trade then, two may be its own."""

    async def program() -> list[Any]:
        trader = Trader(queue=queue)
        trader.show(100, 10)
        trader.send(5, 100)
        trader.show(100, 20)
        trader.show(100, 12)
        trader.trade(100, 4)
        return [fill[1] for fill in await trader.fills()]

    assert run(program) == filled


@pytest.mark.parametrize(("queue", "filled"), [(CONSERVATIVE, [1]), (OPTIMISTIC, [5])])
def test_a_price_that_was_not_the_best_has_nobody_or_all_before_it(queue: Queue, filled: list[int]) -> None:
    """When it becomes the best, six are displayed there."""

    async def program() -> list[Any]:
        trader = Trader(queue=queue)
        trader.show(101, 10)
        trader.send(5, 100)
        trader.trade(101, 50)
        assert await trader.fills() == []
        trader.show(100, 6)
        trader.trade(100, 7)
        return [fill[1] for fill in await trader.fills()]

    assert run(program) == filled


@pytest.mark.parametrize(("queue", "filled"), [(CONSERVATIVE, [3]), (OPTIMISTIC, [5])])
def test_a_trade_through_its_price_fills_it(queue: Queue, filled: list[int]) -> None:
    """By what it traded, or to the full; at its own price."""

    async def program() -> list[Any]:
        trader = Trader(queue=queue)
        trader.show(100, 10)
        trader.send(5, 100)
        trader.trade(99, 3)
        return await trader.fills()

    assert run(program) == [("C1", qty, 100) for qty in filled]


def test_alone_at_the_best_price_it_is_the_first() -> None:
    """Within the spread, and when all who showed its price are gone."""

    async def program() -> list[Any]:
        trader = Trader()
        trader.show(100, 10)
        trader.send(2, 101)
        trader.trade(101, 1)
        trader.send(2, 100)
        trader.show(99, 5)
        trader.trade(100, 3)
        return await trader.fills()

    assert run(program) == [("C1", 1, 101), ("C1", 1, 101), ("C2", 2, 100)]


def test_a_trade_is_consumed_once_by_all_orders_together() -> None:
    """The better price first, then who came first."""

    async def program() -> list[Any]:
        trader = Trader()
        trader.show(100, 0)
        trader.send(3, 100)
        trader.send(3, 101)
        trader.send(3, 100)
        trader.trade(100, 8)
        return await trader.fills()

    assert run(program) == [("C2", 3, 101), ("C1", 3, 100), ("C3", 2, 100)]


def test_a_trade_by_a_buyer_fills_no_buyer_and_one_that_nobody_knows_fills_either() -> None:
    """Who took tells who rested."""

    async def program() -> list[Any]:
        trader = Trader()
        trader.show(100, 0, 101, 0)
        trader.send(3, 100)
        trader.trade(100, 8, BUY)
        assert await trader.fills() == []
        trader.trade(100, 1, None)
        trader.send(3, 101, SELL)
        trader.trade(101, 2, BUY)
        return await trader.fills()

    assert run(program) == [("C1", 1, 100), ("C2", 2, 101)]


def test_a_replace_to_more_or_to_another_price_loses_the_queue_and_to_less_keeps_it() -> None:
    """Two orders of ours at one price."""

    async def program() -> list[Any]:
        trader = Trader()
        trader.show(100, 0)
        first, second = trader.send(4, 100), trader.send(4, 100)
        less = trader.replace(first, 3, 100)
        trader.trade(100, 1)
        assert await trader.fills() == [(less, 1, 100)]
        trader.replace(less, 5, 100)
        trader.trade(100, 1)
        assert await trader.fills() == [(second, 1, 100)]
        moved = trader.replace(second, 4, 101)
        back = trader.replace(moved, 4, 100)
        trader.trade(100, 5)
        fills = await trader.fills()
        return [fill[1] for fill in fills] + [back == fills[-1][0]]

    assert run(program) == [4, 1, True]


def test_post_only_never_takes_also_by_a_replace() -> None:
    """It is rejected, and the order stands where it stood."""

    async def program() -> list[Any]:
        trader = Trader()
        trader.show(100, 5, 110, 5)
        trader.send(1, 110, exec_inst=ExecInst.POST_ONLY)
        name = trader.send(1, 109, exec_inst=ExecInst.POST_ONLY)
        ids = {"order_id": "P", "cl_ord_id": "R", "orig_cl_ord_id": name, "side": BUY, "symbol": "A"}
        trader.venue.send(ReplaceOrder(**ids, order_qty=D(1), price=D(110), exec_inst=ExecInst.POST_ONLY))
        await asyncio.sleep(0)
        told = [(r.msg_type.name, r.ord_status.name if r.ord_status else "") for r in trader.reports]
        return [told, [each.terms.price for each in trader.venue._orders.open.values()]]

    told, open_ = run(program)
    assert told == [("REPORT", "REJECTED"), ("REPORT", "NEW"), ("CXL_REJ", "NEW")] and open_ == [109]


@pytest.mark.parametrize("reusable", [False, True])
def test_a_name_may_be_used_again_after_a_fill_where_venues_let_it(reusable: bool) -> None:
    """As Binance and BitMEX do: unique among open orders only."""

    async def program() -> list[Any]:
        trader = Trader(names_reusable=reusable)
        trader.show(100, 5, 110, 5)
        for _ in range(2):
            trader.send(1, 110, name="same")
        await asyncio.sleep(0)
        return [r.last_qty for r in trader.reports if r.exec_type is ExecType.TRADE]

    assert run(program) == [1, 1] if reusable else [1]


def test_requests_beyond_the_windows_are_refused_and_the_line_is_silent_for_a_while() -> None:
    """As a ban is."""

    async def program() -> list[Any]:
        trader = Trader(windows=(Window(2, 1),), ban_s=7)
        for _ in range(3):
            trader.send(1, 100)
        await asyncio.sleep(0)
        [status] = trader.statuses
        assert status.until_ns == current_clock().now_ns() + 7_000_000_000
        return [r.ord_status.name for r in trader.reports if r.ord_status]

    assert run(program) == ["NEW", "NEW", "REJECTED"]


def test_what_is_late_keeps_its_order() -> None:
    """Requests and reports, each by their own line."""

    async def program() -> list[Any]:
        trader = Trader(request_latency=Delay(MS, 90 * MS), report_latency=Delay(MS, 90 * MS), seed=3)
        names = [trader.send(1, 100) for _ in range(50)]
        await asyncio.sleep(0.001)
        assert len(trader.reports) < 50
        await asyncio.sleep(1)
        return [r.cl_ord_id for r in trader.reports] == names

    assert run(program)


def test_a_line_that_goes_down_loses_what_is_on_its_way_and_says_so() -> None:
    """Nothing is told meanwhile, nothing may be sent or asked; a query finds what happened."""

    async def program() -> list[Any]:
        trader = Trader(report_latency=Delay(MS, MS))
        trader.show(100, 0)
        name = trader.send(5, 100)
        await asyncio.sleep(0.01)
        trader.send(1, 90)
        trader.venue.disconnect(5)
        trader.trade(99, 2)
        with pytest.raises(ConnectionError):
            trader.send(1, 100)
        query = StatusQuery(order_id="P", names=(name,), side=BUY, symbol="A")
        with pytest.raises(ConnectionError):
            await trader.venue.query(query)
        await asyncio.sleep(6)
        assert [s.line.name for s in trader.statuses] == ["DOWN", "UP"] and len(trader.reports) == 1
        told = await trader.venue.query(query)
        assert len(await trader.venue.open_orders()) == 2
        return [(r.exec_type, r.last_qty, r.cum_qty) for r in told]

    assert run(program) == [(ExecType.TRADE, 2, 2), (ExecType.ORDER_STATUS, 0, 2)]


SHOWS: dict[Fault, Any] = {
    Fault.BUST: (ExecType.TRADE_CANCEL, OrdStatus.CANCELED),
    Fault.CORRECT: (ExecType.TRADE_CORRECT, OrdStatus.CANCELED),
    Fault.REDUCE: (ExecType.RESTATED, OrdStatus.NEW),
    Fault.DONE_FOR_DAY: (ExecType.DONE_FOR_DAY, OrdStatus.DONE_FOR_DAY),
    Fault.CANCEL: (ExecType.CANCELED, OrdStatus.CANCELED),
    Fault.REJECT: (ExecType.REJECTED, OrdStatus.REJECTED),
    Fault.LATE_FILL: (ExecType.TRADE, OrdStatus.FILLED),
}


@pytest.mark.parametrize("fault", SHOWS, ids=[fault.value for fault in SHOWS])
def test_each_fault_of_the_script_shows(fault: Fault) -> None:
    """And is counted."""

    async def program() -> Any:
        faults = Faults(for_s=2)
        trader = Trader(faults=faults)
        trader.show(100, 0, 110, 5)
        faults.force(fault)
        fills = fault in (Fault.BUST, Fault.CORRECT, Fault.LATE_FILL)
        trader.send(4, 110 if fills else 100)
        await asyncio.sleep(1)
        before = len(trader.reports)
        await asyncio.sleep(2)
        assert faults.hits == {fault: 1} and (fault is Fault.REJECT or len(trader.reports) > before)
        return trader.reports[-1].exec_type, trader.reports[-1].ord_status

    assert run(program) == SHOWS[fault]


@pytest.mark.parametrize("fault", [Fault.BUST, Fault.CORRECT])
def test_a_bust_gives_the_fee_back_and_a_correction_charges_what_is_due_of_it(fault: Fault) -> None:
    """A book that goes by the reports has the fees that the venue has."""

    async def program() -> Any:
        faults = Faults(for_s=2)
        trader = Trader(faults=faults, taker_bps=D(10))
        trader.show(100, 0, 110, 4)
        faults.force(fault)
        trader.send(4, 110)
        await asyncio.sleep(4)
        book = Book()
        positions = [book.on_report(report) for report in trader.reports]
        assert positions[-1] is not None
        return positions[-1].fees, sum(account.fees for account in trader.venue.executed.values())

    told, kept = run(program)
    assert told == kept == (D(0) if fault is Fault.BUST else D("0.22"))


def test_the_same_seed_makes_the_same_faults() -> None:
    """Another makes others; a rate that is no probability is refused."""
    rates = {Fault.REJECT: 0.3, Fault.DUPLICATE: 0.3}
    a, b, c = Faults(1, rates), Faults(1, rates), Faults(2, rates)
    draws = [[each.strikes(Fault.REJECT) for _ in range(50)] for each in (a, b, c)]
    assert draws[0] == draws[1] != draws[2]
    with pytest.raises(exo.errors.InvalidValue, match="probability"):
        Faults(0, {Fault.REJECT: 1.5})


steps = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), st.integers(97, 103), st.integers(0, 20)),
        st.tuples(st.just("trade"), st.integers(97, 103), st.integers(1, 25)),
        st.tuples(st.just("send"), st.integers(97, 103), st.integers(1, 10)),
        st.tuples(st.just("cancel"), st.integers(1, 9), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(steps, st.sampled_from(Replace))
def test_what_is_filled_under_the_conservative_model_is_never_more(program_: Any, replace: Replace) -> None:
    """In total, of buyers that rest; and neither model fills more than was asked for or more than came their way."""

    def play(queue: Queue) -> tuple[Decimal, Decimal, Decimal]:
        async def program() -> tuple[Decimal, Decimal, Decimal]:
            trader = Trader(queue=queue, replace=replace)
            trader.show(97, 5)
            asked = traded = D(0)
            for what, a, b in program_:
                if what == "quote":
                    trader.show(a, b)
                elif what == "trade":
                    trader.trade(a, b)
                    traded += b
                elif what == "send":
                    trader.send(b, a)
                    asked += b
                else:
                    trader.cancel(f"C{a}")
            filled = sum((fill[1] for fill in await trader.fills()), D(0))
            return filled, asked, traded

        found = run(program)
        assert found is not None
        return found  # type: ignore[no-any-return]

    conservative, asked, traded = play(CONSERVATIVE)
    optimistic, _, _ = play(OPTIMISTIC)
    assert conservative <= optimistic <= asked
    assert conservative <= traded
