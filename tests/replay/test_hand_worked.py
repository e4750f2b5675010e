"""Two orders worked out by hand: every figure of their lines, to the last digit."""

from __future__ import annotations

import json
from decimal import Decimal as D
from pathlib import Path

import pytest

import exo
from exo.delegates import Sweep, SweepOrder
from exo.mkt import LastLiquidityInd, TimeInForce
from exo.replay import Account, Decision, Fate, Fill, Line, Plan, Script, Seen, Tick, replay
from exo.venue import PaperVenue

T0 = 1_700_000_000_000_000_000
MAKER_BPS, TAKER_BPS = D("-0.5"), D("2.5")
TAKEN, ADDED = LastLiquidityInd.REMOVED, LastLiquidityInd.ADDED


def quote(at: int, bid: str, bid_size: str, ask: str, ask_size: str) -> exo.Quote:
    return exo.Quote("A", D(bid), D(bid_size), D(ask), D(ask_size), received_ns=T0 + at)


def trade(at: int, px: str, qty: str) -> exo.Trade:
    return exo.Trade("A", D(px), D(qty), received_ns=T0 + at)


class TakeThenRest:
    """Takes what is displayed up to the limit; rests its last 4 at 100.05."""

    def __init__(self, desk: exo.Desk[SweepOrder]) -> None:
        self.desk = desk
        self.taken: exo.Quote | None = None

    def act(self, update: exo.Update[SweepOrder]) -> exo.Next:
        desk, quote = self.desk, update.quote
        if desk.finished:
            return exo.DONE
        if desk.leaves_qty <= 4:
            desk.work(price=D("100.05"))
        elif quote is not None and quote is not self.taken and desk.order.side.within(desk.order.price, quote.ask_px):
            self.taken = quote
            desk.work(price=quote.ask_px, order_qty=quote.ask_size, time_in_force=TimeInForce.IOC)
        return None

    def clean_up(self) -> None: ...


FIVE_FILLS: list[Tick] = [
    trade(0, "100.00", "50"),  # before the order arrives
    quote(0, "99.90", "3", "100.10", "2"),  # it arrives: takes 2 at 100.10
    trade(1000, "100.10", "2"),
    quote(2000, "99.95", "3", "100.20", "1.5"),  # takes 1.5 at 100.20
    trade(2500, "100.20", "1.5"),
    quote(3000, "99.90", "1", "100.30", "4"),  # beyond the limit, and folded into the next
    trade(3000, "100.30", "0.7"),
    quote(3000, "100.00", "2", "100.15", "2.5"),  # takes 2.5 at 100.15, then rests 4 at 100.05
    quote(4000, "99.95", "1", "100.05", "1"),  # 1 of it is lifted, at its own price
    trade(5000, "100.00", "3.3"),
    quote(6000, "99.85", "2", "99.95", "5"),  # and the other 3, at its own price though 99.95 is displayed
    quote(7000, "90.00", "2", "91.00", "5"),  # after it has ended
]
SELL_PART: list[Tick] = [
    quote(0, "50.01", "1.1", "50.04", "9"),  # it arrives: takes 1.1 at 50.01
    trade(1000, "50.03", "3"),
    quote(2000, "49.99", "9", "50.02", "9"),  # below its limit of 50.00
    quote(3000, "50.00", "0.7", "50.02", "9"),  # takes 0.7 at 50.00
    trade(4000, "49.98", "0.5"),  # the last tick: it is cancelled with 5.2 left
]


def account_of(tmp_path: Path, terms: str, ticks: list[Tick], factory: object) -> Account:
    file = tmp_path / "orders.json"
    file.write_text(terms)
    venue = PaperVenue(maker_bps=MAKER_BPS, taker_bps=TAKER_BPS)
    return replay(ticks, Plan(orders=Script(file, SweepOrder), factory=factory, venue=venue))  # type: ignore[arg-type]


@pytest.fixture
def five(tmp_path: Path) -> Account:
    terms = '{"orderID": "FIVE", "side": "BUY", "symbol": "A", "orderQty": "10", "price": "100.25"}'
    return account_of(tmp_path, terms, FIVE_FILLS, TakeThenRest)


@pytest.fixture
def part(tmp_path: Path) -> Account:
    terms = '{"orderID": "PART", "side": "SELL", "symbol": "A", "orderQty": "7", "price": "50"}'
    return account_of(tmp_path, terms, SELL_PART, Sweep)


def decision(looked: int, age: int, bid: str, ask: str, qty: str, px: str, seen: Seen | None) -> Decision:
    return Decision(
        looked_ns=T0 + looked,
        sent_ns=T0 + looked,
        age_ns=age,
        bid_px=D(bid),
        ask_px=D(ask),
        cancel=False,
        order_qty=D(qty),
        price=D(px),
        time_in_force=TimeInForce.IOC if seen else TimeInForce.GTC,
        seen=seen,
    )


def one_quote(at: int, bid: str, ask: str) -> Seen:
    """What a lone quote comes to."""
    return Seen(
        quotes=1,
        trades=0,
        bid_low=D(bid),
        bid_high=D(bid),
        ask_low=D(ask),
        ask_high=D(ask),
        trade_low=None,
        trade_high=None,
        first_ns=T0 + at,
        last_ns=T0 + at,
    )


# Fills, with fees of 2.5 basis points where liquidity was taken and -0.5 where it was added:
#   2   x 100.10 = 200.20    x  0.00025 =  0.05005
#   1.5 x 100.20 = 150.30    x  0.00025 =  0.037575
#   2.5 x 100.15 = 250.375   x  0.00025 =  0.06259375
#   1   x 100.05 = 100.05    x -0.00005 = -0.0050025
#   3   x 100.05 = 300.15    x -0.00005 = -0.0150075
#  10             1001.075                  0.13020875
# Average 1001.075 / 10 = 100.1075. Arrival mid (99.90 + 100.10) / 2 = 100.
# Against arrival (100.1075 - 100) / 100 = 0.001075 = 10.75 bps.
# Trades while it was there: 2 x 100.10 = 200.20; 1.5 x 100.20 = 150.30; 0.7 x 100.30 = 70.21; 3.3 x 100.00 = 330.00:
#   volume 7.5, notional 750.71; VWAP 750.71 / 7.5 = 100.09466 66666 6|66.. = 100.0946666667.
# Against VWAP (1001.075 x 7.5 - 750.71 x 10) / (750.71 x 10) = (7508.0625 - 7507.1) / 7507.1 = 0.9625 / 7507.1
#   = 0.000128212..; 7507.1 x 0.00012821 = 0.962485.., 0.00012822 would be 0.962560..: 1.2821 bps.
# Participation 10 / 7.5 = 1.333333|33..
FIVE = Line(
    order_id="FIVE",
    side=exo.Side.BUY,
    symbol="A",
    order_qty=D(10),
    price=D("100.25"),
    fate=Fate.FILLED,
    why="",
    submitted_ns=T0,
    ended_ns=T0 + 6000,
    executions=5,
    cum_qty=D("10"),
    notional=D("1001.075"),
    fees=D("0.13020875"),
    avg_px=D("100.1075"),
    arrival_px=D("100"),
    slippage_arrival_bps=D("10.75"),
    market_volume=D("7.5"),
    vwap=D("100.0946666667"),
    slippage_vwap_bps=D("1.2821"),
    participation=D("1.333333"),
    requests=4,
    fills=(
        Fill(at_ns=T0, qty=D(2), px=D("100.10"), fee=D("0.05005"), liquidity=TAKEN),
        Fill(at_ns=T0 + 2000, qty=D("1.5"), px=D("100.20"), fee=D("0.037575"), liquidity=TAKEN),
        Fill(at_ns=T0 + 3000, qty=D("2.5"), px=D("100.15"), fee=D("0.06259375"), liquidity=TAKEN),
        Fill(at_ns=T0 + 4000, qty=D(1), px=D("100.05"), fee=D("-0.0050025"), liquidity=ADDED),
        Fill(at_ns=T0 + 6000, qty=D(3), px=D("100.05"), fee=D("-0.0150075"), liquidity=ADDED),
    ),
    decisions=(
        # it arrives with the ticks of its time, and so is told of both
        decision(
            0,
            0,
            "99.90",
            "100.10",
            "2",
            "100.10",
            Seen(
                quotes=1,
                trades=1,
                bid_low=D("99.90"),
                bid_high=D("99.90"),
                ask_low=D("100.10"),
                ask_high=D("100.10"),
                trade_low=D("100.00"),
                trade_high=D("100.00"),
                first_ns=T0,
                last_ns=T0,
            ),
        ),
        decision(2000, 0, "99.95", "100.20", "1.5", "100.20", one_quote(2000, "99.95", "100.20")),
        # two quotes and a trade in one delivery: what conflation left of them
        decision(
            3000,
            0,
            "100.00",
            "100.15",
            "2.5",
            "100.15",
            Seen(
                quotes=2,
                trades=1,
                bid_low=D("99.90"),
                bid_high=D("100.00"),
                ask_low=D("100.15"),
                ask_high=D("100.30"),
                trade_low=D("100.30"),
                trade_high=D("100.30"),
                first_ns=T0 + 3000,
                last_ns=T0 + 3000,
            ),
        ),
        # decided on the report of the third fill: no tick had passed
        decision(3000, 0, "100.00", "100.15", "4", "100.05", None),
    ),
)

# 1.1 x 50.01 = 55.011, fee 0.01375275; 0.7 x 50.00 = 35.000, fee 0.00875: together 1.8, 90.011 and 0.02250275.
# Average 90.011 / 1.8 = 50.00611 11111|1.. Arrival mid (50.01 + 50.04) / 2 = 50.025; 1.8 x 50.025 = 90.045.
# Against arrival, a seller: (90.045 - 90.011) / 90.045 = 0.034 / 90.045 = 0.000377588|98.. = 3.7759 bps.
# Trades: 3 x 50.03 = 150.09; 0.5 x 49.98 = 24.99: volume 3.5, notional 175.08; VWAP 50.02285 71428|57.. up.
# Against VWAP: (175.08 x 1.8 - 90.011 x 3.5) / (175.08 x 1.8) = (315.144 - 315.0385) / 315.144 = 0.1055 / 315.144
#   = 0.000334767|.. = 3.3477 bps. Participation 1.8 / 3.5 = 0.514285|71.. up.
PART = Line(
    order_id="PART",
    side=exo.Side.SELL,
    symbol="A",
    order_qty=D(7),
    price=D(50),
    fate=Fate.PARTLY_FILLED,
    why="what could be had was not enough until the session ended",
    submitted_ns=T0,
    ended_ns=T0 + 4000,
    executions=2,
    cum_qty=D("1.8"),
    notional=D("90.011"),
    fees=D("0.02250275"),
    avg_px=D("50.0061111111"),
    arrival_px=D("50.025"),
    slippage_arrival_bps=D("3.7759"),
    market_volume=D("3.5"),
    vwap=D("50.0228571429"),
    slippage_vwap_bps=D("3.3477"),
    participation=D("0.514286"),
    requests=2,
    fills=(
        Fill(at_ns=T0, qty=D("1.1"), px=D("50.01"), fee=D("0.01375275"), liquidity=TAKEN),
        Fill(at_ns=T0 + 3000, qty=D("0.7"), px=D("50.00"), fee=D("0.00875"), liquidity=TAKEN),
    ),
    decisions=(
        decision(0, 0, "50.01", "50.04", "1.1", "50.01", one_quote(0, "50.01", "50.04")),
        decision(3000, 0, "50.00", "50.02", "0.7", "50.00", one_quote(3000, "50.00", "50.02")),
    ),
)


def members(line: Line) -> dict[str, object]:
    return {name: getattr(line, name) for name in Line.__struct_fields__}


def test_every_figure_of_five_fills_is_the_one_worked_out_by_hand(five):
    """Exactly: none is rounded that needs no rounding."""
    [line] = five.lines
    assert members(line) == members(FIVE)
    assert five.agrees and five.fates[Fate.FILLED] == 1


def test_every_figure_of_a_seller_partly_filled_is_the_one_worked_out_by_hand(part):
    """A cost is positive for a seller too."""
    [line] = part.lines
    assert members(line) == members(PART)
    assert part.agrees and part.fates[Fate.PARTLY_FILLED] == 1


def test_the_venue_and_the_symbol_have_the_same_sums(five, part):
    """Each from its own books."""
    for account, bought, sold in ((five, FIVE, None), (part, None, PART)):
        for sums in (account.symbols["A"], account.venue["A"]):
            assert sums.executions == (bought or sold).executions
            assert (sums.bought_qty, sums.bought_notional) == ((bought.cum_qty, bought.notional) if bought else (0, 0))
            assert (sums.sold_qty, sums.sold_notional) == ((sold.cum_qty, sold.notional) if sold else (0, 0))
            assert sums.fees == (bought or sold).fees


def test_the_json_has_those_digits(five, part):
    """As text without trailing zeros, None where nothing can be told."""
    [line] = json.loads(five.to_json())["orders"]
    figures = {name: value for name, value in line.items() if name not in {"fills", "decisions"}}
    assert figures == {
        "orderID": "FIVE",
        "side": "BUY",
        "symbol": "A",
        "orderQty": "10",
        "price": "100.25",
        "fate": "FILLED",
        "why": "",
        "submittedNs": T0,
        "endedNs": T0 + 6000,
        "executions": 5,
        "cumQty": "10",
        "notional": "1001.075",
        "fees": "0.13020875",
        "avgPx": "100.1075",
        "arrivalPx": "100",
        "slippageArrivalBps": "10.75",
        "marketVolume": "7.5",
        "vwap": "100.0946666667",
        "slippageVwapBps": "1.2821",
        "participation": "1.333333",
        "requests": 4,
        "error": "",
    }
    assert [(fill["qty"], fill["px"], fill["fee"], fill["liquidity"]) for fill in line["fills"]] == [
        ("2", "100.1", "0.05005", "REMOVED"),
        ("1.5", "100.2", "0.037575", "REMOVED"),
        ("2.5", "100.15", "0.06259375", "REMOVED"),
        ("1", "100.05", "-0.0050025", "ADDED"),
        ("3", "100.05", "-0.0150075", "ADDED"),
    ]
    assert line["decisions"][2] == {
        "lookedNs": T0 + 3000,
        "sentNs": T0 + 3000,
        "ageNs": 0,
        "bidPx": "100",
        "askPx": "100.15",
        "cancel": False,
        "orderQty": "2.5",
        "price": "100.15",
        "timeInForce": "IOC",
        "seen": {
            "quotes": 2,
            "trades": 1,
            "bidLow": "99.9",
            "bidHigh": "100",
            "askLow": "100.15",
            "askHigh": "100.3",
            "tradeLow": "100.3",
            "tradeHigh": "100.3",
            "firstNs": T0 + 3000,
            "lastNs": T0 + 3000,
        },
    }
    assert line["decisions"][3]["seen"] is None
    [sold] = json.loads(part.to_json())["orders"]
    shown = ("cumQty", "notional", "fees", "avgPx", "arrivalPx", "slippageArrivalBps", "vwap", "slippageVwapBps")
    assert [sold[name] for name in shown] == [
        "1.8",
        "90.011",
        "0.02250275",
        "50.0061111111",
        "50.025",
        "3.7759",
        "50.0228571429",
        "3.3477",
    ]
    assert sold["participation"] == "0.514286"
