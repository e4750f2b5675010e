"""venue_conformance: the paper venue passes in all its ways, and one that misbehaves does not."""

from __future__ import annotations

from typing import Any

import pytest

import exo
from exo.dma import Replace
from exo.flow.delays import Delay
from exo.mkt import OrdStatus
from exo.testing import PaperRig, venue_conformance
from exo.venue import Fault, Faults, Queue

MS = 1_000_000
WAYS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "late": {"request_latency": Delay(MS, 40 * MS), "report_latency": Delay(MS, 40 * MS), "decide": Delay(0, 20 * MS)},
    "pending": {"pending": True, "decide": Delay(10 * MS, 20 * MS)},
    "optimistic": {"queue": Queue.OPTIMISTIC},
    "kills as expired": {"kills_as": OrdStatus.EXPIRED},
    "no replace": {"replace": Replace.NONE},
    "no mass cancel": {"mass_cancel": False},
}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_the_paper_venue_conforms(options: dict[str, Any]) -> None:
    """Case by case; what it says it cannot do is skipped."""
    results = exo.run_virtually(venue_conformance(lambda: PaperRig(**options)), until_s=600)
    assert results is not None and results.passed, f"\n{results}"
    skipped = {result.number for result in results.results if result.skipped}
    expected = {"V20", "V21", "V22", "V23"} if "replace" in options else {"V33"} if "mass_cancel" in options else set()
    assert skipped == expected and len(results.results) >= 20


FAILS = {
    Fault.LOSE_ANSWER: "V01 FAILED",
    Fault.LOSE_REQUEST: "V01 FAILED",
    Fault.REJECT: "V04 FAILED",
    Fault.LOSE_FILL: "V10 FAILED",
    Fault.DUPLICATE: "V10 FAILED",
    Fault.FORGET: "V30 FAILED",
}


@pytest.mark.parametrize(("fault", "line"), FAILS.items(), ids=[fault.value for fault in FAILS])
def test_a_venue_that_misbehaves_does_not_conform(fault: Fault, line: str) -> None:
    """The case that fails says what was expected and what it got."""
    results = exo.run_virtually(venue_conformance(lambda: PaperRig(faults=Faults(0, {fault: 1.0}))), until_s=600)
    assert results is not None and not results.passed and line in str(results)


def test_one_case_may_be_run_alone() -> None:
    """By its number."""
    results = exo.run_virtually(venue_conformance(PaperRig, only="V1"), until_s=60)
    assert results is not None and [result.number[:2] for result in results.results] == ["V1"] * 6
