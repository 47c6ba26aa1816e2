"""The same search twice is the same search, however many workers there are and whichever is faster."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.model_selection import KFold, ShuffleSplit
from tests.sklearn.bare import bare

from tunesmith import TrialState
from tunesmith.samplers import RandomSampler
from tunesmith.sklearn import SearchCV

K = 4
X, Y = make_classification(80, 4, random_state=0)
CV = KFold(K)
STARTS = [int(test[0]) for _, test in CV.split(X)]


class Uneven(ClassifierMixin, BaseEstimator):
    """Has a score that follows from its parameters and the fold, and takes another time at each fit."""

    clock: ClassVar[Any] = np.random.default_rng()
    fits: ClassVar[int] = 0
    fitted: ClassVar[list[tuple[float, float, float]]] = []
    stop: ClassVar[int] = -1
    wait: ClassVar[float] = 0.004
    even: ClassVar[bool] = False

    def __init__(self, a: float = 0.9, b: float = 0.9) -> None:
        self.a = a
        self.b = b

    def fit(self, X: Any, y: Any) -> Any:
        if Uneven.fits == Uneven.stop:
            raise RuntimeError("interrupted")
        Uneven.fits += 1
        Uneven.fitted.append((self.a, self.b, float(X.sum())))
        self.classes_ = np.unique(y)
        time.sleep(Uneven.wait if Uneven.even else float(Uneven.clock.exponential(Uneven.wait)))
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), int)

    def score(self, X: Any, y: Any) -> float:
        noise = np.sin(1e4 * (self.a + 3.0 * self.b + float(X[0, 0])))
        return float(1.0 - (self.a - 0.3) ** 2 - (self.b - 0.6) ** 2 + 0.05 * noise)


@pytest.fixture(autouse=True)
def clean() -> None:
    Uneven.fits, Uneven.stop, Uneven.wait, Uneven.even = 0, -1, 0.004, False


class Learning(RandomSampler):
    """Is taken for one that learns from results."""

    is_adaptive: ClassVar[bool] = True


SPACE = {"a": "float(0, 1)", "b": "float(0, 1)"}


def run(**settings: Any) -> SearchCV:
    settings = {"n_trials": 14, "cv": CV, "random_state": 3, "refit": False, "error_score": "raise", **settings}
    with joblib.parallel_config(backend="threading"):
        return SearchCV(Uneven(), SPACE, **settings).fit(X, Y)


def found(search: SearchCV) -> dict[str, Any]:
    """All that does not name a time."""
    results = {k: np.asarray(v).tolist() for k, v in search.cv_results_.items() if "time" not in k}
    return {**results, "report": str(search.report_), "best": search.best_index_}


@pytest.mark.parametrize("racing", ["paired", "forgiving", "wilcoxon", None])
@pytest.mark.parametrize("n_jobs", [3, pytest.param(2, marks=pytest.mark.slow)])
def test_the_same_twice_with_several_workers(n_jobs: int, racing: str | None) -> None:
    first = run(n_jobs=n_jobs, racing=racing)
    assert repr(found(first)) == repr(found(run(n_jobs=n_jobs, racing=racing)))
    assert first.n_fits_saved_ > 0 or racing not in ("paired", "forgiving")


@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_a_sampler_that_does_not_learn_makes_the_same_search_for_any_number_of_workers(sampler: str) -> None:
    alone = run(sampler=sampler, n_trials=20)
    assert alone.n_fits_saved_ > 0
    for n_jobs in (2, 5):
        assert repr(found(run(sampler=sampler, n_trials=20, n_jobs=n_jobs))) == repr(found(alone))


@pytest.mark.parametrize("wait", [0.0, pytest.param(0.05, marks=pytest.mark.slow)])
def test_in_processes_too(wait: float) -> None:
    Uneven.wait = wait / 10

    def search() -> SearchCV:
        return SearchCV(Uneven(), SPACE, n_trials=8, cv=CV, n_jobs=2, random_state=0, refit=False).fit(X, Y)

    assert repr(found(search())) == repr(found(search()))


def test_a_worker_waits_for_none_but_the_candidate_that_is_due() -> None:
    """When the slow first candidate has ended, two more begin: the second one ended long ago."""
    second, meeting = threading.Event(), threading.Barrier(2, timeout=30)
    begun = itertools.count()

    class Slow(Uneven):
        def fit(self, X: Any, y: Any) -> Any:
            place = next(begun)
            if place == 0:
                assert second.wait(30)
                time.sleep(0.05)
            elif place == 1:
                second.set()
            else:
                meeting.wait()  # passes only if two are there at once
            return super().fit(X, y)

    settings: dict[str, Any] = {"n_trials": 4, "n_jobs": 2, "cv": ShuffleSplit(1, random_state=0), "random_state": 0}
    with joblib.parallel_config(backend="threading"):
        search = bare(Slow(), SPACE, sampler=Learning(), refit=False, error_score="raise", **settings).fit(X, Y)
    assert len(search.study_.trials) == 4


@pytest.mark.slow
def test_a_search_that_stops_by_itself_stops_at_the_same_candidate() -> None:
    settings = {"n_jobs": 2, "n_trials": 60, "stop": "converged", "confirm": 0}
    first = run(**settings)
    assert len(first.study_.trials) == len(run(**settings).study_.trials)


def test_it_can_be_given_up_for_speed() -> None:
    search = run(n_jobs=2, deterministic=False)
    assert len(search.study_.trials) == 14
    n_run = search.cv_results_["n_splits_run"]
    states = [t.state for t in search.study_.trials]
    assert [s is TrialState.PRUNED for s in states] == (n_run < K).tolist()


@pytest.mark.parametrize(
    ("sampler", "stop", "even"),
    [
        *[("auto", 3, False), ("random", 11, False), ("auto", 19, True)],
        *(pytest.param("auto", *case, marks=pytest.mark.slow) for case in [(3, True), (11, False), (11, True)]),
        *(pytest.param("random", *case, marks=pytest.mark.slow) for case in [(3, True), (19, False), (19, True)]),
    ],
)
def test_an_interrupted_search_goes_on_to_the_same_end_and_loses_little(
    tmp_path: Path, sampler: str, stop: int, even: bool
) -> None:
    settings = {"n_jobs": 2, "sampler": sampler, "confirm": 0}
    straight = run(**settings)
    Uneven.fits, Uneven.stop = 0, stop
    if even:  # too slow for several splits to be sent as one piece of work
        Uneven.even, Uneven.wait = True, 0.02
    Uneven.fitted.clear()
    with pytest.raises(RuntimeError, match="interrupted"):
        run(storage=str(tmp_path / "t.db"), **settings)
    Uneven.fits, Uneven.stop = 0, -1
    resumed = run(storage=str(tmp_path / "t.db"), **settings)
    assert repr(found(resumed)) == repr(found(straight))
    twice = len(Uneven.fitted) - len(set(Uneven.fitted))
    assert twice <= 4 or not even  # the four pieces of work that were under way


def test_the_error_that_interrupted_a_search_is_raised_though_its_storage_is_gone(tmp_path: Path) -> None:
    class Unplugged(Uneven):
        def fit(self, X: Any, y: Any) -> Any:
            if Uneven.fits == 6:
                (tmp_path / "t.db").rename(tmp_path / "away.db")
                raise RuntimeError("interrupted")
            return super().fit(X, y)

    settings: dict[str, Any] = {"n_trials": 6, "cv": CV, "random_state": 3, "refit": False, "error_score": "raise"}
    search = SearchCV(Unplugged(), SPACE, sampler="random", storage=str(tmp_path / "t.db"), **settings)
    with pytest.raises(RuntimeError, match="interrupted"):
        search.fit(X, Y)
    (tmp_path / "away.db").rename(tmp_path / "t.db")


def test_what_is_finished_but_not_told_is_not_lost(tmp_path: Path) -> None:
    """The first candidate hangs while others end: a search that goes on does not fit those again."""

    class Hanging(Uneven):
        first: ClassVar[bool] = True

        def fit(self, X: Any, y: Any) -> Any:
            if Hanging.first:
                Hanging.first = False
                limit = time.monotonic() + 60
                while Uneven.fits < 16 and time.monotonic() < limit:
                    time.sleep(0.001)
                raise RuntimeError("interrupted")
            return super().fit(X, y)

    Uneven.even, Uneven.wait = True, 0.03  # slow enough for folds to be sent one by one, so that little is under way
    settings: dict[str, Any] = {
        "n_jobs": 2,
        "sampler": "random",
        "racing": None,
        "confirm": 0,
        "refit": False,
        "error_score": "raise",
    }
    settings |= {"n_trials": 6, "cv": CV, "random_state": 3, "storage": str(tmp_path / "t.db")}
    with joblib.parallel_config(backend="threading"):
        with pytest.raises(RuntimeError, match="interrupted"):
            SearchCV(Hanging(), SPACE, **settings).fit(X, Y)
        done, Uneven.fits = Uneven.fits, 0
        search = SearchCV(Hanging(), SPACE, **settings).fit(X, Y)
    assert len(search.study_.trials) == 6
    assert done + Uneven.fits <= 6 * K + 2 * K  # what was under way is fitted again


def test_without_a_storage_what_is_finished_is_in_the_study() -> None:
    Uneven.stop = 24
    search = bare(Uneven(), SPACE, n_trials=14, cv=CV, n_jobs=3, racing=None, error_score="raise", refit=False)
    with joblib.parallel_config(backend="threading"), pytest.raises(RuntimeError, match="interrupted"):
        search.fit(X, Y)
    assert len(search.study_.get_trials(states=[TrialState.COMPLETE])) >= 4
