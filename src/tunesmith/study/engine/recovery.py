"""Takes over the trials of dead workers: they are run again, or fail where `retries` says so."""

from __future__ import annotations

import math
import os
import random
import threading
import time
import weakref
from collections.abc import Mapping
from functools import partial
from numbers import Integral
from typing import Any

from tunesmith.artifacts.checkpoints import newest
from tunesmith.errors import AttemptReplacedError, StorageError, TrialFinishedError
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import did_you_mean, shown
from tunesmith.foundation.threads import watch
from tunesmith.foundation.worker_names import runs_apart
from tunesmith.storage.base import Storage
from tunesmith.study.engine.replica import STALE, StudyReplica
from tunesmith.trial.record import Fence, TrialRecord

_LOOK = 1.0  # seconds between two looks for dead workers
_REST = 50.0  # times what a look took: with many workers, or a slow server, each looks less often

_LOOK_AT_END = 0.2  # seconds between two looks when there is nothing else to do

_random = random.SystemRandom()  # the state of Python's own generator belongs to the user


class Recovery:
    """Looks for dead workers now and then.

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


# -- how often a trial is run again whose attempt ended without a result ----------------------------------------------
#
# Each reason has a limit: how often in a row a trial may end for it without progress. An attempt made progress if it
# reported a step beyond those of all attempts before, or saved a checkpoint. A trial that is paused or released by its
# user is not counted.

KEY = "retries"  # the system attribute that holds the study's own
DEFAULT = {FailureKind.LOST: 1, FailureKind.INTERRUPTED: 10}
_SAME = {FailureKind.LEASE: FailureKind.LOST}  # a worker that gave no sign of life counts as lost
_HOW = {
    FailureKind.LOST: "its process died {} (out of memory, a crash in a library, a kill?)",
    FailureKind.LEASE: (
        "its worker was lost {}, and gave no sign of life at last (a machine or a network that is gone?)"
    ),
    FailureKind.INTERRUPTED: "it was interrupted {} (SIGTERM, Ctrl-C, a machine that was taken away?)",
}

Retries = Mapping[FailureKind, int]


def checked_retries(retries: Any) -> Retries:
    """Return the retries for each kind of failure.

    Args:
        retries: a number, for trials whose worker was lost; or a mapping from kinds, or their names, to numbers.

    Raises:
        ValueError: a number is negative, or there is no such kind.
    """
    given = retries if isinstance(retries, Mapping) else {FailureKind.LOST: retries}
    found = dict(DEFAULT)
    for kind, count in given.items():
        if isinstance(count, bool) or not isinstance(count, Integral) or count < 0:
            raise ValueError(f"retries must be 0 or more, or a mapping of kinds of failure to that; got {shown(count)}")
        found[_kind(kind)] = int(count)
    return found


def _kind(given: Any) -> FailureKind:
    if isinstance(given, FailureKind):
        return _SAME.get(given, given)
    names = [str(kind) for kind in FailureKind if kind not in _SAME]
    if given not in names:
        raise ValueError(
            f"retries: there is no kind of failure {given!r}{did_you_mean(str(given), names)} ({', '.join(names)})"
        )
    return FailureKind[given.upper()]


def stored_retries(system: Mapping[str, Any]) -> Retries:
    """Return the retries that a study's system attributes hold."""
    return checked_retries(system[KEY]) if KEY in system else DEFAULT


def to_store(retries: Retries) -> dict[str, int]:
    """Return retries as a system attribute."""
    return {str(kind): count for kind, count in retries.items()}


def why_not_again(
    study: StudyReplica,
    retries: Retries,
    trial: TrialRecord,
    reports: Mapping[int, object] | None,
    failure: FailureKind,
) -> str | None:
    """Return why a trial is not run again whose present attempt ended in this way; None: it is run again.

    Args:
        trial: its record, with the attempts before.
        reports: what the present attempt reported.
    """
    kind = _SAME.get(failure, failure)
    limit = retries.get(kind, 0)
    ends = _ends_without_progress(trial, reports, kind, 0)
    if 0 < limit < ends:
        found = newest(study.storage.artifacts_of(study.study_id, trial.number))
        ends = _ends_without_progress(trial, reports, kind, 0 if found is None else found.attempt)
    if ends <= limit and limit:
        return None
    ends = max(1, ends)
    how = _HOW.get(failure, f"it failed {{}} as {failure}").format("once" if ends == 1 else f"{ends} times")
    setting = limit if kind is FailureKind.LOST else {str(kind): limit}
    return f"{how}{' without a new report or checkpoint' * (limit > 0)}, and retries is {setting}"


def _ends_without_progress(
    trial: TrialRecord, reports: Mapping[int, object] | None, kind: FailureKind, saved: int
) -> int:
    """Return how often attempts ended in this way since the last one that made progress; 0: the present one did.

    `saved` is the attempt that saved the newest checkpoint.
    """
    reached, count = -1, 0
    before = [(a.attempt, a.reports, a.failure) for a in trial.previous_attempts]
    for attempt, reported, failure in [*before, (trial.attempt, reports, kind)]:
        last = max(reported or (), default=-1)
        if last > reached or attempt == saved:
            reached, count = max(reached, last), 0
        elif failure is not None and _SAME.get(failure, failure) is kind:
            count += 1
    return count


# -- signs of life of this process, given by a thread for as long as a storage is in use ------------------------------

_AGAIN = 1.0  # seconds after which a sign is tried again that the storage did not take

_hearts: weakref.WeakKeyDictionary[Storage, tuple[int, str]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def keep_beating(storage: Storage, worker: str) -> None:
    """Give a first sign of life, and more of them from a thread of its own, unless this was called before.

    Args:
        storage: where; one that no other process shares needs none.

    Raises:
        StorageError: the storage does not take the first one.
    """
    if not storage.shared or _hearts.get(storage) == (os.getpid(), worker):
        return
    with _lock:
        if _hearts.get(storage) == (os.getpid(), worker):
            return
        storage.beat(worker)
        _hearts[storage] = (os.getpid(), worker)
    name = f"tunesmith-heart-{worker.partition(':')[0]}"
    watch(partial(_beat, weakref.ref(storage), worker), name, "others take this process for dead")


def _beat(found: weakref.ref[Storage], worker: str) -> None:
    """Beat until the storage is gone."""
    try:
        _go_on_beating(found, worker)
    except BaseException:
        if (storage := found()) is not None:
            _hearts.pop(storage, None)  # the next search begins again
        raise


def _go_on_beating(found: weakref.ref[Storage], worker: str) -> None:
    pause = threading.Event()  # never set: it waits without the signals that time.sleep would see
    storage = found()
    while storage is not None:
        seconds = storage.lease.beat
        del storage
        pause.wait(seconds)
        if (storage := found()) is None:
            return
        try:
            storage.beat(worker)
        except StorageError:  # it is away: the next one comes soon, for others may count the seconds
            del storage
            pause.wait(min(_AGAIN, seconds))
            storage = found()
