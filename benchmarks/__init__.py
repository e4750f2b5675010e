"""Benchmarks: real Decimal quotes, real containers, alternatives in the same interleaved run."""
