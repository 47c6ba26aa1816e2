"""Checks that every storage makes, and their errors."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from tunesmith.errors import AttemptReplacedError, StudyNotFoundError
from tunesmith.frozen import TrialRecord
from tunesmith.state import TrialState
from tunesmith.text import checked_text, did_you_mean

DIRECTIONS = ("minimize", "maximize")


def new_name() -> str:
    """Make up a study's name."""
    return f"study-{secrets.token_hex(4)}"


def check_study(name: str | None, directions: Sequence[str], seed: int) -> tuple[str, ...]:
    """Return the directions as a tuple."""
    if name is not None:
        checked_text("a study's name", name)
    wrong = [d for d in directions if d not in DIRECTIONS]
    if wrong or not directions or isinstance(directions, str):
        raise ValueError(f"directions must be a sequence of 'minimize' and 'maximize'; got {directions!r}")
    if not 0 <= seed < 2**63:
        raise ValueError(f"a study's seed must be at least 0 and less than 2**63; got {seed}")
    return tuple(str(d) for d in directions)


def check_direction(direction: str) -> None:
    """Check that a word is a direction."""
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be 'minimize' or 'maximize'; got {direction!r}")


def check_finished(trial: TrialRecord, n_objectives: int) -> None:
    """Check that a record can be the end of a trial of this study."""
    if not trial.state.is_finished():
        raise ValueError(f"trial {trial.number}: a trial ends as COMPLETE, PRUNED or FAIL; got {trial.state.name}")
    values = trial.values
    if values is not None and len(values) != n_objectives:
        raise ValueError(f"trial {trial.number}: {n_objectives} value(s) expected, one a direction; got {values}")
    if trial.state is TrialState.COMPLETE and (values is None or any(v != v for v in values)):
        raise ValueError(f"trial {trial.number}: a COMPLETE trial has a number for each objective; got {values}")


def check_added(trials: Sequence[TrialRecord], n_objectives: int) -> None:
    """Check that records can be added to a study."""
    for trial in trials:
        if trial.state is TrialState.RUNNING:
            raise ValueError("only WAITING and finished trials can be added; got a RUNNING one (release it first)")
        if trial.state is not TrialState.WAITING:
            check_finished(trial, n_objectives)


def study_not_found(name: str | None, names: Iterable[str], where: str) -> StudyNotFoundError:
    """Return the error for a name that is not there (None: for a study that is not the only one)."""
    names = sorted(names)
    if not names:
        asked = f"no study {name!r}" if name is not None else "no study"
        return StudyNotFoundError(f"{where} holds {asked}; it is empty (create_study makes one)")
    listed = ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    if name is None:
        return StudyNotFoundError(f"{where} holds {len(names)} studies; say which by study_name (there are {listed})")
    return StudyNotFoundError(f"{where} holds no study {name!r}{did_you_mean(name, names)} (there are: {listed})")


def study_gone(study_id: int, where: str) -> StudyNotFoundError:
    """Return the error for an id that is not there: the study was deleted while it was in use."""
    return StudyNotFoundError(f"{where} holds no study of id {study_id} any more; it was deleted while in use")


def attempt_replaced(number: int, attempt: int, now: int) -> AttemptReplacedError:
    """Return the error for a write of an attempt after the next one began."""
    return AttemptReplacedError(
        f"trial {number}: attempt {attempt} was given up and the trial is at attempt {now}, so what attempt {attempt} "
        "still reports or notes is refused"
    )
