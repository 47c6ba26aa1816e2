"""Optuna's `ShapleyImportanceEvaluator`, by this library's Shapley values of tuning."""

from __future__ import annotations

from typing import Any

from tunesmith.caution import caution
from tunesmith.compat.optuna.importance import DEPTH, TREES, BaseImportanceEvaluator, Target, evaluated, names_of
from tunesmith.importance import Shapley

__all__ = ["ShapleyImportanceEvaluator"]


class ShapleyImportanceEvaluator(BaseImportanceEvaluator):
    """Each parameter's part of what tuning gains over the default, by `tunesmith.importance.Shapley`.

    Optuna has the mean size of SHAP values in a forest there; both add up over the parameters.

    Args:
        n_trees: not used: there is no forest.
        max_depth: not used.
        seed: not used: the study's seed makes the values the same each time.
    """

    def __init__(self, *, n_trees: int = TREES, max_depth: int = DEPTH, seed: int | None = None) -> None:
        if (n_trees, max_depth) != (TREES, DEPTH):
            caution("ShapleyImportanceEvaluator: n_trees= and max_depth= change nothing, there is no forest")
        self.ours = Shapley()

    def evaluate(
        self, study: Any, params: list[str] | None = None, *, target: Target | None = None
    ) -> dict[str, float]:
        """Return the importance of each parameter, the largest first.

        Args:
            study: the study.
            params: names of parameters; None: those of all complete trials.
            target: of a trial; None: the only objective.

        Returns:
            Values by name.

        Raises:
            ValueError: there are several objectives and no target, or too few trials for a model.
        """
        return evaluated(self.ours, study, names_of(study, params, all), target)
