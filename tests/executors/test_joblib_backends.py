"""The scikit-learn searches run their fits on Dask and Ray through joblib's backends, and find the same."""

from __future__ import annotations

from typing import Any

import pytest
from joblib import parallel_config
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from tunesmith import Float
from tunesmith.sklearn import GridSearchCV, SearchCV


def scores(n_jobs: int | None) -> list[list[float]]:
    X, y = load_iris(return_X_y=True)
    space = {"C": Float(1e-2, 1e2, log=True)}
    searches = [
        SearchCV(SVC(), space, n_trials=4, sampler="random", random_state=0, n_jobs=n_jobs),
        GridSearchCV(SVC(), {"C": [0.1, 1, 10]}, n_jobs=n_jobs),
    ]
    return [search.fit(X, y).cv_results_["mean_test_score"].tolist() for search in searches]


@pytest.mark.slow
@pytest.mark.dask
@pytest.mark.xdist_group("dask")
def test_dask(dask_client: Any) -> None:
    with dask_client.as_current(), parallel_config("dask", n_jobs=2):
        there = scores(None)
    assert there == scores(1)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.xdist_group("ray")
def test_ray(ray_module: Any) -> None:
    from ray.util.joblib import register_ray

    register_ray()
    with parallel_config("ray", n_jobs=2):
        there = scores(None)
    assert there == scores(1)
