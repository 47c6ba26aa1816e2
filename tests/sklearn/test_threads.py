"""While the workers fit, the process that proposes candidates leaves the cores to them."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import load_iris
from sklearn.svm import SVC
from threadpoolctl import threadpool_info, threadpool_limits

from tunesmith import Float
from tunesmith.samplers import RandomSampler
from tunesmith.sklearn import SearchCV


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def searched_with(blind_: bool) -> list[list[int]]:
    seen: list[list[int]] = []

    class Watching(RandomSampler):
        blind = blind_

        def ask(self, history: Any, space: Any, rng: Any, n: int) -> Any:
            seen.append(blas_threads())
            return super().ask(history, space, rng, n)

    X, y = load_iris(return_X_y=True)
    SearchCV(SVC(), {"C": Float(0.1, 10)}, n_trials=3, cv=2, sampler=Watching()).fit(X, y)
    return seen


def test_a_sampler_that_learns_is_kept_to_one_thread() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert set(before) == {2}
        assert {n for threads in searched_with(blind_=False) for n in threads} == {1}
        assert blas_threads() == before


def test_nothing_is_changed_for_a_sampler_that_computes_nothing() -> None:
    with threadpool_limits(2, user_api="blas"):
        assert {n for threads in searched_with(blind_=True) for n in threads} == {2}
