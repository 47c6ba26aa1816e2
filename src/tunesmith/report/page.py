"""A report as one HTML page: it loads nothing, opens from the disk, light or dark, on a phone too, and prints."""

from __future__ import annotations

import json
from html import escape

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import Words
from tunesmith.foundation.text import printable
from tunesmith.report.banner import Banner
from tunesmith.report.content import Content, Section, Table
from tunesmith.visualization import static
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures import draw
from tunesmith.visualization.svg_style import as_svg, said_of_points

MOST_BYTES = 1_000_000  # of the figures of a page that answers, with the values of their points
MOST_STATIC = 360_000  # of drawings alone
TOO_LARGE = "This figure is left out: with it, the page would be too large."
WORDS_OF_SCRIPT = {  # what the script says
    "trial": "trial", "series": "series", "point": "{0} of {1}", "whole": "Show all", "save": "Save this figure",
    "keys": "Arrow keys go from point to point; + and - zoom; 0 shows all.",
}  # fmt: skip
WIDE, NARROW = 760, 340  # pixels of a drawing: on a desk, and on a phone

STYLE = """
:root { color-scheme: light; --bg: #fff; --ink: #1d2126; --muted: #5a626b; --line: #d5d9de; --box: #f3f6f9;
  --accent: #0072b2; }
@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; --bg: #14171a; --ink: #e6e8ea;
  --muted: #a3abb4; --line: #3a4149; --box: #1b1f24; --accent: #56b4e9; } }
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
svg svg { width: revert-layer; height: revert-layer; } .phone { display: none; }
@media (max-width: 560px) { body { padding: .9rem; } h1 { font-size: 1.35rem; } .desk { display: none; }
  .phone { display: block; } .banner dl { grid-template-columns: 1fr; gap: 0; } dt { margin-top: .5rem; } }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } figure, tr, .banner { break-inside: avoid; }
  h2, h3 { break-after: avoid; } .desk { display: block; } .phone, .tools { display: none; } }
"""
SCRIPT = """
const words = JSON.parse(document.getElementById("words").textContent);
for (const figure of document.querySelectorAll("figure")) {
  const data = JSON.parse(figure.querySelector("script").textContent), said = figure.querySelector(".told");
  const places = [...figure.querySelectorAll(".drawn")], told = (text) => { said.textContent = text; };
  const row = (number) => [`${words.trial} ${number}`];
  const shown = places.map((place) => new tunesmith.Figure(place, data, { words, told, row }));
  const tools = figure.insertBefore(document.createElement("div"), figure.firstChild);
  tools.className = "tools";
  for (const kind of data.traces.length ? ["PNG", "SVG", "CSV"] : ["PNG", "SVG"]) {
    const button = tools.appendChild(document.createElement("button"));
    button.textContent = kind;
    button.setAttribute("aria-label", `${words.save}: ${kind}`);
    button.addEventListener("click", () => {
      const place = places.find((p) => p.offsetParent !== null);
      tunesmith.save(place, kind.toLowerCase(), figure.id, shown[0].rows());
    });
  }
}
"""
ANSWERS = """
.tools { float: right; } .tools button { font: inherit; font-size: .85rem; margin-left: .3rem; padding: .1rem .6rem;
  color: var(--ink); background: var(--box); border: 1px solid var(--muted); border-radius: 4px; cursor: pointer; }
"""


@checked()
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
    style = STYLE + static.style("screen and (prefers-color-scheme: dark)") + (ANSWERS if content.interactive else "")
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
        ]
    )
    said = {key: words(sentence) for key, sentence in WORDS_OF_SCRIPT.items()}
    scripts = f"{_json(said, 'words')}\n<script>{static.script()}</script>\n<script>{SCRIPT}</script>\n"
    scripts = scripts if content.interactive else ""
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
        interactive: whether its figures answer.

    Attributes:
        parts: what is shown.
    """

    def __init__(self, words: Words, interactive: bool) -> None:
        self.parts: list[str] = []
        self._words, self._interactive = words, interactive
        self._room = MOST_BYTES if interactive else MOST_STATIC
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
        text = "".join(
            f'<div class="drawn {kind}">{as_svg(drawn, f"{name}-{kind}", figure.title, width)}</div>'
            for width, kind in ((WIDE, "desk"), (NARROW, "phone"))
        )
        if self._interactive:
            text += f'{_json(said_of_points(drawn))}<p class="notes told" role="status"></p>'
        if len(text) > self._room:
            self.parts.append(f"<p><b>{title}</b>: {_text(self._words(TOO_LARGE))}</p>")
            return
        self._room -= len(text)
        notes = f'<p class="notes">{_text(" · ".join(figure.notes))}</p>' if figure.notes else ""
        summary = f"<figcaption>{_text(figure.summary)}</figcaption>"
        self.parts.append(f'<figure id="{name}">\n<h3>{title}</h3>{notes}{text}\n{summary}\n</figure>')


def _json(value: object, name: str = "") -> str:
    """Return data for the script: what ends a script, or begins a comment in it, is written as JSON alone reads it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json"{f" id={name}" if name else ""}>{text}</script>'


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
