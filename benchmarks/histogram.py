"""Histogram: any number of ages in memory that does not grow."""

from __future__ import annotations

from exo.run.statistics import Ages

SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


class Histogram(Ages):
    """The container's own, that can be told an age; a quantile is at most an eighth too high."""

    __slots__ = ()

    def note(self, ns: int, times: int = 1) -> None:
        """Count it."""
        step = max(ns, 0)
        if step >= 16:
            shift = step.bit_length() - 4
            step = (shift << 4) + (step >> shift)
        self.counts[min(step, len(self.counts) - 1)] += times

    def us(self) -> dict[str, float]:
        """Percentiles in microseconds, 0 without any."""
        return {name: (self.quantile_ns(share) or 0) / 1e3 for name, share in SHARES.items()}
