"""What a trial of `OptunaSearchCV` does: it cross-validates a candidate, or trains it step by step."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_validate

from tunesmith.compat.optuna.terminator import report_cross_validation_scores
from tunesmith.errors import TrialPruned
from tunesmith.sklearn._compat import safe_split
from tunesmith.sklearn.protocols import Data, ErrorScore, Estimator, Splitter

Scores = dict[str, Any]  # "test_score", "fit_time", ... -> one number a fold


class FitsFailedError(ValueError):
    """All fits of a candidate failed: its trial fails, and the search goes on."""


@dataclass(frozen=True, slots=True)
class Objective:
    """The mean score of a candidate over the folds; all scores are kept as user attributes of the trial.

    Attributes:
        estimator: what is tuned.
        space: distributions of its parameters, by name.
        X: the rows.
        y: their targets.
        groups: of the rows, for splitters that ask for them; None: there are none.
        fit_params: arguments of the estimator's ``fit``.
        cv: the splitter.
        scorer: the metric.
        error_score: the score of a fit that fails; "raise": the failure ends the trial.
        return_train_score: whether the rows trained on are scored too.
        steps: how many times ``partial_fit`` is called on each fold, with a report after each; 0: ``fit`` is called.
    """

    estimator: Estimator
    space: Mapping[str, Any]
    X: Data
    y: Data
    groups: Data
    fit_params: Mapping[str, Any]
    cv: Splitter
    scorer: Any
    error_score: ErrorScore
    return_train_score: bool
    steps: int

    def __call__(self, trial: Any) -> float:
        """Return the mean score of the trial's candidate.

        Args:
            trial: the running trial.

        Returns:
            The mean over the folds.

        Raises:
            FitsFailedError: all fits failed, and there is no score for that.
            TrialPruned: the trial is to stop.
        """
        params = {name: trial._suggest(name, distribution) for name, distribution in self.space.items()}
        estimator = clone(self.estimator).set_params(**params)
        scores = self._in_steps(trial, estimator) if self.steps else self._at_once(estimator)
        _keep(trial, scores)
        folds = np.asarray(scores["test_score"], float)
        if len(folds) > 1:
            report_cross_validation_scores(trial, folds.tolist())
        return _mean(folds)

    def _at_once(self, estimator: Any) -> Scores:
        try:
            found: Scores = cross_validate(
                estimator,
                self.X,
                self.y,
                groups=self.groups,
                cv=self.cv,
                scoring=self.scorer,
                error_score=self.error_score,
                params=copy.deepcopy(dict(self.fit_params)),
                return_train_score=self.return_train_score,
            )
        except ValueError as error:  # all fits failed: the candidate is bad, and the search goes on
            if self.error_score == "raise":
                raise
            if np.isnan(self.error_score):
                raise FitsFailedError(str(error).strip()) from error
            none = np.full(int(self.cv.get_n_splits(self.X, self.y, self.groups)), np.nan)
            return {"fit_time": none, "score_time": none, "test_score": np.full(len(none), self.error_score)}
        return found

    def _in_steps(self, trial: Any, estimator: Any) -> Scores:
        params = copy.deepcopy(dict(self.fit_params))
        if is_classifier(estimator):
            params.setdefault("classes", np.unique(self.y))
        folds = list(self.cv.split(self.X, self.y, self.groups))
        models = [clone(estimator) for _ in folds]
        names = ("fit_time", "score_time", "test_score", *(("train_score",) if self.return_train_score else ()))
        scores: Scores = {name: np.zeros(len(folds)) for name in names}
        for step in range(self.steps):
            for i, (train, test) in enumerate(folds):
                self._advance(models[i], train, test, params, scores, i)
            trial.report(_mean(scores["test_score"]), step=step)
            if trial.should_prune():
                _keep(trial, scores)
                raise TrialPruned(f"trial was pruned at iteration {step}.")
        return scores

    def _advance(self, model: Any, train: Any, test: Any, params: Mapping[str, Any], scores: Scores, i: int) -> None:
        """Train the model of a fold for one step, and put down its scores."""
        X, y = safe_split(model, self.X, self.y, train)
        X_test, y_test = safe_split(model, self.X, self.y, test, train)
        began = time.perf_counter()
        try:
            model.partial_fit(X, y, **params)
        except Exception:  # whatever an estimator raises at odd parameters
            if not isinstance(self.error_score, Number):
                raise
            scores["fit_time"][i] += time.perf_counter() - began
            for name in {"test_score", "train_score"} & scores.keys():
                scores[name][i] = self.error_score
            return
        fitted = time.perf_counter()
        scores["test_score"][i] = self.scorer(model, X_test, y_test)
        scores["fit_time"][i] += fitted - began
        scores["score_time"][i] += time.perf_counter() - fitted
        if self.return_train_score:
            scores["train_score"][i] = self.scorer(model, X, y)


def _keep(trial: Any, scores: Scores) -> None:
    """Keep all scores as user attributes: each fold's, their means and their deviations."""
    for name, values in scores.items():
        folds = np.asarray(values, float)
        if name in ("test_score", "train_score"):
            for i, score in enumerate(folds.tolist()):
                trial.set_user_attr(f"split{i}_{name}", score)
        trial.set_user_attr(f"mean_{name}", _mean(folds))
        trial.set_user_attr(f"std_{name}", float(np.nanstd(folds)) if not np.isnan(folds).all() else float("nan"))


def _mean(folds: Iterable[float]) -> float:
    """Return the mean of the scores that are numbers; NaN if there is none."""
    values = np.asarray(folds, float)
    return float("nan") if np.isnan(values).all() else float(np.nanmean(values))
