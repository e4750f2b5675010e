"""Delegate: the user's part, which alone knows how to execute an order."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from enum import Enum
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar

from exo.mkt.order import Order

if TYPE_CHECKING:
    from exo.run.update import Update

_log = logging.getLogger("exo.run")


class Answer(Enum):
    """What `act` can answer besides None: `exo.DONE`, or `exo.DONE(abandon=True)`."""

    DONE = "DONE"
    ABANDON = "ABANDON"

    def __call__(self, *, abandon: bool) -> Answer:
        """DONE whatever stands at the venue: that is left there, on its own (contract C8)."""
        return Answer.ABANDON if abandon else Answer.DONE

    def __repr__(self) -> str:
        return "exo.DONE" if self is Answer.DONE else "exo.DONE(abandon=True)"


DONE: Final = Answer.DONE
Next: TypeAlias = Answer | None


class ExitPolicy(Enum):
    """What becomes of an order's children at the venue when the dispatcher shuts down (contract C9)."""

    CANCEL = "CANCEL"
    LEAVE = "LEAVE"


OrderT_contra = TypeVar("OrderT_contra", bound=Order, contravariant=True)


class Delegate(Protocol[OrderT_contra]):
    """Works one order: `act` is called with each Update, one call at a time.

    `act` is `def` or `async def` and returns `exo.DONE` when the order is finished, else None. With `blocking = True`
    on its class a plain `def act` runs in a thread. A delegate that raises or answers anything else fails its own order
    only (contract C7). `clean_up` is called once, however the order ended (contract C9); it may be `async def`. With
    `exit_policy = exo.ExitPolicy.LEAVE` a shutdown leaves what stands at the venue instead of cancelling it.
    """

    def act(self, update: Update[OrderT_contra], /) -> Next | Awaitable[Next]:
        """Decide on one package of news."""

    def clean_up(self) -> object:
        """Let go of what the delegate holds."""


def leaves_children(delegate: object) -> bool:
    """Whether a shutdown leaves this delegate's children at the venue; one that cannot be asked any more does not."""
    try:
        return getattr(delegate, "exit_policy", None) is ExitPolicy.LEAVE
    except Exception:  # it could be asked when the order was admitted
        _log.exception("%s has no exit policy any more", type(delegate).__name__)
        return False
