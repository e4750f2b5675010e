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
    explains it. `open` counts corrections and busts of executions that have not been told yet. `late_qty` is what
    corrections and busts from after the child's end change in what that end told.
    """

    qty: Decimal = ZERO
    notional: Decimal = ZERO
    explained_qty: Decimal = ZERO
    open: int = 0
    late_qty: Decimal = ZERO


class _By(NamedTuple):
    """What takes the place of an execution: under which key, how much, and whether from after its child's end."""

    key: Key
    qty: Decimal
    late: bool


NO_CHANGE: Final = Change()


class Executions:
    """Every execution of an order's children, by child and ExecID (one per venue, account, symbol, order and ExecID).

    Reports of one set in any order lead to the same sums: a correction may come before what it corrects. Of two that
    correct the same one, the last that comes holds. One without an ExecID cannot be told from its repeat and counts
    each time. All are kept while their order lives: a repeat or a bust may come late.
    """

    __slots__ = ("_by", "_told")

    def __init__(self) -> None:
        self._told: dict[Key, tuple[Decimal, Decimal]] = {}
        self._by: dict[Key, _By] = {}

    def apply(self, child: str, report: Report, late: bool = False) -> Change | None:
        """Take in an execution, correction or bust of this child; None, and nothing changes, if it was told before.

        `late`: it says itself that it comes after the child's end.
        """
        bust = report.exec_type is ExecType.TRADE_CANCEL
        amends = bust or report.exec_type is ExecType.TRADE_CORRECT
        qty, px = (ZERO if bust else report.last_qty), report.last_px
        key = None if report.exec_id is None else (child, report.exec_id)
        if key is not None:
            if key in self._told:
                return None
            self._told[key] = qty, px
        if amends and report.exec_ref_id is None:
            if not bust:
                return NO_CHANGE
            out = self._amount(report.last_qty.copy_negate(), px)
            return out._replace(late_qty=out.qty) if late else out
        if key is None:
            key = child, f"without an id, number {len(self._told)}"
            self._told[key] = qty, px
        by = self._by.get(key)
        if by is None:
            change = Change(qty, multiply(qty, px), qty)
        else:  # its correction came first
            less = subtract(by.qty, qty)
            change = Change(explained_qty=max(ZERO, less.copy_negate()), open=-1, late_qty=less if by.late else ZERO)
        if amends and report.exec_ref_id is not None:
            change = _sum(change, self._replace((child, report.exec_ref_id), _By(key, qty, late)))
        return change

    def _replace(self, old: Key, by: _By) -> Change:
        """One takes the place of an older one, or of what has taken that place before."""
        seen = {by.key}
        while (last := self._by.get(old)) is not None:
            if last.key in seen:
                return NO_CHANGE  # they name each other
            seen.add(old)
            old = last.key
        self._by[old] = by
        told = self._told.get(old)
        if told is None:
            return Change(open=1)
        old_qty, old_px = told
        out = self._amount(old_qty.copy_negate(), old_px)
        late_qty = subtract(by.qty, old_qty) if by.late else ZERO
        return out._replace(explained_qty=subtract(max(ZERO, subtract(old_qty, by.qty)), old_qty), late_qty=late_qty)

    @staticmethod
    def _amount(qty: Decimal, px: Decimal) -> Change:
        return Change(qty, multiply(qty, px))


def _sum(a: Change, b: Change) -> Change:
    return Change(
        add(a.qty, b.qty),
        add(a.notional, b.notional),
        add(a.explained_qty, b.explained_qty),
        a.open + b.open,
        add(a.late_qty, b.late_qty),
    )
