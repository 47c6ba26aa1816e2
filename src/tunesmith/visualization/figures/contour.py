"""Contours: what a model expects of the value over pairs of parameters, with the trials on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.selection.wording import count
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.axes import Axis, OnAxes, label, listed, on_axes
from tunesmith.visualization.columns import Floats, StudyColumns, Target, read_columns
from tunesmith.visualization.figure import short
from tunesmith.visualization.model import Model
from tunesmith.visualization.pairs import layout_of, pair_points, pairs_of, show_bar
from tunesmith.visualization.plotly_style import SCALE, Dict, bar, framed

if TYPE_CHECKING:
    from tunesmith.study.study import Study


GRID_POINTS = {1: 50, 2: 40, 3: 40}  # points a side, by how many panels there are
GRID_POINTS_OF_MANY = 25


@dataclass(frozen=True, eq=False)
class Panel:
    """One pair.

    Attributes:
        along: places (along x, along y) among the axes.
        x: where the model was asked, along x [p].
        y: along y [q].
        expected: what it expects there [q, p], in the user's direction; empty where there is no model.
    """

    along: tuple[int, int]
    x: Floats
    y: Floats
    expected: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Contour(OnAxes):
    """Expected values over pairs of parameters.

    Attributes:
        maximize: whether high is good.
        panels: one a pair.
    """

    kind: ClassVar[str] = "contour"
    maximize: bool
    panels: tuple[Panel, ...]

    def by_plotly(self) -> Dict:
        """Return the figure; dark is good, the best trial has a ring."""
        layout, where = layout_of(self.axes, [p.along for p in self.panels])
        low, high = colour_ends(self)
        colours = {"colorscale": SCALE, "reversescale": self.maximize}
        traces: list[Dict] = []
        colour = np.clip(self.value, low, high)
        for panel, own in zip(self.panels, where, strict=True):
            if panel.expected.size:
                kind = "contour" if "category" not in {self.axes[a].kind for a in panel.along} else "heatmap"
                traces.append(
                    {
                        "type": kind, "x": short(panel.x), "y": short(panel.y), "z": [short(r) for r in panel.expected],
                        **colours, "zmin": low, "zmax": high, "showscale": False, "hoverinfo": "skip", "opacity": 0.75,
                        **({"line": {"width": 0.5, "color": "white"}, "ncontours": 14} if kind == "contour" else {}),
                        **own,
                    }
                )  # fmt: skip
            marker: Dict = {**colours, "color": short(colour), "cmin": low, "cmax": high, "size": 7}
            marker["line"] = {"color": "white", "width": 1}
            traces += pair_points(self, panel.along, marker, own)
        show_bar(traces, bar(self.target))
        return framed(self, traces, layout)


@checked("target")
def plot_contour(
    study: Study | Snapshot,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot what a model expects of the value over pairs of parameters, with the trials on it.

    The model is a Gaussian process of 300 trials at most, the best ones among them. The other parameters are those of
    the best trial in which both of a pair are active.

    Args:
        study: the study, or a fitted search.
        params: two names or more, of parameters, and of user attributes as "user_attrs_NAME" (these have points
            alone); None: the five parameters whose order goes best with the value's.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Trials in which a parameter was inactive lie in a strip beside
        its axis.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or only one parameter.
        ValueError: there is no such parameter, or there are several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    t = read_columns(as_snapshot(study), target, target_name)
    pairs = pairs_of(t, params, selected, "plot_contour")
    columns = [_column(t, axis) for axis in pairs.axes]
    model = Model(t, [j for j in columns if j is not None])
    k = GRID_POINTS.get(len(pairs.panels), GRID_POINTS_OF_MANY)
    panels = tuple(_panel(t, model, pairs.axes, columns, along, k) for along in pairs.panels)
    about = say("Values of {} in {} over pairs of {}.", t.target, count(pairs.n, "trial"), listed(pairs.axes))
    if model.usable:
        pattern = "contours: expected by a model of {:,} trials, other parameters as in the best trial"
        note = say(pattern, len(model.rows))
    else:
        note = say("no contours: too few complete trials, or all values are equal")
    return Contour(
        title="Contours",
        notes=(*pairs.notes, note),
        maximize=bool(t.maximize),
        panels=panels,
        **on_axes(t, pairs.axes, pairs.index, pairs.selected, about, _range(panels)),
    ).drawn(backend)


contour: Callable[..., Contour] = partial(plot_contour, backend="arrays")


def _column(t: StudyColumns, axis: Axis) -> int | None:
    """Return the column that an axis shows; None: it is a user attribute."""
    if t.space is None:
        return None
    at = axis.at
    for j in range(len(t.space)):
        if label(t.space, j) == axis.name or t.space.names[j] == axis.name:
            return j if np.array_equal(t.x[:, j], at, equal_nan=True) else None
    return None


def _panel(
    t: StudyColumns, model: Model, axes: list[Axis], columns: list[int | None], along: tuple[int, int], k: int
) -> Panel:
    """Return one panel, with a grid of k points a side."""
    i, j = (columns[a] for a in along)
    none = Panel(along, np.empty(0), np.empty(0), np.empty((0, 0)))
    if not model.usable or i is None or j is None:
        return none
    rows = np.flatnonzero(t.complete & ~np.isnan(t.x[:, i]) & ~np.isnan(t.x[:, j]))
    if not len(rows):
        return none  # they are never active together
    base = t.x[rows[np.lexsort((t.loss[rows], ~t.feasible[rows]))[0]]]
    x, y = (axes[a].grid(k) for a in along)
    at = np.tile(base, (len(x) * len(y), 1))
    at[:, i], at[:, j] = np.tile(x, len(y)), np.repeat(y, len(x))
    return Panel(along, x, y, model.expected(at).reshape(len(y), len(x)))


def _range(panels: tuple[Panel, ...]) -> str | None:
    known = [p.expected for p in panels if p.expected.size]
    if not known:
        return None
    low, high = min(e.min() for e in known), max(e.max() for e in known)
    return say("The model expects from {:.4g} to {:.4g}.", low, high)


def colour_ends(data: Contour) -> tuple[float, float]:
    """Return the ends of the scale of colours: from the best that is expected or seen to a bad but common value.

    What is worse than 85 % of the trials has the colour of the bad end, so that a few bad trials leave colours to the
    others.
    """
    sign = -1.0 if data.maximize else 1.0
    known = [sign * p.expected for p in data.panels if p.expected.size]
    low = min(float(e.min()) for e in [*known, sign * data.value])
    high = float(np.quantile(sign * data.value, 0.85))
    if not high > low:
        high = max(float(e.max()) for e in [*known, sign * data.value, np.array([low + 1.0])])
    return (low, high) if not data.maximize else (-high, -low)
