"""What the report of a search says: nothing that is not so."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, make_blobs, make_moons
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Float, Int
from tunesmith.sklearn import SearchCV

X, Y = load_breast_cancer(return_X_y=True)
X, Y = X[:150], Y[:150]
EASY_X, EASY_Y = make_blobs(90, centers=2, cluster_std=0.5, random_state=0)
NEIGHBORS = {"n_neighbors": Int(1, 20)}
DEPTH = {"max_depth": Int(1, 9)}
KNN = KNeighborsClassifier()
TREE = DecisionTreeClassifier(random_state=0)


def told(estimator: Any, space: Any, x: Any = X, y: Any = Y, groups: Any = None, **settings: Any) -> str:
    settings = {"n_trials": 6, "cv": 3, "random_state": 0, **settings}
    search = SearchCV(estimator, space, **settings).fit(x, y, **({} if groups is None else {"groups": groups}))
    return str(search.report_)


def test_where_no_metric_decides_no_fold_is_blamed() -> None:
    text = told(KNN, NEIGHBORS, scoring=["accuracy", "roc_auc"], refit=False, n_trials=3)
    assert "no score" not in text
    assert "default" not in text
    assert "Nothing was chosen, because no metric was named to decide (refit=)." in text


@pytest.mark.filterwarnings("ignore:Column 1 by itself tells the target")
def test_of_ties_none_is_said_to_look_better() -> None:
    text = told(KNN, NEIGHBORS, EASY_X, EASY_Y)
    assert re.match(r"Kept the default \(n_neighbors=5\); expected .*\.\nNone of the ", text)
    assert "alternatives was convincingly better; the closest was n_neighbors=" in text
    assert "(same cross-validation score, 1.000" in text
    assert "Its cross-validation score is 1.000" in text


@pytest.mark.parametrize("prefer_default", [True, None])
def test_one_candidate_is_no_choice_among_many(prefer_default: bool | None) -> None:
    text = told(KNN, NEIGHBORS, n_trials=1, prefer_default=prefer_default)
    assert text.startswith("Only one configuration was tried")
    assert (", the default: n_neighbors=5; " in text) is bool(prefer_default)
    compared = [line for line in text.splitlines() if not line.startswith("Fitted on all rows it is likely")]
    for word in ("optimistic", "picked", "adapted", "better", "gain"):
        assert word not in " ".join(compared)


def test_the_rule_that_chose_is_named() -> None:
    text = told(TREE, DEPTH, simplest="one-se", complexity="max_depth", prefer_default=False, n_trials=9)
    assert "the simplest one within one standard error of the best, as simplest='one-se' asks" in text
    assert "simplest" not in told(TREE, DEPTH)


@pytest.mark.parametrize(("estimator", "space"), [(KNN, NEIGHBORS), (TREE, DEPTH)])
def test_rounding_is_no_difference(estimator: Any, space: Any) -> None:
    for settings in ({}, {"n_trials": 1}, {"prefer_default": False}, {"prefer_default": None}):
        assert not re.search(r"\de-\d", told(estimator, space, cv=4, **settings))


def test_rows_of_groups_are_not_counted_one_by_one() -> None:
    text = told(TREE, DEPTH, cv=GroupKFold(5), groups=np.arange(150) % 10)
    assert "Estimated from 150 rows in 10 groups, which count as one each, by" in text
    text = told(TREE, DEPTH, cv=GroupKFold(5), groups=np.arange(150))  # each row a group of its own
    assert "Estimated from 150 rows by" in text


def test_the_default_is_no_alternative_to_itself() -> None:
    text = told(KNN, {"n_neighbors": [5, 20]}, n_trials=2, racing=None)
    kept = re.match(
        r"Kept the default \(n_neighbors=5\); .*\nThe one alternative, n_neighbors=20 \(.*\), was not better", text
    )
    assert kept is not None, text


def test_the_default_is_told_with_its_score_where_something_else_is_returned() -> None:
    search = SearchCV(TREE, DEPTH, n_trials=6, cv=3, random_state=0, prefer_default=False, sampler="random").fit(X, Y)
    score = search.cv_results_["mean_test_score"][-1]  # beyond the space, it is the last one
    assert search.report_.default == {"max_depth": None}
    assert search.report_.default_score == pytest.approx(score)
    if not search.report_.kept_default:
        assert re.search(rf"the default \(max_depth=None; cross-validation score {score:.3f}\d*\)", str(search.report_))


def test_losses_are_told_as_losses() -> None:
    x, y = load_diabetes(return_X_y=True)
    space = {"alpha": Float(1e-3, 1e3, log=True)}
    search = SearchCV(Ridge(), space, scoring="neg_root_mean_squared_error", n_trials=6, random_state=0).fit(x, y)
    found = re.search(r"expected RMSE on new data: (\d+\.\d+) ", str(search.report_))
    assert found is not None, str(search.report_)
    assert float(found[1]) == pytest.approx(-search.honest_score_.value, abs=0.01)


def test_a_validation_set_is_not_called_cross_validation() -> None:
    text = told(TREE, DEPTH, cv=ShuffleSplit(1, random_state=0, test_size=0.3), prefer_default=False)
    assert "cross-validation" not in text


@pytest.mark.parametrize("cv", [[(np.arange(100), np.arange(100, 150)), (np.arange(50, 150), np.arange(50))]])
def test_splits_of_the_user_are_named_as_such(cv: Any) -> None:
    text = told(TREE, DEPTH, cv=cv)
    assert "because a list of splits always gives the same ones." in text
    assert "_CV" not in text


def test_a_notebook_shows_the_report_the_score_and_the_study() -> None:
    search = SearchCV(KNN, NEIGHBORS, n_trials=3, cv=2, random_state=0)
    assert "tunesmith-report" not in search._repr_mimebundle_()["text/html"]
    search.fit(X, Y)
    assert "Expected accuracy on new data" in search.report_._repr_html_()
    for page in (search._repr_html_(), search._repr_mimebundle_()["text/html"]):  # notebooks take the latter
        assert page.startswith(search._answer_html()), "the answer stands first, and the diagram below"
        assert "Expected accuracy on new data" in page[:400]
        assert len(page) > len(search._answer_html())
    assert "Expected accuracy on new data" in search.honest_score_._repr_html_()
    assert "3 complete" in search.study_._repr_html_() or "pruned" in search.study_._repr_html_()


def test_a_class_without_a_chance_is_told_and_makes_the_interval_longer() -> None:
    """A log loss of neighbours: what was not seen yet costs 36 where it happens."""
    X, y = make_moons(100, noise=0.1, random_state=0)
    search = SearchCV(KNeighborsClassifier(), {"n_neighbors": [4, 5]}, scoring="neg_log_loss", random_state=0).fit(X, y)
    assert "a class gets no chance" in str(search.report_)
    assert "CalibratedClassifierCV" in str(search.report_)
    low, high = search.honest_score_.interval
    assert low < -0.5 < search.honest_score_.value < high


def test_a_loss_that_few_rows_make_up_is_said_to() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    y = X[:, 0] + rng.normal(0.0, 0.3, 100)
    y[[3, 50, 77]] += 30.0
    search = SearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, scoring="neg_mean_squared_error", random_state=0).fit(X, y)
    assert "Half of this loss comes from 2 of the 100 rows" in str(search.report_)
    assert "absolute error" in str(search.report_)


def test_of_the_largest_error_it_is_said_that_more_rows_have_a_larger_one() -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    search = SearchCV(Ridge(), {"alpha": [0.1, 1.0]}, scoring="neg_max_error", n_trials=2, random_state=0)
    assert "The largest error grows with the number of rows." in str(search.fit(x, x[:, 1] ** 2).report_)


def test_where_nothing_is_better_than_a_guess_the_report_says_so() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 5)), np.repeat([0, 1], [30, 50])
    search = SearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [5, 9]}, random_state=0).fit(X, y)
    assert "Nothing here is better than the best guess that sees no feature, which scores 0.6" in str(search.report_)
