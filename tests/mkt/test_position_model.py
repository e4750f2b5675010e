"""Positions beside plain fractions: cash that flowed and what is held is all the profit there is."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction as F
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from exo.mkt import Book, ExecType, Listing, Report, Side, Whitelist

D = Decimal


def told(kind: ExecType, exec_id: str, side: Side, qty: int, px: Decimal, **more: Any) -> Report:
    ids = {"order_id": "P", "cl_ord_id": "C", "symbol": "A", "side": side, "transact_time": None}
    return Report(**(ids | {"exec_type": kind, "exec_id": exec_id, "last_qty": D(qty), "last_px": px} | more))


@settings(max_examples=1500, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([3, 1000]))
def test_profit_is_cash_and_worth_through_flips_base_fees_busts_and_corrections(
    seed: int, inverse: bool, keep: int
) -> None:
    """Linear exactly, inverse to 40 digits: realised + unrealised - fees = what was paid, got and is held."""
    r = random.Random(seed)
    listing = Listing(symbol="A", tick=D("0.5"), lot=D(1), contract_multiplier=D(3), inverse=inverse, currency="USD")
    book = Book(Whitelist([listing]), base_of=lambda _: "BTC", keep=keep)
    live: list[tuple[str, Side, int, Decimal, Decimal, str | None]] = []
    adjusted = F(0)
    for n in range(r.randint(1, 12)):
        what = r.choice(["trade", "trade", "trade", "bust", "correct", "adjust"])
        kept = live[-keep:]
        if what == "trade" or (what in ("bust", "correct") and not kept):
            side, qty, px = r.choice([Side.BUY, Side.SELL]), r.randint(1, 9), D(r.randint(10, 30)) / 2
            fee, currency = D(r.randint(-3, 5)) / 100, r.choice([None, "BTC", "USD"])
            live.append((f"E{n}", side, qty, px, fee, currency))
            book.on_report(told(ExecType.TRADE, f"E{n}", side, qty, px, commission=fee, comm_currency=currency))
        elif what == "adjust":
            book.adjust("A", D(2))
            adjusted += 2
        else:
            at = live.index(r.choice(kept))
            exec_id, side, qty, px, fee, currency = live[at]
            if what == "bust":
                if keep == 3:
                    continue
                del live[at]
                book.on_report(told(ExecType.TRADE_CANCEL, f"B{n}", side, qty, px, exec_ref_id=exec_id))
            else:
                qty, px = r.randint(1, 9), D(r.randint(10, 30)) / 2
                live[at] = (f"E{n}", side, qty, px, fee, currency)
                book.on_report(told(ExecType.TRADE_CORRECT, f"E{n}", side, qty, px, exec_ref_id=exec_id))
    position = book.get("A")
    if position is None:
        return
    mark = D("7.5")
    held, profit, fees, others = F(0), F(0), F(0), F(0)
    worth = (lambda q, p: -F(q) / F(p)) if inverse else (lambda q, p: F(q) * F(p))
    for _, side, qty, px, fee, currency in live:
        signed = qty if side is Side.BUY else -qty
        held += signed
        profit += 3 * (worth(signed, mark) - worth(signed, px))
        if currency == "BTC" and not inverse:
            held -= F(fee)
            profit -= 3 * F(fee) * F(px) + 3 * (worth(F(fee), mark) - worth(F(fee), px))
        elif currency is None or currency == ("BTC" if inverse else "USD"):
            fees += F(fee)
        else:
            others += F(fee)
    book.mark("A", mark)
    assert F(position.quantity) == held
    assert (F(position.fees), sum((F(x) for _, x in position.other_fees), F(0))) == (fees, others)
    assert abs(F(book.realised) + F(book.unrealised) - profit - adjusted) < F(1, 10**40)
