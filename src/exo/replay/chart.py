"""Chart: a symbol's bid and ask over time with the fills on it, as inline SVG; floats are for drawing alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from exo.mkt import Quote
from exo.mkt.exact import EXACT, ZERO, add, multiply, ratio, subtract
from exo.replay.figures import plain
from exo.replay.markup import moment, text

_WIDTH: Final = 1000
_HEIGHT: Final = 260
_TOP: Final = 10
_BOTTOM: Final = 218
_RIGHT: Final = 990
_DIGIT: Final = 6.4
_GAP: Final = 18
_POINTS: Final = 4000
_FIFTH: Final = Decimal("0.2")
_THOUSANDTH: Final = Decimal("0.001")

_SECOND: Final = 1_000_000_000
_DAY: Final = 86_400 * _SECOND
_STEPS: Final = (
    *(digit * 10**zeros for zeros in range(9) for digit in (1, 2, 5)),
    *(_SECOND * seconds for seconds in (1, 2, 5, 10, 15, 30)),
    *(_SECOND * 60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(_SECOND * 3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(_DAY * digit * 10**zeros for zeros in range(6) for digit in (1, 2, 5)),
)

Point = tuple[float, float]


class Dot(NamedTuple):
    """A fill on a chart: its time, price and side, what a pointer is told of it, and where a click leads."""

    at_ns: int
    px: Decimal
    side: str
    title: str
    link: str


class _Piece(NamedTuple):
    """A session on the time axis."""

    first_ns: int
    last_ns: int
    left: float
    right: float


class _Across:
    """The time axis: session beside session, with a small gap for the time between."""

    def __init__(self, sessions: Sequence[tuple[int, int]], left: float) -> None:
        gap = min(_GAP, (_RIGHT - left) * 0.2 / len(sessions))
        room = _RIGHT - left - gap * (len(sessions) - 1)
        # a session of one tick has an extent too
        lengths = [max(last - first, 1) for first, last in sessions]
        self.per_ns = room / sum(lengths)
        self.pieces: list[_Piece] = []
        for (first_ns, last_ns), length in zip(sessions, lengths, strict=True):
            self.pieces.append(_Piece(first_ns, last_ns, left, left + length * self.per_ns))
            left = self.pieces[-1].right + gap
        self._starts = [piece.first_ns for piece in self.pieces]

    def piece(self, at_ns: int) -> int:
        """The number of the session that a time belongs to."""
        return max(bisect_right(self._starts, at_ns) - 1, 0)

    def x(self, at_ns: int) -> float:
        """Where a time is; what comes after a session stands at its end."""
        piece = self.pieces[self.piece(at_ns)]
        return min(max(piece.left + (at_ns - piece.first_ns) * self.per_ns, piece.left), piece.right)

    def ticks(self) -> Iterator[tuple[float, str]]:
        """Where the axis has labels, and which."""
        step = next((step for step in _STEPS if step * self.per_ns >= 84), _STEPS[-1])
        free = 0.0
        for piece in self.pieces:
            at_ns = -(-piece.first_ns // step) * step
            while at_ns <= piece.last_ns:
                x = self.x(at_ns)
                if x >= free:
                    yield x, _label(at_ns, step)
                    free = x + 70
                at_ns += step


class _Up:
    """The price axis."""

    def __init__(self, low: Decimal, high: Decimal) -> None:
        if low == high:
            margin = multiply(low.copy_abs(), _THOUSANDTH) or Decimal(1)
            low, high = subtract(low, margin), add(high, margin)
        margin = multiply(subtract(high, low), Decimal("0.04"))
        self._low, self._high = subtract(low, margin), add(high, margin)
        self._per_px = (_BOTTOM - _TOP) / float(subtract(self._high, self._low))

    def y(self, px: Decimal) -> float:
        """Where a price is."""
        return _BOTTOM - float(subtract(px, self._low)) * self._per_px

    def ticks(self) -> list[Decimal]:
        """The round prices within."""
        fifth = multiply(subtract(self._high, self._low), _FIFTH)
        unit = EXACT.scaleb(Decimal(1), fifth.adjusted())
        step = next(size for digit in (1, 2, 5, 10) if (size := multiply(unit, Decimal(digit))) >= fifth)
        px = multiply(ratio(self._low, step, 0), step)
        found = []
        while px <= self._high:
            if px >= self._low:
                found.append(px)
            px = add(px, step)
        return found


def chart(name: str, samples: Sequence[Quote], sessions: Sequence[tuple[int, int]], dots: Sequence[Dot]) -> str:
    """A drawing of a symbol's market with its fills; empty if there is nothing to draw."""
    prices = [px for quote in samples for px in (quote.bid_px, quote.ask_px) if px is not None]
    prices += [dot.px for dot in dots]
    if not prices or not sessions:
        return ""
    up = _Up(min(prices), max(prices))
    labels = [(up.y(px), plain(px)) for px in up.ticks()]
    left = 14 + _DIGIT * max(len(label) for _, label in labels)
    across = _Across(sessions, left)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Bid, ask and fills of {text(name)}">',
        *(_price_tick(y, label, left) for y, label in labels),
        *_time_ticks(across),
        *_market(_thinned(samples), across, up),
        *(_dot(dot, across, up) for dot in dots),
        "</svg>",
    ]
    return "\n".join(parts)


def _market(samples: Sequence[Quote], across: _Across, up: _Up) -> Iterator[str]:
    """The band where both sides are quoted, and a line for each side."""
    numbers = [across.piece(quote.received_ns or 0) for quote in samples]
    bids, asks = [quote.bid_px for quote in samples], [quote.ask_px for quote in samples]
    both = [bid is not None and ask is not None for bid, ask in zip(bids, asks, strict=True)]
    for start, end in _runs(both, numbers):
        low, high = _steps(samples, bids, start, end, across, up), _steps(samples, asks, start, end, across, up)
        yield f'<path class="band" d="{_path([*high, *reversed(low)])}Z"/>'
    for side, prices in (("bid", bids), ("ask", asks)):
        for start, end in _runs([px is not None for px in prices], numbers):
            yield f'<path class="{side}" d="{_path(_steps(samples, prices, start, end, across, up))}"/>'


def _runs(there: Sequence[bool], numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The stretches, from and to, of what is there in one session."""
    start = 0
    for end in range(1, len(there) + 1):
        if end == len(there) or there[end] != there[start] or numbers[end] != numbers[start]:
            if there[start]:
                yield start, end
            start = end


def _steps(
    samples: Sequence[Quote], prices: Sequence[Decimal | None], start: int, end: int, across: _Across, up: _Up
) -> list[Point]:
    """The corners of a price that holds until the next sample, and the last one until its session ends."""
    corners: list[Point] = []
    for quote, px in zip(samples[start:end], prices[start:end], strict=True):
        x, y = across.x(quote.received_ns or 0), up.y(px or ZERO)
        if corners and y != corners[-1][1]:
            corners.append((x, corners[-1][1]))
        if not corners or y != corners[-1][1]:
            corners.append((x, y))
    ended = across.pieces[across.piece(samples[start].received_ns or 0)].right
    if end < len(samples):
        ended = min(ended, max(across.x(samples[end].received_ns or 0), corners[-1][0]))
    return [*corners, (ended, corners[-1][1])]


def _path(corners: Sequence[Point]) -> str:
    """Corners as path data, level and upright lines in short."""
    written = [(f"{x:.1f}", f"{y:.1f}") for x, y in corners]
    parts = [f"M{written[0][0]} {written[0][1]}"]
    for (x0, y0), (x, y) in pairwise(written):
        if y == y0:
            parts.append(f"H{x}")
        else:
            parts.append(f"V{y}" if x == x0 else f"L{x} {y}")
    return "".join(parts)


def _thinned(samples: Sequence[Quote]) -> Sequence[Quote]:
    """No more of them than can be told apart."""
    every = -(-len(samples) // _POINTS) if samples else 1
    thinned = samples[::every]
    return thinned if every == 1 or thinned[-1] is samples[-1] else (*thinned, samples[-1])


def _dot(dot: Dot, across: _Across, up: _Up) -> str:
    at = f'cx="{across.x(dot.at_ns):.1f}" cy="{up.y(dot.px):.1f}" r="2.8"'
    circle = f'<circle class="{dot.side}" {at}><title>{text(dot.title)}</title></circle>'
    return f'<a href="#{dot.link}">{circle}</a>' if dot.link else circle


def _price_tick(y: float, label: str, left: float) -> str:
    line = f'<path class="grid" d="M{left:.1f} {y:.1f}H{_RIGHT}"/>'
    return f'{line}<text class="px" x="{left - 8:.1f}" y="{y + 3.5:.1f}">{label}</text>'


def _time_ticks(across: _Across) -> Iterator[str]:
    """A label for each tick, the date where a session begins, and a line where one ends."""
    for x, label in across.ticks():
        yield f'<path class="grid" d="M{x:.1f} {_BOTTOM}V{_BOTTOM + 5}"/>'
        yield f'<text class="time" x="{x:.1f}" y="{_BOTTOM + 18}">{label}</text>'
    free = 0.0
    for before, piece in zip([None, *across.pieces], across.pieces, strict=False):
        if before is not None:
            yield f'<path class="break" d="M{(before.right + piece.left) / 2:.1f} {_TOP}V{_BOTTOM + 5}"/>'
        if piece.left >= free:
            yield f'<text class="date" x="{piece.left:.1f}" y="{_BOTTOM + 34}">{moment(piece.first_ns)[:19]}</text>'
            free = piece.left + 135


def _label(at_ns: int, step: int) -> str:
    """A time to the precision of its step."""
    whole = moment(at_ns)
    if step >= _DAY:
        return whole[:10]
    if step >= 60 * _SECOND:
        return whole[11:16]
    return whole[11:19] if step >= _SECOND else whole[11:].rstrip("0").rstrip(".")
