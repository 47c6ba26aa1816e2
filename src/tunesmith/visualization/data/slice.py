"""Slices: the value of each trial against each of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.languages import say
from tunesmith.selection.wording import count
from tunesmith.state import TrialState
from tunesmith.text import listing
from tunesmith.visualization.data.axes import Axis, axes_of
from tunesmith.visualization.data.base import FigureData, join
from tunesmith.visualization.data.columns import Floats, Indices, Ints, Mask, StudyColumns, Target, as_study, read
from tunesmith.visualization.data.ends import beyond, ends_of
from tunesmith.visualization.data.thinning import MOST, drawn, thin

MOST_AXES = 12  # parameters that are shown if none are named
ROOM = 20_000  # points of all panels together


@dataclass(frozen=True, eq=False, kw_only=True)
class Slice(FigureData):
    """Values against parameters.

    Attributes:
        target: what is shown.
        axes: one panel each, with the drawn trials on it.
        number: the drawn trials, int64[k].
        value: their values [k]; NaN: failed.
        feasible: which of them violate no constraint [k].
        pruned: which of them were stopped early [k].
        failed: which of them failed [k].
        best: the place of the best among them, or -1.
        selected: which of them somebody asked for [k].
        ends: of the axis of values (low, high); what lies beyond is drawn at its edge.
    """

    kind: ClassVar[str] = "slice"
    target: str
    axes: tuple[Axis, ...]
    number: Ints
    value: Floats
    feasible: Mask
    pruned: Mask
    failed: Mask
    best: int
    selected: Mask
    ends: tuple[float, float]


def slices(
    study: Any,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    show_pruned: bool = False,
    show_failed: bool = False,
    selected: Sequence[int] = (),
) -> Slice:
    """Return the value of each trial against each of its parameters.

    Args:
        study: the study.
        params: parameters, and user attributes as "user_attrs_NAME"; None: those that vary, twelve at most.
        target: what to show, see `tunesmith.visualization.data.columns.read`.
        target_name: what to call it.
        show_pruned: show trials that were stopped early, by their last report.
        show_failed: show where trials failed.
        selected: numbers of trials to emphasise.

    Returns:
        The arrays.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or no parameter.
        ValueError: no such parameter, or several objectives and no target.
    """
    t, study = read(study, target, target_name), as_study(study)
    t.need("plot_slice")
    axes = axes_of(study, t, params, MOST_AXES, "plot_slice")
    rows = shown_rows(t, show_pruned, show_failed)
    chosen = t.rows_of(selected)
    index = thin_panels(t, rows, axes, chosen, min(MOST, ROOM // len(axes)))
    ends = ends_of(t.value[rows], t.maximize)
    return Slice(
        title="Slices",
        summary=join(
            [
                say("Values of {} in {} against {}.", t.target, count(len(rows), "trial"), listed(axes)),
                t.about_best(),
                at_best(t, axes),
            ]
        ),
        notes=(*drawn(len(index), len(rows)), *left_out(t, params, axes), *beyond(t.value[rows], ends)),
        target=t.target,
        axes=tuple(a.rows(index) for a in axes),
        number=t.number[index],
        value=t.value[index],
        feasible=t.feasible[index],
        pruned=t.is_in(TrialState.PRUNED)[index],
        failed=t.is_in(TrialState.FAIL)[index],
        best=place_of(index, t.best),
        selected=chosen[index],
        ends=ends,
    )


def shown_rows(t: StudyColumns, show_pruned: bool = False, show_failed: bool = False) -> Indices:
    """Return the rows that a figure of parameters shows: complete ones with a finite value, and others if asked."""
    shown = t.complete
    if show_pruned:
        shown = shown | (t.is_in(TrialState.PRUNED) & np.isfinite(t.value))
    if show_failed:
        shown = shown | t.is_in(TrialState.FAIL)
    return np.flatnonzero(shown)


def thin_panels(t: StudyColumns, rows: Indices, axes: Sequence[Axis], selected: Mask, most: int) -> Indices:
    """Return which of the rows to draw: one choice for all panels, with the extremes of each.

    Args:
        t: the snapshot.
        rows: those that may be drawn.
        axes: the panels.
        selected: trials that must stay, over all rows of the snapshot.
        most: how many to draw, unless more must stay.

    Returns:
        Rows, in order.
    """
    keep = selected.copy()
    if t.best is not None:
        keep[t.best] = True
    if len(rows) <= most:
        return rows
    value = np.where(np.isfinite(t.value[rows]), t.value[rows], np.nan)
    share = max(most // (2 * len(axes)), 4)
    stay = keep[rows]
    for axis in axes:
        stay[thin(axis.unit[rows], value, None, share)] = True
    order = np.arange(len(rows), dtype=np.float64)
    return rows[thin(order, np.nan_to_num(value, nan=float(np.nanmin(value))), stay, most)]


def place_of(index: Indices, row: int | None) -> int:
    """Return the place of a row among others; -1: it is not there."""
    found = np.flatnonzero(index == row) if row is not None else index[:0]
    return int(found[0]) if len(found) else -1


def listed(axes: Sequence[Axis]) -> str:
    """Return the names of axes for a sentence."""
    return listing((a.name for a in axes), 6)


def at_best(t: StudyColumns, axes: Sequence[Axis]) -> str | None:
    """Say where the best trial lies; None: there is none."""
    if t.best is None:
        return None
    return say("There, {}.", ", ".join(f"{a.name} = {a.text(t.best)}" for a in axes[:8]))


def left_out(t: StudyColumns, params: Sequence[str] | None, axes: Sequence[Axis]) -> tuple[str, ...]:
    """Return the note that says how many parameters are not shown; none if all are, or were named."""
    d = 0 if t.space is None else len(t.space)
    return (say("{:,} of {:,} parameters shown", len(axes), d),) if params is None and len(axes) < d else ()
