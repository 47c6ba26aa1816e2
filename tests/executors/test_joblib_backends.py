"""The scikit-learn searches run their fits on Dask and Ray through joblib's backends, and find the same."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from joblib import parallel_config
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from tests.executors.conftest import Engine

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
def test_the_backend_of_an_engine(engine: Engine) -> None:
    if engine.name == "ray":
        from ray.util.joblib import register_ray

        register_ray()
    here = engine.client.as_current() if engine.name == "dask" else nullcontext()
    with here, parallel_config(engine.name, n_jobs=2):
        there = scores(None)
    assert there == scores(1)
