"""While the workers fit, the process that proposes candidates leaves the cores to them."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from threadpoolctl import threadpool_info, threadpool_limits

from tunesmith import Float
from tunesmith.samplers.gp import GPSampler, proposers
from tunesmith.sklearn import SearchCV


def threads_of_blas() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize("sampler", ["auto", GPSampler(n_startup_trials=3)])
def test_the_model_is_kept_to_one_thread(sampler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    maximise, seen = proposers.maximise, []

    def watched(*args: Any) -> Any:
        seen.append(threads_of_blas())
        return maximise(*args)

    monkeypatch.setattr(proposers, "maximise", watched)
    X, y = load_iris(return_X_y=True)
    with threadpool_limits(2, user_api="blas"):
        before = threads_of_blas()
        SearchCV(SVC(), {"C": Float(0.1, 10)}, n_trials=7, cv=2, sampler=sampler).fit(X, y)
        assert threads_of_blas() == before
    assert seen
    assert all(threads <= {1} for threads in seen)
