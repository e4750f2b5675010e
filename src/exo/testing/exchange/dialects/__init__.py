"""Dialects: what venues say and understand, written from their documentation and recorded frames alone."""

from exo.testing.exchange.dialects.binance import Binance, BinanceUsdm
from exo.testing.exchange.dialects.bitmex import Bitmex
from exo.testing.exchange.dialects.coinbase import Coinbase
from exo.testing.exchange.dialects.dialect import Dialect, End, Refusal, Reply, Said, Talk, Tick

__all__ = ["Coinbase", "Binance", "BinanceUsdm", "Bitmex", "Dialect", "Talk", "Said", "End", "Refusal", "Reply", "Tick"]
