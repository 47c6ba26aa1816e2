"""Recovers trials whose process died: they run again, up to a limit."""

from __future__ import annotations

import time

from tunesmith.frozen import TrialRecord
from tunesmith.state import TrialState
from tunesmith.storage.workers import is_dead, runs_apart
from tunesmith.study.engine.replica import STALE, StudyReplica


def recover(study: StudyReplica, max_attempts: int) -> list[int]:
    """Release the trials of workers of this machine that died; FAIL those that were begun `max_attempts` times.

    Returns:
        The numbers of those that wait to be run again.
    """
    storage = study.storage
    lost: dict[int, int] = {}
    crashed: dict[int, int] = {}
    for trial in storage.trials(study.study_id, states=[TrialState.RUNNING]):
        if not is_dead(trial.worker):
            continue
        study.version = STALE
        if runs_apart(trial.worker):
            lost[trial.number] = trial.attempt
        elif trial.crashes + 1 < max_attempts:
            crashed[trial.number] = trial.attempt
        else:
            storage.finish(study.study_id, _failed(trial, max_attempts))
    if lost:
        storage.release(study.study_id, lost)
    if crashed:
        storage.release(study.study_id, crashed, crashed=True)
    return sorted({**lost, **crashed})


def _failed(trial: TrialRecord, limit: int) -> TrialRecord:
    """Return the end of a trial whose process died too often; the storage has its attributes and reports."""
    trial.state, trial.finished = TrialState.FAIL, time.time()
    trial.crashes += 1
    times = "once" if trial.crashes == 1 else f"{trial.crashes} times"
    trial.reason = (
        f"its process died {times} (out of memory, a crash in a library, a kill?), and max_attempts is {limit}; "
        "previous_attempts has what it reported"
    )
    trial.user = trial.reports = None
    return trial
