"""The page around the sections of a report: escaped text, style, script, one file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from aet_port.reporting.charts import still
from aet_port.reporting.views import View

# The browser itself refuses whatever would come from elsewhere.
POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'"
)
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  color: #23272e; background: #fff; }
header, main { max-width: 1060px; margin-left: 250px; padding: 0 32px; }
header { padding-top: 36px; border-bottom: 1px solid #d9dde3; padding-bottom: 18px; }
h1 { font-size: 27px; line-height: 1.25; margin: 0 0 4px; font-weight: 650; }
h2 { font-size: 20px; margin: 44px 0 10px; font-weight: 650; }
h3 { font-size: 15px; margin: 22px 0 6px; font-weight: 650; }
header p, .note, figcaption { color: #5b6370; margin: 4px 0; }
figcaption, .note { font-size: 13px; }
nav { position: fixed; top: 0; left: 0; width: 234px; height: 100vh; overflow-y: auto;
  padding: 40px 20px 20px 28px; border-right: 1px solid #d9dde3; background: #f8f9fb;
  font-size: 14px; }
nav ol { list-style: none; margin: 8px 0 0; padding: 0; }
nav a { color: #2a5d9f; text-decoration: none; display: block; padding: 3px 0; }
nav a:hover { text-decoration: underline; }
table { border-collapse: collapse; margin: 8px 0 16px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #5b6370; font-size: 13px; padding-bottom: 4px; }
th, td { text-align: left; padding: 4px 18px 4px 0; border-bottom: 1px solid #e6e9ee;
  vertical-align: top; }
thead th { border-bottom: 2px solid #c5cbd4; font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
table.facts th { font-weight: 400; color: #5b6370; width: 350px; }
td.long { overflow-wrap: anywhere; font-family: ui-monospace, "DejaVu Sans Mono", monospace;
  font-size: 12.5px; }
.missing { color: #6b4a12; background: #fdf6e7; border-left: 3px solid #dfb35a;
  padding: 7px 12px; margin: 8px 0; }
.row { display: flex; flex-wrap: wrap; gap: 22px; align-items: flex-start; }
figure { margin: 8px 0; }
figure.chart { flex: 1 1 380px; max-width: 560px; }
figure.chart img { width: 100%; display: block; }
.trio { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 14px 16px;
  max-width: 860px; }
.picture { position: relative; background: #000; line-height: 0; }
.picture img { width: 100%; image-rendering: auto; }
.picture span { position: absolute; left: 5%; bottom: 5%; height: 4px; background: #fff;
  border: 1px solid #000; box-sizing: content-box; }
.view { width: 100%; min-height: 560px; border: 1px solid #e1e5ea; }
.choices { margin: 6px 0; }
.choices button { font: inherit; font-size: 13px; margin: 0 6px 6px 0; padding: 3px 10px;
  border: 1px solid #b9c0ca; border-radius: 4px; background: #fff; color: #23272e;
  cursor: pointer; }
.choices button[aria-pressed=true] { background: #2a5d9f; border-color: #2a5d9f; color: #fff; }
pre { background: #f5f6f8; border: 1px solid #e1e5ea; padding: 10px 14px; font-size: 12.5px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
img.still { display: none; width: 100%; max-width: 640px; }
@media (max-width: 900px) {
  nav { position: static; width: auto; height: auto; border: 0; padding: 20px 24px; }
  header, main { margin-left: 0; padding-left: 24px; padding-right: 24px; }
}
@media print {
  nav { position: static; width: auto; height: auto; border: 0; padding: 0; background: none; }
  nav ol { columns: 3; }
  header, main { margin: 0; padding-left: 0; padding-right: 0; max-width: none; }
  h2 { break-after: avoid; margin-top: 26px; }
  figure, tr, .picture { break-inside: avoid; }
  .view, .choices, .hint { display: none; }
  img.still { display: block; }
  body { font-size: 11.5px; }
}
"""
PLAIN = ".view, .choices, .hint { display: none; } img.still { display: block; }"
SCRIPT = """
"use strict";
const pages = document.querySelectorAll("script[type='application/json']");
document.documentElement.dataset.views = pages.length;
document.documentElement.dataset.drawn = 0;
for (const page of pages) {
  const box = document.getElementById(page.dataset.view);
  const given = JSON.parse(page.textContent);
  const done = () => { document.documentElement.dataset.drawn++; };
  Plotly.newPlot(box, given.traces, given.layout,
    {displaylogo: false, responsive: true, scrollZoom: true, showSendToCloud: false,
     modeBarButtons: [["orbitRotation", "pan3d", "zoom3d", "resetCameraDefault3d"]]})
    .then(done);
  for (const button of document.querySelectorAll(`button[data-view='${page.dataset.view}']`)) {
    button.addEventListener("click", () => {
      for (const other of button.parentElement.children) {
        other.setAttribute("aria-pressed", other === button);
      }
      const [seen, change] = given.choices[Number(button.dataset.choice)];
      Plotly.update(box, {visible: seen}, change);
    });
  }
}
"""


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, its heading, its HTML."""

    anchor: str
    heading: str
    html: str


def words(value: Any) -> str:
    """A value as a reader wants it: four digits of a real number, a dash for what is undefined."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        if math.isinf(value):
            return "infinite"
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {words(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(words(one) for one in value)
    return str(value)


def facts(rows: Iterable[tuple[str, Any]]) -> str:
    """A table of names and values."""
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(words(value))}</td></tr>'
        for name, value in rows
    )
    return f'<table class="facts"><tbody>{lines}</tbody></table>' if lines else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
    """A table with headings; numbers stand to the right."""
    body = [list(row) for row in rows]
    right = [bool(body) and all(_numeric(row[k]) for row in body) for k in range(len(columns))]
    heads = "".join(
        f'<th scope="col"{_class(number)}>{escape(name)}</th>'
        for name, number in zip(columns, right, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(
            f"<td{_class(number, value)}>{escape(words(value))}</td>"
            for value, number in zip(row, right, strict=True)
        )
        + "</tr>"
        for row in body
    )
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{above}<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"


def _numeric(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _class(number: bool, value: Any = None) -> str:
    if number:
        return ' class="number"'
    # Hashes: text without a blank that is longer than any word.
    long = isinstance(value, str) and len(value) >= 40 and " " not in value
    return ' class="long"' if long else ""


def missing(why: str) -> str:
    """The line in place of what is left out."""
    return f'<p class="missing">Left out: {escape(why)}</p>'


def note(text: str) -> str:
    """A small line."""
    return f'<p class="note">{escape(text)}</p>'


def chart(address: str, caption: str) -> str:
    """A chart with its caption; ``address`` is that of a picture within the page."""
    line = escape(caption)
    return (
        f'<figure class="chart"><img src="{escape(address)}" alt="{line}">'
        f"<figcaption>{line}</figcaption></figure>"
    )


def picture(address: str, caption: str, nanometre: float | None = None) -> str:
    """A picture with its caption, and a bar of 1 nm: that fraction of its width."""
    line = escape(caption)
    bar = ""
    if nanometre is not None and nanometre < 0.9:
        bar = f'<span style="width:{100 * nanometre:.2f}%" title="1 nm"></span>'
    return (
        f'<figure><div class="picture"><img src="{escape(address)}" alt="{line}">{bar}</div>'
        f"<figcaption>{line}</figcaption></figure>"
    )


def view(name: str, shown: View) -> str:
    """A view that turns, with its buttons; ``name`` is that of its element."""
    import plotly.graph_objects as go  # slow to import

    figure = json.loads(go.Figure(shown.traces, go.Layout(shown.layout, template="none")).to_json())
    content = {
        "traces": figure["data"],
        "layout": figure["layout"],
        "choices": list(shown.choices.values()),
    }
    buttons = "".join(
        f'<button type="button" data-view="{name}" data-choice="{number}" '
        f'aria-pressed="{str(number == 0).lower()}">{escape(label)}</button>'
        for number, label in enumerate(shown.choices)
    )
    return (
        f'<div class="choices">{buttons}</div><div class="view" id="{name}"></div>'
        f'<img class="still" src="{still(shown.still)}" alt="{escape(shown.note)}">'
        f'<p class="note">{escape(shown.note)}. <span class="hint">Drag to turn, scroll to zoom; '
        "a click on a name in the legend hides it.</span></p>"
        f'<script type="application/json" data-view="{name}">{_script(content)}</script>'
    )


def _script(content: Any) -> str:
    """JSON that can't end the element it stands in."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def page(title: str, subtitle: str, sections: Sequence[Section], foot: str) -> str:
    """The whole page with everything that it needs; plotly.js only if there is a view in it."""
    contents = "".join(
        f'<li><a href="#{one.anchor}">{escape(one.heading)}</a></li>' for one in sections
    )
    body = "\n".join(
        f'<section id="{one.anchor}"><h2>{escape(one.heading)}</h2>\n{one.html}\n</section>'
        for one in sections
    )
    script = ""
    if any('type="application/json"' in one.html for one in sections):
        from plotly.offline import get_plotlyjs

        script = f"<script>{get_plotlyjs()}</script>\n<script>{SCRIPT}</script>"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<noscript><style>{PLAIN}</style></noscript></head>\n<body>"
        f'<nav aria-label="Contents"><strong>Contents</strong><ol>{contents}</ol></nav>\n'
        f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>\n"
        f"<main>{body}\n<footer>{note(foot)}</footer></main>\n{script}\n</body></html>\n"
    )
