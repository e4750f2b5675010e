"""Capabilities: what a venue can do and how much it bears, so that nothing is asked of it that it cannot."""

from __future__ import annotations

from enum import Enum

from exo.dma.ids import IdForm
from exo.flow.rate import Window
from exo.mkt.enums import TimeInForce
from exo.mkt.value import Frozen


class Replace(Enum):
    """What a venue makes of a replace.

    TOTAL: new price and total quantity, CumQty goes on (FIX, BitMEX). REDUCE: only a smaller total at the same price
    (Binance's amend). CANCEL_NEW: the old order is cancelled and another one made in one request; what is filled before
    that comes on top of the new one (Binance's cancelReplace). NONE: cancel, wait, and send a new one.
    """

    TOTAL = "TOTAL"
    REDUCE = "REDUCE"
    CANCEL_NEW = "CANCEL_NEW"
    NONE = "NONE"


class Weights(Frozen):
    """What each kind of request counts in each of a venue's rate windows, in their order."""

    new: tuple[int, ...]
    replace: tuple[int, ...]
    cancel: tuple[int, ...]


class Capabilities(Frozen):
    """What a venue tells of itself.

    `windows` are its rate limits for requests, `weights` what requests count in them (None: 1 in each). `answer_s` is
    how long an answer may take before the request is in doubt. `expiry_s` is how long after it was sent a request may
    still take effect, clock skew included; only then can it be proved dead. `mass_cancel`: one request cancels all
    that is open. `cancels_on_disconnect`: the venue does that by itself when the connection is lost. `prints_own`: the
    trades it publishes show ours too. `lossless`: it stands in the same process, so no report can be lost on the way,
    and nobody need ask every so often what is open.
    """

    replace: Replace = Replace.NONE
    id_form: IdForm = IdForm.TEXT
    times_in_force: frozenset[TimeInForce] = frozenset(TimeInForce)
    post_only: bool = True
    market: bool = True
    mass_cancel: bool = False
    cancels_on_disconnect: bool = False
    prints_own: bool = True
    lossless: bool = False
    windows: tuple[Window, ...] = ()
    weights: Weights | None = None
    answer_s: float = 5.0
    expiry_s: float = 10.0
