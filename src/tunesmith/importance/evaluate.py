"""Importance of a study's parameters: from its trials to a table, or to the values alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.registry import load_registered
from tunesmith.foundation.states import StudyDirection, TrialState
from tunesmith.foundation.text import did_you_mean, listing, name_and_message, shown
from tunesmith.history import ROWS_AT_ONCE, History
from tunesmith.importance.base import LEVEL, Effects, Evaluator, Importance, ImportanceData, ImportanceRow
from tunesmith.samplers.finished import infer_conditions
from tunesmith.space import Space
from tunesmith.study import Study
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.trial.record import FrozenTrial

# ----------------------------------------------------------------------------------------------------------------------
# The trials of a study that importances are computed from, or a sentence that says what is missing.

Target = Callable[[FrozenTrial], float]


def data_of(seen: Snapshot, params: Sequence[str] | None, target: Target | None) -> tuple[ImportanceData, list[str]]:
    """Return the trials to use, and notes on those that were left out.

    Args:
        params: names of the parameters that are asked for; None: all.
        target: what to explain, of a complete trial, less is better; None: the only objective.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: a parameter is not known, or there are too few trials to say anything.
    """
    if target is None and len(seen.directions) > 1:
        raise ValueError(
            f"the study has {len(seen.directions)} objectives, and importance is about one value: say which by "
            "target=, for example target=lambda trial: trial.values[0]; less is taken as better"
        )
    history = seen.history
    space = history.space
    complete = np.flatnonzero(history.complete)
    if not len(complete):
        raise ValueError(_none(seen.history))
    if space is None or not len(space):
        raise ValueError("the trials of this study have no parameters, so there is nothing whose importance to tell")
    wanted = _wanted(space, params)
    rows = complete[np.argsort(history.number[complete], kind="stable")]
    y = np.array(history.y[rows, 0]) if target is None else _targets(seen, target, history.number[rows])
    finite = np.isfinite(y)
    notes: list[str] = (
        [] if finite.all() else [say("{:,} trials with a value that is not finite are left out.", int((~finite).sum()))]
    )
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
    maximised = target is None and seen.directions[0] == StudyDirection.MAXIMIZE
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


def _none(history: History) -> str:
    """Return why there is nothing to compute importances from."""
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
    if isinstance(params, str | bytes) or not isinstance(params, Sequence):
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


def _targets(seen: Snapshot, target: Any, numbers: Any) -> Floats:
    """Return the target's values of trials, by their numbers."""
    if not callable(target):
        raise TypeError(
            f"target must be a function of a trial, for example lambda trial: trial.values[0]; got {shown(target)}"
        )
    trials = {trial.number: trial for trial in seen.get_trials(states=(TrialState.COMPLETE,))}
    values = []
    for number in numbers.tolist():
        try:
            values.append(float(target(trials[number])))
        except Exception as error:
            raise ValueError(f"target= gave no number for trial {number}: {name_and_message(error)}") from error
    return np.array(values)


# ----------------------------------------------------------------------------------------------------------------------
# From effects to the rows of a table: what noise gives is subtracted, and intervals and null lines are added.
#
# Symbols: r effects, b draws, s shuffles.


def importance_rows(effects: Effects, names: tuple[str, ...], pairs: bool) -> tuple[ImportanceRow, ...]:
    """Return the rows of the main effects, or of the pairs, the largest first (those of a path in its order).

    The values of noise are positive by construction. Their mean over shuffles is subtracted. In 95 %
    of the shuffles no effect of the kind passes its own null line; p is the share of the shuffles in which any of them
    stands out as much (Westfall & Young, 1993, single-step maxT). Such lines lie equally many standard deviations of
    the shuffled values above 0; where the values of noise are not positive by construction, all are the same.

    Draws of a value that is positive by construction lie too high; the interval is moved to have its mean at the value.

    Args:
        pairs: which kind.
    """
    at = [i for i, params in enumerate(effects.params) if (len(params) == 2) == pairs]
    if not at:
        return ()
    raw, draws, shuffled = effects.value[at], effects.draws[:, at], effects.shuffled[:, at]
    bias = shuffled.mean(axis=0) if effects.positive else np.zeros(len(at))
    scale = shuffled.std(axis=0) if effects.positive else np.ones(len(at))
    line, p = null_lines(raw - bias, shuffled - bias, scale)
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(draws - draws.mean(axis=0) + raw - bias, [tail, 1.0 - tail], axis=0)
    high = np.where(bias > 0.0, np.maximum(high, 0.0), high)  # a value that is positive by construction is not below 0
    rows = [
        ImportanceRow(
            params=tuple(names[j] for j in effects.params[i]),
            value=float(raw[k] - bias[k]),
            interval=(float(low[k]), float(high[k])),
            null=float(line[k]),
            p=float(p[k]),
            bias=float(bias[k]),
            n_trials=effects.n_trials[i],
            change=effects.changes[i] if effects.changes else None,
        )
        for k, i in enumerate(at)
    ]
    return tuple(rows if effects.changes else sorted(rows, key=lambda row: -row.value))


def null_lines(value: Floats, shuffled: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Return the null lines and p, [r] each.

    Args:
        value: values [r].
        shuffled: values with shuffled y [s, r].
        scale: what the values are divided by before they are compared with one another [r].
    """
    varies = scale > 1e-12
    if not varies.any():
        return np.zeros_like(value), np.ones_like(value)
    divisor = np.where(varies, scale, 1.0)
    largest = np.where(varies, shuffled / divisor, -np.inf).max(axis=1)
    p = (1.0 + (largest[:, None] >= np.where(varies, value / divisor, -np.inf)).sum(axis=0)) / (1.0 + len(largest))
    line = float(np.quantile(largest, LEVEL, method="higher"))
    return np.where(varies, scale, 0.0) * line, p


# ----------------------------------------------------------------------------------------------------------------------
# `importance` and `get_param_importances`: from a study and an evaluator to a table.


@checked("study", "params", "evaluator", "target")
def importance(
    study: Study | Snapshot,
    *,
    evaluator: str | Evaluator = "ped-anova",
    params: Sequence[str] | None = None,
    target: Target | None = None,
    normalize: bool = False,
) -> Importance:
    """Return how much each parameter mattered, with intervals, and what pure noise would have shown.

    Complete trials with a finite value count; failed and running ones do not, and pruned ones count for "ped-anova" as
    not among the best, if there is no target. A parameter that is not always active is judged where it is; what the
    choice to activate it made of a trial belongs to its parent.

    Args:
        study: the study, or a snapshot of it.
        evaluator: its name, or an object of one of the evaluators' classes, or one of your own.
        params: names of parameters to report on; None: all. The others are still part of the model.
        target: what to explain, as a function of a complete trial; less is better. None: the objective, of which a
            study must have only one.
        normalize: divide all by the sum of the parameters' values.

    Returns:
        A table; `print` shows it, and `table["lr"]` is one row.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: there is no such evaluator or parameter, too few trials are complete, all values are the same, or
            the study has several objectives and no target is given.
    """
    if not isinstance(study, Study | Snapshot):
        raise TypeError(f"study must be a tunesmith study (create_study, load_study); got {shown(study)}")
    chosen, seen = _evaluator(evaluator), as_snapshot(study)
    data, notes = data_of(seen, params, target)
    chosen.check(data)
    rng = np.random.default_rng([seen.seed, crc32(chosen.name.encode())])
    effects = chosen.evaluate(data, rng)
    names = tuple(data.space.names)
    table = Importance(
        rows=importance_rows(effects, names, pairs=False),
        pairs=importance_rows(effects, names, pairs=True),
        evaluator=chosen.name,
        unit=effects.unit,
        notes=(*notes, *effects.notes),
        n_trials=len(data.y),
        start=effects.start,
    )
    return table.normalized() if normalize else table


@checked("study", "params", "evaluator", "target")
def get_param_importances(
    study: Study | Snapshot,
    *,
    evaluator: str | Evaluator = "ped-anova",
    params: Sequence[str] | None = None,
    target: Target | None = None,
    normalize: bool = False,
) -> dict[str, float]:
    """Return the importance of each parameter, the largest first; `importance` says how sure the values are.

    Args:
        study: the study.
        evaluator: as for `importance`.
        params: as for `importance`.
        target: as for `importance`.
        normalize: divide by the sum; values below 0 (less than noise gives) then count as 0.

    Returns:
        The values by name.

    Raises:
        TypeError: as for `importance`.
        ValueError: as for `importance`.
    """
    table = importance(study, evaluator=evaluator, params=params, target=target)
    return table.values(normalize=normalize)


def _evaluator(given: Any) -> Evaluator:
    """Return the evaluator of a name, or the object that was given."""
    if isinstance(given, str):
        given = load_registered("evaluators", given)()
    elif isinstance(given, type) and issubclass(given, Evaluator):
        given = given()
    if not isinstance(given, Evaluator):
        raise TypeError(f"evaluator must be a name, or an object of tunesmith.importance.Evaluator; got {shown(given)}")
    return given
