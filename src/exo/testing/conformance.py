"""Conformance: numbered cases that every venue must pass, whatever stands behind it.

results = run_virtually(venue_conformance(PaperRig))
print(results)
assert results.passed
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from decimal import Decimal

from exo.mkt import ExecType
from exo.mkt.exact import ZERO, add
from exo.mkt.value import Frozen
from exo.testing.conformance_cases import CASES, Case
from exo.testing.rig import Rig, Skip, Trader, check, equal


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


async def venue_conformance(make: Callable[[], Rig], only: str = "") -> Conformance:
    """Run every case against a venue of its own, or those whose number begins with `only`."""
    results = []
    for number, case in CASES.items():
        if number.startswith(only):
            results.append(await _run(number, case, make()))
    return Conformance(results=tuple(results))


async def _run(number: str, case: Case, rig: Rig) -> CaseResult:
    title = (case.__doc__ or "").strip().rstrip(".")
    trader = Trader(rig)
    await rig.start()
    try:
        await rig.show(rig.symbol, 100, 110, ZERO)
        await rig.show(rig.other, 100, 110, ZERO)
        await case(trader)
        _check_sums(trader)
    except Skip as reason:
        return CaseResult(number=number, title=title, problem=str(reason), skipped=True)
    except AssertionError as error:
        return CaseResult(number=number, title=title, problem=str(error) or "failed")
    except Exception as error:
        return CaseResult(number=number, title=title, problem=traceback.format_exception_only(error)[-1].strip())
    finally:
        await rig.stop()
    return CaseResult(number=number, title=title)


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
