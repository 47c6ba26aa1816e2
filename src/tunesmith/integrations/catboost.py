"""Reports the rounds of a CatBoost training to a trial, prunes it, and saves and continues it."""

from __future__ import annotations

import tempfile
from typing import Any

from tunesmith.errors import TrialPruned
from tunesmith.foundation.arguments import checked
from tunesmith.integrations.rounds import RoundsCallback

SNAPSHOT = "snapshot.cbsnapshot"
SECONDS = 1  # between two snapshots: each has the whole model, and the predictions for all rows
ROUNDS = ("iterations", "n_estimators", "num_boost_round", "num_trees")  # CatBoost's names for one thing


class CatBoostCallback(RoundsCallback):
    """Reports a metric of a CatBoost training to a trial, and ends the training if the trial is pruned.

    Call its `fit` in the place of the model's. CatBoost turns what a callback raises into an error of its own, so this
    one only asks it to end; `fit` raises ``TrialPruned`` after that. Steps are numbers of rounds: the first is step 1.

    CatBoost calls no callbacks on a GPU: a training there can neither report nor be pruned, and `fit` refuses it.

    Args:
        trial: whose training it is; each training needs a callback of its own.
        monitor: "SET-METRIC": "validation-AUC", or "validation_0-AUC" where there are several sets. None: the only
            metric of the only set that is not "learn"; an error if there are several.
        every: report each so many rounds.
        checkpoint: let CatBoost save a snapshot each second, from which a paused or interrupted trial goes on.
        cost: of one round, in a unit of your own, for ``optimize(max_cost=)``; None: seconds are measured.

    Raises:
        ValueError: ``every`` is no whole number above 0, or ``cost`` no number above 0.
        TypeError: ``monitor`` is no text.

    Example:
        ```python
        from catboost import CatBoostClassifier
        from sklearn.datasets import load_breast_cancer

        import tunesmith
        from tunesmith.integrations.catboost import CatBoostCallback

        X, y = load_breast_cancer(return_X_y=True)

        def objective(trial):
            model = CatBoostClassifier(iterations=20, depth=trial.suggest_int("depth", 1, 6), verbose=False)
            report = CatBoostCallback(trial, "validation-Logloss", every=5, checkpoint=True)
            report.fit(model, X[:400], y[:400], eval_set=(X[400:], y[400:]))
            return report.last

        study = tunesmith.create_study(pruner="median", seed=0)
        study.optimize(objective, n_trials=3)
        ```
    """

    _error: BaseException | None = None

    @checked()
    def fit(self, model: Any, *data: Any, **options: Any) -> Any:
        """Call ``model.fit`` with this callback.

        Args:
            model: a model of CatBoost.
            *data: what it is fitted to.
            **options: more arguments of its ``fit``, ``eval_set`` first of all.

        Returns:
            The model.

        Raises:
            TrialPruned: the trial is to stop.
            ValueError: it is to train on a GPU; or ``monitor`` is none of its metrics.
        """
        params = model.get_params()
        if str(params.get("task_type") or "CPU").upper() == "GPU":
            raise ValueError(
                "CatBoost calls no callbacks on a GPU, so that a training there cannot report or be pruned: "
                "use task_type='CPU', or call the model's own fit and return its final value"
            )
        rounds = next((params[name] for name in ROUNDS if params.get(name) is not None), None)
        if rounds is not None:
            self._reports.rounds_left(rounds)
        options["callbacks"] = [*(options.get("callbacks") or ()), self]
        with tempfile.TemporaryDirectory(prefix="tunesmith-catboost-") as logs:
            if self._reports.checkpoint:
                file = str(self._reports.file(SNAPSHOT).absolute())
                options |= {"save_snapshot": True, "snapshot_file": file, "snapshot_interval": SECONDS}
                # CatBoost writes its logs, too, where it writes snapshots.
                model.set_params(allow_writing_files=True, train_dir=params.get("train_dir") or logs)
            model.fit(*data, **options)
        self.check_pruned()
        return model

    def check_pruned(self) -> None:
        """Raise what the callback could not raise in the training; for who calls the model's own ``fit``.

        Raises:
            TrialPruned: the trial is to stop.
        """
        if self._error is not None:
            raise self._error
        if self._reports.stopped:
            raise TrialPruned

    def after_iteration(self, info: Any) -> bool:
        """Report a round.

        Args:
            info: what CatBoost tells its callbacks.

        Returns:
            Whether the training goes on.
        """
        scores = {
            (rows, name): values[-1] for rows, metrics in info.metrics.items() for name, values in metrics.items()
        }
        try:
            return not self._reports.take(info.iteration, scores)
        except BaseException as error:  # CatBoost would keep the text alone
            self._error = error
            return False
