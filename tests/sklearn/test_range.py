"""No interval and no score lies where the metric cannot be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error, zero_one_loss
from sklearn.model_selection import ShuffleSplit
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Float
from tunesmith.selection.metric import Metric
from tunesmith.selection.score import ScoreRange
from tunesmith.sklearn import SearchCV
from tunesmith.sklearn.results.conclusion import metric_of

X, Y = make_classification(120, 5, class_sep=2.0, flip_y=0.04, random_state=0)


class OwnScore(LogisticRegression):
    """Does not ask `predict` for its score, as CatBoost's classifiers do not."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return float((self.predict_proba(X).argmax(axis=1) == y).mean())


def by_fold(estimator: Any, x: Any, y: Any) -> float:
    return float(estimator.predict_proba(x)[np.arange(len(y)), y].max())


def loss_by_fold(estimator: Any, x: Any, y: Any) -> float:
    return by_fold(estimator, x, y) - 1.0


def constant(estimator: Any, x: Any, y: Any) -> float:
    return 1.0


def searched(estimator: Any = None, **settings: Any) -> SearchCV:
    estimator = LogisticRegression() if estimator is None else estimator
    settings = {"n_trials": 5, "random_state": 0, **settings}
    return SearchCV(estimator, {"C": Float(0.01, 10, log=True)}, **settings).fit(X, Y)


def test_an_estimator_s_own_score_is_an_accuracy() -> None:
    search = searched(OwnScore())
    low, high = search.honest_score_.interval
    assert 0.5 < low < search.honest_score_.value < high <= 1.0
    assert "range of your metric" not in str(search.report_)


@pytest.mark.parametrize("cv", [5, ShuffleSplit(1, test_size=0.3, random_state=0)])
def test_the_range_of_a_function_is_what_its_values_suggest(cv: Any) -> None:
    search = searched(scoring=by_fold, cv=cv, level=0.999, n_trials=12)
    low, high = search.honest_score_.interval
    assert 0.0 <= low < high <= 1.0
    if cv == 5:  # of one split the model is sure enough not to reach beyond
        assert "The range of your metric is not known. All its values here lie between 0 and 1" in str(search.report_)
    assert searched(scoring=loss_by_fold, cv=cv, level=0.999, n_trials=12).honest_score_.interval[1] <= 0.0


@pytest.mark.parametrize("cv", [5, ShuffleSplit(1, test_size=0.3, random_state=0)])
def test_scores_that_are_all_the_same_have_no_interval(cv: Any) -> None:
    search = searched(scoring=constant, cv=cv)
    assert math.isnan(search.honest_score_.interval[0])
    assert "no interval, because all scores are the same" in str(search.report_)


def test_a_range_is_told_only_where_it_mattered() -> None:
    wide = ScoreRange.of(None, np.array([[0.4, 0.6]]))
    score = searched(scoring=by_fold, level=0.5).honest_score_
    assert wide.keep(score) == (score, ())
    assert (wide.low, wide.high, wide.known) == (0.0, 1.0, False)
    assert ScoreRange.of(None, np.array([[-1.0, math.nan], [2.0, 1.0]])).low == -math.inf
    assert ScoreRange.of(None, np.array([[0.5, 3.0]])).high == math.inf
    assert ScoreRange.of(None, np.array([[math.nan]])).high == math.inf


def test_values_beyond_the_range_of_a_metric_say_that_it_is_another_one() -> None:
    accuracy = metric_of(get_scorer("accuracy"), None, "accuracy", LogisticRegression())
    assert ScoreRange.of(accuracy, np.array([[0.5, 0.7]])).known
    assert not ScoreRange.of(accuracy, np.array([[-3.0, -2.0]])).known  # what an estimator calls its score


def seen(name: Any) -> Metric:
    found = metric_of(get_scorer(name) if isinstance(name, str) else name, None, name, DecisionTreeClassifier())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("scorer", "low", "high"),
    [
        ("matthews_corrcoef", -1.0, 1.0),
        ("explained_variance", -math.inf, 1.0),
        ("r2", -math.inf, 1.0),
        ("neg_max_error", -math.inf, 0.0),
        ("roc_auc_ovr", 0.0, 1.0),
        (make_scorer(zero_one_loss, greater_is_better=False), -1.0, 0.0),
        (make_scorer(zero_one_loss, greater_is_better=False, normalize=False), -math.inf, 0.0),
    ],
)
def test_the_ranges_of_scikit_learn_s_metrics_are_known(scorer: Any, low: float, high: float) -> None:
    measure = seen(scorer)
    assert (measure.offset - measure.bounds[1], measure.offset - measure.bounds[0]) == (low, high)


def odd(y: Any, predicted: Any) -> float:
    return float(np.sqrt(mean_absolute_error(y, predicted)))


def test_a_loss_of_the_user_s_own_stays_on_its_side() -> None:
    x, y = make_regression(40, 4, noise=1.0, random_state=0)
    y = y + np.where(np.arange(40) == 3, 500.0, 0.0)
    scorer = make_scorer(odd, greater_is_better=False)
    search = SearchCV(Ridge(), {"alpha": Float(0.01, 10)}, n_trials=5, scoring=scorer, random_state=0, level=0.9999)
    low, high = search.fit(x, y).honest_score_.interval
    assert low < high <= 0.0
