"""exo: an exoskeleton for automated execution - the container around many simultaneous order executions."""

from exo.errors import ExoError
from exo.flow import ConflatingQueue, RateLimiter, run_virtually
from exo.mkt import (
    ExecType,
    FeedState,
    FeedStatus,
    Instruction,
    Listing,
    MsgType,
    Order,
    OrdStatus,
    OrdType,
    Quote,
    Report,
    Side,
    Span,
    TimeInForce,
    Trade,
)
from exo.run import DONE, Delegate, Desk, Dispatcher, Event, ExitPolicy, Next, OrderProcess, Outcome, Update

__all__ = [
    "DONE",
    "ConflatingQueue",
    "Delegate",
    "Desk",
    "Dispatcher",
    "Event",
    "ExitPolicy",
    "ExecType",
    "ExoError",
    "FeedState",
    "FeedStatus",
    "Instruction",
    "Listing",
    "MsgType",
    "Next",
    "OrdStatus",
    "OrdType",
    "Order",
    "OrderProcess",
    "Outcome",
    "Quote",
    "RateLimiter",
    "Report",
    "Side",
    "Span",
    "TimeInForce",
    "Trade",
    "Update",
    "run_virtually",
]
