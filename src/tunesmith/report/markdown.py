"""A report as Markdown, for a pull request: sentences and tables; of each figure, what it shows in words."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import cell_text
from tunesmith.foundation.languages import Words
from tunesmith.foundation.text import printable
from tunesmith.report.content import Content, Section, Table

MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")


@checked()
def write(content: Content, words: Words) -> str:
    """Make the text.

    Args:
        content: what it says.
        words: its language.

    Returns:
        the text of the file.
    """
    lines = [f"# {_text(content.title)}", "", _text(content.subtitle)]
    if content.banner is not None:
        lines.append("")
        between = " " if words.language == "en" else ""
        for label, said in content.banner.said(words).items():
            lines.append(words("{}: {}", f"- **{_text(words(label))}**", _text(between.join(said))))
        for form, code in list(content.banner.forms.items())[:1]:
            lines += ["", f"{_text(words(form))}:", "", *_code(code)]
    return "\n".join([*lines, *_sections(content.sections, words)]) + "\n"


@checked()
def write_card(content: Content, words: Words) -> str:
    """Make a model card: a head for programs, then its sections.

    Args:
        content: what it says.
        words: its language.

    Returns:
        the text of the file.

    Raises:
        TypeError: the report is of no model.
    """
    if not content.card:
        raise TypeError("a model card is of what tunesmith.tune returned; reports of others are 'html' or 'md'")
    head = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in content.about.items()]
    lines = ["---", *head, "---", "", f"# {_text(content.title)}", "", _text(content.subtitle)]
    return "\n".join([*lines, *_sections(content.card, words)]) + "\n"


def _sections(sections: Sequence[Section], words: Words) -> list[str]:
    lines = []
    for section in sections:
        lines += ["", f"## {_text(section.title)}"]
        for sentence in section.sentences:
            lines += ["", _text(sentence)]
        for table in section.tables:
            lines += ["", *_table(table)]
        for figure in (made.in_language(words) for made in section.figures):
            lines += ["", words("{}: {}", f"**{_text(figure.title)}**", _text(figure.summary))]
        if section.code:
            lines += ["", *_code(section.code)]
    return lines


def _code(code: str) -> list[str]:
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", code)), default=0))
    return [fence, printable(code, lines=True), fence]


def _table(table: Table) -> list[str]:
    rows = [[_text(cell_text(v)) for v in row] for row in table.rows]
    return [
        f"| {' | '.join(map(_text, table.columns))} |",
        f"|{'---|' * len(table.columns)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _text(value: object) -> str:
    """Return a text in which nothing is markup."""
    return MARKUP.sub(r"\\\1", printable(str(value)))
