"""Replay: recorded ticks played to many orders in virtual time, and an account of every order."""

from exo.replay.account import Account, Fate, Line, Sums
from exo.replay.arrivals import Arrivals
from exo.replay.player import PaperDelegate, play, replay
from exo.replay.survey import NoQuotes, Survey, survey
from exo.replay.ticks import COLUMNS, BadTicks, Tick, TickFile

__all__ = [
    "replay",
    "play",
    "TickFile",
    "Tick",
    "COLUMNS",
    "BadTicks",
    "survey",
    "Survey",
    "NoQuotes",
    "Arrivals",
    "PaperDelegate",
    "Account",
    "Line",
    "Fate",
    "Sums",
]
