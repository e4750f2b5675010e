"""A world around a real Dispatcher: it plays scripts in virtual time and checks every call against a plain model.

The model keeps every tick and every accepted fact. Since nothing comes between an order's look and the beginning of its
`act` on one thread, each update must hold exactly all that was recorded since the order's last look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

import exo
from exo.errors import IdentityChanged, InstructionRefused, NotRunning, UnknownOrder
from exo.flow import current_clock
from exo.mkt.span import Tick
from exo.run import End

from .support import Wanted, extent, report, told, wanted

Op = tuple[Any, ...]


class Boom(Exception):
    """What raising delegates and programs raise."""


class Call(NamedTuple):
    """What a delegate does in one call: ops, then it suspends (not, if a `def`), more ops, its answer."""

    before: tuple[Op, ...] = ()
    suspend: tuple[float | str, ...] = ()
    after: tuple[Op, ...] = ()
    answer: str = "none"


class Plan(NamedTuple):
    """An order: its symbol, the kind of its delegate, and what that does call by call; later calls do nothing."""

    symbol: str
    kind: str
    calls: tuple[Call, ...]


@dataclass(eq=False)
class Record:
    """What the model knows of one order."""

    plan: Plan
    looked: int
    accepted: list[tuple[Any, ...]] = field(default_factory=list)
    delivered: int = 0
    acting: bool = False
    calls: int = 0
    cleaned: int = 0
    terms: Wanted | None = None
    asked_cancel: bool = False
    asked_hold: bool = False
    held: bool = False
    alarm: int | None = None  # what it last asked for; and all that may have rung before it was taken back
    alarms: list[int] = field(default_factory=list)
    end: End | None = None
    called: int = -1

    @property
    def pending(self) -> list[tuple[Any, ...]]:
        return self.accepted[self.delivered :]


def summary(fact: exo.Instruction[Any] | exo.Report) -> tuple[Any, ...]:
    """A fact in the model's words."""
    if isinstance(fact, exo.Report):
        return ("report", fact.exec_id)
    return (fact.msg_type.value, fact.exec_inst and fact.exec_inst.value, fact.order)


class World:
    """Plays ops on a dispatcher and watches every call."""

    def __init__(self, plans: Sequence[Plan], **options: Any) -> None:
        self.plans = plans
        self.records: dict[str, Record] = {}
        self.tape: dict[str, list[Tick]] = {}
        self.board_began: dict[str, int] = {}
        self.live: dict[str, int] = {}
        self.status_of_all: exo.FeedStatus | None = None
        self.said: dict[str, exo.FeedStatus] = {}
        self.first_status: dict[str, exo.FeedStatus | None] = {}
        self.log: list[Any] = []
        self.problems: list[str] = []
        self.counts = dict.fromkeys(("updates", "conflated", "submitted", "orphans", "unwatched", "ticks"), 0)
        self.orphans: list[str | None] = []
        self.expected_orphans: list[str] = []
        self.serial = 0
        self.stopping = False
        self.in_call = 0
        self.last_price_call = 0
        options = {"hog_s": None} | options
        self.d: exo.Dispatcher[Wanted] = exo.Dispatcher(self.factory, on_orphan=self.orphan, **options)

    def factory(self, desk: exo.Desk[Wanted]) -> Any:
        return {"def": Plain, "async": Suspending, "awaitable": Handing}[self.plans[int(desk.order_id)].kind](
            self, desk
        )

    def orphan(self, orphaned: exo.Report) -> None:
        self.orphans.append(orphaned.exec_id)

    # What is done to the dispatcher, and recorded in the model.

    def do(self, op: Op) -> None:
        """Play an op; what must be refused is, with the right error, and changes nothing."""
        name, *args = op
        getattr(self, f"do_{name}")(*args)

    def do_quote(self, symbol: str, bid: int) -> None:
        self.serial += 1
        self._tick(
            exo.Quote(symbol, Decimal(bid), None, Decimal(bid + 2), Decimal(1), self.now_ns, self.serial),
            self.d.on_quote,
        )

    def do_trade(self, symbol: str, px: int) -> None:
        self.serial += 1
        self._tick(
            exo.Trade(symbol, Decimal(px), Decimal(self.serial), exo.Side.SELL, self.now_ns, self.serial),
            self.d.on_trade,
        )

    def do_status(self, symbol: str | None, state: exo.FeedState) -> None:
        self.serial += 1
        status = exo.FeedStatus(state=state, symbol=symbol, text=str(self.serial))
        if symbol is not None:
            self._said(status, symbol)
            self._tick(status, self.d.on_status)
            return
        self.status_of_all = status
        self.said.clear()
        for live in sorted(self.live):
            if self.live[live]:
                own = msgspec.structs.replace(status, symbol=live)
                self._said(own, live)
                self._keep(own, live)
        self.d.on_status(status)

    def _said(self, status: exo.FeedStatus, symbol: str) -> None:
        """That a symbol is stale, or good while all are not, is remembered for those who come later."""
        self.said.pop(symbol, None)
        if status.stale or (self.status_of_all is not None and self.status_of_all.stale):
            self.said[symbol] = status

    def _tick(self, tick: Any, push: Callable[[Any], object]) -> None:
        symbol: str = tick.symbol
        self._keep(tick, symbol)
        if not self.live.get(symbol):
            self.counts["unwatched"] += 1
        push(tick)

    def _keep(self, tick: Tick, symbol: str) -> None:
        self.tape.setdefault(symbol, []).append(tick)
        self.counts["ticks"] += 1

    def do_report(self, number: int) -> None:
        self.serial += 1
        order_id = str(number)
        if self.alive(order_id) is None:
            self.counts["orphans"] += 1
            self.expected_orphans.append(str(self.serial))
        else:
            self.records[order_id].accepted.append(("report", str(self.serial)))
        self.d.on_report(report(order_id, self.serial))

    def do_submit(self, number: int) -> None:
        number %= len(self.plans)
        order_id, plan = str(number), self.plans[number]
        if order_id in self.records or self.stopping:
            with refused(exo.ExoError):
                self.d.submit(wanted(order_id, plan.symbol))
            return
        symbol = plan.symbol
        tape = self.tape.setdefault(symbol, [])
        if not self.live.get(symbol):
            self.board_began[symbol] = len(tape)
            self.first_status[symbol] = self.said.get(symbol, self.status_of_all)
        self.live[symbol] = self.live.get(symbol, 0) + 1
        self.records[order_id] = record = Record(plan, looked=len(tape))
        record.terms = wanted(order_id, symbol)
        record.accepted.append(("NEW", None, record.terms))
        self.counts["submitted"] += 1
        self.d.submit(record.terms)

    def do_replace(self, number: int, price: int) -> None:
        record = self.alive(str(number))
        terms = wanted(str(number), record.plan.symbol if record else "A", price)
        self._instruct(record, lambda: self.d.replace(terms), ("RPL", None, terms), record is not None)
        if record is not None and not record.asked_cancel and not self.stopping:
            record.terms = terms

    def do_rename(self, number: int) -> None:
        """A replace with another symbol: refused, whatever the order does."""
        record = self.alive(str(number))
        if record is not None and not record.asked_cancel and not self.stopping:
            with refused(IdentityChanged):
                self.d.replace(wanted(str(number), "ELSEWHERE"))

    def do_cancel(self, number: int) -> None:
        record = self.alive(str(number))
        fact = ("CXL", None, record.terms if record else None)
        self._instruct(record, lambda: self.d.cancel(str(number)), fact, record is not None)
        if record is not None and not self.stopping:
            record.asked_cancel, record.asked_hold = True, False

    def do_hold(self, number: int) -> None:
        record = self.alive(str(number))
        fact = ("RPL", "HOLD", record.terms if record else None)
        if self._instruct(record, lambda: self.d.hold(str(number)), fact, record is not None and not record.asked_hold):
            assert record is not None
            record.asked_hold = True

    def do_release(self, number: int) -> None:
        record = self.alive(str(number))
        fact = ("RPL", "RELEASE", record.terms if record else None)
        if self._instruct(record, lambda: self.d.release(str(number)), fact, record is not None and record.asked_hold):
            assert record is not None
            record.asked_hold = False

    def _instruct(
        self, record: Record | None, instruct: Callable[[], object], fact: tuple[Any, ...], possible: bool
    ) -> bool:
        if self.stopping:
            with refused(NotRunning):
                instruct()
        elif record is None:
            with refused(UnknownOrder):
                instruct()
        elif record.asked_cancel or not possible:
            with refused(InstructionRefused):
                instruct()
        else:
            record.accepted.append(fact)
            instruct()
            return True
        return False

    def do_deliver(self) -> None:
        calls = self.counts["updates"]
        self.d.deliver()
        if self.in_call:
            assert self.counts["updates"] == calls, "deliver() within an act called a delegate"

    def alive(self, order_id: str) -> Record | None:
        record = self.records.get(order_id)
        return record if record is not None and record.end is None else None

    @property
    def now_ns(self) -> int:
        return current_clock().now_ns()

    # What the delegates see, checked against the model.

    def begin(self, desk: exo.Desk[Wanted], update: exo.Update[Wanted]) -> Call:
        """A call of act begins."""
        order_id = desk.order_id
        record = self.records[order_id]
        symbol = record.plan.symbol
        self.log.append(("act", order_id, self.now_ns, repr(update)))
        assert not record.acting, f"{order_id}: two calls at once"
        assert record.end is None and not record.cleaned, f"{order_id}: called after its end"
        record.acting = True
        self.in_call += 1
        self.counts["updates"] += 1
        record.called = self.counts["updates"]
        if not update.facts and not update.woken:
            self.overtaken(order_id)
        assert update.symbol == symbol
        assert update.passed is not None or update.facts or update.woken, f"{order_id}: a call without news"

        assert [summary(fact) for fact in update.facts] == record.pending, f"{order_id}: facts"
        record.delivered = len(record.accepted)
        for fact in update.instructions:
            if fact.exec_inst is not None:
                record.held = fact.exec_inst.value == "HOLD"
            elif fact.msg_type.value == "CXL":
                record.held = False
        if not update.facts:
            assert not record.held, f"{order_id}: prices or a wake-up while held"
        assert desk.held == record.held, f"{order_id}: held"
        assert desk.order == record.terms, f"{order_id}: terms"
        assert desk.cancelled == record.asked_cancel, f"{order_id}: cancelled"

        tape = self.tape[symbol]
        missed = tape[record.looked :]
        record.looked = len(tape)
        assert told(update.span) == extent(missed), f"{order_id}: span"
        assert update.trade == (update.span.trade if update.span else None)
        self.counts["conflated"] += max(0, len(missed) - 1)
        known = tape[self.board_began[symbol] :]
        quotes = [tick for tick in known if isinstance(tick, exo.Quote)]
        assert update.quote is (quotes[-1] if quotes else None), f"{order_id}: quote"
        spoken = [tick for tick in known if isinstance(tick, exo.FeedStatus)]
        status = spoken[-1] if spoken else self.first_status[symbol]
        assert update.status == status == desk.status, f"{order_id}: status"

        now_ns = self.now_ns
        assert update.now_ns <= now_ns
        if update.woken:
            assert any(alarm <= now_ns for alarm in record.alarms), f"{order_id}: woken unasked"
            record.alarms.remove(min(record.alarms))
            if record.alarm is not None and record.alarm <= now_ns:
                record.alarm = None
        record.calls += 1
        calls = record.plan.calls
        return calls[record.calls - 1] if record.calls <= len(calls) else Call()

    def overtaken(self, order_id: str) -> None:
        """C5, C6: at a call for prices alone no idle order has facts, unless it was called since the last such call."""
        for other_id, other in self.records.items():
            if other.end is None and not other.acting and other.pending and other.called <= self.last_price_call:
                raise AssertionError(f"{order_id} was called for prices while {other_id} had {other.pending}")
        self.last_price_call = self.counts["updates"]

    def within(self, desk: exo.Desk[Wanted], ops: tuple[Op, ...]) -> None:
        """What a delegate does in its call."""
        record = self.records[desk.order_id]
        for op in ops:
            if op[0] == "wake":
                desk.wake_in(op[1])
                record.alarm = self.now_ns + round(op[1] * 1e9)
                record.alarms = [record.alarm, *(alarm for alarm in record.alarms if alarm <= self.now_ns)]
            elif op[0] == "no_wake":
                desk.no_wake()
                record.alarm = None
                record.alarms = [alarm for alarm in record.alarms if alarm <= self.now_ns]
            else:
                self.do(op)

    def finish(self, desk: exo.Desk[Wanted], call: Call) -> Any:
        """A call of act ends."""
        record = self.records[desk.order_id]
        record.acting = False
        self.in_call -= 1
        self.log.append(("end", desk.order_id, self.now_ns, call.answer))
        if call.answer == "raise":
            record.end = End.FAILED
            raise Boom(desk.order_id)
        if call.answer == "nonsense":
            record.end = End.FAILED
            return 42
        if call.answer == "done":
            if not record.pending:
                record.end = End.DONE
            return exo.DONE
        return None

    def clean(self, desk: exo.Desk[Wanted]) -> None:
        """A delegate is told to clean up."""
        record = self.records[desk.order_id]
        self.log.append(("clean", desk.order_id, self.now_ns))
        record.cleaned += 1
        self.check(record.cleaned == 1, f"{desk.order_id}: cleaned twice")
        self.check(not record.acting, f"{desk.order_id}: cleaned in mid-call")
        self.check(record.end is not None or self.stopping, f"{desk.order_id}: cleaned before its end")
        self.live[record.plan.symbol] -= 1

    def check(self, good: bool, problem: str) -> None:
        if not good:
            self.problems.append(problem)

    # The whole run.

    async def play(self, ops: Sequence[Op], ending: str) -> list[Any]:
        """Play all ops and then `settle`, stop `abruptly` or `raise`; answers the log."""
        raised: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        try:
            async with self.d:
                for op in ops:
                    if op[0] == "sleep":
                        await asyncio.sleep(op[1])
                    else:
                        self.do(op)
                if ending == "settle":
                    await asyncio.sleep(1000)
                    assert not self.problems, self.problems
                    self.settled()
                self.stopping = True
                if ending == "raise":
                    raise Boom
        except Boom:
            assert ending == "raise"
        assert not self.problems, self.problems
        assert not raised, raised
        self.accounted()
        for _ in range(3):  # a task that was told to end takes a pass of the loop
            await asyncio.sleep(0)
        assert {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}} == set()
        return self.log

    def settled(self) -> None:
        """Nothing is left to deliver: everybody has seen everything that he may see."""
        for order_id, record in self.records.items():
            if record.end is not None:
                continue
            assert not record.acting
            assert record.pending == [], f"{order_id} was not told {record.pending}"
            if not record.held:
                behind = len(self.tape[record.plan.symbol]) - record.looked
                assert behind == 0, f"{order_id} has not seen the last {behind} ticks of {record.plan.symbol}"
                assert record.alarm is None or record.alarm > self.now_ns, f"{order_id} was not woken"
        live = {order_id for order_id, record in self.records.items() if record.end is None}
        assert len(self.d) == len(live)

    def accounted(self) -> None:
        """Every order has an outcome, and the totals agree with what was seen."""
        for order_id, record in self.records.items():
            outcome = self.d.outcome(order_id)
            assert outcome is not None, f"{order_id} has no outcome"
            assert outcome.end is (record.end or End.STOPPED), f"{order_id}: {outcome}"
            assert [summary(fact) for fact in outcome.undelivered] == record.pending, f"{order_id}: undelivered"
            assert outcome.order == record.terms
            assert outcome.cancelled == record.asked_cancel
            assert bool(outcome.traceback) == (record.end is End.FAILED)
            assert record.cleaned == 1, f"{order_id} was cleaned up {record.cleaned} times"
        totals = self.d.totals
        ends = [record.end for record in self.records.values()]
        assert totals.updates == self.counts["updates"]
        assert totals.conflated == self.counts["conflated"]
        assert totals.submitted == totals.ended == self.counts["submitted"] == len(ends)
        assert totals.failed == ends.count(End.FAILED)
        assert totals.orphans == self.counts["orphans"]
        assert self.orphans == self.expected_orphans
        assert totals.unwatched == self.counts["unwatched"]
        assert totals.ticks == self.counts["ticks"]
        assert totals.live == len(self.d) == 0


class refused:
    """The block must raise this error."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        assert kind is not None and issubclass(kind, self._error), f"expected {self._error.__name__}, got {kind}"
        return True


class Scripted:
    """A delegate that does what its plan says; an assertion that fails in it is kept for the end."""

    def __init__(self, world: World, desk: exo.Desk[Wanted]) -> None:
        self.world = world
        self.desk = desk

    def clean_up(self) -> None:
        self.world.clean(self.desk)

    def _noted(self, error: AssertionError) -> None:
        self.world.problems.append(str(error))


class Plain(Scripted):
    def act(self, update: exo.Update[Wanted]) -> Any:
        try:
            call = self.world.begin(self.desk, update)
            self.world.within(self.desk, call.before + call.after)
            return self.world.finish(self.desk, call)
        except AssertionError as error:
            self._noted(error)
            raise


class Suspending(Scripted):
    async def act(self, update: exo.Update[Wanted]) -> Any:
        try:
            call = self.world.begin(self.desk, update)
            before = asyncio.current_task()
            self.world.within(self.desk, call.before)
            self.world.in_call -= 1
            for pause in call.suspend:
                if isinstance(pause, str):
                    await {"yield": bare, "future": future, "task": task, "group": group, "timeout": timeout}[pause]()
                else:
                    await asyncio.sleep(pause)
            self.world.in_call += 1
            assert asyncio.current_task() is before is not None, "another current task after suspension"
            self.world.within(self.desk, call.after)
            return self.world.finish(self.desk, call)
        except AssertionError as error:
            self._noted(error)
            raise


class Handing(Suspending):
    """A `def act` that hands back an awaitable which is no coroutine."""

    def act(self, update: exo.Update[Wanted]) -> Any:  # type: ignore[override]
        return Later(Suspending.act(self, update))


class Later:
    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._awaitable.__await__()


async def bare() -> None:
    await asyncio.sleep(0)


async def future() -> None:
    loop = asyncio.get_running_loop()
    waits = loop.create_future()
    loop.call_later(0.001, waits.set_result, None)
    await waits


async def task() -> None:
    await asyncio.create_task(asyncio.sleep(0.002))


async def group() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.sleep(0.001))
        tasks.create_task(asyncio.sleep(0))


async def timeout() -> None:
    try:
        async with asyncio.timeout(0.003):
            await asyncio.sleep(100)
    except TimeoutError:
        return
    raise AssertionError("no timeout")
