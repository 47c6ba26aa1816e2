"""`Terminator`: ends a search when what is left to gain is less than the error of a result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from tunesmith.compat.optuna._deprecated import warn_deprecated
from tunesmith.compat.optuna.terminator.erroreval import (
    BaseErrorEvaluator,
    CrossValidationErrorEvaluator,
    StaticErrorEvaluator,
)
from tunesmith.compat.optuna.terminator.improvement.evaluator import (
    MIN_TRIALS,
    BaseImprovementEvaluator,
    BestValueStagnationEvaluator,
    RegretBoundEvaluator,
)
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.text import shown


class BaseTerminator(ABC):
    """What says whether a search is over; derive from it for a rule of your own."""

    @abstractmethod
    def should_terminate(self, study: Any) -> bool:
        """Tell whether the search is over."""


class Terminator(BaseTerminator):
    """Ends a search when what could be gained is less than the error of a result (Makarova et al., AutoML 2022).

    Args:
        improvement_evaluator: measures what could be gained; None: `RegretBoundEvaluator`.
        error_evaluator: measures the error; None: `CrossValidationErrorEvaluator`, or with
            `BestValueStagnationEvaluator` the constant 0.
        min_n_trials: complete trials before the search may end.

    Raises:
        ValueError: ``min_n_trials`` is below 1.
    """

    def __init__(
        self,
        improvement_evaluator: BaseImprovementEvaluator | None = None,
        error_evaluator: BaseErrorEvaluator | None = None,
        min_n_trials: int = MIN_TRIALS,
    ) -> None:
        warn_deprecated("optuna.terminator", "4.9.0", "6.0.0")
        if min_n_trials <= 0:
            raise ValueError(f"min_n_trials must be 1 or more; got {shown(min_n_trials)}")
        self._improvement = improvement_evaluator or RegretBoundEvaluator()
        self._error = error_evaluator or default_error(self._improvement)
        self._least = min_n_trials

    def should_terminate(self, study: Any) -> bool:
        """Tell whether the search is over.

        Args:
            study: with one objective.

        Returns:
            Whether there is less to gain than the error of a result.
        """
        trials = study.trials
        if sum(trial.state == TrialState.COMPLETE for trial in trials) < self._least:
            return False
        improvement = self._improvement.evaluate(trials, study.direction)
        return improvement < self._error.evaluate(trials, study.direction)


def default_error(improvement: BaseImprovementEvaluator) -> BaseErrorEvaluator:
    """Return what an improvement is compared with if nothing is said."""
    if isinstance(improvement, BestValueStagnationEvaluator):
        return StaticErrorEvaluator(0)
    return CrossValidationErrorEvaluator()
