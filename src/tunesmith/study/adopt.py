"""Trials of one study as records that another study can add."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution
from tunesmith.space import Space
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.trial.record import NOISE, TrialRecord


def adopted(other: StudyReplica, study: StudyReplica) -> list[TrialRecord]:
    """Return the trials of a study that have values, by number, as records that another study can add.

    Args:
        study: the study that takes them. If its space is declared, trials that are no points of it are left out,
            with a warning; if not, trials keep their own spaces.

    Raises:
        ValueError: the directions differ.
    """
    directions = study.directions
    space = study.history.space if study.declared else None
    if other.directions != directions:
        raise ValueError(
            f"add_trials: the study {other.study_name!r} has the directions {[str(d) for d in other.directions]}, this "
            f"one {[str(d) for d in directions]}, so their values mean different things; "
            "create_study(warm_start_from=[study]) compares ranks and takes any direction"
        )
    found: list[TrialRecord] = []
    reasons: list[str] = []
    for trial in other.trials(states=[TrialState.COMPLETE, TrialState.PRUNED]):
        if trial.values is None:
            continue
        own, x = trial.space, trial.x
        if space is not None:
            try:
                own, x = space, row_of(space, trial.flat_params)
            except SpaceError as error:
                reasons.append(str(error))
                continue
        found.append(_record(trial, own, x, other.study_name))
    if reasons:
        caution(
            f"add_trials: {len(reasons)} of {len(reasons) + len(found)} trials of {other.study_name!r} are no points "
            f"of the declared space and were left out; the first because {reasons[0]}"
        )
    return found


def row_of(space: Space, params: dict[str, Any]) -> list[float]:
    """Return the internal values of a point that may also name parameters that are inactive in this space."""
    try:
        row: list[float] = space.encode([params])[0].tolist()
        return row
    except SpaceError as error:
        if not all(name in space and space[name].contains(value) for name, value in params.items()):
            raise
        x = np.array([[p.to_internal(params[n]) if n in params else np.nan for n, p in space.params.items()]])
        x = space.mask(x)
        if not space.contains_rows(x)[0]:
            raise error from None
        kept: list[float] = x[0].tolist()
        return kept


def _record(trial: TrialRecord, space: Space | None, x: Sequence[float] | None, name: str) -> TrialRecord:
    """Return a copy without what only its own study understands: number, sampler state and who proposed it."""
    return TrialRecord(
        -1,
        trial.state,
        space=space,
        x=x,
        values=trial.values,
        cost=trial.cost,
        constraints=trial.constraints,
        reason=trial.reason,
        started=trial.started,
        finished=trial.finished,
        user=trial.user,
        system={"added_from": name} if trial.noise is None else {"added_from": name, NOISE: list(trial.noise)},
        reports=dict(trial.intermediate_values) or None,
    )


def checked_trials(trials: Iterable[Any], n_objectives: int) -> list[TrialRecord]:
    """Return the trials that ``add_trials`` was given.

    Raises:
        TypeError: it is no trial of tunesmith's.
        ValueError: a trial is running, or has another number of values than there are objectives.
    """
    checked = list(trials) if isinstance(trials, Iterable) else [trials]  # type: ignore[redundant-expr]  # users' calls
    for t in checked:
        if not isinstance(t, TrialRecord):
            raise TypeError(
                f"add_trial takes what tunesmith.create_trial(...) makes or a study's trials; got {shown(t)} "
                "(of another library? tunesmith.compat.read reads its files, see docs/import.md)"
            )
        if t.state is TrialState.RUNNING:
            raise ValueError("add_trial: the trial is RUNNING; only finished and waiting trials can be added")
        if t.state is TrialState.COMPLETE and (t.values is None or len(t.values) != n_objectives):
            raise ValueError(f"add_trial: {n_objectives} value(s) expected; got {t.values}")
        if t.values is not None and any(map(math.isnan, t.values)):
            raise ValueError(f"add_trial: values must be numbers; got {t.values}")
    return checked
