"""Page: an account as one HTML document, which needs nothing but itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from exo.mkt import Side
from exo.replay.account import Account, Decision, Line, Sums
from exo.replay.chart import Dot, chart
from exo.replay.figures import average_px
from exo.replay.markup import DASH, Times, extent, lasting, moment, more, number, table, terms, text
from exo.replay.page_notes import NOTES
from exo.replay.page_orders import orders, place
from exo.replay.page_style import SCRIPT, STYLE

_CHARTS: Final = 12
_DOTS: Final = 5_000
_LISTED: Final = 100
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_SUM_HEADS: Final = (
    "symbol",
    "as told by",
    "quotes",
    "orders",
    "executions",
    "bought qty",
    "avg px",
    "notional",
    "sold qty",
    "avg px",
    "notional",
    "fees",
)
_DECADES: Final = tuple(10**zeros for zeros in range(3, 12))


def page(account: Account) -> str:
    """The document; the same account gives the same bytes."""
    count = f"{len(account.lines)} orders"
    name = f"{count} in a live market" if account.settings.live else f"Replay of {count}"
    times = Times(account.survey.first_ns)
    parts = (
        _top(account, name),
        _headline(account),
        _symbols(account, times),
        _section("Orders", orders(account.lines, times)),
        _section("Decisions", _distributions([decision for line in account.lines for decision in line.decisions])),
        _refused(account.refused),
        _section("How to read these figures", terms("read", NOTES)),
    )
    body = "\n".join(part for part in parts if part)
    return f"""<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: {text(account.settings.delegate)}</title>
<style>{STYLE}</style>
</head>
<body>
{body}
<script>{SCRIPT}</script>
</body>
</html>
"""


def _section(name: str, body: str) -> str:
    return f"<section>\n<h2>{name}</h2>\n{body}\n</section>"


def _top(account: Account, name: str) -> str:
    """What was replayed, and what must not be overlooked."""
    alarms = "".join(f'\n<p class="alarm" role="alert">{alarm}</p>' for alarm in _alarms(account))
    return f"""<header>
<p class="over">exo, execution on paper</p>
<h1>{name}</h1>{alarms}
{terms("set", _settings(account))}
</header>"""


def _alarms(account: Account) -> Iterator[str]:
    if not account.agrees:
        yield "The orders do not agree with the venue’s own account: do not rely on these figures."
    if account.interrupted:
        yield "It was interrupted: this is what there was until then."


def _settings(account: Account) -> Iterator[tuple[str, str]]:
    settings, survey = account.settings, account.survey
    yield "Market" if settings.live else "Files", ", ".join(text(file) for file in settings.files) or DASH
    yield "Delegate", text(settings.delegate)
    yield "From", f"{moment(survey.first_ns)} UTC"
    yield "To", f"{moment(survey.last_ns)} UTC"
    yield "Act time", extent(*map(lasting, settings.act_time_ns))
    if not settings.live:
        yield "Feed latency", extent(*map(lasting, settings.feed_latency_ns))
    yield "Maker fee", f"{number(settings.maker_bps)} bps"
    yield "Taker fee", f"{number(settings.taker_bps)} bps"
    yield "Deadline", lasting(settings.deadline_ns)
    yield "Seed", number(settings.seed)


def _headline(account: Account) -> str:
    totals, survey = account.totals, account.survey
    executions = sum(line.executions for line in account.lines)
    venue = sum(sums.executions for sums in account.venue.values())
    fates = ", ".join(f"{met} {fate.value.lower().replace('_', ' ')}" for fate, met in account.fates.items())
    agreement = "as the venue has them" if account.agrees else f"the venue has {venue} and does not agree"
    ages = f"median; 99% {lasting(totals.age_p99_ns)}, most {lasting(totals.age_max_ns)}"
    sessions = len(survey.sessions)
    figures = (
        ("Orders", number(len(account.lines)), fates),
        ("Executions", number(executions), agreement),
        ("Cost against arrival, bps", *_slippage(account.lines, lambda line: line.slippage_arrival_bps)),
        ("Cost against VWAP, bps", *_slippage(account.lines, lambda line: line.slippage_vwap_bps)),
        ("Ticks", number(survey.ticks), f"{_many(len(survey.quotes), 'symbol')}, {_many(sessions, 'session')}"),
        ("Updates", number(totals.updates), f"calls of delegates, in {totals.turns} turns"),
        ("Conflated ticks", number(totals.conflated), "folded into later ones before a delegate looked"),
        ("Age of the quote", lasting(totals.age_p50_ns), ages),
    )
    tiles = terms("head", ((name, f"<b>{value}</b>{said}") for name, value, said in figures))
    rest = (
        f"{totals.unwatched} ticks came while their symbol had no order, {totals.odd} quotes were crossed or below 0, "
        f"{totals.orphans} reports were orphans, {totals.repeated} executions came again and were dropped."
    )
    return _section("Headline", f'{tiles}\n<p class="note">{rest}</p>{_sessions(survey.sessions)}')


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s'[: count != 1]}"


def _slippage(lines: Sequence[Line], pick: Callable[[Line], Decimal | None]) -> tuple[str, str]:
    """The median and the range, each of them the figure of an order."""
    costs = sorted(cost for line in lines if (cost := pick(line)) is not None)
    if not costs:
        return DASH, "nothing to compare"
    spread = extent(number(costs[0]), number(costs[-1]))
    return number(costs[len(costs) // 2]), f"median; {spread}, of {len(costs)} orders"


def _sessions(sessions: Sequence[tuple[int, int]]) -> str:
    if len(sessions) < 2:
        return ""
    rows = [(f"{at}", moment(first), moment(last)) for at, (first, last) in enumerate(sessions[:_LISTED], 1)]
    return table("sessions", ("session", "from, UTC", "to, UTC"), rows) + more(len(sessions) - len(rows), "sessions")


def _symbols(account: Account, times: Times) -> str:
    """The sums of each symbol, with those of the venue where they differ, and the charts."""
    symbols = account.symbols
    met = Counter(line.symbol for line in account.lines)
    rows = []
    for name in sorted(symbols | account.venue):
        sums, venue = symbols.get(name), account.venue.get(name)
        quotes = number(account.survey.quotes.get(name, 0))
        if sums is not None:
            rows.append((text(name), "orders", quotes, number(met[name]), *_sums(sums)))
        if venue != sums:
            rows.append((text(name), "venue", quotes, DASH, *_sums(venue or Sums())))
    most = sorted(symbols, key=lambda name: (-symbols[name].executions, name))
    drawn = sorted(most[:_CHARTS])
    note = f'<p class="note">The {_CHARTS} symbols with most executions are drawn.</p>' if drawn != sorted(most) else ""
    figures = [_figure(account, name, symbols[name].executions, _DOTS // len(drawn), times) for name in drawn]
    return _section("Symbols", "\n".join((table("sums", _SUM_HEADS, rows), note, *figures)))


def _sums(sums: Sums) -> tuple[str, ...]:
    return (
        number(sums.executions),
        number(sums.bought_qty),
        number(average_px(sums.bought_notional, sums.bought_qty)),
        number(sums.bought_notional),
        number(sums.sold_qty),
        number(average_px(sums.sold_notional, sums.sold_qty)),
        number(sums.sold_notional),
        number(sums.fees),
    )


def _figure(account: Account, name: str, executions: int, room: int, times: Times) -> str:
    dots = [dot for at, line in enumerate(account.lines) if line.symbol == name for dot in _dots(at, line, times)][
        :room
    ]
    drawing = chart(name, account.curves.get(name, ()), account.survey.sessions, dots)
    if not drawing:
        return ""
    count = f"{len(dots)} of {executions}" if len(dots) < executions else f"{executions}"
    return f"""<figure>
<figcaption><b>{text(name)}</b> <span><i class="band"></i>bid to ask</span> <span><i class="buy"></i>bought</span>
<span><i class="sell"></i>sold</span> <span>{count} executions, UTC</span></figcaption>
<div class="wide">{drawing}</div>
</figure>"""


def _dots(at: int, line: Line, times: Times) -> Iterator[Dot]:
    verb = "bought" if line.side is Side.BUY else "sold"
    for fill in line.fills:
        title = f"{line.order_id} {verb} {number(fill.qty)} at {number(fill.px)}, {times(fill.at_ns)}"
        yield Dot(fill.at_ns, fill.px, line.side.value.lower(), title, place(at))


def _distributions(decisions: Sequence[Decision]) -> str:
    if not decisions:
        return '<p class="note">Nothing was decided.</p>'
    ticks = Counter(_ticks(decision) for decision in decisions)
    ages = Counter(_age(decision) for decision in decisions)
    note = f"All {len(decisions)} decisions that the account keeps, the first of each order, counted by what they saw."
    bars = _bars("ticks folded into it", ticks, _ticks_label) + _bars("age of its quote", ages, _age_label)
    return f'<p class="note">{note}</p>\n<div class="bars">{bars}</div>'


def _ticks(decision: Decision) -> int:
    """The step of the number of ticks: none, one, and then up to each power of two."""
    ticks = 0 if decision.seen is None else decision.seen.quotes + decision.seen.trades
    return (ticks - 1).bit_length() + 1 if ticks else 0


def _ticks_label(step: int) -> str:
    return str(step) if step < 2 else extent(str(2 ** (step - 2) + 1), str(2 ** (step - 1)))


def _age(decision: Decision) -> int:
    """The step of the age: unknown, none, and then up to each power of ten."""
    age_ns = decision.age_ns
    if age_ns is None:
        return -1
    return 1 + sum(age_ns > decade for decade in _DECADES) if age_ns > 0 else 0


def _age_label(step: int) -> str:
    if step < 1:
        return "0" if step == 0 else "no quote"
    return f"up to {lasting(_DECADES[step - 1])}" if step <= len(_DECADES) else f"over {lasting(_DECADES[-1])}"


def _bars(name: str, counts: Counter[int], label: Callable[[int], str]) -> str:
    most = max(counts.values())
    rows = [
        (label(step), number(counts[step]), f'<i style="width:{100 * counts[step] / most:.1f}%"></i>')
        for step in range(min(counts), max(counts) + 1)
    ]
    return table("histogram", (name, "decisions", ""), rows)


def _refused(refused: Sequence[str]) -> str:
    if not refused:
        return ""
    items = "\n".join(f"<li>{text(reason)}</li>" for reason in refused[:_LISTED])
    return _section("Refused instructions", f"<ul>\n{items}\n</ul>{more(len(refused) - _LISTED, 'refused')}")
