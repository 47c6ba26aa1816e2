"""Finds candidates without a score: missing methods, metrics without a value, and NaN in the results."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.pipeline import Pipeline

from tunesmith.caution import caution
from tunesmith.sklearn._compat import is_passthrough_scorer, metric_function
from tunesmith.sklearn.evaluate.cloning import configure
from tunesmith.sklearn.protocols import Estimator, Params, Scorer
from tunesmith.sklearn.store.outcome import Outcome

SHOWN = 10  # how many splits a message lists


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
    if is_passthrough_scorer(scorer):
        return getattr(type(last_step(estimator)), "score", None) in (ClassifierMixin.score, RegressorMixin.score)
    return (getattr(metric_function(scorer), "__module__", None) or "").startswith("sklearn.metrics")


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
    """
    tests = [o["test_scores"] for o in outcomes]
    names: list[Any] = list(tests[0]) if isinstance(tests[0], dict) else [None]
    failed = np.array([o["fit_error"] is not None for o in outcomes]).reshape(-1, n_splits)
    lost = {n: np.isnan([float(t if n is None else t[n]) for t in tests]).reshape(-1, n_splits) for n in names}
    deciding = [metric] if metric in lost else names
    if all(lost[n].any(axis=1).all() for n in deciding):
        blank = np.any([lost[n] for n in deciding], axis=0) & ~failed
        raise ValueError(
            f"no candidate has a score on all splits, so none is the best: {failed.sum()} of {failed.size} fits "
            f"failed, {blank.sum()} succeeded but scored NaN. {_cause(blank)}"
        )
    for name in names:
        blank = lost[name] & ~failed
        if n := int(blank.any(axis=1).sum()):
            score = "score" if name is None else f"score {name!r}"
            text = f"{n} of {len(blank)} candidates were fitted but have a {score} of NaN. {_cause(blank)}"
            caution(text, UserWarning)


def check_default_scored(outcomes: Sequence[Outcome]) -> None:
    """See that the estimator's own configuration, once it has run on all splits, has a score on one of them.

    A missing method is no error here: other configurations may have it, as an SVM has probabilities if it is told to.

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
    more = f" and {len(splits) - SHOWN} more" if len(splits) > SHOWN else ""
    return f"split{'s' * (len(splits) > 1)} {', '.join(map(str, splits[:SHOWN]))}{more}"


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
