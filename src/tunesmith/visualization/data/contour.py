"""Contours: what a model expects of the value over pairs of parameters, with the trials on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.languages import say
from tunesmith.selection.wording import count
from tunesmith.visualization.data.axes import Axis, label
from tunesmith.visualization.data.base import FigureData, join
from tunesmith.visualization.data.columns import Floats, Ints, Mask, StudyColumns, Target, as_study, read
from tunesmith.visualization.data.model import Model
from tunesmith.visualization.data.pairs import pairs_of
from tunesmith.visualization.data.slice import at_best, listed, place_of

GRID = {1: 50, 2: 40, 3: 40}  # points a side, by how many panels there are
GRID_OF_MANY = 25


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
class Contour(FigureData):
    """Expected values over pairs of parameters.

    Attributes:
        target: what is expected.
        maximize: whether high is good.
        axes: the parameters, with the drawn trials on them.
        panels: one a pair.
        number: the drawn trials, int64[k].
        value: their values [k].
        feasible: which of them violate no constraint [k].
        selected: which of them somebody asked for [k].
        best: the place of the best among them, or -1.
    """

    kind: ClassVar[str] = "contour"
    target: str
    maximize: bool
    axes: tuple[Axis, ...]
    panels: tuple[Panel, ...]
    number: Ints
    value: Floats
    feasible: Mask
    selected: Mask
    best: int


def contour(
    study: Any,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    selected: Sequence[int] = (),
) -> Contour:
    """Return what a Gaussian process expects of the value over pairs of parameters.

    The other parameters have the values of the best trial in which both of the pair are active.

    Args:
        study: the study.
        params: parameters and user attributes, two or more; None: the five that go best with the value. A user
            attribute is no part of the model, so its panels have points alone.
        target: what to show, see `tunesmith.visualization.data.columns.read`; of a function low is good.
        target_name: what to call it.
        selected: numbers of trials to emphasise.

    Returns:
        The arrays. The model rests on 300 trials at most, the best ones among them.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or only one parameter.
        ValueError: no such parameter, or several objectives and no target.
    """
    t, study = read(study, target, target_name), as_study(study)
    pairs = pairs_of(study, t, params, selected, "plot_contour")
    columns = [_column(t, axis) for axis in pairs.axes]
    model = Model(t, [j for j in columns if j is not None])
    k = GRID.get(len(pairs.panels), GRID_OF_MANY)
    panels = tuple(_panel(t, model, pairs.axes, columns, along, k) for along in pairs.panels)
    index = pairs.index
    if model.usable:
        pattern = "contours: expected by a model of {:,} trials, other parameters as in the best trial"
        note = say(pattern, len(model.rows))
    else:
        note = say("no contours: too few complete trials, or all values are equal")
    return Contour(
        title="Contours",
        summary=join(
            [
                say("Values of {} in {} over pairs of {}.", t.target, count(pairs.n, "trial"), listed(pairs.axes)),
                _range(panels),
                t.about_best(),
                at_best(t, pairs.axes),
            ]
        ),
        notes=(*pairs.notes, note),
        target=t.target,
        maximize=bool(t.maximize),
        axes=pairs.drawn_axes,
        panels=panels,
        number=t.number[index],
        value=t.value[index],
        feasible=t.feasible[index],
        selected=pairs.selected[index],
        best=place_of(index, t.best),
    )


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
