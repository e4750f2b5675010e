"""What the tests of the vocabulary share: a user's order, examples, strategies and hostile decimal contexts."""

from __future__ import annotations

import decimal
from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal
from typing import Any

from hypothesis import strategies as st

from exo.mkt import (
    ExecInst,
    ExecType,
    FeedState,
    FeedStatus,
    Instruction,
    LastLiquidityInd,
    Listing,
    MsgType,
    Order,
    OrdStatus,
    OrdType,
    Quote,
    Report,
    Side,
    TimeInForce,
    Trade,
    Value,
)

D = Decimal
NOON = datetime(2024, 8, 8, 12, 0, 0, 123456, tzinfo=UTC)

SIGNALS = [
    decimal.Clamped,
    decimal.DivisionByZero,
    decimal.FloatOperation,
    decimal.Inexact,
    decimal.InvalidOperation,
    decimal.Overflow,
    decimal.Rounded,
    decimal.Subnormal,
    decimal.Underflow,
]
HOSTILE = [
    Context(prec=3, rounding=decimal.ROUND_UP, Emin=-4, Emax=4, capitals=0, clamp=1, traps=[]),
    Context(prec=3, rounding=decimal.ROUND_FLOOR, Emin=-4, Emax=4, capitals=1, clamp=0, traps=SIGNALS),
    Context(prec=1, rounding=decimal.ROUND_05UP, Emin=0, Emax=0, capitals=1, clamp=0, traps=[]),
]


class PegOrder(Order):
    """A user's order."""

    order_qty: Decimal
    price: Decimal
    stop_px: Decimal | None = None
    offset: Decimal = D("0.5")
    ord_type: OrdType = OrdType.LIMIT
    levels: tuple[Decimal, ...] = ()
    note: str = ""


# Every field of every type has a value here, so that each can be replaced by a bad one.
EXAMPLES: list[Value] = [
    Quote("BTCUSD.X", D("61837.63"), D("3.788"), D("61837.64"), D("1.50"), 17, 5, NOON),
    Trade("BTCUSD.X", D("61837.63"), D("0.02"), Side.BUY, 18, 6, "t1", NOON),
    FeedStatus(state=FeedState.GAP, symbol="BTCUSD.X", text="lost 3", received_ns=19),
    Order(order_id="abc-1", side=Side.SELL, symbol="BTCUSD.X"),
    PegOrder(
        order_id="p1",
        side=Side.BUY,
        symbol="BTCUSD.X",
        order_qty=D("100"),
        price=D("0.10"),
        stop_px=D("0.2"),
        offset=D("0.25"),
        ord_type=OrdType.PEGGED,
        levels=(D("1"), D("2")),
        note="n",
    ),
    Instruction(
        msg_type=MsgType.RPL,
        order=PegOrder(side=Side.BUY, symbol="BTCUSD.X", order_qty=D("1"), price=D("2")),
        exec_inst=ExecInst.HOLD,
        received_ns=20,
    ),
    Listing(
        symbol="BTCUSD.X",
        security_id="BTC-USD",
        venue="X",
        tick=D("0.05"),
        lot=D("0.001"),
        min_qty=D("0.002"),
        min_notional=D("10"),
        contract_multiplier=D("2"),
        currency="USD",
        inverse=True,
        may_trade_negative=True,
    ),
    Report(
        order_id="p1",
        last_qty=D("1"),
        last_px=D("2"),
        transact_time=NOON,
        msg_type=MsgType.CXL_REJ,
        symbol="BTCUSD.X",
        side=Side.BUY,
        cl_ord_id="c2",
        orig_cl_ord_id="c1",
        secondary_order_id="v1",
        exec_id="e2",
        exec_ref_id="e1",
        exec_type=ExecType.TRADE,
        ord_status=OrdStatus.FILLED,
        order_qty=D("1"),
        price=D("2"),
        cum_qty=D("1"),
        leaves_qty=D("0"),
        avg_px=D("2"),
        commission=D("-0.01"),
        comm_currency="USD",
        last_liquidity_ind=LastLiquidityInd.ADDED,
        ord_rej_reason=1,
        cxl_rej_reason=2,
        exec_restatement_reason=3,
        account="a",
        time_in_force=TimeInForce.GTC,
        exec_inst="e",
        text="t",
        received_ns=21,
    ),
]


def name_of(value: Any) -> str:
    """The name under which a parameter is shown."""
    return type(value).__name__


@st.composite
def numbers(draw: st.DrawFn, *, at_least: int | None = None, not_zero: bool = False) -> Decimal:
    """Decimals of everyday size, and to the very edge of what a Value takes: 60 digits, 60 places, below 1E60."""
    if draw(st.booleans()):
        number = Decimal(draw(st.integers(-(10**7), 10**7))).scaleb(draw(st.integers(-8, 2)))
    else:
        digits = draw(st.integers(0, 10**60 - 1)) * draw(st.sampled_from([1, -1]))
        number = Decimal(f"{digits}E{draw(st.integers(-60, 60 - len(str(abs(digits)))))}")
    if at_least is not None:
        number = number.copy_abs()
    return Decimal(1) if not_zero and not number else number


prices = numbers()
sizes = numbers(at_least=0)
quantities = numbers(at_least=0, not_zero=True)
symbols = st.from_regex(r"[A-Z0-9]{1,8}(-[A-Z]{3})?(\.[A-Z]{1,8})?", fullmatch=True)
order_ids = st.from_regex(r"[0-9A-Za-z-]{1,20}", fullmatch=True)
nanoseconds = st.integers(0, 2**63 - 1)
sequences = st.integers(0, 2**63 - 1)
sides = st.sampled_from(Side)
times = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=4))])
).map(lambda time: time.replace(fold=0))


def quotes(symbol: st.SearchStrategy[str] = symbols) -> st.SearchStrategy[Quote]:
    """Quotes with empty sides, unknown sizes, negative prices, locked and crossed ones."""
    return st.builds(
        Quote,
        symbol,
        st.none() | prices,
        st.none() | sizes,
        st.none() | prices,
        st.none() | sizes,
        st.none() | nanoseconds,
        st.none() | sequences,
        st.none() | times,
    )


def trades(symbol: st.SearchStrategy[str] = symbols) -> st.SearchStrategy[Trade]:
    """Trades, their aggressor told or not."""
    return st.builds(
        Trade,
        symbol,
        prices,
        quantities,
        st.none() | sides,
        st.none() | nanoseconds,
        st.none() | sequences,
        st.none() | st.text(),
        st.none() | times,
    )


def statuses(symbol: st.SearchStrategy[str | None] = symbols) -> st.SearchStrategy[FeedStatus]:
    """Changes in a feed's state."""
    return st.builds(
        FeedStatus,
        state=st.sampled_from(FeedState),
        symbol=symbol,
        text=st.text(),
        received_ns=st.none() | nanoseconds,
    )


orders = st.builds(Order, order_id=st.none() | order_ids, side=sides, symbol=symbols)
peg_orders = st.builds(
    PegOrder,
    order_id=st.none() | order_ids,
    side=sides,
    symbol=symbols,
    order_qty=quantities,
    price=prices,
    stop_px=st.none() | prices,
    offset=prices,
    ord_type=st.sampled_from(OrdType),
    levels=st.lists(prices, max_size=3).map(tuple),
    note=st.text(),
)
instructions = st.builds(
    Instruction,
    msg_type=st.sampled_from(MsgType),
    order=peg_orders,
    exec_inst=st.none() | st.sampled_from(ExecInst),
    received_ns=st.none() | nanoseconds,
)
listings = st.builds(
    Listing,
    symbol=symbols,
    security_id=st.text(),
    venue=st.text(),
    tick=quantities,
    lot=quantities,
    min_qty=sizes,
    min_notional=sizes,
    contract_multiplier=quantities,
    currency=st.text(),
    inverse=st.booleans(),
    may_trade_negative=st.booleans(),
)
_text = st.none() | st.text()
reports = st.builds(
    Report,
    order_id=order_ids,
    last_qty=sizes,
    last_px=prices,
    transact_time=st.none() | times,
    msg_type=st.sampled_from(MsgType),
    symbol=st.none() | symbols,
    side=st.none() | sides,
    cl_ord_id=_text,
    exec_id=_text,
    exec_type=st.none() | st.sampled_from(ExecType),
    ord_status=st.none() | st.sampled_from(OrdStatus),
    order_qty=st.none() | quantities,
    cum_qty=st.none() | sizes,
    avg_px=st.none() | prices,
    commission=st.none() | prices,
    last_liquidity_ind=st.none() | st.sampled_from(LastLiquidityInd),
    ord_rej_reason=st.none() | st.integers(0, 99),
    exec_inst=_text,
    text=_text,
    received_ns=st.none() | nanoseconds,
)
