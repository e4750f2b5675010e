"""The FIX enumerations exo speaks; each member's value is its name in JSON, its `fix` the character on the wire."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Self

from exo.errors import InvalidValue
from exo.mkt.exact import add, subtract


class FixEnum(Enum):
    """An enumeration whose members know their FIX wire value."""

    fix: str

    def __new__(cls, value: str, fix: str) -> Self:
        """Keep the wire value beside the name."""
        member = object.__new__(cls)
        member._value_ = value
        member.fix = fix
        return member

    @classmethod
    def from_fix(cls, fix: str) -> Self:
        """The member with this wire value; InvalidValue if there is none."""
        for member in cls:
            if member.fix == fix:
                return member
        raise InvalidValue("$", f"{fix!r} is no FIX value of {cls.__name__}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class Side(FixEnum):
    """Side (54), and what is better, worse, near and far for it."""

    BUY = "BUY", "1"
    SELL = "SELL", "2"

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    def improve(self, price: Decimal, by: Decimal) -> Decimal:
        """The price moved towards the other side: up for a buyer, down for a seller."""
        return add(price, by) if self is Side.BUY else subtract(price, by)

    def within(self, limit: Decimal | None, price: Decimal) -> bool:
        """Whether a price is no worse than the limit; no limit (None) allows every price."""
        if limit is None:
            return True
        return price <= limit if self is Side.BUY else price >= limit

    def passive(self, price: Decimal, limit: Decimal | None) -> Decimal:
        """The less aggressive of a price and the limit: never past the limit."""
        return price if self.within(limit, price) or limit is None else limit


class MsgType(FixEnum):
    """MsgType (35): the instructions NEW, RPL, CXL and the answers REPORT, CXL_REJ."""

    NEW = "NEW", "D"
    RPL = "RPL", "G"
    CXL = "CXL", "F"
    REPORT = "REPORT", "8"
    CXL_REJ = "CXL_REJ", "9"


class ExecInst(FixEnum):
    """ExecInst (18) as far as exo acts on it: suspend an order, release it; at a venue only add liquidity."""

    HOLD = "HOLD", "S"
    RELEASE = "RELEASE", "q"
    POST_ONLY = "POST_ONLY", "6"


class OrdStatus(FixEnum):
    """OrdStatus (39): what state an order is in."""

    NEW = "NEW", "0"
    PARTIALLY_FILLED = "PARTIALLY_FILLED", "1"
    FILLED = "FILLED", "2"
    DONE_FOR_DAY = "DONE_FOR_DAY", "3"
    CANCELED = "CANCELED", "4"
    REPLACED = "REPLACED", "5"
    PENDING_CANCEL = "PENDING_CANCEL", "6"
    STOPPED = "STOPPED", "7"
    REJECTED = "REJECTED", "8"
    SUSPENDED = "SUSPENDED", "9"
    PENDING_NEW = "PENDING_NEW", "A"
    CALCULATED = "CALCULATED", "B"
    EXPIRED = "EXPIRED", "C"
    ACCEPTED_FOR_BIDDING = "ACCEPTED_FOR_BIDDING", "D"
    PENDING_REPLACE = "PENDING_REPLACE", "E"


class ExecType(FixEnum):
    """ExecType (150): what a report tells; FIX 4.2 writes a trade as 1 or 2."""

    NEW = "NEW", "0"
    DONE_FOR_DAY = "DONE_FOR_DAY", "3"
    CANCELED = "CANCELED", "4"
    REPLACED = "REPLACED", "5"
    PENDING_CANCEL = "PENDING_CANCEL", "6"
    STOPPED = "STOPPED", "7"
    REJECTED = "REJECTED", "8"
    SUSPENDED = "SUSPENDED", "9"
    PENDING_NEW = "PENDING_NEW", "A"
    CALCULATED = "CALCULATED", "B"
    EXPIRED = "EXPIRED", "C"
    RESTATED = "RESTATED", "D"
    PENDING_REPLACE = "PENDING_REPLACE", "E"
    TRADE = "TRADE", "F"
    TRADE_CORRECT = "TRADE_CORRECT", "G"
    TRADE_CANCEL = "TRADE_CANCEL", "H"
    ORDER_STATUS = "ORDER_STATUS", "I"
    TRIGGERED = "TRIGGERED", "L"

    @classmethod
    def from_fix(cls, fix: str) -> Self:
        """The member with this wire value, FIX 4.2's partial fill (1) and fill (2) included."""
        return super().from_fix("F" if fix in {"1", "2"} else fix)


class OrdType(FixEnum):
    """OrdType (40)."""

    MARKET = "MARKET", "1"
    LIMIT = "LIMIT", "2"
    STOP = "STOP", "3"
    STOP_LIMIT = "STOP_LIMIT", "4"
    MARKET_IF_TOUCHED = "MARKET_IF_TOUCHED", "J"
    PEGGED = "PEGGED", "P"


class TimeInForce(FixEnum):
    """TimeInForce (59)."""

    DAY = "DAY", "0"
    GTC = "GTC", "1"
    OPG = "OPG", "2"
    IOC = "IOC", "3"
    FOK = "FOK", "4"
    GTX = "GTX", "5"
    GTD = "GTD", "6"
    CLS = "CLS", "7"


class LastLiquidityInd(FixEnum):
    """LastLiquidityInd (851): whether a fill added liquidity or took it."""

    ADDED = "ADDED", "1"
    REMOVED = "REMOVED", "2"
    ROUTED_OUT = "ROUTED_OUT", "3"
    AUCTION = "AUCTION", "4"


class FeedState(Enum):
    """What a feed says of its data; only LIVE may be traded on. HALTED: the data is good, but trading is suspended."""

    LIVE = "LIVE"
    HALTED = "HALTED"
    GAP = "GAP"
    SILENT = "SILENT"
    DOWN = "DOWN"
