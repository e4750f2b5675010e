"""Executions: what a parent's children have executed - each execution once, with its corrections and busts."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from exo.mkt.enums import ExecType
from exo.mkt.exact import ZERO, add, multiply, subtract
from exo.mkt.report import Report

Key = tuple[str, str]


class Change(NamedTuple):
    """What a report changes in a child's sums.

    `explained_qty` is the part of the venue's CumQty, as it once was, that executions explain: a busted one still
    explains it. `open` counts corrections and busts of executions that have not been told yet.
    """

    qty: Decimal = ZERO
    notional: Decimal = ZERO
    explained_qty: Decimal = ZERO
    open: int = 0


NO_CHANGE: Final = Change()


class Executions:
    """Every execution of an order's children, by child and ExecID (one per venue, account, symbol, order and ExecID).

    Reports of one set in any order lead to the same sums: a correction may come before what it corrects. One without an
    ExecID cannot be told from its repeat and counts each time. All are kept while their order lives: a repeat or a bust
    may come late.
    """

    __slots__ = ("_by", "_told")

    def __init__(self) -> None:
        self._told: dict[Key, tuple[Decimal, Decimal]] = {}
        self._by: dict[Key, Decimal] = {}  # what takes the place of each that is corrected or busted

    def apply(self, child: str, report: Report) -> Change | None:
        """Take in an execution, correction or bust of this child; None, and nothing changes, if it was told before."""
        bust = report.exec_type is ExecType.TRADE_CANCEL
        amends = bust or report.exec_type is ExecType.TRADE_CORRECT
        qty, px = (ZERO if bust else report.last_qty), report.last_px
        key = None if report.exec_id is None else (child, report.exec_id)
        if key is not None:
            if key in self._told:
                return None
            self._told[key] = qty, px
        if amends and report.exec_ref_id is None:
            return self._amount(report.last_qty.copy_negate(), px) if bust else NO_CHANGE
        by = None if key is None else self._by.get(key)
        if by is None:
            change = Change(qty, multiply(qty, px), qty)
        else:  # its correction came first
            change = Change(explained_qty=max(ZERO, subtract(qty, by)), open=-1)
        if amends and report.exec_ref_id is not None:
            change = _sum(change, self._replace((child, report.exec_ref_id), qty))
        return change

    def _replace(self, old: Key, qty: Decimal) -> Change:
        """One of this quantity takes the place of an older one."""
        if old in self._by:
            return NO_CHANGE  # it was taken out before
        self._by[old] = qty
        told = self._told.get(old)
        if told is None:
            return Change(open=1)
        old_qty, old_px = told
        out = self._amount(old_qty.copy_negate(), old_px)
        return out._replace(explained_qty=subtract(max(ZERO, subtract(old_qty, qty)), old_qty))

    @staticmethod
    def _amount(qty: Decimal, px: Decimal) -> Change:
        return Change(qty, multiply(qty, px))


def _sum(a: Change, b: Change) -> Change:
    return Change(
        add(a.qty, b.qty), add(a.notional, b.notional), add(a.explained_qty, b.explained_qty), a.open + b.open
    )
