"""`FigureData`: what all figures have in common, who draws them, and how arrays become JSON."""

from __future__ import annotations

import dataclasses
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import MissingDependencyError
from tunesmith.foundation.formats import json_value
from tunesmith.foundation.languages import Said, Words, joined_texts, words_of
from tunesmith.foundation.look.colours import in_dark
from tunesmith.foundation.text import did_you_mean, shown

BACKENDS = ("plotly", "matplotlib")
THEMES = ("light", "dark")
DIGITS = 6  # significant ones, of a column that begins near 0; more where it does not


@dataclass(frozen=True, eq=False, kw_only=True)
class FigureData(ABC):
    """The arrays of one figure, and its drawings.

    Attributes:
        kind: names the figure; ``plot_`` and the kind is the function that makes it.
        title: its heading.
        summary: a few sentences that say what it shows, for who does not see it.
        notes: what a reader must know, such as how many of the trials are drawn.
    """

    kind: ClassVar[str]
    title: str
    summary: str
    notes: tuple[str, ...] = ()

    @abstractmethod
    def by_plotly(self) -> dict[str, Any]:
        """Return the figure for plotly.js, of lists, numbers and texts: ``{"data": [...], "layout": {...}}``."""

    def by_matplotlib(self, figure: dict[str, Any]) -> Any:
        """Return the figure of Matplotlib, which is imported here.

        Args:
            figure: what `by_plotly` returned, in whichever language.
        """
        from tunesmith.visualization.matplotlib_style import by_matplotlib

        return by_matplotlib(figure)

    def drawn(self, backend: str, words: Words | None = None, *, theme: str = "light") -> Any:
        """Return the figure as an object of a backend.

        Args:
            backend: "plotly" or "matplotlib"; "arrays": these arrays themselves, for who draws them later.
            words: the language; None: that of who reads.
            theme: "light" or "dark", as the page is on which it stands.

        Returns:
            the figure.

        Raises:
            MissingDependencyError: the backend is not installed.
            ValueError: there is no such backend, or no such theme.
        """
        if theme not in THEMES:
            raise ValueError(f"theme takes {' or '.join(map(repr, THEMES))}; got {shown(theme)}")
        if backend == "arrays":
            return self
        if backend not in BACKENDS:
            known = " or ".join(map(repr, BACKENDS))
            raise ValueError(f"backend takes {known}; got {shown(backend)}{did_you_mean(backend, BACKENDS)}")
        words = words_of(None) if words is None else words
        try:
            if backend == "plotly":
                from plotly.graph_objects import Figure

                return Figure(self._described(words, theme))
            import matplotlib.figure  # noqa: F401  only whether it is there
        except ImportError as error:
            package, other = ("Plotly", "matplotlib") if backend == "plotly" else ("Matplotlib", "plotly")
            what = "figures need" if backend == "plotly" else "backend='matplotlib' needs"
            raise MissingDependencyError(
                f"{what} {package}: pip install {package.lower()}, or give backend={other!r}"
            ) from error
        from tunesmith.visualization.matplotlib_style import fonts

        with fonts(words.language, theme == "dark"):
            figure = self.by_matplotlib(self._described(words, theme))
        figure.set_label(words.said(self.summary))
        return figure

    def _described(self, words: Words, theme: str) -> dict[str, Any]:
        own = self.by_plotly() if words.language == "en" else translated(self.in_language(words).by_plotly(), words)
        return in_dark(own) if theme == "dark" else own

    def in_language(self, words: Words) -> Self:
        """Return the same with heading, notes, and all else that was made by `say`, in another language."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        told: dict[str, Any] = {name: words.said(text) for name, text in fields.items() if isinstance(text, Said)}
        told |= {"title": words.translate(self.title), "notes": tuple(map(words.said, self.notes))}
        return replace(self, **told)

    def to_dict(self) -> dict[str, Any]:
        """Return the same as lists, numbers and texts for JSON; numbers have the digits that a figure can show.

        NaN and infinities are None.
        """
        return {"kind": self.kind, **_fields(self)}


def _fields(data: Any) -> dict[str, Any]:
    return {f.name: as_json(getattr(data, f.name)) for f in dataclasses.fields(data)}


def as_json(value: Any) -> Any:
    """Return a value as JSON has it; of arrays, as many digits as a figure can show."""
    if isinstance(value, np.ndarray):
        return [as_json(row) for row in value] if value.ndim > 1 else short(value)
    if dataclasses.is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_json(v) for v in value]
    return json_value(value, infinities=False)


def short(values: NDArray[Any]) -> list[Any]:
    """Return a column [n] as a list without digits that no figure can show; None where it is not finite."""
    if values.dtype.kind != "f":
        made: list[Any] = values.tolist()
        return made
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [None] * len(values)
    low, high = float(finite.min()), float(finite.max())
    size, span = max(abs(low), abs(high)), high - low
    digits = DIGITS + (min(11, max(0, math.floor(math.log10(size / span)))) if 0 < span < math.inf else 0)
    write = f"%.{digits}g"
    return [float(write % v) if math.isfinite(v) else None for v in values.tolist()]


class Own(str):
    """A user's own name, such as that of a parameter: the same in every language, though it may be a word of ours."""


OF_HOVER = re.compile(  # the words of ours in what a point says of itself
    r"(?:trial|candidate|fold|step|expected improvement|expected)(?= [%\d<&\w])"
    r"|(?<=\()(?:complete|infeasible|pruned|failed|running|paused|best)(?=\))|(?<=\} )(?:seconds|minutes|hours|days)"
    r"|(?<=<br>)objective(?= )"
)


def translated(figure: dict[str, Any], words: Words) -> dict[str, Any]:
    """Return a figure for plotly.js with its axes, legends and scales of colours in another language.

    Args:
        figure: what `FigureData.by_plotly` returned; it is changed.
        words: the language.
    """

    def told(text: str) -> str:
        if isinstance(text, Own):
            return text
        return words.said(text) if isinstance(text, Said) else words.translate(text)

    layout, scales = figure["layout"], []
    for trace in figure["data"]:
        if "name" in trace:
            trace["name"] = told(trace["name"])
        scales += [of["colorbar"] for of in (trace, trace.get("marker", {}), trace.get("line", {})) if "colorbar" in of]
        if "hovertemplate" in trace:
            hover = OF_HOVER.sub(lambda found: words(found.group()), trace["hovertemplate"])
            trace["hovertemplate"] = hover
    axes = [axis for name, axis in layout.items() if name.startswith(("xaxis", "yaxis"))]
    axes += [layout["scene"][f"{k}axis"] for k in "xyz"] if "scene" in layout else []
    for named in (*axes, *scales):
        if named.get("title", {}).get("text"):
            named["title"]["text"] = told(named["title"]["text"])
        if "ticktext" in named:  # names of categories are the user's own
            named["ticktext"] = [words.said(text) for text in named["ticktext"]]
    for note in layout.get("annotations", ()):
        note["text"] = words.said(note["text"])
    return figure


def join(sentences: Iterable[str | None]) -> str:
    """Return sentences as one text."""
    return joined_texts((s for s in sentences if s), " ")
