"""`card`: what a notebook shows of a study, a trial, a space or a table: compact, light and dark, and without a script.

Where a front end takes the style away, or the drawings, what is left is a heading, a table and lists.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tunesmith.foundation.languages import Said, say, told
from tunesmith.foundation.look.colours import COLOURS, STATES
from tunesmith.foundation.look.drawn import Drawing, interval
from tunesmith.foundation.text import printable

__all__ = ["Answer", "Drawing", "card", "interval"]

ROWS, LINES = 8, 2  # of them that are shown; a click shows the others

# Who says that a page is dark, besides the system: JupyterLab, VS Code, Colab. The first two say that it is light, too.
DARK = "body[data-jp-theme-light=false],body.vscode-dark,body[data-vscode-theme-kind$=dark],html[theme=dark]"
LIGHT = "body[data-jp-theme-light=true],body.vscode-light,body[data-vscode-theme-kind$=light],html[theme=light]"
USED = ("card", "line", "ink", "muted", "link", "data", *dict.fromkeys(colour for colour, _, _ in STATES.values()))
# Notebooks give tables stripes and an alignment of their own, by longer selectors.
STYLE = (
    "{c}{{font:14px/1.45 system-ui,-apple-system,Segoe UI,sans-serif;max-width:720px;margin:4px 0;padding:12px 16px;"
    "color:var(--ink);background:var(--card);border:1px solid var(--line);border-radius:10px;box-sizing:border-box;"
    "overflow-x:auto;text-align:left}}"
    "{c} p{{margin:0 0 4px;color:inherit}}{c} .head{{display:flex;flex-wrap:wrap;gap:0 8px;align-items:baseline}}"
    "{c} .head b{{font-size:15px;overflow-wrap:anywhere}}{c} small{{font-size:12px;color:var(--muted)}}"
    "{c} .head .state{{margin-left:auto;font-size:13px;white-space:nowrap}}"
    "{c} .figures{{display:flex;flex-wrap:wrap;gap:4px 32px;margin:6px 0}}{c} .figures strong{{font-size:22px;"
    "line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}}{c} svg{{display:block;max-width:100%}}"
    "{c} td svg{{max-width:none}}"
    "{c} .box table{{border-collapse:collapse;margin:6px 0 2px;border:0;font-size:13px;color:inherit;"
    "font-variant-numeric:tabular-nums}}{c} .box tr{{background:none!important}}"
    "{c} .box :is(td,th){{padding:2px 20px 2px 0!important;border:0;text-align:left!important;color:inherit;"
    "vertical-align:middle;max-width:420px;overflow-wrap:break-word}}{c} .box th{{font-weight:400}}"
    "{c} .box thead+tbody :is(th,td:not(:last-child)){{white-space:nowrap}}"
    "{c} .box thead th{{color:var(--muted);font-size:12px;border-bottom:1px solid var(--line)}}"
    "{c} details{{margin:4px 0 0}}{c} summary{{cursor:pointer;font-size:13px;color:var(--link)}}"
    "{c} ul{{margin:4px 0;padding-left:20px;font-size:13px}}"
)


class Answer(NamedTuple):
    """The figure that a card is about.

    Attributes:
        label: what it is.
        value: as text.
        note: what is said below it, such as its interval.
        drawing: of the interval; empty: there is none.
    """

    label: str
    value: str
    note: str = ""
    drawing: str = ""


def card(
    title: str,
    rows: Iterable[Sequence[str]] = (),
    *,
    kind: str,
    state: str = "",
    about: str = "",
    answer: Answer | None = None,
    spark: tuple[str, str] = ("", ""),
    heads: Sequence[str] = (),
    lines: Iterable[str] = (),
) -> str:
    """Return a card as HTML, in the language of who reads. Every text is escaped here; a `Drawing` is not.

    Args:
        title: what it is of: a name, or a sentence of `say`.
        rows: of a table, each of a name and what belongs to it; the first ones are shown, and the others by a click.
        kind: for the class of the element: "report", "study".
        state: one of `STATES`; empty: it has none.
        about: what stands beside the title.
        answer: the figure.
        spark: a sparkline, and what it shows.
        heads: of the table.
        lines: sentences, the most important first; the first ones are shown, and the others by a click.
    """
    parts = [f"<b>{_sentence(title)}</b>", *([f"<small>{_sentence(about)}</small>"] if about else [])]
    if state:
        colour, _, sign = STATES[state]
        parts.append(f'<span class="state" style="color:var(--{colour})">{sign} {_cell(say(state))}</span>')
    figures = []
    if answer is not None:
        note = _cell(Drawing(answer.drawing)) + (f"<small>{_cell(answer.note)}</small>" if answer.note else "")
        figures.append(f"<small>{_cell(answer.label)}</small><br><strong>{_cell(answer.value)}</strong><br>{note}")
    if spark[0]:
        figures.append(f"<small>{_cell(spark[1])}</small>{_cell(Drawing(spark[0]))}")
    body = f'<div class="figures">{"".join(f"<div>{figure}</div>" for figure in figures)}</div>' if figures else ""
    told_lines, cells = list(map(_sentence, lines)), list(rows)
    body += "".join(f"<p>{line}</p>" for line in told_lines[:LINES])
    body += _table(cells[:ROWS], heads)
    if len(cells) > ROWS:
        body += _folded(say("{:,} more", len(cells) - ROWS), _table(cells[ROWS:], heads))
    if len(told_lines) > LINES:
        body += _folded(say("Details"), f"<ul>{''.join(f'<li>{line}</li>' for line in told_lines[LINES:])}</ul>")
    return (
        f'<div class="tunesmith-card tunesmith-{_safe(kind)}"><p class="head">{" ".join(parts)}</p>'
        f'<div class="box">{body}</div>{style()}</div>'
    )


def style() -> str:
    """Return the style of cards, as an element."""
    light, dark = (";".join(f"--{name}:{COLOURS[name][k]}" for name in USED) for k in (0, 1))
    c = ".tunesmith-card"
    rules = f"{c}{{{light}}}@media(prefers-color-scheme:dark){{{c}{{{dark}}}}}"
    return f"<style>{rules}:is({LIGHT}) {c}{{{light}}}:is({DARK}) {c}{{{dark}}}{STYLE.format(c=c)}</style>"


def _table(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th align="left">{_cell(text)}</th>' for text in heads)
    body = "".join(
        f'<tr><th align="left" scope="row">{_cell(row[0])}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in row[1:])}'
        "</tr>"
        for row in rows
    )
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if heads else ''}<tbody>{body}</tbody></table>"


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{_cell(summary)}</summary>{body}</details>"


def _sentence(text: str) -> str:
    return _safe(told(text))


def _cell(text: str) -> str:
    if isinstance(text, Drawing):
        return text
    return _safe(told(text) if isinstance(text, Said) else text)


def _safe(text: str) -> str:
    return html.escape(printable(text, lines=True), quote=True)
