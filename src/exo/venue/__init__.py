"""Venues: places where orders are worked. The only package with sockets."""

from exo.venue.paper import PaperVenue

__all__ = ["PaperVenue"]
