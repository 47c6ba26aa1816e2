"""Makes a new attempt of a trial that its engine began to run again: it lost the first run, or says so."""

from __future__ import annotations

import time

from tunesmith.frozen import Fence
from tunesmith.state import FailureKind
from tunesmith.study.engine.ask import Asker, new_token
from tunesmith.study.engine.replica import STALE, RunningTrial, StudyReplica
from tunesmith.trial import Trial


def restart(study: StudyReplica, asker: Asker, trial: Trial) -> bool:
    """Give a running trial its next attempt, under the same worker.

    Args:
        study: the replica that has it.
        asker: of that.
        trial: gets the attempt, its token, and what the attempt before it left.

    Returns:
        Whether it has one; False: the trial is not this worker's any more.
    """
    storage, number = study.storage, trial.number
    running = study.running.pop(number, None)
    study.version = STALE
    if running is None:
        return False
    storage.release(study.study_id, {number: running.record.fence}, FailureKind.LOST)
    others: dict[int, Fence] = {}  # that waited as well, and came first
    try:
        while True:
            token = new_token()
            claim = storage.claim(study.study_id, asker.worker, False, token)
            if claim.trial is None:  # nothing waits: another worker has it
                return False
            if claim.number == number:
                break
            others[claim.number] = Fence(claim.trial.attempt, token)
    finally:
        if others:
            storage.release(study.study_id, others)
    again, record = asker.propose(claim, token, cheap=False)
    if storage.start(study.study_id, claim, record) is None:
        return False
    trial.attempt, trial.token, trial.previous_attempts = again.attempt, again.token, again.previous_attempts
    study.running[number] = RunningTrial(trial, record, time.monotonic())
    return True
