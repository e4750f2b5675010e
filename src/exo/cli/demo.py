"""The demo: many orders worked on paper in a live market, over real sockets, and one delegate that fails."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from exo.cli.running import run
from exo.cli.session import NoMarket, Place, Session, Watching
from exo.delegates import Peg, Pov, Sweep, Twap, TwapOrder
from exo.flow.delays import Delay
from exo.replay import Account, Plan
from exo.run import Delegate, Desk, Next, Update
from exo.testing.exchange import ServedExchange
from exo.venue import PaperVenue
from exo.venue.known import known
from exo.venue.network import NetworkError

_BUSY: Final = Delay(20_000_000, 200_000_000)
_DEADLINE_NS: Final = 3_000_000_000
_MAKER_BPS, _TAKER_BPS = Decimal("-0.5"), Decimal(2)
_BEYOND_S: Final = 60.0  # how much longer the exchange plays, for whoever starts or ends slowly
_OWN: Final = "binance"
_LIQUID: Final = {
    "binance": ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT"),
    "binance-usdm": ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT"),
    "bitmex": ("XBTUSD", "ETHUSD", "SOLUSD", "XRPUSD", "XBTUSDT", "ETHUSDT"),
    "coinbase": ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "DOGE-USD", "LTC-USD"),
}


def demo(
    *,
    venue: str | None,
    url: str | None,
    symbols: Sequence[str],
    orders: int,
    seconds: float,
    rate: float,
    seed: int,
    watching: Watching,
) -> tuple[Account, str]:
    """Run the demo in real time, at a venue or at a fake exchange in a process of its own: its account, and its losses.

    Ctrl-C ends it early, with the account so far. The losses are what went wrong with the feed, if anything did.
    """
    if venue is not None:
        at = known(venue)
        names = [f"{name}.{at.dialect(at.url).venue}" for name in symbols or _LIQUID[venue]]
        place = Place(venue, at, url, names, not symbols, lambda: None)
        try:
            return _held(place, f"{venue}, live", orders, seconds, seed, watching)
        except NetworkError as error:
            raise NoMarket(venue, f"{error}; without --venue the demo needs no internet") from error
    own = list(symbols) or [f"EXO{number}" for number in range(1, 13)]
    half_way = seconds / 2
    storm = (half_way, half_way + seconds / 30)
    with ServedExchange(_OWN, symbols=own, seconds=seconds + _BEYOND_S, rate=rate, storm=storm, seed=seed) as served:
        at = known(_OWN)
        names = [f"{name}.{at.dialect(at.url).venue}" for name in own]
        place = Place(f"a fake {_OWN}", at, served.ws_url, names, False, served.check)
        return _held(place, f"a random walk at {place.name}", orders, seconds, seed, watching)


def _held(
    place: Place,
    market: str,
    orders: int,
    seconds: float,
    seed: int,
    watching: Watching,
) -> tuple[Account, str]:
    """Hold a session of orders that sweep, are worked over a quarter of the time, follow the touch or the volume.

    The delegate of the one in the middle fails at its second look.
    """

    class DemoOrder(TwapOrder):
        """An order for any of the delegates."""

        duration_s: Decimal = max(Decimal("0.001"), Decimal(round(seconds * 250)) / 1000)
        slices: int = 10
        rate: Decimal = Decimal("0.2")
        clip: Decimal = Decimal(0)
        show: Decimal = Decimal(0)

    def staff(desk: Desk[Any]) -> Delegate[Any]:
        number = int(desk.order_id)
        if number == (orders + 1) // 2:
            return Faulty(desk)
        # Of each symbol, whatever their number, by turns.
        return (Sweep, Twap, Peg, Pov)[(number + number // 4) % 4](desk)

    plan = Plan(
        orders=orders,
        seed=seed,
        factory=staff,
        order_type=DemoOrder,
        delegate="Sweep, Twap, Peg, Pov and one that fails",
        files=(market,),
        act_time=_BUSY,
        venue=PaperVenue(maker_bps=_MAKER_BPS, taker_bps=_TAKER_BPS),
        deadline_ns=_DEADLINE_NS,
        live=True,
    )
    session = Session(place, plan, seconds, watching)
    interrupted = False
    try:
        run(session.run())
    except KeyboardInterrupt:
        if not session.is_accountable:
            raise
        interrupted = True
    return session.account(interrupted), session.losses


class Faulty:
    """Raises at its second update."""

    def __init__(self, desk: Desk[Any]) -> None:
        self._desk = desk
        self._looks = 0

    def act(self, update: Update[Any]) -> Next:
        """Fail on purpose."""
        self._looks += 1
        if self._looks == 2 or self._desk.cancelled:
            raise RuntimeError(f"order {self._desk.order_id} fails on purpose, and nothing else does")
        return None

    def clean_up(self) -> None:
        """Nothing is held."""
