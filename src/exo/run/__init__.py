"""The container: Board, Update, Delegate, Desk, OrderProcess, Delivery, Dispatcher. No I/O."""

from exo.dma.venue import Feed
from exo.run.delegate import DONE, Delegate, ExitPolicy, Next
from exo.run.desk import Desk
from exo.run.dispatcher import Dispatcher
from exo.run.events import Event, FellBehind, Reader, Stage
from exo.run.orders import Ack
from exo.run.outcome import End, Outcome
from exo.run.process import OrderProcess
from exo.run.statistics import Totals
from exo.run.update import Update
from exo.run.watchdog import Hog

__all__ = [
    "DONE",
    "Ack",
    "Delegate",
    "Desk",
    "Dispatcher",
    "End",
    "Event",
    "ExitPolicy",
    "Feed",
    "FellBehind",
    "Hog",
    "Next",
    "OrderProcess",
    "Outcome",
    "Reader",
    "Stage",
    "Totals",
    "Update",
]
