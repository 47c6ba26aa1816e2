"""Optuna's callback for XGBoost, on `tunesmith.integrations.xgboost`."""

from __future__ import annotations

from typing import Any, cast

from tunesmith.compat.optuna.integration.pruning import FromZero
from tunesmith.compat.optuna.names import refuser
from tunesmith.integrations.xgboost import XGBoostCallback
from tunesmith.trial import Trial

__all__ = ["XGBoostPruningCallback"]


class XGBoostPruningCallback(XGBoostCallback):
    """Reports a metric after each round of ``xgboost.train``, ``xgboost.cv`` or an estimator, and prunes.

    Args:
        trial: the running trial.
        observation_key: the metric as XGBoost prints it, such as "validation-auc"; in estimators "validation_0-auc".

    Raises:
        ValueError: in the training: it has no such metric; the message has those that it has.
    """

    def __init__(self, trial: Any, observation_key: str) -> None:
        self._trial = FromZero(trial)
        super().__init__(cast(Trial, self._trial), observation_key)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report a round.

        Args:
            model: the booster so far.
            epoch: the round, from 0.
            evals_log: the values of each metric on each set, one a round.

        Returns:
            Whether the training is to end.

        Raises:
            TrialPruned: the trial is to stop, and ``xgboost.cv`` runs.
        """
        with self._trial.reasons():
            return super().after_iteration(model, epoch, evals_log)

    def after_training(self, model: Any) -> Any:
        """Prune, after the training.

        Raises:
            TrialPruned: the trial is to stop.
        """
        with self._trial.reasons():
            return super().after_training(model)


__getattr__ = refuser(__name__, __all__)
