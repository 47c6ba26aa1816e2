"""What a report is made of: sections with sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from tunesmith import __version__
from tunesmith.foundation.languages import Words
from tunesmith.report.banner import Banner
from tunesmith.visualization.figure import FigureData

PACKAGE_NAMES = {"numpy": "NumPy", "scipy": "SciPy"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        columns: the heads.
        rows: the cells of each row, text or numbers.
        drawn: whether a figure of its section shows the same: a page then folds it away.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    drawn: bool = False


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
        banner: the answer, which stands above all; None: there is none.
        interactive: whether figures can be zoomed and asked for their values, which takes about half as much again.
        card: the sections of a model card; none: it is of no model.
        about: what the head of a model card says, for programs.
    """

    title: str
    subtitle: str
    sections: list[Section]
    lang: str
    banner: Banner | None = None
    interactive: bool = False
    card: Sequence[Section] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Reportable(Protocol):
    """What says itself what a report says of it, such as a scaling law: `write_report` takes it."""

    def _report_content_(self, words: Words) -> Content | None:
        """Return what a report says, in a language; None: there is nothing to say yet."""


def stamped(subtitle: str, n: int) -> str:
    """Return the line below a report's title.

    Args:
        subtitle: with {n}, {when} and {version}.
        n: how many trials or candidates there are.

    Returns:
        the line.
    """
    when = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return subtitle.format(n=f"{n:,}", when=when, version=__version__)


def versions(*packages: str) -> str:
    """Return the versions of tunesmith and of other packages, with commas."""
    from importlib.metadata import version

    return ", ".join([f"tunesmith {__version__}", *(f"{PACKAGE_NAMES.get(p, p)} {version(p)}" for p in packages)])


def drawn_if_any(make: Callable[[], FigureData]) -> list[FigureData]:
    """Return a figure, or nothing if the study does not have what it shows."""
    try:
        return [make()]
    except ValueError:
        return []
