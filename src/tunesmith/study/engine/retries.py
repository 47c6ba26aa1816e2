"""How often a trial is run again whose attempt ended without a result.

Each reason has a limit: how often in a row a trial may end for it without progress. An attempt made progress if it
reported a step beyond those of all attempts before, or saved a checkpoint. A trial that is paused or released by its
user is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from tunesmith.artifacts.checkpoints import newest
from tunesmith.state import FailureKind
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.text import did_you_mean, shown
from tunesmith.trial.record import TrialRecord

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
        study: where it is.
        retries: how often trials are run again.
        trial: its record, with the attempts before.
        reports: what the present attempt reported.
        failure: how it ended.
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
