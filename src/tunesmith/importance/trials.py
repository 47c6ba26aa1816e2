"""The trials of a study that importances are computed from, or a sentence that says what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tunesmith.frozen import FrozenTrial
from tunesmith.history import ROWS_AT_ONCE
from tunesmith.importance.base import ImportanceData
from tunesmith.numerics.arrays import Floats, Indices
from tunesmith.samplers.common.conditions import infer_conditions
from tunesmith.space import Space
from tunesmith.state import StudyDirection, TrialState
from tunesmith.study import Study
from tunesmith.text import did_you_mean, listing, name_and_message, shown

Target = Callable[[FrozenTrial], float]


def data_of(study: Study, params: Sequence[str] | None, target: Target | None) -> tuple[ImportanceData, list[str]]:
    """Return the trials to use, and notes on those that were left out.

    Args:
        study: the study.
        params: names of the parameters that are asked for; None: all.
        target: what to explain, of a complete trial, less is better; None: the only objective.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a parameter is not known, or there are too few trials to say anything.
    """
    if not isinstance(study, Study):
        raise TypeError(f"study must be a tunesmith study (create_study, load_study); got {shown(study)}")
    if target is None and len(study.directions) > 1:
        raise ValueError(
            f"the study has {len(study.directions)} objectives, and importance is about one value: say which by "
            "target=, for example target=lambda trial: trial.values[0]; less is taken as better"
        )
    history = study.history
    space = history.space
    complete = np.flatnonzero(history.complete)
    if not len(complete):
        raise ValueError(_none(study))
    if space is None or not len(space):
        raise ValueError("the trials of this study have no parameters, so there is nothing whose importance to tell")
    wanted = _wanted(space, params)
    rows = complete[np.argsort(history.number[complete], kind="stable")]
    y = np.array(history.y[rows, 0]) if target is None else _targets(study, target, history.number[rows])
    finite = np.isfinite(y)
    notes = [] if finite.all() else [f"{int((~finite).sum()):,} trials with a value that is not finite are left out."]
    rows, y = rows[finite], y[finite]
    if len(rows) < 2:
        raise ValueError(
            f"importance compares trials and needs at least two complete ones with a finite value; this study has "
            f"{len(rows)}"
        )
    if np.all(y == y[0]):
        raise ValueError(
            f"all {len(rows):,} complete trials have the same value, {shown(float(y[0]))}: no parameter made a "
            "difference, so there is no importance to share out"
        )
    points = history.points(space)
    tree = infer_conditions(space, points)
    maximised = target is None and study.directions[0] == StudyDirection.MAXIMIZE
    pruned = np.flatnonzero((history.state == TrialState.PRUNED) & (target is None))
    pruned = pruned[np.argsort(history.number[pruned], kind="stable")]
    data = ImportanceData(
        space=tree,
        u=_units(tree, points, rows),
        y=y,
        wanted=wanted,
        sign=-1.0 if maximised else 1.0,
        first=tree.mask(points[rows[:1]])[0],
        pruned=_units(tree, points, pruned),
        pruned_after=np.searchsorted(history.number[rows], history.number[pruned]),
    )
    return data, notes


def _units(space: Space, points: Floats, rows: Indices) -> Floats:
    """Return some points in the unit cube [k, d], of internal values points[n, d] as the objective saw them."""
    u = np.empty((len(rows), len(space)))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        u[some] = space.to_unit(space.mask(points[rows[some]]))
    return u


def _none(study: Study) -> str:
    """Return why there is nothing to compute importances from."""
    history = study.history
    ends = {state: int((history.state == state).sum()) for state in (TrialState.FAIL, TrialState.PRUNED)}
    words = [
        f"{count:,} {word}"
        for word, count in (
            ("failed", ends[TrialState.FAIL]),
            ("were pruned", ends[TrialState.PRUNED]),
            ("are running or paused", history.n_pending),
        )
        if count
    ]
    what = f"of this study none is complete ({', '.join(words)})" if words else "this study has no trials yet"
    return f"importance needs complete trials, and {what}"


def _wanted(space: Space, params: Any) -> tuple[int, ...]:
    """Return the places of parameters by their names; None: all."""
    if params is None:
        return tuple(range(len(space)))
    if isinstance(params, str) or not isinstance(params, Sequence):
        raise TypeError(f"params must be a list of parameter names; got {shown(params)}")
    if not params:
        raise ValueError("params is an empty list; leave it out for all parameters")
    for name in params:
        if name not in space.names:
            raise ValueError(
                f"the study has no parameter {shown(name)}{did_you_mean(name, space.names)} "
                f"(parameters: {listing(space.names)})"
            )
    return tuple(sorted({space.names.index(name) for name in params}))


def _targets(study: Study, target: Any, numbers: Any) -> Floats:
    """Return the target's values of trials, by their numbers."""
    if not callable(target):
        raise TypeError(
            f"target must be a function of a trial, for example lambda trial: trial.values[0]; got {shown(target)}"
        )
    trials = {trial.number: trial for trial in study.get_trials(states=(TrialState.COMPLETE,))}
    values = []
    for number in numbers.tolist():
        try:
            values.append(float(target(trials[number])))
        except Exception as error:
            raise ValueError(f"target= gave no number for trial {number}: {name_and_message(error)}") from error
    return np.array(values)
