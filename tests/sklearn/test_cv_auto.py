"""``SearchCV(cv="auto")``: rows of a group stay together, and rows in the order of time are tested on later ones."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tunesmith.sklearn import SearchCV

GROUPS = np.repeat(np.arange(20), 8)
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(160, 2))
LABELS = RNG.integers(0, 2, 20)[GROUPS]  # a label for each patient, which nothing predicts
DEPTH = {"max_depth": [1, 2, None]}


def searched(model: Any, X: Any, y: Any, *, space: Any = None, **fitted: Any) -> SearchCV:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SearchCV(model, space or DEPTH, cv="auto", random_state=0).fit(X, y, **fitted)


def keeps_together(search: SearchCV, X: Any, y: Any, groups: np.ndarray) -> bool:
    splits = search._checked_cv_orig.split(X, y, groups)
    return all(not set(groups[train]) & set(groups[test]) for train, test in splits)


def test_a_column_that_names_patients_keeps_their_rows_together() -> None:
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame({"a": NOISE[:, 0], "patient_id": GROUPS, "b": NOISE[:, 1]})
    search = searched(DecisionTreeClassifier(random_state=0), X, LABELS)
    assert keeps_together(search, X, LABELS, GROUPS)
    text = str(search.report_)
    assert "Column 'patient_id' is taken for an identifier: folds keep its rows together." in text
    assert "in 20 groups, which count as one each" in text
    assert search.honest_score_.value < 0.8  # with rows of each patient on both sides it is near 1
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        plain = SearchCV(DecisionTreeClassifier(random_state=0), DEPTH, random_state=0).fit(X, LABELS)
    assert any("looks like an identifier" in str(one.message) for one in told)
    assert 'cv="auto" splits the rows so.' in str(plain.report_)


@pytest.mark.parametrize("model", [DecisionTreeClassifier(random_state=0), DecisionTreeRegressor(random_state=0)])
def test_groups_that_are_given_come_first(model: Any) -> None:
    few = GROUPS % 4
    search = searched(model, NOISE, LABELS, groups=few)
    assert search.n_splits_ == 4
    assert keeps_together(search, NOISE, LABELS, few)


def test_rows_in_the_order_of_time_are_tested_on_later_ones() -> None:
    pd = pytest.importorskip("pandas")
    walk = np.cumsum(RNG.normal(size=200))
    X = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=200), "a": walk + RNG.normal(size=200)})
    X["date"] = X["date"].astype("int64") // 10**9
    search = searched(Ridge(), X, walk, space={"alpha": [0.1, 1.0]})
    assert all(train.max() < test.min() for train, test in search._checked_cv_orig.split(X))
    assert "The rows are taken for a series: each fold is tested on later rows." in str(search.report_)


def test_where_rows_tell_nothing_the_folds_are_the_usual_ones() -> None:
    y = RNG.integers(0, 2, 160)
    auto = searched(DecisionTreeClassifier(random_state=0), NOISE, y)
    usual = SearchCV(DecisionTreeClassifier(random_state=0), DEPTH, random_state=0).fit(NOISE, y)
    np.testing.assert_array_equal(auto.cv_results_["mean_test_score"], usual.cv_results_["mean_test_score"])
    assert str(auto.report_) == str(usual.report_)


def test_it_can_be_cloned_kept_and_decided_anew(tmp_path: Any) -> None:
    y = RNG.integers(0, 2, 160)
    search = searched(DecisionTreeClassifier(random_state=0), NOISE, y, groups=GROUPS)
    assert clone(search).cv == "auto"
    assert pickle.loads(pickle.dumps(search)).best_params_ == search.best_params_
    fits = search.n_fits_
    assert search.decide(more_fits=20).n_fits_ > fits  # the folds of groups can be dealt anew


def test_another_word_is_none() -> None:
    with pytest.raises(ValueError, match="cv"):
        SearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv="groups").fit(NOISE, NOISE[:, 0])
