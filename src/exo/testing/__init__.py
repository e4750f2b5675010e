"""Test tools for delegates and venues: market values, scripted and random markets, rehearsals, conformance cases.

    def test_takes_what_is_displayed():
        order = testing.order(SweepOrder, order_qty="10")
        tape = Tape((0, quote("A", "42", "43", ask_size="6")), (1, quote("A", "42", "44", ask_size="6")))
        seen = rehearse(Sweep, order, tape)
        assert seen.fills == [(6, 43), (4, 44)]
        assert seen.outcome.end is End.DONE

When it fails, `print(seen)` shows what the delegate saw and answered, look by look.
"""

from exo.flow import VirtualClock, run_virtually
from exo.testing.asking import Ask, cancel, hold, release, replace, submit
from exo.testing.builders import feed, order, quote, report, trade
from exo.testing.conformance import CaseResult, Conformance, venue_conformance
from exo.testing.exchange.rig import ExchangeRig
from exo.testing.market_rig import MarketFeed, MarketRig
from exo.testing.rehearsal import Look, Rehearsal, rehearse
from exo.testing.rig import PaperRig, Rig, Skip
from exo.testing.tape import BadTape, Step, Tape
from exo.testing.walk import RandomWalk

__all__ = [
    "quote",
    "trade",
    "order",
    "report",
    "feed",
    "submit",
    "replace",
    "cancel",
    "hold",
    "release",
    "Ask",
    "Tape",
    "Step",
    "BadTape",
    "rehearse",
    "Rehearsal",
    "Look",
    "RandomWalk",
    "venue_conformance",
    "Conformance",
    "CaseResult",
    "Rig",
    "PaperRig",
    "MarketRig",
    "MarketFeed",
    "ExchangeRig",
    "Skip",
    "VirtualClock",
    "run_virtually",
]
