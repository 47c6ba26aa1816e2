"""Checks that every storage makes, and their errors."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from tunesmith.errors import (
    AttemptReplacedError,
    DuplicatedStudyError,
    StudyNotFoundError,
    TrialFinishedError,
    TrialsSpentError,
)
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import checked_text, did_you_mean
from tunesmith.trial.metrics import STEP_BOUND
from tunesmith.trial.record import Fence, TrialRecord

DIRECTIONS = ("minimize", "maximize")
GIVEN_UP = (FailureKind.LOST, FailureKind.LEASE)  # the worker seemed to be dead


def new_name() -> str:
    """Make up a study's name."""
    return f"study-{secrets.token_hex(4)}"


def check_study(name: str | None, directions: Sequence[str], seed: int) -> tuple[str, ...]:
    """Return the directions as a tuple."""
    if name is not None:
        check_name(name)
    wrong = [d for d in directions if d not in DIRECTIONS]
    if wrong or not directions or isinstance(directions, str):
        raise ValueError(f"directions must be a sequence of 'minimize' and 'maximize'; got {directions!r}")
    if not 0 <= seed < 2**63:
        raise ValueError(f"a study's seed must be at least 0 and less than 2**63; got {seed}")
    return tuple(str(d) for d in directions)


def check_name(name: str) -> None:
    """Check that a text can be a study's name."""
    checked_text("a study's name", name)


def name_taken(name: str, where: str) -> DuplicatedStudyError:
    """Return the error that another study has the name."""
    return DuplicatedStudyError(f"{where} already holds a study {name!r}; choose another name")


def check_direction(direction: str) -> None:
    """Check that a word is a direction."""
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be 'minimize' or 'maximize'; got {direction!r}")


def check_finished(trial: TrialRecord, n_objectives: int) -> None:
    """Check that a record can be the end of a trial of this study."""
    values = trial.values
    is_plain = trial.state is TrialState.COMPLETE and n_objectives == 1 and not trial.reports
    if is_plain and values is not None and len(values) == 1 and values[0] == values[0]:
        return  # the common end, without a loop
    if not trial.state.is_finished():
        raise ValueError(f"trial {trial.number}: a trial ends as COMPLETE, PRUNED or FAIL; got {trial.state.name}")
    if values is not None and len(values) != n_objectives:
        raise ValueError(f"trial {trial.number}: {n_objectives} value(s) expected, one a direction; got {values}")
    if trial.state is TrialState.COMPLETE and (values is None or any(v != v for v in values)):
        raise ValueError(f"trial {trial.number}: a COMPLETE trial has a number for each objective; got {values}")
    if not trial.reports:
        return
    for step, value in trial.reports.items():
        if (len(value) if isinstance(value, tuple) else 1) != n_objectives:
            raise ValueError(
                f"trial {trial.number}: {n_objectives} value(s) expected in each report, one a direction; got {value} "
                f"at step {step}"
            )
        if (step + 1) * (n_objectives - 1) > STEP_BOUND:
            raise ValueError(f"trial {trial.number}: with {n_objectives} objectives, steps must be lower; got {step}")


def check_added(trials: Sequence[TrialRecord], n_objectives: int) -> None:
    """Check that records can be added to a study."""
    for trial in trials:
        if trial.state in (TrialState.RUNNING, TrialState.PAUSED):
            raise ValueError(f"only WAITING and finished trials can be added; got a {trial.state.name} one")
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


def refuse_replaced(trial: TrialRecord, fence: Fence) -> None:
    """Raise AttemptReplacedError unless an attempt is the one that a trial is at; one that is to come is allowed."""
    if fence.attempt < trial.attempt or (fence.attempt == trial.attempt and fence.token != trial.token):
        raise attempt_replaced(trial.number, fence.attempt, trial.attempt)


def attempt_replaced(number: int, attempt: int, now: int) -> AttemptReplacedError:
    """Return the error for a write of an attempt after the next one began."""
    instead = f"the trial is at attempt {now}" if now > attempt else "another worker has it"
    return AttemptReplacedError(
        f"trial {number}: attempt {attempt} was given up and {instead}, so what its worker still reports or notes is "
        "refused; a result is kept as a note in the trial's previous_attempts"
    )


def check_finished_before(trial: TrialRecord, stored: TrialRecord) -> None:
    """Check that the end of an attempt is stored: it was told twice, or the answer to the first time was lost.

    Raises:
        AttemptReplacedError: the trial was released, is run by another claim, or was given up as lost.
        TrialFinishedError: it ended otherwise.
        ValueError: the attempt was not begun.
    """
    refuse_replaced(stored, trial.fence)
    if not stored.state.is_finished() or stored.attempt != trial.attempt:
        raise _not_begun(trial, stored)
    if stored.state is trial.state and (trial.state is not TrialState.COMPLETE or stored.values == trial.values):
        return
    if stored.failure in GIVEN_UP:
        raise AttemptReplacedError(
            f"trial {trial.number}: its worker gave no sign of life and the trial was ended as {stored.failure}; the "
            "result that came later is kept as a note"
        )
    raise finished_otherwise(stored)


def check_paused_before(trial: TrialRecord, stored: TrialRecord) -> None:
    """Check that the pause of an attempt is stored: the answer to the first time was lost.

    Raises:
        AttemptReplacedError: the trial was released, or is run by another claim.
        TrialFinishedError: it ended.
    """
    if stored.state is TrialState.PAUSED and stored.attempt == trial.attempt + 1:
        return
    refuse_replaced(stored, trial.fence)
    if stored.state.is_finished():
        raise finished_otherwise(stored)
    raise _not_begun(trial, stored)


def _not_begun(trial: TrialRecord, stored: TrialRecord) -> ValueError:
    return ValueError(f"trial {trial.number}: attempt {trial.attempt} was not begun; {stored.attempt} is")


def finished_otherwise(stored: TrialRecord) -> TrialFinishedError:
    """Return the error for another end of a trial than it has."""
    values = "" if stored.values is None else f" with {', '.join(map(repr, stored.values))}"
    return TrialFinishedError(
        f"tell: trial {stored.number} is {stored.state.name}{values} already; a finished trial does not change "
        "(pass skip_if_finished=True to leave it as it is)"
    )


def trials_spent(below: int) -> TrialsSpentError:
    """Return the error for a claim when all numbers below a limit are taken."""
    return TrialsSpentError(f"the study has the {below} trials that it is to have in all")


def late_note(trial: TrialRecord) -> dict[str, Any]:
    """Return what is kept of the result of an attempt that was given up."""
    values = None if trial.values is None else list(trial.values)
    return {"state": trial.state.name, "values": values, "reason": trial.reason}
