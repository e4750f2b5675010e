"""Limits: what a risk gate lets pass, and the sentence that says why it has not."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from exo.flow.rate import Window
from exo.mkt.value import Frozen


class TradingState(Enum):
    """ACTIVE; REDUCING: only what brings a position nearer to 0; HALTED: cancels only."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class Rule(Enum):
    """What can be the matter with a request; the value says it with the two figures in it."""

    HALTED = "trading is halted"
    NOT_LISTED = "{symbol} is not listed"
    TICK = "its price {is_} is not on the tick {limit}"
    PRICE = "its price {is_} cannot be: {symbol} does not trade at 0 or less"
    LOT = "its quantity {is_} is not in whole lots of {limit}"
    MIN_QTY = "its quantity {is_} is below the smallest, {limit}"
    MIN_NOTIONAL = "its notional {is_} is below the smallest, {limit}"
    MAX_QTY = "its quantity {is_} is above the largest, {limit}"
    MAX_NOTIONAL = "its notional {is_} is above the largest, {limit}"
    STALE = "the data of {symbol} is {is_}"
    NO_PRICE = "there is no price of {symbol} to compare it with"
    COLLAR = "its price {is_} is beyond {limit}, as far as it may be from the market"
    CHILDREN = "{is_} children would be open, {limit} may be"
    ORDER_CHILDREN = "{is_} children of its order would be open, {limit} may be"
    ORDER_RATE = "its order has made {is_} requests within the window, {limit} may be made"
    ACCOUNT_RATE = "the account has made {is_} requests within the window, {limit} may be made"
    POSITION = "the position could become {is_}, {limit} may be"
    REDUCING = "the position could become {is_}: only what brings it nearer to 0 may be sent"
    OPEN_NOTIONAL = "the notional open in {symbol} would be {is_}, {limit} may be"
    ACCOUNT_NOTIONAL = "the notional open of all would be {is_}, {limit} may be"
    SELF_CROSS = "it could trade with an own order at {limit}"
    OWNER = "its order was {is_} meanwhile"
    ENDED = "what it replaces has ended meanwhile"
    DOWN = "the line to the venue is down, or was meanwhile"
    TOO_OLD = "it has waited for {is_} s, {limit} s at most is allowed"


class Refusal(Frozen):
    """Why a request was not sent: the rule, what is, and what may be."""

    rule: Rule
    order_id: str
    symbol: str
    is_: object = None
    limit: object = None

    def __str__(self) -> str:
        why = self.rule.value.format(symbol=self.symbol, is_=self.is_, limit=self.limit)
        return f"not sent for order {self.order_id}: {why}"


class RiskLimits(Frozen):
    """Limits of one symbol; None is none.

    `collar` is a fraction: a buyer's price may be so far above the market, a seller's so far below. Position and open
    notional count what is open in full, whether it is in doubt or not. Notionals are in the quote currency.
    """

    max_qty: Decimal | None = None
    max_notional: Decimal | None = None
    collar: Decimal | None = None
    max_position: Decimal | None = None
    max_open_notional: Decimal | None = None


class AccountLimits(Frozen):
    """Limits of everything that is traded through one gate, and of each of its orders; None is none."""

    max_children: int | None = None
    max_order_children: int | None = None
    order_rate: Window | None = None
    account_rate: Window | None = None
    max_open_notional: Decimal | None = None
