"""History: the newest executions of a symbol, from which its position is reckoned again when one is busted."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import msgspec

from exo.errors import UnknownExecution
from exo.mkt.exact import subtract
from exo.mkt.execution import Execution
from exo.mkt.position import Position, amounts


class History:
    """A `position`, and how it came about: that before the executions that are kept, and those, at most `keep`.

    What is adjusted or reset changes the position before them by as much. So the effect of a bust falls into the
    period in which it is told, and what earlier periods have reported stands.
    """

    __slots__ = ("_before", "_executions", "_former", "_keep", "_known", "position")

    def __init__(self, position: Position, keep: int) -> None:
        self.position = position
        self._before = position
        self._executions: deque[Execution] = deque()
        self._keep = keep
        self._known: set[tuple[str | None, str]] = set()
        self._former: dict[tuple[str | None, str], list[str]] = {}  # ExecIDs it had before it was corrected

    def knows(self, order_id: str | None, exec_id: str | None) -> bool:
        """Whether it is kept here already; one without an ExecID cannot be told from its repeat."""
        return exec_id is not None and (order_id, exec_id) in self._known

    def add(self, execution: Execution) -> None:
        """Take in one more execution, and forget how the oldest came about if there are too many."""
        self.position = self.position.after(execution)
        self._executions.append(execution)
        self._know(execution)
        while len(self._executions) > self._keep:
            oldest = self._executions.popleft()
            self._before = self._before.after(oldest)
            for exec_id in (oldest.exec_id or "", *self._former.pop((oldest.order_id, oldest.exec_id or ""), ())):
                self._known.discard((oldest.order_id, exec_id))

    def amend(self, exec_ref_id: str, order_id: str | None, **changes: object) -> None:
        """Reckon again with this execution changed; UnknownExecution, and nothing changes, if it is not kept."""
        executions = self._executions
        for index in range(len(executions) - 1, -1, -1):
            old = executions[index]
            if old.exec_id == exec_ref_id and (order_id is None or old.order_id == order_id):
                amended = executions.copy()
                amended[index] = msgspec.structs.replace(old, **changes)
                self.position = self._before.after(*amended)
                self._executions = amended
                self._renamed(old, amended[index])
                return
        raise UnknownExecution(self.position.symbol, exec_ref_id)

    def _know(self, execution: Execution) -> None:
        if execution.exec_id is not None:
            self._known.add((execution.order_id, execution.exec_id))

    def _renamed(self, old: Execution, new: Execution) -> None:
        if old.exec_id is not None and new.exec_id is not None and old.exec_id != new.exec_id:
            former = self._former.pop((old.order_id, old.exec_id), [])
            self._former[new.order_id, new.exec_id] = [*former, old.exec_id]
        self._know(new)

    def adjust(self, cash: Decimal) -> None:
        """Add cash to what is realised."""
        self.position = self.position.adjusted(cash)
        self._before = self._before.adjusted(cash)

    def reset(self) -> None:
        """Begin a new period."""
        ended, before = self.position, self._before
        self.position = ended.reset()
        negative = ((currency, fee.copy_negate()) for currency, fee in ended.other_fees)
        self._before = msgspec.structs.replace(
            before,
            realised=subtract(before.realised, ended.realised),
            fees=subtract(before.fees, ended.fees),
            other_fees=amounts((*before.other_fees, *negative)),
        )
