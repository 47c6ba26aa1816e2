"""A report as one HTML page: it loads nothing, opens from the disk, light or dark, on a phone too, and prints."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import cell_text
from tunesmith.foundation.languages import Words
from tunesmith.foundation.look import mark, tokens
from tunesmith.foundation.text import printable
from tunesmith.report.banner import EXPECT, SURE, USE, Banner
from tunesmith.report.content import Content, Section, Table
from tunesmith.visualization import static
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures import draw
from tunesmith.visualization.svg_style import as_svg, dark, said_of_points

MOST_BYTES = 1_000_000  # of the figures of a page that answers, with the values of their points
MOST_STATIC = 360_000  # of drawings alone
TOO_LARGE = "This figure is left out: with it, the page would be too large."
WORDS_OF_SCRIPT = {  # what the script says
    "trial": "trial", "series": "series", "point": "{0} of {1}", "whole": "Show all", "save": "Save this figure",
    "keys": "Arrow keys go from point to point; + and - zoom; 0 shows all.",
}  # fmt: skip
STYLE = files("tunesmith.report") / "page.css"
WIDE, NARROW = 760, 360  # pixels of a drawing: over the whole page, and over half of it or on a phone

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
    style = tokens(dark=False) + STYLE.read_text(encoding="utf-8") + static.style()
    style += f"@media screen and (prefers-color-scheme:dark){{{tokens(dark=True)}:root{{{dark()}}}}}\n"
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
            f"<body>\n<header>{mark(36)}<h1>{_text(content.title)}</h1>"
            f'<p class="subtitle">{_text(content.subtitle)}</p></header>\n<main>',
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
    head, *more = [_text(sentence) for sentence in banner.lines[USE]]
    sides: tuple[list[str], list[str]] = ([], [])
    for label, said in banner.lines.items():
        told = [_text(sentence) for sentence in said]
        if label == EXPECT and banner.figure is not None:
            about, value, note = (_text(words.said(text)) for text in banner.figure[:3])
            told = [f'<span class="big">{value}</span> {about}', banner.figure.drawing, note]
        elif label == SURE and (sure := banner.sure) is not None:
            name, why = (_text(words.said(text)) for text in (sure.name, sure.why))
            told = [f'<b class="{sure.level}">{name}</b>', why, *told]
        if label != USE:
            lines = "".join(f"<p>{line}</p>" for line in told)
            sides[label in (EXPECT, SURE)].append(f"<dt>{_text(words(label))}</dt><dd>{lines}</dd>")
    left, right = ("".join(side) for side in sides)
    why = "".join(f"<p>{sentence}</p>" for sentence in more)
    begin = f"<div><h2>{head}</h2>{why}{_forms(banner, words)}<dl>{left}</dl></div>"
    return f'<section class="answer">{begin}{f"<dl>{right}</dl>" if right else ""}</section>'


def _forms(banner: Banner, words: Words) -> str:
    """Return the parameters once, in the form that a reader chooses."""
    if not banner.forms:
        return ""
    chosen = "".join(
        f'<input type="radio" name="form" id="form-{k}"{"" if k else " checked"}>'
        f'<label for="form-{k}">{_text(words(form))}</label>'
        for k, form in enumerate(banner.forms)
    )
    copied = "".join(f'<pre tabindex="0">{escape(printable(code, lines=True))}</pre>' for code in banner.forms.values())
    return f"<fieldset><legend>{_text(words('Parameters to copy'))}</legend>{chosen}{copied}</fieldset>"


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
        drawn = [self._figure(figure.in_language(self._words), section.title) for figure in section.figures]
        if drawn:
            self.parts += ['<div class="figures">', *drawn, "</div>"]
        for table in section.tables:
            folds = f"<details><summary>{_text(self._words('As a table'))}</summary>" if table.drawn and drawn else ""
            self.parts.append(f"{folds}{_table(table)}{'</details>' if folds else ''}")
        if section.code:
            self.parts.append(f'<pre tabindex="0">{escape(printable(section.code, lines=True))}</pre>')
        self.parts.append("</section>")

    def _figure(self, figure: FigureData, above: str) -> str:
        """Return a figure: the first one, and one of several panels, as wide as the page; others half as wide.

        Args:
            figure: in the reader's language.
            above: the heading of its section, which is not said twice.
        """
        title, name = _text(figure.title), f"figure-{self._figures}"
        drawn = draw(figure, self._words)
        panels = sum(key.startswith("xaxis") for key in drawn["layout"]) or 2
        is_whole, self._figures = not self._figures or panels > 1, self._figures + 1
        sizes = ((WIDE, "drawn desk"), (NARROW, "drawn phone")) if is_whole else ((NARROW, "drawn"),)
        text = "".join(
            f'<div class="{kind}">{as_svg(drawn, f"{name}-{width}", figure.title, width)}</div>'
            for width, kind in sizes
        )
        if self._interactive:
            text += f'{_json(said_of_points(drawn))}<p class="notes told" role="status"></p>'
        if len(text) > self._room:
            return f'<p class="broad"><b>{title}</b>: {_text(self._words(TOO_LARGE))}</p>'
        self._room -= len(text)
        notes = f'<p class="notes">{_text(" · ".join(figure.notes))}</p>' if figure.notes else ""
        kind = ("broad" if panels > 1 else "broad low") if is_whole else ""
        head = "" if figure.title == above else f"<h3>{title}</h3>"
        return (
            f'<figure id="{name}" class="{kind}">\n{head}{notes}{text}\n'
            f"<figcaption>{_text(figure.summary)}</figcaption>\n</figure>"
        )


def _json(value: object, name: str = "") -> str:
    """Return data for the script: what ends a script, or begins a comment in it, is written as JSON alone reads it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json"{f" id={name}" if name else ""}>{text}</script>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(column)}</th>' for column in table.columns)
    rows = []
    for row in table.rows:
        cells = "".join(
            f'<td class="n">{cell_text(v)}</td>' if isinstance(v, float) else f"<td>{_text(v)}</td>" for v in row
        )
        rows.append(f"<tr>{cells}</tr>")
    return (
        f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _text(value: object) -> str:
    return escape(printable(str(value)))
