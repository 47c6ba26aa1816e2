"""The learning curve: the score by the number of rows, and what more rows would bring."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import NumberFormat
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import printable, shown
from tunesmith.tables.learning import LearningCurve
from tunesmith.visualization.columns import Floats, Ints
from tunesmith.visualization.figure import FigureData, short
from tunesmith.visualization.plotly_style import BLUE, GREY, Dict, axis, framed, markup_free, scatter

POINTS = 40  # of the curve that is fitted


@dataclass(frozen=True, eq=False, kw_only=True)
class LearningCurveFigure(FigureData):
    """Scores by rows.

    Attributes:
        metric: its name.
        greater_is_better: its direction.
        n_rows: of fits [k].
        scores: of each fold [k, folds].
        along: numbers of rows of the fitted curve [c].
        expected: what it expects there [c].
    """

    kind: ClassVar[str] = "learning_curve"
    metric: str
    greater_is_better: bool
    n_rows: Ints
    scores: Floats
    along: Floats
    expected: Floats

    def by_plotly(self) -> Dict:
        """Return the scores of folds as points, and the curve on to twice the rows."""
        folds = self.scores.shape[1]
        points: Dict = {"marker": {"color": BLUE, "size": 7, "opacity": 0.7}}
        line: Dict = {"mode": "lines", "line": {"color": GREY, "width": 2, "dash": "dash"}}
        traces = [
            scatter(np.repeat(self.n_rows, folds).tolist(), short(self.scores.ravel()), "fold", **points),
            scatter(short(self.along), short(self.expected), "expected", **line),
        ]
        better = "{} (higher is better)" if self.greater_is_better else "{} (lower is better)"
        up = axis("")
        up["title"]["text"] = markup_free(say(better, self.metric), 60)
        return framed(self, traces, {"xaxis": axis("rows that a fit has", rangemode="tozero"), "yaxis": up})


@checked()
def plot_learning_curve(curve: Any, *, backend: str = "plotly") -> Any:
    """Plot the score of a model by the number of rows that it is fitted on, and what twice the rows would bring.

    Args:
        curve: what ``learning_curve()`` of a search of `tunesmith.tune` returned.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is something else.
        MissingDependencyError: the backend is not installed.
    """
    if not isinstance(curve, LearningCurve):
        raise TypeError(f"plot_learning_curve takes what search.learning_curve() returned; got {shown(curve)}")
    gain, error = curve.gain_of_twice()
    form = NumberFormat.of(gain, (gain - 2 * error, gain + 2 * error))
    told = form.write(abs(gain)) if math.isnan(error) else f"{form.write(abs(gain))} ± {form.write(2 * error)}"
    if gain > 0 and not (error > 0 and gain < 2 * error):
        summary = say("Twice the rows would make {} better by about {}.", curve.metric, told)
    else:
        summary = say("Twice the rows would bring little, as far as these fits tell ({}).", told)
    along = np.linspace(curve.n_rows[0], 2 * curve.n_rows[-1], POINTS)
    return LearningCurveFigure(
        title="Whether more rows would help",
        summary=summary,
        metric=printable(curve.metric),
        greater_is_better=curve.greater_is_better,
        n_rows=curve.n_rows,
        scores=curve.scores,
        along=along,
        expected=np.array([curve.expected(n) for n in along.tolist()]),
    ).drawn(backend)


learning_curve: Callable[..., LearningCurveFigure] = partial(plot_learning_curve, backend="arrays")
