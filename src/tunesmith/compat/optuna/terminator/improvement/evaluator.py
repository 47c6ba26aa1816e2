"""How much a longer search could gain: what is compared with the error of a result before a search is ended."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

import tunesmith
from tunesmith.compat.optuna._experimental import experimental_class
from tunesmith.compat.optuna.records import record_of
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.history import History
from tunesmith.space import Space
from tunesmith.text import shown

MIN_TRIALS = 20  # complete trials before a search may end
TOP = 0.5  # share of the trials, the best ones, that the regret bound rests on


class BaseImprovementEvaluator(ABC):
    """What measures how much could still be gained; derive from it for one of your own."""

    @abstractmethod
    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return what could be gained.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The possible gain, in the unit that the error is compared in.
        """


@experimental_class("3.2.0")
class RegretBoundEvaluator(BaseImprovementEvaluator):
    """The most that a longer search can be expected to gain: what ``optimize(stop="converged")`` looks at.

    It is the difference of two bounds of a Gaussian process over the best trials (Makarova et al., "Automatic
    Termination for Hyperparameter Optimization", AutoML 2022): of the best trial, and of the best point of the space.

    Args:
        top_trials_ratio: the share of the trials, the best ones, that the process is fitted to.
        min_n_trials: how many trials these are at least.
        seed: not used: the same trials give the same answer.
    """

    def __init__(self, top_trials_ratio: float = TOP, min_n_trials: int = MIN_TRIALS, seed: int | None = None) -> None:
        self._ratio, self._least = top_trials_ratio, min_n_trials

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the bound, in the unit of the objective; infinite while there are too few trials for a model.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The bound.

        Raises:
            ValueError: no trial is complete, or they have no parameters.
        """
        from tunesmith.samplers.gp.surrogate import has_enough_trials
        from tunesmith.study.stopping import look

        done = complete(trials)
        sign = -1.0 if study_direction == StudyDirection.MAXIMIZE else 1.0
        count = min(max(int(len(done) * self._ratio), self._least), len(done))
        worst = sorted(sign * trial.value for trial in done)[count - 1]
        history, space = history_of([trial for trial in done if sign * trial.value <= worst], study_direction)
        if not has_enough_trials(history, space):
            return math.inf
        return look(history, space).gap


@experimental_class("3.4.0")
class BestValueStagnationEvaluator(BaseImprovementEvaluator):
    """How many trials may still follow without a better one.

    Args:
        max_stagnation_trials: how many may follow the best one.

    Raises:
        ValueError: the number is below 0.
    """

    def __init__(self, max_stagnation_trials: int = 30) -> None:
        if max_stagnation_trials < 0:
            raise ValueError(f"max_stagnation_trials must be 0 or more; got {shown(max_stagnation_trials)}")
        self._most = max_stagnation_trials

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the number of trials.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The number; below 0 once there were more.

        Raises:
            ValueError: no trial is complete.
        """
        done = complete(trials)
        values = np.array([trial.value for trial in done], float)
        best = int(np.argmax(values) if study_direction == StudyDirection.MAXIMIZE else np.argmin(values))
        return float(self._most - (len(done) - 1 - best))


def complete(trials: list[Any], least: int = 1) -> list[Any]:
    """Return the trials that are complete.

    Args:
        trials: of any state.
        least: how many there must be.

    Raises:
        ValueError: there are fewer.
    """
    found = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if len(found) < least:
        raise ValueError("no trial is complete yet, so that nothing can be said of what is left to gain")
    return found


def history_of(trials: list[Any], direction: StudyDirection) -> tuple[History, Space]:
    """Return complete trials as a history, and their space.

    Raises:
        ValueError: they have no parameters.
    """
    study = tunesmith.create_study(direction=direction.name.lower())
    study.add_trials([record_of(trial) for trial in trials])
    history = study.history
    if history.space is None or not len(history.space):
        raise ValueError("the trials have no parameters, so that nothing can be said of what is left to gain")
    return history, history.space
