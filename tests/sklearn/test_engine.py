"""The parts of the engine: copies of estimators, what workers are sent, batches, and what is kept."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tunesmith.sklearn import GridSearchCV
from tunesmith.sklearn.evaluate import folds as cutting
from tunesmith.sklearn.evaluate import pool
from tunesmith.sklearn.evaluate.folds import ByteLRU, Folds, n_bytes, writable_copy
from tunesmith.sklearn.evaluate.pool import BatchSizer, batches, dispatch_limit
from tunesmith.sklearn.evaluate.shared_steps import configure
from tunesmith.sklearn.evaluate.task import Task, Unit
from tunesmith.sklearn.store.outcome import Outcome

X, Y = make_classification(60, 6, random_state=0)


# ------------------------------------------------------------------------------------------------ copies of estimators


def test_parameters_that_are_estimators_are_not_shared_with_the_grid() -> None:
    inner = SVC()
    made = configure(make_pipeline(StandardScaler(), GaussianNB()), {"gaussiannb": inner, "gaussiannb__C": 7})
    assert made.steps[-1][1] is not inner
    assert (made.steps[-1][1].C, inner.C) == (7, 1.0)


# ----------------------------------------------------------------------------------------------------- data and rows


@pytest.mark.parametrize(
    "data",
    [
        X, np.asfortranarray(X), np.array(["a", "b"]), sparse.csr_matrix(X), sparse.coo_array(X), pd.DataFrame(X),
        pd.Series(["a", "b"]), ["text", "more"], None,
    ],
)  # fmt: skip
def test_a_private_copy_is_equal_and_apart(data: Any) -> None:
    assert n_bytes(data) is not None
    copy = writable_copy(data)
    if data is None:
        return
    assert copy is not data
    assert type(copy) is type(data)
    if isinstance(data, np.ndarray):
        assert copy.flags.f_contiguous == data.flags.f_contiguous
        assert np.array_equal(copy, data)


@pytest.mark.parametrize("data", [np.array([{}, []], dtype=object), [[1], [2]], "abc", {"a": 1}, object(), []])
def test_data_that_cannot_be_copied_safely_are_known(data: Any) -> None:
    assert n_bytes(data) is None


def test_rows_are_cut_once_and_cannot_be_spoilt(monkeypatch: pytest.MonkeyPatch) -> None:
    cuts = []
    cut = cutting.safe_split
    monkeypatch.setattr(cutting, "safe_split", lambda *args: (cuts.append(args), cut(*args))[1])
    folds = Folds(X, Y, [(np.arange(40), np.arange(40, 60))])
    first = folds.get(0, SVC())
    first.X[:] = 0
    first.y[:] = 5
    second = folds.get(0, SVC())
    assert np.array_equal(second.X, X[:40])
    assert np.array_equal(second.y, Y[:40])
    assert len(cuts) == 2  # training and test rows
    small = Folds(X, Y, folds.splits, limit=10)
    small.get(0, SVC())
    small.get(0, SVC())
    assert len(cuts) == 6


def test_an_estimator_may_overwrite_its_rows() -> None:
    class Spoiler(ClassifierMixin, BaseEstimator):
        def __init__(self, a: int = 1) -> None:
            self.a = a

        def fit(self, X: Any, y: Any) -> Spoiler:
            self.sum_ = X.sum()
            self.classes_ = np.unique(y)
            X[:] = 0
            y[:] = 0
            return self

        def score(self, X: Any, y: Any) -> float:
            X += 1
            return float(self.sum_ + y.sum())

    for n_jobs in (None, 2):
        scores = GridSearchCV(Spoiler(), {"a": [1, 2, 3]}, cv=2, n_jobs=n_jobs, refit=False).fit(X, Y).cv_results_
        assert len(set(scores["split0_test_score"])) == 1


# ------------------------------------------------------------------------------------------------- what is sent once


@pytest.mark.parametrize("n", [10, 300_000])
def test_what_is_published_comes_back(n: int, tmp_path: Path) -> None:
    thing = {
        "c": np.arange(n, dtype=float),
        "f": np.asfortranarray(np.arange(2 * n).reshape(2, n)),
        "frame": pd.DataFrame({"a": np.arange(n)}),
        "sparse": sparse.csr_matrix(np.arange(n)),
        "empty": np.empty((0, 3)),
        "object": np.array(["a", None], dtype=object),
        "function": lambda x: x + 1,
    }
    reference = pool.publish(pool.serialise(thing), str(tmp_path))
    back = pool.load_published(str(reference.path))
    assert back.keys() == thing.keys()
    assert np.array_equal(back["c"], thing["c"])
    assert back["f"].flags.f_contiguous
    assert np.array_equal(back["f"], thing["f"])
    assert back["frame"].equals(thing["frame"])
    assert (back["sparse"] != thing["sparse"]).nnz == 0
    assert back["empty"].shape == (0, 3)
    assert back["function"](1) == 2
    # large arrays are views of the file, small ones are copies that may be written to, as joblib has it
    assert back["c"].flags.writeable == (n == 10)
    Path(str(reference.path)).unlink()
    assert back["c"][-1] == n - 1  # what is mapped lives on


def test_a_memory_map_is_sent_by_name(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "x", dtype=float, mode="w+", shape=(1000, 200))
    mapped[:] = 1
    mapped.flush()
    reference = pool.publish(pool.serialise([mapped, mapped[3:5]]), str(tmp_path))
    whole, view = pool.load_published(str(reference.path))
    assert os.path.getsize(str(reference.path)) < 100_000
    assert np.array_equal(whole, mapped)
    assert np.array_equal(view, mapped[3:5])


KILLED = """
import os, signal, sys
import joblib, numpy as np
from tunesmith.sklearn._compat import joblib_folder
from tunesmith.sklearn.evaluate.pool import publish, serialise
with joblib.parallel_config(temp_folder=sys.argv[1]), joblib.Parallel(2) as parallel:
    publish(serialise(np.zeros(1000)), joblib_folder(parallel, 8000))
    print(flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_what_a_killed_search_left_is_removed(tmp_path: Path) -> None:
    other = tmp_path / "joblib_memmapping_folder"
    other.mkdir()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    killed = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert killed.stdout is not None
    killed.stdout.readline()
    assert len(list(tmp_path.glob("joblib_tunesmith_*/*"))) == 1
    killed.communicate(b"\n")  # to the end of its tracker, which holds the pipe of errors
    assert killed.returncode == -9
    assert list(tmp_path.iterdir()) == [other]


def test_a_worker_forgets_what_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SECONDS_BETWEEN_LOOKS", 0.01)
    reference = pool.publish(pool.serialise(np.zeros(10)), str(tmp_path))
    assert reference.get() is reference.get()
    thing = weakref.ref(reference.get())
    assert thing() is not None
    Path(str(reference.path)).unlink()
    until = time.monotonic() + 60
    while thing() is not None and time.monotonic() < until:
        time.sleep(0.01)
    assert thing() is None
    remote = [weakref.ref(pool.cached(name, lambda: np.zeros(1), None)) for name in ("a", "b", "c", "d")]
    assert sum(thing() is not None for thing in remote) == pool.UNFILED_HELD


class Whereabouts(ClassifierMixin, BaseEstimator):
    """Scores by the address of what it was given, which tells whether workers map one file."""

    def __init__(self, a: int = 1) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Whereabouts:
        self.classes_ = np.unique(y)
        return self


def test_large_data_are_mapped_and_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big = np.ones((300, 1000))
    target = np.arange(300) % 2
    written = []
    real = pool.publish
    monkeypatch.setattr(pool, "publish", lambda parts, folder: (written.append(folder), real(parts, folder))[1])

    def scorer(estimator: Any, X: Any, y: Any) -> float:
        held = [thing for thing in gc.get_objects() if type(thing) is Task]
        return float(len(held) == 1 and not held[0].X.flags.writeable)

    with joblib.parallel_config(temp_folder=str(tmp_path)):
        search = GridSearchCV(Whereabouts(), {"a": list(range(8))}, cv=3, n_jobs=2, scoring=scorer, refit=False)
        search.fit(big, target)
    assert (search.cv_results_["mean_test_score"] == 1).all()
    assert len(written) == 2  # the task and the splits
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------------------------------------------ batches


@given(st.lists(st.integers(1, 7), max_size=30), st.lists(st.floats(1e-6, 3), min_size=1), st.integers(1, 8))
def test_batches_hold_every_fit_once(sizes: list[int], seconds: list[float], workers: int) -> None:
    units = [Unit(i, {}, tuple(range(n))) for i, n in enumerate(sizes)]
    sizer = BatchSizer()
    seen = []
    for i, batch in enumerate(batches(units, sizer, workers)):
        seen += [(unit.candidate, split) for unit in batch for split in unit.splits]
        n = sum(len(unit.splits) for unit in batch)
        sizer.observe([Outcome(0, 0, 0.0, None, seconds[i % len(seconds)], 0.0, None)] * n)
    assert seen == [(i, split) for i, n in enumerate(sizes) for split in range(n)]


def test_batches_are_as_long_as_the_pace_allows() -> None:
    sizer = BatchSizer()
    assert sizer.size(1000, 2) == 1
    sizer.observe([Outcome(0, 0, 0.0, None, 0.001, 0.0, None)])
    assert sizer.size(10_000, 2) == 250
    assert sizer.size(600, 2) == 100
    assert sizer.size(7, 2) == 7
    sizer = BatchSizer()
    sizer.observe([Outcome(0, 0, 0.0, None, 5.0, 0.0, None)])
    assert sizer.size(1000, 2) == 1


@pytest.mark.parametrize(
    ("given_", "expected"), [("2*n_jobs", 8), ("all", float("inf")), (3, 3), ("n_jobs+1", 5), (0, 1)]
)
def test_pre_dispatch(given_: Any, expected: float) -> None:
    assert dispatch_limit(given_, 4) == expected


def test_no_candidate_waits_for_another(tmp_path: Path) -> None:
    """While one candidate is slow, the other worker does all the others."""

    class Slow(ClassifierMixin, BaseEstimator):
        def __init__(self, i: int = 0, folder: str = "") -> None:
            self.i = i
            self.folder = folder

        def fit(self, X: Any, y: Any) -> Slow:
            self.classes_ = np.unique(y)
            deadline = time.monotonic() + 60
            while self.i == 0 and len(os.listdir(self.folder)) < 5 and time.monotonic() < deadline:
                time.sleep(0.01)
            self.late_ = time.monotonic() >= deadline
            Path(self.folder, str(self.i)).touch()
            return self

        def score(self, X: Any, y: Any) -> float:
            return float(not self.late_)

    split = [(np.arange(40), np.arange(40, 60))]
    search = GridSearchCV(Slow(folder=str(tmp_path)), {"i": list(range(6))}, cv=split, n_jobs=2, refit=False)
    with joblib.parallel_config(backend="threading"):
        assert (search.fit(X, Y).cv_results_["mean_test_score"] == 1).all()


# ---------------------------------------------------------------------------------------------------------- the cache


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 50)), max_size=60))
def test_the_cache_never_holds_more_than_its_limit(steps: list[tuple[int, int]]) -> None:
    cache: ByteLRU[int, bytes] = ByteLRU(100, len)
    for key, size in steps:
        value, _ = cache.make(key, lambda size=size: bytes(size))
        assert value == (cache.get(key) or value)
        assert cache.held == sum(len(cache.get(k) or b"") for k in range(10)) <= 100


def test_the_cache_makes_a_value_once_among_threads() -> None:
    cache: ByteLRU[str, bytes] = ByteLRU(100, len)
    made = []
    barrier = threading.Barrier(4)

    def build() -> bytes:
        made.append(1)
        time.sleep(0.02)
        return b"x"

    def run() -> None:
        barrier.wait()
        cache.make("key", build)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_the_cache_spares_what_must_stay_and_survives_errors() -> None:
    cache: ByteLRU[int, bytes] = ByteLRU(2, len)
    cache.make(1, lambda: b"a")
    cache.make(2, lambda: b"b")
    assert cache.make(3, lambda: b"c", spare=lambda key: True) == (b"c", False)
    assert cache.make(3, lambda: b"c", spare=lambda key: key == 1) == (b"c", True)
    assert cache.get(1) == b"a"
    assert cache.get(2) is None
    with pytest.raises(ZeroDivisionError):
        cache.make(9, lambda: bytes(1 // 0))
    assert cache.make(9, lambda: b"d") == (b"d", True)


def test_a_search_leaves_nothing_behind() -> None:
    search = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, cv=2, n_jobs=2).fit(X, Y)
    gc.collect()
    assert set(vars(search)) - set(search.get_params(deep=False)) == {
        "_checked_cv_orig", "n_splits_", "multimetric_", "best_index_", "best_score_", "best_params_",
        "best_estimator_", "refit_time_", "scorer_", "cv_results_", "_kept",
    }  # fmt: skip
