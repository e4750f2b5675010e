"""Conformance: numbered cases that every venue must pass, whatever stands behind it.

results = run_virtually(venue_conformance(PaperRig))
print(results)
assert results.passed

The orders of a venue are tried with a Rig, its market data with a MarketRig.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

from exo.errors import InvalidValue
from exo.mkt import ExecType
from exo.mkt.exact import ZERO, add
from exo.mkt.value import Frozen
from exo.testing.conformance_cases import CASES, Case
from exo.testing.market_cases import MARKET_CASES
from exo.testing.market_rig import MarketRig, Watcher, audit
from exo.testing.market_troubles import MarketCase
from exo.testing.rig import Rig, Skip, Trader, check, equal

_Try: TypeAlias = Callable[[Any], Awaitable[None]]


class CaseResult(Frozen):
    """How a case went: `problem` is "" if it passed; skipped where the venue says it cannot do that."""

    number: str
    title: str
    problem: str = ""
    skipped: bool = False

    def __str__(self) -> str:
        how = "skipped" if self.skipped else "FAILED" if self.problem else "passed"
        return f"{self.number} {how:<8} {self.title}" + (f"\n    {self.problem}" if self.problem else "")


class Conformance(Frozen):
    """How all cases went; printed, it is one line for each."""

    results: tuple[CaseResult, ...]

    @property
    def passed(self) -> bool:
        """Whether none has failed."""
        return not any(result.problem and not result.skipped for result in self.results)

    def __str__(self) -> str:
        return "\n".join(map(str, self.results))


async def venue_conformance(make: Callable[[], Rig | MarketRig], only: str = "") -> Conformance:
    """Run every case against a venue of its own, or those whose number begins with `only`.

    The order cases (V) if it is a Rig, the market data cases (M) if it is a MarketRig, both if it is both; InvalidValue
    if it is neither.
    """
    rig = make()
    cases: list[tuple[str, str | None, _Try]] = []
    if isinstance(rig, Rig):
        cases += [(number, case.__doc__, partial(_try_orders, case)) for number, case in CASES.items()]
    if isinstance(rig, MarketRig):
        cases += [(number, case.__doc__, partial(_try_market, case)) for number, case in MARKET_CASES.items()]
    if not cases:
        raise InvalidValue(
            "make", f"expected a Rig or a MarketRig, got {type(rig).__name__}, which lacks members of both"
        )
    results = [
        await _run(number, title or "", each, make()) for number, title, each in cases if number.startswith(only)
    ]
    return Conformance(results=tuple(results))


async def _run(number: str, title: str, case: _Try, rig: Any) -> CaseResult:
    title = title.strip().rstrip(".")
    try:
        await case(rig)
    except Skip as reason:
        return CaseResult(number=number, title=title, problem=str(reason), skipped=True)
    except AssertionError as error:
        return CaseResult(number=number, title=title, problem=str(error) or "failed")
    except Exception as error:
        return CaseResult(number=number, title=title, problem=traceback.format_exception_only(error)[-1].strip())
    finally:
        await rig.stop()
    return CaseResult(number=number, title=title)


async def _try_orders(case: Case, rig: Rig) -> None:
    trader = Trader(rig)
    await rig.start()
    await rig.show(rig.symbol, 100, 110, ZERO)
    await rig.show(rig.other, 100, 110, ZERO)
    await case(trader)
    _check_sums(trader)


async def _try_market(case: MarketCase, rig: MarketRig) -> None:
    watcher = Watcher(rig)
    await rig.start()
    await rig.tell(watcher.quote(100, 110), watcher.quote(100, 110, symbol=rig.other))
    await case(watcher)
    audit(watcher)


def _check_sums(trader: Trader) -> None:
    """Of every order: an ExecID for each execution, and CumQty is their sum as it goes."""
    sums: dict[str | None, Decimal] = {}
    seen: set[tuple[str | None, str | None]] = set()
    for report in trader.reports:
        if report.exec_type is ExecType.TRADE:
            key = report.secondary_order_id
            check(report.exec_id is not None, "an execution without an ExecID")
            check((key, report.exec_id) not in seen, f"execution {report.exec_id} was told twice")
            seen.add((key, report.exec_id))
            sums[key] = add(sums.get(key, ZERO), report.last_qty)
            equal("CumQty after an execution", report.cum_qty, sums[key])
