"""Checks of what scores: the scorers, the scores that they give, and metrics that do not fit the data."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer_names
from sklearn.pipeline import Pipeline
from sklearn.utils import resample

from tunesmith.errors import ArgumentError
from tunesmith.foundation.text import close_matches
from tunesmith.foundation.warnings import caution
from tunesmith.sklearn import _compat
from tunesmith.sklearn.evaluate.shared_steps import configure
from tunesmith.sklearn.protocols import Data, Estimator, Params, Scorer
from tunesmith.sklearn.store.outcome import Outcome

# ----------------------------------------------------------------------------------------------------------------------
# Suggests scikit-learn's name for a metric that it does not have under the name given.

# Other names of metrics, by scikit-learn's names of their scorers.
METRIC_SYNONYMS = {
    "accuracy": "acc accuracy_score",
    "average_precision": "auprc pr_auc prauc ap",
    "f1": "f1_score",
    "neg_brier_score": "brier brier_score",
    "neg_log_loss": "log_loss logloss cross_entropy",
    "neg_mean_absolute_error": "mae mean_absolute_error",
    "neg_mean_absolute_percentage_error": "mape",
    "neg_mean_squared_error": "mse mean_squared_error",
    "neg_root_mean_squared_error": "rmse root_mean_squared_error",
    "r2": "r2_score r_squared rsquared",
    "roc_auc": "auc auroc rocauc roc_auc_score",
}


def unknown_metric(scoring: Any) -> str | None:
    """Return what is wrong with the names in `scoring`, with a suggestion; None if all are metrics or no names."""
    names = scoring.values() if isinstance(scoring, dict) else scoring
    names = [names] if isinstance(names, str) else names if isinstance(scoring, dict | list | tuple | set) else []
    known = get_scorer_names()
    for name in names:
        if isinstance(name, str) and name not in known:
            close = [own for own, others in METRIC_SYNONYMS.items() if name.lower() in others.split()] or close_matches(
                name, known
            )
            hint = f"; did you mean {close[0]!r}?" if close else "; sklearn.metrics.get_scorer_names() lists them"
            return f"must be the name of a metric. Got {name!r} instead{hint}"
    return None


# ----------------------------------------------------------------------------------------------------------------------
# Finds candidates without a score: missing methods, metrics without a value, and NaN in the results.

SPLITS_LISTED = 10  # how many splits a message lists


def last_step(estimator: Estimator) -> Any:
    """Return the estimator that predicts: of a pipeline its last step."""
    while isinstance(estimator, Pipeline) and estimator.steps:
        estimator = estimator.steps[-1][1]
    return estimator


def class_without(estimator: Estimator, methods: Sequence[str]) -> str | None:
    """Return the class of an unfitted estimator that has none of the methods; None if it has one, or may get one.

    An estimator made of others, or of another library, may have a method only once it is fitted.
    """
    last = last_step(estimator)
    if not hasattr(last, "fit") or not hasattr(last, "get_params") or any(hasattr(last, m) for m in methods):
        return None
    kind = type(last)
    if any(hasattr(v, "fit") or isinstance(v, list | tuple) for v in last.get_params(deep=False).values()):
        return None
    foreign = not kind.__module__.startswith("sklearn.")
    if foreign and (hasattr(kind, "__getattr__") or any(hasattr(kind, m) for m in methods)):
        return None
    return kind.__name__


def classes_without(base: Estimator, candidates: Sequence[Params], methods: Sequence[str]) -> list[str]:
    """Return the class of each candidate's estimator that has none of the methods; see `class_without`."""
    verdicts: dict[Any, str | None] = {}
    found = []
    for params in candidates:
        # numbers hardly decide on methods: one candidate stands for all that differ in numbers only
        key = tuple(
            (n, type(v) if type(v) in (int, float) else v if type(v) is str else id(v)) for n, v in params.items()
        )
        if key not in verdicts:
            try:
                verdicts[key] = class_without(configure(base, params), methods)
            except Exception:  # what cannot be configured is the fit's to report
                verdicts[key] = None
        if (kind := verdicts[key]) is not None:
            found.append(kind)
    return found


def is_sklearn_metric(scorer: Scorer, estimator: Estimator) -> bool:
    """Whether a score is a metric of scikit-learn's, so that what it needs is known."""
    if _compat.is_passthrough_scorer(scorer):
        return getattr(type(last_step(estimator)), "score", None) in (ClassifierMixin.score, RegressorMixin.score)
    return (getattr(_compat.metric_function(scorer), "__module__", None) or "").startswith("sklearn.metrics")


def why_undefined(scorer: Scorer, dummy: Any, learnt: NDArray[Any], asked: NDArray[Any]) -> str | None:
    """Return why a metric has no value, whatever the predictions; None if it has one.

    Args:
        scorer: scikit-learn's scorer of a metric of its own.
        dummy: ``DummyClassifier`` or ``DummyRegressor``: the predictions do not matter.
        learnt: targets to train on.
        asked: targets to score.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            score = scorer(dummy().fit(np.zeros((len(learnt), 1)), learnt), np.zeros((len(asked), 1)), asked)
        except Exception as error:  # as in the search, where it makes the score NaN
            return f"{type(error).__name__}: {error}"
    if not math.isnan(score):
        return None
    return " ".join(str(w.message) for w in caught) or "it is NaN"


def check_scores(outcomes: Sequence[dict[str, Any]], n_splits: int, metric: str | None) -> None:
    """Warn how many candidates were fitted and have a score that is NaN.

    Args:
        outcomes: scikit-learn's records of all fits, candidate by candidate.
        n_splits: how many each candidate has.
        metric: the name of the metric that decides, of several.

    Raises:
        ValueError: every candidate has a NaN, in the metric that decides or, if none does, in each.
        ArgumentError: the same, and fits raised a TypeError.
    """
    tests = [o["test_scores"] for o in outcomes]
    names: list[Any] = list(tests[0]) if isinstance(tests[0], dict) else [None]
    failed = np.array([o["fit_error"] is not None for o in outcomes]).reshape(-1, n_splits)
    lost = {n: np.isnan([float(t if n is None else t[n]) for t in tests]).reshape(-1, n_splits) for n in names}
    deciding = [metric] if metric in lost else names
    if all(lost[n].any(axis=1).all() for n in deciding):
        blank = np.any([lost[n] for n in deciding], axis=0) & ~failed
        error = next((text for o in outcomes if (text := str(o["fit_error"] or "").strip())), "")
        message = _message(error) if error else ""
        first = f", the first one with {message}" if error else ""
        # Where fits raise a TypeError, so does scikit-learn, by its last fit; see its `check_dtype_object`.
        kind = ArgumentError if message.startswith("TypeError") else ValueError
        raise kind(
            f"no candidate has a score on all splits, so none is the best: {failed.sum()} of {failed.size} fits "
            f"failed{first}; {blank.sum()} succeeded but scored NaN. {_cause(blank)}"
        )
    for name in names:
        blank = lost[name] & ~failed
        if n := int(blank.any(axis=1).sum()):
            score = "score" if name is None else f"score {name!r}"
            text = f"{n} of {len(blank)} candidates were fitted but have a {score} of NaN. {_cause(blank)}"
            caution(text, UserWarning)


def _message(error: str) -> str:
    """Return the first line of what an exception says, from its traceback."""
    lines = error.strip().splitlines()
    last = max((i for i, line in enumerate(lines[:-1]) if line[:1].isspace()), default=-1)
    return lines[last + 1].strip().rstrip(".")


def check_default_scored(outcomes: Sequence[Outcome]) -> None:
    """See that the estimator's own configuration, once it has run on all splits, has a score on one of them.

    A missing method is not an error here: other configurations may have it, as an SVM has probabilities on demand.

    Args:
        outcomes: of the default, which tell the scorer's error.

    Raises:
        ValueError: the scorer raised the same error on every split.
    """
    errors = {o.unscored for o in outcomes}
    error = next(iter(errors), None)
    if len(errors) == 1 and error is not None and not error.startswith("AttributeError"):
        raise ValueError(
            f"scoring the estimator's own configuration failed on all {len(outcomes)} splits with {error.rstrip('.')}. "
            "The metric does not fit the estimator or y; take another scoring=, or "
            "prefer_default=None to leave that configuration out"
        )


def name_splits(splits: Sequence[int]) -> str:
    """Name splits in a message, by their numbers."""
    more = f" and {len(splits) - SPLITS_LISTED} more" if len(splits) > SPLITS_LISTED else ""
    return f"split{'s' * (len(splits) > 1)} {', '.join(map(str, splits[:SPLITS_LISTED]))}{more}"


def _cause(blank: NDArray[np.bool_]) -> str:
    """Say why fits succeeded and scored NaN, as far as the pattern tells; bool[candidates, splits]."""
    if not blank.any():
        return "The warning above says why fits failed."
    look = 'Warnings "Scoring failed" show the error, if there was one; error_score="raise" stops at it.'
    everywhere = np.flatnonzero(blank.all(axis=0))
    if 0 < len(everywhere) < blank.shape[1]:
        return f"It is so for all candidates on {name_splits(everywhere.tolist())}: look at the test rows there. {look}"
    if len(everywhere):
        return f"It is so for all candidates on all splits: the metric does not fit the estimator or y. {look}"
    return f"Most often predictions are NaN or infinite, or the metric does not fit the candidate. {look}"


# ----------------------------------------------------------------------------------------------------------------------
# Tries metrics before the first fit, on the predictions of a perfect and of a constant estimator.
#
# A metric that cannot be computed from these targets cannot be computed from any fit. One that gives perfect
# predictions less than constant ones is a loss that was given as a score.

ROWS_TRIED = 1000  # on which a metric is tried


class Perfect(BaseEstimator):
    """Predicts the targets that it was fitted on; X is ignored."""

    def fit(self, X: Data, y: NDArray[Any]) -> Perfect:
        """Keep the targets [n]."""
        self.y_ = y
        return self

    def predict(self, X: Data) -> NDArray[Any]:
        """Return the targets [n]."""
        return self.y_


class PerfectRegressor(RegressorMixin, Perfect):
    """Predicts the targets that it was fitted on."""


class PerfectClassifier(ClassifierMixin, Perfect):
    """Predicts the targets that it was fitted on, with certainty."""

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes, sorted."""
        return np.unique(self.y_)

    def predict_proba(self, X: Data) -> NDArray[np.float64]:
        """Return 1 for the class of each row, [n, classes]."""
        return np.asarray(self.y_[:, None] == self.classes_, np.float64)

    def decision_function(self, X: Data) -> NDArray[np.float64]:
        """Return a score that is high for the class of each row: [n] for two classes, else [n, classes]."""
        proba = self.predict_proba(X)
        return proba[:, 1] if len(self.classes_) == 2 else proba


def sample_rows(X: Data, y: NDArray[Any], classifies: bool) -> tuple[Any, NDArray[Any]]:
    """Return some rows of X and y, [n, ...] and [n], with members of each class if there are enough rows."""
    if len(y) <= ROWS_TRIED:
        return X, y
    strata = y if classifies and np.unique(y, return_counts=True)[1].min() > 1 else None
    try:
        return tuple(resample(X, y, replace=False, n_samples=ROWS_TRIED, random_state=0, stratify=strata))
    except ValueError:  # more classes than rows
        return X, y


def metric_error(scorer: Scorer, X: Data, y: NDArray[Any], classifies: bool) -> str | None:
    """Return why a metric of scikit-learn's cannot be computed from these targets; None if it can be.

    Args:
        scorer: scikit-learn's scorer of one metric.
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
