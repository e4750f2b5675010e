"""Runs the command line: `python -m exo.cli`."""

from exo.cli import main

if __name__ == "__main__":
    main()
