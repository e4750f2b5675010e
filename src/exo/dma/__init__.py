"""Direct market access: child orders, what makes them, and what a venue is to exo. No I/O."""

from exo.dma.asked import Asked
from exo.dma.capabilities import Capabilities, Replace, Weights
from exo.dma.child import Child, child_of
from exo.dma.ids import IdForm, Ids
from exo.dma.intent import Intent
from exo.dma.limits import AccountLimits, Refusal, RiskLimits, Rule, TradingState
from exo.dma.outbox import Outbox
from exo.dma.parent import Parent
from exo.dma.request import CancelOrder, NewOrder, ReplaceOrder, Request, StatusQuery
from exo.dma.risk import Market, RiskGate
from exo.dma.transitions import TRANSITIONS, Event, Phase
from exo.dma.venue import Feed, Line, Sink, Venue, VenueStatus

__all__ = [
    "AccountLimits",
    "Asked",
    "CancelOrder",
    "Capabilities",
    "Child",
    "Event",
    "Feed",
    "IdForm",
    "Ids",
    "Intent",
    "Line",
    "Market",
    "NewOrder",
    "Outbox",
    "Parent",
    "Phase",
    "Refusal",
    "Replace",
    "ReplaceOrder",
    "Request",
    "RiskGate",
    "RiskLimits",
    "Rule",
    "Sink",
    "StatusQuery",
    "TRANSITIONS",
    "TradingState",
    "Venue",
    "VenueStatus",
    "Weights",
    "child_of",
]
