"""``SearchCV(warm_start_from=)``: what earlier searches found is tried first."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tests.sklearn.bare import bare

import tunesmith as ts
from tunesmith.sklearn import SearchCV

X, Y = make_classification(60, 5, random_state=0)
SPACE = {"C": ts.Float(1e-2, 1e2, log=True), "kernel": ["rbf", "linear"]}


def searched(n: int, seed: int, **options: Any) -> SearchCV:
    search = bare(SVC(), SPACE, n_trials=n, cv=2, random_state=seed, **options)
    return search.fit(X, Y)


@pytest.fixture(scope="module")
def first() -> SearchCV:
    return searched(8, 0, sampler="random")


def test_the_best_candidate_of_the_earlier_search_is_the_first(first: SearchCV) -> None:
    assert searched(1, 1, warm_start_from=first.study_).cv_results_["params"] == [first.best_params_]
    assert searched(1, 1, warm_start_from=[first.study_]).cv_results_["params"] == [first.best_params_]
    assert searched(1, 1).cv_results_["params"] != [first.best_params_]


def test_a_study_of_losses_with_other_parameters() -> None:
    """Directions are minded, unknown parameters left out."""
    losses = ts.minimize(
        lambda p: abs(p["C"] - 3) + p["other"], {"C": ts.Float(1, 9), "other": ts.Float(0, 1)}, n_trials=12
    )
    assert searched(1, 0, warm_start_from=losses).best_params_["C"] == losses.best_params["C"]


def test_a_clone_and_a_pickle_start_alike(first: SearchCV) -> None:
    search = bare(SVC(), SPACE, n_trials=3, cv=2, random_state=1, warm_start_from=[first.study_])
    pickled = pickle.loads(pickle.dumps(search))
    found = [s.fit(X, Y).cv_results_["params"] for s in (search, clone(search), pickled, clone(pickled))]
    assert found[0][0] == first.best_params_
    assert found[1:] == [found[0]] * 3
    again = pickle.loads(pickle.dumps(pickled))
    assert again.best_params_ == pickled.best_params_


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_nested_in_other_tools(first: SearchCV, n_jobs: int) -> None:
    search = bare(SVC(), SPACE, n_trials=1, cv=2, random_state=1, warm_start_from=first.study_)
    pipe = Pipeline([("scale", StandardScaler()), ("search", search)])
    found = cross_validate(pipe, X, Y, cv=2, n_jobs=n_jobs, return_estimator=True)["estimator"]
    assert [pipe["search"].best_params_ for pipe in found] == [first.best_params_] * 2


def test_a_search_that_is_resumed_keeps_what_it_was_created_with(first: SearchCV, tmp_path: Path) -> None:
    kept: dict[str, Any] = {"storage": tmp_path / "a.db", "study_name": "s"}
    whole = searched(6, 2, warm_start_from=first.study_)
    searched(3, 2, warm_start_from=first.study_, **kept)
    resumed = searched(6, 2, **kept)
    assert resumed.cv_results_["params"] == whole.cv_results_["params"]


def test_what_is_no_study_is_refused(first: SearchCV) -> None:
    for wrong in ("name", first, 3):
        with pytest.raises(ValueError, match="warm_start_from= takes studies"):
            searched(1, 0, warm_start_from=wrong)
