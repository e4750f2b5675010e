"""Markets: the commands that speak over sockets - orders on a live market, and an exchange to try them at."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from exo.cli.loading import load
from exo.cli.options import BadOption, Positive, Switch, fee_bps, option, some, url_of
from exo.cli.running import run
from exo.replay import recording
from exo.venue import PaperVenue

RUN_USAGE: Final = "Usage: exo run DELEGATE --venue VENUE --symbols SYMBOL... --terms JSON --paper [OPTIONS]"
RECORD_USAGE: Final = "Usage: exo record --venue VENUE --symbols SYMBOL... --out FILE... [OPTIONS]"
EXCHANGE_USAGE: Final = "Usage: exo exchange --venue VENUE [OPTIONS]"


def run_live(
    delegate: str,
    /,
    *,
    venue: str,
    symbols: Annotated[list[str], Parameter(name="--symbols", negative=(), consume_multiple=True)],
    terms: str,
    paper: Switch = False,
    url: str | None = None,
    seconds: Positive | None = None,
    maker_bps: str = "0",
    taker_bps: str = "0",
) -> None:
    """Work an order on each of some symbols of a live market, filled on paper.

    No key is needed, and no order leaves this machine. Ctrl-C cancels what stands and ends it.

    Parameters
    ----------
    delegate
        The delegate's class, MODULE:CLASS or FILE.py:CLASS.
    venue
        Whose market: binance, binance-usdm, bitmex or coinbase.
    symbols
        The venue's own names, such as BTC-USD.
    terms
        The terms of each order but its symbol, as JSON: {"side": "BUY", "orderQty": "0.01"}.
    paper
        Fill on paper; there is no other way yet.
    url
        Where the venue's WebSocket is, if not where it usually is: an exchange of exo exchange, say.
    seconds
        End after so long.
    maker_bps
        The fee for adding liquidity, in basis points.
    taker_bps
        The fee for taking it.
    """
    from exo.cli import live  # sockets take time to load
    from exo.venue.known import known

    if not paper:
        raise BadOption("--paper", "orders go nowhere but on paper yet: say so")
    factory, order_type = load(delegate)
    at = known(venue)
    some("--symbols", symbols)
    names = [f"{symbol}.{at.dialect(at.url).venue}" for symbol in symbols]
    orders = option("--terms", lambda text: live.orders_in(text, order_type, names), terms)

    account = PaperVenue(maker_bps=fee_bps("--maker-bps", maker_bps), taker_bps=fee_bps("--taker-bps", taker_bps))
    run(live.run_live(at, url_of(url), orders, factory, account, seconds, partial(print, flush=True)))


def record_live(
    *,
    venue: str,
    symbols: Annotated[list[str], Parameter(name="--symbols", negative=(), consume_multiple=True)],
    out: Annotated[list[str], Parameter(name="--out", negative=(), consume_multiple=True)],
    url: str | None = None,
    seconds: Positive | None = None,
) -> None:
    """Record a live market: its raw frames with their receive times, and the ticks made of them.

    exo replay reads both. What has come is on disk within a quarter of a second, and can be read however it ends;
    Ctrl-C ends it.

    Parameters
    ----------
    venue
        Whose market: binance, binance-usdm, bitmex or coinbase.
    symbols
        The venue's own names, such as BTC-USD.
    out
        A new file of raw frames, .frames or .frames.gz; or of ticks, .csv or .csv.gz; or one of each; a name without
        an ending is both, gzipped.
    url
        Where the venue's WebSocket is, if not where it usually is: an exchange of exo exchange, say.
    seconds
        End after so long.
    """
    from exo.cli.record import outs, record  # sockets take time to load
    from exo.venue.known import known

    at = known(venue)
    names = [f"{symbol}.{at.dialect(at.url).venue}" for symbol in some("--symbols", symbols)]
    frames, ticks = outs(some("--out", out))
    run(record(venue, url_of(url), names, frames, ticks, seconds, partial(print, flush=True)))


def serve_exchange(
    *,
    venue: str,
    ticks: Annotated[list[str] | None, Parameter(name="--ticks", negative=(), consume_multiple=True)] = None,
    symbols: Annotated[list[str] | None, Parameter(name="--symbols", negative=(), consume_multiple=True)] = None,
    rate: Positive = 100.0,
    speed: Positive = 1.0,
    seed: int = 0,
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65_535))] = 0,
) -> None:
    """Play an exchange: market data as a venue sends it, on this machine only.

    Whoever connects and subscribes as the venue's documentation says gets recorded ticks, over and over, or a random
    walk. It plays from the first subscription on.

    Parameters
    ----------
    venue
        Whose protocol: binance, binance-usdm, bitmex or coinbase.
    ticks
        Recorded ticks or frames, as for exo replay, with the venue's own names as symbols, or with their suffix.
    symbols
        Of the random walk, without ticks.
    rate
        Ticks a second of the random walk.
    speed
        How much faster than they were recorded.
    seed
        Draws the random walk.
    port
        Where to listen; 0 is any free port.
    """
    from exo.cli.exchange import exchange as play_exchange  # sockets take time to load

    played = None if ticks is None else recording(some("--ticks", ticks))
    play_exchange(
        venue,
        played,
        [] if symbols is None else some("--symbols", symbols),
        rate=rate,
        speed=speed,
        seed=seed,
        port=port,
        say=partial(print, flush=True),
    )
