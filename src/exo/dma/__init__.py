"""Direct market access: child orders, what makes them, and what a venue is to exo. No I/O."""

from exo.dma.child import Child
from exo.dma.parent import Parent
from exo.dma.request import CancelOrder, NewOrder, Request
from exo.dma.venue import Feed, Sink, Venue

__all__ = [
    "CancelOrder",
    "Child",
    "Feed",
    "NewOrder",
    "Parent",
    "Request",
    "Sink",
    "Venue",
]
