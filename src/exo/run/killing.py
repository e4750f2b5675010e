"""Killing: the kill switch - block, cancel, and ask the venue until nothing of ours is open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from exo.dma.request import CancelOrder
from exo.flow.clock import Clock
from exo.mkt.report import Report
from exo.mkt.value import Frozen
from exo.run.asking import answer_of
from exo.run.working import Working

_log = logging.getLogger("exo.run")

_PAUSE_S: Final = 1.0


class Killed(Frozen):
    """What became of a kill: how many children were not finished when it was thrown, and what is still open.

    `verified`: the venue has been asked since, and nothing of ours is open there, nor on its way. Otherwise
    `still_open` names what is, as far as is known.
    """

    children: int
    verified: bool
    still_open: tuple[str, ...]
    took_s: float

    def __str__(self) -> str:
        if self.verified:
            return f"killed: {self.children} children, nothing is open at the venue, after {self.took_s:.3f} s"
        names = ", ".join(self.still_open[:5]) or "unknown"
        return f"NOT killed: after {self.took_s:.3f} s {len(self.still_open)} are or may be open: {names}"


async def kill(working: Working, clock: Clock, within_s: float) -> Killed:
    """Let nothing leave any more but cancels, cancel every child, and verify at the venue within this time."""
    began_ns = clock.now_ns()
    children = sum(len(p.parent.unfinished) for p in working.roll.live.values() if p.parent is not None)
    working.halt()
    sweep: asyncio.Task[None] | None = None
    still_open: tuple[str, ...] = ()

    def left_s() -> float:
        return max(0.0, within_s - (clock.now_ns() - began_ns) / 1e9)

    try:
        while True:
            reports: Sequence[Report] | None = None
            if working.venue.capabilities.mass_cancel and (sweep is None or sweep.done()):
                sweep = asyncio.get_running_loop().create_task(_cancel_all(working, left_s()), name="exo.kill")
                await asyncio.sleep(0)
            try:
                reports = await answer_of(working.venue.open_orders(), left_s())
            except Exception as error:
                _log.error("kill switch: cannot ask the venue, again in %g s: %s", _PAUSE_S, error)
                still_open = tuple(sorted({*still_open, *_unfinished(working)}))
            took_s = (clock.now_ns() - began_ns) / 1e9
            if reports is not None:
                ours = [report for report in reports if _ours(working, report)]
                still_open = tuple(sorted({str(report.cl_ord_id) for report in ours} | _unfinished(working)))
                if not still_open:
                    return Killed(children=children, verified=True, still_open=(), took_s=took_s)
                for report in ours:
                    _cancel_again(working, report)
            if took_s >= within_s:
                return Killed(children=children, verified=False, still_open=still_open, took_s=took_s)
            await asyncio.sleep(min(_PAUSE_S, left_s()))
    finally:
        if sweep is not None:
            sweep.cancel()


async def _cancel_all(working: Working, within_s: float) -> None:
    """Beside the asking: one that hangs keeps nobody from what the single cancels do."""
    try:
        await answer_of(working.venue.cancel_all(), within_s)
    except Exception as error:
        _log.error("kill switch: no mass cancel, single ones go on: %s", error)


def _unfinished(working: Working) -> set[str]:
    parents = (process.parent for process in working.roll.live.values())
    return {name for parent in parents if parent is not None for child in parent.unfinished for name in child.names}


def _ours(working: Working, report: Report) -> bool:
    process = working.roll.live.get(report.order_id)
    known = (
        process is not None and process.parent is not None and process.parent.find(report.cl_ord_id or "") is not None
    )
    return known or working.ids.mine(report.cl_ord_id or "")


def _cancel_again(working: Working, report: Report) -> None:
    """Cancel what is still open, once more if a cancel has had no effect; also what no order here knows of."""
    if len(working.sending.outbox):
        return  # cancels still wait for the venue's limits: these come first
    cl_ord_id = report.cl_ord_id or ""
    process = working.roll.live.get(report.order_id)
    child = None if process is None or process.parent is None else process.parent.find(cl_ord_id)
    if process is not None and process.parent is not None and child is not None:
        for asked in child.asked:
            if isinstance(asked.request, CancelOrder):
                process.parent.unask(asked.request)
        working.cancel(process, None)
    elif report.symbol is not None and report.side is not None:
        working.sending.put(
            CancelOrder(
                order_id=report.order_id,
                cl_ord_id=working.ids.give(report.order_id),
                orig_cl_ord_id=cl_ord_id,
                side=report.side,
                symbol=report.symbol,
            )
        )
