"""Orders: the part of a replay's page that has a row for each order, and under it what it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from exo.mkt.exact import multiply
from exo.replay.account import Decision, Fill, Line, Seen
from exo.replay.markup import DASH, Times, cells, extent, lasting, more, number, table, text

# What keeps the page to a few megabytes: so many orders have a row, so many of their fills and decisions are shown.
_ROWS: Final = 5_000
_DETAILS: Final = 8_000
_DEEPEST: Final = 50

_HUNDRED: Final = Decimal(100)

_HEADS: Final = (
    "order",
    "side",
    "symbol",
    "qty",
    "limit",
    "fate",
    "why not filled",
    "filled<br>qty",
    "avg px",
    "arrival px",
    "vs arrival<br>bps",
    "interval<br>VWAP",
    "vs VWAP<br>bps",
    "market<br>volume",
    "participation<br>%",
    "fees",
    "executions",
    "requests",
)
_FILL_HEADS: Final = ("time", "qty", "px", "fee", "liquidity")
_DECISION_HEADS: Final = (
    "looked at",
    "quote age",
    "busy",
    "sent",
    "bid",
    "ask",
    "quotes",
    "trades",
    "bid range",
    "ask range",
    "trade range",
    "ticks received",
)


def orders(lines: Sequence[Line], times: Times) -> str:
    """A table with a row for each order, which unfolds to its fills and decisions."""
    shown = lines[:_ROWS]
    depth = _depth(shown)
    heads = (*_HEADS, f"submitted<br>UTC, {times.day}", "ended<br>UTC")
    bodies = "\n".join(_order(at, line, depth, times) for at, line in enumerate(shown))
    return f"""<p class="note">{_extent(lines, depth)} A row unfolds to what its order did.</p>
<div class="filter" hidden><label for="sought">Filter</label><input id="sought" type="search"><output></output></div>
<div class="wide orders"><table>
<thead><tr>{cells(heads, "th")}</tr></thead>
{bodies}
</table></div>"""


def place(at: int) -> str:
    """The id of an order's row, by its number; empty if it has none."""
    return f"o{at}" if at < _ROWS else ""


def _depth(lines: Sequence[Line]) -> int:
    """How many fills and how many decisions of each order are shown: as many as there is room for, the same for all."""
    for depth in range(_DEEPEST, 0, -1):
        if sum(min(depth, len(line.fills)) + min(depth, len(line.decisions)) for line in lines) <= _DETAILS:
            return depth
    return 1


def _extent(lines: Sequence[Line], depth: int) -> str:
    """Says what is left out of the table, for it to be readable."""
    said = ""
    if len(lines) > _ROWS:
        said = f"The first {_ROWS} of {len(lines)} orders are shown; the account as JSON has all. "
    if any(line.executions > depth or line.requests > depth for line in lines):
        said += f"Of each order the first {depth} fills and the first {depth} decisions are shown."
    return said


def _order(at: int, line: Line, depth: int, times: Times) -> str:
    values = (
        f"<details><summary>{text(line.order_id)}</summary></details>",
        line.side.value,
        text(line.symbol),
        number(line.order_qty),
        number(line.price),
        line.fate.value.lower().replace("_", " "),
        text(_why(line)),
        number(line.cum_qty),
        number(line.avg_px),
        number(line.arrival_px),
        number(line.slippage_arrival_bps),
        number(line.vwap),
        number(line.slippage_vwap_bps),
        number(line.market_volume),
        DASH if line.participation is None else number(multiply(line.participation, _HUNDRED)),
        number(line.fees),
        number(line.executions),
        number(line.requests),
        times(line.submitted_ns),
        times(line.ended_ns),
    )
    return f"""<tbody class="order {line.side.value.lower()}" id="{place(at)}"><tr>{cells(values)}</tr>
<tr class="more"><td colspan="{len(values)}"><div>{"".join(_details(line, depth, times))}</div></td></tr></tbody>"""


def _why(line: Line) -> str:
    """Why it was not filled, and the error where that does not tell."""
    return line.why if line.error in line.why else f"{line.why} {line.error}".lstrip()


def _details(line: Line, depth: int, times: Times) -> Iterator[str]:
    if why := _why(line):
        yield f"<p>{text(why)}</p>"
    if line.fills:
        fills = line.fills[:depth]
        yield "<h3>Fills</h3>"
        yield table("fills", _FILL_HEADS, [_fill(fill, times) for fill in fills])
        yield more(line.executions - len(fills), "fills")
    if line.decisions:
        decisions = line.decisions[:depth]
        yield "<h3>Decisions</h3>"
        yield table("decisions", _DECISION_HEADS, [_decision(decision, times) for decision in decisions])
        yield more(line.requests - len(decisions), "decisions")
    elif not line.fills:
        yield '<p class="note">Nothing was sent.</p>' if not line.requests else more(line.requests, "decisions")


def _fill(fill: Fill, times: Times) -> tuple[str, ...]:
    liquidity = DASH if fill.liquidity is None else fill.liquidity.value.lower().replace("_", " ")
    return times(fill.at_ns), number(fill.qty), number(fill.px), number(fill.fee), liquidity


def _decision(decision: Decision, times: Times) -> tuple[str, ...]:
    return (
        times(decision.looked_ns),
        lasting(decision.age_ns),
        lasting(decision.sent_ns - decision.looked_ns),
        _sent(decision),
        number(decision.bid_px),
        number(decision.ask_px),
        *_seen(decision.seen, times),
    )


def _seen(seen: Seen | None, times: Times) -> tuple[str, ...]:
    if seen is None:
        return (DASH,) * 6
    return (
        number(seen.quotes),
        number(seen.trades),
        extent(number(seen.bid_low), number(seen.bid_high)),
        extent(number(seen.ask_low), number(seen.ask_high)),
        extent(number(seen.trade_low), number(seen.trade_high)),
        extent(times(seen.first_ns), times(seen.last_ns)),
    )


def _sent(decision: Decision) -> str:
    if decision.cancel:
        return "cancel"
    px = "at market" if decision.price is None else f"at {number(decision.price)}"
    return f"{number(decision.order_qty)} {px} {decision.time_in_force.value}"
