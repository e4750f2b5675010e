"""Script: a file of orders and what their owner asks of them later, each with its time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from exo.errors import InvalidValue, UserError
from exo.mkt import ExecInst, MsgType, Order, decode, decode_instruction
from exo.mkt.value import Frozen, Value
from exo.replay.survey import Survey
from exo.run import Dispatcher


class BadScript(UserError):
    """A file of orders that cannot be read: `line` counts from 1; None where it is one JSON array, or no file."""

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        super().__init__(path, line, problem)
        self.path = path
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        place = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.problem}"


class _About(Value):
    """An instruction that changes no term of an order."""

    msg_type: MsgType
    order_id: str
    exec_inst: ExecInst | None = None
    received_ns: int | None = None


class Asked(Frozen):
    """One instruction and when it is put in: None is before the first tick. `order` is None where no term changes."""

    at_ns: int | None
    msg_type: MsgType
    exec_inst: ExecInst | None
    order_id: str | None
    order: Order | None
    file: str
    line: int | None
    where: str

    @property
    def place(self) -> str:
        """Where it stands: its line, or its place in the array."""
        return f"{self.file}{self.where}" if self.line is None else f"{self.file}:{self.line}"

    def put(self, dispatcher: Dispatcher[Any]) -> None:
        """Ask it; raises what the dispatcher refuses it with."""
        if self.order is not None:
            (dispatcher.submit if self.msg_type is MsgType.NEW else dispatcher.replace)(self.order)
        elif self.exec_inst is not None:
            (dispatcher.hold if self.exec_inst is ExecInst.HOLD else dispatcher.release)(self.order_id or "")
        else:
            dispatcher.cancel(self.order_id or "")


class Script:
    """The instructions of a file, in order of time; BadScript names what is wrong by line and member.

    The file has one JSON object a line, or is one JSON array of them. Each has the terms of its order type, and beside
    them `msgType` (NEW unless told; RPL; CXL) and `receivedNs`, when it is put in. CXL, and RPL with an `execInst` of
    HOLD or RELEASE, need the `orderID` only.
    """

    def __init__(self, path: Path | str, order_type: type[Order]) -> None:
        self.path = Path(path)
        asked: list[Asked] = []
        known: dict[str, Asked] = {}
        for line, where, data in self._entries():
            try:
                entry = _asked(data, order_type, self.path.name, line, where)
                if entry.msg_type is MsgType.NEW and entry.order_id is not None:
                    if entry.order_id in known:
                        raise InvalidValue(
                            "$.orderID", f"{entry.order_id} is already that of {known[entry.order_id].place}"
                        )
                    known[entry.order_id] = entry
            except InvalidValue as error:
                problem = f"{error.problem} at ${where}{error.where[1:]}"
                raise BadScript(self.path, line, problem) from None
            asked.append(entry)
        if not any(entry.msg_type is MsgType.NEW for entry in asked):
            raise BadScript(self.path, None, "there is no order in it")
        self.asked = sorted(asked, key=lambda entry: entry.at_ns or 0)

    def check(self, survey: Survey) -> None:
        """BadScript if an order is for a symbol without quotes, or comes after the last tick."""
        for entry in self.asked:
            order = entry.order
            if order is not None and order.symbol not in survey.quotes:
                problem = f"there are no quotes of {order.symbol} at ${entry.where}.symbol"
                raise BadScript(self.path, entry.line, problem)
            if entry.at_ns is not None and entry.at_ns > survey.last_ns:
                place = f"${entry.where}.receivedNs"
                problem = f"{entry.at_ns} is later than the last tick, {survey.last_ns}, at {place}"
                raise BadScript(self.path, entry.line, problem)

    def _entries(self) -> Iterator[tuple[int | None, str, bytes]]:
        """Line, place in an array, and text of each."""
        try:
            text = self.path.read_bytes()
        except OSError as error:
            raise BadScript(self.path, None, error.strerror or str(error)) from None
        text = text.removeprefix(b"\xef\xbb\xbf")
        if text.lstrip()[:1] == b"[":
            try:
                for index, raw in enumerate(msgspec.json.decode(text, type=list[msgspec.Raw])):
                    yield None, f"[{index}]", bytes(raw)
            except (msgspec.DecodeError, RecursionError) as error:
                raise BadScript(self.path, None, str(error)) from None
            return
        for line, data in enumerate(text.splitlines(), 1):
            if data.strip():
                yield line, "", data


def _asked(data: bytes, order_type: type[Order], file: str, line: int | None, where: str) -> Asked:
    data = data.strip()
    try:
        members = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidValue("$", str(error)) from None
    if "msgType" not in members:
        data = data[:1] + b'"msgType":"NEW"' + (b"," if members else b"") + data[1:]
    kind = bytes(members.get("msgType", b'"NEW"'))
    if kind == b'"CXL"' or (kind == b'"RPL"' and bytes(members.get("execInst", b"null")) != b"null"):
        about = decode(data, _About)
        return Asked(
            at_ns=about.received_ns,
            msg_type=about.msg_type,
            exec_inst=about.exec_inst,
            order_id=about.order_id,
            order=None,
            file=file,
            line=line,
            where=where,
        )
    instruction = decode_instruction(data, order_type)
    if instruction.msg_type not in (MsgType.NEW, MsgType.RPL):
        raise InvalidValue("$.msgType", f"expected NEW, RPL or CXL, got {instruction.msg_type.value}")
    if instruction.exec_inst is not None:
        raise InvalidValue("$.execInst", f"a new order cannot {instruction.exec_inst.value.lower()}")
    return Asked(
        at_ns=instruction.received_ns,
        msg_type=instruction.msg_type,
        exec_inst=None,
        order_id=instruction.order.order_id,
        order=instruction.order,
        file=file,
        line=line,
        where=where,
    )
