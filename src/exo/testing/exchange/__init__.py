"""A fake exchange for market data: Coinbase, Binance and BitMEX, in memory or over sockets, with faults on command.

    exchange = Exchange(Binance(), RandomWalk(["BTCUSDT"]))
    network = MemoryNetwork(exchange)
    exchange.fault(Fault.DROP, times=3)

It shares no encoder or decoder with exo's adapters, so that both can be wrong only apart. `ServedExchange` runs one in
a process of its own, behind real sockets; `server.ExchangeServer` does in this one.
"""

from exo.testing.exchange.dialects import Binance, BinanceUsdm, Bitmex, Coinbase, Dialect
from exo.testing.exchange.exchange import Exchange
from exo.testing.exchange.faults import At, Fault
from exo.testing.exchange.memory import MemoryNetwork
from exo.testing.exchange.process import NotServed, ServedExchange

__all__ = [
    "Exchange",
    "Fault",
    "At",
    "MemoryNetwork",
    "ServedExchange",
    "NotServed",
    "Dialect",
    "Coinbase",
    "Binance",
    "BinanceUsdm",
    "Bitmex",
]
