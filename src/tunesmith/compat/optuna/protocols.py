"""What samplers, pruners and trials use of a study, which stands above them."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Protocol

from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.parameters import Kind
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.study import Study as NativeStudy


class StudyLike(Protocol):
    """A study, as `tunesmith.compat.optuna.study.Study` is one."""

    native: NativeStudy
    _study_id: int

    @property
    def directions(self) -> list[StudyDirection]:
        """One direction for each objective."""

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials by number.

        Args:
            deepcopy: accepted for porting.
            states: trials in these states only.
        """

    def stop(self) -> None:
        """End the search after the running trials."""

    def kinds(self) -> dict[str, Kind]:
        """Return of each parameter that a trial has suggested its kind and scale; what is added is remembered."""

    def constrain(self, number: int, key: str, value: float) -> None:
        """Set a constraint of a running trial.

        Args:
            number: the trial's number.
            key: the constraint's name.
            value: its value.
        """


class TrialLike(Protocol):
    """A trial that runs, or the record of one."""

    @property
    def system_attrs(self) -> dict[str, Any]:
        """Notes of samplers and callbacks."""
