"""Tries metrics before the first fit, on the predictions of a perfect and of a constant estimator.

A metric that cannot be computed from these targets cannot be computed from any fit. One that gives perfect predictions
less than constant ones is a loss that was given as a score.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils import resample

from tunesmith.sklearn import _compat
from tunesmith.sklearn.protocols import Data, Scorer

ROWS = 1000  # on which a metric is tried


class PerfectClassifier(ClassifierMixin, BaseEstimator):
    """Predicts the targets that it was fitted on, with certainty; X is ignored."""

    def fit(self, X: Data, y: NDArray[Any]) -> PerfectClassifier:
        """Keep the targets [n]."""
        self.y_ = y
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Data) -> NDArray[Any]:
        """Return the targets [n]."""
        return self.y_

    def predict_proba(self, X: Data) -> NDArray[np.float64]:
        """Return 1 for the class of each row, [n, classes]."""
        return np.asarray(self.y_[:, None] == self.classes_, np.float64)

    def decision_function(self, X: Data) -> NDArray[np.float64]:
        """Return a score that is high for the class of each row: [n] for two classes, else [n, classes]."""
        proba = self.predict_proba(X)
        return proba[:, 1] if len(self.classes_) == 2 else proba


class PerfectRegressor(RegressorMixin, BaseEstimator):
    """Predicts the targets that it was fitted on; X is ignored."""

    def fit(self, X: Data, y: NDArray[Any]) -> PerfectRegressor:
        """Keep the targets [n]."""
        self.y_ = y
        return self

    def predict(self, X: Data) -> NDArray[Any]:
        """Return the targets [n]."""
        return self.y_


def sample_rows(X: Data, y: NDArray[Any], classifies: bool) -> tuple[Any, NDArray[Any]]:
    """Return some rows of X and y, [n, ...] and [n], with members of each class if there are enough rows."""
    if len(y) <= ROWS:
        return X, y
    strata = y if classifies and np.unique(y, return_counts=True)[1].min() > 1 else None
    try:
        return tuple(resample(X, y, replace=False, n_samples=ROWS, random_state=0, stratify=strata))
    except ValueError:  # more classes than rows
        return X, y


def metric_error(scorer: Scorer, X: Data, y: NDArray[Any], classifies: bool) -> str | None:
    """Return why a metric of scikit-learn's cannot be computed from these targets; None if it can be.

    Args:
        scorer: scikit-learn's scorer of one metric.
        X: the rows.
        y: their targets [n].
        classifies: whether a classifier is tuned.
    """
    dummy = DummyClassifier() if classifies else DummyRegressor()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            scorer(dummy.fit(X, y), X, y)
        except Exception as error:  # as in the search, where it makes the score NaN
            return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None


def loss_scores(
    scorer: Scorer, metric: str | None, X: Data, y: NDArray[Any], classifies: bool
) -> tuple[float, float] | None:
    """Return the scores of perfect and of constant predictions if the scorer is a loss; else None.

    It is one if perfect predictions score less than constant ones, and less than the same ones in random order: a
    metric that the order does not change does not measure how right predictions are.

    Args:
        scorer: any scorer of one metric, or a function (estimator, X, y) -> number or dict.
        metric: which one of a dict counts.
        X: the rows.
        y: their targets [n].
        classifies: whether a classifier is tuned.
    """
    perfect = PerfectClassifier if classifies else PerfectRegressor
    constant = DummyClassifier() if classifies else DummyRegressor()
    shuffled = np.random.default_rng(0).permutation(y)
    scores = []
    for estimator in (perfect().fit(X, y), constant.fit(X, y), perfect().fit(X, shuffled)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = scorer(estimator, X, y)
                scores.append(float(found[metric] if isinstance(found, dict) else found))
            except Exception:  # it needs more than predictions: nothing is known about it
                return None
    if not all(map(math.isfinite, scores)):
        return None
    best, plain, mixed = scores
    return (best, plain) if best < min(plain, mixed) - 1e-9 * max(1.0, abs(plain)) else None


def how_to_negate(scorer: Scorer) -> str:
    """Say how to make a score of a loss."""
    function = _compat.metric_function(scorer)
    if function is None:
        return "let the function return minus the loss"
    name = getattr(function, "__name__", "metric")
    if str(getattr(function, "__module__", "")).startswith("sklearn.metrics"):
        from sklearn.metrics import get_scorer, get_scorer_names

        own = [
            n for n in get_scorer_names() if n.startswith("neg_") and _compat.metric_function(get_scorer(n)) is function
        ]
        if own:
            return f"use scoring={own[0]!r}, or make_scorer({name}, greater_is_better=False)"
    return f"use make_scorer({name}, greater_is_better=False)"
