"""Parallel coordinates: each trial as a line over the value and its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.languages import say
from tunesmith.selection.wording import count
from tunesmith.visualization.data.axes import Axis, axes_of
from tunesmith.visualization.data.base import FigureData, join
from tunesmith.visualization.data.columns import Floats, Ints, Mask, Target, as_study, read
from tunesmith.visualization.data.slice import at_best, left_out, listed, place_of, shown_rows, thin_panels
from tunesmith.visualization.data.thinning import drawn

MOST_AXES = 20  # parameters that are shown if none are named
MOST_LINES, ROOM = 3000, 40_000  # lines, and points of all lines together


@dataclass(frozen=True, eq=False, kw_only=True)
class ParallelCoordinate(FigureData):
    """Trials as lines.

    Attributes:
        target: the value, which the first axis shows.
        maximize: whether high is good.
        axes: the parameters, with the drawn trials on them.
        number: the drawn trials, int64[k].
        value: their values [k].
        feasible: which of them violate no constraint [k].
        selected: which of them somebody asked for [k].
        best: the place of the best among them, or -1.
    """

    kind: ClassVar[str] = "parallel_coordinate"
    target: str
    maximize: bool
    axes: tuple[Axis, ...]
    number: Ints
    value: Floats
    feasible: Mask
    selected: Mask
    best: int


def parallel_coordinate(
    study: Any,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    selected: Sequence[int] = (),
) -> ParallelCoordinate:
    """Return each trial as a line over its value and its parameters.

    Args:
        study: the study.
        params: parameters and user attributes; None: those that vary, twenty at most.
        target: what the first axis shows, see `tunesmith.visualization.data.columns.read`.
        target_name: what to call it.
        selected: numbers of trials to emphasise.

    Returns:
        The arrays; a parameter that is inactive in a trial is below the others of its axis.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or no parameter.
        ValueError: no such parameter, or several objectives and no target.
    """
    t, study = read(study, target, target_name), as_study(study)
    t.need("plot_parallel_coordinate")
    axes = axes_of(study, t, params, MOST_AXES, "plot_parallel_coordinate")
    rows, chosen = shown_rows(t), t.rows_of(selected)
    index = thin_panels(t, rows, axes, chosen, min(MOST_LINES, ROOM // (len(axes) + 1)))
    index = index[np.argsort(-t.loss[index], kind="stable")]  # the best are drawn last, over the others
    return ParallelCoordinate(
        title="Parallel coordinates",
        summary=join(
            [
                say("{} as lines over {} and {}.", count(len(rows), "trial"), t.target, listed(axes)),
                t.about_best(),
                at_best(t, axes),
            ]
        ),
        notes=(*drawn(len(index), len(rows)), *left_out(t, params, axes)),
        target=t.target,
        maximize=bool(t.maximize),
        axes=tuple(a.rows(index) for a in axes),
        number=t.number[index],
        value=t.value[index],
        feasible=t.feasible[index],
        selected=chosen[index],
        best=place_of(index, t.best),
    )
