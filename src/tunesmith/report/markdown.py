"""A report as Markdown, for a pull request: sentences and tables; of each figure, what it shows in words."""

from __future__ import annotations

import re

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import cell_text
from tunesmith.foundation.languages import Words
from tunesmith.foundation.text import printable
from tunesmith.report.content import Content, Table

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
        for label, said in content.banner.lines:
            lines.append(words("{}: {}", f"- **{_text(label)}**", _text(between.join(said))))
        for form, code in content.banner.forms.items():
            lines += ["", f"{_text(words(form))}:", "", *_code(code)]
    for section in content.sections:
        lines += ["", f"## {_text(section.title)}"]
        for sentence in section.sentences:
            lines += ["", _text(sentence)]
        for table in section.tables:
            lines += ["", *_table(table)]
        for figure in (made.in_language(words) for made in section.figures):
            lines += ["", words("{}: {}", f"**{_text(figure.title)}**", _text(figure.summary))]
        if section.code:
            lines += ["", *_code(section.code)]
    return "\n".join(lines) + "\n"


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
