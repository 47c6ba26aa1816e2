"""The honest score beside the score of the search: how much of it was luck, and what the default gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import NumberFormat
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import printable, shown
from tunesmith.selection import Report
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.plotly_style import BLUE, GREY, VERMILION, Dict, framed, interval_rows, markup_free

COLOURS = {"seen": GREY, "expected": BLUE, "the": VERMILION}


@dataclass(frozen=True, eq=False)
class Mark:
    """One figure: its name, its value, and its interval (low, high), NaN where none is known."""

    name: str
    value: float
    interval: tuple[float, float] = (math.nan, math.nan)


@dataclass(frozen=True, eq=False, kw_only=True)
class HonestScoreFigure(FigureData):
    """Scores side by side.

    Attributes:
        metric: its name.
        greater_is_better: its direction.
        level: of the interval.
        marks: "score in the search", "expected on new data" and "default, in the search", as far as they are known.
        gain: over the default, with its interval; None: nothing was compared.
    """

    kind: ClassVar[str] = "honest_score"
    metric: str
    greater_is_better: bool
    level: float
    marks: tuple[Mark, ...]
    gain: Mark | None = None

    def by_plotly(self) -> Dict:
        """Return the figure: one row a score, the honest one with its interval."""
        form = number_format(self)
        values, low, high = np.array([(mark.value, *mark.interval) for mark in self.marks]).T
        texts = [
            form.write(m.value) + ("" if math.isnan(m.interval[0]) else f" ({form.between(m.interval)})")
            for m in self.marks
        ]
        names = [say(m.name) for m in self.marks]
        traces, layout = interval_rows(names, values, low, high, texts, [colour_of(m.name) for m in self.marks])
        layout["height"] = 170 + 80 * len(self.marks)
        layout["xaxis"]["title"]["text"] = markup_free(
            say("{} (higher is better)" if self.greater_is_better else "{} (lower is better)", self.metric), 60
        )
        return framed(self, traces, layout)


@checked()
def plot_honest_score(search: Any, *, backend: str = "plotly") -> Any:
    """Plot what the search saw, what to expect on new data with its interval, and what the default had.

    Args:
        search: a fitted `tunesmith.sklearn.SearchCV`, or what ``study.confirm`` returned.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it has no report.
        NothingToDrawError: there is no honest score; the report says why.
        MissingDependencyError: the backend is not installed.
    """
    report = search if isinstance(search, Report) else getattr(search, "report_", None)
    if not isinstance(report, Report):
        raise TypeError(
            "plot_honest_score takes a fitted SearchCV, or the report that study.confirm returns; got " + shown(search)
        )
    score = report.score
    if score is None:
        raise NothingToDrawError(f"plot_honest_score: there is no honest score. {' '.join(report.notes)}".strip())
    sign = score.label.sign
    where = "on new data" if report.unit == "fit" else "of a new run"
    low, high = sorted(sign * end for end in score.interval) if not math.isnan(score.interval[0]) else (math.nan,) * 2
    marks = [Mark(f"expected {where}", sign * score.value, (low, high))]
    if math.isfinite(score.naive):
        marks.insert(0, Mark("seen in the search", sign * score.naive))
    if report.default_score is not None and math.isfinite(report.default_score):
        marks.append(Mark("the default, in the search", sign * report.default_score))
    gain = score.gain_over_default
    return HonestScoreFigure(
        title="Honest score",
        summary=report.sentences()[0],
        metric=printable(score.label.name),
        greater_is_better=score.label.greater_is_better,
        level=score.level,
        marks=tuple(marks),
        gain=None if gain is None else Mark("gain over the default", gain.value, gain.interval),
    ).drawn(backend)


honest_score: Callable[..., HonestScoreFigure] = partial(plot_honest_score, backend="arrays")


def number_format(data: HonestScoreFigure) -> NumberFormat:
    """Return how the scores are written: with the digits that are known of the honest one."""
    honest = next(m for m in data.marks if m.name.startswith("expected"))
    return NumberFormat.of(honest.value, honest.interval)


def colour_of(name: str) -> str:
    """Return the colour of a mark."""
    return COLOURS[name.split()[0]]
