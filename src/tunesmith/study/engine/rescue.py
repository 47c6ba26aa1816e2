"""Writes what a process knows of a study into a new file, where the storage's own file was lost and cannot be read."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable

import numpy as np

from tunesmith.errors import StorageLostError
from tunesmith.state import FailureKind, TrialState
from tunesmith.storage import open_storage
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.text import printable
from tunesmith.trial.record import NOISE, TrialRecord


def rescued(study: StudyReplica, ends: Iterable[TrialRecord], error: StorageLostError) -> StorageLostError:
    """Return the error for a file that was lost, with a file that has what is known here.

    Args:
        study: its history has the finished trials.
        ends: trials that ended and were not stored.
        error: of the storage, which could make no copy.
    """
    if error.rescue is not None or not error.path:
        return error
    try:
        place = _written(study, ends, f"{error.path}.rescue-of-{os.getpid()}.db")
    except Exception as failed:  # whatever it is, the loss itself has to be told
        error.add_note(f"no file with what is known here could be written: {failed}")
        return error
    return StorageLostError(
        f"{error}. It cannot be read any more: the points, values, reports and costs that this process knows are in "
        f"{printable(place)}, without the attributes of trials",
        error.path,
        place,
    )


def _written(study: StudyReplica, ends: Iterable[TrialRecord], place: str) -> str:
    storage = open_storage(place)
    there = {record.name: record for record in storage.list_studies()}
    if (before := there.get(study.study_name)) is not None:
        storage.delete_study(before.id)  # an earlier one of this process, which knows more by now
    directions, declared = [d.value for d in study.directions], study.history.space if study.declared else None
    made = storage.create_study(study.study_name, directions, study.seed, declared)
    known = {record.number: record for record in (*_records(study), *ends)}
    every = range(max(known, default=-1) + 1)
    storage.add(made.id, [known.get(number) or _unfinished(number) for number in every])
    storage.close()
    return place


def _unfinished(number: int) -> TrialRecord:
    reason = "it was not finished, as far as is known, when the file of the study was lost"
    return TrialRecord(number, TrialState.FAIL, reason=reason, failure=FailureKind.LOST)


def _records(study: StudyReplica) -> list[TrialRecord]:
    """Return the trials of the history as records."""
    history, curves, space = study.history, study.history.curves, study.history.space
    points = None if space is None else history.points(space).tolist()
    found = []
    for i, (number, state) in enumerate(zip(history.number.tolist(), history.state.tolist(), strict=True)):
        values = tuple(y * sign for y, sign in zip(history.y[i].tolist(), study.signs, strict=True))
        found.append(
            TrialRecord(
                number,
                TrialState(state),
                space=space,
                x=None if points is None else points[i],
                values=None if any(map(math.isnan, values)) else values,
                sampler_state=int(history.sampler_state[i]),
                cost=float(history.cost[i]),
                failure=FailureKind(k) if (k := int(history.failure[i])) else None,
                constraints=history.constraints_of(i) or None,
                system=None if np.isnan(history.noise[i]).any() else {NOISE: history.noise[i].tolist()},
                reports=curves.reported(number) or None,
            )
        )
    return found
