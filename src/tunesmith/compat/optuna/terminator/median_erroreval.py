"""The error evaluator of Ishibashi et al.: a part of what could be gained in the beginning."""

from __future__ import annotations

import math
import sys
from typing import Any

from tunesmith.compat.optuna._experimental import experimental_class
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.terminator.erroreval import BaseErrorEvaluator
from tunesmith.compat.optuna.terminator.improvement.evaluator import BaseImprovementEvaluator, complete
from tunesmith.text import shown


@experimental_class("4.0.0")
class MedianErrorEvaluator(BaseErrorEvaluator):
    """A hundredth of what could be gained in the beginning: the median of the improvement evaluator's first answers.

    The threshold of Ishibashi et al., "A stopping criterion for Bayesian optimization by the gap of expected minimum
    simple regrets" (AISTATS 2023).

    Args:
        paired_improvement_evaluator: what the terminator measures improvements by.
        warm_up_trials: the first trials, which are left out.
        n_initial_trials: of how many trials after these the median is.
        threshold_ratio: the part of the median.

    Raises:
        ValueError: a number is too small.
    """

    def __init__(
        self,
        paired_improvement_evaluator: BaseImprovementEvaluator,
        warm_up_trials: int = 10,
        n_initial_trials: int = 20,
        threshold_ratio: float = 0.01,
    ) -> None:
        if warm_up_trials < 0:
            raise ValueError(f"warm_up_trials must be 0 or more; got {shown(warm_up_trials)}")
        if n_initial_trials <= 0:
            raise ValueError(f"n_initial_trials must be 1 or more; got {shown(n_initial_trials)}")
        if not 0.0 < threshold_ratio < math.inf:
            raise ValueError(f"threshold_ratio must be a number above 0; got {shown(threshold_ratio)}")
        self._evaluator = paired_improvement_evaluator
        self._first, self._count, self._ratio = warm_up_trials, n_initial_trials, threshold_ratio
        self._threshold: float | None = None

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the threshold; before there are enough trials, a number below 0, so that nothing ends.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The error.
        """
        if self._threshold is None:
            done = sorted(complete(trials, least=0), key=lambda trial: trial.number)
            if len(done) < self._first + self._count:
                return -sys.float_info.min
            parts = [done[self._first : self._first + i] for i in range(1, self._count + 1)]
            found = sorted(self._evaluator.evaluate(part, study_direction) for part in parts)
            self._threshold = min(sys.float_info.max, found[len(found) // 2] * self._ratio)
        return self._threshold
