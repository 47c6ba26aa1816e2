"""What a report is made of: sections with sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.visualization.figure import FigureData


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        columns: the heads.
        rows: the cells of each row, text or numbers.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(slots=True)
class Section:
    """One part of a report.

    Attributes:
        title: its heading.
        sentences: what it says.
        tables: shown after that.
        figures: the arrays of its figures, the most important first.
        code: what can be run, or nothing.
    """

    title: str
    sentences: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: list[FigureData] = field(default_factory=list)
    code: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.sentences or self.tables or self.figures or self.code)


@dataclass(frozen=True, slots=True)
class Content:
    """A report.

    Attributes:
        title: its heading.
        subtitle: what is said below it.
        sections: its parts, in their order.
        lang: the language of all that, "en" or "zh".
    """

    title: str
    subtitle: str
    sections: list[Section]
    lang: str
