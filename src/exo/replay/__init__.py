"""Replay: recorded ticks played to many orders in virtual time, and an account of every order."""

from exo.flow.delays import Delay, delay
from exo.replay.account import Account, Decision, Fate, Fill, Line, Seen, Settings, Sums
from exo.replay.arrivals import Arrivals
from exo.replay.drawing import CannotDraw, Drawing
from exo.replay.patience import NeverFinishes
from exo.replay.plan import Plan
from exo.replay.player import play
from exo.replay.recording import Overlap, Recording, recording
from exo.replay.replay import Replay, replay
from exo.replay.script import BadScript, Script
from exo.replay.survey import NoQuotes, Survey, Tick, survey
from exo.replay.ticks import COLUMNS, BadTicks, TickFile

__all__ = [
    "replay",
    "Plan",
    "Replay",
    "play",
    "recording",
    "Recording",
    "TickFile",
    "Tick",
    "COLUMNS",
    "survey",
    "Survey",
    "Arrivals",
    "Drawing",
    "Script",
    "Delay",
    "delay",
    "Account",
    "Line",
    "Fate",
    "Fill",
    "Decision",
    "Seen",
    "Settings",
    "Sums",
    "BadTicks",
    "Overlap",
    "NoQuotes",
    "BadScript",
    "CannotDraw",
    "NeverFinishes",
]
