"""Delegates to start from."""

from exo.delegates.sweep import Sweep, SweepOrder
from exo.delegates.twap import Twap, TwapOrder

__all__ = ["Sweep", "SweepOrder", "Twap", "TwapOrder"]
