"""`exo exchange`: recorded ticks behind a venue's own protocol, for whoever connects."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from exo.cli import main
from exo.venue.coinbase.dialect import CoinbaseDialect
from exo.venue.feed import LiveFeed
from exo.venue.sockets import SocketNetwork
from tests.venue.wire.scripted import Told

TICKS = """ts_ns,symbol,type,bid_px,bid_size,ask_px,ask_size,last_px,last_qty
1000000000,BTC-USD,quote,42.5,5,43,6,,
1100000000,BTC-USD,trade,,,,,43,1
1300000000,BTC-USD,quote,42.25,7,44,6,,
1600000000,BTC-USD,trade,,,,,44,1
"""


def test_a_feed_that_connects_gets_the_recorded_ticks_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    """At the address it says, in the venue's own words, to the last digit."""
    file = tmp_path / "ticks.csv"
    file.write_text(TICKS)
    command = [sys.executable, "-m", "exo.cli", "exchange", "--venue", "coinbase", "--ticks", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None and served.stderr is not None
            address = re.search(r"ws://127\.0\.0\.1:\d+/", served.stdout.readline())
            assert address is not None
            told = Told()

            async def listen() -> None:
                network = SocketNetwork()
                feed = LiveFeed(CoinbaseDialect(address[0]), network)
                feed.connect(told)
                feed.subscribe("BTC-USD.COINBASE")
                async with asyncio.timeout(30):
                    while not (told.trades and len(told.quotes) >= 2):
                        await asyncio.sleep(0.01)
                await feed.close()
                await network.close()

            asyncio.run(listen())
            touches = {(quote.bid_px, quote.bid_size, quote.ask_px) for quote in told.quotes}
            assert touches <= {(Decimal("42.5"), 5, 43), (Decimal("42.25"), 7, 44)} and len(touches) == 2
        finally:
            served.send_signal(signal.SIGINT)
        assert served.wait(10) == 130 and served.stderr.read() == "exo: interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--venue", "mtgox"], "exo: there is no exchange mtgox: there are binance"),
        (["--venue", "coinbase", "--ticks", "nofile.csv"], "nofile.csv"),
        (["--venue", "coinbase", "--port", "70000"], "70000"),
        ([], "--venue"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_line(
    arguments: list[str], problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """And nothing is served."""
    with pytest.raises(SystemExit) as ended:
        main(["exchange", *arguments])
    out, err = capfd.readouterr()
    assert ended.value.code in (1, 2) and out == "" and problem in err and err.count("\n") == 1
