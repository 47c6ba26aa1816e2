"""Reports the rounds of an XGBoost training to a trial, prunes it, and saves and continues it."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import xgboost

from tunesmith.errors import TrialPruned
from tunesmith.foundation.arguments import checked
from tunesmith.integrations.rounds import RoundsCallback, Scores

MODEL = "model.ubj"


class XGBoostCallback(RoundsCallback, xgboost.callback.TrainingCallback):
    """Reports a metric of an XGBoost training to a trial, and ends the training if the trial is pruned.

    Use it in ``xgboost.train``, ``xgboost.cv`` or an estimator's ``callbacks``, or call its own `train`, which also
    goes on with a model that an earlier attempt left. Steps are numbers of rounds: the first is step 1. The training
    raises ``TrialPruned`` when XGBoost has ended it.

    Args:
        trial: whose training it is; each training needs a callback of its own.
        monitor: "SET-METRIC", as XGBoost prints it: "valid-logloss", or "validation_0-auc" in estimators. None: the
            only metric of the only set that is not called "train"; an error if there are several.
        every: report each so many rounds.
        checkpoint: save the model at each report, so that a paused or interrupted trial goes on from there.
        cost: of one round, in a unit of your own, for ``optimize(max_cost=)``; None: seconds are measured.

    Raises:
        ValueError: ``every`` is no whole number above 0, or ``cost`` no number above 0. In the training: ``monitor``
            is none of its metrics.
        TypeError: ``monitor`` is no text.

    Example:
        ```python
        import xgboost
        from sklearn.datasets import load_breast_cancer

        import tunesmith
        from tunesmith.integrations.xgboost import XGBoostCallback

        X, y = load_breast_cancer(return_X_y=True)
        train, valid = xgboost.DMatrix(X[:400], y[:400]), xgboost.DMatrix(X[400:], y[400:])

        def objective(trial):
            params = {"objective": "binary:logistic", "eta": trial.suggest_float("eta", 0.01, 0.5, log=True)}
            report = XGBoostCallback(trial, "valid-logloss", every=5, checkpoint=True)
            report.train(params, train, 20, evals=[(valid, "valid")], verbose_eval=False)
            return report.last

        study = tunesmith.create_study(pruner="median", seed=0)
        study.optimize(objective, n_trials=3)
        ```
    """

    _offset = 0  # rounds of the model before this training
    _seen = 0  # rounds of this training
    _log: Any = MappingProxyType({})

    @checked()
    def train(self, params: dict[str, Any], dtrain: Any, num_boost_round: int, **options: Any) -> Any:
        """Call ``xgboost.train`` with this callback, for the rounds that are left.

        Args:
            params: as in ``xgboost.train``.
            dtrain: as in ``xgboost.train``.
            num_boost_round: rounds of the whole training, those of earlier attempts included.
            **options: more arguments of ``xgboost.train``, ``evals`` first of all.

        Returns:
            The booster.

        Raises:
            TrialPruned: the trial is to stop.
        """
        left = self._reports.rounds_left(num_boost_round)
        if self._reports.begin:
            params = self._reports.continued(params, ("seed", "random_state"))
            options["xgb_model"] = self._reports.file(MODEL)
        callbacks = [*(options.pop("callbacks", None) or ()), self]
        return xgboost.train(params, dtrain, left, callbacks=callbacks, **options)

    # -- what XGBoost calls --------------------------------------------------------------------------------------

    def before_training(self, model: Any) -> Any:
        """Note how many rounds the model has had."""
        self._offset = self._reports.begin or (0 if _is_cv(model) else model.num_boosted_rounds())
        if self._reports.checkpoint and _is_cv(model):
            raise ValueError("xgboost.cv cannot go on with a model: leave out checkpoint=")
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report a round.

        Args:
            model: the booster so far.
            epoch: the round, from 0; those before this training do not count.
            evals_log: the values of each metric on each set, one a round.

        Returns:
            Whether the training is to end.

        Raises:
            TrialPruned: the trial is to stop, and ``xgboost.cv`` runs.
        """
        self._log, self._seen = evals_log, epoch + 1
        number = self._offset + self._seen
        if self._reports.checkpoint and self._reports.is_due(number):
            model.save_model(self._reports.file(MODEL))
        stop = self._reports.take(number, _scores(evals_log))
        if stop and _is_cv(model):
            raise TrialPruned  # where a callback ends it, xgboost.cv asks for a best round, which early stopping sets
        return stop

    def after_training(self, model: Any) -> Any:
        """Report the last round if another callback ended the training before this one saw it; prune.

        Raises:
            TrialPruned: the trial is to stop.
        """
        done = max((len(values) for metrics in self._log.values() for values in metrics.values()), default=0)
        if done > self._seen:
            self._seen = done
            self._reports.total = self._offset + done  # the training is over: this one is reported, and not judged
            self._reports.take(self._reports.total, _scores(self._log))
        if self._reports.stopped:
            raise TrialPruned
        return model


def _is_cv(model: Any) -> bool:
    return hasattr(model, "cvfolds")


def _scores(log: Any) -> Scores:
    """Return the last value of each metric; of a cross-validation, the mean over its folds."""
    last = {(rows, metric): values[-1] for rows, metrics in log.items() for metric, values in metrics.items()}
    return {key: value[0] if isinstance(value, tuple) else value for key, value in last.items()}
