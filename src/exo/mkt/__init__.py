"""The vocabulary: frozen values under their FIX names. No I/O."""

from exo.mkt.book import Book
from exo.mkt.enums import (
    ExecInst,
    ExecType,
    FeedState,
    LastLiquidityInd,
    MsgType,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from exo.mkt.exact import cum_qty_avg_px, places, units
from exo.mkt.execution import Execution
from exo.mkt.json import decode, decode_instruction, encode
from exo.mkt.listing import Listing
from exo.mkt.order import Instruction, Order
from exo.mkt.position import Position, position_of
from exo.mkt.quote import Quote
from exo.mkt.report import Report
from exo.mkt.span import Span, TradeSpan, fold, span_of
from exo.mkt.status import FeedStatus
from exo.mkt.trade import Trade
from exo.mkt.value import Tag, Value, tags
from exo.mkt.whitelist import Whitelist

__all__ = [
    "Book",
    "Position",
    "Whitelist",
    "position_of",
    "ExecInst",
    "ExecType",
    "Execution",
    "FeedState",
    "FeedStatus",
    "Instruction",
    "LastLiquidityInd",
    "Listing",
    "MsgType",
    "OrdStatus",
    "OrdType",
    "Order",
    "Quote",
    "Report",
    "Side",
    "Span",
    "Tag",
    "TimeInForce",
    "Trade",
    "TradeSpan",
    "Value",
    "cum_qty_avg_px",
    "decode",
    "decode_instruction",
    "encode",
    "fold",
    "places",
    "span_of",
    "tags",
    "units",
]
