"""The command line: `exo demo`, `exo run`, `exo record`, `exo replay`, `exo exchange`.

Exit codes: 0 done; 1 an error, told in one line on stderr; 2 wrong usage, likewise; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; what it is made of takes long enough to import for a Ctrl-C to come meanwhile."""
    try:
        from exo.cli.app import main as run
    except KeyboardInterrupt:
        print("exo: interrupted", file=sys.stderr)
        sys.exit(130)
    run(arguments)
