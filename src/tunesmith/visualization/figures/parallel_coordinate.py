"""Parallel coordinates: each trial as a line over the value and its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.selection.wording import count
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.axes import (
    Axis,
    OnAxes,
    axes_of,
    left_out,
    listed,
    on_axes,
    round_values,
    shown_rows,
    thin_panels,
)
from tunesmith.visualization.columns import Target, read_columns
from tunesmith.visualization.figure import short
from tunesmith.visualization.matplotlib_style import by_matplotlib
from tunesmith.visualization.plotly_style import SCALE, TICK, VERMILION, Dict, bar, framed, markup_free, spread
from tunesmith.visualization.thinning import drawn_note

if TYPE_CHECKING:
    from tunesmith.study.study import Study


LINES_AXES = 20  # parameters that are shown if none are named
MOST_LINES, POINTS_IN_ALL = 3000, 40_000  # lines, and points of all lines together
AXIS_CHARACTERS = 18  # characters of an axis's name, at most


@dataclass(frozen=True, eq=False, kw_only=True)
class ParallelCoordinate(OnAxes):
    """Trials as lines; the first axis shows the value.

    Attributes:
        maximize: whether high is good.
    """

    kind: ClassVar[str] = "parallel_coordinate"
    maximize: bool

    def by_plotly(self) -> Dict:
        """Return the figure; dark is good."""
        finite = self.value
        low, high = float(finite.min()), float(finite.max())
        if not high > low:
            low, high = low - 0.5, high + 0.5
        ticks = round_values(low, high, 6)
        first: Dict = {
            "label": markup_free(self.target, AXIS_CHARACTERS),
            "values": short(self.value),
            "range": [low, high],
        }
        first |= {"tickvals": ticks, "ticktext": [f"{v:.6g}" for v in ticks]}
        line = {
            "color": short(self.value),
            "colorscale": SCALE,
            "reversescale": self.maximize,
            "cmin": low,
            "cmax": high,
        }
        trace: Dict = {
            "type": "parcoords",
            "dimensions": [first, *(_dimension(a) for a in self.axes)],
            "line": {**line, "showscale": True, "colorbar": bar(self.target)},
            "customdata": self.number.tolist(),
            "labelangle": -20 if len(self.axes) > 4 else 0,
            "labelfont": {"size": 12},
            "tickfont": {"size": 10},
            "unselected": {"line": {"opacity": 0.06}},
        }
        layout = {"margin": {"l": 80, "r": 60, "t": 150 if len(self.axes) > 4 else 120, "b": 40}, "height": 560}
        made = framed(self, [trace], layout)
        made["layout"]["meta"]["best"] = self.best
        return made

    def by_matplotlib(self, figure: Dict) -> Any:
        """Return the figure; selected trials are black."""
        best = [self.best] if self.best >= 0 else []
        return by_matplotlib(figure, [(np.flatnonzero(self.selected), "black"), (best, VERMILION)])


@checked("target")
def plot_parallel_coordinate(
    study: Study | Snapshot,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot each trial as a line over its value and its parameters.

    Args:
        study: the study, or a fitted search.
        params: names of parameters, and user attributes as "user_attrs_NAME"; None: those that vary, twenty at most.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. A parameter that was inactive is below the others of its axis.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or no parameter.
        ValueError: there is no such parameter, or there are several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    t = read_columns(as_snapshot(study), target, target_name)
    t.need("plot_parallel_coordinate")
    axes = axes_of(t, params, LINES_AXES, "plot_parallel_coordinate")
    rows, chosen = shown_rows(t), t.rows_of(selected)
    index = thin_panels(t, rows, axes, chosen, min(MOST_LINES, POINTS_IN_ALL // (len(axes) + 1)))
    index = index[np.argsort(-t.loss[index], kind="stable")]  # the best are drawn last, over the others
    about = say("{} as lines over {} and {}.", count(len(rows), "trial"), t.target, listed(axes))
    return ParallelCoordinate(
        title="Parallel coordinates",
        notes=(*drawn_note(len(index), len(rows)), *left_out(t, params, axes)),
        maximize=bool(t.maximize),
        **on_axes(t, axes, index, chosen, about),
    ).drawn(backend)


parallel_coordinate: Callable[..., ParallelCoordinate] = partial(plot_parallel_coordinate, backend="arrays")


def _dimension(of: Axis) -> Dict:
    """Return one axis: of a logarithmic one the logarithm, with the inactive trials below all others."""
    at, names = of.ticks(5)
    values, ends = spread(of), [of.low, of.high]
    if of.has_strip:
        at, names, ends = [of.strip, *at], [of.strip_name, *names], [of.strip, of.high]
        values = np.where(np.isnan(of.at), of.strip, values)
    if of.kind == "category":
        ends = [(of.strip if of.has_strip else of.low), of.high]
    if of.kind == "log":
        values, at, ends = np.log10(values), [math.log10(v) for v in at], [math.log10(v) for v in ends]
    made: dict[str, Any] = {"label": markup_free(of.name, AXIS_CHARACTERS), "values": short(values), "range": ends}
    return {**made, "tickvals": at, "ticktext": [markup_free(n, TICK) for n in names]}
