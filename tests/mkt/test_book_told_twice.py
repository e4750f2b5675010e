"""What outsiders have broken at the book."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from exo.mkt import Book, ExecType, Report, Side

D = Decimal


def told(kind: ExecType, exec_id: str, qty: object, child: str = "C1", **more: Any) -> Report:
    ids = {"order_id": "P", "cl_ord_id": child, "secondary_order_id": f"V{child}", "symbol": "A", "side": Side.BUY}
    sums = {"last_qty": D(str(qty)), "last_px": D(10), "exec_id": exec_id, "transact_time": None}
    return Report(**(ids | sums | {"exec_type": kind} | more))


def test_executions_of_two_children_that_share_an_exec_id_are_two() -> None:
    """ExecIDs are unique per venue order: two children of one parent may both have an execution 1."""
    book = Book()
    book.on_report(told(ExecType.TRADE, "1", 5, "C1"))
    book.on_report(told(ExecType.TRADE, "1", 7, "C2"))
    position = book.get("A")
    assert position is not None and position.quantity == 12


def test_a_bust_takes_back_the_execution_of_its_own_child() -> None:
    """Of two with one ExecID the one of the order that the bust is about."""
    book = Book()
    book.on_report(told(ExecType.TRADE, "1", 5, "C1"))
    book.on_report(told(ExecType.TRADE, "1", 7, "C2"))
    book.on_report(told(ExecType.TRADE_CANCEL, "B", 5, "C1", exec_ref_id="1"))
    position = book.get("A")
    assert position is not None and position.quantity == 7


def test_a_correction_that_is_told_twice_changes_nothing_the_second_time() -> None:
    """Each report delivered twice changes nothing: no UnknownExecution for what has been booked already."""
    book = Book()
    book.on_report(told(ExecType.TRADE, "1", 5))
    correction = told(ExecType.TRADE_CORRECT, "2", 3, exec_ref_id="1")
    before = book.on_report(correction)
    assert book.on_report(correction) == before


def test_a_bust_of_a_correction_after_the_correction_was_told_twice() -> None:
    """A chain of corrections, each row doubled, ends as each row once (S26)."""
    book = Book()
    rows = [
        told(ExecType.TRADE, "1", 5),
        told(ExecType.TRADE_CORRECT, "2", 3, exec_ref_id="1"),
        told(ExecType.TRADE_CORRECT, "3", 4, exec_ref_id="2"),
        told(ExecType.TRADE_CANCEL, "4", 4, exec_ref_id="3"),
    ]
    for row in rows:
        book.on_report(row)
        book.on_report(row)
    position = book.get("A")
    assert position is not None and position.quantity == 0
