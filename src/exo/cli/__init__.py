"""The command line: `exo demo`, `exo replay`.

Exit codes: 0 done; 1 an error, told in one line on stderr; 2 wrong usage, likewise; 130 interrupted.
"""

from exo.cli.app import main

__all__ = ["main"]
