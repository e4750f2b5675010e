"""The contract's tests: one file per line of it, named by its number."""
