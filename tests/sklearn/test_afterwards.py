"""The honest score of searches that choose as scikit-learn does: worked out when asked for; nothing else changes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - what it enables is compared with
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from tunesmith.sklearn import (
    BaseSearchCV,
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    SearchCV,
)

X, Y = make_classification(150, 6, n_informative=3, flip_y=0.2, random_state=0)
TREE = DecisionTreeClassifier(random_state=0)
LEAVES = {"resource": "max_leaf_nodes", "max_resources": 27, "min_resources": 3}
DEPTHS = {"max_depth": list(range(1, 13))}
KNN = KNeighborsClassifier()
FOUR = [
    GridSearchCV(TREE, DEPTHS, cv=3),
    RandomizedSearchCV(TREE, DEPTHS, n_iter=8, cv=3, random_state=0),
    HalvingGridSearchCV(TREE, DEPTHS, cv=3, random_state=0),
    HalvingRandomSearchCV(
        TREE, DEPTHS, cv=3, random_state=0, resource="max_leaf_nodes", max_resources=27, min_resources=3
    ),
]


def named(search: Any) -> str:
    return type(search).__name__


@pytest.mark.parametrize("search", FOUR, ids=named)
def test_every_search_has_an_honest_score_of_what_it_returns(search: Any) -> None:
    found = clone(search).fit(X, Y)
    score = found.honest_score_
    assert score.naive == pytest.approx(found.best_score_)
    assert score.value <= score.naive + 1e-9
    assert score.interval[0] < score.value < score.interval[1]
    assert found.report_.chosen == found.best_params_
    text = str(found.report_)
    assert "expected accuracy on new data" in text
    assert "(BBC-CV)" in text
    assert ("earlier iterations" in text) is ("Halving" in named(search))


def test_scikit_learns_contract_is_as_it_was() -> None:
    theirs, ours = model_selection.GridSearchCV(TREE, DEPTHS, cv=3), GridSearchCV(TREE, DEPTHS, cv=3)
    theirs.fit(X, Y)
    ours.fit(X, Y)
    before = set(vars(ours))
    assert ours.honest_score_ is ours.honest_score_  # once
    assert {n for n in set(vars(ours)) - before if not n.startswith("_")} == set()
    assert ours.best_params_ == theirs.best_params_
    assert set(ours.cv_results_) == set(theirs.cv_results_)
    assert np.array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    assert not hasattr(clone(ours), "honest_score_")


@pytest.mark.slow
def test_the_bias_of_the_best_of_many_is_taken_off() -> None:
    """On targets that nothing predicts: the best of 40 is said to be what it is."""
    errors, naive = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(80, 4)), np.arange(80) % 2
        grid = {"max_depth": list(range(1, 11)), "min_samples_leaf": [1, 3, 6, 12]}
        found = GridSearchCV(TREE, grid, cv=5).fit(x, rng.permutation(y))
        errors.append(found.honest_score_.value - 0.5)
        naive.append(found.best_score_ - 0.5)
    assert abs(np.mean(errors)) < 0.6 * np.mean(naive)


@pytest.mark.parametrize("search", FOUR[:3], ids=named)
def test_a_search_is_pickled_without_predictions_and_with_what_was_asked_for(search: Any) -> None:
    asked = clone(search).fit(X, Y)
    small = len(pickle.dumps(asked))
    told = str(asked.report_)
    assert str(pickle.loads(pickle.dumps(asked)).report_) == told
    back = pickle.loads(pickle.dumps(clone(search).fit(X, Y)))
    assert "ask for its honest score before it is pickled" in str(back.report_)
    assert back.honest_score_.naive == pytest.approx(asked.best_score_)
    assert "Your scorer" not in str(back.report_)
    assert small < 20_000 + len(pickle.dumps(asked.best_estimator_)) + len(pickle.dumps(asked.cv_results_))


@pytest.mark.parametrize("kind", [GridSearchCV, SearchCV, HalvingGridSearchCV])
def test_before_fit_there_is_none_and_it_says_what_to_do(kind: Any) -> None:
    search = kind(TREE, DEPTHS)
    for name in ("honest_score_", "report_"):
        assert not hasattr(search, name)
        with pytest.raises(NotFittedError, match=r"before it is fitted: call fit\(X, y\)"):
            getattr(search, name)


def test_a_metric_of_its_own_kind() -> None:
    x, y = load_diabetes(return_X_y=True)
    alphas = {"alpha": np.logspace(-3, 2, 8)}
    found = GridSearchCV(Ridge(), alphas, scoring="neg_root_mean_squared_error", cv=3).fit(x, y)
    assert "expected RMSE on new data" in str(found.report_)
    found = GridSearchCV(Ridge(), alphas, scoring=lambda e, x, y: e.score(x, y), cv=3).fit(x, y)
    assert "Your scorer gives one number per fold, so this estimate rests on 3 values and is rough." in str(
        found.report_
    )


def test_where_no_score_can_be_it_says_why() -> None:
    several = GridSearchCV(KNN, {"n_neighbors": [3, 5]}, scoring=["accuracy", "f1"], refit=False, cv=3).fit(X, Y)
    assert several.honest_score_ is None
    assert "no metric was named to decide" in str(several.report_)
    by_hand = GridSearchCV(KNN, {"n_neighbors": [3, 5]}, refit=lambda results: 1, cv=3).fit(X, Y)
    assert by_hand.honest_score_ is None
    assert "a function chooses" in str(by_hand.report_)
    decided = GridSearchCV(KNN, {"n_neighbors": [3, 5]}, scoring=["accuracy", "f1"], refit="f1", cv=3).fit(X, Y)
    assert decided.honest_score_.metric == "f1"


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_every_metric_of_several_has_an_honest_score(n_jobs: int | None) -> None:
    metrics = ["accuracy", "f1", "roc_auc"]
    space = {"n_neighbors": list(range(1, 30, 3))}
    found = GridSearchCV(KNN, space, scoring=metrics, refit="roc_auc", cv=3, n_jobs=n_jobs).fit(X, Y)
    scores = found.honest_scores_
    assert list(scores) == metrics
    assert scores["roc_auc"] is found.honest_score_
    for name, score in scores.items():
        assert score.metric == name
        assert score.naive == pytest.approx(found.cv_results_[f"mean_test_{name}"][found.best_index_])
        assert score.interval[0] < score.value < score.interval[1]
        assert "(BBC-CV)" in score.method
        if name != "f1":  # which is computed from all folds together
            assert score.value <= score.naive + 1e-9


def test_where_none_decides_each_metric_has_the_score_of_its_best() -> None:
    metrics = ["accuracy", "roc_auc"]
    found = GridSearchCV(KNN, {"n_neighbors": [1, 5, 25]}, scoring=metrics, refit=False, cv=3).fit(X, Y)
    for name, score in found.honest_scores_.items():
        assert score.naive == pytest.approx(found.cv_results_[f"mean_test_{name}"].max())


def test_so_has_search_cv_if_only_from_the_folds() -> None:
    space = {"n_neighbors": list(range(1, 30, 3))}
    search = SearchCV(KNN, space, scoring=["accuracy", "f1"], refit="f1", cv=3, n_trials=5, random_state=0, level=0.9)
    scores = search.fit(X, Y).honest_scores_
    assert scores["f1"] is search.honest_score_
    assert scores["accuracy"].naive == pytest.approx(search.cv_results_["mean_test_accuracy"][search.best_index_])
    assert scores["accuracy"].level == 0.9
    assert "Tibshirani" in scores["accuracy"].method
    single = GridSearchCV(KNN, space, cv=3).fit(X, Y)
    assert single.honest_scores_ == {"accuracy": single.honest_score_}


def test_the_default_is_named_where_the_grid_has_it() -> None:
    grid = GridSearchCV(KNN, {"n_neighbors": [1, 5, 25]}, cv=5).fit(X, Y)
    assert grid.report_.default == {"n_neighbors": 5}
    if grid.best_params_ == {"n_neighbors": 5}:
        assert "\nNone of the 2 alternatives was better." in str(grid.report_)
    else:
        assert "beat" in str(grid.report_)


@pytest.mark.filterwarnings("ignore")
def test_failed_fits_and_resumed_searches_have_one_too(tmp_path: Any) -> None:
    grid = {"n_neighbors": [3, 5, 900]}
    found = GridSearchCV(KNN, grid, cv=3).fit(X, Y)
    assert found.honest_score_.value > 0.5
    where = str(tmp_path / "grid.db")
    first = GridSearchCV(KNN, grid, cv=3, storage=where).fit(X, Y)
    again = GridSearchCV(KNN, grid, cv=3, storage=where).fit(X, Y)
    assert again.honest_score_ == first.honest_score_


class Zoom(BaseSearchCV):
    """Looks closer around the best depth."""

    adaptive = True

    def __init__(self, estimator: Any, *, cv: Any = None) -> None:
        super().__init__(estimator, cv=cv, return_train_score=False)

    def _run_search(self, evaluate_candidates: Any) -> None:
        found = evaluate_candidates([{"max_depth": d} for d in (1, 6, 12)])
        best = found["params"][found["rank_test_score"].argmin()]["max_depth"]
        evaluate_candidates([{"max_depth": best + 1}, {"max_depth": max(best - 1, 2)}])


def test_a_search_of_ones_own_that_learns_is_said_to() -> None:
    found = Zoom(TREE, cv=3).fit(X, Y)
    assert found.report_.n_candidates == 5
    assert "The search adapted to these rows" in str(found.report_)
    assert found.report_.chosen == found.best_params_


def test_an_error_on_the_way_is_told_and_not_raised() -> None:
    found = GridSearchCV(KNN, {"n_neighbors": [3, 5]}, cv=3).fit(X, Y)
    del found.cv_results_["split0_test_score"]  # as a user may
    assert found.honest_score_ is None
    assert "There is no honest score: KeyError" in str(found.report_)
