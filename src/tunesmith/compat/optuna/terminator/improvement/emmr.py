"""The improvement evaluator of Ishibashi et al.: what the last trial changed in what is expected of the best point."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from tunesmith.caution import caution
from tunesmith.compat.optuna._experimental import experimental_class
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.terminator.improvement.evaluator import BaseImprovementEvaluator, complete, history_of
from tunesmith.compat.optuna.terminator.improvement.regret import regret
from tunesmith.text import shown

MARGIN_FOR_NUMARICAL_STABILITY = 0.1  # which programs import, spelt so
MUCH = MARGIN_FOR_NUMARICAL_STABILITY * sys.float_info.max  # what is said while nothing is known: nothing ends


@experimental_class("4.0.0")
class EMMREvaluator(BaseImprovementEvaluator):
    """The expected minimum model regret: by how much the last trial changed what the best point is expected to be.

    The bound of Ishibashi, Karasuyama, Takeuchi & Hino, "A stopping criterion for Bayesian optimization by the gap of
    expected minimum simple regrets" (AISTATS 2023); see `.regret`. It is in units of standardised values, and is
    compared with a `MedianErrorEvaluator`.

    Args:
        deterministic_objective: whether results have no noise.
        delta: the bounds hold with probability 1 - delta.
        min_n_trials: complete trials before there is an answer, 2 or more.
        seed: of the points of the space that are looked at.

    Raises:
        ValueError: ``min_n_trials`` is below 2.
    """

    def __init__(
        self,
        deterministic_objective: bool = False,
        delta: float = 0.1,
        min_n_trials: int = 2,
        seed: int | None = None,
    ) -> None:
        if not 1 < min_n_trials < math.inf:
            raise ValueError(f"min_n_trials must be 2 or more; got {shown(min_n_trials)}")
        self._deterministic, self._delta, self.min_n_trials = deterministic_objective, delta, min_n_trials
        self._rng = np.random.default_rng(seed)

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the regret; a huge number while there are too few trials.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The regret, of standardised values.
        """
        done = complete(trials, least=0)
        if len(done) < self.min_n_trials:
            return MUCH
        if not any(trial.params for trial in done):
            caution("EMMREvaluator: the trials have no parameters, so the search is never ended by it")
            return MUCH
        history, space = history_of(done, study_direction)
        found = regret(
            history.points(space), history.y[:, 0], space, self._delta, self._rng, deterministic=self._deterministic
        )
        return min(found, 0.5 * sys.float_info.max)
