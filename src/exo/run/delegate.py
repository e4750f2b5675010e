"""Delegate: the user's part, which alone knows how to execute an order."""

from __future__ import annotations

from collections.abc import Awaitable
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, TypeVar

from exo.mkt.order import Order

if TYPE_CHECKING:
    from exo.run.update import Update


class Answer(Enum):
    """What `act` can answer besides None."""

    DONE = "DONE"

    def __repr__(self) -> str:
        return "exo.DONE"


DONE: Final = Answer.DONE
Next: TypeAlias = Literal[Answer.DONE] | None

OrderT_contra = TypeVar("OrderT_contra", bound=Order, contravariant=True)


class Delegate(Protocol[OrderT_contra]):
    """Works one order: `act` is called with each Update, one call at a time.

    `act` is `def` or `async def` and returns `exo.DONE` when the order is finished, else None. With `blocking = True`
    on its class a plain `def act` runs in a thread. A delegate that raises or answers anything else fails its own order
    only (contract C7). `clean_up` is called once, however the order ended (contract C9); it may be `async def`.
    """

    def act(self, update: Update[OrderT_contra], /) -> Next | Awaitable[Next]:
        """Decide on one package of news."""

    def clean_up(self) -> object:
        """Let go of what the delegate holds."""
