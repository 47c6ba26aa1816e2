"""Optuna's `ShapleyImportanceEvaluator`, by this library's Shapley values of tuning."""

from __future__ import annotations

from tunesmith.compat.optuna.importance import WithoutForest
from tunesmith.importance import Shapley

__all__ = ["ShapleyImportanceEvaluator"]


class ShapleyImportanceEvaluator(WithoutForest):
    """Each parameter's part of what tuning gains over the default, by `tunesmith.importance.Shapley`.

    Optuna has the mean size of SHAP values in a forest there; both add up over the parameters.
    """

    kind = Shapley
