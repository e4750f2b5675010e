"""Notes: what each figure on the page means."""

from __future__ import annotations

from typing import Final

NOTES: Final = (
    (
        "Figures",
        "Every figure is exact, in plain digits without trailing zeros. What takes a division is divided once and "
        "rounded once, halves away from zero: average prices to 10 decimal places, basis points to 4, shares to 6 (so "
        "a percentage to 4). What is not known is a dash, never 0.",
    ),
    (
        "Times",
        "UTC to the nanosecond, with a date where it is not that of the first tick. A replay runs in virtual time, "
        "in a live market time is real.",
    ),
    (
        "Fate",
        "What became of an order: filled, partly filled or unfilled where its delegate was done; failed where its "
        "delegate raised an error; stopped where it had to be ended from outside.",
    ),
    ("Avg px", "Quantity times price of the executions, summed, over the quantity."),
    ("Arrival px", "The middle of bid and ask when the order was submitted; not known where a side was empty."),
    (
        "Interval VWAP, market volume",
        "The average price by volume, and the volume, of the trades that the market printed from then until the order "
        "ended. Executions on paper are no part of it.",
    ),
    (
        "Against arrival, against VWAP",
        "Slippage: how much worse than the benchmark the average price was, in basis points of the benchmark. Positive "
        "is a cost, for buys as for sells; fees are apart. Not known without executions, or where the benchmark is not "
        "above 0. The headline has the median over the orders, each counted once.",
    ),
    (
        "Participation",
        "The quantity executed as a share of the volume that the market printed while the order was there; above 100% "
        "where more was displayed and taken than was traded.",
    ),
    ("Executions, requests", "All of them are counted, also where the lists show the first only."),
    (
        "Decision",
        "A look that sent a request: a new child order, or the cancel of one. Looked at is when the delegate was "
        "handed what it decided on, quote age is how old its quote was then, busy is the time until the request left.",
    ),
    (
        "Ticks folded into a decision",
        "Conflation leaves of the quotes and trades since the order had last looked their number, their range and the "
        "times they were received; dashes where no tick had passed.",
    ),
    (
        "Conflated ticks, age of the quote",
        "Over all calls of delegates, those that decided nothing included. A conflated tick reached a delegate folded "
        "into a later one, and is counted once for each delegate. Ages are counted in steps, so that a quantile is at "
        "most an eighth too high.",
    ),
    ("Session", "Over an hour without a tick ends a session, and the orders in it."),
    (
        "Fills on paper",
        "What is displayed at the touch is all there is to take: it is consumed once, by all orders together, until "
        "the next quote changes price or size on that side; an unknown size fills nothing. A limit order that does not "
        "reach the other side rests, and is filled at its own price once the other side comes to it, adding liquidity; "
        "there is no queue, and trades fill nobody. Of a market order, as of an immediate-or-cancel, what is not "
        "filled at once is cancelled. The market does not react. Fees are basis points of the notional.",
    ),
)
