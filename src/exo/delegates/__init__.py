"""Delegates to start from."""

from exo.delegates.far import FarOrder, Fill, TakeFar

__all__ = ["FarOrder", "Fill", "TakeFar"]
