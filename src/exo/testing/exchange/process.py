"""ServedExchange: a fake exchange in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Final, Self

from exo.errors import ExoError, InvalidValue
from exo.mkt import Listing
from exo.testing.exchange.dialects import Tick
from exo.testing.exchange.faults import At, Fault
from exo.testing.exchange.jsonl import line

_PATHS: Final = {"coinbase": "/", "binance": "/ws", "binance-usdm": "/ws", "bitmex": "/realtime"}
_PATIENCE_S: Final = 10.0


class NotServed(ExoError):
    """The process of an exchange did not start, or has ended."""

    def __init__(self, venue: str, problem: str) -> None:
        super().__init__(venue, problem)
        self.venue = venue
        self.problem = problem

    def __str__(self) -> str:
        return f"no exchange {self.venue}: {self.problem}"


class ServedExchange:
    """`with ServedExchange("binance", symbols=["BTCUSDT"]) as served:` or `async with`; NotServed if it does not start.

    Plays `ticks`, or without them a random walk of `symbols` at `rate` a second with its `storm`; where there are none
    in them, nothing happens to its `listings` but what `show` tells. `older`, `locked` and `bundle_s` are what Coinbase
    and Bitmex can be told, older being not modern and without pools. It is ended by its own process id when the block
    is left, and ends itself when this process does, however that comes; Ctrl-C is for this one alone. Its methods ask
    over HTTP and wait some milliseconds for the answer.
    """

    def __init__(
        self,
        venue: str,
        ticks: Iterable[Tick] | None = None,
        *,
        listings: Iterable[Listing] = (),
        symbols: Iterable[str] = (),
        seconds: float = 3600.0,
        rate: float = 100.0,
        storm: tuple[float, float] | None = None,
        speed: float = 1.0,
        loop: bool = False,
        lifetime_s: float | None = None,
        seed: int = 0,
        older: bool = False,
        locked: bool = False,
        bundle_s: float = 0.0,
        port: int = 0,
    ) -> None:
        if venue not in _PATHS:
            raise InvalidValue("venue", f"expected one of {', '.join(_PATHS)}, got {venue}")
        self.venue = venue
        self.port = port
        told = None if ticks is None else tuple(ticks)
        self._input = b"".join(line(value) + b"\n" for value in (*listings, *(told or ()))) + b"\n"
        options = {"--port": port, "--seconds": seconds, "--rate": rate, "--speed": speed, "--seed": seed}
        options["--bundle"] = bundle_s
        self._command = [sys.executable, "-m", "exo.testing.exchange", "--venue", venue]
        self._command += [str(part) for option in options.items() for part in option]
        self._command += ["--symbols", ",".join(symbols)] if symbols else []
        self._command += ["--storm", *map(str, storm)] if storm is not None else []
        self._command += ["--lifetime", str(lifetime_s)] if lifetime_s is not None else []
        flags = {"--loop": loop, "--older": older, "--locked": locked, "--still": told == ()}
        self._command += [name for name, wanted in flags.items() if wanted]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves."""
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
        self._process = process
        try:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(self._input)
            process.stdin.flush()
            said = process.stdout.readline()
            if not said:
                raise NotServed(self.venue, "its process ended before it served")
            self.port = json.loads(said)["port"]
        except BrokenPipeError as problem:
            self.stop()
            raise NotServed(self.venue, "its process ended before it served") from problem
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End its process; nothing if there is none."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        try:
            process.wait(_PATIENCE_S / 10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def check(self) -> None:
        """NotServed if its process has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise NotServed(self.venue, "its process has ended")

    @property
    def pid(self) -> int | None:
        """The id of its process, None before and after."""
        return None if self._process is None else self._process.pid

    @property
    def ws_url(self) -> str:
        """Where the venue's WebSocket is, with its path."""
        return f"ws://127.0.0.1:{self.port}{_PATHS[self.venue]}"

    @property
    def ws_base(self) -> str:
        """Where WebSockets are, without a path."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http_url(self) -> str:
        """Where documents are, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def fault(self, fault: Fault, *, at: At | None = None, **options: float | None) -> None:
        """Have a fault strike, as `Exchange.fault` does; InvalidValue if it cannot."""
        asked: dict[str, Any] = {"fault": fault.value} | options
        if at is not None:
            asked["at"] = at.value
        self._ask("POST", "/exo/fault", asked)

    def clear(self) -> None:
        """Forget the faults that are planned."""
        self._ask("POST", "/exo/clear")

    def play(self) -> None:
        """Begin to play, whether anyone listens or not."""
        self._ask("POST", "/exo/start")

    def show(self, *ticks: Tick) -> None:
        """Tell these at once to whoever has subscribed, as `Exchange.show` does; InvalidValue if it cannot."""
        self._ask("POST", "/exo/ticks", b"\n".join(map(line, ticks)))

    def hits(self) -> dict[Fault, int]:
        """How often each fault struck."""
        return {Fault(name): count for name, count in self._ask("GET", "/exo/hits").items()}

    def state(self) -> dict[str, Any]:
        """Who is connected to what, and whether it plays."""
        return self._ask("GET", "/exo/state")

    def _ask(self, method: str, path: str, asked: Any = None) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        try:
            body = asked if asked is None or isinstance(asked, bytes) else json.dumps(asked)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        except OSError as problem:
            raise NotServed(self.venue, str(problem)) from problem
        finally:
            connection.close()
        if "problem" in answer:
            raise InvalidValue("$", answer["problem"])
        return answer

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
