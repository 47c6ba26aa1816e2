"""Columns of a terminal, in which a Chinese sign takes two."""

from __future__ import annotations

from collections.abc import Sequence


def wide(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    import unicodedata  # English needs none

    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def wrapped_for_terminal(text: str) -> str:
    """Return a text for standard output: where that is a terminal, with lines that end between words.

    Args:
        text: of several lines; those without blanks, and those in Chinese, stay as they are.
    """
    import shutil
    import sys
    import textwrap

    if not sys.stdout.isatty():
        return text
    columns = shutil.get_terminal_size().columns
    made = textwrap.TextWrapper(columns, break_long_words=False, break_on_hyphens=False, replace_whitespace=False)
    return "\n".join(
        "\n".join(made.wrap(line)) if wide(line) > columns and line.isprintable() and " " in line.strip() else line
        for line in text.split("\n")
    )


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
