"""Columns of a terminal, in which a Chinese sign takes two."""

from __future__ import annotations

import re
from collections.abc import Sequence

SPACED = re.compile(r"[^\s\u2e80-\uffef]+|\s+|[\u2e80-\uffef]")  # what a line may end after
NO_START = "，。；：！？）」』》、”"  # signs that no line begins with


def wide(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    import unicodedata  # English needs none

    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def wrapped_for_terminal(text: str) -> str:
    """Return a text for standard output: where that is a terminal, with lines that end between words.

    Args:
        text: of several lines; those in English without blanks stay as they are.
    """
    import shutil
    import sys
    import textwrap

    if not sys.stdout.isatty():
        return text
    columns = shutil.get_terminal_size().columns
    made = textwrap.TextWrapper(columns, break_long_words=False, break_on_hyphens=False, replace_whitespace=False)

    def wrapped(line: str) -> list[str]:
        if wide(line) <= columns or not line.isprintable():
            return [line]
        if wide(line) != len(line):
            return wrapped_chinese(line, columns)
        return made.wrap(line) if " " in line.strip() else [line]

    return "\n".join(part for line in text.split("\n") for part in wrapped(line))


def wrapped_chinese(text: str, width: int) -> list[str]:
    """Return a text in lines of so many columns; between Chinese signs a line may end anywhere."""
    lines, line = list[str](), ""
    for part in SPACED.findall(" ".join(text.split())):
        if line and wide(line) + wide(part.rstrip()) > width and part not in NO_START:
            lines.append(line.rstrip())
            line = ""
        line += part if line else part.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def aligned(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> list[str]:
    """Return the lines of a table.

    Args:
        rows: the cells, as many in each row.
        numbers: whether all columns but the first are aligned to the right.
    """
    widths = [max(wide(row[k]) for row in rows) for k in range(len(rows[0]))]

    def cell(text: str, k: int) -> str:
        blank = " " * (widths[k] - wide(text))
        return blank + text if numbers and k else text + blank

    return ["  ".join(cell(text, k) for k, text in enumerate(row)).rstrip() for row in rows]
