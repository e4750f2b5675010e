"""What a hostile outsider broke once, and must not again."""

import asyncio
import contextvars
import logging
import pickle
import subprocess
import sys
import threading
from decimal import Decimal

import pytest

import exo
from exo.errors import IdentityChanged, InstructionRefused, MailboxFull
from exo.mkt import FeedStatus
from exo.mkt.enums import FeedState
from exo.mkt.json import decode_instruction, encode
from exo.run import End

DEADLINE_S = 1000


def order(order_id: str, symbol: str = "A") -> exo.Order:
    return exo.Order(order_id=order_id, side=exo.Side.BUY, symbol=symbol)


def quote(bid: str = "10", received_ns: int | None = None) -> exo.Quote:
    px = Decimal(bid)
    return exo.Quote("A", px, Decimal(1), px + 1, Decimal(1), received_ns=received_ns)


def report(order_id: str) -> exo.Report:
    return exo.Report(order_id=order_id, transact_time=None)


class Quiet:
    def __init__(self, desk):
        self.desk = desk

    def act(self, update):
        return None

    def clean_up(self):
        pass


def virtually(program):
    return exo.run_virtually(_within(program))


async def _within(program):
    async with asyncio.timeout(DEADLINE_S):
        return await program


def test_c16_what_the_feed_said_of_a_symbol_outlives_the_last_order_while_it_stays_subscribed():
    """A new order in the same pass as the last one's end must not think a feed live that said it is down."""

    class Feed:
        def __init__(self):
            self.told = []

        def subscribe(self, symbol):
            self.told.append(("subscribe", symbol))

        def unsubscribe(self, symbol):
            self.told.append(("unsubscribe", symbol))

    async def program():
        seen = []

        class Watch(Quiet):
            def act(self, update):
                seen.append((self.desk.order_id, update.quote is not None, update.stale))
                return exo.DONE if self.desk.cancelled else None

        feed = Feed()
        async with exo.Dispatcher(Watch, feed, hog_s=None) as dispatcher:
            dispatcher.submit(order("1"))
            await asyncio.sleep(1)
            dispatcher.on_quote(quote())
            dispatcher.on_status(FeedStatus(symbol="A", state=FeedState.DOWN))
            dispatcher.cancel("1")
            dispatcher.deliver()
            dispatcher.submit(order("2"))
            await asyncio.sleep(1)
            told = list(feed.told)
        retold = told.count(("subscribe", "A")) == 2
        assert retold or seen[-1] == ("2", True, True)

    virtually(program())


def test_c07_an_exception_that_cannot_be_formatted_still_ends_its_order():
    """And no other order notices."""

    class Hostile(Exception):
        @property
        def __cause__(self):
            raise ValueError("no cause")

    async def program():
        class Raises(Quiet):
            def act(self, update):
                if self.desk.order_id == "1":
                    raise Hostile

        async with exo.Dispatcher(Raises, hog_s=None) as dispatcher:
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
            dispatcher.submit(order("1"))
            dispatcher.submit(order("2"))
            await asyncio.sleep(1)
            assert len(dispatcher) == 1
            assert dispatcher.outcome("1").end is End.FAILED

    virtually(program())


def test_c07_a_logging_handler_that_raises_does_not_keep_a_failed_order_alive():
    """What is told to others comes after what is done."""

    class Raising(logging.Handler):
        def emit(self, record):
            raise RuntimeError("the handler")

    async def program():
        class Raises(Quiet):
            def act(self, update):
                raise ValueError

        async with exo.Dispatcher(Raises, hog_s=None) as dispatcher:
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
            dispatcher.submit(order("1"))
            await asyncio.sleep(1)
            assert len(dispatcher) == 0

    logger, handler = logging.getLogger("exo.run"), Raising()
    logger.addHandler(handler)
    try:
        virtually(program())
    finally:
        logger.removeHandler(handler)


def test_c08_a_report_behind_an_orphan_whose_handler_raises_cancelled_error_arrives():
    """From another thread nobody comes to push the rest through the door."""

    async def program():
        reports = []

        class Keeps(Quiet):
            def act(self, update):
                reports.extend(update.reports)

        def on_orphan(orphan):
            raise asyncio.CancelledError

        async with exo.Dispatcher(Keeps, on_orphan=on_orphan, hog_s=None) as dispatcher:
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
            dispatcher.submit(order("1"))

            def feed():
                dispatcher.on_report(report("unknown"))
                dispatcher.on_report(report("1"))

            thread = threading.Thread(target=feed)
            thread.start()
            thread.join()  # both are at the door before the loop looks
            await asyncio.sleep(1)
            assert len(reports) == 1

    virtually(program())


def test_c09_readers_of_events_end_although_the_last_orphan_raises():
    """Whatever a callback does at the end, the rest of the shutdown happens."""

    async def program():
        def on_orphan(orphan):
            raise asyncio.CancelledError

        dispatcher = exo.Dispatcher(Quiet, on_orphan=on_orphan, hog_s=None)

        async def read():
            async for _ in dispatcher.events():
                pass

        try:
            async with dispatcher:
                reader = asyncio.create_task(read())
                await asyncio.sleep(1)
                thread = threading.Thread(target=dispatcher.on_report, args=(report("unknown"),))
                thread.start()
                thread.join()
        except asyncio.CancelledError:
            pass
        await asyncio.wait_for(reader, 1)

    virtually(program())


@pytest.mark.parametrize("suspends", [False, True])
def test_c09_clean_up_sees_the_context_of_the_dispatcher_however_its_act_ran(suspends: bool):
    """A context variable set before the dispatcher is there in clean_up, whether or not act ever suspended."""
    variable = contextvars.ContextVar("variable", default="missing")

    async def program():
        variable.set("there")
        seen = []

        class Reads(Quiet):
            async def act(self, update):
                if suspends:
                    await asyncio.sleep(1)
                return exo.DONE

            def clean_up(self):
                seen.append(variable.get())

        async with exo.Dispatcher(Reads, hog_s=None) as dispatcher:
            dispatcher.submit(order("1"))
            await dispatcher.all_ended()
        assert seen == ["there"]

    virtually(program())


def test_a_held_order_that_is_cancelled_gets_its_wake_ups():
    """A release is refused then, so nothing else could ever call its delegate again."""

    async def program():
        class Unwinds(Quiet):
            def act(self, update):
                if update.woken:
                    return exo.DONE
                if self.desk.cancelled:
                    self.desk.wake_in(1)
                return None

        async with exo.Dispatcher(Unwinds, hog_s=None) as dispatcher:
            dispatcher.submit(order("1"))
            await asyncio.sleep(1)
            dispatcher.hold("1")
            dispatcher.cancel("1")
            async with asyncio.timeout(60):
                await dispatcher.ended("1")

    virtually(program())


def test_c16_the_age_an_order_late_in_a_sweep_is_shown_is_the_age_it_has():
    """The shared update's age must not be that at the start of a sweep that has gone on for long."""

    async def program():
        clock = asyncio.get_running_loop().clock
        ages = []

        class Slow(Quiet):
            def act(self, update):
                if update.quote is not None:
                    clock.advance_to(clock.now_ns() + 2_000_000)  # computing takes 2 ms
                    ages.append((update.age_s, (self.desk.now_ns - update.quote.received_ns) / 1e9))

        async with exo.Dispatcher(Slow, hog_s=None) as dispatcher:
            for number in range(300):
                dispatcher.submit(order(str(number)))
            await asyncio.sleep(1)
            dispatcher.on_quote(quote(received_ns=clock.now_ns()))
            await asyncio.sleep(10)
        shown, true = ages[-1]
        assert true - shown < 0.02  # within a slice or two, not 0.6 s

    virtually(program())


@pytest.mark.parametrize("use", ["on_quote", "on_report", "totals", "len", "outcome"])
def test_a_dispatcher_used_before_its_start_says_so(use: str):
    """NotRunning, not an AttributeError about a private name."""
    dispatcher = exo.Dispatcher(Quiet)
    with pytest.raises(exo.ExoError):
        match use:
            case "on_quote":
                dispatcher.on_quote(quote())
            case "on_report":
                dispatcher.on_report(report("1"))
            case "totals":
                dispatcher.totals  # noqa: B018
            case "len":
                len(dispatcher)
            case "outcome":
                dispatcher.outcome("1")


def test_a_crossed_quote_from_another_thread_is_counted_as_odd():
    """A tolerance is counted wherever it comes in."""

    async def program():
        async with exo.Dispatcher(Quiet, hog_s=None) as dispatcher:
            dispatcher.submit(order("1"))
            crossed = exo.Quote("A", Decimal(12), None, Decimal(11), None)
            await asyncio.to_thread(dispatcher.on_quote, crossed)
            await asyncio.sleep(1)
            assert dispatcher.totals.odd == 1

    virtually(program())


def test_events_tell_the_end_of_an_order_before_the_start_of_the_next_with_its_id():
    """With nothing retained a clean_up may submit the id again; a view must then show the new order."""

    async def program():
        stages = []
        delegates = []

        class Again(Quiet):
            def __init__(self, desk):
                super().__init__(desk)
                delegates.append(self)

            def act(self, update):
                return exo.DONE if self is delegates[0] else None

            def clean_up(self):
                if self is delegates[0]:
                    dispatcher.submit(order("1"))

        async with exo.Dispatcher(Again, retain=0, hog_s=None) as dispatcher:

            async def read():
                async for event in dispatcher.events():
                    stages.append(event.stage.value)

            reader = asyncio.create_task(read())
            dispatcher.submit(order("1"))
            await asyncio.sleep(1)
            assert len(dispatcher) == 1
            assert stages[-1] == "WORKING"
        await reader

    virtually(program())


@pytest.mark.parametrize(
    "error",
    [IdentityChanged("1", "side", "BUY", "SELL"), InstructionRefused("1", "hold", "it is held"), MailboxFull("1", 5)],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error: exo.ExoError):
    """An error from a worker process must not break the pool."""
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


class WithInst(exo.Order):
    exec_inst: str | None = None


def test_c19_an_order_field_named_like_an_instructions_own_is_refused_in_json():
    """Both ways, rather than swallowed."""
    terms = WithInst(side=exo.Side.BUY, symbol="A", exec_inst="e")
    with pytest.raises(exo.ExoError, match="execInst"):
        encode(exo.Instruction(msg_type=exo.MsgType.NEW, order=terms))
    with pytest.raises(exo.ExoError, match="execInst"):
        decode_instruction('{"msgType":"NEW","side":"BUY","symbol":"A"}', WithInst)


class Nested(exo.Order):
    pair: tuple[Decimal, Decimal] | None = None
    ladder: list[Decimal] = []  # noqa: RUF012 - msgspec makes a new one each time
    by_name: dict[str, Decimal] = {}  # noqa: RUF012


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("Infinity"), 1.5])
@pytest.mark.parametrize("field", ["pair", "ladder", "by_name"])
def test_c19_a_decimal_inside_any_container_is_looked_at(field: str, bad: object):
    """JSON refuses these already; the constructor must too."""
    value = {"pair": (bad, Decimal(1)), "ladder": [bad], "by_name": {"x": bad}}[field]
    with pytest.raises(exo.ExoError):
        Nested(side=exo.Side.BUY, symbol="A", **{field: value})


def test_c09_a_blocking_act_that_never_returns_does_not_keep_the_process():
    """The interpreter joins the threads of a ThreadPoolExecutor at its end, for ever."""
    program = (
        "import asyncio, exo, threading\n"
        "class Stuck:\n"
        "    blocking = True\n"
        "    def __init__(self, desk): pass\n"
        "    def act(self, update): threading.Event().wait()\n"
        "    def clean_up(self): pass\n"
        "async def main():\n"
        "    async with exo.Dispatcher(Stuck, exit_s=0.1) as d:\n"
        "        d.submit(exo.Order(side=exo.Side.BUY, symbol='A'))\n"
        "        await asyncio.sleep(0.1)\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=10)


def test_c09_an_exit_asked_for_by_several_delegates_still_shuts_down():
    """After the first SystemExit no act is called any more, or the cancelled program is never run to its end."""
    cleaned = []
    dispatchers = []

    class Exits(Quiet):
        def act(self, update):
            if update.quote is not None:
                raise SystemExit(7)

        def clean_up(self):
            cleaned.append(self.desk.order_id)

    async def program():
        async with asyncio.timeout(DEADLINE_S), exo.Dispatcher(Exits, hog_s=None) as dispatcher:
            dispatchers.append(dispatcher)
            for number in range(4):
                dispatcher.submit(order(str(number)))
            await asyncio.sleep(0.01)
            dispatcher.on_quote(quote())
            await asyncio.sleep(0.01)

    with pytest.raises(SystemExit):
        asyncio.run(program())  # real time: run_virtually closes the program's coroutine, which hides it
    assert len(dispatchers[0]) == 0
    assert sorted(cleaned) == ["0", "1", "2", "3"]


def test_c16_the_desk_shows_the_feeds_status_as_it_is_now():
    """Also to an act that has been away for a while."""

    async def program():
        seen = []

        class Waits(Quiet):
            async def act(self, update):
                before = self.desk.status
                await asyncio.sleep(1)
                seen.append((before, self.desk.status.state))
                return exo.DONE

        async with exo.Dispatcher(Waits, hog_s=None) as dispatcher:
            dispatcher.submit(order("1"))
            await asyncio.sleep(0.5)
            dispatcher.on_status(FeedStatus(state=FeedState.DOWN))
            await dispatcher.all_ended()
        assert seen == [(None, FeedState.DOWN)]

    virtually(program())


def test_c11_a_reader_that_waits_is_not_behind_when_many_orders_end_in_one_turn():
    """It had no chance to read meanwhile."""

    async def program():
        class Ends(Quiet):
            def act(self, update):
                return exo.DONE if update.quote is not None else None

        async with exo.Dispatcher(Ends, retain=10, hog_s=None) as dispatcher:

            async def read():
                return [event.order_id async for event in dispatcher.events() if event.outcome is not None]

            reader = asyncio.create_task(read())
            for number in range(100):
                dispatcher.submit(order(str(number)))
            await asyncio.sleep(1)
            dispatcher.on_quote(quote())
            await asyncio.sleep(1)
        assert len(await reader) == 100

    virtually(program())


@pytest.mark.parametrize("wrong", ["1", None, Decimal("0.5"), 10**400], ids=["text", "none", "decimal", "huge"])
def test_a_wake_up_that_makes_no_sense_is_refused_clearly(wrong: object):
    """With an error of exo's that says what was expected."""

    async def program():
        raised = []

        class Wakes(Quiet):
            def act(self, update):
                for ask in (self.desk.wake_in, self.desk.wake_at):
                    try:
                        ask(wrong)
                    except exo.ExoError:
                        pass
                    except Exception as error:
                        raised.append(f"{ask.__name__}: {error!r}")
                return exo.DONE

        async with exo.Dispatcher(Wakes, hog_s=None) as dispatcher:
            dispatcher.submit(order("1"))
            await dispatcher.all_ended()
        assert raised == []

    virtually(program())
