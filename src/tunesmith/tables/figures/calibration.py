"""Calibration: whether predictions are right as often as the model is sure of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.tables.figures.known import as_tuner, binned
from tunesmith.tables.out_of_fold import Bin
from tunesmith.tables.out_of_fold import calibration as bins_of
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.plotly_style import BLUE, GREY, Dict, axis, framed, scatter


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration(FigureData):
    """How sure, and how often right.

    Attributes:
        bins: of rows: how sure predictions are, and which share of them is right.
    """

    kind: ClassVar[str] = "calibration"
    bins: tuple[Bin, ...]

    def by_plotly(self) -> Dict:
        """Return the bins, and the line on which the model is as often right as it is sure."""
        low = min([b.at for b in self.bins] + [b.interval[0] for b in self.bins])
        ends = [max(0.0, low - 0.03), 1.0]
        line: Dict = {"mode": "lines", "line": {"color": GREY, "width": 1.5, "dash": "dash"}, "hoverinfo": "skip"}
        made = binned(list(self.bins), "right", BLUE, hovertemplate="%{x:.3f}, %{y:.3f}<extra></extra>")
        across = axis("how sure it is", range=[ends[0], 1.01])
        layout = {"xaxis": across, "yaxis": axis("share that is right", range=[ends[0], 1.03]), "showlegend": False}
        return framed(self, [scatter(ends, ends, "as often right as sure", **line), made], layout)


@checked()
def plot_calibration(search: Any, *, backend: str = "plotly") -> Any:
    """Plot how often predictions are right against how sure the model is of them, in rows that it was not fitted on.

    How sure it is, is the probability of the class that is predicted (Guo et al. 2017, "On Calibration of Modern
    Neural Networks"). Rows are in bins of as many each; the bars are 95 % intervals (Wilson 1927).

    Args:
        search: what `tunesmith.tune` returned for a target of classes.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is something else.
        NothingToDrawError: the targets are numbers.
        MissingDependencyError: the backend is not installed.
    """
    made = bins_of(as_tuner(search, "plot_calibration", classes=True).out_of_fold_)
    n = sum(b.n for b in made)
    sure, right = sum(b.n * b.at for b in made) / n, sum(b.n * b.mean for b in made) / n
    return Calibration(
        title="Whether it is as often right as it is sure",
        summary=say("On average it is {} sure, and right in {} of rows.", *(f"{100 * v:.3g} %" for v in (sure, right))),
        notes=(say("below the line it is too sure"),),
        bins=tuple(made),
    ).drawn(backend)


calibration: Callable[..., Calibration] = partial(plot_calibration, backend="arrays")
