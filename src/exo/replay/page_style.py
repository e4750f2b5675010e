"""Style: how the page of a replay looks, and what makes its order table sort and filter; it reads as well without."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --raised: #f6f7f8; --ink: #1d2125; --faint: #646b73; --rule: #dfe2e6;
  --buy: #1b5e9e; --sell: #ad4a12; --band: #e3e7ec; --edge: #98a1ab; --alarm: #9d1c1c; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14171a; --raised: #1b1f23; --ink: #d8dce0; --faint: #8d959d; --rule: #2c3137;
    --buy: #76afe6; --sell: #e79763; --band: #272d34; --edge: #69737e; --alarm: #a32626; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 32px 48px; max-width: 1720px; background: var(--paper); color: var(--ink);
  font: 13px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums lining-nums; -webkit-text-size-adjust: 100%; }
h1 { margin: 0; font-size: 22px; font-weight: 600; letter-spacing: -.01em; }
h2 { margin: 38px 0 10px; padding-bottom: 5px; border-bottom: 1px solid var(--rule); font-size: 15px;
  font-weight: 600; }
h3 { margin: 0 0 6px; font-size: 12px; font-weight: 600; }
p { margin: 6px 0; max-width: 110ch; }
a { color: inherit; }
.over { margin: 0 0 2px; color: var(--faint); font-size: 11px; letter-spacing: .08em; text-transform: uppercase; }
.note { color: var(--faint); }
.alarm { max-width: none; margin: 16px 0; padding: 12px 16px; background: var(--alarm); color: #fff; font-size: 15px;
  font-weight: 600; }
dl, dd { margin: 0; }
.set { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 3px 36px; margin: 16px 0 0; }
.set div { display: flex; gap: 12px; align-items: baseline; }
.set div:first-child { grid-column: 1 / -1; }
.set dt { flex: 0 0 8.5em; color: var(--faint); }
.set dd { overflow-wrap: anywhere; min-width: 0; }
.head { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px;
  border: 1px solid var(--rule); background: var(--rule); }
.head div { padding: 10px 14px 11px; background: var(--paper); }
.head dt { color: var(--faint); }
.head dd b { display: block; font-size: 20px; font-weight: 600; line-height: 1.35; overflow-wrap: anywhere; }
.head dd { color: var(--faint); font-size: 12px; }
.head dd b { color: var(--ink); }
.wide { overflow: auto; }
table { border-collapse: collapse; font-size: 12px; line-height: 1.35; }
th, td { padding: 3px 9px; text-align: right; white-space: nowrap; vertical-align: baseline; }
th { color: var(--faint); font-weight: 500; vertical-align: bottom; border-bottom: 1px solid var(--edge); }
td { border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { padding-left: 0; text-align: left; }
.sums td:nth-child(2), .sums th:nth-child(2), .decisions td:nth-child(4), .decisions th:nth-child(4),
.fills td:last-child, .fills th:last-child { text-align: left; }
figure { margin: 22px 0 0; }
figcaption { display: flex; flex-wrap: wrap; gap: 2px 18px; align-items: baseline; }
figcaption b { font-size: 13px; }
figcaption span { color: var(--faint); }
figcaption i { display: inline-block; width: 9px; height: 9px; margin-right: 5px; border-radius: 50%; }
figcaption i.band { width: 16px; border: solid var(--edge); border-width: 1px 0; border-radius: 0;
  background: var(--band); }
i.buy { background: var(--buy); }
i.sell { background: var(--sell); }
svg { display: block; width: 100%; min-width: 720px; max-width: 1300px; height: auto; font-size: 11px; }
svg text { fill: var(--faint); }
.px { text-anchor: end; }
.time { text-anchor: middle; }
.grid { stroke: var(--rule); fill: none; }
.break { stroke: var(--edge); stroke-dasharray: 2 3; }
path.band { fill: var(--band); }
.bid, .ask { fill: none; stroke: var(--edge); stroke-width: .8; }
circle { fill-opacity: .8; stroke: var(--paper); stroke-width: .6; }
circle:hover { stroke: var(--ink); stroke-width: 1.2; }
circle.buy { fill: var(--buy); }
circle.sell { fill: var(--sell); }
.bars { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 24px 56px; }
.bars table { width: 100%; max-width: 620px; }
.bars td { border: 0; padding: 1px 9px; }
.bars td:first-child, .bars th:first-child { width: 9em; text-align: right; }
.bars td:nth-child(2) { width: 5em; }
.bars td:last-child { text-align: left; }
.bars i { display: block; height: 9px; background: var(--edge); min-width: 1px; }
.filter { display: flex; gap: 10px; align-items: baseline; margin: 0 0 8px; }
.filter[hidden] { display: none; }
.filter input { width: 22em; max-width: 60vw; padding: 3px 7px; border: 1px solid var(--edge); border-radius: 3px;
  background: var(--paper); color: inherit; font: inherit; }
.orders { max-height: 86vh; border-bottom: 1px solid var(--rule); }
.orders > table { border-collapse: separate; border-spacing: 0; min-width: 100%; }
.orders > table > thead th { position: sticky; top: 0; z-index: 2; background: var(--paper); line-height: 1.2; }
.orders > table > thead th[tabindex] { cursor: pointer; }
.orders > table > thead th[aria-sort] { color: var(--ink); }
.orders th[aria-sort=ascending]::after { content: " \\2191"; }
.orders th[aria-sort=descending]::after { content: " \\2193"; }
.orders > table > thead th:first-child { left: 0; z-index: 3; }
.order > tr:first-child > td:first-child { position: sticky; left: 0; z-index: 1; background: var(--paper);
  max-width: 24ch; overflow: hidden; text-overflow: ellipsis; }
.orders > table > thead th:is(:nth-child(2), :nth-child(3), :nth-child(6), :nth-child(7)),
.order > tr > td:is(:nth-child(2), :nth-child(3), :nth-child(6), :nth-child(7)) { text-align: left; }
.order > tr:first-child > td:nth-child(7) { max-width: 30ch; overflow: hidden; text-overflow: ellipsis; }
.order.buy > tr > td:nth-child(2) { color: var(--buy); }
.order.sell > tr > td:nth-child(2) { color: var(--sell); }
.order > tr:first-child:hover > td { background: var(--raised); }
.order:target > tr:first-child > td { background: var(--band); }
summary { cursor: pointer; }
.more > td { padding: 0; }
.more > td > div { position: sticky; left: 0; width: min(1656px, calc(100vw - 80px)); padding: 8px 16px 14px 20px;
  background: var(--raised); white-space: normal; }
.more h3 { margin-top: 10px; }
@supports selector(:has(a)) {
  .more { display: none; }
  .order:has(details[open]) > .more { display: table-row; }
}
.read { columns: 2 420px; column-gap: 48px; }
.read div { break-inside: avoid; padding-bottom: 9px; }
.read dt { font-weight: 600; }
ul { margin: 6px 0; padding-left: 18px; }
li { overflow-wrap: anywhere; }
@media (max-width: 1000px) {
  .head { grid-template-columns: 1fr 1fr; }
}
@media (max-width: 640px) {
  body { padding: 16px 14px 32px; }
  .head div { padding: 8px 10px; }
  .head dd b { font-size: 16px; }
  .set { grid-template-columns: 1fr; }
  .more > td > div { width: calc(100vw - 28px); padding-left: 10px; }
}
@media print {
  @page { size: A4 landscape; margin: 10mm; }
  :root { color-scheme: light; --paper: #fff; --raised: #fff; --ink: #000; --faint: #444; --rule: #ccc; --buy: #1b5e9e;
    --sell: #ad4a12; --band: #e3e7ec; --edge: #888; }
  body { max-width: none; padding: 0; font-size: 10px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .wide, .orders { overflow: visible; max-height: none; }
  .orders table { font-size: 5.2px; }
  .orders th, .orders td { padding: 1px 3px; }
  .orders > table > thead th { white-space: normal; }
  .orders > table > thead th, .order > tr:first-child > td:first-child { position: static; }
  .order > tr:first-child > td:nth-child(7) { max-width: none; white-space: normal; }
  .more > td > div { position: static; width: auto; }
  .filter { display: none; }
  figure, .head, .bars { break-inside: avoid; }
}
"""

SCRIPT: Final = """
(() => {
  const table = document.querySelector(".orders > table");
  if (!table) return;
  const heads = [...table.tHead.rows[0].cells], bodies = [...table.tBodies];
  const collator = new Intl.Collator("en", { numeric: true });
  const number = text => (text.trim() === "" ? NaN : Number(text));
  const compare = (a, b) => number(a) - number(b) || collator.compare(a, b);
  const unknown = value => value === "\\u2013" || value === "";
  const sort = head => {
    const at = heads.indexOf(head), way = head.ariaSort === "ascending" ? -1 : 1;
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    const keyed = bodies.map(body => [body.rows[0].cells[at].textContent, body]);
    keyed.sort(([a], [b]) => unknown(a) - unknown(b) || way * compare(a, b));
    table.append(...keyed.map(([, body]) => body));
  };
  heads.forEach(head => {
    head.tabIndex = 0;
    head.onclick = () => sort(head);
    head.onkeydown = event => { if (event.key === "Enter") sort(head); };
  });
  const filter = document.querySelector(".filter"), input = filter.querySelector("input");
  const count = filter.querySelector("output");
  const words = bodies.map(body => [...body.rows[0].cells].map(cell => cell.textContent).join(" ").toLowerCase());
  filter.hidden = false;
  input.oninput = () => {
    const sought = input.value.toLowerCase().split(" ").filter(Boolean);
    bodies.forEach((body, at) => { body.hidden = !sought.every(word => words[at].includes(word)); });
    count.textContent = bodies.filter(body => !body.hidden).length + " of " + bodies.length;
  };
})();
"""
