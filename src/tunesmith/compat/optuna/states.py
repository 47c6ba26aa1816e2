"""The states of trials and the directions of objectives, with Optuna's numbers, and as text as there."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from numbers import Integral
from typing import Any

from tunesmith.foundation.states import TrialState as NativeState


class TrialState(IntEnum):
    """The state of a trial. COMPLETE, PRUNED and FAIL are final."""

    RUNNING = 0
    COMPLETE = 1
    PRUNED = 2
    FAIL = 3
    WAITING = 4

    def __str__(self) -> str:
        return f"TrialState.{self.name}"

    def is_finished(self) -> bool:
        """Tell whether the state is final."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


_BY_NUMBER = {int(state): state for state in TrialState} | {int(NativeState.PAUSED): TrialState.RUNNING}


def state_of(state: Any) -> TrialState:
    """Return a state of this library, or of the real Optuna, as one of this module; a paused trial is RUNNING.

    Raises:
        ValueError: there is no such state.
    """
    if type(state) is TrialState:
        return state
    found = _BY_NUMBER.get(int(state)) if isinstance(state, Integral) else None
    if found is None:
        raise ValueError(f"a trial's state is a TrialState; got {state!r}")
    return found


def native_state(state: int) -> NativeState:
    """Return a state of Optuna's kind as one of this library."""
    return NativeState[state_of(state).name]


class StudyDirection(IntEnum):
    """Whether an objective is minimized or maximized."""

    NOT_SET = 0
    MINIMIZE = 1
    MAXIMIZE = 2


def only_direction(directions: Sequence[StudyDirection], study_name: str) -> StudyDirection:
    """Return the direction of a study with one objective.

    Raises:
        RuntimeError: there are several objectives.
    """
    if len(directions) > 1:
        raise RuntimeError(f"the study {study_name!r} has several objectives: read .directions")
    return directions[0]
