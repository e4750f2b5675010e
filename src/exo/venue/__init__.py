"""Venues: places where orders are worked. The only package with sockets."""

from exo.venue.faults import Fault, Faults
from exo.venue.matching import Queue
from exo.venue.paper import PaperVenue

__all__ = ["Fault", "Faults", "PaperVenue", "Queue"]
