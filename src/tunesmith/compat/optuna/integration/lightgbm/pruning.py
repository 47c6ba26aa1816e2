"""Optuna's callback for LightGBM, on `tunesmith.integrations.lightgbm`."""

from __future__ import annotations

from typing import Any, cast

from tunesmith.compat.optuna.integration.pruning import FromZero
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.integrations.lightgbm import LightGBMCallback
from tunesmith.trial import Trial

CV_FIELDS = 5  # an entry of a cross-validation has the standard deviation too


class LightGBMPruningCallback(LightGBMCallback):
    """Reports a metric of ``lightgbm.train``, ``lightgbm.cv`` or an estimator's ``fit``, and prunes.

    Args:
        trial: the running trial.
        metric: its name, such as "auc".
        valid_name: the set of rows that counts; ``lightgbm.cv`` has one alone.
        report_interval: report each so many rounds.

    Raises:
        ValueError: in the training: it has no such metric; or high values are good there and bad in the study.
    """

    def __init__(self, trial: Any, metric: str, valid_name: str = "valid_0", report_interval: int = 1) -> None:
        self._trial = FromZero(trial)
        super().__init__(cast(Trial, self._trial), f"{valid_name}-{metric}", every=report_interval)
        self._study = getattr(trial, "study", None)
        self._metric = metric

    def __call__(self, env: Any) -> None:
        """Report a round.

        Args:
            env: what LightGBM tells its callbacks.

        Raises:
            TrialPruned: the trial is to stop.
        """
        entries = env.evaluation_result_list or ()
        if entries and len(entries[0]) == CV_FIELDS:
            self._reports.monitor = f"valid-{self._metric}"
        for entry in entries:
            if entry[1].removeprefix("valid ") == self._metric:
                self._check_direction(bool(entry[3]))
        with self._trial.reasons():
            super().__call__(env)

    def _check_direction(self, high_is_good: bool) -> None:
        fits = StudyDirection.MAXIMIZE if high_is_good else StudyDirection.MINIMIZE
        if self._study is not None and self._study.direction != fits:
            way = fits.name.lower()
            raise ValueError(
                f"{self._metric!r} is to be {way}d and the study is not: create_study(direction={way!r}), or another "
                "metric"
            )
