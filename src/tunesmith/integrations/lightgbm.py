"""Reports the rounds of a LightGBM training to a trial, prunes it, and saves and continues it."""

from __future__ import annotations

from typing import Any

import lightgbm

from tunesmith.errors import TrialPruned
from tunesmith.foundation.arguments import checked
from tunesmith.integrations.rounds import RoundsCallback, Scores

MODEL = "model.txt"


class LightGBMCallback(RoundsCallback):
    """Reports a metric of a LightGBM training to a trial, and ends the training if the trial is pruned.

    Use it in ``lightgbm.train``, ``lightgbm.cv`` or an estimator's ``fit(callbacks=[...])``, or call its own `train`,
    which also goes on with a model that an earlier attempt left. Steps are numbers of rounds: the first is step 1.

    Args:
        trial: whose training it is; each training needs a callback of its own.
        monitor: "SET-METRIC": "valid-auc", or "valid_0-auc" where the sets have no names. ``first_metric_only`` is for
            LightGBM's early stopping and says nothing here. None: the only metric of the only set that is not called
            "training"; an error if there are several.
        every: report each so many rounds.
        checkpoint: save the model at each report, so that a paused or interrupted trial goes on from there.
        cost: of one round, in a unit of your own, for ``optimize(max_cost=)``; None: seconds are measured.

    Attributes:
        order: where it stands among LightGBM's callbacks: after those that record, before early stopping, which hides
            the last round from all that come later.
        before_iteration: False: it is called after each round.

    Raises:
        ValueError: ``every`` is no whole number above 0, or ``cost`` no number above 0. In the training: ``monitor``
            is none of its metrics.
        TypeError: ``monitor`` is no text.

    Example:
        ```python
        import lightgbm
        from sklearn.datasets import load_breast_cancer

        import tunesmith
        from tunesmith.integrations.lightgbm import LightGBMCallback

        X, y = load_breast_cancer(return_X_y=True)
        train = lightgbm.Dataset(X[:400], y[:400], free_raw_data=False)
        valid = lightgbm.Dataset(X[400:], y[400:], reference=train, free_raw_data=False)

        def objective(trial):
            leaves = trial.suggest_int("num_leaves", 2, 64, log=True)
            params = {"objective": "binary", "num_leaves": leaves, "verbosity": -1}
            report = LightGBMCallback(trial, "valid-binary_logloss", every=5, checkpoint=True)
            report.train(params, train, 20, valid_sets=[valid], valid_names=["valid"])
            return report.last

        study = tunesmith.create_study(pruner="median", seed=0)
        study.optimize(objective, n_trials=3)
        ```
    """

    order = 25
    before_iteration = False

    @checked()
    def train(self, params: dict[str, Any], train_set: Any, num_boost_round: int, **options: Any) -> Any:
        """Call ``lightgbm.train`` with this callback, for the rounds that are left.

        Args:
            params: as in ``lightgbm.train``.
            train_set: as in ``lightgbm.train``.
            num_boost_round: rounds of the whole training, those of earlier attempts included.
            **options: more arguments of ``lightgbm.train``, ``valid_sets`` first of all.

        Returns:
            The booster.

        Raises:
            TrialPruned: the trial is to stop.
        """
        left = self._reports.rounds_left(num_boost_round)
        if self._reports.begin:
            params = self._reports.continued(params, ("seed", "random_seed", "random_state"))
            options["init_model"] = self._reports.file(MODEL)
            if not left:  # LightGBM refuses to train for no rounds
                return lightgbm.Booster(model_file=options["init_model"])
        callbacks = [*(options.pop("callbacks", None) or ()), self]
        return lightgbm.train(params, train_set, left, callbacks=callbacks, **options)

    def __call__(self, env: Any) -> None:
        """Report a round.

        Raises:
            TrialPruned: the trial is to stop.
        """
        # LightGBM counts on from an init_model, but only the rounds of that which found a split.
        shift = self._reports.begin - env.begin_iteration if self._reports.begin else 0
        number = env.iteration + 1 + shift
        self._reports.total = env.end_iteration + shift
        if self._reports.checkpoint and self._reports.is_due(number):
            if not isinstance(env.model, lightgbm.Booster):
                raise ValueError("lightgbm.cv cannot go on with a model: leave out checkpoint=")
            env.model.save_model(self._reports.file(MODEL), num_iteration=-1)  # all rounds, not those up to the best
        if self._reports.take(number, _scores(env.evaluation_result_list or ())):
            raise TrialPruned


def _scores(results: Any) -> Scores:
    """Return the value of each metric; of a cross-validation, the mean over its folds."""
    scores = {}
    for entry in results:
        rows, metric, value = entry[:3]
        if rows == "cv_agg":  # what LightGBM before 4.6 calls it
            rows, _, metric = metric.partition(" ")
        scores[rows, metric] = value
    return scores
