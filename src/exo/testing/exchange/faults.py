"""Fault: what goes wrong at the exchange on command, when, how often, and how often it did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from exo.errors import InvalidValue
from exo.flow.clock import Rng

HTML = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"


class Fault(Enum):
    """What can go wrong between a venue and its client."""

    DROP = "DROP"
    """The connection is aborted, without a word."""
    HALF_OPEN = "HALF_OPEN"
    """From now on bytes vanish in both directions, pings too, and nothing closes."""
    STALL = "STALL"
    """For a while no data comes, and what would have come is lost; pings are answered and heartbeats go on.

    Like GAP it leaves a client's book of Coinbase's level2 wrong until the next snapshot: its frames have no number.
    """
    DUPLICATE = "DUPLICATE"
    """A frame comes twice."""
    REORDER = "REORDER"
    """A frame comes after the next one."""
    GAP = "GAP"
    """A frame is lost."""
    GARBAGE = "GARBAGE"
    """Before a frame comes one of random bytes or of half its JSON."""
    HTML = "HTML"
    """Before a frame comes a web page; or it answers a handshake or request."""
    MAINTENANCE = "MAINTENANCE"
    """The venue closes as it does for maintenance, or answers 503."""
    SLOW = "SLOW"
    """Every text is held back for a while, then all come at once."""
    REFUSE = "REFUSE"
    """Too many requests: the venue's own answer to a client's next message, or 429."""


class At(Enum):
    """Where a fault strikes."""

    MESSAGE = "MESSAGE"
    """At the next frame of data; REFUSE at the next message of a client."""
    NOW = "NOW"
    """At every open connection, at once."""
    HANDSHAKE = "HANDSHAKE"
    """When a WebSocket is asked for."""
    REQUEST = "REQUEST"
    """When a document is asked for over HTTP."""


_CONNECTION = {Fault.DROP, Fault.HALF_OPEN, Fault.STALL, Fault.SLOW, Fault.MAINTENANCE}
_DOOR = {Fault.DROP, Fault.HALF_OPEN, Fault.HTML, Fault.MAINTENANCE, Fault.REFUSE}
_POSSIBLE = {At.MESSAGE: set(Fault), At.NOW: _CONNECTION, At.HANDSHAKE: _DOOR, At.REQUEST: _DOOR}


@dataclass(slots=True)
class Plan:
    """A fault that is to strike; `times` counts down, None is without end."""

    fault: Fault
    at: At
    times: int | None
    probability: float
    until_s: float | None
    hold_s: float
    status: int


class Faults:
    """What is planned, and `hits`: how often each fault struck."""

    def __init__(self, rng: Rng) -> None:
        self.hits: dict[Fault, int] = dict.fromkeys(Fault, 0)
        self._rng = rng
        self._plans: list[Plan] = []

    def plan(
        self,
        fault: Fault,
        now_s: float,
        *,
        at: At | None = None,
        times: int | None = None,
        probability: float = 1.0,
        for_s: float | None = None,
        hold_s: float = 1.0,
        status: int | None = None,
    ) -> Plan:
        """Have a fault strike; see `Exchange.fault`."""
        if at is None:
            at = At.HANDSHAKE if fault is Fault.REFUSE else At.MESSAGE
        if fault not in _POSSIBLE[at]:
            raise InvalidValue("at", f"{fault.name} cannot strike at {at.name}")
        if not 0 < probability <= 1:
            raise InvalidValue("probability", f"expected more than 0 and at most 1, got {probability}")
        if times is None and probability == 1 and for_s is None:
            times = 1
        if times is not None and times < 1:
            raise InvalidValue("times", f"expected at least 1, got {times}")
        for name, value in (("for_s", for_s), ("hold_s", hold_s)):
            if value is not None and not 0 <= value < float("inf"):
                raise InvalidValue(name, f"expected seconds, got {value}")
        default = {Fault.HTML: 502, Fault.MAINTENANCE: 503, Fault.REFUSE: 429}.get(fault, 0)
        until_s = None if for_s is None else now_s + for_s
        plan = Plan(fault, at, times, probability, until_s, hold_s, status or default)
        if at is not At.NOW:
            self._plans.append(plan)
        return plan

    def clear(self) -> None:
        """Plan nothing any more; what has struck goes on."""
        self._plans.clear()

    @property
    def planned(self) -> bool:
        """Whether anything may strike."""
        return bool(self._plans)

    def draw(self, at: At, now_s: float, *, refusing: bool = False) -> Plan | None:
        """The plan that strikes here and now, None if none does; `refusing` is for what a client sent."""
        self._plans = [plan for plan in self._plans if plan.until_s is None or now_s < plan.until_s]
        for plan in self._plans:
            if plan.at is not at or (at is At.MESSAGE and refusing is not (plan.fault is Fault.REFUSE)):
                continue
            if plan.probability < 1 and self._rng.random() >= plan.probability:
                continue
            if plan.times is not None:
                plan.times -= 1
                if not plan.times:
                    self._plans.remove(plan)
            return plan
        return None

    def hit(self, fault: Fault) -> None:
        """It struck."""
        self.hits[fault] += 1
