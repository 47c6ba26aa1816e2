"""Takes over the trials of dead workers: they are run again, or fail where `retries` says so."""

from __future__ import annotations

import math
import random
import time

from tunesmith.errors import AttemptReplacedError, TrialFinishedError
from tunesmith.state import FailureKind, TrialState
from tunesmith.study.engine.replica import STALE, StudyReplica
from tunesmith.study.engine.retries import Retries, why_not_again
from tunesmith.trial.record import Fence, TrialRecord
from tunesmith.workers import runs_apart

_LOOK = 1.0  # seconds between two looks for dead workers
_REST = 50.0  # times what a look took: with many workers, or a slow server, each looks less often

_LOOK_AT_END = 0.2  # seconds between two looks when there is nothing else to do

_random = random.SystemRandom()  # the state of Python's own generator belongs to the user


class Recovery:
    """Looks for dead workers now and then.

    Args:
        study: the replica.

    Attributes:
        due: when to look the next time, by the monotonic clock; never where no other process shares the storage.
    """

    def __init__(self, study: StudyReplica) -> None:
        self._study = study
        self.due = 0.0 if study.storage.shared else math.inf

    def look(self, retries: Retries) -> None:
        """Take over what dead workers left, and say when the next look is due."""
        now = time.monotonic()
        recover(self._study, retries)
        pause = max(_LOOK, _REST * (time.monotonic() - now))
        self.due = now + pause * _random.uniform(0.75, 1.0)  # so that not all workers look at once


def wait_for_lost(study: StudyReplica, retries: Retries, most: float) -> list[int]:
    """Wait until it is known whether the workers of running trials live, at most for a lease; take over what is left.

    Without that, the last trial of a search would stay undone whose worker died a moment before the others ended.

    Args:
        study: the replica.
        retries: how often trials are run again.
        most: seconds to wait at most.

    Returns:
        The numbers of the trials that wait to be run again.
    """
    storage = study.storage
    end = time.monotonic() + min(most, storage.lease.ttl + storage.lease.beat)
    while not (found := recover(study, retries)) and storage.is_doubtful(study.study_id) and time.monotonic() < end:
        time.sleep(_LOOK_AT_END)
    return found


def recover(study: StudyReplica, retries: Retries) -> list[int]:
    """Release the trials of dead workers; FAIL those that were run again too often.

    Returns:
        The numbers of those that wait to be run again.
    """
    storage = study.storage
    left: dict[FailureKind, dict[int, Fence]] = {}
    for trial in storage.expired(study.study_id):
        study.version = STALE
        failure = FailureKind.INTERRUPTED if runs_apart(trial.worker) else trial.failure or FailureKind.LEASE
        why_not = why_not_again(study, retries, trial, trial.reports, failure)
        if why_not is None:
            left.setdefault(failure, {})[trial.number] = trial.fence
        else:
            try:
                storage.finish(study.study_id, _failed(trial, failure, why_not))
            except (AttemptReplacedError, TrialFinishedError):
                continue  # it ended, or another worker took it over, meanwhile
    for failure, fences in left.items():
        storage.release(study.study_id, fences, failure)
    return sorted(number for fences in left.values() for number in fences)


def _failed(trial: TrialRecord, failure: FailureKind, why: str) -> TrialRecord:
    """Return the end of a trial that is not run again; the storage has its attributes and reports."""
    trial.state, trial.finished, trial.failure = TrialState.FAIL, time.time(), failure
    trial.reason = f"{why}; previous_attempts has what it reported"
    trial.user = trial.reports = None
    return trial
