"""How often a trial is run again whose attempt ended without a result."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from tunesmith.frozen import TrialRecord
from tunesmith.state import FailureKind
from tunesmith.text import did_you_mean, shown

KEY = "retries"  # the system attribute that holds the study's own
_OLD_KEY = "max_attempts"  # its form up to schema 2: how often a trial is begun whose process dies
DEFAULT = {FailureKind.LOST: 1}
_SAME = {FailureKind.LEASE: FailureKind.LOST}  # a worker that gave no sign of life counts as lost

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
    if KEY in system:
        return checked_retries(system[KEY])
    if _OLD_KEY in system:
        return {**DEFAULT, FailureKind.LOST: int(system[_OLD_KEY]) - 1}
    return DEFAULT


def to_store(retries: Retries) -> dict[str, int]:
    """Return retries as a system attribute."""
    return {str(kind): count for kind, count in retries.items()}


def may_run_again(retries: Retries, trial: TrialRecord, failure: FailureKind) -> bool:
    """Tell whether a trial is run again whose present attempt ended in this way."""
    kind = _SAME.get(failure, failure)
    before = trial.crashes if kind is FailureKind.LOST else sum(a.failure is kind for a in trial.previous_attempts)
    return before < retries.get(kind, 0)
