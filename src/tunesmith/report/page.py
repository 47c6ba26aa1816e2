"""A report as one HTML page: it loads nothing, opens from the disk, light or dark, on a phone too, and prints."""

from __future__ import annotations

import json
from html import escape

from tunesmith.languages import Words
from tunesmith.report.banner import Banner
from tunesmith.report.content import Content, Section, Table
from tunesmith.text import printable
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures import draw
from tunesmith.visualization.static import plotly_js
from tunesmith.visualization.svg_style import ON_DARK, can_draw, dark, drawing

MOST_BYTES = 3_000_000  # of the page, with the library of its figures
MOST_STATIC = 360_000  # without it
TOO_LARGE = "This figure is left out: with it, the page would be larger than 3 MB."
ELSEWHERE = "This figure is left out here: the interactive page has it."
WIDE, NARROW = 760, 340  # pixels of a drawing: on a desk, and on a phone

STYLE = """
:root { color-scheme: light; --bg: #fff; --ink: #1d2126; --muted: #5a626b; --line: #d5d9de; --box: #f3f6f9;
  --accent: #0072b2; }
@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; --bg: #14171a; --ink: #e6e8ea;
  --muted: #a3abb4; --line: #3a4149; --box: #1b1f24; --accent: #56b4e9; DARK } }
* { box-sizing: border-box; }
body { font: 15px/1.55 system-ui, "Noto Sans CJK SC", sans-serif; color: var(--ink); background: var(--bg);
  margin: 0 auto; padding: 1.5rem; max-width: 52rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0; }
.subtitle, .notes { color: var(--muted); } .notes { font-size: .9rem; } p { margin: .4rem 0; overflow-wrap: anywhere; }
.banner { background: var(--box); border-left: 4px solid var(--accent); padding: .6rem 1rem; margin: 1.2rem 0; }
.banner dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1.2rem; margin: 0; }
dt { color: var(--muted); } dd { margin: 0; overflow-wrap: anywhere; } dd p { margin: 0 0 .2rem; }
.banner pre { background: var(--bg); margin: .1rem 0; padding: .3rem .6rem; font-size: .87rem; }
dd.first { font-size: 1.15rem; font-weight: 600; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: .8rem 0; font-size: .92rem; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; min-width: 4rem; } td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { background: var(--box); padding: .6rem .7rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; }
figure { margin: 1.4rem 0; } figcaption { margin: .3rem 0; } svg { display: block; width: 100%; height: auto; }
svg svg { width: revert-layer; height: revert-layer; } .phone { display: none; } .plot { min-height: 24rem; }
@media (max-width: 560px) { body { padding: .9rem; } h1 { font-size: 1.35rem; } .desk { display: none; }
  .phone { display: block; } .banner dl { grid-template-columns: 1fr; gap: 0; } dt { margin-top: .5rem; } }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } figure, tr, .banner { break-inside: avoid; }
  h2, h3 { break-after: avoid; } .desk { display: block; } .phone, .modebar { display: none; } }
"""
SCRIPT = """
const onDark = DARK, isDark = matchMedia("screen and (prefers-color-scheme: dark)");
const coloured = (text) => JSON.parse(text, (_, v) => isDark.matches && Object.hasOwn(onDark, v) ? onDark[v] : v);
function show() {
  for (const place of document.querySelectorAll("[data-figure]")) {
    const figure = coloured(document.getElementById(place.dataset.figure).textContent);
    const size = { autosize: true, height: figure.layout.height || 420 };
    Plotly.react(place, figure.data, Object.assign({}, figure.layout, size), { responsive: true, displaylogo: false });
  }
}
show();
isDark.addEventListener("change", show);
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
    made = _Page(words, content.interactive)
    for section in content.sections:
        made.add(section)
    style = STYLE.replace("DARK", dark() if not content.interactive else "")
    scripts = "script-src 'unsafe-inline'; " if content.interactive else ""
    head = (
        f'<!doctype html>\n<html lang="{content.lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; {scripts}'
        "style-src 'unsafe-inline'; img-src data: blob:\">\n"
        f"<title>{_text(content.title)}</title>\n<style>{style}</style>\n</head>\n"
    )
    body = "\n".join(
        [
            f'<body>\n<main>\n<h1>{_text(content.title)}</h1>\n<p class="subtitle">{_text(content.subtitle)}</p>',
            _banner(content.banner, words) if content.banner is not None else "",
            *made.parts,
            "</main>",
            *made.data,
        ]
    )
    run = SCRIPT.replace("DARK", json.dumps(ON_DARK))
    scripts = f"<script>{plotly_js()}</script>\n<script>{run}</script>\n" if made.data else ""
    return f"{head}{body}\n{scripts}</body>\n</html>\n"


def _banner(banner: Banner, words: Words) -> str:
    lines = []
    for k, (label, said) in enumerate(banner.lines):
        told = "".join(f"<p>{_text(sentence)}</p>" for sentence in said)
        lines.append(f'<dt>{_text(label)}</dt><dd class="{"" if k else "first"}">{told}</dd>')
    copied = "".join(
        f"<dt>{_text(words(form))}</dt><dd><pre>{escape(printable(code, lines=True))}</pre></dd>"
        for form, code in banner.forms.items()
    )
    return f'<div class="banner"><dl>{"".join(lines)}{copied}</dl></div>'


class _Page:
    """The parts of a page, while it is made.

    Args:
        words: its language.
        interactive: whether its figures are drawn by their library when it is opened.

    Attributes:
        parts: what is shown.
        data: what the library draws.
    """

    def __init__(self, words: Words, interactive: bool) -> None:
        self.parts: list[str] = []
        self.data: list[str] = []
        self._words, self._interactive = words, interactive
        self._room = MOST_BYTES - len(plotly_js().encode()) - 100_000 if interactive else MOST_STATIC
        self._figures = 0

    def add(self, section: Section) -> None:
        """Add a section."""
        self.parts.append(f"<section>\n<h2>{_text(section.title)}</h2>")
        self.parts += [f"<p>{_text(sentence)}</p>" for sentence in section.sentences]
        self.parts += [_table(table) for table in section.tables]
        for figure in section.figures:
            self._figure(figure.in_language(self._words))
        if section.code:
            self.parts.append(f"<pre>{escape(printable(section.code, lines=True))}</pre>")
        self.parts.append("</section>")

    def _figure(self, figure: FigureData) -> None:
        title, name = _text(figure.title), f"figure-{self._figures}"
        self._figures += 1
        drawn = draw(figure, self._words)
        if self._interactive:
            # What closes a script, or begins a comment in it, is written so that only JSON reads it.
            text = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
            shown = f'<div class="plot" data-figure="{name}" role="group" aria-label="{title}"></div>'
        elif can_draw(drawn):
            sizes = ((WIDE, "desk"), (NARROW, "phone"))
            text = "".join(
                f'<div class="{kind}">{drawing(drawn, f"{name}-{kind}", figure.title, width)}</div>'
                for width, kind in sizes
            )
            shown = text
        else:
            text = shown = ""
        if not text or len(text) > self._room:
            why = TOO_LARGE if self._interactive else ELSEWHERE
            self.parts.append(f"<p><b>{title}</b>: {_text(self._words(why))}</p>")
            return
        self._room -= len(text)
        if self._interactive:
            self.data.append(f'<script type="application/json" id="{name}">{text}</script>')
            heading = notes = ""  # the library draws them
        else:
            heading = f"<h3>{title}</h3>"
            notes = f'<p class="notes">{_text(" · ".join(figure.notes))}</p>' if figure.notes else ""
        self.parts.append(
            f"<figure>\n{heading}{notes}{shown}\n<figcaption>{_text(figure.summary)}</figcaption>\n</figure>"
        )


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(column)}</th>' for column in table.columns)
    rows = []
    for row in table.rows:
        cells = "".join(
            f'<td class="n">{_text(f"{v:.6g}")}</td>' if isinstance(v, float) else f"<td>{_text(v)}</td>" for v in row
        )
        rows.append(f"<tr>{cells}</tr>")
    return (
        f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _text(value: object) -> str:
    return escape(printable(str(value)))
