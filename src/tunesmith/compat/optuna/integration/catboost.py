"""Optuna's callback for CatBoost, on `tunesmith.integrations.catboost`."""

from __future__ import annotations

from typing import Any, cast

from tunesmith.compat.optuna.integration.pruning import FromZero
from tunesmith.compat.optuna.names import refuser
from tunesmith.integrations.catboost import CatBoostCallback
from tunesmith.trial import Trial

__all__ = ["CatBoostPruningCallback"]


class CatBoostPruningCallback(CatBoostCallback):
    """Reports a metric after each round of CatBoost's ``fit``, and ends it; call ``check_pruned()`` after ``fit``.

    Args:
        trial: the running trial.
        metric: its name, such as "AUC".
        eval_set_index: which of several sets counts; None: there is one.
    """

    def __init__(self, trial: Any, metric: str, eval_set_index: int | None = None) -> None:
        rows = "validation" if eval_set_index is None else f"validation_{eval_set_index}"
        self._trial = FromZero(trial)
        super().__init__(cast(Trial, self._trial), f"{rows}-{metric}")

    def check_pruned(self) -> None:
        """Prune, after the fit.

        Raises:
            TrialPruned: the trial is to stop.
        """
        with self._trial.reasons():
            super().check_pruned()


__getattr__ = refuser(__name__, __all__)
