"""The page of a replay: every figure of the account, nothing that acts, and one file that needs no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal as D
from enum import Enum
from html.parser import HTMLParser
from itertools import combinations
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec.structs import replace as changed

import exo
from exo.delegates import Sweep, SweepOrder
from exo.mkt import LastLiquidityInd, Side, TimeInForce
from exo.replay import Account, Decision, Delay, Fate, Fill, Line, Plan, Seen, Settings, Survey, replay
from exo.replay.page import page
from exo.run import Totals
from exo.testing import RandomWalk

S = 1_000_000_000
T0, DAY = 1_700_000_000 * S, "2023-11-14"
DASH = "–"
DIGITS = D("12345678901234567890123456789.01234567890123456789012345678")
HOSTILE = """</title></style></script><script>alert("1")</script><img src='x' onerror="y">&amp;&lt;--><!-- & "q"""
COLUMNS = (
    "order_id side symbol order_qty price fate why cum_qty avg_px arrival_px slippage_arrival_bps vwap "
    "slippage_vwap_bps market_volume participation fees executions requests submitted_ns ended_ns"
)
HEADS = (
    "order|side|symbol|qty|limit|fate|why not filled|filled qty|avg px|arrival px|vs arrival bps|interval VWAP|"
    "vs VWAP bps|market volume|participation %|fees|executions|requests|submitted UTC, 2023-11-14|ended UTC"
)


class Node(NamedTuple):
    """An element of a page, with what is in it."""

    tag: str
    attrs: dict[str, str]
    inside: list[Any]

    @property
    def text(self) -> str:
        return " " if self.tag == "br" else "".join(i if isinstance(i, str) else i.text for i in self.inside)

    def all(self, tag: str = "", name: str = "") -> Iterator[Node]:
        """What is anywhere in it: of that tag and class if told."""
        for node in self.inside:
            if isinstance(node, Node):
                if tag in ("", node.tag) and name in ("", *node.attrs.get("class", "").split()):
                    yield node
                yield from node.all(tag, name)

    def cells(self, name: str) -> list[list[str]]:
        """The rows of all tables of that class in it, without their heads."""
        return [[cell.text for cell in row.all("td")] for t in self.all("table", name) for row in [*t.all("tr")][1:]]

    def orders(self) -> dict[str, Any]:
        """By order id: the cells of its row, and the tables of fills and of decisions that it unfolds to."""
        bodies = [list(body.all("tr")) for body in self.all("tbody", "order")]
        rows = [([cell.text for cell in row.all("td")], more[0]) for row, *more in bodies]
        return {row[0]: (row, more.cells("fills"), more.cells("decisions")) for row, more in rows}

    def height(self, side: str, x: float) -> float:
        """How high the line of a side is drawn there."""
        found = at = y = 0.0
        path = "".join(node.attrs["d"] for node in self.all("path", side))
        for command, numbers in re.findall(r"([MHVL])([^MHVL]*)", path):
            to = [float(number) for number in numbers.split()]
            at, y = {"H": (to[0], y), "V": (at, to[0])}.get(command, (to[0], to[-1]))
            found = y if at <= x else found
        return found


class Page(HTMLParser):
    """The page of an account as elements; a tag may close none but the last one opened."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.open = [Node("", {}, [])]
        self.feed(page(account))
        self.close()
        [self.root] = self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(node := Node(tag, {name: value or "" for name, value in attrs}, []))
        if tag not in ("meta", "br", "input"):
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def alarms(account: Account) -> list[str]:
    """The warnings that are there to be seen."""
    return [p.text for p in next(Page(account).root.all("header")).all("p", "alarm") if [*p.attrs] == ["class", "role"]]


def told(value: Any, *more: Any) -> str:
    """Plain digits without trailing zeros, words, a time, or a dash; or from one to another."""
    if more and more != (value,):
        return f"{told(value)} to {told(*more)}"
    if isinstance(value, int) and value >= T0:
        return f"{datetime.fromtimestamp(value // S, UTC):%Y-%m-%d %H:%M:%S}.{value % S:09}".removeprefix(f"{DAY} ")
    if isinstance(value, D):
        return re.sub(r"\.0+$|(\.\d*[1-9])0+$", r"\1", f"{value or D(0):f}")
    return DASH if value is None else value.value.lower().replace("_", " ") if isinstance(value, Enum) else str(value)


def decided(made: Decision) -> list[str]:
    took = [DASH if ns is None else str(Delay(ns, ns)) for ns in (made.age_ns, made.sent_ns - made.looked_ns)]
    sent = f"{told(made.order_qty)} at {told(made.price or 'market')} {made.time_in_force.value}"
    seen = [DASH] * 6
    if made.seen is not None:
        quotes, trades, *ends = msgspec.structs.astuple(made.seen)
        seen = [told(quotes), told(trades), *map(told, ends[::2], ends[1::2])]
    sent = "cancel" if made.cancel else sent
    return [told(made.looked_ns), *took, sent, told(made.bid_px), told(made.ask_px), *seen]


def shown(line: Line) -> Any:
    """What the page has to say of an order: its row, its fills and its decisions."""
    row = [told(getattr(line, name)) for name in COLUMNS.split()]
    row[1], row[14] = line.side.value, told(line.participation and line.participation * 100)
    return row, [[*map(told, msgspec.structs.astuple(one))] for one in line.fills], [*map(decided, line.decisions)]


def made(kind: Any, *values: object) -> Any:
    return kind(**dict(zip(kind.__struct_fields__, values, strict=False)))


def quote(at_ns: int, bid: str, ask: str) -> exo.Quote:
    return exo.Quote("A", D(bid), D(9), D(ask), D(9), received_ns=T0 + at_ns)


def fill(at_ns: int, px: str, qty: str = "1", fee: D = D(0)) -> Any:
    return made(Fill, T0 + at_ns, D(qty), D(px), fee, LastLiquidityInd.REMOVED)


def line(*fills: Fill, **other: Any) -> Line:
    """An order with these fills, of which little else is known."""
    known = dict.fromkeys(Line.__struct_fields__) | dict(order_id="a", side=Side.BUY, symbol="A", order_qty=D(4))
    known |= dict(fate=Fate.UNFILLED, why="nobody came", submitted_ns=T0, ended_ns=T0 + 30 * S, requests=0, error="")
    known |= dict(fills=fills, executions=len(fills), cum_qty=D(len(fills)), decisions=(), notional=D(0), fees=D(0))
    return Line(**known | {"market_volume": D(0)} | other)


def account_of(*lines: Line, **other: object) -> Account:
    """An account that agrees, made by hand."""
    settings = made(Settings, (), "m:D", 0, (0, 0), (0, 0), D(0), D(0), 60 * S)
    survey = made(Survey, 4, T0, T0 + 30 * S, {"A": 3}, ((T0, T0 + 30 * S),))
    account = made(Account, settings, survey, lines, {}, made(Totals, *[0] * 12, None, None, None))
    return changed(account, **{"venue": account.symbols} | other)


@pytest.fixture(scope="module")
def market() -> Account:
    """Thirty orders, most of them filled, by delegates whose market conflates."""
    ticks, late = RandomWalk(["A", "B"], seconds=20, rate=50, seed=1, start_ns=T0), Delay(50_000_000, 50_000_000)
    return replay(ticks, Plan(orders=30, factory=Sweep, order_type=SweepOrder, act_time=late))


def test_every_figure_of_an_order_is_that_of_the_account_to_the_last_digit(market):
    """Under its head; of its fills and decisions too; in plain digits, however many."""
    exact = dict(price=DIGITS, avg_px=-DIGITS, vwap=D("0E-9"), fees=D("-1E-20"), participation=D("1234.500001"))
    fills = fill(31 * S, "0.000000010", "1E+3", -DIGITS), fill(86_400 * S + 1, "-0.50", "7.0")
    odd = line(*fills, order_qty=D("1E+3"), slippage_vwap_bps=D("-0.0001"), **exact)
    for account in (market, account_of(odd)):
        root = Page(account).root
        assert "|".join(head.text for head in next(next(root.all("div", "orders")).all("thead")).all("th")) == HEADS
        assert [*root.orders().values()] == [*map(shown, account.lines)]


def test_what_comes_from_outside_is_text_and_never_markup():
    """The same elements with the same attributes, whatever symbols, ids, delegates, files and refusals are called."""

    def named(word: str) -> Node:
        one = line(fill(S, "100"), order_id=word, symbol=word, why=word, error=f"E{word}")
        settings = changed(account_of().settings, delegate=word, files=(word,))
        return Page(account_of(one, settings=settings, curves={word: (quote(0, "99", "101"),)}, refused=(word,))).root

    hostile, tame = named(HOSTILE), named("tame")
    assert [(one.tag, *one.attrs) for one in hostile.all()] == [(one.tag, *one.attrs) for one in tame.all()]
    assert hostile.text == tame.text.replace("tame", HOSTILE) and tame.text.count("tame") > 9
    assert [node.attrs["aria-label"] for node in hostile.all("svg")] == [f"Bid, ask and fills of {HOSTILE}"]


def test_the_page_is_one_file_that_needs_no_other(market):
    """It asks for nothing, its policy would not let it, and its links lead to rows of its own."""
    root = Page(market).root
    assert not re.search(r"https?:|@import|url\(|\bfetch\b|XMLHttp|import\(", page(market))
    words = {word for node in root.all() for word in (node.tag, *node.attrs)}
    assert words.isdisjoint({"link", "img", "iframe", "object", "base", "form", "src", "srcset", "action", "data"})
    places = [f"#{node.attrs['id']}" for node in root.all() if "id" in node.attrs]
    assert len(places) == len({*places}) and {*places} >= {node.attrs["href"] for node in root.all("a")} != set()
    assert "default-src 'none'; " in next(node.attrs["content"] for node in root.all("meta") if "content" in node.attrs)


def test_the_same_account_gives_the_same_bytes(market):
    """Also one that was read anew."""
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(market), type=Account)
    assert page(market) == page(market) == page(again)


def test_every_tag_is_closed_in_its_place(market):
    """In a page that has everything, and in one that has nothing."""
    for account in (changed(market, refused=("why",), venue={}, interrupted=True), account_of()):
        assert [node.tag for node in Page(account).root.inside if isinstance(node, Node)] == ["html"]
        assert not re.search(r"<(?!path)[a-z]+[^>]*/>", page(account))


def test_an_order_without_fills_has_dashes_for_what_is_not_known():
    """Never a word of Python's, and no cell is empty."""
    blind = made(Decision, T0, T0, None, None, None, False, D(1), None, TimeInForce.IOC, None)
    decisions = (blind, changed(blind, seen=made(Seen, 0, 0, *[None] * 8)))
    unclear = line(changed(fill(S, "100"), liquidity=None), order_id="b", decisions=decisions, requests=2)
    root = Page(account_of(line(), unclear)).root
    assert [*root.orders().values()] == [shown(line()), shown(unclear)]
    assert [root.orders()["a"][0][at] for at in (4, 8, 9, 10, 11, 12, 14)] == [DASH] * 7
    for one in (root, Page(account_of()).root):
        texts = [node.text for node in one.all() if node.tag in ("td", "dd", "b", "p") and not [*node.all("i")]]
        assert all(texts) and not re.search(r"\b(None|nan|NaN|inf|Infinity|null)\b", " ".join(texts))


def test_where_orders_and_venue_disagree_there_is_a_warning_and_otherwise_none(market):
    """With the sums of both."""
    ours = market.symbols["A"]
    theirs = changed(ours, bought_qty=ours.bought_qty + D("0.00000001"))
    wrong = changed(market, venue=market.venue | {"A": theirs})
    assert alarms(market) == [] and [row[1] for row in Page(market).root.cells("sums")] == ["orders", "orders"]
    [alarm] = alarms(wrong)
    assert "do not agree" in alarm and alarms(account_of(venue={"A": theirs})) == [alarm]
    rows = [row[:2] + row[5:6] for row in Page(wrong).root.cells("sums")]
    assert rows[:2] == [["A", "orders", told(ours.bought_qty)], ["A", "venue", told(theirs.bought_qty)]]
    assert ["A", "venue", "0"] in [row[:2] + row[5:6] for row in Page(changed(market, venue={})).root.cells("sums")]


def test_an_interrupted_replay_says_so(market):
    """Where it cannot be overlooked."""
    assert ["interrupted" in alarm for alarm in alarms(changed(market, interrupted=True))] == [True]


def test_a_replay_without_any_fill_makes_a_page():
    """And so does one without orders."""
    for lines in [[line()], []]:
        root = Page(account_of(*lines, curves={"A": (quote(0, "99", "101"),)})).root
        assert [*root.orders().values()] == [*map(shown, lines)] and not [*root.all("circle")]


def test_fills_are_dots_on_the_line_of_the_price_they_took():
    """Over it, inside the drawing, further right when later and higher when dearer."""
    curve = quote(0, "99", "101"), quote(10 * S, "103", "104.5"), quote(20 * S, "96", "98")
    bought = line(fill(S, "101"), fill(15 * S, "104.5"), fill(25 * S, "98"))
    sold = line(fill(2 * S, "99"), fill(14 * S, "103"), fill(30 * S, "96"), order_id="b", side=Side.SELL)
    [svg] = Page(account_of(bought, sold, curves={"A": curve})).root.all("svg")
    _, _, width, height = map(float, svg.attrs["viewbox"].split())
    dots, fills = [dot.attrs for dot in svg.all("circle")], bought.fills + sold.fills
    drawn = [(one, float(dot["cx"]), float(dot["cy"])) for one, dot in zip(fills, dots, strict=True)]
    for at, ((one, x, y), link) in enumerate(zip(drawn, svg.all("a"), strict=True)):
        assert 0 < x < width and 0 < y < height and y == svg.height("ask" if at < 3 else "bid", x)
        looks = dots[at]["class"], link.attrs["href"]
        assert looks == (("buy", "#o0") if at < 3 else ("sell", "#o1")) and f" at {told(one.px)}, " in link.text
    for (one, x, y), (other, right, up) in combinations(drawn, 2):
        assert (one.at_ns < other.at_ns) == (x < right) and (one.px < other.px) == (y > up)
    assert [node.tag for node in svg.all() if node.tag in ("path", "circle")][-7:] == ["path"] + ["circle"] * 6


def test_the_line_holds_the_last_quote_of_a_burst():
    """Two quotes of one time, then a minute of nothing: drawn is what was there for that minute."""
    ticks = quote(0, "99", "101"), quote(0, "99", "105"), quote(60 * S, "99", "105")
    account = replay(ticks, Plan(orders=1, factory=Sweep, order_type=SweepOrder))
    root = Page(changed(account, lines=(line(fill(0, "105")),))).root
    dot = next(root.all("circle")).attrs
    assert root.height("ask", float(dot["cx"]) + 100) == float(dot["cy"])


def test_a_thousand_orders_stay_within_four_megabytes(market):
    """With all the fills and decisions that an account keeps."""
    busy = max(market.lines, key=lambda line: min(len(line.fills), len(line.decisions)))
    full = changed(busy, fills=(busy.fills * 100)[:100], decisions=(busy.decisions * 100)[:100], avg_px=DIGITS)
    lines = tuple(changed(full, order_id=f"{at:04}", executions=900, requests=900) for at in range(1000))
    assert 1_000_000 < len(page(changed(market, lines=lines)).encode()) < 4_000_000


def test_a_failed_order_shows_its_failure_and_what_is_unfilled_its_reason():
    """In the row and under it; an error that the reason does not tell comes after it."""
    stopped, failed = (Fate.STOPPED, "interrupted", "E & F"), (Fate.FAILED, "failed: dropped <it>", "dropped <it>")
    for fate, why, error in (stopped, failed, (Fate.PARTLY_FILLED, "not enough was had", "")):
        root = Page(account_of(line(fill(S, "100"), fate=fate, why=why, error=error))).root
        row, *_ = root.orders()["a"]
        assert (row[5], row[6]) == (told(fate), why if error in why else f"{why} {error}")
        assert next(next(root.all("tr", "more")).all("p")).text == row[6]
