"""How large the error of one result is: what is left to gain has to be less than that before a search is over."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunesmith.compat.optuna._deprecated import warn_deprecated
from tunesmith.compat.optuna._experimental import experimental_class
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.terminator.improvement.evaluator import complete
from tunesmith.text import shown

SCORES = "terminator:cv_scores"  # the system attribute of a trial that has the scores of its folds


class BaseErrorEvaluator(ABC):
    """What measures the error of a result; derive from it for one of your own."""

    @abstractmethod
    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the error, in the unit of the objective.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The error.
        """


def report_cross_validation_scores(trial: Any, scores: Sequence[float]) -> None:
    """Report the scores of a trial's folds, from which its error is computed.

    Args:
        trial: the running trial.
        scores: one of each fold, two at least.

    Raises:
        ValueError: there are fewer than two.
    """
    warn_deprecated("optuna.terminator", "4.9.0", "6.0.0")
    if len(scores) < 2:
        raise ValueError(f"report_cross_validation_scores takes the scores of two folds at least; got {shown(scores)}")
    trial.storage.set_trial_system_attr(trial._trial_id, SCORES, [float(score) for score in scores])


@experimental_class("3.2.0")
class CrossValidationErrorEvaluator(BaseErrorEvaluator):
    """The standard deviation of a cross-validated mean, of the best trial so far.

    Training sets overlap, so the variance of the fold's scores counts (1/k + 1/(k - 1)) times, for k folds (Nadeau and
    Bengio, 2003; Makarova et al., AutoML 2022, section 3.2). The objective reports the scores by
    `report_cross_validation_scores`.
    """

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the error of the best trial.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The standard deviation.

        Raises:
            ValueError: no trial is complete, or the best one did not report its scores.
        """
        sign = -1.0 if study_direction == StudyDirection.MAXIMIZE else 1.0
        best = min(complete(trials), key=lambda trial: sign * trial.value)
        scores = best.system_attrs.get(SCORES)
        if scores is None:
            raise ValueError(
                f"trial {best.number}, the best one, did not report the scores of its folds: call "
                "report_cross_validation_scores(trial, scores) in the objective, or give another error_evaluator="
            )
        k = len(scores)
        return math.sqrt((1.0 / k + 1.0 / (k - 1)) * float(np.var(scores)))


@experimental_class("3.2.0")
class StaticErrorEvaluator(BaseErrorEvaluator):
    """An error that is known: the search is over when less than that can be gained.

    Args:
        constant: the error, in the unit of the objective.
    """

    def __init__(self, constant: float) -> None:
        self._constant = constant

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the constant.

        Args:
            trials: not looked at.
            study_direction: not looked at.

        Returns:
            The error.
        """
        return self._constant
