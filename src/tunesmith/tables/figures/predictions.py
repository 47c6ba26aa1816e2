"""Predictions against the truth, of rows that the model was not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import say
from tunesmith.tables.figures.known import as_tuner
from tunesmith.visualization.columns import Floats
from tunesmith.visualization.figure import FigureData, short
from tunesmith.visualization.plotly_style import BLUE, GREY, Dict, axis, framed, scatter
from tunesmith.visualization.thinning import drawn_note, thin_points

MOST_POINTS = 1_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Predictions(FigureData):
    """Rows as points.

    Attributes:
        predicted: of each row [k].
        true: its target [k].
    """

    kind: ClassVar[str] = "predictions"
    predicted: Floats
    true: Floats

    def by_plotly(self) -> Dict:
        """Return the points, and the line on which predictions are right."""
        both = np.concatenate([self.predicted, self.true])
        ends = [float(both.min()), float(both.max())]
        points: Dict = {"marker": {"color": BLUE, "size": 5, "opacity": 0.45}}
        points["hovertemplate"] = "%{x:.4g}, %{y:.4g}<extra></extra>"
        line: Dict = {"mode": "lines", "line": {"color": GREY, "width": 1.5, "dash": "dash"}, "hoverinfo": "skip"}
        traces = [
            scatter(ends, ends, "prediction and truth are the same", **line),
            scatter(short(self.predicted), short(self.true), "row", **points),
        ]
        return framed(self, traces, {"xaxis": axis("predicted"), "yaxis": axis("true"), "showlegend": False})


@checked()
def plot_predictions(search: Any, *, backend: str = "plotly") -> Any:
    """Plot the truth against what is predicted, of rows that the model was not fitted on.

    Args:
        search: what `tunesmith.tune` returned for a target of numbers.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is something else.
        NothingToDrawError: the targets are classes; see `plot_confusion`.
        MissingDependencyError: the backend is not installed.
    """
    known = as_tuner(search, "plot_predictions", classes=False).out_of_fold_
    off = np.abs(known.off)
    half, most = np.quantile(off, [0.5, 0.9]).tolist()
    keep = thin_points(known.answers, known.y, most=MOST_POINTS)
    return Predictions(
        title="Predictions and the truth",
        summary=say(
            "Half of the predictions are off by {} at most, and 9 of 10 by {}.", number_text(half), number_text(most)
        ),
        notes=drawn_note(len(keep), len(off), "rows"),
        predicted=known.answers[keep],
        true=known.y[keep].astype(np.float64),
    ).drawn(backend)


predictions: Callable[..., Predictions] = partial(plot_predictions, backend="arrays")
