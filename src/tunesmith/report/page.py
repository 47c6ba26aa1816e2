"""A report as one HTML page: it loads nothing, opens from the disk, and prints."""

from __future__ import annotations

import json
from html import escape

from tunesmith.languages import Words
from tunesmith.report.content import Content, Section, Table
from tunesmith.text import printable
from tunesmith.visualization.figures import draw
from tunesmith.visualization.static import plotly_js

MOST_BYTES = 3_000_000  # of the page

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.55 system-ui, "Noto Sans CJK SC", sans-serif; color: #1d1d1f; margin: 0 auto; padding: 1.5rem;
  max-width: 60rem; }
h1 { font-size: 1.7rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem;
  border-bottom: 1px solid #d8d8dc; }
.subtitle, figcaption { color: #5b5b60; } p { margin: .4rem 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .8rem 0; font-size: .92rem; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #e6e6ea; vertical-align: top;
  overflow-wrap: anywhere; } td.n { font-variant-numeric: tabular-nums; }
pre { background: #f4f4f6; padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 1rem 0; } .plot { min-height: 24rem; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } figure, table { break-inside: avoid; }
  h2 { break-after: avoid; } .modebar { display: none; } }
"""
SCRIPT = """
for (const place of document.querySelectorAll("[data-figure]")) {
  const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  const size = { autosize: true, height: figure.layout.height || 420 };
  Plotly.newPlot(place, figure.data, Object.assign({}, figure.layout, size),
    { responsive: true, displaylogo: false });
}
addEventListener("beforeprint", () => document.querySelectorAll(".plot").forEach((p) => Plotly.Plots.resize(p)));
"""


def write(content: Content, words: Words) -> str:
    """Make the page.

    Args:
        content: what it says.
        words: its language.

    Returns:
        the text of the file.
    """
    program = plotly_js()
    room = MOST_BYTES - len(program.encode()) - 100_000
    parts: list[str] = []
    data: list[str] = []
    for section in content.sections:
        room = _section(section, words, parts, data, room)
    head = (
        f'<!doctype html>\n<html lang="{content.lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; img-src data: blob:\">\n"
        f"<title>{_text(content.title)}</title>\n<style>{STYLE}</style>\n</head>\n"
    )
    body = "\n".join(
        [
            f'<body>\n<h1>{_text(content.title)}</h1>\n<p class="subtitle">{_text(content.subtitle)}</p>',
            *parts,
            *data,
        ]
    )
    scripts = f"<script>{program}</script>\n<script>{SCRIPT}</script>\n" if data else ""
    return f"{head}{body}\n{scripts}</body>\n</html>\n"


def _section(section: Section, words: Words, parts: list[str], data: list[str], room: int) -> int:
    """Add a section; return how many bytes are left for figures."""
    parts.append(f"<section>\n<h2>{_text(section.title)}</h2>")
    parts += [f"<p>{_text(sentence)}</p>" for sentence in section.sentences]
    parts += [_table(table) for table in section.tables]
    for figure in (made.in_language(words) for made in section.figures):
        title = _text(figure.title)
        # What closes a script, or begins a comment in it, is written so that only JSON reads it.
        drawn = json.dumps(draw(figure, words), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        if len(drawn) > room:
            left_out = "This figure is left out: with it, the page would be larger than 3 MB."
            parts.append(f"<p><b>{title}</b>: {_text(words.translate(left_out))}</p>")
            continue
        room -= len(drawn)
        name = f"figure-{len(data)}"
        data.append(f'<script type="application/json" id="{name}">{drawn}</script>')
        parts.append(
            f'<figure>\n<div class="plot" data-figure="{name}" role="img" aria-label="{title}"></div>\n'
            f"<figcaption>{_text(figure.summary)}</figcaption>\n</figure>"
        )
    if section.code:
        parts.append(f"<pre>{escape(printable(section.code, lines=True))}</pre>")
    parts.append("</section>")
    return room


def _table(table: Table) -> str:
    head = "".join(f"<th>{_text(column)}</th>" for column in table.columns)
    rows = []
    for row in table.rows:
        cells = "".join(
            f'<td class="n">{_text(f"{v:.6g}")}</td>' if isinstance(v, float) else f"<td>{_text(v)}</td>" for v in row
        )
        rows.append(f"<tr>{cells}</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _text(value: object) -> str:
    return escape(printable(str(value)))
