"""The honest score beside the score of the search: how much of it was luck, and what the default gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from tunesmith.errors import NothingToDrawError
from tunesmith.selection import Report
from tunesmith.text import printable, shown
from tunesmith.visualization.data.base import FigureData, join


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


def honest_score(search: Any) -> HonestScoreFigure:
    """Return the score of the search, the honest one with its interval, and that of the default.

    Args:
        search: a fitted `tunesmith.sklearn.SearchCV`, or what ``study.confirm`` returned.

    Returns:
        The figures, losses as losses.

    Raises:
        TypeError: it has no report.
        NothingToDrawError: there is no honest score; the report says why.
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
        summary=join(report.sentences()),
        notes=(printable(score.expected(where)),),
        metric=printable(score.label.name),
        greater_is_better=score.label.greater_is_better,
        level=score.level,
        marks=tuple(marks),
        gain=None if gain is None else Mark("gain over the default", gain.value, gain.interval),
    )
