"""The fake exchange."""
