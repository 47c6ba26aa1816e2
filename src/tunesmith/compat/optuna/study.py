"""Optuna's studies: the study itself (`study_class.py`), and how they are made, loaded and listed (`creation.py`)."""

from __future__ import annotations

from collections.abc import Container

from tunesmith.compat.optuna.creation import (
    StudySummary,
    copy_study,
    create_study,
    delete_study,
    get_all_study_names,
    get_all_study_summaries,
    load_study,
)
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.objective import ObjectiveFunc
from tunesmith.compat.optuna.paths import lead_here
from tunesmith.compat.optuna.storages.base import FrozenStudy as _FrozenStudy
from tunesmith.compat.optuna.study_class import Study
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.trial_state import TrialState, state_of

ObjectiveFuncType = ObjectiveFunc  # what other libraries import from optuna.study.study, and the next from _frozen
FrozenStudy = _FrozenStudy

__all__ = [
    "MaxTrialsCallback",
    "Study",
    "StudyDirection",
    "StudySummary",
    "copy_study",
    "create_study",
    "delete_study",
    "get_all_study_names",
    "get_all_study_summaries",
    "load_study",
]


class MaxTrialsCallback:
    """Ends the search when the study has so many trials, whoever ran them.

    Args:
        n_trials: how many.
        states: only trials in these states count; None: all.
    """

    def __init__(self, n_trials: int, states: Container[TrialState] | None = (TrialState.COMPLETE,)) -> None:
        self._n_trials = n_trials
        self._states = states

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Look whether there are enough trials.

        Args:
            study: the study.
            trial: the one that just ended.
        """
        states, counts = self._states, study.native.counts
        if sum(n for state, n in counts.items() if states is None or state_of(state) in states) >= self._n_trials:
            study.stop()


__getattr__ = refuser(__name__, __all__)
lead_here(__name__)
