"""Delegates to start from."""

from exo.delegates.peg import Peg, PegOrder
from exo.delegates.pov import Pov, PovOrder
from exo.delegates.sweep import Sweep, SweepOrder
from exo.delegates.twap import Twap, TwapOrder

__all__ = ["Peg", "PegOrder", "Pov", "PovOrder", "Sweep", "SweepOrder", "Twap", "TwapOrder"]
