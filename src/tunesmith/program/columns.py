"""Finds numbers in tables that a program prints: a line of names, and lines of numbers below it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

NUMBER = r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?i:nan|inf(?:inity)?)"
BARS = "|│┃"
NO_HEAD = ":=;"  # what no line of names has
LONGEST = 2000  # characters of a line of names
_BETWEEN_BARS = re.compile(rf"[^{BARS}]+")
_BETWEEN_COMMAS = re.compile(r"[^,]+")
_WORDS = re.compile(r"\S+(?: \S+)*")  # names with single blanks in them, between wider gaps
_WORD = re.compile(r"\S+")
_FIGURE = re.compile(r"[\d:./%_-]+[a-z]{0,2}|\W")  # what stands beside numbers: 1/10, 00:12, 3.2s, a mark
_VALUE = re.compile(rf"(?>{NUMBER})%?")


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    begin: int  # in the line
    end: int


class Head:
    """The line with the names of a table.

    Args:
        line: this line.
    """

    def __init__(self, line: str) -> None:
        self._kind = "|" if any(bar in line for bar in BARS) else "," if "," in line else " "
        self.cells = _cells(line, self._kind, head=True)

    def row(self, line: str) -> dict[str, float]:
        """Return the numbers of a line below, by the names of their columns; none, if it is no row of the table."""
        cells = _cells(line, self._kind)
        if self._kind != "|" and not all(_VALUE.fullmatch(c.text) or _FIGURE.fullmatch(c.text) for c in cells):
            return {}
        found: dict[str, float] = {}
        for i, name in enumerate(self.cells):
            if len(cells) == len(self.cells):
                cell = cells[i]
            elif self._kind == " ":  # a column without a name, or an empty cell: what stands below counts
                below = [c for c in cells if c.begin < name.end and name.begin < c.end]
                if len(below) != 1:
                    continue
                cell = below[0]
            else:
                return {}
            if _VALUE.fullmatch(cell.text):
                found[name.text] = float(cell.text.rstrip("%").replace("_", ""))
        return found


def head_of(line: str, names: Collection[str]) -> Head | None:
    """Return the head of a table that has a column of one of these names; None: the line is none."""
    if len(line) > LONGEST or not any(name in line for name in names) or any(sign in line for sign in NO_HEAD):
        return None
    head = Head(line)
    if len(head.cells) < 2 or not any(cell.text in names for cell in head.cells):
        return None
    if any(_VALUE.fullmatch(cell.text) for cell in head.cells):
        return None
    return head


def may_be_row(line: str) -> bool:
    """Tell at once of most lines that they are no rows."""
    first = line.lstrip()[:1]
    return first.isdigit() or first in tuple(BARS + "+-.")


def _cells(line: str, kind: str, *, head: bool = False) -> list[_Cell]:
    line = line.expandtabs() if kind == " " else line.strip()
    if kind == " ":
        pattern = _WORDS if head and "  " in line.strip() else _WORD
    else:
        pattern = _BETWEEN_BARS if kind == "|" else _BETWEEN_COMMAS
    return [_Cell(match.group().strip(" \t\"'"), match.start(), match.end()) for match in pattern.finditer(line)]
