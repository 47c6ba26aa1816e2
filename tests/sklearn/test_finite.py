"""Spaces with a finite number of points: none is tried twice, and a search ends when all were tried."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier
from tests.sklearn.bare import bare

from tunesmith import Categorical, Float, Int, Space
from tunesmith.foundation import registry
from tunesmith.samplers import GridSampler, RandomSampler
from tunesmith.sklearn import SearchCV

X, Y = make_classification(60, 5, random_state=0)
TREE = DecisionTreeClassifier(random_state=0)


def tried(search: Any) -> list[tuple[Any, ...]]:
    return [tuple(sorted(p.items())) for p in search.cv_results_["params"]]


def test_a_space_smaller_than_the_budget_is_tried_once_and_the_search_says_so() -> None:
    with pytest.warns(UserWarning, match="the space has 3 points, fewer than n_trials=50") as told:
        search = SearchCV(TREE, {"max_depth": [1, 2, 3]}, n_trials=50, cv=3, random_state=0).fit(X, Y)
    assert told[0].filename == __file__
    # the default, max_depth=None, is no point of the space and comes on top
    assert [p["max_depth"] for p in search.cv_results_["params"]] == [1, 2, 3, None]
    assert len(search.study_.trials) == 3
    assert "Every point of the space was tried." in str(search.report_)
    assert not search.report_.adaptive


def test_a_space_without_parameters_is_one_candidate() -> None:
    with pytest.warns(UserWarning, match="the only candidate is the estimator as it is"):
        search = SearchCV(TREE, {}, n_trials=20, cv=3, random_state=0).fit(X, Y)
    assert search.cv_results_["params"] == [{}]


def test_without_a_number_of_trials_there_is_nothing_to_warn_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = bare(TREE, {"max_depth": [1, 2, 3]}, cv=3).fit(X, Y)
        assert len(tried(search)) == 3
        assert len(tried(bare(TREE, {"max_depth": [1, 2, 3]}, n_trials=None, cv=3).fit(X, Y))) == 3


def test_a_grid_needs_no_number_of_trials() -> None:
    space = {"max_depth": Int(1, 20), "min_samples_leaf": [1, 2, 3]}
    for settings in ({}, {"n_trials": None}, {"timeout": 600}):
        search = bare(TREE, space, sampler="grid", cv=2, **settings).fit(X, Y)
        assert len(set(tried(search))) == len(tried(search)) == 60
    assert len(tried(bare(TREE, space, sampler="grid", n_trials=7, cv=2).fit(X, Y))) == 7
    coarse = GridSampler(resolution=4)
    assert len(tried(bare(TREE, {"min_samples_leaf": Float(0.01, 0.4)}, sampler=coarse, cv=2).fit(X, Y))) == 4
    with pytest.raises(ValueError, match="needs n_trials or timeout"):
        bare(TREE, {"min_samples_leaf": Float(0.01, 0.4)}, n_trials=None, cv=2).fit(X, Y)


@pytest.mark.parametrize("sampler", sorted(registry.SAMPLERS))
@pytest.mark.parametrize("n_jobs", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_no_sampler_tries_a_point_twice(sampler: str, n_jobs: int) -> None:
    space = {"max_depth": [1, 2, 3, 4], "criterion": ["gini", "entropy"], "min_samples_leaf": Int(1, 3)}
    with joblib.parallel_config(backend="threading"):
        search = bare(TREE, space, n_trials=22, sampler=sampler, n_jobs=n_jobs, cv=2, random_state=0).fit(X, Y)
    assert len(set(tried(search))) == len(tried(search)) == 22


def test_conditions_and_constraints_count() -> None:
    space = Space(
        {
            "max_depth": Int(1, 4),
            "min_samples_leaf": Int(1, 4),
            "splitter": Categorical(["best", "random"]),
        },
        constraints=lambda max_depth, min_samples_leaf: min_samples_leaf <= max_depth,
    )
    search = bare(TREE, space, n_trials=32, sampler="random", cv=2, random_state=0).fit(X, Y)
    assert len(set(tried(search))) == len(tried(search)) == 20
    assert all(p["min_samples_leaf"] <= p["max_depth"] for p in search.cv_results_["params"])


def test_the_default_that_is_a_point_is_not_tried_again() -> None:
    space = {"min_samples_leaf": Int(1, 6), "criterion": ["gini", "entropy"]}
    for settings in ({"sampler": "random", "n_trials": 12}, {"timeout": 600}):
        search = SearchCV(TREE, space, cv=3, random_state=0, **settings).fit(X, Y)
        assert len(set(tried(search))) == len(tried(search)) == 12
        assert search.cv_results_["params"][0] == {"min_samples_leaf": 1, "criterion": "gini"}


def test_a_search_that_goes_on_tries_what_is_left(tmp_path: Path) -> None:
    space = {"max_depth": Int(1, 9)}
    settings = {"storage": str(tmp_path / "t.db"), "cv": 2, "random_state": 0}
    first = bare(TREE, space, n_trials=5, **settings).fit(X, Y)
    again = bare(TREE, space, n_trials=9, **settings).fit(X, Y)
    assert tried(again)[:5] == tried(first)
    assert sorted(p["max_depth"] for p in again.cv_results_["params"]) == [*range(1, 10)]
    more = bare(TREE, {"max_depth": Int(1, 11)}, n_trials=None, **settings).fit(X, Y)
    assert sorted(p["max_depth"] for p in more.cv_results_["params"]) == [*range(1, 12)]


@pytest.mark.slow
def test_many_points_are_drawn_without_replacement() -> None:
    from tunesmith import create_study
    from tunesmith.samplers.without_duplicates import WithoutDuplicates

    study = create_study(space={"a": Int(1, 70), "b": Int(1, 70)}, sampler=WithoutDuplicates(RandomSampler()), seed=0)
    for _ in range(4899):  # beyond what is kept as a list
        study.tell(study.ask(), 0.0)
    points = {tuple(row) for row in np.asarray(study.history.x).tolist()}
    assert len(points) == 4899
    study.tell(study.ask(), 0.0)
    with pytest.raises(Exception, match="has proposed every point"):
        study.ask()
