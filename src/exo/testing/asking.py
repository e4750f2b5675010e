"""Asking: what an order's owner asks of the dispatcher, as steps of a tape."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec

from exo.errors import UnknownOrder
from exo.mkt import Order
from exo.mkt.value import Frozen
from exo.run import Dispatcher
from exo.testing.builders import exact_terms

Verb: TypeAlias = Literal["submit", "replace", "cancel", "hold", "release"]


class Ask(Frozen):
    """One instruction to come: of a whole order, or about an order id; without either, of the order under rehearsal."""

    verb: Verb
    order_id: str = ""
    order: Order | None = None
    terms: Mapping[str, object] = MappingProxyType({})

    def __call__(self, dispatcher: Dispatcher[Any], about: str, stands: dict[str, Order]) -> None:
        """Ask it, about that order unless it says another; `stands` has the latest terms of each, and learns these."""
        ask = getattr(dispatcher, self.verb)
        order_id = self.order_id or about
        if self.order is not None:
            ack = ask(self.order)
        elif self.verb != "replace":
            ack = ask(order_id)
        elif order_id not in stands:
            raise UnknownOrder(order_id)
        else:
            order = stands[order_id]
            ack = ask(msgspec.structs.replace(order, **exact_terms(type(order), self.terms)))
        stands[ack.order_id] = ack.order


def submit(order: Order) -> Ask:
    """Submit an order."""
    return Ask(verb="submit", order=order)


def replace(order: Order | None = None, /, *, order_id: str = "", **terms: object) -> Ask:
    """Replace an order's terms: by those of a whole order, or some of them (`replace(price="43")`)."""
    return Ask(verb="replace", order=order, order_id=order_id, terms=terms)


def cancel(order_id: str = "") -> Ask:
    """Cancel an order."""
    return Ask(verb="cancel", order_id=order_id)


def hold(order_id: str = "") -> Ask:
    """Hold an order."""
    return Ask(verb="hold", order_id=order_id)


def release(order_id: str = "") -> Ask:
    """Release an order that is held."""
    return Ask(verb="release", order_id=order_id)
